//! A refit: what people said of a route's decisions becomes lessons in the route's file.
//!
//! ```text
//!   corrections ─► the last word on each text ─┬─ another class ──► an example of that class
//!                                              ├─ none of them ───► a stranger
//!                                              └─ as decided ─────► a confirmation: nothing to learn
//! ```
//! The file is edited in place, comments and all; whoever proposes it decides nothing. The text of a message goes into the
//! repository this way: the proposal shows it before anybody says yes.

use std::collections::BTreeMap;

use adjutant_spec::plan::{Route, RouteCalibration};
use serde::Serialize;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Value};

/// A text is cut after so many characters: an encoder reads no more than that.
const LONGEST: usize = 2_000;

/// What a person said of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The run that asked.
    pub run: String,
    /// The step of that run that asked the route.
    pub step: String,
    /// The class that was decided, where it is known.
    pub decided: Option<String>,
    /// The right class; absent: none of them.
    pub class: Option<String>,
    /// The text that was decided about.
    #[serde(skip)]
    pub text: String,
}

impl Said {
    /// Returns whether the decision was right.
    #[must_use]
    pub fn is_confirmation(&self) -> bool {
        self.class.is_some() && self.decided == self.class
    }
}

/// Why a file cannot be taught.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefitError {
    /// It is no TOML.
    #[error("the route's file is no TOML: {0}")]
    Toml(String),
    /// Its classes or texts are written in a form that is not edited.
    #[error("{0} of the route's file is written in a form that cannot be edited")]
    Form(String),
}

/// Returns what of it a route's file does not say already.
#[must_use]
pub fn news(route: &Route, last: &[Said]) -> Vec<Said> {
    last.iter().filter(|one| is_news(route, one)).cloned().collect()
}

/// Teaches a route's file texts and, where there is one, the calibration. The rest of the file stays as it is.
///
/// # Errors
/// [`RefitError`] where the file cannot be edited.
pub fn teach(
    file: &str,
    taught: &[Said],
    calibration: Option<&RouteCalibration>,
) -> Result<String, RefitError> {
    let mut document: DocumentMut =
        file.parse().map_err(|error: toml_edit::TomlError| RefitError::Toml(error.message().to_owned()))?;
    for one in taught {
        forget(&mut document, &one.text)?;
        match &one.class {
            Some(class) => push(examples(&mut document, class)?, &one.text),
            None => push(strangers(&mut document)?, &one.text),
        }
    }
    if let Some(calibration) = calibration {
        document["calibration"] = Item::Value(Value::InlineTable(table(calibration)));
    }
    Ok(document.to_string())
}

fn table(calibration: &RouteCalibration) -> InlineTable {
    let mut table = InlineTable::new();
    table.insert("slope", calibration.slope.into());
    table.insert("offset", calibration.offset.into());
    table.insert("outcomes", i64::from(calibration.outcomes).into());
    if let Some(threshold) = calibration.threshold {
        table.insert("threshold", threshold.into());
    }
    table.insert("model", calibration.model.as_str().into());
    table
}

/// Returns the last word on each text, in the order of the texts, from words that are told oldest first.
#[must_use]
pub fn last_words(said: &[Said]) -> Vec<Said> {
    let words = said.iter().map(|one| (lesson(&one.text), one));
    let last: BTreeMap<String, &Said> = words.collect();
    last.into_iter().map(|(text, one)| Said { text, ..one.clone() }).collect()
}

/// Returns whether a word is one that the route's file does not say already.
fn is_news(route: &Route, said: &Said) -> bool {
    let has = |texts: &[String]| texts.iter().any(|known| lesson(known) == said.text);
    if said.text.is_empty() {
        return false;
    }
    match &said.class {
        None => !has(&route.strangers),
        Some(_) if said.is_confirmation() => false,
        Some(class) => {
            route.classes.iter().find(|known| known.id == *class).is_some_and(|known| !has(&known.examples))
        }
    }
}

/// Returns a text as it is taught: without outer space, and no longer than an encoder reads.
pub(super) fn lesson(text: &str) -> String {
    text.trim().chars().take(LONGEST).collect::<String>().trim_end().to_owned()
}

fn classes(document: &mut DocumentMut) -> Result<&mut ArrayOfTables, RefitError> {
    let classes = document.get_mut("class").and_then(Item::as_array_of_tables_mut);
    classes.ok_or_else(|| RefitError::Form("`class`".to_owned()))
}

fn examples<'a>(document: &'a mut DocumentMut, class: &str) -> Result<&'a mut Array, RefitError> {
    let form = || RefitError::Form(format!("class \"{class}\""));
    let is_it = |table: &&mut toml_edit::Table| table.get("id").and_then(Item::as_str) == Some(class);
    let table = classes(document)?.iter_mut().find(is_it).ok_or_else(form)?;
    let examples = table.entry("examples").or_insert_with(|| Item::Value(Value::Array(Array::new())));
    examples.as_array_mut().ok_or_else(form)
}

fn strangers(document: &mut DocumentMut) -> Result<&mut Array, RefitError> {
    let strangers = document.entry("strangers").or_insert_with(|| Item::Value(Value::Array(Array::new())));
    strangers.as_array_mut().ok_or_else(|| RefitError::Form("`strangers`".to_owned()))
}

/// Removes a text wherever it stands: it means one thing.
fn forget(document: &mut DocumentMut, text: &str) -> Result<(), RefitError> {
    let is_it = |value: &Value| value.as_str().is_some_and(|known| lesson(known) == text);
    if let Some(strangers) = document.get_mut("strangers").and_then(Item::as_array_mut) {
        strangers.retain(|value| !is_it(value));
    }
    for class in classes(document)?.iter_mut() {
        if let Some(examples) = class.get_mut("examples").and_then(Item::as_array_mut) {
            examples.retain(|value| !is_it(value));
        }
    }
    Ok(())
}

/// Adds a text on a line of its own; comments between the texts stay where they are.
fn push(texts: &mut Array, text: &str) {
    texts.push(text);
    for value in texts.iter_mut() {
        let prefix = value.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
        if !prefix.contains('\n') {
            value.decor_mut().set_prefix("\n    ");
        }
    }
    if !texts.trailing().as_str().is_some_and(|trailing| trailing.contains('\n')) {
        texts.set_trailing("\n");
    }
    texts.set_trailing_comma(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"schema = "adjutant/v1"
title = "What it is" # mine

[[class]]
id = "lead"
description = "Somebody wants to buy."
examples = ["A quote, please."]

[[class]]
id = "support"
description = "Something is broken."
examples = [
    # the oldest
    "It is broken.",
]
"#;

    fn route(file: &str) -> Route {
        let files = adjutant_company::company(&[("routes/inbound.toml", file)]);
        adjutant_company::plan(&files).routes["inbound"].clone()
    }

    fn said(text: &str, decided: &str, class: Option<&str>) -> Said {
        Said {
            run: "r".to_owned(),
            step: "sort".to_owned(),
            text: text.to_owned(),
            decided: Some(decided.to_owned()),
            class: class.map(str::to_owned),
        }
    }

    #[test]
    fn what_was_said_becomes_examples_and_strangers_and_the_rest_stays() {
        let all = [
            said("Buy links!", "lead", None),
            said("  The shop is slow.\n", "lead", Some("support")),
            said("What would it cost?", "unsure", Some("support")),
            said("What would it cost?", "unsure", Some("lead")),
            said("Fine as it was.", "lead", Some("lead")),
            said("It is broken.", "lead", Some("support")),
            said("Of a class that is gone.", "lead", Some("gone")),
        ];
        let taught = news(&route(FILE), &last_words(&all));
        let file = teach(FILE, &taught, None).unwrap();
        let expected = r#"schema = "adjutant/v1"
title = "What it is" # mine
strangers = [
    "Buy links!",
]

[[class]]
id = "lead"
description = "Somebody wants to buy."
examples = [
    "A quote, please.",
    "What would it cost?",
]

[[class]]
id = "support"
description = "Something is broken."
examples = [
    # the oldest
    "It is broken.",
    "The shop is slow.",
]
"#;
        assert_eq!(file, expected);
        assert_eq!(taught.len(), 3);
        assert_eq!(news(&route(&file), &last_words(&all)), [], "the file says it all");
    }

    #[test]
    fn a_text_stands_in_one_place() {
        let all = [said("A quote, please.", "lead", None)];
        let file = teach(FILE, &news(&route(FILE), &last_words(&all)), None).unwrap();
        let route = route(&file);
        assert_eq!(route.classes[0].examples, Vec::<String>::new());
        assert_eq!(route.strangers, ["A quote, please."]);
    }

    #[test]
    fn a_form_that_is_not_edited_is_refused() {
        let file = "schema = \"adjutant/v1\"\nclass = [{ id = \"lead\", description = \"d\" }, { id = \"support\", description = \"d\" }]\n";
        let refused = teach(file, &[said("x", "lead", Some("support"))], None).unwrap_err();
        assert_eq!(refused, RefitError::Form("`class`".to_owned()));
    }

    #[test]
    fn a_calibration_is_written_above_the_classes_and_read_back() {
        let calibration = RouteCalibration {
            slope: 0.9,
            offset: -0.25,
            outcomes: 120,
            threshold: Some(0.93),
            model: format!("sha256:{}", "0".repeat(64)),
        };
        let file = teach(FILE, &[], Some(&calibration)).unwrap();
        assert_eq!(route(&file).calibration, Some(calibration.clone()));
        assert_eq!(teach(&file, &[], Some(&calibration)).unwrap(), file);
    }
}
