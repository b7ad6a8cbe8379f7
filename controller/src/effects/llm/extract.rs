//! The JSON in an answer: models think aloud, greet, fence and explain around it.
//!
//! Taking it out is worth a paid second turn each time. What is taken must be beyond doubt: where two values both keep the
//! contract and differ, none is taken.

use serde_json::Value;

/// The elements that models put their thoughts into.
const THOUGHTS: [&str; 4] = ["think", "thinking", "reasoning", "thought"];

/// More values than these are no answer.
const MOST: usize = 32;

/// Returns the values that an answer holds: all of it, else the contents of its fences, else what stands in its prose.
pub(super) fn values_in(content: &str) -> Vec<Value> {
    let text = without_thoughts(content);
    if let Some(value) = whole(text) {
        return vec![value];
    }
    let fenced: Vec<Value> = fences(text).into_iter().filter_map(whole).collect();
    if fenced.is_empty() { in_prose(text) } else { fenced }
}

/// Returns the one value that keeps a contract, else the complaints about the first.
pub(super) fn the_one(
    content: &str,
    check: impl Fn(Value) -> Result<Value, Vec<String>>,
) -> Result<Value, Vec<String>> {
    let mut found: Option<Value> = None;
    let mut complaints = None;
    for value in values_in(content) {
        match (check(value), &found) {
            (Ok(value), Some(other)) if value != *other => {
                return Err(vec!["the answer has two JSON values that fit, and they differ".to_owned()]);
            }
            (Ok(value), _) => found = Some(value),
            (Err(wrong), _) => drop(complaints.get_or_insert(wrong)),
        }
    }
    found.ok_or_else(|| complaints.unwrap_or_else(|| vec!["the answer is no JSON".to_owned()]))
}

/// What follows the model's thoughts. Some templates open them outside of the answer, so only the end is there.
fn without_thoughts(content: &str) -> &str {
    let text = content.trim().trim_start_matches('\u{feff}').trim_start();
    let begins = text.starts_with(['{', '[', '"']);
    if begins {
        return text;
    }
    let end = |name: &&str| {
        let close = format!("</{name}>");
        text.find(&close).map(|at| at + close.len())
    };
    let end = THOUGHTS.iter().filter_map(end).max();
    if end.is_none() && THOUGHTS.iter().any(|name| text.starts_with(&format!("<{name}>"))) {
        // It never came to an answer: what it weighs is none.
        return "";
    }
    // Harmony's channels: the final one is the answer.
    let channel = "<|channel|>final<|message|>";
    let end = end.or_else(|| text.rfind(channel).map(|at| at + channel.len()));
    end.map_or(text, |end| text[end..].trim())
}

/// Returns what stands between pairs of fences; one that is not closed goes to the end.
fn fences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find("```") {
        let inner = &rest[open + 3..];
        // The word after the fence is a language: json, JSON5, nothing.
        let inner = inner.trim_start_matches(|one: char| one.is_ascii_alphanumeric());
        let (inside, after) = inner.split_once("```").unwrap_or((inner, ""));
        found.push(inside);
        rest = after;
    }
    found
}

/// Returns the objects and lists that stand in prose, outermost only.
fn in_prose(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find(['{', '[']) {
        let begin = at + open;
        let mut values = serde_json::Deserializer::from_str(&text[begin..]).into_iter::<Value>();
        match values.next() {
            // `[1]` in a sentence is a footnote.
            Some(Ok(value)) => {
                at = begin + values.byte_offset();
                found.push(value);
            }
            _ => at = begin + 1,
        }
        if found.len() >= MOST {
            break;
        }
    }
    found
}

fn whole(text: &str) -> Option<Value> {
    adjutant_spec::value::from_outside(text.trim().as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits(value: Value) -> Result<Value, Vec<String>> {
        if value["fit"].is_string() { Ok(value) } else { Err(vec!["no fit".to_owned()]) }
    }

    #[test]
    fn the_answer_is_found_whatever_stands_around_it() {
        let good = json!({ "fit": "good" });
        let answers = [
            "{\"fit\": \"good\"}",
            "\u{feff}  {\"fit\": \"good\"}\n",
            "```json\n{\"fit\": \"good\"}\n```",
            "```\n{\"fit\": \"good\"}```",
            "Here it is:\n\n```JSON\n{\"fit\": \"good\"}\n```\nAnything else?",
            "```json\n{\"fit\": \"good\"}",
            "<think>\nIs {\"fit\": \"bad\"} better? No.\n</think>\n\n{\"fit\": \"good\"}",
            "thinking without a beginning {\"fit\": \"bad\"}</think>{\"fit\": \"good\"}",
            "<thinking>hm</thinking>\n```json\n{\"fit\": \"good\"}\n```",
            "<|channel|>analysis<|message|>hm {\"fit\": \"bad\"}<|channel|>final<|message|>{\"fit\": \"good\"}",
            "Sure! {\"fit\": \"good\"} Let me know [1].",
            "As agreed [see above], the answer is {\"fit\": \"good\"}.",
            "{\"fit\": \"good\"}\n\nI chose it because of {the budget}.",
            "{\"fit\": \"good\"} and again: {\"fit\": \"good\"}",
        ];
        for answer in answers {
            assert_eq!(the_one(answer, fits), Ok(good.clone()), "{answer}");
        }
    }

    #[test]
    fn an_answer_in_doubt_is_none() {
        let doubts = [
            "",
            "no",
            "<think>is it {\"fit\": \"good\"}",
            "either {\"fit\": \"good\"} or {\"fit\": \"bad\"}",
            "```json\n{\"fit\": \"good\"}\n```\n```json\n{\"fit\": \"bad\"}\n```",
            "{\"fit\": \"good\"",
            "{'fit': 'good'}",
        ];
        for answer in doubts {
            assert!(the_one(answer, fits).is_err(), "{answer}: {:?}", the_one(answer, fits));
        }
    }

    #[test]
    fn a_value_that_breaks_the_contract_is_complained_about() {
        assert_eq!(the_one("{\"a\": 1}", fits), Err(vec!["no fit".to_owned()]));
        assert_eq!(the_one("[1] {\"fit\": \"good\"}", fits), Ok(json!({ "fit": "good" })));
    }

    #[test]
    fn a_long_row_of_brackets_ends() {
        assert!(the_one(&"{[".repeat(50_000), fits).is_err());
    }
}
