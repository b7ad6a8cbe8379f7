//! A canary in every spelling, none of which may stay.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use data_encoding::{BASE32, BASE32HEX, HEXLOWER};
use serde_json::json;

use super::*;

const CANARY: &str = "ops:cäna?ry/7+secret=";

fn redactor() -> Redactor {
    Redactor::of([&Secret::new(CANARY.to_owned())])
}

fn in_lines(block: &str, width: usize, end: &str) -> String {
    let signs: Vec<char> = block.chars().collect();
    signs.chunks(width).map(|line| line.iter().collect::<String>()).collect::<Vec<_>>().join(end)
}

/// Writes every character by a rule.
fn spelt(rule: impl Fn(char) -> String) -> String {
    CANARY.chars().map(rule).collect()
}

fn percent(sign: char, upper: bool, mark: &str) -> String {
    let mut bytes = [0; 4];
    let digits = sign.encode_utf8(&mut bytes).bytes();
    digits.map(|byte| if upper { format!("{mark}{byte:02X}") } else { format!("{mark}{byte:02x}") }).collect()
}

fn forms() -> Vec<String> {
    let bytes = CANARY.as_bytes();
    let wide: Vec<u8> = CANARY.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let only_odd = |one: char, odd: String| if one.is_ascii_alphanumeric() { one.to_string() } else { odd };
    vec![
        CANARY.to_owned(),
        CANARY.to_uppercase().replace('Ä', "ä"),
        "cäna?ry/7+secret=".to_owned(),
        STANDARD.encode(bytes),
        URL_SAFE.encode(bytes),
        STANDARD.encode(&wide),
        in_lines(&STANDARD.encode(bytes), 9, "\r\n"),
        in_lines(&STANDARD.encode(bytes), 9, "\\n"),
        STANDARD.encode(bytes).replace('=', "%3D").replace('+', "%2b").replace('/', "\\/"),
        BASE32.encode(bytes),
        BASE32.encode(bytes).to_lowercase(),
        BASE32HEX.encode(bytes),
        HEXLOWER.encode(bytes),
        HEXLOWER.encode(bytes).to_uppercase(),
        in_lines(&HEXLOWER.encode(bytes), 2, ":"),
        url::form_urlencoded::byte_serialize(bytes).collect(),
        serde_json::to_string(CANARY).unwrap(),
        spelt(|one| percent(one, true, "%")),
        spelt(|one| percent(one, false, "%")),
        spelt(|one| only_odd(one, percent(one, false, "%25"))),
        spelt(|one| only_odd(one, percent(one, true, "="))),
        spelt(|one| format!("\\u{:04x}", u32::from(one))),
        spelt(|one| format!("\\\\u{:04X}", u32::from(one))),
        spelt(|one| only_odd(one, format!("&#{};", u32::from(one)))),
        spelt(|one| only_odd(one, format!("&#x{:X};", u32::from(one)))),
        CANARY.replace('/', "\\/"),
        CANARY.replace('/', "&sol;").replace('+', "&plus;").replace('=', "&equals;"),
        in_lines(CANARY, 7, "=\r\n"),
    ]
}

#[test]
fn a_secret_is_masked_in_every_spelling() {
    for form in forms() {
        let masked = redactor().text(&format!("before {form} after"));
        assert!(masked.contains(MASK), "{form} stayed in {masked}");
        assert!(masked.starts_with("before ") && masked.ends_with(" after"), "{form}: {masked}");
        let signs: Vec<char> = form.trim_matches('"').chars().collect();
        let middle: String = signs[signs.len() / 3..signs.len() * 2 / 3].iter().collect();
        for piece in [form.trim_matches('"'), "ry/7+secret", middle.as_str()] {
            assert!(!masked.contains(piece), "{piece} stayed in {masked}");
        }
    }
}

#[test]
fn a_secret_inside_a_longer_block_is_masked() {
    for before in ["", "a", "ab", "abc", "abcd"] {
        let text = format!("{before}{CANARY} and more");
        for encoded in [
            STANDARD.encode(&text),
            BASE32.encode(text.as_bytes()),
            in_lines(&STANDARD.encode(&text), 11, "\n"),
        ] {
            let masked = redactor().text(&encoded);
            assert!(masked.contains(MASK), "offset {}: {masked}", before.len());
        }
    }
}

#[test]
fn what_is_left_of_a_secret_that_was_cut_is_masked() {
    let key = "q7Zr0mVtL2xWc9Kd5Hs8";
    let redactor = Redactor::of([&Secret::new(key.to_owned())]);
    for kept in [10, 14, 19] {
        assert_eq!(redactor.text(&format!("key {} was", &key[..kept])), "key *** was", "{kept} characters");
    }
    assert_eq!(redactor.text("key q7Zr was"), "key q7Zr was", "four characters tell nothing");
    let pair = Redactor::of([&Secret::new("hello@north-pier.example:q7Zr0mVt".to_owned())]);
    assert_eq!(
        pair.text("from hello@north-pier.example"),
        "from hello@north-pier.example",
        "the user is no secret"
    );
}

#[test]
fn the_lines_of_a_key_file_are_secrets() {
    let file = "-----BEGIN THING-----\nq7Zr0mVtL2xWc9Kd5Hs8\nAAAAB3NzaC1yc2EAAAADAQ\n-----END THING-----";
    let redactor = Redactor::of([&Secret::new(file.to_owned())]);
    assert_eq!(redactor.text("line 2 is q7Zr0mVtL2xWc9Kd5Hs8."), "line 2 is ***.");
    let one_line = file.replace('\n', "\\n");
    assert!(!redactor.text(&one_line).contains("AAAAB3Nza"), "{}", redactor.text(&one_line));
}

#[test]
fn what_looks_like_a_key_is_masked_unknown_as_it_is() {
    let texts = [
        "Authorization: Bearer abcdefghijklmnop1234",
        "sk-proj-ABCDEFGHIJKLMNOPQRSTUVWX",
        "ghp_abcdefghijklmnopqrstuvwxyz0123",
        "AKIAABCDEFGHIJKLMNOP",
        "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----",
        "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQ",
    ];
    for text in texts {
        assert!(Redactor::default().text(text).contains(MASK), "{text}");
    }
    let plain = "The bearer of this letter asks for a quote, basic but good.";
    assert_eq!(Redactor::default().text(plain), plain);
}

#[test]
fn values_are_masked_at_every_depth() {
    let value = json!({ "a": [{ "b": format!("x{CANARY}") }], CANARY: 1 });
    assert_eq!(redactor().value(value), json!({ "a": [{ "b": "x***" }], "***": 1 }));
    let digits = Redactor::of([&Secret::new("4929123456781234".to_owned())]);
    assert_eq!(digits.value(json!([4_929_123_456_781_234_u64, 42])), json!(["***", 42]));
}

#[test]
fn short_secrets_do_not_blacken_ordinary_words() {
    let redactor = Redactor::of([&Secret::new("a".to_owned())]);
    assert_eq!(redactor.text("a quote"), "a quote");
}

#[test]
fn a_text_without_secrets_stays_as_it_is() {
    for text in ["", "%", "\\", "&amp; 50 % of 100", "a=b\r\nc", "\\u12", "ä & ö", "https://x.example/?a=%2F"]
    {
        assert_eq!(redactor().text(text), text);
    }
}
