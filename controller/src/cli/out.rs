//! Where the words go: data to stdout, everything else to stderr.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write},
};

use serde::Serialize;

use super::failure::{Exit, Failure, Outcome};

/// The two streams, and how they are written to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    /// One JSON value on stdout in place of text.
    pub json: bool,
    /// Colour on stdout: only on a terminal.
    pub colour: bool,
}

/// A colour of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// A heading.
    Bold,
    /// What matters less.
    Dim,
    /// What went well.
    Green,
    /// What waits.
    Yellow,
    /// What went wrong.
    Red,
}

impl Out {
    /// Looks at the streams.
    #[must_use]
    pub(crate) fn new(json: bool) -> Self {
        Self { json, colour: colours(io::stdout().is_terminal()) }
    }

    /// Writes data, with a line break at its end.
    ///
    /// # Errors
    /// Where stdout cannot be written; a reader that has gone away is no error.
    pub(crate) fn data(&self, text: impl AsRef<str>) -> Outcome {
        let text = text.as_ref();
        let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
        written(io::stdout().lock().write_all(format!("{text}{end}").as_bytes()))
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// As [`Out::data`].
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Outcome {
        written(io::stdout().lock().write_all(bytes))
    }

    /// Writes one JSON value.
    ///
    /// # Errors
    /// As [`Out::data`].
    pub(crate) fn value(&self, value: &impl Serialize) -> Outcome {
        let text = serde_json::to_string_pretty(value).map_err(|error| {
            Failure::new(Exit::Bug, "an answer cannot be written as JSON").caused_by(&error)
        })?;
        self.data(text)
    }

    /// Says something to the person, not to the pipe.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        say(text.as_ref());
    }

    /// Colours a word.
    #[must_use]
    pub(crate) fn paint(&self, paint: Paint, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Bold => 1,
            Paint::Dim => 2,
            Paint::Green => 32,
            Paint::Yellow => 33,
            Paint::Red => 31,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Colours a status by what it means.
    #[must_use]
    pub(crate) fn status(&self, status: &str) -> String {
        let paint = match status {
            "done" | "succeeded" | "approved" | "applied" | "true" => Paint::Green,
            "waiting" | "open" | "paused" | "unwinding" | "backing_off" | "changed" => Paint::Yellow,
            "failed" | "dead" | "unknown" | "quarantined" | "killed" | "refused" => Paint::Red,
            _ => return status.to_owned(),
        };
        self.paint(paint, status)
    }
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
pub(super) fn say(text: &str) {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    drop(io::stderr().lock().write_all(format!("{text}{end}").as_bytes()));
}

fn written(result: io::Result<()>) -> Outcome {
    match result {
        Ok(()) => Ok(Exit::Done),
        // `adjutant runs | head` is a success.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Failure::new(Exit::Disk, "stdout cannot be written").caused_by(&error)),
    }
}

/// Rows under headings, aligned, without lines that a pipe would have to strip.
#[derive(Debug, Default)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// A text with the colour that it gets once it is padded.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    plain: String,
    shown: String,
}

impl Cell {
    /// Returns a cell that is shown otherwise than it is measured: with colour.
    #[must_use]
    pub(crate) fn shown(plain: &str, shown: String) -> Self {
        Self { plain: plain.to_owned(), shown }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        let plain = one_line(&text.into());
        Self { shown: plain.clone(), plain }
    }
}

impl Table {
    /// Returns an empty table.
    #[must_use]
    pub(crate) fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Returns whether there is no row.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the text.
    #[must_use]
    pub(crate) fn render(&self, out: &Out) -> String {
        let widths: Vec<usize> = (0..self.head.len()).map(|column| self.width(column)).collect();
        let head = self.head.iter().map(|name| {
            let plain = name.to_uppercase();
            Cell { shown: out.paint(Paint::Dim, &plain), plain }
        });
        let mut text = line(&head.collect::<Vec<_>>(), &widths);
        for row in &self.rows {
            text.push_str(&line(row, &widths));
        }
        text
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.plain.chars().count()).max().unwrap_or(0);
        widest.max(self.head[column].chars().count())
    }
}

fn line(cells: &[Cell], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let pad = width.saturating_sub(cell.plain.chars().count());
        write!(text, "{}{}  ", cell.shown, " ".repeat(pad)).expect("a String takes every text");
    }
    format!("{}\n", text.trim_end())
}

/// Returns the first line of a text, shortened to what a table bears.
#[must_use]
pub(crate) fn one_line(text: &str) -> String {
    const WIDEST: usize = 72;
    let first = text.trim().lines().next().unwrap_or_default();
    if first.chars().count() <= WIDEST {
        return first.to_owned();
    }
    let cut: String = first.chars().take(WIDEST - 1).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_colour_does_not_move_it() {
        let out = Out { json: false, colour: true };
        let mut table = Table::new(&["id", "status"]);
        table.row(["a".into(), Cell::shown("done", out.status("done"))]);
        table.row(["long-id".into(), "x".into()]);
        let plain =
            table.render(&out).replace("\u{1b}[32m", "").replace("\u{1b}[2m", "").replace("\u{1b}[0m", "");
        assert_eq!(plain, "ID       STATUS\na        done\nlong-id  x\n");
    }

    #[test]
    fn long_texts_are_shortened_to_one_line() {
        assert_eq!(one_line("a\nb"), "a");
        assert_eq!(one_line(&"x".repeat(200)).chars().count(), 72);
    }
}
