//! Texts of several lines that cannot be taken for ours.

use unicode_width::UnicodeWidthChar as _;

/// Returns each line of an outside text behind a mark, broken so that no part of it begins a line of its own.
///
/// A line that is longer than the window is wrapped by the window, and what follows begins at the left edge, where
/// our own lines begin. So it is broken here, at `width` columns with the mark.
#[must_use]
pub fn quoted(text: &str, mark: &str, width: usize) -> String {
    let room = width.saturating_sub(mark.chars().count()).max(1);
    let lines = wrapped(text, room);
    let marked = lines.iter().map(|line| format!("{mark}{line}").trim_end().to_owned() + "\n");
    marked.collect()
}

/// Returns the lines of an outside text, none wider than `width` columns; blank lines at its ends are left out.
#[must_use]
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let shown = super::text(text);
    let mut lines = Vec::new();
    for line in shown.trim_matches('\n').split('\n') {
        // A tab is as wide as where it stands: four spaces are four everywhere.
        wrap(&line.replace('\t', "    "), width, &mut lines);
    }
    lines
}

fn wrap(line: &str, width: usize, lines: &mut Vec<String>) {
    let mut rest = line.trim_end();
    while let Some(end) = overflow(rest, width) {
        // Between words where there is a gap in the second half, else where the edge is.
        let gap = rest[..end].rfind(' ').filter(|gap| *gap * 2 > end);
        let (head, tail) = rest.split_at(gap.unwrap_or(end));
        lines.push(head.trim_end().to_owned());
        rest = tail.trim_start();
    }
    lines.push(rest.to_owned());
}

/// Returns where a line goes over a width, if it does; at least one character is left before it.
fn overflow(line: &str, width: usize) -> Option<usize> {
    let mut used = 0;
    for (at, one) in line.char_indices() {
        used += one.width().unwrap_or(0);
        if used > width && at > 0 {
            return Some(at);
        }
    }
    None
}
