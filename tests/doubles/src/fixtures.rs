//! Fixtures: what the model double answers, as rules read from JSON.
//!
//! ```json
//! { "rules": [ { "name": "lead", "match": { "user": ["website", "/budget of \\d+/"], "schema": "qualifier" },
//!                "extract": { "email": { "pattern": "[\\w.+-]+@[\\w.-]+", "else": "lead@client.example" } },
//!                "reply": { "email": "{email}" }, "usage": { "prompt_tokens": 900, "completion_tokens": 40 } } ] }
//! ```
//! A pattern is a text that must occur, in any case, or a regular expression between slashes. `user` is looked for in
//! the last user message, and in all of them when no rule fits the last (a repair turn follows the question). The
//! first rule that fits answers. `match` as a plain text means: in the user's or in the system's text. Unknown words
//! are refused. What no rule fits is answered with 404, so that a wrong prompt is never answered by luck.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::error::Error;

/// Returns the fixtures of the example agency, as the demo plays it.
///
/// # Panics
/// Never: a test reads them.
#[must_use]
pub fn agency() -> Fixtures {
    Fixtures::parse(include_str!("../fixtures/agency.json"))
        .expect("the agency's fixtures are read by a test")
}

/// A checked list of rules.
#[derive(Debug, Clone, Default)]
pub struct Fixtures {
    /// The models offered; where empty, any name is taken.
    pub(crate) models: Vec<String>,
    /// Whether the model obeys what it reads.
    pub(crate) is_adversary: bool,
    pub(crate) rules: Vec<Rule>,
}

impl Fixtures {
    /// Reads fixtures from JSON.
    ///
    /// # Errors
    /// The text is no JSON of this form, or a pattern is no regular expression.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let raw: RawFixtures = serde_json::from_str(text).map_err(|source| Error::Fixtures { source })?;
        let rules: Result<Vec<Rule>, Error> = raw.rules.into_iter().map(Rule::check).collect();
        Ok(Self { models: raw.models, is_adversary: raw.adversary, rules: rules? })
    }

    /// Reads fixtures from a file.
    ///
    /// # Errors
    /// As `parse`, or the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::FixtureFile { path: path.into(), source })?;
        Self::parse(&text)
    }

    /// Returns these rules followed by others.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.models.extend(other.models);
        self.rules.extend(other.rules);
        Self { is_adversary: self.is_adversary || other.is_adversary, ..self }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFixtures {
    #[serde(default)]
    models: Vec<String>,
    #[serde(default)]
    adversary: bool,
    rules: Vec<RawRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    name: String,
    #[serde(rename = "match")]
    fits: RawMatch,
    #[serde(default)]
    extract: BTreeMap<String, RawExtract>,
    #[serde(flatten)]
    script: Script,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum RawMatch {
    Anywhere(String),
    Fields(RawFields),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFields {
    #[serde(default)]
    user: OneOrMany,
    #[serde(default)]
    system: OneOrMany,
    schema: Option<String>,
    model: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExtract {
    pattern: String,
    #[serde(rename = "else")]
    fallback: Value,
}

/// What a rule answers.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Script {
    /// The content: JSON, or a text as it is.
    pub(crate) reply: Option<Value>,
    /// The model's refusal, in place of content.
    pub(crate) refusal: Option<String>,
    pub(crate) finish_reason: Option<String>,
    pub(crate) usage: Option<Usage>,
    /// An error status, in place of an answer.
    pub(crate) status: Option<u16>,
    /// The error's text.
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// The wait before the answer.
    #[serde(default)]
    pub(crate) delay_ms: u64,
    /// The wait between the pieces of a stream.
    #[serde(default)]
    pub(crate) pause_ms: u64,
    /// Whether the first answer violates the schema.
    #[serde(default)]
    pub(crate) invalid_once: bool,
    /// How often the rule answers; without it, always.
    pub(crate) times: Option<NonZeroU32>,
}

/// Tokens, in the provider's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Usage {
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    #[serde(default)]
    pub(crate) cached_tokens: u64,
}

/// A checked rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) name: String,
    fits: Match,
    extract: BTreeMap<String, Extract>,
    pub(crate) script: Script,
}

#[derive(Debug, Clone, Default)]
struct Match {
    anywhere: Vec<Pattern>,
    user: Vec<Pattern>,
    system: Vec<Pattern>,
    schema: Option<String>,
    model: Option<String>,
}

#[derive(Debug, Clone)]
enum Pattern {
    Text(String),
    Regex(Regex),
}

#[derive(Debug, Clone)]
struct Extract {
    pattern: Regex,
    fallback: Value,
}

/// What a rule is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'q> {
    pub(crate) user: &'q str,
    pub(crate) system: &'q str,
    pub(crate) schema: Option<&'q str>,
    pub(crate) model: &'q str,
}

impl Rule {
    fn check(raw: RawRule) -> Result<Self, Error> {
        let name = raw.name;
        let extract = raw.extract.into_iter().map(|(field, raw)| {
            let pattern = regex(&name, &raw.pattern)?;
            Ok((field, Extract { pattern, fallback: raw.fallback }))
        });
        let extract = extract.collect::<Result<_, Error>>()?;
        let answers = [raw.script.reply.is_some(), raw.script.refusal.is_some(), raw.script.status.is_some()];
        if answers.into_iter().filter(|is_there| *is_there).count() != 1 {
            let text = format!("rule \"{name}\" needs exactly one of `reply`, `refusal` and `status`");
            return Err(Error::Fixtures { source: serde::de::Error::custom(text) });
        }
        Ok(Self { fits: Match::check(&name, raw.fits)?, name, extract, script: raw.script })
    }

    /// Returns whether the rule answers this question.
    pub(crate) fn fits(&self, question: Question<'_>) -> bool {
        let Match { anywhere, user, system, schema, model } = &self.fits;
        anywhere.iter().all(|pattern| pattern.is_in(question.user) || pattern.is_in(question.system))
            && user.iter().all(|pattern| pattern.is_in(question.user))
            && system.iter().all(|pattern| pattern.is_in(question.system))
            && schema.as_deref().is_none_or(|schema| Some(schema) == question.schema)
            && model.as_deref().is_none_or(|model| model == question.model)
    }

    /// Returns the reply with its `{names}` filled from the user's text.
    pub(crate) fn reply(&self, text: &str) -> Option<Value> {
        let found = self.extract.iter().map(|(name, extract)| (name.clone(), extract.find(text)));
        let found: Map<String, Value> = found.collect();
        self.script.reply.as_ref().map(|reply| fill(reply, &found))
    }
}

impl Match {
    fn check(rule: &str, raw: RawMatch) -> Result<Self, Error> {
        let patterns = |texts: Vec<String>| -> Result<Vec<Pattern>, Error> {
            texts.iter().map(|text| Pattern::check(rule, text)).collect()
        };
        match raw {
            RawMatch::Anywhere(text) => Ok(Self { anywhere: patterns(vec![text])?, ..Self::default() }),
            RawMatch::Fields(RawFields { user, system, schema, model }) => {
                let (user, system) = (patterns(user.into_vec())?, patterns(system.into_vec())?);
                Ok(Self { anywhere: Vec::new(), user, system, schema, model })
            }
        }
    }
}

impl Pattern {
    fn check(rule: &str, text: &str) -> Result<Self, Error> {
        match text.strip_prefix('/').and_then(|text| text.strip_suffix('/')) {
            Some(pattern) => Ok(Self::Regex(regex(rule, pattern)?)),
            None => Ok(Self::Text(text.to_lowercase())),
        }
    }

    fn is_in(&self, text: &str) -> bool {
        match self {
            Self::Text(wanted) => text.to_lowercase().contains(wanted),
            Self::Regex(pattern) => pattern.is_match(text),
        }
    }
}

impl Extract {
    /// Returns the first group that took part, or the whole match; as a number where the fallback is one.
    fn find(&self, text: &str) -> Value {
        let captures = self.pattern.captures(text);
        let found = captures
            .and_then(|captures| captures.iter().skip(1).flatten().next().or_else(|| captures.get(0)));
        let Some(found) = found.map(|found| found.as_str().trim()) else {
            return self.fallback.clone();
        };
        if !self.fallback.is_number() {
            return found.into();
        }
        number(found).map_or_else(|| self.fallback.clone(), Value::Number)
    }
}

/// Reads a number as people write it, `4,500` for example.
pub(crate) fn number(text: &str) -> Option<Number> {
    let digits: String = text.chars().filter(|one| one.is_ascii_digit() || *one == '.').collect();
    let digits = digits.trim_end_matches('.');
    digits.parse::<u64>().ok().map(Number::from).or_else(|| Number::from_f64(digits.parse().ok()?))
}

fn regex(rule: &str, pattern: &str) -> Result<Regex, Error> {
    Regex::new(pattern).map_err(|source| Error::Pattern {
        rule: rule.to_owned(),
        pattern: pattern.to_owned(),
        source,
    })
}

fn fill(reply: &Value, found: &Map<String, Value>) -> Value {
    match reply {
        Value::String(text) => fill_text(text, found),
        Value::Array(items) => items.iter().map(|item| fill(item, found)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), fill(value, found))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => reply.clone(),
    }
}

/// A text that is one name becomes the value itself; names inside a text become text.
fn fill_text(text: &str, found: &Map<String, Value>) -> Value {
    let whole = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    if let Some(value) = whole.and_then(|name| found.get(name)) {
        return value.clone();
    }
    let mut filled = text.to_owned();
    for (name, value) in found {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        filled = filled.replace(&format!("{{{name}}}"), &value);
    }
    filled.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asking(user: &str) -> Question<'_> {
        Question { user, system: "You qualify leads.", schema: Some("qualifier"), model: "small" }
    }

    fn one(rule: Value) -> Rule {
        Fixtures::parse(&json!({ "rules": [rule] }).to_string()).unwrap().rules.remove(0)
    }

    #[test]
    fn every_pattern_must_occur_in_its_own_text() {
        let rule = one(json!({ "name": "r", "reply": "x",
            "match": { "user": ["website", r"/quote\s+for/"], "system": "LEADS", "schema": "qualifier" } }));
        assert!(rule.fits(asking("A Website, a quote  for it")));
        assert!(!rule.fits(asking("a website")));
        assert!(!rule.fits(Question { system: "", ..asking("website quote for") }));
        assert!(!rule.fits(Question { schema: None, ..asking("website quote for") }));
    }

    #[test]
    fn a_reply_is_filled_from_the_text_it_answers() {
        let rule = one(json!({ "name": "r", "match": "quote",
            "extract": { "email": { "pattern": "[a-z]+@[a-z.]+", "else": "none@x.example" },
                         "budget": { "pattern": r"\$([\d,]+)", "else": 0 } },
            "reply": { "lead": ["{email}"], "budget": "{budget}", "note": "{email} has {budget}" } }));
        let reply = rule.reply("ana@studio.example asks for a quote up to $4,500.").unwrap();
        let expected =
            json!({ "lead": ["ana@studio.example"], "budget": 4500, "note": "ana@studio.example has 4500" });
        assert_eq!(reply, expected);
        assert_eq!(rule.reply("nothing").unwrap()["budget"], json!(0));
    }

    #[test]
    fn mistakes_in_fixtures_are_refused() {
        let refused = [
            (json!({ "rules": [{ "name": "r", "match": "x", "reply": "y", "usag": {} }] }), "unknown field"),
            (json!({ "rules": [{ "name": "r", "match": { "usr": "x" }, "reply": "y" }] }), "untagged"),
            (json!({ "rules": [{ "name": "r", "match": "x" }] }), "exactly one of"),
            (
                json!({ "rules": [{ "name": "r", "match": "x", "reply": "y", "status": 500 }] }),
                "exactly one of",
            ),
        ];
        for (text, reason) in refused {
            let error = Fixtures::parse(&text.to_string()).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains(reason), "{text}: {cause}");
        }
        let pattern = json!({ "rules": [{ "name": "r", "match": "/(/", "reply": "y" }] });
        assert!(matches!(Fixtures::parse(&pattern.to_string()), Err(Error::Pattern { .. })));
    }

    #[test]
    fn the_agency_fixtures_answer_three_messages_and_no_other() {
        let fixtures = agency();
        let answered_by = |text: &str| {
            let question = Question { user: text, system: "", schema: None, model: "any" };
            fixtures.rules.iter().find(|rule| rule.fits(question)).map(|rule| rule.name.clone())
        };
        assert_eq!(answered_by("We need a new website, please send a quote").as_deref(), Some("lead"));
        assert_eq!(answered_by("The login on our site is broken, help").as_deref(), Some("support"));
        assert_eq!(answered_by("Hello, might you have time for a chat?").as_deref(), Some("unsure"));
        assert_eq!(answered_by("Ganz etwas anderes."), None);
    }
}
