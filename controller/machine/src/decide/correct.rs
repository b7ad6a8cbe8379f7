//! What a person says of a route's decision.

use adjutant_spec::plan::StepKind;

use super::{Decider, Decision};
use crate::{
    fact::Fact,
    id::EffectId,
    run::{Correction, EffectPhase},
    verdict::{First, Refusal, Verdict},
};

impl Decider<'_> {
    /// Notes the right class of a route step's last decision, in any phase of the run. The last word counts.
    pub(super) fn correct(&mut self, id: &str, class: Option<&String>) -> Decision {
        let step = id.to_owned();
        let Some(known) = self.step(id) else { return Err(Refusal::NoSuchStep { step }) };
        let StepKind::Route { route, .. } = &known.kind else { return Err(Refusal::NotARoute { step }) };
        let Some(effect) = self.last_answered(id) else { return Err(Refusal::NotDecided { step }) };
        let said = self.draft.run.corrections.get(&effect);
        if let Some(said) = said.filter(|said| said.class.as_ref() == class) {
            let first = Some(First { by: said.by.clone(), at: said.at });
            return Ok(Verdict::Duplicate { first });
        }
        let (route, class) = (route.clone(), class.cloned());
        let (by, at) = (self.draft.envelope.by.clone(), self.draft.at());
        self.fact(Fact::Corrected { effect, correction: Correction { step, route, class, by, at } });
        Ok(Verdict::Applied)
    }

    fn last_answered(&self, step: &str) -> Option<EffectId> {
        let run = &self.draft.run;
        let has_answered = |effect: &&EffectId| {
            run.effects.get(*effect).is_some_and(|state| state.life.phase == EffectPhase::Succeeded)
        };
        run.steps.get(step)?.effects.iter().rev().find(has_answered).cloned()
    }
}
