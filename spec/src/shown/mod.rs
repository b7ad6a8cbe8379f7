//! Text that somebody outside wrote, made fit to be shown: the one cleaner for terminals, logs, pages, mails and JSON.
//!
//! It does not judge what a text says. It takes from it the power to act on whatever shows it: to move a cursor, to
//! turn the order of letters around, to begin a line that looks like ours, or to carry what nobody can see. What is
//! taken is not dropped but written out (`\u{1b}`), so that a person sees that it was there.
//!
//! ```text
//! C0, DEL, C1 ............... written out; `line` writes breaks and tabs as `\n`, `\t`, `text` keeps both
//! line and paragraph ends ... U+2028, U+2029: written out
//! bidi ...................... every mark, embedding, override and isolate: written out
//! without a width ........... written out, but for the few places where a script is misread without it (`joiner`)
//! tags, variations .......... written out, but for the three flags and one selector after a sign that has forms
//! private use, no character . written out: what they look like is the font's to say
//! unassigned ................ shown: a terminal draws a box, and a table of them would be wrong with each new emoji
//! piled up marks ............ the fifth on one letter, and any mark without a letter below it: written out
//! ```
//!
//! A backslash is left alone: `\u{1b}` in a text may be six letters that somebody typed. Nothing is decided by that.

mod joiner;
mod quote;
mod table;
mod twice;

use std::borrow::Cow;
use std::fmt::Write as _;

pub use quote::{quoted, wrapped};
pub use table::is_hidden;
pub use twice::{look_twice, look_twice_at};

/// Returns a text as one line: breaks and everything that acts or hides is written out.
///
/// Nothing is allocated where nothing has to change.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    clean(text, Breaks::WrittenOut)
}

/// Returns a text with its line breaks and tabs; everything else that acts or hides is written out.
///
/// Nothing is allocated where nothing has to change.
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    clean(text, Breaks::Kept)
}

/// Returns the beginning of a text on one line, and how much was cut where something was.
#[must_use]
pub fn excerpt(text: &str, max_chars: usize) -> String {
    let text = text.trim();
    let mut shown = String::new();
    let mut left = max_chars;
    for piece in Pieces::of(text, Breaks::WrittenOut) {
        let size = piece.shown.chars().count();
        if size > left {
            let cut = text[piece.from..].chars().count();
            let kept = shown.trim_end_matches(['\u{200c}', '\u{200d}', ' ']);
            return format!("{kept}… ({cut} more)");
        }
        left -= size;
        shown.push_str(&piece.shown);
    }
    shown
}

/// Returns JSON with the same meaning in which nothing acts on a terminal: hidden characters become `\u....`.
///
/// It takes what a serialiser wrote. Outside of strings JSON is ASCII, so each character that it changes lies in one.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    let is_ours = |one: char| one == '\n' || !is_hidden(one);
    if text.chars().all(is_ours) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for one in text.chars() {
        if is_ours(one) {
            shown.push(one);
            continue;
        }
        for unit in one.encode_utf16(&mut [0; 2]) {
            write!(shown, "\\u{unit:04x}").expect("a String takes every text");
        }
    }
    Cow::Owned(shown)
}

/// What becomes of line breaks and tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breaks {
    Kept,
    WrittenOut,
}

fn clean(text: &str, breaks: Breaks) -> Cow<'_, str> {
    // Most texts are ours or plain: one pass over the bytes says so.
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut shown: Option<String> = None;
    for piece in Pieces::of(text, breaks) {
        match (&mut shown, piece.is_kept) {
            (None, true) => {}
            (Some(shown), _) => shown.push_str(&piece.shown),
            (None, false) => {
                let mut begun = String::with_capacity(text.len() + 16);
                begun.push_str(&text[..piece.from]);
                begun.push_str(&piece.shown);
                shown = Some(begun);
            }
        }
    }
    shown.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// One character, or one of the three flags, as it is shown.
struct Piece<'a> {
    from: usize,
    shown: Cow<'a, str>,
    is_kept: bool,
}

/// Walks a text and remembers what stands before.
struct Pieces<'a> {
    text: &'a str,
    at: usize,
    breaks: Breaks,
    /// The character before, where it was kept.
    before: Option<char>,
    /// The character before that one, where both were kept.
    earlier: Option<char>,
    /// How many marks lie on the letter before.
    piled: usize,
}

/// How many marks one letter bears; Vietnamese and phonetic writing need three.
const PILE: usize = 4;

impl<'a> Pieces<'a> {
    fn of(text: &'a str, breaks: Breaks) -> Self {
        Self { text, at: 0, breaks, before: None, earlier: None, piled: 0 }
    }

    fn keep(&mut self, from: usize, last: char) -> Piece<'a> {
        self.earlier = self.before;
        self.before = Some(last);
        self.piled = if table::is_mark(last) { self.piled + 1 } else { 0 };
        Piece { from, shown: Cow::Borrowed(&self.text[from..self.at]), is_kept: true }
    }

    fn write_out(&mut self, from: usize, one: char) -> Piece<'a> {
        (self.before, self.earlier, self.piled) = (None, None, 0);
        let shown = match one {
            // The break of a mail is one break.
            '\r' if self.text[self.at..].starts_with('\n') => Cow::Borrowed(""),
            '\n' => Cow::Borrowed("\\n"),
            '\r' => Cow::Borrowed("\\r"),
            '\t' => Cow::Borrowed("\\t"),
            _ => Cow::Owned(one.escape_unicode().to_string()),
        };
        Piece { from, shown, is_kept: false }
    }

    fn is_fit(&self, one: char, next: Option<char>) -> bool {
        if matches!(one, '\n' | '\t') {
            return self.breaks == Breaks::Kept;
        }
        if table::is_mark(one) {
            return self.piled < PILE && self.before.is_some_and(|before| !before.is_whitespace());
        }
        !is_hidden(one) || joiner::is_needed(self.earlier, self.before, one, next)
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let from = self.at;
        let mut rest = self.text[from..].chars();
        let one = rest.next()?;
        if let Some(flag) = joiner::flag(&self.text[from..]) {
            self.at += flag;
            return Some(self.keep(from, one));
        }
        self.at += one.len_utf8();
        if self.is_fit(one, rest.next()) {
            return Some(self.keep(from, one));
        }
        Some(self.write_out(from, one))
    }
}

#[cfg(test)]
mod tests;
