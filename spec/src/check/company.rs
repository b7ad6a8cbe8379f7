//! Checks across the company: owners, former ids, policies, playbooks that run themselves, objects that nothing uses.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    cx::Out,
    graph::Graph,
    names::{self, Found, hint},
};
use crate::{
    compile::resolve::Resolved,
    diag::{Code, Diagnostic, Spot},
    draft::{At, Draft, Kind, Rows, Shelf},
    plan::{Id, StepKind},
};

/// Checks what concerns more than one object.
pub(crate) fn check(draft: &Draft, resolved: &Rows<Resolved>, out: &mut Out) {
    owners(draft, out);
    former_ids(draft, out);
    policies(draft, out);
    recursion(draft, resolved, out);
    unused(draft, resolved, out);
}

fn owners(draft: &Draft, out: &mut Out) {
    let Some(company) = &*draft.company else { return };
    let personas: Vec<&str> = company.personas.iter().map(|persona| persona.id.as_str()).collect();
    let mut owner = |name: &str, spot: &dyn Fn() -> Spot| {
        // A company that lists no personas has one: its owner.
        let known = personas.contains(&name) || (personas.is_empty() && name == company.owner);
        if !known {
            let all = if personas.is_empty() { vec![company.owner.as_str()] } else { personas.clone() };
            out.push(
                Diagnostic::new(Code::E0210, spot(), format!("\"{name}\" is no persona of the company"))
                    .label("no such persona")
                    .help_if(hint(name, all)),
            );
        }
    };
    owner(&company.owner, &|| draft.spot(company, "owner"));
    draft.slices.values().for_each(|at| owner(&at.owner, &|| draft.spot(at, "owner")));
    draft.playbooks.values().for_each(|at| owner(&at.owner, &|| draft.spot(at, "owner")));
    draft.agents.values().for_each(|at| owner(&at.owner, &|| draft.spot(at, "owner")));
    draft.connectors.values().for_each(|at| owner(&at.owner, &|| draft.spot(at, "owner")));
    draft.routes.values().for_each(|at| owner(&at.owner, &|| draft.spot(at, "owner")));
}

fn former_ids(draft: &Draft, out: &mut Out) {
    fn of<T>(draft: &Draft, objects: &Shelf<At<T>>, was: impl Fn(&T) -> &[Id], out: &mut Out, kind: Kind) {
        let mut claimed: BTreeMap<&str, &str> = BTreeMap::new();
        for (id, at) in objects.iter() {
            for (index, former) in was(&at.value).iter().enumerate() {
                let other = claimed.insert(former, id).filter(|other| other != id);
                let taken = draft.has(kind, former);
                let message = match other {
                    _ if taken => format!(
                        "{} \"{id}\" cannot have been \"{former}\": that one still exists",
                        kind.word()
                    ),
                    Some(other) => format!(
                        "both \"{other}\" and \"{id}\" say that they were {} \"{former}\"",
                        kind.word()
                    ),
                    None => continue,
                };
                out.push(
                    Diagnostic::new(Code::E0202, draft.spot(at, &format!("was[{index}]")), message)
                        .label("its history cannot belong to two")
                        .help("let `was` name ids that are free now, each in one file"),
                );
            }
        }
    }
    of(draft, &draft.playbooks, |it| &it.was, out, Kind::Playbook);
    of(draft, &draft.agents, |it| &it.was, out, Kind::Agent);
    of(draft, &draft.connectors, |it| &it.was, out, Kind::Connector);
    of(draft, &draft.routes, |it| &it.was, out, Kind::Route);
}

fn policies(draft: &Draft, out: &mut Out) {
    let policies = &draft.policies;
    for at in &policies.budgets {
        scope(draft, out, &at.scope, draft.spot(at, "scope"));
    }
    for at in &policies.freezes {
        scope(draft, out, &at.scope, draft.spot(at, "scope"));
    }
    for at in &policies.autonomy {
        subject(draft, out, &at.subject, draft.spot(at, "subject"));
        granted_verb(draft, out, &at.verb, draft.spot(at, "verb"));
    }
    for at in &policies.notify {
        granted_verb(draft, out, &at.via, draft.spot(at, "via"));
    }
}

fn scope(draft: &Draft, out: &mut Out, written: &str, spot: Spot) {
    let (kind, id) = written.split_once(':').unwrap_or((written, ""));
    let missing = match kind {
        "company" => None,
        "slice" if draft.slices.contains_key(id) => None,
        "slice" => Some(hint(id, draft.slices.keys().map(String::as_str))),
        "playbook" => anywhere(draft, Kind::Playbook, id),
        "agent" => anywhere(draft, Kind::Agent, id),
        _ => Some(Some("write `company`, `slice:<id>`, `playbook:<id>` or `agent:<id>`".to_owned())),
    };
    if let Some(help) = missing {
        out.push(
            Diagnostic::new(
                Code::E0218,
                spot,
                format!("a policy speaks of \"{written}\", which does not exist"),
            )
            .label("no such thing")
            .help_if(help),
        );
    }
}

/// A grant is given to a playbook: nothing else calls verbs in this version, so a grant to it would never be looked at.
fn subject(draft: &Draft, out: &mut Out, written: &str, spot: Spot) {
    let help = "grant it to the playbook whose step calls the verb: `playbook:<id>`";
    match written.split_once(':').map_or(written, |(kind, _)| kind) {
        "company" | "slice" => out.push(
            Diagnostic::new(
                Code::E0218,
                spot,
                format!("\"{written}\" calls no verb, so it can be granted none"),
            )
            .label("not a subject")
            .help(help),
        ),
        "agent" => out.push(
            Diagnostic::new(Code::E0900, spot, "grants to agents are not supported by this version")
                .label("not yet")
                .help(help),
        ),
        _ => scope(draft, out, written, spot),
    }
}

/// Ids are unique in a company, and policies speak of all slices: a bare id is enough here.
fn anywhere(draft: &Draft, kind: Kind, written: &str) -> Option<Option<String>> {
    let id = written.rsplit('/').next().unwrap_or(written);
    (!draft.has(kind, id)).then(|| hint(id, draft.ids(kind)))
}

fn granted_verb(draft: &Draft, out: &mut Out, written: &str, spot: Spot) {
    let found = match written.split_once('.') {
        Some(("record", "write")) => return,
        Some((connector, "*")) => names::find(draft, Kind::Connector, "company", connector),
        _ => names::find_verb(draft, "company", written),
    };
    // A connector of another slice may be granted from the company's policies.
    let connector = written.split_once('.').map_or(written, |(connector, _)| connector);
    let elsewhere = draft.connectors.get(connector).is_some_and(|at| {
        written.ends_with(".*") || at.verbs.keys().any(|verb| written == format!("{connector}.{verb}"))
    });
    if let Found::Missing(help) = found
        && !elsewhere
    {
        out.push(
            Diagnostic::new(
                Code::E0206,
                spot,
                format!("a policy speaks of verb \"{written}\", which does not exist"),
            )
            .label("no such verb")
            .help_if(help),
        );
    }
}

fn recursion(draft: &Draft, resolved: &Rows<Resolved>, out: &mut Out) {
    // What runs nothing lies on no circle.
    let running = || resolved.iter().filter(|(_, found)| !found.names.playbooks.is_empty());
    let ids: Vec<&str> = running().map(|(id, _)| id.as_str()).collect();
    let mut graph = Graph::new(ids.len());
    for (from, (_, found)) in running().enumerate() {
        for to in found.names.playbooks.iter().filter_map(|child| ids.binary_search(&child.as_str()).ok()) {
            graph.edge(from, to);
        }
    }
    for cycle in graph.cycles() {
        let names: Vec<&str> = cycle.iter().map(|place| ids[*place]).collect();
        for place in &cycle {
            let Some(found) = resolved.get(ids[*place]) else { continue };
            let step = found.flat.iter().position(
                |step| matches!(&step.kind, StepKind::Run { run, .. } if names.contains(&run.as_str())),
            );
            let Some(step) = step else { continue };
            let below = format!("step[{}].run", found.index[step]);
            out.push(
                Diagnostic::new(
                    Code::E0312,
                    draft.spot(&found.at, &below),
                    match names.as_slice() {
                        [one] => format!("playbook \"{one}\" runs itself"),
                        _ => format!("the playbooks {} run each other in a circle", names::list(&names)),
                    },
                )
                .label("runs itself again")
                .help("use a cycle with `visits` inside one playbook, or let a trigger start the next run"),
            );
        }
    }
}

/// Objects that nothing uses are warnings: a half-written flow must still be savable.
fn unused(draft: &Draft, resolved: &Rows<Resolved>, out: &mut Out) {
    let used = Used::of(draft, resolved);
    let mut warn = |spot: Spot, word: &str, id: &str| {
        out.push(
            Diagnostic::new(Code::W0202, spot, format!("nothing uses {word} \"{id}\""))
                .help("use it, or remove the file: what nothing uses does nothing"),
        );
    };
    for (id, at) in draft.agents.iter().filter(|(id, _)| !used.agents.contains(id.as_str())) {
        warn(Spot::file(&at.file), "agent", id);
    }
    for (id, at) in draft.routes.iter().filter(|(id, _)| !used.routes.contains(id.as_str())) {
        warn(Spot::file(&at.file), "route", id);
    }
    for path in draft.texts.keys().filter(|path| !used.texts.contains(path.as_str())) {
        warn(Spot::file(path), "template", path);
    }
}

/// The objects that something uses.
#[derive(Default)]
struct Used<'a> {
    agents: BTreeSet<&'a str>,
    routes: BTreeSet<&'a str>,
    texts: BTreeSet<Cow<'a, str>>,
}

impl<'a> Used<'a> {
    fn of(draft: &'a Draft, resolved: &'a Rows<Resolved>) -> Self {
        let mut used = Self::default();
        // What could not be read may use anything.
        if !draft.broken.is_empty() || resolved.values().any(|found| !found.whole) {
            used.agents.extend(draft.agents.keys().map(String::as_str));
            used.routes.extend(draft.routes.keys().map(String::as_str));
            used.texts.extend(draft.texts.keys().map(|path| Cow::Borrowed(path.as_str())));
            return used;
        }
        for names in resolved.values().map(|found| &found.names) {
            used.agents.extend(names.agents.iter().map(String::as_str));
            used.routes.extend(names.routes.iter().map(String::as_str));
            used.texts.extend(names.texts.iter().map(|path| Cow::Borrowed(path.as_str())));
        }
        for at in draft.routes.values() {
            let hops = at.escalate.iter().filter_map(|hop| hop.strip_prefix("agent:"));
            used.agents.extend(hops.map(|hop| hop.rsplit('/').next().unwrap_or(hop)));
        }
        for at in draft.agents.values() {
            if let Found::Id(path) = names::find_text(draft, &at.slice, &at.prompt) {
                used.texts.insert(Cow::Owned(path));
            }
        }
        used
    }
}
