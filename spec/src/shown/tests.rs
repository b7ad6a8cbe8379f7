//! What is written out, what stays, and that nothing gets through.

use proptest::prelude::*;

use super::*;

/// Whatever may never stand raw in anything shown, wherever it stands.
fn never_shown() -> impl Iterator<Item = char> {
    let c0 = (0x00..=0x1f).chain(0x7f..=0x9f);
    let bidi = [0x061c, 0x200e, 0x200f].into_iter().chain(0x202a..=0x202e).chain(0x2066..=0x2069);
    let hidden =
        [0x00ad, 0x034f, 0x115f, 0x1160, 0x2028, 0x2029, 0x2060, 0x2064, 0x2800, 0x3164, 0xfeff, 0xffa0];
    let rest =
        (0xe0000..=0xe007f).chain(0xe000..=0xe010).chain(0xfff9..=0xfffb).chain([0xfffe, 0x1ffff, 0x10fffd]);
    c0.chain(bidi).chain(hidden).chain(rest).filter_map(char::from_u32)
}

#[test]
fn what_acts_on_a_terminal_or_cannot_be_seen_is_written_out_wherever_it_stands() {
    for one in never_shown() {
        for text in
            [format!("{one}"), format!("a{one}"), format!("{one}a"), format!("ب{one}ب"), format!("👩{one}👩")]
        {
            let shown = line(&text);
            assert!(!shown.contains(one), "{:x} in {shown:?}", u32::from(one));
            assert!(shown.is_ascii() || shown.contains(['ب', '👩']), "{shown}");
        }
    }
}

#[test]
fn a_line_is_one_line_and_a_text_keeps_its_breaks() {
    let mail = "Dear you,\r\n\tyes\nRisk: low\r\u{85}\u{2028}\u{1b}[2J";
    assert_eq!(line(mail), "Dear you,\\n\\tyes\\nRisk: low\\r\\u{85}\\u{2028}\\u{1b}[2J");
    assert_eq!(text(mail), "Dear you,\n\tyes\nRisk: low\\r\\u{85}\\u{2028}\\u{1b}[2J");
}

#[test]
fn texts_in_every_ordinary_script_stay_as_they_are() {
    let ordinary = [
        "Grüße aus Köln, naïve café (NFD: cafe\u{301}), Vie\u{302}\u{323}t",
        "Привет, мир",
        "Γειά σου Κόσμε",
        "שָׁלוֹם עולם",
        "مرحبا بالعالم",
        "مُحَمَّد",
        "می\u{200c}خواهم خانه\u{200c}ها",
        "अनुच्छेद क्\u{200d}ष क्\u{200c}ष",
        "র\u{200d}\u{9cd}যাব",
        "ශ්\u{200d}රී ලංකා",
        "നന്\u{200d} അവന്\u{200d}",
        "సాఫ్ట్\u{200c}వేర్",
        "ខ្ញុំ\u{200b}ចង់",
        "สวัสดี\u{200b}ครับ",
        "東京 서울 北京",
        "葛\u{e0100}城市",
        "👩\u{200d}💻 👨\u{200d}👩\u{200d}👧 ❤\u{fe0f} 👍🏽 🇩🇪 1\u{fe0f}\u{20e3} 🏳\u{fe0f}\u{200d}🌈 👩🏽\u{200d}🚒",
        "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "12 € – „Zitat“ … x² ½ \u{a0}%",
        "ƛ̓ə̀",
    ];
    for written in ordinary {
        assert!(matches!(line(written), Cow::Borrowed(shown) if shown == written), "{}", line(written));
    }
}

#[test]
fn a_joiner_is_written_out_where_no_language_needs_it() {
    for (written, shown) in [
        ("pay\u{200d}pal", "pay\\u{200d}pal"),
        ("pay\u{200c}pal", "pay\\u{200c}pal"),
        ("a\u{200b}b", "a\\u{200b}b"),
        ("ש\u{200d}ל", "ש\\u{200d}ל"),
        ("خ\u{200c}\u{200c}ه", "خ\\u{200c}\\u{200c}ه"),
        ("خ\u{200c}a", "خ\\u{200c}a"),
        ("क\u{200d}ष", "क\\u{200d}ष"),
        ("👩\u{200d}a", "👩\\u{200d}a"),
        ("a\u{fe0f}", "a\\u{fe0f}"),
        ("❤\u{fe0f}\u{fe0f}", "❤\u{fe0f}\\u{fe0f}"),
        ("😀\u{e0100}\u{e0101}", "😀\\u{e0100}\\u{e0101}"),
        ("\u{1f3f4}\u{e0067}\u{e0062}", "\u{1f3f4}\\u{e0067}\\u{e0062}"),
    ] {
        assert_eq!(line(written), shown);
    }
}

#[test]
fn marks_do_not_pile_up_over_other_lines_nor_lie_on_what_is_ours() {
    let piled = format!("a{}b", "\u{301}".repeat(30));
    assert_eq!(line(&piled).matches('\u{301}').count(), PILE);
    assert_eq!(line("\u{338}=").as_ref(), "\\u{338}=");
    assert_eq!(line("a \u{20dd}").as_ref(), "a \\u{20dd}");
}

#[test]
fn an_excerpt_is_one_line_and_says_how_much_was_cut() {
    assert_eq!(excerpt("short", 10), "short");
    assert_eq!(excerpt(" two\nlines ", 20), "two\\nlines");
    assert_eq!(excerpt("Bob\n\nRisk: low", 7), "Bob\\n\\n… (9 more)");
    // An escape is shown whole or not at all.
    assert_eq!(excerpt("ab\u{1b}[31mred", 4), "ab… (8 more)");
    assert_eq!(excerpt("", 0), "");
}

#[test]
fn what_is_quoted_begins_no_line_of_its_own_however_wide_the_window_is() {
    let forged = format!("Bob{}Risk: low\nType: approve\u{1b}[1A", " ".repeat(78));
    let quoted = quoted(&forged, "| ", 40);
    assert!(quoted.lines().all(|line| line.starts_with('|')), "{quoted}");
    assert!(wrapped(&"漢".repeat(100), 10).iter().all(|line| line.chars().count() <= 5));
    assert_eq!(wrapped("one two three", 9), ["one two", "three"]);
}

#[test]
fn json_says_the_same_in_letters_that_do_nothing() {
    let value = serde_json::json!({"a\u{7f}": "\u{9b}31m \u{202e}gpj.exe \u{e0041} 👩\u{200d}💻 \u{1b}", "b": [1, "ok"]});
    let written = serde_json::to_string_pretty(&value).expect("JSON");
    let shown = json(&written);
    assert!(
        shown.contains(r"\u202e") && shown.contains(r"\udb40\udc41") && shown.contains(r"\u007f"),
        "{shown}"
    );
    assert!(!shown.chars().any(|one| one != '\n' && is_hidden(one)));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
    assert!(matches!(json("{\n  \"a\": \"ü\"\n}"), Cow::Borrowed(_)));
}

/// Texts thick with what this module is about.
fn hostile() -> impl Strategy<Value = String> {
    let special = prop::sample::select(never_shown().collect::<Vec<_>>());
    let joiner = prop::sample::select(vec![
        '\u{200b}', '\u{200c}', '\u{200d}', '\u{fe0f}', '\u{301}', '\n', '\r', '\t',
    ]);
    let letter = prop::sample::select(vec!['a', ' ', 'ب', 'क', '\u{94d}', '👩', '漢', '\u{1f3f4}', '\\']);
    let one = prop_oneof![special, joiner, letter, any::<char>()];
    prop::collection::vec(one, 0..40).prop_map(|all| all.into_iter().collect())
}

proptest! {
    #[test]
    fn nothing_that_acts_gets_through(written in hostile()) {
        let (one, many) = (line(&written), text(&written));
        prop_assert!(!one.chars().any(char::is_control));
        prop_assert!(!many.chars().any(|one| one.is_control() && one != '\n' && one != '\t'));
        for shown in [&one, &many] {
            let acts = shown.contains(['\u{202e}', '\u{2028}', '\u{feff}', '\u{2066}', '\u{ad}']);
            prop_assert!(!acts, "{shown:?}");
            let joiner = |one: char| ('\u{200b}'..='\u{200d}').contains(&one);
            let is_doubled = shown.chars().zip(shown.chars().skip(1)).any(|(one, next)| joiner(one) && joiner(next));
            prop_assert!(!is_doubled, "{shown:?}");
        }
    }

    #[test]
    fn cleaning_twice_is_cleaning_once_and_what_is_clean_is_not_copied(written in hostile()) {
        for clean in [line, text] {
            let once = clean(&written).into_owned();
            let twice = clean(&once);
            prop_assert!(matches!(twice, Cow::Borrowed(_)));
            prop_assert_eq!(&twice, &once);
        }
    }

    #[test]
    fn an_excerpt_never_goes_over_what_was_asked_for(written in hostile(), most in 0_usize..30) {
        let shown = excerpt(&written, most);
        let text = shown.split('…').next().unwrap_or_default();
        prop_assert!(text.chars().count() <= most || shown.matches('…').count() == 0);
        prop_assert!(!shown.contains('\n'));
    }

    #[test]
    fn quoting_loses_no_letter_and_marks_every_line(written in hostile(), width in 3_usize..20) {
        let quoted = quoted(&written, "| ", width);
        prop_assert!(quoted.lines().all(|line| line.starts_with('|')));
        let letters = |text: &str| text.chars().filter(|one| one.is_alphanumeric()).collect::<String>();
        let body: String = quoted.lines().map(|line| line.strip_prefix("| ").unwrap_or("")).collect();
        prop_assert_eq!(letters(&body), letters(&super::text(&written)));
    }
}
