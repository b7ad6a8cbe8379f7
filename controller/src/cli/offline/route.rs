//! `route`: what a route says about a text, by rules and examples alone. Nothing is asked that costs money.

use std::{path::Path, sync::Arc};

use serde_json::Value;

use super::load;
use crate::{
    cli::{
        failure::{Exit, Failure, Outcome},
        out::{Out, Paint},
    },
    effects::{Effects, Options, secrets::Keys},
};

/// Asks a route.
pub(crate) fn route(out: &Out, (name, text): (&str, &str), folder: &Path) -> Outcome {
    let plan = load(folder, None)?.1.plan.ok_or_else(|| {
        Failure::invalid("the company does not check").hint("`adjutant check` tells what is wrong")
    })?;
    let effects = Effects::new(Options { keys: Keys::locate()?, files: folder.to_owned() }, Arc::new(plan));
    let answer = effects.try_route(name, text).ok_or_else(|| {
        let names: Vec<String> = effects.plan().routes.keys().cloned().collect();
        Failure::new(Exit::NotFound, format!("there is no route \"{name}\""))
            .hint(format!("routes are: {}", names.join(", ")))
    })?;
    if out.json { out.value(&answer) } else { out.data(words(out, &answer)) }
}

fn words(out: &Out, answer: &Value) -> String {
    let text = |key: &str| answer[key].as_str().unwrap_or("-").to_owned();
    let number =
        |key: &str| answer[key].as_f64().map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    format!(
        "{}  by {}, probability {}, margin {}, {} µs\n",
        out.paint(Paint::Bold, &text("class")),
        text("stage"),
        number("probability"),
        number("margin"),
        answer["micros"]
    )
}
