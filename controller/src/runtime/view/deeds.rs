//! What a run did to the world, as its log tells it: a state forgets what nothing takes back.

use std::collections::BTreeMap;

use adjutant_machine::{
    call::Call,
    fact::{Entry, Fact},
    id::EffectId,
    run::{EffectPhase, EffectState, Purpose},
};
use adjutant_spec::plan::Effect;

use super::{headline::headline, run::readable, whom::args_of};
use crate::runtime::{
    Error,
    core::Core,
    views::{DeedView, Headline, RECORD_WRITE},
};

/// Something that a step did, or may have done.
pub(super) struct Deed {
    /// The effect.
    pub(super) effect: EffectId,
    step: String,
    verb: String,
    told: Headline,
    phase: EffectPhase,
}

/// Returns what a run did to the world, or may have done, the earliest first.
pub(super) fn deeds(core: &Core, run: &str) -> Result<Vec<Deed>, Error> {
    let mut found = BTreeMap::new();
    for (seq, entry) in readable(core, run, 1, usize::MAX)? {
        let damaged =
            |problem| Error::Quarantined { id: run.to_owned(), reason: format!("entry {seq}: {problem}") };
        read(&entry.map_err(damaged)?, &mut found);
    }
    Ok(found.into_values().collect())
}

fn read(entry: &Entry, found: &mut BTreeMap<EffectId, Deed>) {
    for fact in &entry.facts {
        match fact {
            Fact::EffectAsked { effect, state } => {
                found.extend(asked(effect, state).map(|deed| (effect.clone(), deed)));
            }
            Fact::EffectMoved { effect, life } => {
                if let Some(deed) = found.get_mut(effect) {
                    deed.phase = life.phase.clone();
                }
            }
            _ => {}
        }
    }
}

fn asked(effect: &EffectId, state: &EffectState) -> Option<Deed> {
    let class = state.traits.effect;
    let call = state.call.as_deref().filter(|_| state.purpose == Purpose::Step && class != Effect::Read)?;
    let verb = match call {
        Call::Verb(call) => call.verb.clone(),
        Call::RecordWrite { .. } => RECORD_WRITE.to_owned(),
        _ => return None,
    };
    let told = headline(&verb, class, &args_of(call)?);
    let (effect, step, phase) = (effect.clone(), state.step.clone(), state.life.phase.clone());
    Some(Deed { effect, step, verb, told, phase })
}

impl Deed {
    /// Returns whether it stands, or may.
    pub(super) fn stands(&self) -> bool {
        matches!(
            self.phase,
            EffectPhase::Succeeded | EffectPhase::Leased { .. } | EffectPhase::Unknown { .. }
        )
    }

    /// Returns what people see of it.
    pub(super) fn view(&self) -> DeedView {
        DeedView {
            run: self.effect.run.clone(),
            step: self.step.clone(),
            effect: self.effect.to_string(),
            verb: self.verb.clone(),
            whom: self.told.whom.clone(),
            amount: self.told.amount.clone(),
            happened: self.phase == EffectPhase::Succeeded,
        }
    }
}
