//! Checks of what a scenario answers.

use serde_json::Value;

use super::look::{Look, Wanted};
use crate::{
    check::{
        cx::{Out, Say},
        flow,
        names::{self, hint, list},
    },
    diag::{Code, Diagnostic},
    plan::{Idempotency, Playbook, RecordOp, Step, StepKind, Until},
    scenario::{Answer, Reply, shows},
};

/// Checks every answer.
pub(super) fn check(look: &Look<'_>, out: &mut Out) {
    for (place, answer) in look.scenario.answers.iter().enumerate() {
        let key = format!("answer[{place}]");
        let written = &look.at.answers[place];
        let of = OfAnswer { look, key, answer, written };
        of.together(out);
        let written = &written.playbook;
        let named = if look.sets(&of.key("playbook")) { of.key("playbook") } else { String::new() };
        let playbook = match named.as_str() {
            // The playbook that is played has been looked up.
            "" => look.children.get(&answer.playbook),
            key => look.playbook(key, written, out),
        };
        let Some(playbook) = playbook else { continue };
        if !of.branches(playbook, out) {
            continue;
        }
        if let Some(step) = look.step(playbook, &answer.step, &of.key("step"), out) {
            of.of_step(step, out);
        }
    }
}

/// One answer under check.
struct OfAnswer<'a> {
    look: &'a Look<'a>,
    key: String,
    answer: &'a Answer,
    /// As it stands in the file.
    written: &'a Answer,
}

impl OfAnswer<'_> {
    fn key(&self, below: &str) -> String {
        format!("{}.{below}", self.key)
    }

    /// Checks that what is said to have branches has them, and that the step stands in the innermost.
    fn branches(&self, playbook: &Playbook, out: &mut Out) -> bool {
        let mut inside: Option<&Step> = None;
        let next = self.answer.branches.iter().map(|branch| &branch.step).skip(1).chain([&self.answer.step]);
        for (branch, next) in self.answer.branches.iter().zip(next) {
            let found = match inside {
                None => playbook.step(&branch.step),
                Some(holder) => within(holder, &branch.step),
            };
            let stands = found.filter(|step| branch.index != u32::MAX && within(step, next).is_some());
            if stands.is_none() {
                let message = format!("no branch of step \"{}\" has a step \"{next}\"", branch.step);
                let help = "write the step that has branches with the place of one, from 0: \"dig[3].ask\"";
                let found = Diagnostic::new(Code::E0212, self.look.spot(&self.key("step")), message);
                out.push(found.label("no such step").help(help));
                return false;
            }
            inside = stands;
        }
        true
    }

    fn together(&self, out: &mut Out) {
        let alone = ["outcome", "error", "probe", "settle"];
        self.look.one_of(&self.key, &alone, out);
        for pair in [["error", "with"], ["error", "edit"], ["probe", "edit"], ["settle", "edit"]] {
            self.look.one_of(&self.key, &pair, out);
        }
    }

    fn of_step(&self, step: &Step, out: &mut Out) {
        if self.answer.undo && !self.has_undo(step) {
            return self.unasked(
                "undo",
                format!("nothing takes step \"{}\" back", step.id),
                "remove `undo`",
                out,
            );
        }
        if let Some(why) = unasked(step) {
            let message = format!("step \"{}\" asks nobody: {why}", step.id);
            return self.unasked("step", message, "remove the answer", out);
        }
        match &self.answer.reply {
            Reply::Outcome { word, with, .. } => {
                if self.has_outcome(step, word, out) {
                    self.edit(step, word, out);
                    self.result(step, word, with.as_ref(), out);
                }
            }
            Reply::Error(_) => self.error(step, out),
            Reply::Probe { with, .. } => self.probe(step, with, out),
            Reply::Settle { with, .. } => self.settled(step, with, out),
        }
    }

    fn unasked(&self, below: &str, message: String, help: &str, out: &mut Out) {
        let say = Say { message, label: "is not asked", help: help.to_owned() };
        out.say(Code::E0701, self.look.spot(&self.key(below)), say);
    }

    fn has_undo(&self, step: &Step) -> bool {
        let StepKind::Call { call, .. } = &step.kind else { return step.undo.is_some() };
        step.undo.is_some() || names::verb(self.look.draft, call).is_some_and(|verb| verb.undo.is_some())
    }

    fn outcomes(&self, step: &Step) -> Vec<String> {
        // Where a policy asks a person about a step, or a person stands in for a model, the step is answered as a gate is.
        let asked = ["approved", "denied", "expired"];
        let own = flow::outcomes(self.look.draft, step).into_iter().map(|outcome| outcome.word);
        let mut words: Vec<String> = match &step.kind {
            StepKind::Record { .. } => own.filter(|word| word == "conflict").collect(),
            StepKind::Gate { .. } => own.filter(|word| word != "withdrawn").collect(),
            // Without a signal it expires by itself: nobody has to say so.
            StepKind::Wait { .. } => own.filter(|word| word == "ok").collect(),
            _ => own.collect(),
        };
        let is_asked_about =
            matches!(step.kind, StepKind::Agent { .. } | StepKind::Call { .. } | StepKind::Record { .. });
        if is_asked_about {
            words.extend(
                asked
                    .iter()
                    .filter(|word| !words.iter().any(|own| own == *word))
                    .map(|word| (*word).to_owned())
                    .collect::<Vec<_>>(),
            );
        }
        if self.answer.undo {
            words.retain(|word| matches!(word.as_str(), "ok" | "error" | "approved" | "denied" | "expired"));
        }
        words
    }

    fn has_outcome(&self, step: &Step, word: &str, out: &mut Out) -> bool {
        let known = self.outcomes(step);
        if known.iter().any(|known| known == word) {
            return true;
        }
        let key = if self.look.sets(&self.key("outcome")) { self.key("outcome") } else { self.key("step") };
        let what = if self.answer.undo { "the undo of step" } else { "step" };
        let message = format!("{what} \"{}\" cannot be answered with \"{word}\"", step.id);
        let help = match &step.kind {
            StepKind::Record { .. } => {
                "records are read and written by the play: say under `given` what is there".to_owned()
            }
            _ => format!("write `outcome` with {}", list(&known)),
        };
        out.push(
            Diagnostic::new(Code::E0303, self.look.spot(&key), message).label("no such outcome").help(help),
        );
        false
    }

    fn edit(&self, step: &Step, word: &str, out: &mut Out) {
        let Reply::Outcome { edit, .. } = &self.written.reply else { return };
        if edit.is_empty() {
            if word == "edited" {
                self.misfit(
                    "outcome",
                    "an edited gate says what was changed",
                    "add `edit = { \"path\" = … }`",
                    out,
                );
            }
            return;
        }
        let playbook = self.look.draft.playbooks.get(&self.answer.playbook);
        let Some(show) = playbook.and_then(|at| shows::written(at, &step.id)) else {
            return self.misfit("edit", "only what a gate step shows can be edited", "remove `edit`", out);
        };
        if word != "edited" {
            return self.misfit(
                "outcome",
                "what is edited is answered with `edited`",
                "remove `outcome`",
                out,
            );
        }
        if matches!(&step.kind, StepKind::Gate { form: Some(_), .. }) {
            let help = "remove `edit`, and give the form's values in `with`";
            return self.misfit("edit", "a gate with a form is filled in, not edited", help, out);
        }
        for path in edit.keys() {
            let is_shown = show.iter().any(|shown| shows::is_within(path, shown));
            if !is_shown {
                let message = format!("gate \"{}\" does not show \"{path}\"", step.id);
                let help = hint(path, show.iter().map(String::as_str));
                let spot = self.look.draft.key_spot(self.look.at, &self.key(&format!("edit.{path}")));
                out.push(Diagnostic::new(Code::E0703, spot, message).label("is not shown").help_if(help));
            }
        }
    }

    fn misfit(&self, below: &str, message: &str, help: &str, out: &mut Out) {
        let say = Say { message: message.to_owned(), label: "does not fit", help: help.to_owned() };
        out.say(Code::E0702, self.look.spot(&self.key(below)), say);
    }

    fn result(&self, step: &Step, word: &str, with: Option<&Value>, out: &mut Out) {
        let wanted = self.wanted(step, word);
        match (with, wanted) {
            (None, Some((what, schema))) => {
                // What is not written is an empty result, and has to fit as such.
                let empty = Value::Object(serde_json::Map::new());
                self.look.fits(&self.key("step"), &empty, &Wanted { what, schema: &schema }, out);
            }
            (Some(value), Some((what, schema))) => {
                self.look.fits(&self.key("with"), value, &Wanted { what, schema: &schema }, out);
                self.confidence(step, word, value, out);
            }
            (Some(_), None) if !self.takes_any(step, word) => {
                self.misfit(
                    "with",
                    &format!("an answer with \"{word}\" has no result"),
                    "remove `with`",
                    out,
                );
            }
            _ => {}
        }
    }

    /// Returns whether a result of any form, or none, goes with an outcome.
    fn takes_any(&self, step: &Step, word: &str) -> bool {
        match &step.kind {
            StepKind::Run { .. } | StepKind::Route { .. } | StepKind::Wait { .. } => true,
            _ => self.answer.undo && word == "ok",
        }
    }

    /// Returns what the result of an outcome has to fit, where the company says it.
    fn wanted(&self, step: &Step, word: &str) -> Option<(String, Value)> {
        let draft = self.look.draft;
        match &step.kind {
            _ if self.answer.undo => None,
            StepKind::Agent { agent, .. } if matches!(word, "ok" | "low_confidence" | "approved") => {
                let schema = draft.agents.get(agent)?.output.clone();
                Some((format!("the answer of agent \"{agent}\""), schema))
            }
            StepKind::Call { call, .. } if word == "ok" => {
                Some((format!("the result of \"{call}\""), names::verb(draft, call)?.output.clone()))
            }
            StepKind::Gate { form: Some(form), .. } if word == "approved" => {
                Some((format!("the form of gate \"{}\"", step.id), form.clone()))
            }
            _ => None,
        }
    }

    /// An agent's outcome follows from the confidence that it gives itself.
    fn confidence(&self, step: &Step, word: &str, value: &Value, out: &mut Out) {
        let StepKind::Agent { agent, .. } = &step.kind else { return };
        let least = self.look.draft.agents.get(agent).and_then(|at| at.confidence);
        let given = value.get("confidence").and_then(Value::as_f64);
        let is_low = matches!((least, given), (Some(least), Some(given)) if given < least);
        let says_low = word == "low_confidence";
        if is_low != says_low && word != "approved" {
            let least = least.map_or_else(|| "names none".to_owned(), |least| format!("wants {least}"));
            let is = if is_low { "low_confidence" } else { "ok" };
            let message = format!("with this confidence the outcome is \"{is}\": agent \"{agent}\" {least}");
            self.misfit("with.confidence", &message, &format!("write `outcome = \"{is}\"`"), out);
        }
    }

    fn error(&self, step: &Step, out: &mut Out) {
        if matches!(step.kind, StepKind::Wait { .. }) {
            let help = "without an answer it expires; `with` says what is sent";
            return self.unasked("error", format!("step \"{}\" waits for a signal", step.id), help, out);
        }
        if matches!(step.kind, StepKind::Gate { .. }) {
            let help = "a person is silent: `outcome = \"expired\"`, or says no: `outcome = \"denied\"`";
            let message = format!("gate \"{}\" asks a person, who has no error", step.id);
            self.unasked("error", message, help, out);
        }
    }

    fn probe(&self, step: &Step, with: &Value, out: &mut Out) {
        let StepKind::Call { call, .. } = &step.kind else {
            return self.unasked(
                "probe",
                format!("step \"{}\" has no probe", step.id),
                "remove the answer",
                out,
            );
        };
        let verb = names::verb(self.look.draft, call);
        if verb.is_none_or(|verb| verb.probe.is_none()) {
            let message = format!("verb \"{call}\" has no probe");
            return self.unasked("probe", message, "the operator settles it: `settle = \"happened\"`", out);
        }
        self.happened(step, with, out);
    }

    fn settled(&self, step: &Step, with: &Value, out: &mut Out) {
        let never_in_doubt = match &step.kind {
            StepKind::Call { call, .. } => {
                names::verb(self.look.draft, call).is_some_and(|verb| verb.idempotency == Idempotency::Pure)
            }
            StepKind::Record { op: RecordOp::Write { .. } } | StepKind::Run { .. } => false,
            _ => true,
        };
        if never_in_doubt {
            let message = format!("step \"{}\" is never in doubt: there is nothing to settle", step.id);
            return self.unasked("settle", message, "remove the answer", out);
        }
        self.happened(step, with, out);
    }

    fn happened(&self, step: &Step, with: &Value, out: &mut Out) {
        let (Reply::Probe { word, .. } | Reply::Settle { word, .. }) = &self.answer.reply else { return };
        if word == "happened" {
            let with = (!with.is_null()).then_some(with);
            self.result(step, "ok", with, out);
        } else if self.look.sets(&self.key("with")) {
            self.misfit("with", "only what happened has a result", "remove `with`", out);
        }
    }
}

/// Returns a step of the branches that a step has.
fn within<'a>(holder: &'a Step, id: &str) -> Option<&'a Step> {
    holder.kind.fragments().into_iter().flat_map(|body| &body.steps).find(|step| step.id == id)
}

/// Returns why a step asks nobody.
fn unasked(step: &Step) -> Option<&'static str> {
    match &step.kind {
        StepKind::Render { .. } => Some("it writes a text"),
        StepKind::Choose { .. } => Some("it takes the first arm that holds"),
        StepKind::Wait { wait: Until::Signal { .. } } => None,
        StepKind::Wait { .. } => Some("it waits, and time passes by itself"),
        StepKind::End { .. } => Some("it ends the run"),
        StepKind::Signal { .. } | StepKind::Emit { .. } => Some("it tells others, and nobody answers"),
        StepKind::Each { .. } | StepKind::Parallel { .. } | StepKind::Scope { .. } => {
            Some("what is inside it asks")
        }
        StepKind::Record { op: RecordOp::ReadOne { .. } | RecordOp::ReadList { .. } } => {
            Some("the play reads the records that are there, say them under `given`")
        }
        StepKind::Agent { .. }
        | StepKind::Call { .. }
        | StepKind::Route { .. }
        | StepKind::Gate { .. }
        | StepKind::Run { .. }
        | StepKind::Record { op: RecordOp::Write { .. } } => None,
    }
}
