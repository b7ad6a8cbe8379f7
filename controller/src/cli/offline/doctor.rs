//! `doctor`: looks at everything that has to be in order, and says what to do about what is not.

use std::{
    net::TcpListener,
    path::Path,
    time::{Duration, SystemTime},
};

use serde::Serialize;

use crate::{
    cli::{
        args::DEFAULT_LISTEN,
        failure::{Exit, Outcome},
        out::{Cell, Out, Paint, Table, words},
        place,
    },
    desk::views::ClockView,
    effects::secrets::{self, Keys},
    judgement::{Files, Loader as _, Store, catalogue::MINILM},
    private,
    source::{Git, Invocation},
};

/// Below this, proposals by `git push` are refused.
const OLDEST_GIT: (u32, u32) = (2, 29);
/// Bytes that should be free: a store that is full stops.
const ROOM: u64 = 256 << 20;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    detail: String,
    hint: Option<&'static str>,
}

impl Finding {
    fn good(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, ok: true, detail: detail.into(), hint: None }
    }

    fn bad(check: &'static str, detail: impl Into<String>, hint: &'static str) -> Self {
        Self { check, ok: false, detail: detail.into(), hint: Some(hint) }
    }
}

/// Looks at everything.
pub(crate) fn doctor(out: &Out, data: &Path, seen: Option<ClockView>) -> Outcome {
    let findings = [
        version(),
        git(),
        key(),
        folder(data),
        room(data),
        clock(data, seen.unwrap_or_default()),
        zones(),
        daemon(data),
        port(data),
        model(),
    ];
    let exit = if findings.iter().all(|found| found.ok) { Exit::Done } else { Exit::Invalid };
    if out.json {
        out.value(&findings)?;
        return Ok(exit);
    }
    let mut table = Table::new(&["", "check", "found"]);
    for found in &findings {
        let (mark, paint) = if found.ok { ("ok", Paint::Green) } else { ("no", Paint::Red) };
        table.row([out.paint(paint, mark).into(), Cell::from(found.check), found.detail.as_str().into()]);
    }
    out.table(&table)?;
    for found in findings.iter().filter(|found| !found.ok) {
        out.say(words!("{}: {}", found.check, found.hint.unwrap_or_default()));
    }
    Ok(exit)
}

fn version() -> Finding {
    let profile = if cfg!(debug_assertions) { ", a development build" } else { "" };
    Finding::good("version", format!("adjutant {}{profile}", env!("CARGO_PKG_VERSION")))
}

fn git() -> Finding {
    const HINT: &str = "install git 2.29 or newer";
    match Git::default().run(&Invocation::default().arg("--version")) {
        Ok(output) => match git_version(&output.text()) {
            Some(found) if found >= OLDEST_GIT => Finding::good("git", output.text()),
            _ => Finding::bad("git", output.text(), HINT),
        },
        Err(error) => Finding::bad("git", error.to_string(), HINT),
    }
}

/// Reads `git version 2.39.5`.
fn git_version(text: &str) -> Option<(u32, u32)> {
    let number =
        text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    let mut parts = number.split('.').map_while(|part| part.parse().ok());
    Some((parts.next()?, parts.next()?))
}

fn key() -> Finding {
    const HINT: &str = "`adjutant init` makes a key, or set `ADJUTANT_KEY_FILE`; without it no secret opens";
    let looked = Keys::locate().and_then(|keys| Ok((keys.secure()?, keys.public_key()?, keys)));
    match looked {
        Ok((word, public, keys)) => {
            Finding::good("key", with(format!("{} ({public})", keys.path().display()), word))
        }
        Err(secrets::Error::NotPrivate(open)) => Finding::bad("key", open.to_string(), open.hint()),
        Err(error) => Finding::bad("key", error.to_string(), HINT),
    }
}

fn with(text: String, words: impl IntoIterator<Item = String>) -> String {
    words.into_iter().fold(text, |text, word| format!("{text}; {word}"))
}

fn folder(data: &Path) -> Finding {
    const HINT: &str = "give a folder that you may write with `--data DIR`";
    let words = match private::folder(data) {
        Ok(words) => words,
        Err(error) => return Finding::bad("data", error.to_string(), error.hint()),
    };
    match tempfile::tempfile_in(data) {
        Ok(_) => Finding::good("data", with(data.display().to_string(), words)),
        Err(error) => Finding::bad("data", format!("{}: {error}", data.display()), HINT),
    }
}

fn room(data: &Path) -> Finding {
    match rustix::fs::statvfs(data) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let text = format!("{} MiB free", free >> 20);
            if free >= ROOM {
                Finding::good("disk", text)
            } else {
                Finding::bad("disk", text, "make room: a full disk stops the daemon")
            }
        }
        Err(error) => Finding::bad("disk", error.to_string(), "is the data folder's disk mounted?"),
    }
}

/// A clock behind the store's last write would make timers late; one that was ahead has armed some too far.
fn clock(data: &Path, seen: ClockView) -> Finding {
    const HINT: &str = "look at what sets the clock; what it had set too far ahead was drawn in, runs of that time keep its dates";
    if let Some(jump) = seen.last_set_back() {
        return Finding::bad("clock", format!("it was set back: {jump}"), HINT);
    }
    let now = SystemTime::now();
    let last = std::fs::metadata(data.join("watermark")).and_then(|found| found.modified());
    match last.map(|last| last.duration_since(now)) {
        Ok(Ok(ahead)) if ahead > Duration::from_secs(5) => Finding::bad(
            "clock",
            format!("{} s behind the store's last write", ahead.as_secs()),
            "set the clock: timers wait for it",
        ),
        _ => Finding::good("clock", jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
    }
}

fn zones() -> Finding {
    match jiff::tz::TimeZone::get("Europe/Berlin") {
        Ok(_) => Finding::good("zones", "time zones are in the binary"),
        Err(error) => {
            Finding::bad("zones", error.to_string(), "this build lacks its time zones: build it anew")
        }
    }
}

fn daemon(data: &Path) -> Finding {
    if answers(data) {
        return Finding::good("daemon", format!("answers at {}", place::socket(data).display()));
    }
    if data.join("store").is_dir() {
        return Finding::good("daemon", "not running; the store is there");
    }
    Finding::good("daemon", "not running, and no store yet")
}

fn port(data: &Path) -> Finding {
    match TcpListener::bind(DEFAULT_LISTEN) {
        Ok(_) => Finding::good("port", format!("{DEFAULT_LISTEN} is free")),
        Err(_) if answers(data) => {
            Finding::good("port", format!("{DEFAULT_LISTEN} is taken; the daemon runs"))
        }
        Err(error) => Finding::bad(
            "port",
            format!("{DEFAULT_LISTEN}: {error}"),
            "give another address with `up --listen ADDR`",
        ),
    }
}

/// The table in the binary is a model too: that MiniLM is not here is told, and is no mistake.
fn model() -> Finding {
    const HINT: &str = "`adjutant models verify`, then `adjutant models pull`";
    let (store, standing) = (Store::locate(), Files::locate().load(None).standing());
    let is_here = store.is_ok_and(|store| store.root().join(MINILM).is_dir());
    match standing.stand_in {
        None => Finding::good("model", format!("{} answers", standing.model.name)),
        Some(stand_in) if is_here => Finding::bad("model", stand_in.reason, HINT),
        Some(stand_in) => {
            let hint = stand_in.hint;
            Finding::good("model", format!("{} answers; {MINILM} is not pulled: {hint}", standing.model.name))
        }
    }
}

fn answers(data: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(place::socket(data)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_git_are_compared_by_number() {
        assert_eq!(git_version("git version 2.39.5 (Apple Git-154)"), Some((2, 39)));
        assert_eq!(git_version("git version 2.9.0"), Some((2, 9)));
        assert!(git_version("git version 2.9.0") < Some(OLDEST_GIT));
        assert_eq!(git_version("no git"), None);
    }
}
