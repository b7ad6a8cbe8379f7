//! What is looked for: a secret as it is, and the blocks that encoders make of it.

use age::secrecy::{ExposeSecret as _, SecretString};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use data_encoding::{BASE32, BASE32HEX, HEXLOWER};

use super::spelling::{self, Spelt};

/// Shorter values would blacken ordinary words.
pub(super) const SHORTEST: usize = 6;

/// So much of a secret is masked where the rest was cut off.
const SHORTEST_PART: usize = 8;

/// A text that leaves no trace.
pub(super) struct Needle {
    text: SecretString,
    /// Whether upper and lower case are the same to its encoder, or to whoever echoes it.
    folds_case: bool,
    /// Whether it is a block of an encoding: such blocks are broken into lines.
    is_block: bool,
    /// Whether a beginning of it tells something.
    tells_in_part: bool,
}

impl Needle {
    /// Returns every needle of a secret.
    pub(super) fn all(secret: &str) -> Vec<Self> {
        let mut needles = Vec::new();
        for part in parts(secret) {
            needles.push(Self::plain(&part));
            blocks(part.text.as_bytes()).into_iter().for_each(|block| needles.push(block));
            // Windows' own tools encode two bytes for a character.
            let wide: Vec<u8> = part.text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            blocks(&wide).into_iter().for_each(|block| needles.push(block));
        }
        needles.retain(|needle| needle.len() >= SHORTEST);
        needles
    }

    fn plain(part: &Part<'_>) -> Self {
        let text = SecretString::from(part.text.to_owned());
        Self {
            text,
            folds_case: part.text.len() >= SHORTEST_PART,
            is_block: false,
            tells_in_part: part.tells_in_part,
        }
    }

    fn block(text: String, folds_case: bool) -> Self {
        Self { text: SecretString::from(text), folds_case, is_block: true, tells_in_part: false }
    }

    /// Returns the length in bytes.
    pub(super) fn len(&self) -> usize {
        self.text.expose_secret().len()
    }

    /// Returns the characters that it may begin with.
    pub(super) fn first(&self) -> impl Iterator<Item = char> {
        let first = self.text.expose_secret().chars().next().unwrap_or_default();
        let other =
            if first.is_ascii_lowercase() { first.to_ascii_uppercase() } else { first.to_ascii_lowercase() };
        [Some(first), (self.folds_case && other != first).then_some(other)].into_iter().flatten()
    }

    /// Returns where the needle ends that begins here, or what is left of one that was cut.
    pub(super) fn end(&self, text: &str, at: usize) -> Option<usize> {
        let needle = self.text.expose_secret();
        let (mut end, mut matched) = (at, 0);
        for wanted in needle.chars() {
            let from = if matched == 0 { end } else { spelling::skip_breaks(text, end, self.is_block) };
            let fits = |spelt: &Spelt| self.is_same(spelt.sign, wanted);
            let Some(spelt) = spelling::readings(text, from).into_iter().flatten().find(fits) else {
                let is_enough = matched >= SHORTEST_PART && matched * 2 >= needle.len();
                return (self.tells_in_part && is_enough).then_some(end);
            };
            end = spelt.end;
            matched += wanted.len_utf8();
        }
        Some(end)
    }

    fn is_same(&self, sign: char, wanted: char) -> bool {
        sign == wanted || (self.folds_case && sign.eq_ignore_ascii_case(&wanted))
    }
}

/// A part of a secret that is one by itself.
struct Part<'a> {
    text: &'a str,
    tells_in_part: bool,
}

/// A secret as a whole; the password of a `user:password`, the key after a known prefix, each line of a key file.
fn parts(secret: &str) -> Vec<Part<'_>> {
    let pair = secret.split_once(':');
    let mut parts = vec![Part { text: secret, tells_in_part: pair.is_none() }];
    let password = pair.map(|(_, password)| password);
    let key = ["whsec_", "Bearer ", "Basic "].into_iter().find_map(|prefix| secret.strip_prefix(prefix));
    parts.extend(password.into_iter().chain(key).map(|text| Part { text, tells_in_part: true }));
    if secret.contains('\n') {
        let lines =
            secret.lines().map(str::trim).filter(|line| line.len() >= 16 && !line.starts_with("-----"));
        parts.extend(lines.map(|text| Part { text, tells_in_part: true }));
    }
    parts.retain(|part| part.text.len() >= SHORTEST);
    parts
}

/// Hexadecimal, base64 and base32, wherever in a longer block the bytes may stand.
fn blocks(bytes: &[u8]) -> Vec<Needle> {
    let mut blocks = vec![Needle::block(HEXLOWER.encode(bytes), true)];
    for offset in 0..3 {
        blocks.push(Needle::block(inside(|all| STANDARD.encode(all), 6, bytes, offset), false));
        blocks.push(Needle::block(inside(|all| URL_SAFE.encode(all), 6, bytes, offset), false));
    }
    for offset in 0..5 {
        blocks.push(Needle::block(inside(|all| BASE32.encode(all), 5, bytes, offset), true));
        blocks.push(Needle::block(inside(|all| BASE32HEX.encode(all), 5, bytes, offset), true));
    }
    blocks
}

/// Returns the characters that depend on the secret alone when so many bytes stand before it, whatever follows.
fn inside(encode: impl Fn(&[u8]) -> String, bits: usize, secret: &[u8], offset: usize) -> String {
    let mut padded = vec![0; offset];
    padded.extend_from_slice(secret);
    let encoded = encode(&padded);
    let (first, last) = ((offset * 8).div_ceil(bits), padded.len() * 8 / bits);
    encoded.get(first..last).unwrap_or_default().to_owned()
}
