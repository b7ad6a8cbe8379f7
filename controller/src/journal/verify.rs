//! The check of everything stored against the chain.
//!
//! Forward: every link follows from the one before, and every entry, payload and last state that it names is there with
//! that digest. Backward: every stored entry, state and row is one that its link names, so nothing was slipped in. A row
//! that was deleted by hand leaves no trace: rows are caches of what the entries say.

use adjutant_machine::{
    chain::{Digest, Link, Section, Walk},
    contract::TABLES,
    id::InstanceId,
    journal::{ChainReport, JournalError, PAGE, Table},
};

use super::{
    database::{Range, View},
    keys::{self, Family},
    read::row,
    value::split,
};

/// Checks the store as it was at one moment.
pub(super) fn verify(view: &View<'_>) -> Result<ChainReport, JournalError> {
    let mut walk = Walk::default();
    each(view, Family::Log, keys::LINKS, &mut |key, value| {
        let number = keys::number(key).unwrap_or_default();
        if let Some(link) = walk.next(number, value)
            && !holds(view, &link)?
        {
            walk.broken(number);
        }
        Ok(())
    })?;
    entries_are_named(view, &mut walk)?;
    states_are_named(view, &mut walk)?;
    TABLES.iter().try_for_each(|table| rows_are_named(view, *table, &mut walk))?;
    Ok(walk.report())
}

/// Whether what a link names is stored.
fn holds(view: &View<'_>, link: &Link) -> Result<bool, JournalError> {
    for section in &link.sections {
        if !entries_hold(view, section)? || !state_holds(view, link, &section.instance)? {
            return Ok(false);
        }
    }
    for (key, digest) in &link.blobs {
        let content = intact(view.blob(key))?.flatten();
        if content.is_none_or(|content| Digest::of(&content) != *digest) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn entries_hold(view: &View<'_>, section: &Section) -> Result<bool, JournalError> {
    for seq in section.after + 1..=section.last() {
        let value = view.get(Family::Log, &keys::entry(&section.instance, seq))?;
        let Some(value) = value else {
            // Asked only where an entry is absent: retention is the one that may have taken it.
            if view.trimmed(&section.instance)? >= seq {
                continue;
            }
            return Ok(false);
        };
        let place = (&section.instance, seq);
        let content = intact(view.entry_content(place, &value))?;
        let digest = content.map(|content| Digest::entry(&section.instance, seq, &content));
        if digest.as_ref() != section.entry(seq) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A later batch's state is that batch's affair; an earlier or absent one means that this one was taken away.
fn state_holds(view: &View<'_>, link: &Link, instance: &InstanceId) -> Result<bool, JournalError> {
    let found = intact(view.state(instance))?.flatten();
    let (Some((head, stored)), Some(due)) = (found, link.last_of(instance)) else { return Ok(false) };
    if head.batch != link.batch {
        return Ok(head.batch > link.batch);
    }
    Ok(Digest::state(instance, stored.seq, &stored.state) == due.state)
}

fn entries_are_named(view: &View<'_>, walk: &mut Walk) -> Result<(), JournalError> {
    each(view, Family::Log, keys::ENTRIES, &mut |key, value| {
        let place = keys::entry_place(key);
        let batch = split(value).ok().map(|(head, _)| head.batch);
        let link = link(view, batch)?;
        let named = matches!((&link, &place), (Some(link), Some((id, seq))) if link.covers(id, *seq));
        if !named {
            walk.broken(batch.unwrap_or(1));
        }
        Ok(())
    })
}

fn states_are_named(view: &View<'_>, walk: &mut Walk) -> Result<(), JournalError> {
    each(view, Family::State, keys::STATES, &mut |key, value| {
        let head = split(value).ok().map(|(head, _)| head);
        let batch = head.map(|head| head.batch);
        let place = link(view, batch)?.zip(keys::instance(key));
        let last = place.and_then(|(link, id)| link.last_of(&id).map(Section::last));
        if last.is_none() || last != head.map(|head| head.number) {
            walk.broken(batch.unwrap_or(1));
        }
        Ok(())
    })
}

fn rows_are_named(view: &View<'_>, table: Table, walk: &mut Walk) -> Result<(), JournalError> {
    let (family, tag) = keys::table(table);
    each(view, family, tag, &mut |key, value| {
        let key = &key[tag.len()..];
        let batch = split(value).ok().map(|(head, _)| head.batch);
        let link = link(view, batch)?;
        let named = intact(row(table, key, value))?.zip(link).is_some_and(|((head, row), link)| {
            let digest = usize::try_from(head.number).ok().and_then(|index| link.rows.get(index).copied());
            digest == Some(Digest::row(table, key, Some(&row.value)))
        });
        if !named {
            walk.broken(batch.unwrap_or(1));
        }
        Ok(())
    })
}

fn link(view: &View<'_>, batch: Option<u64>) -> Result<Option<Link>, JournalError> {
    let Some(batch) = batch else { return Ok(None) };
    let bytes = view.link(batch)?;
    Ok(bytes.as_deref().and_then(Link::open).map(|(link, _)| link))
}

/// Damage is a finding here, not an error.
fn intact<T>(read: Result<T, JournalError>) -> Result<Option<T>, JournalError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(JournalError::Corrupt { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

/// Visits all keys with a prefix, page by page: no iterator pins blocks for longer than a page.
fn each(
    view: &View<'_>,
    family: Family,
    prefix: &[u8],
    visit: super::database::Visit<'_>,
) -> Result<(), JournalError> {
    let mut lower = prefix.to_vec();
    loop {
        let upper = keys::after_prefix(prefix);
        let range = Range { family, lower: lower.clone(), upper, limit: PAGE, backwards: false };
        let mut seen = 0;
        view.walk(&range, &mut |key, value| {
            seen += 1;
            lower = [key, &[0]].concat();
            visit(key, value)
        })?;
        if seen < PAGE {
            return Ok(());
        }
    }
}
