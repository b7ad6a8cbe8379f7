//! `hook`: asks the daemon over its socket, and writes what a hook tells to whoever pushes.

use std::time::Duration;

use super::{
    args::Cli,
    blocking::block_on,
    client::{self, Client},
    failure::{Exit, Failure, Outcome},
    out::{Words, say},
    place,
};
use crate::{
    daemon::hook::{self, Between, Unanswered},
    desk::views::{Push, PushAnswer},
};

/// How long a push waits for the daemon's word; Git waits for its hooks without end.
const HOOK_WITHIN: Duration = Duration::from_secs(120);

/// Runs a hook of `company.git`; Git looks at the exit code, the pusher at stderr.
pub(super) fn hook(cli: &Cli, name: &str) -> Outcome {
    let client = Client::at_socket(&place::socket(&place::data(&cli.global)?))?;
    let ask = |push: &Push| -> Result<PushAnswer, Unanswered> {
        let work = async { client::read(client.post(&["hook", name], push).await?) };
        let asked = block_on(async {
            tokio::time::timeout(HOOK_WITHIN, work).await.unwrap_or_else(|_| {
                let seconds = HOOK_WITHIN.as_secs();
                Err(Failure::new(Exit::Again, format!("the daemon did not answer within {seconds} s")))
            })
        });
        asked.map_err(|failure| match failure.exit {
            Exit::Unreachable => Unanswered::Unreachable,
            _ => Unanswered::Refused(failure.text().render(false)),
        })
    };
    let tell = |text: &str| say(Words::document(text));
    let between = Between { ask: &ask, tell: &tell };
    let code = hook::run(name, between, &mut std::io::stdout());
    Ok(if code == 0 { Exit::Done } else { Exit::Invalid })
}
