//! Addresses that look like others: what a person should look at twice before a mail goes there.
//!
//! | address | why |
//! |---|---|
//! | `a@xn--pypal-4ve.com`, `a@pаypal.com` | the domain has letters beyond ASCII: its A-label says which one it is |
//! | `аdmin@bank.example` | a letter of another script that looks like a Latin one |
//! | `ceo@bank.example <x@y.example>` | the name in front is an address, and the mail goes elsewhere |
//!
//! It tells apart what the eye cannot. A name that is merely misspelt (`paypa1.com`) it does not know.

use std::collections::BTreeSet;

use serde_json::Value;
use unicode_security::{MixedScript as _, is_potential_mixed_script_confusable_char, skeleton};

/// Returns one sentence for each address or link in a text that may be taken for another, clean and on one line.
#[must_use]
pub fn look_twice(text: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    gather(text, &mut found);
    found.into_iter().collect()
}

/// Returns the same for every text inside a value.
#[must_use]
pub fn look_twice_at(value: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    // A list in place of recursion: how deep a value goes is whoever wrote it.
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::String(text) => gather(text, &mut found),
            Value::Array(items) => rest.extend(items),
            Value::Object(fields) => rest.extend(fields.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    found.into_iter().collect()
}

fn gather(text: &str, found: &mut BTreeSet<String>) {
    let mut is_quoted = false;
    let is_between = |one: char| {
        is_quoted ^= one == '"';
        !is_quoted && matches!(one, ',' | ';')
    };
    found.extend(text.split(is_between).filter_map(disguised));
    // Most words are no address, and most addresses are plain.
    for word in text.split(|one: char| one.is_whitespace() || "<>\"'(),;[]{}|\\`".contains(one)) {
        if let Some(Address { local, domain }) = address(word.trim_end_matches(['.', ':', '!', '?'])) {
            found.extend(of_domain(local, domain));
            found.extend(of_local(local, domain));
        }
    }
}

/// The two sides of an address; the host of a link is a domain whose local part is empty.
struct Address<'a> {
    local: &'a str,
    domain: &'a str,
}

/// Splits `local@domain`, or takes the host of `scheme://host/…`.
fn address(word: &str) -> Option<Address<'_>> {
    if let Some((_, rest)) = word.split_once("://") {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        return Some(Address { local: "", domain: host.split(':').next().unwrap_or_default() });
    }
    let (local, domain) = word.rsplit_once('@')?;
    let local = local.strip_prefix("mailto:").unwrap_or(local);
    (!local.is_empty() && !domain.is_empty()).then_some(Address { local, domain })
}

fn of_domain(local: &str, domain: &str) -> Option<String> {
    let is_coded = domain.to_ascii_lowercase().split('.').any(|label| label.starts_with("xn--"));
    if domain.is_ascii() && !is_coded {
        return None;
    }
    let written = if local.is_empty() { domain.to_owned() } else { format!("{local}@{domain}") };
    let written = super::excerpt(&written, 120);
    let Ok(coded) = idna::domain_to_ascii(domain) else {
        return Some(format!("\"{written}\" names no domain that can exist"));
    };
    let (spelled, _) = idna::domain_to_unicode(domain);
    let spelled = super::excerpt(&spelled, 120);
    let looks = if spelled.split('.').any(imitates) {
        "letters of another alphabet that look like Latin ones"
    } else {
        "letters beyond a to z"
    };
    Some(format!("the domain of \"{written}\" is {coded}, \"{spelled}\": {looks}"))
}

fn of_local(local: &str, domain: &str) -> Option<String> {
    if local.is_ascii() || !imitates(local) {
        return None;
    }
    let written = super::excerpt(&format!("{local}@{domain}"), 120);
    let looks: String = skeleton(local).collect();
    Some(format!(
        "\"{written}\" has letters of another alphabet: it looks like \"{}\" and is not",
        super::excerpt(&looks, 60)
    ))
}

/// Returns whether a word mixes alphabets, or is made of letters of one that look like Latin ones throughout.
fn imitates(word: &str) -> bool {
    if word.is_ascii() {
        return false;
    }
    let letters = || word.chars().filter(|one| one.is_alphabetic());
    let is_disguise = letters().count() > 0 && letters().all(is_potential_mixed_script_confusable_char);
    !word.is_single_script() || is_disguise
}

/// A display name that is an address draws the eye away from where the mail goes.
fn disguised(text: &str) -> Option<String> {
    let (name, rest) = text.trim().split_once('<')?;
    let goes = rest.strip_suffix('>')?.trim();
    let shown = name.trim().trim_matches('"');
    let is_address = shown.split_whitespace().any(|word| address(word).is_some());
    let is_one = !goes.contains(['<', '>', ' ', '\n']) && goes.contains('@');
    (is_address && is_one && !shown.eq_ignore_ascii_case(goes)).then(|| {
        let (shown, goes) = (super::excerpt(shown, 120), super::excerpt(goes, 120));
        format!("\"{shown}\" is only a name: it goes to \"{goes}\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_that_look_like_others_are_told_with_their_a_label() {
        for (address, label) in [
            ("Ana <ana@p\u{430}ypal.com>", "xn--pypal-4ve.com"),
            ("ana@xn--pypal-4ve.com", "xn--pypal-4ve.com"),
            ("see https://\u{430}\u{440}\u{440}\u{4cf}\u{435}.com/login", "xn--80ak6aa92e.com"),
            ("info@g\u{3bf}\u{3bf}gle.example", "xn--"),
            ("info@b\u{fc}cher.example", "xn--bcher-kva.example"),
        ] {
            let found = look_twice(address);
            assert_eq!(found.len(), 1, "{address}: {found:?}");
            assert!(found[0].contains(label), "{found:?}");
            let is_harmless = address.contains("cher.");
            assert_eq!(found[0].contains("look like Latin"), !is_harmless, "{found:?}");
        }
    }

    #[test]
    fn local_parts_that_imitate_others_are_told() {
        let found = look_twice("\u{430}dmin@bank.example, \"R\u{443}an\" <r\u{443}an@bank.example>");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(look_twice("j\u{fc}rgen@bank.example").is_empty());
        assert!(look_twice("\u{438}\u{432}\u{430}\u{43d}@bank.example").is_empty());
    }

    #[test]
    fn a_name_that_is_an_address_is_no_cover() {
        let found = look_twice("\"ceo@bank.example\" <x@evil.example>");
        assert_eq!(found, ["\"ceo@bank.example\" is only a name: it goes to \"x@evil.example\""]);
        assert!(look_twice("\"x@evil.example\" <X@evil.example>").is_empty());
        assert_eq!(look_twice("a@b.example, \"ceo@bank.example, CEO\" <x@evil.example>").len(), 1);
        assert!(look_twice("a@b.example, Ana <ana@client.example>; c@d.example").is_empty());
        assert!(look_twice("Ana Maria <ana@client.example>").is_empty());
    }

    #[test]
    fn plain_texts_need_no_second_look() {
        for text in
            ["", "hello", "a@b", "me@studio.example.", "3 < 4 and 5 > 4", "@home", "https://x.example/a?b=c"]
        {
            assert!(look_twice(text).is_empty(), "{text}: {:?}", look_twice(text));
        }
    }

    #[test]
    fn what_is_told_is_clean_and_found_at_any_depth() {
        let value = serde_json::json!({ "to": ["x"], "cc": { "deep": ["\u{202e}ev\u{456}l\u{1b}[2J@b\u{fc}ro.example\n"] } });
        let found = look_twice_at(&value);
        assert!(!found.is_empty());
        assert!(found.iter().all(|line| super::super::line(line) == *line), "{found:?}");
    }
}
