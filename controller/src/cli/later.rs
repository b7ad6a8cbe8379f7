//! Commands of the contract that later versions bring: refused by name, with what helps now.

use clap::{Arg, ArgAction, Command};

use super::failure::{Exit, Failure};

/// The command, and what helps until it is there.
const LATER: &[(&str, &str)] = &[
    (
        "fork",
        "`adjutant run PLAYBOOK --key K` starts another run; `adjutant retry RUN --set PATH=JSON` goes on with other values",
    ),
    (
        "migrate",
        "a run keeps the playbook that it began with; `adjutant cancel RUN` and `adjutant run PLAYBOOK` begin anew",
    ),
    ("freeze", "`adjutant pause all` stops every effect, `adjutant resume all` ends it"),
    ("ask", "`adjutant deny GATE -m WHY` with the question; `adjutant run PLAYBOOK` starts again"),
    ("memory", "`adjutant records KIND` lists business records with where they come from"),
    ("find", "`adjutant runs`, `adjutant records KIND` and `adjutant log RUN` list what there is"),
    ("budget", "`adjutant cost` shows what was spent against the caps; caps are `[[budget]]` in `policies/`"),
    ("autonomy", "levels are `[[autonomy]]` in `policies/`"),
    ("slo", "`adjutant status` and `/metrics` show runs by status"),
    ("policy", "`adjutant check` proves what policies demand of each playbook"),
    ("can", "`adjutant check` proves what policies demand of each playbook"),
    ("backtest", "`adjutant plan --to REV` tells what would change"),
    ("export", "`adjutant log RUN --json` and `adjutant records KIND --json`"),
    ("import", "`adjutant run PLAYBOOK --input @FILE --key K` for each"),
    ("restore", "a backup is a data folder: `adjutant up --data BACKUP`"),
    ("mcp", "every command has `--json`; `adjutant token new --agent A` makes a token for HTTP"),
];

/// Adds the commands, hidden, so that they are known by name.
#[must_use]
pub(crate) fn declare(command: Command) -> Command {
    LATER.iter().fold(command, |command, (name, _)| {
        let rest = Arg::new("rest").action(ArgAction::Append).num_args(0..).trailing_var_arg(true);
        let rest = rest.allow_hyphen_values(true);
        command.subcommand(Command::new(*name).hide(true).disable_help_flag(true).arg(rest))
    })
}

/// Returns the refusal of a command of a later version.
#[must_use]
pub(crate) fn refusal(name: &str) -> Option<Failure> {
    let (_, help) = LATER.iter().find(|(known, _)| *known == name)?;
    Some(Failure::new(Exit::Usage, format!("`{name}` is not in this version")).hint(*help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_later_command_says_what_helps_now() {
        for (name, _) in LATER {
            let refused = refusal(name).expect("it is in the table");
            assert_eq!(refused.exit, Exit::Usage, "{name}");
            assert!(refused.hint.is_some_and(|hint| hint.contains('`')), "{name}");
        }
    }
}
