//! What a call does, in one line: to whom, and for how much.

use adjutant_spec::plan::Effect;
use serde_json::Value;

use super::whom::{in_words, whom};

/// The verb under which a business record is written; it is ours, and no connector's.
pub const RECORD_WRITE: &str = "record.write";

/// What a call does, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// What sort of effect: `sends`, `money`, …
    pub class: &'static str,
    /// The verb's name, in words.
    pub what: String,
    /// The person, account or record that it is about, where the call says.
    pub whom: Option<String>,
    /// The amount of money in it, where there is one.
    pub amount: Option<String>,
}

/// Reads a verb and its arguments.
#[must_use]
pub fn headline(verb: &str, effect: Effect, args: &Value) -> Headline {
    let text = |name: &str| args.get(name).and_then(in_words);
    if verb == RECORD_WRITE {
        let what = format!("Record {}", text("record").unwrap_or_default());
        return Headline { class: "writes", what, whom: text("key"), amount: None };
    }
    let class = match effect {
        Effect::Read => "looks",
        Effect::Write => "writes",
        Effect::Send => "sends",
        Effect::Spend => "money",
        Effect::Delete => "deletes",
        Effect::Publish => "publishes",
    };
    let amount = ["amount", "total", "price"].into_iter().find_map(text);
    let amount = amount.map(|amount| match text("currency") {
        Some(currency) if !amount.contains(&currency) => format!("{amount} {currency}"),
        _ => amount,
    });
    let name = verb.rsplit_once('.').map_or(verb, |(_, name)| name).replace('_', " ");
    let mut letters = name.chars();
    let what = letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
    Headline { class, what, whom: whom(args), amount }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_says_to_whom_and_for_how_much() {
        let args = json!({ "customer": { "name": "Ada" }, "amount": 1200, "currency": "EUR" });
        let headline = headline("billing.create_invoice", Effect::Spend, &args);
        assert_eq!((headline.class, headline.what.as_str()), ("money", "Create invoice"));
        assert_eq!(headline.whom.as_deref(), Some("Ada"));
        assert_eq!(headline.amount.as_deref(), Some("1200 EUR"));
    }

    #[test]
    fn a_record_is_named_by_its_kind_and_key() {
        let args = json!({ "record": "customer", "key": "ada@x", "value": {} });
        let headline = headline(RECORD_WRITE, Effect::Write, &args);
        assert_eq!((headline.what.as_str(), headline.whom.as_deref()), ("Record customer", Some("ada@x")));
    }

    #[test]
    fn an_amount_that_names_its_currency_names_it_once() {
        let args = json!({ "to": ["a@x", "b@x"], "total": "5.00 EUR", "currency": "EUR" });
        let headline = headline("billing.send", Effect::Spend, &args);
        assert_eq!(headline.whom.as_deref(), Some("a@x, b@x"));
        assert_eq!(headline.amount.as_deref(), Some("5.00 EUR"));
    }
}
