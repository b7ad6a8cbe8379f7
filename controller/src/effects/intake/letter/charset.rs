//! Bytes to text, whatever they were written in: the declared charset first, then what the bytes themselves say.
//!
//! The labels are those of the Encoding Standard plus the names that mail programs really use. Nothing is ever an error:
//! where no reading is without doubt, the best one is taken and the doubt is told.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{EUC_KR, Encoding, GBK, ISO_2022_JP, REPLACEMENT, UTF_8, WINDOWS_1252};

/// The most bytes that are looked at to guess a charset.
const LOOK: usize = 64 * 1024;

/// A text that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) text: String,
    /// What is not certain about it, as the end of "the text is …".
    pub(super) doubt: Option<String>,
}

/// Reads bytes that are declared to be in a charset, or that are declared to be nothing.
pub(super) fn read(bytes: &[u8], declared: Option<&str>) -> Read {
    let label = declared.map(clean).filter(|label| !label.is_empty());
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return decoded(encoding, &bytes[length..]);
    }
    // Seven bits can be shifted, whatever is declared: plain text has no escape sequence.
    if let Some(text) = shifted(bytes, label.as_deref()) {
        return sure(text);
    }
    if label.as_deref().is_some_and(is_utf7) && bytes.contains(&b'+') {
        // Readers that decode it by themselves can be made to read other text than what was checked.
        let text = UTF_8.decode_without_bom_handling(bytes).0.into_owned();
        return Read { text, doubt: Some("in UTF-7, which is left as it came".to_owned()) };
    }
    let encoding = label.as_deref().and_then(by_label);
    match encoding {
        // Latin text that happens to be well-formed UTF-8 beyond ASCII is UTF-8 that was mislabelled.
        Some(declared) if declared != WINDOWS_1252 || !is_utf8_beyond_ascii(bytes) => {
            match declared.decode_without_bom_handling_and_without_replacement(bytes) {
                Some(text) => sure(text),
                None => guessed(bytes, Some(declared)),
            }
        }
        _ => guessed(bytes, None),
    }
}

fn sure(text: impl Into<String>) -> Read {
    Read { text: text.into(), doubt: None }
}

fn decoded(encoding: &'static Encoding, bytes: &[u8]) -> Read {
    let (text, has_errors) = encoding.decode_without_bom_handling(bytes);
    let doubt = has_errors.then(|| format!("not all readable as {}", encoding.name()));
    Read { text: text.into_owned(), doubt }
}

/// Reads bytes whose declaration is missing or wrong.
fn guessed(bytes: &[u8], declared: Option<&'static Encoding>) -> Read {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return sure(text);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(&bytes[..bytes.len().min(LOOK)], true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    match guess.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Read {
            text: text.into_owned(),
            doubt: Some(format!("read as {}, which is a guess", guess.name())),
        },
        None => decoded(declared.unwrap_or(UTF_8), bytes),
    }
}

fn is_utf8_beyond_ascii(bytes: &[u8]) -> bool {
    !bytes.is_ascii() && std::str::from_utf8(bytes).is_ok()
}

/// Lower case, without quotes, spaces and what follows a semicolon or a language tag.
fn clean(label: &str) -> String {
    let label = label.split([';', '*']).next().unwrap_or_default();
    label.trim_matches(|one: char| one.is_whitespace() || matches!(one, '"' | '\'')).to_ascii_lowercase()
}

fn is_utf7(label: &str) -> bool {
    matches!(label, "utf-7" | "utf7" | "unicode-1-1-utf-7" | "csutf7" | "x-unicode-1-1-utf-7")
}

/// Returns the encoding of a label; `None` where nobody knows it, and for labels that say nothing.
fn by_label(label: &str) -> Option<&'static Encoding> {
    let label = match label {
        // What old Windows programs call their code pages.
        "cp932" | "ms932" | "windows-932" | "cswindows31j" | "x-ms-cp932" => "shift_jis",
        "cp936" | "ms936" | "windows-936" => "gbk",
        "cp949" | "ms949" | "uhc" | "x-windows-949" | "ks_c_5601" | "ks-c-5601-1987" => "euc-kr",
        "cp950" | "ms950" | "windows-950" | "x-windows-950" => "big5",
        "cp874" | "tis620" => "windows-874",
        "gb-2312" | "gb2312-80" | "euc-cn" | "x-euc-cn" => "gbk",
        "gb18030-2000" | "gb18030-2005" => "gb18030",
        "eucjp" | "ujis" | "eucjp-ms" | "euc-jp-ms" => "euc-jp",
        "koi8r" => "koi8-r",
        "koi8u" => "koi8-u",
        "utf_8" | "utf8mb4" | "utf-8-strict" => "utf-8",
        // What is declared so is often something else: the bytes say what.
        "us-ascii" | "ascii" | "ansi_x3.4-1968" | "7bit" | "8bit" => return None,
        other => other.strip_prefix("cp125").map_or_else(|| other, |_| other),
    };
    let found = Encoding::for_label(label.as_bytes()).or_else(|| {
        // `win-1251`, `x-cp1251`, `windows1252`: one digit group says it.
        let digits = label.trim_start_matches(|one: char| !one.is_ascii_digit());
        let is_windows = label.starts_with("win") || label.starts_with("cp") || label.starts_with("ansi");
        is_windows.then(|| Encoding::for_label(format!("windows-{digits}").as_bytes())).flatten()
    });
    found.filter(|encoding| *encoding != REPLACEMENT)
}

/// Reads text whose seven bits are shifted by escape sequences: ISO-2022-JP, ISO-2022-KR, HZ.
fn shifted(bytes: &[u8], label: Option<&str>) -> Option<String> {
    if !bytes.is_ascii() {
        return None;
    }
    let has = |pattern: &[u8]| bytes.windows(pattern.len()).any(|window| window == pattern);
    let kind = label.unwrap_or_default();
    if has(b"\x1b$)C") || (kind == "iso-2022-kr" && has(b"\x0e")) {
        return eight_bits(bytes, EUC_KR);
    }
    if kind.starts_with("hz") && has(b"~{") {
        return eight_bits(bytes, GBK);
    }
    if has(b"\x1b$") || has(b"\x1b(J") || has(b"\x1b(I") {
        let text = ISO_2022_JP.decode_without_bom_handling_and_without_replacement(bytes);
        return text.map(Cow::into_owned);
    }
    None
}

/// Undoes shifts: what is between them gets its eighth bit, and then is plain EUC.
fn eight_bits(bytes: &[u8], encoding: &'static Encoding) -> Option<String> {
    let (mut plain, mut is_shifted, mut rest) = (Vec::with_capacity(bytes.len()), false, bytes);
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            0x1b if tail.starts_with(b"$)C") => rest = &tail[3..],
            0x0e => is_shifted = true,
            0x0f => is_shifted = false,
            b'~' if encoding == GBK && tail.starts_with(b"{") => (is_shifted, rest) = (true, &tail[1..]),
            b'~' if encoding == GBK && tail.starts_with(b"}") => (is_shifted, rest) = (false, &tail[1..]),
            b'~' if encoding == GBK && tail.starts_with(b"~") => {
                plain.push(b'~');
                rest = &tail[1..];
            }
            b'\n' => {
                is_shifted &= encoding != GBK;
                plain.push(first);
            }
            other if is_shifted && other.is_ascii_graphic() => plain.push(other | 0x80),
            other => plain.push(other),
        }
    }
    encoding.decode_without_bom_handling_and_without_replacement(&plain).map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every encoding of the standard that can be written comes back from what it writes, under each of its labels.
    #[test]
    fn every_declared_charset_of_the_standard_is_read() {
        let table = [
            ("ISO-2022-JP", "ありがとうございます"),
            ("Shift_JIS", "見積もりをお願いします"),
            ("windows-31j", "①見積"),
            ("cp932", "表示ソ能"),
            ("EUC-JP", "ハロー・ワールド"),
            ("EUC-KR", "안녕하세요 세계"),
            ("KS_C_5601-1987", "견적을 부탁드립니다"),
            ("cp949", "똠방각하"),
            ("GBK", "请给我报价"),
            ("gb2312", "你好，世界"),
            ("GB18030", "你好，世界"),
            ("Big5", "你好，世界"),
            ("big5-hkscs", "你好"),
            ("windows-1250", "Zelo rada grem v slaščičarno"),
            ("windows-1251", "Привет, мир"),
            ("cp1251", "Сколько стоит сайт?"),
            ("windows-1252", "„Grüße“ — 20 €"),
            ("windows-1253", "Γειά σου Κόσμε"),
            ("windows-1254", "baharatlı yapma"),
            ("windows-1255", "שלום עולם"),
            ("windows-1256", "مرحبا بالعالم"),
            ("windows-1257", "Mu hõljuk on angerjaid täis"),
            ("windows-1258", "Xin chào"),
            ("windows-874", "สวัสดี"),
            ("tis-620", "สวัสดี"),
            ("KOI8-R", "Привет, мир"),
            ("KOI8-U", "Привіт Світ"),
            ("IBM866", "Привет"),
            ("x-mac-cyrillic", "Привет"),
            ("macintosh", "áéíóú"),
            ("ISO-8859-2", "Zażółć gęślą jaźń"),
            ("ISO-8859-3", "Ĉu vi parolas Esperanton?"),
            ("ISO-8859-4", "ĸŗĩļ"),
            ("ISO-8859-5", "Привет, мир"),
            ("ISO-8859-6", "مرحبا"),
            ("ISO-8859-7", "Γειά σου"),
            ("ISO-8859-8", "שלום עולם"),
            ("ISO-8859-8-I", "שלום"),
            ("ISO-8859-10", "áâãäåæ"),
            ("ISO-8859-13", "ąčęėįš"),
            ("ISO-8859-14", "Ŵŵ"),
            ("ISO-8859-15", "20 € œuvre"),
            ("ISO-8859-16", "Șț"),
            ("latin1", "Grüße"),
            ("utf-8", "Grüße 你好"),
            ("\"utf-8\"", "Grüße"),
            ("utf8", "Grüße"),
        ];
        for (label, text) in table {
            let encoding = by_label(&clean(label)).unwrap_or_else(|| panic!("{label} is not known"));
            let (bytes, _, lost) = encoding.encode(text);
            assert!(!lost, "{label} cannot write {text}");
            assert_eq!(read(&bytes, Some(label)), sure(text), "{label}");
        }
    }

    #[test]
    fn every_label_of_the_standard_is_known_but_those_that_say_nothing() {
        let table =
            ["866", "csksc56011987", "dos-874", "sun_eu_greek", "x-x-big5", "koi8-ru", "l9", "x-sjis"];
        for label in table {
            assert!(by_label(label).is_some(), "{label}");
        }
        for label in ["us-ascii", "x-unknown", "unknown-8bit", "binary", ""] {
            assert!(by_label(label).is_none(), "{label}");
        }
    }

    #[test]
    fn a_wrong_or_missing_declaration_does_not_garble() {
        assert_eq!(read("Grüße".as_bytes(), Some("us-ascii")), sure("Grüße"));
        assert_eq!(read("Grüße".as_bytes(), Some("iso-8859-1")), sure("Grüße"));
        assert_eq!(read("Grüße".as_bytes(), None), sure("Grüße"));
        assert_eq!(read(b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe", Some("windows-1251")), sure("Grüße"));
        assert_eq!(read(b"\xff\xfeG\x00o\x00", Some("us-ascii")), sure("Go"));
        let russian = "Здравствуйте! Сколько будет стоить новый сайт для нашего магазина? Ждём ответа.";
        for declared in [None, Some("utf-8"), Some("us-ascii"), Some("x-unknown")] {
            let found = read(&encoding_rs::WINDOWS_1251.encode(russian).0, declared);
            assert_eq!(found.text, russian, "{declared:?}");
            assert!(found.doubt.unwrap().contains("windows-1251"), "{declared:?}");
        }
        let japanese = "お世話になっております。ウェブサイトの見積もりをお願いします。";
        assert_eq!(read(&encoding_rs::SHIFT_JIS.encode(japanese).0, None).text, japanese);
        assert_eq!(read(&encoding_rs::ISO_2022_JP.encode(japanese).0, Some("utf-8")), sure(japanese));
    }

    #[test]
    fn seven_bits_that_browsers_refuse_are_still_read() {
        assert_eq!(read(b"\x1b$)C\x0e>H3gGO<<?d\x0f!", Some("iso-2022-kr")), sure("안녕하세요!"));
        assert_eq!(read(b"~{<:Ky2;S{#,NpJ)l6HK!#~}~~", Some("hz-gb-2312")), sure("己所不欲，勿施於人。~"));
    }

    #[test]
    fn utf_7_is_left_as_it_came_and_told() {
        let found = read(b"+ADw-script+AD4-", Some("utf-7"));
        assert_eq!(found.text, "+ADw-script+AD4-");
        assert!(found.doubt.unwrap().contains("UTF-7"));
    }

    #[test]
    fn what_nobody_can_read_says_so() {
        let found = read(b"abc \xff\xfe\x00\x81\x8d", Some("utf-8"));
        assert!(found.doubt.is_some(), "{found:?}");
    }
}
