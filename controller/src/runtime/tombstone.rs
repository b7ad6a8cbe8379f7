//! The end of a run that cannot be read: a kill always works.
//!
//! What the rows still tell is gathered by their keys: its playbook, what it pins, whose child it is, what was leased. They go in
//! the batch that holds the tombstone, with the quarantine. All rows of two tables are looked at, which takes a moment in a large
//! store; it happens once for a run that a bad disk or a bug has spoilt.

use std::sync::Arc;

use adjutant_machine::{
    Remains,
    branch::{is_branch, root_of},
    event::{Event, RunStarted},
    id::{AttemptId, EffectId, InstanceId},
    journal::{self, Journal, JournalError, Row, RowWrite, Table},
    projection::{Lane, Waiting},
    run::Close,
    step_bury,
    verdict::Env,
};
use adjutant_spec::plan::{OldestId, Stage, StepKind};
use serde_json::Value;

use super::{admission, core::Core, draft::Draft, mailbox::Job, rows, rows::index::Meaning};

/// What is left of a run, and the rows that go with it.
pub(super) struct Left {
    remains: Remains,
    rows: Vec<RowWrite>,
    children: Vec<String>,
}

/// Gathers what the rows still tell of a run.
pub(super) fn dig(core: &Core, instance: &InstanceId, problem: &str) -> Result<Left, JournalError> {
    let run = instance.name.as_str();
    let journal = core.journal.as_ref();
    let mut remains = Remains {
        started: nothing_known(run),
        at: core.clock.now(),
        seq: journal.last(instance)?,
        leased: Vec::new(),
        problem: problem.to_owned(),
    };
    let mut gone = Vec::new();
    each(journal, Table::Index, Vec::new(), |row| {
        let Some(found) = rows::index::read(&row.key).filter(|found| found.run == run) else { return };
        learn(&mut remains, &found.meaning, &row);
        gone.push(RowWrite { table: Table::Index, key: row.key, value: None });
    })?;
    each(journal, Table::Timer, Vec::new(), |row| {
        if rows::timer::read(&row.key).is_some_and(|timer| timer.instance == *instance) {
            gone.push(RowWrite { table: Table::Timer, key: row.key, value: None });
        }
    })?;
    each(journal, Table::Outbox, rows::outbox::effects_of(run), |row| {
        if let Some(effect) = rows::outbox::effect_of(&row.key) {
            remains.leased.extend(under_way(&row, effect));
        }
        gone.push(RowWrite { table: Table::Outbox, key: row.key, value: None });
    })?;
    gone.push(RowWrite { table: Table::Host, key: rows::host::quarantine(instance), value: None });
    if let Some(plan) = &core.live().plan
        && let Some(playbook) = remains.started.oldest.as_ref().and_then(|oldest| plan.playbook_of(oldest))
    {
        remains.started.playbook.clone_from(&playbook.id);
    }
    let mut children: Vec<String> =
        super::reads::children(journal, run)?.into_iter().map(|child| child.run).collect();
    children.extend(super::reads::branches(journal, run)?);
    Ok(Left { remains, rows: gone, children })
}

fn nothing_known(run: &str) -> RunStarted {
    let root = root_of(run);
    let playbook = root.rsplit_once('-').map_or(root, |(playbook, _)| playbook).to_owned();
    RunStarted {
        run: run.to_owned(),
        about: None,
        oldest: None,
        playbook,
        bundle: String::new(),
        key: String::new(),
        revision: String::new(),
        stage: Stage::Act,
        input: Default::default(),
        trigger: Value::Null,
        parent: None,
        dry: false,
        speaker: None,
        hearing: None,
        queue: None,
        chain: 0,
        purses: Vec::new(),
    }
}

fn learn(remains: &mut Remains, meaning: &Meaning, row: &Row) {
    match meaning {
        Meaning::Playbook(oldest, since) => {
            remains.started.oldest = Some(OldestId::never_renamed(oldest));
            remains.started.playbook.clone_from(oldest);
            remains.at = *since;
        }
        Meaning::Live(bundle) => remains.started.bundle.clone_from(bundle),
        Meaning::Child => {
            remains.started.parent = std::str::from_utf8(&row.value).ok().and_then(|text| text.parse().ok());
        }
        Meaning::Other => {}
    }
}

/// A row that cannot be read may be a lease: nobody knows, and that is what is told.
fn under_way(row: &Row, effect: EffectId) -> Option<AttemptId> {
    match rows::outbox::waiting_of(&row.value) {
        Some(Waiting { is_leased: true, lane: Lane::Connector(_), attempt }) => {
            Some(AttemptId { effect, attempt })
        }
        Some(_) => None,
        None => Some(AttemptId { effect, attempt: 1 }),
    }
}

/// Puts the tombstone into a draft: with the kill of its children, the money that its calls hold, and the rows that go.
pub(super) fn raise(draft: &mut Draft<'_>, job: &mut Job, left: Left) -> Result<(), JournalError> {
    let Job::Event { envelope, consume, .. } = job else { return Ok(()) };
    let Event::RunKilled { reason } = &envelope.event else { return Ok(()) };
    let Left { remains, mut rows, children } = left;
    rows.extend(consume.take().map(|(table, key)| RowWrite { table, key, value: None }));
    for AttemptId { effect, attempt } in &remains.leased {
        admission::release(draft, effect, *attempt, &envelope.event)?;
    }
    let env = Env { seq: remains.seq + 1, seed: draft.core.seed };
    let next = step_bury(&remains, reason, envelope, &env);
    for child in children {
        if is_branch(&child) || close_of(draft.core, &remains.started.bundle, &child) != Close::Detach {
            let reason = format!("its parent \"{}\" was killed: {reason}", remains.started.run);
            draft.deliver(remains.seq + 1, InstanceId::run(child), Event::RunKilled { reason });
        }
    }
    draft.bury(remains.seq, next, rows);
    Ok(())
}

/// Returns what becomes of a child, as far as what the run pins can still tell; else it ends with its parent.
fn close_of(core: &Arc<Core>, bundle: &str, child: &str) -> Close {
    let playbook = super::reads::load(core, child).map(|run| run.playbook).unwrap_or_default();
    let bundle = core.bundle(bundle).ok().flatten();
    let steps = bundle.iter().flat_map(|bundle| bundle.playbook.every_step());
    let mut closes = steps.filter_map(|step| match &step.kind {
        StepKind::Run { run, parent_close, .. } if *run == playbook => Some(Close::of(parent_close)),
        _ => None,
    });
    closes.next_back().unwrap_or_default()
}

/// Reads all rows under a prefix.
fn each(
    journal: &dyn Journal,
    table: Table,
    prefix: Vec<u8>,
    mut visit: impl FnMut(Row),
) -> Result<(), JournalError> {
    for row in journal::rows(journal, table, &prefix) {
        visit(row?);
    }
    Ok(())
}
