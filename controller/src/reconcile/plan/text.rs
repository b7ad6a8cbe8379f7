//! A plan as text: what `git push` shows and what `adjutant plan` prints.

use std::fmt::Write;

use adjutant_spec::{advice::Advice, shown};

use super::{Artefact, Class, Retained};
use crate::reconcile::rehearsal::{Rehearsed, Unfit};

impl Artefact {
    /// Returns the text that the pusher and the terminal show.
    #[must_use]
    pub fn render(&self) -> String {
        render(self)
    }
}

/// Writes a plan; sections without content are left out.
fn render(plan: &Artefact) -> String {
    let mut text = String::new();
    let count = match plan.changes.len() {
        0 => "no change".to_owned(),
        1 => "1 change".to_owned(),
        many => format!("{many} changes"),
    };
    line(&mut text, &format!("plan {}: {count}", plan.short()));
    for change in &plan.changes {
        line(&mut text, &format!("  {change}"));
    }
    section(&mut text, "live runs", plan.runs.iter().map(runs));
    section(&mut text, "recorded decisions", plan.routes.iter().map(Rehearsed::sentence));
    section(&mut text, "stored records", plan.records.iter().map(Unfit::sentence));
    let slots = plan.schedules.iter().map(|slot| {
        let at = slot.at.as_deref().unwrap_or("never again");
        format!("\"{}\" fires next at {at} ({})", slot.playbook, slot.zone)
    });
    section(&mut text, "schedules", slots);
    let secrets = plan.secrets.iter().map(|secret| {
        let advice = Advice::SecretsSet(&secret.name);
        format!("\"{}\" of connector \"{}\": {advice}", secret.name, secret.connector)
    });
    section(&mut text, "secrets missing", secrets);
    let held = plan.held.iter().map(|(slice, reason)| format!("slice \"{slice}\": {reason}"));
    section(&mut text, "stays as it is", held);
    if let Some(confirm) = &plan.confirm {
        section(&mut text, "waits for your yes", confirm.because.iter().cloned());
    }
    text
}

fn runs(row: &Retained) -> String {
    let class = match row.class {
        Class::Same => "same",
        Class::Compatible => "compatible",
        Class::Incompatible => "incompatible",
        Class::Retired => "retired",
    };
    let reason = row.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    format!("{} of \"{}\" {} ({class}{reason})", row.count, row.playbook, row.then)
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    for (place, content) in lines.enumerate() {
        if place == 0 {
            line(text, title);
        }
        line(text, &format!("  {content}"));
    }
}

/// Names of files, steps and slices are whoever wrote them: none of them begins a line of its own.
fn line(text: &mut String, content: &str) {
    let content = shown::line(content);
    // Writing to a string cannot fail.
    writeln!(text, "{content}").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use adjutant_spec::diff::{Change, ChangeKind, Direction};

    use super::{super::*, *};
    use crate::reconcile::rehearsal::Redecided;

    fn change(kind: ChangeKind, text: &str, direction: Direction) -> Change {
        Change { kind, subject: "x".to_owned(), text: text.to_owned(), direction }
    }

    fn plan() -> Artefact {
        Artefact {
            id: "0123456789abcdef".to_owned(),
            base: None,
            target: "t".to_owned(),
            live: String::new(),
            policy: String::new(),
            changes: Vec::new(),
            runs: Vec::new(),
            routes: Vec::new(),
            records: Vec::new(),
            schedules: Vec::new(),
            secrets: Vec::new(),
            held: BTreeMap::new(),
            confirm: None,
        }
    }

    #[test]
    fn what_is_empty_is_left_out() {
        assert_eq!(render(&plan()), "plan 0123456789ab: no change\n");
    }

    fn full() -> Artefact {
        Artefact {
            changes: vec![
                change(ChangeKind::Added, "playbook \"weekly\" is new", Direction::Neutral),
                change(
                    ChangeKind::Budget,
                    "budget of company a day: 20 EUR instead of 10 EUR",
                    Direction::Widened,
                ),
            ],
            runs: vec![Retained {
                playbook: "lead".to_owned(),
                class: Class::Incompatible,
                bundle: String::new(),
                // Not all of them are named.
                runs: vec!["lead-a".to_owned(), "lead-b".to_owned()],
                count: 1_200,
                digest: String::new(),
                reason: Some("step \"ask\" is gone".to_owned()),
                lost: Vec::new(),
                then: "finish on what they began with".to_owned(),
            }],
            routes: vec![Rehearsed::of(
                "inbound".to_owned(),
                ["support", "lead"]
                    .map(|would_be| Redecided { was: "lead".to_owned(), would_be: would_be.to_owned() }),
            )],
            records: vec![Unfit {
                kind: "customer".to_owned(),
                looked: 40,
                more: false,
                unfit: 2,
                examples: vec!["\"ada\": \"budget\" is not allowed".to_owned()],
            }],
            schedules: vec![NextSlot {
                playbook: "weekly".to_owned(),
                cron: "0 0 8 * * MON".to_owned(),
                zone: "Europe/Berlin".to_owned(),
                at: Some("2026-05-11T08:00:00+02:00".to_owned()),
            }],
            secrets: vec![MissingSecret { name: "billing".to_owned(), connector: "invoices".to_owned() }],
            held: BTreeMap::from([("sales".to_owned(), "slices/sales/slice.toml:1: unknown key".to_owned())]),
            confirm: Some(Confirm {
                token: "t".to_owned(),
                because: vec!["12 resources are retired".to_owned()],
            }),
            ..plan()
        }
    }

    #[test]
    fn a_plan_reads_from_what_changes_to_what_it_needs() {
        let text = "\
plan 0123456789ab: 2 changes
  + playbook \"weekly\" is new
  ~ budget of company a day: 20 EUR instead of 10 EUR (widened)
live runs
  1200 of \"lead\" finish on what they began with (incompatible: step \"ask\" is gone)
recorded decisions
  route \"inbound\": 1 of 2 would change: lead -> support (1)
stored records
  2 of 40 \"customer\" would no longer fit: \"ada\": \"budget\" is not allowed
schedules
  \"weekly\" fires next at 2026-05-11T08:00:00+02:00 (Europe/Berlin)
secrets missing
  \"billing\" of connector \"invoices\": adjutant secrets set billing
stays as it is
  slice \"sales\": slices/sales/slice.toml:1: unknown key
waits for your yes
  12 resources are retired
";
        assert_eq!(render(&full()), text);
    }
}
