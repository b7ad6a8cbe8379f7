//! `explain` and `schema`: what the binary knows about the language.

use adjutant_spec::{diag::Code, fields};
use serde_json::{Map, json};

use crate::cli::{
    failure::{Exit, Failure, Outcome},
    out::{Out, Paint, Words, words},
};

/// Prints the page of a code; without one, every code with its title.
pub(crate) fn explain(out: &Out, name: Option<&str>) -> Outcome {
    let Some(name) = name else { return all_codes(out) };
    let code = Code::from_name(&name.to_ascii_uppercase()).ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("there is no code \"{name}\""))
            .hint("`adjutant explain` without a code lists all of them")
    })?;
    if out.json {
        return out.value(&json!({
            "code": code.name(),
            "severity": code.severity().word(),
            "title": code.title(),
            "page": code.page(),
        }));
    }
    out.data(Words::document(code.page()))
}

fn all_codes(out: &Out) -> Outcome {
    if out.json {
        let row = |code: &Code| json!({ "code": code.name(), "severity": code.severity().word(), "title": code.title() });
        return out.value(&Code::ALL.iter().map(row).collect::<Vec<_>>());
    }
    let line = |code: &Code| words!("{}  {}\n", out.paint(Paint::Bold, code.name()), code.title());
    out.data(Code::ALL.iter().map(line).sum::<Words>())
}

/// Prints the JSON Schema of a kind of file; without one, of all kinds by name.
pub(crate) fn schema(out: &Out, kind: Option<&str>) -> Outcome {
    let Some(kind) = kind else {
        let all: Map<_, _> =
            fields::FILE_KINDS.iter().map(|kind| (kind.name.to_owned(), kind.json_schema())).collect();
        return out.value(&all);
    };
    let found = fields::file_kind(kind).ok_or_else(|| {
        let names: Vec<&str> = fields::FILE_KINDS.iter().map(|kind| kind.name).collect();
        Failure::new(Exit::NotFound, format!("there is no kind of file \"{kind}\""))
            .hint(format!("kinds are: {}", names.join(", ")))
    })?;
    out.value(&found.json_schema())
}
