//! Rust sources as words and signs: without comments, texts and what is only built for tests.

/// A word or a sign, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    /// Returns whether it is a name or a keyword.
    pub(crate) fn is_word(&self) -> bool {
        self.text.starts_with(|first: char| first.is_alphabetic() || first == '_')
    }
}

/// Returns the tokens of a source that ships.
pub(crate) fn shipped(text: &str) -> Vec<Token> {
    without_tests(&read(text))
}

fn read(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut at, mut line, mut tokens) = (0, 1, Vec::new());
    while at < chars.len() {
        let piece = Piece::at(&chars[at..]);
        let read: String = chars[at..at + piece.length].iter().collect();
        let lines = read.matches('\n').count();
        if piece.counts {
            tokens.push(Token { text: read, line });
        }
        line += lines;
        at += piece.length;
    }
    tokens
}

/// What begins at a place of a source.
struct Piece {
    length: usize,
    /// Whether it is a word or a sign, and not a space, a comment or a text.
    counts: bool,
}

impl Piece {
    fn at(rest: &[char]) -> Self {
        let begins = |sign: &str| sign.chars().enumerate().all(|(index, one)| rest.get(index) == Some(&one));
        if begins("//") {
            return Self::nothing(rest.iter().position(|one| *one == '\n').unwrap_or(rest.len()));
        }
        if begins("/*") {
            return Self::nothing(comment_length(rest));
        }
        if let Some(length) = text_length(rest) {
            return Self::nothing(length);
        }
        if begins("::") {
            return Self { length: 2, counts: true };
        }
        let word =
            |rest: &[char]| rest.iter().take_while(|one| one.is_alphanumeric() || **one == '_').count();
        if begins("'") {
            // A lifetime: no character, and no word of ours.
            return Self::nothing(1 + word(&rest[1..]));
        }
        let length = word(rest).max(1);
        Self { length, counts: !rest[0].is_whitespace() }
    }

    fn nothing(length: usize) -> Self {
        Self { length, counts: false }
    }
}

/// Comments nest.
fn comment_length(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Returns the length of a text or character that begins here; a lifetime is none.
fn text_length(rest: &[char]) -> Option<usize> {
    let prefix = rest.iter().take_while(|one| "rbc".contains(**one)).count();
    let hashes = rest[prefix..].iter().take_while(|one| **one == '#').count();
    match rest.get(prefix + hashes)? {
        '"' if rest[..prefix].contains(&'r') => {
            let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            let begin = prefix + hashes + 1;
            let inner = rest[begin..].windows(end.len()).position(|part| part == end)?;
            Some(begin + inner + end.len())
        }
        '"' if hashes == 0 => Some(quoted_length(rest, prefix)),
        '\'' if hashes == 0
            && (rest.get(prefix + 1) == Some(&'\\') || rest.get(prefix + 2) == Some(&'\'')) =>
        {
            Some(quoted_length(rest, prefix))
        }
        _ => None,
    }
}

fn quoted_length(rest: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < rest.len() && rest[at] != rest[from] {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// Leaves out each item under `#[cfg(test)]`: up to its `;`, or to the end of its braces.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let is_mark = |at: usize| {
        MARK.iter()
            .enumerate()
            .all(|(index, word)| tokens.get(at + index).is_some_and(|one| one.text == *word))
    };
    let (mut at, mut kept) = (0, Vec::new());
    while at < tokens.len() {
        if is_mark(at) {
            at = item_end(tokens, at + MARK.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

fn item_end(tokens: &[Token], from: usize) -> usize {
    let (mut depth, is_use) = (0_usize, tokens[from..].iter().take(5).any(|one| one.text == "use"));
    for (index, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && token.text == "}" && !is_use {
                    return index + 1;
                }
            }
            ";" | "," if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}
