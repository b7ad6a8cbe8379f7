//! Differences as lines in which every byte that counts is seen.
//!
//! What a terminal or a browser would swallow is written out: a carriage return, blanks at the end of a line, control and
//! direction characters, and bytes that are no text.

use adjutant_spec::shown;
use git2::{DiffLineType, DiffOptions, Patch};

use crate::source::error::Error;

/// The content before and after, where there is one.
pub(super) type Sides<'a> = [Option<&'a [u8]>; 2];

/// Writes the hunks between two contents.
pub(super) fn write_lines(text: &mut String, sides: &Sides<'_>) -> Result<(), Error> {
    let failed = |source| Error::Store { doing: "compare two files", repository: Default::default(), source };
    let [old, new] = sides.map(Option::unwrap_or_default);
    let mut options = DiffOptions::new();
    options.force_text(true).context_lines(3).indent_heuristic(true);
    let patch = Patch::from_buffers(old, None, new, None, Some(&mut options)).map_err(failed)?;
    for place in 0..patch.num_hunks() {
        let (hunk, lines) = patch.hunk(place).map_err(failed)?;
        let (old, new) = ((hunk.old_start(), hunk.old_lines()), (hunk.new_start(), hunk.new_lines()));
        // The heading that Git adds after the second `@@` is a line of the file: it would be shown twice.
        text.push_str(&format!("@@ -{},{} +{},{} @@\n", old.0, old.1, new.0, new.1));
        for line in 0..lines {
            let line = patch.line_in_hunk(place, line).map_err(failed)?;
            match line.origin_value() {
                DiffLineType::Addition | DiffLineType::Deletion | DiffLineType::Context => {
                    text.push(line.origin());
                    text.push_str(&visible(line.content()));
                    text.push('\n');
                }
                _ => text.push_str("\\ No newline at end of file\n"),
            }
        }
    }
    Ok(())
}

/// Returns a path as it is shown: one line, whatever bytes it has.
pub(super) fn name(path: &[u8]) -> String {
    bytes(path)
}

/// Returns one line of a file with everything in it visible; the line break at its end is not part of it.
fn visible(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r')).map_or(0, |last| last + 1);
    let (words, blanks) = line.split_at(end);
    // A tab between words is seen as one; shown in one line it would be written out.
    let words: Vec<String> = words.split(|byte| *byte == b'\t').map(bytes).collect();
    let blank = |byte: &u8| match byte {
        b' ' => "\\u{20}",
        b'\t' => "\\t",
        _ => "\\r",
    };
    words.join("\t") + &blanks.iter().map(blank).collect::<String>()
}

fn bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        // Stricter than text for reading: a joiner that a script needs is one byte more that somebody may have hidden.
        let strict = chunk.valid().chars().fold(String::new(), |mut strict, letter| {
            let is_odd_blank = letter.is_whitespace() && letter != ' ';
            if is_odd_blank || shown::is_hidden(letter) {
                strict.extend(letter.escape_unicode());
            } else {
                strict.push(letter);
            }
            strict
        });
        text.push_str(&shown::line(&strict));
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_swallows_is_written_out() {
        for (line, shown) in [
            (&b"plain text"[..], "plain text"),
            (b"ends in blanks  ", "ends in blanks\\u{20}\\u{20}"),
            (b"ends in a tab\t", "ends in a tab\\t"),
            (b"windows\r\n", "windows\\r"),
            (b"a\tb\n", "a\tb"),
            (b"latin \xe9\n", "latin \\xe9"),
            (b"", ""),
        ] {
            assert_eq!(visible(line), shown, "{line:?}");
        }
        for hidden in [
            "a\u{202e}b",
            "a\u{200b}b",
            "a\u{1b}[2Jb",
            "a\u{feff}b",
            "a\rb",
            "a\u{200d}b",
            "a\u{fe0f}b",
            "a\u{a0}b",
        ] {
            let shown = visible(hidden.as_bytes());
            assert!(shown.is_ascii() && shown.contains('\\'), "{shown}");
        }
    }

    #[test]
    fn a_file_that_only_lost_its_last_line_break_differs() {
        let mut text = String::new();
        write_lines(&mut text, &[Some(b"a\n"), Some(b"a")]).expect("compared");
        assert_eq!(text, "@@ -1,1 +1,1 @@\n-a\n+a\n\\ No newline at end of file\n");
    }
}
