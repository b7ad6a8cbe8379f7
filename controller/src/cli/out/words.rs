//! Words that may be printed: what we wrote, and what others wrote, cleaned.
//!
//! A [`Words`] is the only thing that the streams take, and it cannot be made of a text that somebody else wrote
//! without cleaning it: a literal is ours, and every value that [`words!`] puts into one becomes a line that neither
//! moves a cursor nor begins a line of its own. Colour is a mark inside, made of characters that no cleaned text has;
//! the writer turns it into escapes where the stream is a terminal, and leaves it out elsewhere.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    iter::Sum,
    ops::AddAssign,
};

use adjutant_spec::shown;
use unicode_width::UnicodeWidthChar as _;

/// What stands around the number of a colour; the cleaner writes both out where somebody else uses them.
const BEGIN: char = '\u{fdd0}';
const END: char = '\u{fdd1}';

/// A text that may be printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words(String);

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

impl Paint {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Red => "31",
        }
    }
}

/// Makes [`Words`] of a literal and values: the literal is ours, each value becomes one clean line.
///
/// Values are arguments, never names inside the literal: a name there would be printed as it is.
macro_rules! words {
    ($form:literal $(, $value:expr)* $(,)?) => {{
        const _: () = assert!(
            $crate::cli::out::takes_no_names($form),
            "a value in `words!` is an argument, not a name in the literal"
        );
        $crate::cli::out::Words::of(format_args!($form $(, $crate::cli::out::Said(&$value))*))
    }};
}
pub(crate) use words;

/// Returns whether a literal has no `{name}`: what it names would not be cleaned.
pub(crate) const fn takes_no_names(form: &str) -> bool {
    let (bytes, mut at) = (form.as_bytes(), 0);
    while at < bytes.len() {
        if bytes[at] == b'{' && at + 1 < bytes.len() {
            match bytes[at + 1] {
                b'{' => at += 1,
                b'}' | b':' => {}
                _ => return false,
            }
        }
        at += 1;
    }
    true
}

/// A value that [`words!`] can print.
pub(crate) trait Say {
    /// Writes the value, cleaned, as wide as the literal asks.
    ///
    /// # Errors
    /// Where the writer fails.
    fn say(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// A value on its way into a literal.
pub(crate) struct Said<'a, T: ?Sized>(pub(crate) &'a T);

impl<T: Say + ?Sized> fmt::Display for Said<'_, T> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.say(to)
    }
}

impl Say for str {
    fn say(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        padded(to, &shown::line(self))
    }
}

impl Say for Words {
    fn say(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        padded(to, &self.0)
    }
}

impl<T: Say + ?Sized> Say for &T {
    fn say(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).say(to)
    }
}

impl Say for Cow<'_, str> {
    fn say(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().say(to)
    }
}

macro_rules! say_as_text {
    ($($kind:ty),*) => {
        $(impl Say for $kind {
            fn say(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.to_string().as_str().say(to)
            }
        })*
    };
}
say_as_text!(
    String,
    char,
    bool,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i64,
    f64,
    std::path::Display<'_>,
    serde_json::Value
);

/// Pads by columns, not by characters, and not by the marks of colour.
fn padded(to: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let missing = to.width().map_or(0, |width| width.saturating_sub(columns(text)));
    let is_right = matches!(to.align(), Some(fmt::Alignment::Right));
    if is_right {
        write!(to, "{:missing$}", "")?;
    }
    to.write_str(text)?;
    if is_right { Ok(()) } else { write!(to, "{:missing$}", "") }
}

impl From<&'static str> for Words {
    fn from(ours: &'static str) -> Self {
        Self(ours.to_owned())
    }
}

impl From<&Words> for Words {
    fn from(words: &Words) -> Self {
        words.clone()
    }
}

impl<T: Into<Words>> AddAssign<T> for Words {
    fn add_assign(&mut self, more: T) {
        self.0.push_str(&more.into().0);
    }
}

impl Sum for Words {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, words| {
            sum += words;
            sum
        })
    }
}

impl Words {
    /// Returns what [`words!`] makes; its arguments are cleaned already.
    pub(crate) fn of(cleaned: fmt::Arguments<'_>) -> Self {
        Self(fmt::format(cleaned))
    }

    /// Returns a text of somebody else as one line.
    #[must_use]
    pub(crate) fn line(text: &str) -> Self {
        Self(shown::line(text).into_owned())
    }

    /// Returns a document that our own code laid out in lines, its values cleaned where it was.
    ///
    /// It is cleaned again all the same: what reaches a terminal never depends on another room.
    #[must_use]
    pub(crate) fn document(text: &str) -> Self {
        Self(shown::text(text).into_owned())
    }

    /// Returns what a renderer of ours coloured: its colours stay, every other escape is written out.
    #[must_use]
    pub(crate) fn rendered(text: &str) -> Self {
        coloured(text, shown::text)
    }

    /// Returns what a renderer of ours coloured, as one line.
    #[must_use]
    pub(crate) fn rendered_line(text: &str) -> Self {
        coloured(text, shown::line)
    }

    /// Returns a text of somebody else, each line behind a mark, so that none can be taken for ours.
    #[must_use]
    pub(crate) fn quoted(text: &str, mark: &str, width: usize) -> Self {
        Self(shown::quoted(text, mark, width))
    }

    /// Returns the words in a colour.
    #[must_use]
    pub(crate) fn painted(self, paint: Paint) -> Self {
        if self.0.is_empty() {
            return self;
        }
        Self(format!("{BEGIN}{}{END}{}{BEGIN}0{END}", paint.code(), self.0))
    }

    /// Returns how many columns the longest line takes.
    #[must_use]
    pub(crate) fn width(&self) -> usize {
        self.0.split('\n').map(columns).max().unwrap_or(0)
    }

    /// Returns the words without blanks at the end of a line.
    #[must_use]
    pub(crate) fn trimmed(self) -> Self {
        Self(self.0.lines().map(|line| line.trim_end_matches(' ')).collect::<Vec<_>>().join("\n"))
    }

    /// Returns the beginning of one line, where it is wider than it may be; a colour goes with what is cut.
    #[must_use]
    pub(crate) fn cut(&self, width: usize) -> Self {
        if self.width() <= width {
            return self.clone();
        }
        let mut used = 0;
        let plain = plain(&self.0);
        let fits = plain.chars().take_while(|one| {
            used += one.width().unwrap_or(0);
            used < width
        });
        Self(format!("{}…", fits.collect::<String>().trim_end()))
    }

    /// Returns the text for a stream.
    #[must_use]
    pub(crate) fn render(&self, with_colour: bool) -> String {
        if with_colour { self.0.replace(BEGIN, "\u{1b}[").replace(END, "m") } else { plain(&self.0) }
    }
}

fn coloured(text: &str, clean: impl Fn(&str) -> Cow<'_, str>) -> Words {
    let mut words = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        let (before, escape) = rest.split_at(at);
        words.push_str(&clean(before));
        let (length, number) = colour(escape);
        match number {
            Some(number) => write!(words, "{BEGIN}{number}{END}").expect("a String takes every text"),
            None => words.push_str(&clean(&escape[..length])),
        }
        rest = &escape[length..];
    }
    words.push_str(&clean(rest));
    Words(words)
}

/// Reads `ESC [ digits and semicolons m`: its length, and its number; two bytes and none where it is something else.
fn colour(escape: &str) -> (usize, Option<&str>) {
    let body = &escape[2..];
    let end = body.find(|one: char| !one.is_ascii_digit() && one != ';');
    match end.map(|end| (end, body.as_bytes()[end])) {
        Some((end, b'm')) => (end + 3, Some(&body[..end])),
        _ => (2, None),
    }
}

/// Returns a text without the marks of colour.
fn plain(text: &str) -> String {
    let mut is_mark = false;
    let letters = text.chars().filter(|one| match *one {
        BEGIN => {
            is_mark = true;
            false
        }
        END => {
            is_mark = false;
            false
        }
        _ => !is_mark,
    });
    letters.collect()
}

/// Returns how many columns a line takes.
fn columns(line: &str) -> usize {
    let mut is_mark = false;
    let mut sum = 0;
    for one in line.chars() {
        match one {
            BEGIN => is_mark = true,
            END => is_mark = false,
            _ if is_mark => {}
            _ => sum += one.width().unwrap_or(0),
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_a_literal_is_one_clean_line_and_the_literal_keeps_its_breaks() {
        let name = "Bob\n\nRisk: low\u{1b}[2J\u{9b}1A\u{202e}";
        let words = words!("from {}\n  next: {}\n", name, 3_u64);
        assert_eq!(words.render(true), "from Bob\\n\\nRisk: low\\u{1b}[2J\\u{9b}1A\\u{202e}\n  next: 3\n");
    }

    #[test]
    fn colour_is_ours_alone() {
        let painted = words!("{}", "done").painted(Paint::Green);
        let words = words!("{:<6}|{}", painted, "\u{fdd0}31\u{fdd1}\u{1b}[31m");
        assert_eq!(words.render(true), "\u{1b}[32mdone\u{1b}[0m  |\\u{fdd0}31\\u{fdd1}\\u{1b}[31m");
        assert_eq!(words.render(false), "done  |\\u{fdd0}31\\u{fdd1}\\u{1b}[31m");
    }

    #[test]
    fn a_renderers_colours_stay_and_nothing_else_of_it_acts() {
        let words = Words::rendered("\u{1b}[1;31merror\u{1b}[0m: a\u{1b}[2Jb\u{1b}]52;c;\u{7}\u{1b}[");
        assert_eq!(words.render(true), "\u{1b}[1;31merror\u{1b}[0m: a\\u{1b}[2Jb\\u{1b}]52;c;\\u{7}\\u{1b}[");
        assert_eq!(words.width(), "error: a\\u{1b}[2Jb\\u{1b}]52;c;\\u{7}\\u{1b}[".len());
    }

    #[test]
    fn words_are_as_wide_as_they_look() {
        assert_eq!(words!("{}", "漢字").width(), 4);
        assert_eq!(words!("{:<6}|", "漢字").render(false), "漢字  |");
        assert_eq!(words!("{:>3}", 7_u64).render(false), "  7");
        assert_eq!(words!("{}", "abcdef").cut(4).render(false), "abc…");
    }

    #[test]
    fn a_name_inside_a_literal_does_not_compile() {
        assert!(takes_no_names("a {} {{name}} {:<4} {:?}"));
        assert!(!takes_no_names("a {name}"));
        assert!(!takes_no_names("{0}"));
    }
}
