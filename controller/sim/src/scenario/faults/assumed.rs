//! What is assumed where the scenario says nothing, once something has gone wrong.

use adjutant_machine::{
    call::{Call, Perform},
    event::{Event, Finding as Found, Settlement},
    id::EffectId,
    run::{EffectPhase, EffectState, Gate, Run},
    sample,
};
use adjutant_spec::scenario::{Answer, Reply};
use serde_json::{Value, json};

use crate::{
    scenario::{
        player::{Player, Turn},
        reply,
        script::Taken,
    },
    world::sample_of,
};

impl Player<'_> {
    /// Answers an attempt with a value of the right form.
    pub(in crate::scenario) fn invented(&mut self, run: &Run, perform: &Perform) -> Turn {
        let Some(perform) = self.lease(&perform.effect)? else { return Ok(()) };
        let value = match &*perform.call {
            Call::Agent(call) => sample::of(&call.output),
            Call::Route { .. } => json!({ "class": "unsure", "probability": 0.5 }),
            Call::Verb(call) => self.sample(run, &call.verb),
            _ => Value::Null,
        };
        let doing = reply::succeeded(&perform, value);
        self.does(&perform, doing)
    }

    fn sample(&self, run: &Run, verb: &str) -> Value {
        let definition = self.host.definitions.get(&run.bundle);
        sample_of(definition.map(|definition| definition.bundle()), verb)
    }

    /// A probe finds what is true.
    pub(in crate::scenario) fn probed(&mut self, perform: &Perform) -> Turn {
        let run = self.run_of(&perform.effect)?;
        let Some(perform) = self.lease(&perform.effect)? else { return Ok(()) };
        let Call::Probe { of, .. } = &*perform.call else { return Ok(()) };
        let happened = self.world.knows(&of.key);
        let finding =
            if happened { Found::Happened(self.sample(&run, &of.verb)) } else { Found::DidNotHappen };
        let event = Event::EffectProbed { effect: perform.effect.clone(), finding };
        Ok(crate::host::Host::answer(&mut self.host, &perform, event)?)
    }

    /// The operator looks at the world, and settles by what is there.
    pub(in crate::scenario) fn settled_truthfully(&mut self, effect: &EffectId, state: &EffectState) -> Turn {
        let run = self.run_of(effect)?;
        let happened = self.world.acts.iter().any(|act| act.effect == *effect);
        let is_dead = matches!(state.life.phase, EffectPhase::Dead { .. });
        let settlement = match (happened, is_dead) {
            (true, false) => Settlement::Happened(self.result_of(&run, state)),
            (_, true) => Settlement::Drop,
            (false, false) => Settlement::DidNotHappen,
        };
        let event = Event::EffectSettled { effect: effect.clone(), settlement, reason: None };
        self.host.send(&run.id, "operator", event)?;
        Ok(())
    }

    fn result_of(&self, run: &Run, state: &EffectState) -> Value {
        match state.call.as_deref() {
            Some(Call::Verb(call)) => self.sample(run, &call.verb),
            _ => Value::Null,
        }
    }
}

/// A person agrees to what a gate asks.
pub(in crate::scenario) fn approved(gate: &Gate) -> Taken {
    let with = gate.card.form.as_ref().map(sample::of);
    let reply = Reply::Outcome { word: "approved".to_owned(), with, edit: Default::default() };
    let answer = Answer {
        playbook: String::new(),
        branches: Vec::new(),
        step: gate.card.step.clone(),
        visit: None,
        times: 1,
        undo: false,
        after: None,
        reply,
    };
    Taken { place: 0, answer }
}
