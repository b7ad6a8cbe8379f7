//! The doubles as a process of their own: they must outlive a daemon that is killed.

use adjutant_doubles::{Doubles, Options, fixtures};
use tokio::io::AsyncReadExt as _;

use crate::cli::{
    args::DoublesArgs,
    failure::{Exit, Failure, Outcome},
    out::Out,
};

/// Runs the doubles until stdin ends: whoever started them has gone then.
pub(crate) async fn demo_doubles(out: &Out, args: &DoublesArgs) -> Outcome {
    let options =
        Options { ledger: Some(args.ledger.clone()), fixtures: fixtures::agency(), ..Options::default() };
    let doubles = Doubles::start(options).await;
    let doubles = doubles.map_err(|error| Failure::of(Exit::Again, &error))?;
    out.value_line(&doubles.addresses)?;
    let mut stdin = tokio::io::stdin();
    let mut nothing = [0; 64];
    while stdin.read(&mut nothing).await.is_ok_and(|read| read > 0) {}
    doubles.shutdown().await;
    Ok(Exit::Done)
}
