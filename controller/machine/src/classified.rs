//! What a route said about a text, as its step records it: whoever shows or replays it asks no model again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The value of a route step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classified {
    /// The class, else `unsure`.
    pub class: String,
    /// The probability that the likeliest class is right.
    pub probability: f64,
    /// How far it lies above the runner-up.
    #[serde(default)]
    pub margin: f64,
    /// The probability below which the router abstains; absent where no router was asked.
    #[serde(default)]
    pub threshold: Option<f64>,
    /// The second likeliest class.
    #[serde(default)]
    pub runner_up: Option<String>,
    /// What answered: `rule`, `router`, the name of a hop, or `abstained`.
    pub stage: String,
    /// The nearest examples, nearest first.
    #[serde(default)]
    pub neighbours: Vec<Near>,
    /// The name of the model that compared.
    #[serde(default)]
    pub model: String,
    /// How long it took.
    #[serde(default)]
    pub micros: u64,
}

/// An example near the text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Near {
    /// The class that the example stands for.
    pub class: String,
    /// The text that was compared with.
    pub text: String,
    /// How alike the two are, from 0 to 1.
    pub similarity: f64,
}

impl Classified {
    /// Reads the value of a route step; `None` where it is something else.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }

    /// Says who decided, to be read after the class.
    #[must_use]
    pub fn author(&self) -> String {
        match self.stage.as_str() {
            "abstained" => ": nothing was sure enough".to_owned(),
            stage => format!(" by {stage}"),
        }
    }

    /// Says it in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut text = format!("\"{}\"{}", self.class, self.author());
        if let Some(threshold) = self.threshold {
            text.push_str(&format!(", probability {:.3} of at least {threshold:.3}", self.probability));
        }
        if let Some(near) = self.neighbours.first() {
            let (class, words) = (&near.class, &near.text);
            text.push_str(&format!(", nearest {class} {:.2} \"{words}\"", near.similarity));
        }
        if self.threshold.is_some() {
            text.push_str(&format!(", model {}", self.model));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_older_builds_recorded_can_be_read() {
        let value = json!({ "class": "lead", "probability": 1.0, "stage": "rule", "model": "rules" });
        assert_eq!(Classified::read(&value).unwrap().sentence(), "\"lead\" by rule");
        assert_eq!(Classified::read(&json!({ "text": "no decision" })), None);
    }

    #[test]
    fn a_decision_is_told_with_what_it_was_compared_with() {
        let near = Near { class: "lead".to_owned(), text: "a quote?".to_owned(), similarity: 0.87 };
        let decided = Classified {
            class: "lead".to_owned(),
            probability: 0.98,
            margin: 0.9,
            threshold: Some(0.91),
            runner_up: Some("support".to_owned()),
            stage: "router".to_owned(),
            neighbours: vec![near],
            model: "m".to_owned(),
            micros: 5,
        };
        let value = serde_json::to_value(&decided).unwrap();
        assert_eq!(Classified::read(&value), Some(decided.clone()));
        let expected = "\"lead\" by router, probability 0.980 of at least 0.910, nearest lead 0.87 \"a quote?\", model m";
        assert_eq!(decided.sentence(), expected);
    }
}
