//! `route`: what a route says about a text, by rules, examples and the local model. Nothing is asked that costs
//! money.

use std::path::Path;

use serde_json::Value;

use super::checked;
use crate::{
    cli::{
        failure::{Exit, Failure, Outcome},
        out::{Out, Paint, Words, words},
    },
    effects::{Effects, Options, secrets::Keys},
    judgement::{Files, Routers},
};

/// Asks a route.
pub(crate) fn route(out: &Out, (name, text): (&str, &str), folder: &Path) -> Outcome {
    let plan = checked(folder)?;
    let (keys, routers) = (Keys::locate()?, Routers::new(Files::locate()));
    // A route is tried without a call, so that no folder is used.
    let options = Options { keys, files: folder.to_owned(), keep_out: Vec::new(), routers };
    let answer = Effects::new(options).try_route(&plan, name, text).ok_or_else(|| {
        let names: Vec<String> = plan.routes.keys().cloned().collect();
        Failure::new(Exit::NotFound, format!("there is no route \"{name}\""))
            .hint(format!("routes are: {}", names.join(", ")))
    })?;
    if out.json { out.value(&answer) } else { out.data(in_words(out, &answer)) }
}

fn in_words(out: &Out, answer: &Value) -> Words {
    let text = |key: &str| answer[key].as_str().unwrap_or("-").to_owned();
    let number =
        |key: &str| answer[key].as_f64().map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    let near = answer["neighbours"].as_array().into_iter().flatten().map(|near| {
        let number = near["similarity"].as_f64().unwrap_or_default();
        let word = |key: &str| near[key].as_str().unwrap_or_default().to_owned();
        words!("  {} {}: {}\n", format!("{number:.2}"), word("class"), word("text"))
    });
    let author = match text("stage").as_str() {
        "abstained" => "(nothing was sure enough)".to_owned(),
        stage => format!("by {stage}"),
    };
    words!(
        "{} {}, probability {} of at least {}, margin {} over {}, model {}, {} µs\n{}",
        out.paint(Paint::Bold, &text("class")),
        author,
        number("probability"),
        number("threshold"),
        number("margin"),
        text("runner_up"),
        text("model"),
        answer["micros"],
        near.sum::<Words>()
    )
}
