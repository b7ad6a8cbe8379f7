//! What a run has to do with its children: they are played too, unless the scenario answers for them.

use adjutant_machine::{
    call::{Call, Perform},
    eval,
    event::{ErrorClass, Event, Finding as Found, RunStarted},
    given::handed,
    id::EffectId,
    run::Run,
};
use adjutant_spec::{
    plan::{Renamed, Stage},
    scenario::Reply,
};
use serde_json::json;

use super::{
    agenda::{ChildEnd, Due},
    finding::Stop,
    player::{Player, Turn, Who},
    reply,
    script::{Asked, Taken},
};
use crate::host::Host;
impl Player<'_> {
    pub(super) fn find_child(&mut self, perform: &Perform, of: &EffectId) -> Turn {
        let Some(perform) = self.lease(&perform.effect)? else { return Ok(()) };
        let child = self.host.runs.values().find(|kept| kept.run.parent.as_ref() == Some(of));
        let finding =
            child.map_or(Found::DidNotHappen, |kept| Found::Happened(json!({ "run": kept.run.id })));
        let effect = perform.effect.clone();
        Ok(self.host.answer(&perform, Event::EffectProbed { effect, finding })?)
    }

    /// A child run is played, unless the scenario answers for it.
    pub(super) fn child(&mut self, run: &Run, perform: &Perform) -> Turn {
        let who = Who { undo: false, asked: Asked::World };
        let taken = self.ask(run, &perform.step, who);
        let stands_in =
            matches!(taken.as_ref().map(|taken| &taken.answer.reply), Some(Reply::Outcome { .. }));
        match taken {
            Some(taken) if stands_in => self.stand_in(perform, &taken),
            Some(taken) => self.answered(perform, &taken),
            None => self.start_child(run, perform),
        }
    }

    fn start_child(&mut self, parent: &Run, perform: &Perform) -> Turn {
        let Call::StartRun { playbook, bundle, input } = &*perform.call else { return Ok(()) };
        let Some(perform) = self.lease(&perform.effect)? else { return Ok(()) };
        let Some(definition) = self.host.definitions.get(bundle).cloned() else {
            return Err(Stop::our_bug(&format!("there is no bundle of playbook \"{playbook}\"")));
        };
        let child = &definition.bundle().playbook;
        let input = match handed(child, input, Some(self.plan.company.currency)) {
            Ok(input) => input,
            Err(problems) => {
                let class = ErrorClass::Invalid;
                let doing = reply::failed(&perform, class, &problems.join("; "));
                return self.does(&perform, doing);
            }
        };
        let oldest = child.oldest();
        let run = format!("{playbook}-of-{}-{}", parent.id, perform.effect.seq);
        let started = RunStarted {
            run: run.clone(),
            about: eval::about(definition.bundle(), &input),
            playbook: playbook.clone(),
            stage: self.plan.slice_of(&oldest).map_or(Stage::Act, |slice| slice.stage),
            oldest: Some(oldest),
            bundle: bundle.clone(),
            key: perform.effect.key(),
            revision: parent.revision.clone(),
            input,
            trigger: json!({ "parent": perform.effect }),
            parent: Some(perform.effect.clone()),
            dry: perform.dry,
            speaker: None,
            hearing: None,
            queue: None,
            chain: 0,
            purses: Vec::new(),
        };
        self.host.start(started)?;
        let doing = reply::succeeded(&perform, json!({ "run": run }));
        self.does(&perform, doing)
    }

    /// Answers for a child run that is not played.
    fn stand_in(&mut self, perform: &Perform, taken: &Taken) -> Turn {
        let Some(perform) = self.lease(&perform.effect)? else { return Ok(()) };
        let Reply::Outcome { word, with, .. } = &taken.answer.reply else { return Ok(()) };
        let effect = perform.effect.clone();
        let run = format!("not-played-{}", effect.seq);
        let status = if word == "ok" { "done" } else { "failed" };
        let event = Event::ChildEnded {
            effect: effect.clone(),
            status: status.to_owned(),
            output: with.clone().unwrap_or_else(|| json!({})),
            run: Some(run.clone()),
        };
        let doing = reply::succeeded(&perform, json!({ "run": run }));
        self.does(&perform, doing)?;
        let at = taken.answer.after.map_or(self.host.now, |after| self.host.now.plus(after.millis()));
        self.agenda.put(at, Due::ChildEnd(Box::new(ChildEnd { run: effect.run, event })));
        Ok(())
    }
}
