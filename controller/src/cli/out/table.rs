//! Rows under headings, aligned, without lines that a pipe would have to strip.

use super::words::{Paint, Words, words};

/// The widest that a cell becomes.
const WIDEST: usize = 72;
/// What a cell keeps where the window is narrow.
const NARROWEST: usize = 12;

/// Rows under headings.
#[derive(Debug, Default)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// One cell: a line.
#[derive(Debug, Clone)]
pub(crate) struct Cell(Words);

impl From<Words> for Cell {
    fn from(words: Words) -> Self {
        Self(words)
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self(one_line(text.as_ref()))
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

    /// Returns the words. Where the window is known no row is wider: what a window wraps begins a line of its own, and
    /// could be taken for a row.
    #[must_use]
    pub(crate) fn render(&self, window: Option<usize>) -> Words {
        let mut widths: Vec<usize> = (0..self.head.len()).map(|column| self.width(column)).collect();
        if let Some(window) = window {
            fit(&mut widths, window);
        }
        let head = self.head.iter().map(|name| Cell(words!("{}", name.to_uppercase()).painted(Paint::Dim)));
        let mut text = line(&head.collect::<Vec<_>>(), &widths);
        for row in &self.rows {
            text += line(row, &widths);
        }
        text
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.0.width()).max().unwrap_or(0);
        widest.max(self.head[column].chars().count())
    }
}

/// Takes columns from the widest until a row fits.
fn fit(widths: &mut [usize], window: usize) {
    let gaps = 2 * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > window {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => return,
        }
    }
}

fn line(cells: &[Cell], widths: &[usize]) -> Words {
    let mut text = Words::default();
    for (cell, width) in cells.iter().zip(widths) {
        let cell = cell.0.cut(*width);
        let pad = " ".repeat(width.saturating_sub(cell.width()));
        text += words!("{}{}  ", cell, pad);
    }
    let mut text = text.trimmed();
    text += "\n";
    text
}

/// Returns the first line of a text, shortened to what a table bears; that there is more is marked.
#[must_use]
pub(crate) fn one_line(text: &str) -> Words {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default();
    let words = if lines.next().is_some() { words!("{} …", first.trim_end()) } else { words!("{}", first) };
    words.cut(WIDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_colour_does_not_move_it() {
        let mut table = Table::new(&["id", "status"]);
        table.row(["a".into(), words!("{}", "done").painted(Paint::Green).into()]);
        table.row(["long-id".into(), "x".into()]);
        assert_eq!(table.render(None).render(false), "ID       STATUS\na        done\nlong-id  x\n");
    }

    #[test]
    fn long_texts_are_shortened_to_one_line() {
        assert_eq!(one_line("a\nb").render(false), "a …");
        assert_eq!(one_line(&"x".repeat(200)).width(), WIDEST);
        assert_eq!(one_line("a\u{1b}[2Kb\u{85}c").render(false), "a\\u{1b}[2Kb\\u{85}c");
    }

    #[test]
    fn a_row_is_never_wider_than_the_window() {
        let mut table = Table::new(&["gate", "question"]);
        table.row(["g-1".into(), format!("{}g-2  low  approved", "x ".repeat(30)).into()]);
        let text = table.render(Some(40)).render(false);
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert!(!text.contains("approved"), "{text}");
    }
}
