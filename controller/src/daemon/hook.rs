//! `adjutant hook NAME`: what Git runs in `company.git`. It tells the daemon where the push lies in quarantine; the daemon checks it
//! there once, with what it knows of all files that stay, and plans it. Whatever is told, the pusher reads; without a daemon nothing
//! is taken.

use std::{
    collections::BTreeMap,
    env,
    io::{Read, Write},
};

use adjutant_spec::shown;

use crate::{
    desk::views::{Push, PushAnswer, PushedRef},
    source::{Dialogue, Error, RefReport, RefUpdate, Unreadable, Verdict, parse_updates},
};

/// "No object", as Git writes it.
const NOTHING: &str = "0000000000000000000000000000000000000000";
const QUARANTINE: &str = "GIT_QUARANTINE_PATH";
const DOWN: &str = "the daemon does not answer: start `adjutant up`; nothing changed";

/// Why the daemon gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// It cannot be reached.
    Unreachable,
    /// It refused, with its text.
    Refused(String),
}

/// Between the daemon and whoever pushes.
#[derive(Clone, Copy)]
pub(crate) struct Between<'a> {
    /// Asks the daemon: `POST /api/v1/hook/<name>`.
    pub(crate) ask: &'a dyn Fn(&Push) -> Result<PushAnswer, Unanswered>,
    /// Tells the pusher; names of files and branches, and what stands in files, are theirs.
    pub(crate) tell: &'a dyn Fn(&str),
}

impl Between<'_> {
    fn say(self, text: &str) {
        if !text.is_empty() {
            (self.tell)(text);
        }
    }
}

/// Runs a hook of this process, which answers Git through `output`; returns the exit code that Git looks at.
pub(crate) fn run(name: &str, between: Between<'_>, output: &mut impl Write) -> u8 {
    let outcome = match name {
        "pre-receive" => pre_receive(between),
        "proc-receive" => proc_receive(between, &mut std::io::stdin(), output),
        "post-receive" => post_receive(between),
        _ => Err(format!("there is no hook \"{name}\"")),
    };
    match outcome {
        Ok(()) => 0,
        Err(text) => {
            between.say(&text);
            1
        }
    }
}

fn pre_receive(between: Between<'_>) -> Result<(), String> {
    let updates = read_updates()?;
    let answer = (between.ask)(&push("pre-receive", &updates, options_of_environment())).map_err(said)?;
    if !answer.ok {
        return Err(format!("{}nothing changed", answer.text));
    }
    between.say(answer.text.trim_end());
    Ok(())
}

fn proc_receive(between: Between<'_>, input: &mut impl Read, output: &mut impl Write) -> Result<(), String> {
    let dialogue = Dialogue::receive(input, output).map_err(|error| explained(&error))?;
    let answered =
        (between.ask)(&push("proc-receive", &dialogue.updates, dialogue.push_options.clone())).map_err(said);
    if let Ok(answer) = &answered {
        between.say(answer.text.trim_end());
    }
    let reports: Vec<RefReport> =
        dialogue.updates.iter().map(|update| verdict(update, answered.as_ref())).collect();
    RefReport::send(&reports, output).map_err(|error| explained(&error))
}

fn verdict(update: &RefUpdate, answered: Result<&PushAnswer, &String>) -> RefReport {
    let reference = update.name.clone();
    let verdict = match answered {
        Err(text) => Verdict::Refused(shown::line(text.trim_end()).into_owned()),
        Ok(answer) => {
            match (answer.refs.get(&update.name), answer.plan[&update.name].as_str(), &update.new) {
                (Some(None), Some(kept), Some(new)) => {
                    Verdict::Taken { reference: kept.to_owned(), old: None, new: new.clone() }
                }
                (Some(Some(reason)), _, _) => Verdict::Refused(shown::line(reason.trim_end()).into_owned()),
                _ => Verdict::Refused("the daemon does not know this reference".to_owned()),
            }
        }
    };
    RefReport { reference, verdict }
}

/// The push is taken already; a daemon that is down finds it when it starts.
fn post_receive(between: Between<'_>) -> Result<(), String> {
    let updates = read_updates()?;
    if let Err(unanswered) = (between.ask)(&push("post-receive", &updates, options_of_environment())) {
        between.say(&format!("taken, but not in force yet: {}", said(unanswered)));
    }
    Ok(())
}

fn read_updates() -> Result<Vec<RefUpdate>, String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| error.to_string())?;
    parse_updates(&text).map_err(|error| explained(&error))
}

fn push(hook: &str, updates: &[RefUpdate], options: Vec<String>) -> Push {
    let id = |id: &Option<String>| id.clone().unwrap_or_else(|| NOTHING.to_owned());
    let updates = updates.iter().map(|update| PushedRef {
        old: id(&update.old),
        new: id(&update.new),
        name: update.name.clone(),
    });
    Push {
        hook: hook.to_owned(),
        by: String::new(),
        updates: updates.collect(),
        options,
        environment: quarantine(),
    }
}

/// Returns where the push lies in quarantine; the hook runs in the repository, the daemon does not.
fn quarantine() -> BTreeMap<String, String> {
    let folder = env::var_os(QUARANTINE).and_then(|folder| std::path::absolute(folder).ok());
    folder.map(|folder| (QUARANTINE.to_owned(), folder.to_string_lossy().into_owned())).into_iter().collect()
}

fn options_of_environment() -> Vec<String> {
    let count =
        env::var("GIT_PUSH_OPTION_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(0_usize);
    (0..count).filter_map(|place| env::var(format!("GIT_PUSH_OPTION_{place}")).ok()).collect()
}

fn said(unanswered: Unanswered) -> String {
    match unanswered {
        Unanswered::Unreachable => DOWN.to_owned(),
        Unanswered::Refused(text) => text,
    }
}

fn explained(error: &Error) -> String {
    let Unreadable { message, hint, .. } = Unreadable::from(error);
    hint.map_or_else(|| message.clone(), |hint| format!("{message}; {hint}"))
}
