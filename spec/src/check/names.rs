//! Names: a bare name looks in its own slice, then in `company`; `<slice>/<id>` is the full form.

use crate::{
    draft::{Draft, Kind},
    files::slice_of,
    plan::Verb,
};

/// What a written name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// An object, by its id.
    Id(String),
    /// An object whose file could not be read: reported there.
    Broken(String),
    /// Nothing, with what to type instead where something is near.
    Missing(Option<String>),
}

/// Looks a name up, as written in a file of a slice.
pub(crate) fn find(draft: &Draft, kind: Kind, slice: &str, written: &str) -> Found {
    let (wanted, id) = match written.split_once('/') {
        Some((slice, id)) => (Some(slice), id),
        None => (None, written),
    };
    if draft.is_broken(kind, id) {
        return Found::Broken(id.to_owned());
    }
    match (home(draft, kind, id), wanted) {
        (Some(home), Some(wanted)) if home == wanted => Found::Id(id.to_owned()),
        (Some(home), None) if home == slice || home == "company" => Found::Id(id.to_owned()),
        (Some(home), _) => {
            Found::Missing(Some(format!("write \"{home}/{id}\": it belongs to slice \"{home}\"")))
        }
        (None, _) => Found::Missing(near(draft, kind, id)),
    }
}

/// Returns the slice that owns an object.
fn home<'a>(draft: &'a Draft, kind: Kind, id: &str) -> Option<&'a str> {
    let file = match kind {
        Kind::Playbook => draft.playbooks.get(id).map(|at| &at.file),
        Kind::Agent => draft.agents.get(id).map(|at| &at.file),
        Kind::Connector => draft.connectors.get(id).map(|at| &at.file),
        Kind::Route => draft.routes.get(id).map(|at| &at.file),
        Kind::Record => draft.records.get(id).map(|at| &at.file),
    };
    file.map(|file| slice_of(file))
}

fn near(draft: &Draft, kind: Kind, id: &str) -> Option<String> {
    let near = nearest(id, draft.ids(kind))?;
    Some(format!("did you mean \"{near}\"? ({}/{near}.{})", kind.folder(), extension(kind)))
}

fn extension(kind: Kind) -> &'static str {
    if kind == Kind::Record { "json" } else { "toml" }
}

/// Returns the candidate that a mistyped word is nearest to, if any is near.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = candidates.into_iter().map(|candidate| (strsim::jaro_winkler(word, candidate), candidate));
    let near = scored.filter(|(score, _)| *score > 0.78);
    near.max_by(|left, right| left.0.total_cmp(&right.0).then(right.1.cmp(left.1)))
        .map(|(_, candidate)| candidate)
}

/// Returns "did you mean" for a mistyped word, else the list of what there is.
pub(crate) fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(near) = nearest(word, candidates.clone()) {
        return Some(format!("did you mean \"{near}\"?"));
    }
    let all: Vec<&str> = candidates.into_iter().collect();
    (!all.is_empty()).then(|| format!("there is {}", list(&all)))
}

/// Returns words as a list for people: `"a", "b" and "c"`.
pub(crate) fn list<T: AsRef<str>>(words: &[T]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{}\"", word.as_ref())).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Looks a verb up by the name written in a file of a slice: its full name, `<connector>.<verb>`.
pub(crate) fn find_verb(draft: &Draft, slice: &str, written: &str) -> Found {
    let Some((connector, verb)) = written.split_once('.') else {
        return Found::Missing(Some(
            "a verb is written \"<connector>.<verb>\", such as \"mail.send\"".to_owned(),
        ));
    };
    match find(draft, Kind::Connector, slice, connector) {
        Found::Id(id) => match draft.connectors.get(&id) {
            Some(found) if found.verbs.contains_key(verb) => Found::Id(format!("{id}.{verb}")),
            Some(found) => Found::Missing(hint(verb, found.verbs.keys().map(String::as_str))),
            None => Found::Missing(None),
        },
        Found::Broken(id) => Found::Broken(format!("{id}.{verb}")),
        missing @ Found::Missing(_) => missing,
    }
}

/// Returns a verb by its full name.
pub(crate) fn verb<'a>(draft: &'a Draft, full: &str) -> Option<&'a Verb> {
    let (connector, verb) = full.split_once('.')?;
    draft.connectors.get(connector)?.verbs.get(verb)
}

/// Returns the full name of a verb that another verb of the same connector names, such as its probe.
pub(crate) fn sibling(full: &str, name: &str) -> String {
    match (name.contains('.'), full.split_once('.')) {
        (false, Some((connector, _))) => format!("{connector}.{name}"),
        _ => name.to_owned(),
    }
}

/// Looks up a prompt or template: its path from the slice, then from the root.
pub(crate) fn find_text(draft: &Draft, slice: &str, written: &str) -> Found {
    let own = format!("slices/{slice}/{written}");
    if draft.texts.contains_key(&own) {
        return Found::Id(own);
    }
    if draft.texts.contains_key(written) {
        return Found::Id(written.to_owned());
    }
    Found::Missing(hint(written, draft.texts.keys().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_offered_and_a_far_one_is_not() {
        assert_eq!(nearest("triager", ["triage", "writer"]), Some("triage"));
        assert_eq!(nearest("xyz", ["triage", "writer"]), None);
        assert_eq!(hint("xyz", ["a", "b", "c"]).as_deref(), Some("there is \"a\", \"b\" and \"c\""));
    }
}
