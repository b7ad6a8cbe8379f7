//! How a play is disturbed.

use adjutant_machine::{
    call::{Call, Perform},
    event::Event,
    id::AttemptId,
    projection,
    run::LEASE_GRACE,
};

use super::Fault;
use crate::{
    host::Host,
    scenario::{
        agenda::{Answered, Due},
        player::{Player, Turn},
        reply::{self, Doing},
        words::since,
    },
};

/// How long after everybody stopped waiting a late answer comes, in milliseconds.
const LATE: u64 = 1_000;

impl Player<'_> {
    /// Lets something go wrong between two turns; tells whether it did.
    pub(in crate::scenario) fn disturb(&mut self) -> Turn<bool> {
        if !self.faults.is_on {
            return Ok(false);
        }
        self.faults.turns += 1;
        let turn = self.faults.turns;
        if self.faults.takes(Fault::Cancel(turn)) {
            self.tell("the operator cancels the run");
            let root = self.course.root.clone();
            let reason = "something goes wrong".to_owned();
            self.host.send(&root, "operator", Event::RunCancelled { reason })?;
            return Ok(true);
        }
        if self.faults.takes(Fault::Crash(turn)) {
            self.dies("the process dies")?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Says what goes wrong, and when.
    fn tell(&mut self, what: &str) {
        let after = since(self.host.now.0 - self.course.began.0);
        self.faults.told.push(format!("{after} {what}"));
    }

    /// The process dies: answers that are on their way to it are lost, and what they are about may have happened.
    fn dies(&mut self, what: &str) -> Turn {
        self.tell(what);
        for answered in self.agenda.take_answers() {
            self.acts(&answered);
        }
        Ok(self.host.crash(Vec::new())?)
    }

    /// Lets something go wrong with an answer; returns it where it arrives all the same.
    pub(in crate::scenario) fn disturbed(&mut self, answered: Answered) -> Turn<Option<Answered>> {
        if !self.faults.is_on || !is_outside(&answered.perform) || !self.is_waited_for(&answered.perform) {
            return Ok(Some(answered));
        }
        self.faults.answers += 1;
        let (answer, step) = (self.faults.answers, answered.perform.step.clone());
        if self.faults.takes(Fault::DiesBefore(answer)) {
            self.dies(&format!("the process dies before step \"{step}\" did anything"))?;
            return Ok(None);
        }
        if self.faults.takes(Fault::DiesAfter(answer)) {
            self.acts(&answered);
            self.dies(&format!("the process dies after step \"{step}\" had acted"))?;
            return Ok(None);
        }
        if self.faults.takes(Fault::Lost(answer)) {
            self.acts(&answered);
            self.tell(&format!("the answer for step \"{step}\" is lost"));
            let lost = reply::lost(&answered.perform, "the answer was lost");
            let Doing::Answer { event, .. } = lost else { return Ok(None) };
            return Ok(Some(Answered { perform: answered.perform, event, acts: false }));
        }
        if self.faults.takes(Fault::Late(answer)) {
            self.acts(&answered);
            self.tell(&format!("the answer for step \"{step}\" comes after nobody waits any more"));
            let at = self.host.now.plus(answered.perform.timeout + LEASE_GRACE + LATE);
            self.agenda.put(at, Due::Late(Box::new(answered)));
            return Ok(None);
        }
        if self.faults.takes(Fault::Twice(answer)) {
            self.tell(&format!("the answer for step \"{step}\" comes twice"));
            self.agenda.put(
                self.host.now,
                Due::Late(Box::new(Answered {
                    perform: answered.perform.clone(),
                    event: answered.event.clone(),
                    acts: false,
                })),
            );
        }
        Ok(Some(answered))
    }

    /// Returns whether the attempt is under way still: an answer that nobody waits for is not disturbed once more.
    fn is_waited_for(&self, perform: &Perform) -> bool {
        let run = self.host.runs.get(&perform.effect.run);
        let mut waiting = run.into_iter().flat_map(|kept| projection::outbox(&kept.run));
        let attempt = AttemptId { effect: perform.effect.clone(), attempt: perform.attempt };
        waiting
            .any(|(effect, row)| row.is_leased && *effect == attempt.effect && row.attempt == attempt.attempt)
    }
}

/// Returns whether somebody outside is asked: what the host does itself is done with its answer, in one batch.
fn is_outside(perform: &Perform) -> bool {
    matches!(&*perform.call, Call::Verb(_) | Call::Agent(_) | Call::Route { .. })
}
