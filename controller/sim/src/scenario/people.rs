//! People: they decide gates, and settle what nobody else can.

use std::sync::Arc;

use adjutant_machine::{
    event::{Decision, Event, GateDecided, Settlement},
    id::EffectId,
    run::{EffectPhase, Gate, Purpose},
    trust::Speaker,
    verdict::Verdict,
};
use adjutant_spec::scenario::Reply;
use serde_json::{Value, json};

use super::{
    agenda::{Decided, Due, Settled},
    faults::approved,
    finding::finding,
    player::{Player, Turn, Who},
    script::Asked,
    unsaid,
};

impl Player<'_> {
    pub(super) fn open_gate(&self) -> Option<Gate> {
        let mut gates = self.host.runs.values().flat_map(|kept| kept.run.open_gates());
        gates.find(|gate| !self.dealt.contains(&gate.id)).cloned()
    }

    pub(super) fn gate(&mut self, gate: &Gate) -> Turn {
        let run = self.host.runs.values().find(|kept| kept.run.gates.contains_key(&gate.id));
        let Some(run) = run.map(|kept| Arc::clone(&kept.run)) else { return Ok(()) };
        let who = Who { undo: false, asked: Asked::Person };
        let taken = match self.ask(&run, &gate.card.step, who) {
            Some(taken) => taken,
            None if self.faults.is_on => approved(gate),
            None if self.assumes(&run.id, &gate.card.step) => approved(gate),
            None => return Err(unsaid::undecided(&self.asker(), &run, gate).into()),
        };
        self.dealt.insert(gate.id.clone());
        let times = self.faults.decisions(gate);
        let Some(decision) = decision(&taken.answer.reply) else { return Ok(()) };
        let at = taken.answer.after.map_or(self.host.now, |after| self.host.now.plus(after.millis()));
        for _ in 0..times {
            let (run, gate, decision) = (run.id.clone(), gate.id.clone(), decision.clone());
            self.agenda.put(at, Due::Decision(Box::new(Decided { run, gate, decision, place: taken.place })));
        }
        Ok(())
    }

    pub(super) fn decide(&mut self, decided: Decided) -> Turn {
        let Decided { run, gate, decision, place } = decided;
        let open = self.host.run(&run).and_then(|run| run.gates.get(&gate));
        let Some(digest) = open.map(|gate| gate.digest.clone()) else { return Ok(()) };
        let decided = GateDecided { gate, digest, decision, reason: None, speaker: Speaker::Operator };
        match self.host.send(&run, "operator", Event::GateDecided(Box::new(decided)))? {
            Verdict::Applied | Verdict::Duplicate { .. } | Verdict::Stale => Ok(()),
            Verdict::Refused(refusal) => {
                let message = format!("this cannot be decided so: {refusal}");
                Err(finding(&format!("answer[{place}]"), message).into())
            }
        }
    }

    /// Returns a call that only the operator can settle and whose run waits for that.
    pub(super) fn doubt(&self) -> Option<EffectId> {
        let live = self.host.runs.values().filter(|kept| !kept.run.is_ended());
        let mut open = live.flat_map(|kept| kept.run.dead_letters());
        open.find(|(effect, state)| {
            let is_open = matches!(state.life.phase, EffectPhase::Unknown { .. } | EffectPhase::Dead { .. });
            is_open && !self.is_left_open(effect) && !self.dealt.contains(&doubt_of(effect))
        })
        .map(|(effect, _)| effect.clone())
    }

    pub(super) fn settle(&mut self, effect: &EffectId) -> Turn {
        let run = self.run_of(effect)?;
        let Some(state) = run.effects.get(effect) else { return Ok(()) };
        let undo = matches!(state.purpose, Purpose::Undo(_));
        if self.faults.is_on {
            return self.settled_truthfully(effect, state);
        }
        let who = Who { undo, asked: Asked::Operator };
        let Some(taken) = self.ask(&run, &state.step, who) else {
            if self.may_stay_open(effect) {
                return Ok(());
            }
            return Err(unsaid::unsettled(&self.asker(), &run, state).into());
        };
        match taken.answer.after {
            None => self.settled(Settled { effect: effect.clone(), taken }),
            Some(after) => {
                self.dealt.insert(doubt_of(effect));
                let at = self.host.now.plus(after.millis());
                self.agenda.put(at, Due::Settlement(Box::new(Settled { effect: effect.clone(), taken })));
                Ok(())
            }
        }
    }

    /// Settles a call in doubt as the scenario says.
    pub(super) fn settled(&mut self, settled: Settled) -> Turn {
        let Settled { effect, taken } = settled;
        self.dealt.remove(&doubt_of(&effect));
        let run = self.run_of(&effect)?;
        let Reply::Settle { word, with } = &taken.answer.reply else { return Ok(()) };
        let settlement = settlement(word, with);
        // Only what happened can be taken back.
        if matches!(settlement, Settlement::Happened(_) | Settlement::Undo) {
            let lost = self.doubts.iter().rev().find(|perform| perform.effect == effect).cloned();
            self.happens(lost.as_ref());
        }
        let event = Event::EffectSettled { effect: effect.clone(), settlement, reason: None };
        match self.host.send(&run.id, "operator", event)? {
            Verdict::Refused(refusal) => {
                let message = format!("this cannot be settled so: {refusal}");
                Err(finding(&format!("answer[{}]", taken.place), message).into())
            }
            _ => Ok(()),
        }
    }
}

/// Returns what a person decides; `None` where nobody answers.
fn decision(reply: &Reply) -> Option<Decision> {
    let Reply::Outcome { word, with, edit } = reply else { return None };
    match word.as_str() {
        "approved" => Some(Decision::Approved { form: with.clone() }),
        "edited" => Some(Decision::Edited { values: edit.clone() }),
        "denied" => Some(Decision::Denied),
        _ => None,
    }
}

/// Returns what a doubt is called among what is dealt with.
fn doubt_of(effect: &EffectId) -> String {
    format!("doubt {effect}")
}

fn settlement(word: &str, with: &Value) -> Settlement {
    match word {
        "happened" => Settlement::Happened(if with.is_null() { json!({}) } else { with.clone() }),
        "did_not_happen" => Settlement::DidNotHappen,
        "undo" => Settlement::Undo,
        _ => Settlement::Drop,
    }
}
