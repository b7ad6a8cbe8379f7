//! Where the words go: data to stdout, everything else to stderr.
//!
//! Every stream takes [`Words`] or JSON, and nothing else: see [`mod@words`] for why nothing that somebody else wrote gets
//! through as it is.

mod table;
mod words;

use std::io::{self, IsTerminal, Write};

use adjutant_spec::shown;
use serde::Serialize;

use super::failure::{Exit, Failure, Outcome};

pub(crate) use table::{Cell, Table, one_line};
pub(crate) use words::{Paint, Said, Say, Words, takes_no_names, words};

/// Columns of a text for a pipe.
const PIPE: usize = 100;

/// The two streams, and how they are written to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    /// One JSON value on stdout in place of text.
    pub json: bool,
    /// Colour on stdout: only on a terminal.
    pub colour: bool,
    /// The columns of the terminal, where stdout is one.
    pub window: Option<usize>,
}

impl Out {
    /// Looks at the streams.
    #[must_use]
    pub(crate) fn new(json: bool) -> Self {
        let window = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        Self { json, colour: colours(io::stdout().is_terminal()), window: window.filter(|width| *width > 0) }
    }

    /// Writes data, with a line break at its end.
    ///
    /// # Errors
    /// Where stdout cannot be written; a reader that has gone away is no error.
    pub(crate) fn data(&self, words: impl Into<Words>) -> Outcome {
        self.write(&words.into().render(self.colour))
    }

    /// Writes a table as data.
    ///
    /// # Errors
    /// As [`Out::data`].
    pub(crate) fn table(&self, table: &Table) -> Outcome {
        self.data(table.render(self.window))
    }

    /// Writes bytes that a generator of ours made: completions, the manual.
    ///
    /// # Errors
    /// As [`Out::data`].
    pub(crate) fn generated(&self, bytes: &[u8]) -> Outcome {
        written(io::stdout().lock().write_all(bytes))
    }

    /// Writes one JSON value.
    ///
    /// # Errors
    /// As [`Out::data`].
    pub(crate) fn value(&self, value: &impl Serialize) -> Outcome {
        self.write(&shown::json(&serde_json::to_string_pretty(value).map_err(|error| no_json(&error))?))
    }

    /// Writes one JSON value on one line, for programs that read line by line.
    ///
    /// # Errors
    /// As [`Out::data`].
    pub(crate) fn value_line(&self, value: &impl Serialize) -> Outcome {
        self.write(&shown::json(&serde_json::to_string(value).map_err(|error| no_json(&error))?))
    }

    /// Says something to the person, not to the pipe.
    pub(crate) fn say(&self, words: impl Into<Words>) {
        say(words);
    }

    /// Colours a word.
    #[must_use]
    pub(crate) fn paint(&self, paint: Paint, text: &(impl Say + ?Sized)) -> Words {
        words!("{}", *text).painted(paint)
    }

    /// Colours a status by what it means.
    #[must_use]
    pub(crate) fn status(&self, status: &str) -> Words {
        let paint = match status {
            "done" | "succeeded" | "approved" | "applied" | "true" => Paint::Green,
            "waiting" | "queued" | "open" | "paused" | "unwinding" | "rolled_back" | "backing_off"
            | "changed" => Paint::Yellow,
            "failed" | "dead" | "unknown" | "quarantined" | "killed" | "refused" => Paint::Red,
            _ => return Words::line(status),
        };
        self.paint(paint, status)
    }

    /// Returns how many columns a quoted text may take.
    #[must_use]
    pub(crate) fn columns(&self) -> usize {
        self.window.unwrap_or(PIPE).min(PIPE)
    }

    fn write(&self, text: &str) -> Outcome {
        let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
        written(io::stdout().lock().write_all(format!("{text}{end}").as_bytes()))
    }
}

fn no_json(error: &serde_json::Error) -> Failure {
    Failure::new(Exit::Bug, "an answer cannot be written as JSON").caused_by(error)
}

/// Returns whether a stream takes colour.
fn colours(is_terminal: bool) -> bool {
    let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && !is_dumb
}

/// Returns whether stderr takes colour.
pub(super) fn stderr_colours() -> bool {
    colours(io::stderr().is_terminal())
}

/// Writes a line to stderr; nobody can be told that it failed.
pub(crate) fn say(words: impl Into<Words>) {
    let text = words.into().render(stderr_colours());
    let end = if text.ends_with('\n') { "" } else { "\n" };
    drop(io::stderr().lock().write_all(format!("{text}{end}").as_bytes()));
}

/// Writes events of the log to stderr: each is one line, whatever stands in it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LogLines;

impl Write for LogLines {
    /// The subscriber hands over one whole event at a time.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = Words::rendered_line(text.trim_end_matches('\n'));
        io::stderr().lock().write_all(format!("{}\n", line.render(true)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

/// Writes events of the log as JSON lines.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LogJson;

impl Write for LogJson {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        io::stderr().lock().write_all(shown::json(&text).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

fn written(result: io::Result<()>) -> Outcome {
    match result {
        Ok(()) => Ok(Exit::Done),
        // `adjutant runs | head` is a success.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Failure::new(Exit::Disk, "stdout cannot be written").caused_by(&error)),
    }
}
