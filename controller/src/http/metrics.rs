//! Figures for Prometheus: what the runtime shows, and what this process counted since it started.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Mutex, PoisonError},
};

use rust_decimal::prelude::ToPrimitive;

use crate::desk::views::{HookView, StatusView};

/// Transitions since the start, by the event's word; what a lagging receiver missed counts as `missed`.
#[derive(Debug, Default)]
pub(super) struct Counters {
    transitions: Mutex<BTreeMap<String, u64>>,
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    name: &'static str,
    label: Option<(&'static str, String)>,
    /// The figure.
    pub(super) value: f64,
}

impl Sample {
    /// Returns the name with its label, as Prometheus writes it.
    pub(super) fn key(&self) -> String {
        let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        match &self.label {
            Some((label, value)) => format!("{}{{{label}=\"{}\"}}", self.name, escape(value)),
            None => self.name.to_owned(),
        }
    }
}

/// Name, type and help of each figure, in the order of the text.
const FIGURES: [(&str, &str, &str); 14] = [
    ("adjutant_runs", "gauge", "runs by status"),
    ("adjutant_inbox", "gauge", "gates that wait for the operator"),
    ("adjutant_dead", "gauge", "effects that are dead or unknown"),
    ("adjutant_deliveries_open", "gauge", "deliveries that start nothing yet"),
    ("adjutant_hook_taken_total", "counter", "deliveries that were taken, by connector"),
    ("adjutant_hook_refused_total", "counter", "requests to a hook that were refused, by connector"),
    ("adjutant_hook_undeclared_total", "counter", "deliveries of events that a connector does not declare"),
    ("adjutant_outbox", "gauge", "effects that wait to be performed"),
    ("adjutant_quarantined", "gauge", "instances that are set aside"),
    ("adjutant_paused", "gauge", "pauses of more than one run"),
    (
        "adjutant_changes",
        "gauge",
        "changes that requests asked for and that run, whether or not anybody waits for them",
    ),
    ("adjutant_spend_today", "gauge", "money spent and reserved today, by currency"),
    ("adjutant_revision_applied", "gauge", "1 for the revision in force"),
    ("adjutant_transitions_total", "counter", "transitions since this process started, by event"),
];

#[expect(clippy::cast_precision_loss, reason = "a figure for a chart; exact up to 2^53")]
fn figure(value: u64) -> f64 {
    value as f64
}

impl Counters {
    /// Counts some transitions of one event.
    pub(super) fn add(&self, word: String, times: u64) {
        let mut transitions = self.transitions.lock().unwrap_or_else(PoisonError::into_inner);
        *transitions.entry(word).or_default() += times;
    }

    /// Returns every figure.
    pub(super) fn samples(&self, status: &StatusView, hooks: &[HookView], changes: u64) -> Vec<Sample> {
        let plain = |name, value| Sample { name, label: None, value: figure(value) };
        let labelled = |name, label, value: &str, figure| Sample {
            name,
            label: Some((label, value.to_owned())),
            value: figure,
        };
        let mut samples: Vec<Sample> = status
            .runs
            .iter()
            .map(|(word, runs)| labelled("adjutant_runs", "status", word, figure(*runs)))
            .collect();
        samples.extend([
            plain("adjutant_inbox", status.inbox),
            plain("adjutant_dead", status.dead),
            plain("adjutant_deliveries_open", status.deliveries),
            plain("adjutant_outbox", status.outbox),
            plain("adjutant_quarantined", status.quarantined.len() as u64),
            plain("adjutant_paused", status.paused.len() as u64),
            plain("adjutant_changes", changes),
        ]);
        for hook in hooks {
            let counts = [
                ("adjutant_hook_taken_total", hook.taken),
                ("adjutant_hook_refused_total", hook.refused),
                ("adjutant_hook_undeclared_total", hook.undeclared),
            ];
            samples.extend(
                counts.map(|(name, count)| labelled(name, "connector", &hook.connector, figure(count))),
            );
        }
        samples.extend(status.spend_today.map(|money| {
            let amount = money.amount.to_f64().unwrap_or(f64::NAN);
            labelled("adjutant_spend_today", "currency", money.currency.as_str(), amount)
        }));
        samples.extend(
            status
                .applied
                .iter()
                .map(|applied| labelled("adjutant_revision_applied", "revision", &applied.revision, 1.0)),
        );
        let transitions = self.transitions.lock().unwrap_or_else(PoisonError::into_inner);
        samples.extend(
            transitions
                .iter()
                .map(|(word, times)| labelled("adjutant_transitions_total", "event", word, figure(*times))),
        );
        samples
    }

    /// Returns the text that Prometheus reads.
    pub(super) fn text(&self, status: &StatusView, hooks: &[HookView], changes: u64) -> String {
        let samples = self.samples(status, hooks, changes);
        let mut text = String::new();
        for (name, kind, help) in FIGURES {
            let written = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            written.expect("a String takes any text");
            for sample in samples.iter().filter(|sample| sample.name == name) {
                writeln!(text, "{} {}", sample.key(), sample.value).expect("a String takes any text");
            }
        }
        text
    }
}
