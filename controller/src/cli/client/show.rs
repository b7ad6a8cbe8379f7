//! Small texts that several commands share.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::Cx;
use crate::{
    cli::{
        failure::{Exit, Failure, Outcome},
        moments,
        out::{Out, Paint, Words, one_line, words},
    },
    desk::{
        Done,
        views::{LogView, When},
    },
};

/// Returns a moment relative to now.
pub(super) fn when(moment: When) -> String {
    moments::relative(moment, moments::now())
}

/// Returns a moment relative to now, or `-`.
pub(super) fn maybe(moment: Option<When>) -> String {
    moment.map_or_else(|| "-".to_owned(), when)
}

/// Returns the beginning of an id that is a hash.
pub(super) fn short(id: &str) -> &str {
    let is_hash = id.len() > 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { &id[..12] } else { id }
}

/// Returns a value as one line.
pub(super) fn compact(value: &Value) -> Words {
    match value {
        Value::String(text) => one_line(text),
        Value::Null => "-".into(),
        other => one_line(&other.to_string()),
    }
}

/// Returns a value in full: what does not fit its line is quoted below, each line behind a mark. Whoever wrote it
/// cannot write a line that looks like one of ours, not even by letting the window wrap it.
pub(super) fn full(out: &Out, value: &Value, indent: usize) -> Words {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) if value.to_string().len() > out.columns() / 2 => {
            serde_json::to_string_pretty(value).unwrap_or_default()
        }
        other => other.to_string(),
    };
    let line = Words::line(text.trim_end());
    if !text.trim_end().contains('\n') && line.width() <= out.columns() / 2 {
        return line;
    }
    let mut below = Words::from("\n");
    below += Words::quoted(&text, &format!("{}| ", " ".repeat(indent)), out.columns()).trimmed();
    below
}

/// Returns an entry of a log as one line.
pub(super) fn entry(out: &Out, entry: &LogView) -> Words {
    let moment = out.paint(Paint::Dim, &entry.at.to_string());
    words!(
        "{:>4}  {}  {}  {}",
        entry.seq,
        moment,
        entry.said,
        out.paint(Paint::Dim, &format!("by {}", entry.by))
    )
}

/// Returns the word that a value of few has in JSON, such as a risk.
pub(super) fn word(value: &impl Serialize) -> String {
    let word = serde_json::to_value(value).ok();
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Prints what came of a command.
pub(super) fn done(cx: &Cx, answer: Value) -> Outcome {
    let Some(done) = cx.view::<Done>(answer)? else { return Ok(Exit::Done) };
    cx.out.data(Words::line(&done.message))?;
    if let Some(next) = &done.next {
        cx.out.say(words!("next: {}", next));
    }
    Ok(Exit::Done)
}

/// Reads JSON given as a text, or as `@FILE`.
///
/// # Errors
/// What is no JSON.
pub(super) fn json_of(text: &str) -> Result<Value, Failure> {
    match text.strip_prefix('@') {
        Some(file) => json_file(std::path::Path::new(file)),
        None => parse(text, "the text"),
    }
}

/// Reads a JSON file; `-` is stdin.
///
/// # Errors
/// What cannot be read, or is no JSON.
pub(super) fn json_file(file: &std::path::Path) -> Result<Value, Failure> {
    let text = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin()).map_err(Failure::file("read", file))?
    } else {
        std::fs::read_to_string(file).map_err(Failure::file("read", file))?
    };
    parse(&text, &format!("\"{}\"", file.display()))
}

fn parse(text: &str, what: &str) -> Result<Value, Failure> {
    serde_json::from_str(text)
        .map_err(|error| Failure::invalid(format!("{what} is no JSON")).caused_by(&error))
}

/// Reads a JSON object.
///
/// # Errors
/// Any other value.
pub(super) fn object(value: Value, what: &str) -> Result<BTreeMap<String, Value>, Failure> {
    if let Value::Object(fields) = value {
        return Ok(fields.into_iter().collect());
    }
    Err(Failure::invalid(format!("{what} is no JSON object")).hint("such as '{\"name\": \"Ada\"}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_several_lines_stand_below() {
        let out = Out { json: false, colour: false, window: None };
        let full = |value: &str| full(&out, &Value::from(value), 2).render(false);
        assert_eq!(full("a\n\nb\n"), "\n  | a\n  |\n  | b");
        assert_eq!(full("a"), "a");
        assert_eq!(full(&"x".repeat(120)), format!("\n  | {}\n  | {}", "x".repeat(96), "x".repeat(24)));
    }

    #[test]
    fn only_hashes_are_cut() {
        assert_eq!(short("0123456789abcdef0123"), "0123456789ab");
        assert_eq!(short("inbound-abcdefgh"), "inbound-abcdefgh");
    }
}
