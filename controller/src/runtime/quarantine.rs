//! Quarantine: an instance that cannot be read is set aside, and everything else goes on (law 6). It has two exits: the run is
//! killed, or it is released after a repair.

use std::sync::Arc;

use adjutant_machine::{
    id::InstanceId,
    journal::{Batch, RowWrite, Table},
    run::Run,
};

use super::{
    Error,
    core::Core,
    project::{self, Rows},
    put_right,
    request::Answer,
    resume, rows, turns, view,
    views::{QuarantineView, When},
};

impl Core {
    /// Sets an instance aside: its row is durable soon, everything else goes on.
    pub(super) fn quarantine(self: &Arc<Self>, instance: &InstanceId, reason: &str) {
        let view = QuarantineView {
            instance: instance.clone(),
            reason: reason.to_owned(),
            at: When(self.clock.now()),
        };
        tracing::error!(%instance, reason, "instance is quarantined");
        let row = RowWrite {
            table: Table::Host,
            key: rows::host::quarantine(instance),
            value: serde_json::to_vec(&view).ok(),
        };
        self.set_live(|live| drop(live.quarantined.insert(instance.clone(), view)));
        self.journal.submit(Batch { writes: vec![row], ..Batch::default() }, Box::new(|_| {}));
        // Nobody waits for what is set aside: its place is free.
        turns::look_at_all(self);
    }

    /// Returns whether a run is set aside.
    pub(super) fn is_quarantined(&self, run: &str) -> bool {
        let live = self.live();
        !live.quarantined.is_empty() && live.quarantined.contains_key(&InstanceId::run(run))
    }
}

/// Lets a run go on that can be read again: its state, its log and what it pins are looked at first.
pub(super) async fn release(core: &Arc<Core>, run: &str) -> Result<Answer, Error> {
    core.check_open()?;
    let _one_at_a_time = core.host.lock().await;
    let instance = InstanceId::run(run);
    if !core.is_quarantined(run) {
        let exists = instance.clone();
        core.read(move |core| super::reads::exists(core, &exists)).await?;
        return Ok(Answer { applied: false, message: format!("run \"{run}\" is not quarantined") });
    }
    let looked_at = instance.clone();
    let found = core.read(move |core| sound(core, &looked_at)).await?;
    let ends = async {
        let key = rows::host::quarantine(&instance);
        let writes = vec![RowWrite { table: Table::Host, key, value: None }];
        core.write(Batch { writes, ..Batch::default() }).await?;
        // First the run may be touched again, then its work is taken up: nothing is refused in between.
        core.set_live(|live| drop(live.quarantined.remove(&instance)));
        Ok(())
    };
    turns::released(core, &found, ends).await?;
    take_up(core, &found);
    Ok(Answer { applied: true, message: format!("released: it is {}", found.status()) })
}

/// Reads a run as if nobody had said that it is damaged.
fn sound(core: &Core, instance: &InstanceId) -> Result<Run, Error> {
    let still = |reason: String| Error::Conflict {
        reason: format!(
            "\"{}\" cannot be released, it is still damaged: {reason}; `adjutant kill {}` ends it",
            instance.name, instance.name
        ),
    };
    view::check_run(core, instance).map_err(|error| match error {
        Error::Quarantined { reason, .. } => still(reason),
        other => other,
    })
}

/// Takes up what the run would have done meanwhile: its timers, and its effects as after a crash of the process.
fn take_up(core: &Arc<Core>, run: &Run) {
    core.wheel.turn(project::difference(&Rows::default(), &project::rows(run)).turns);
    if run.updated_at > core.clock.now() {
        // The others were told when the clock was set back; nobody waits for its verdict.
        drop(put_right::tell(core, &InstanceId::run(&run.id)));
    }
    for effect in run.effects.keys() {
        resume::take_up(core, run, effect);
    }
}
