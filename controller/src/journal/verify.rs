//! The check of everything stored against the chain.
//!
//! Forward: every link follows from the one before, and every entry, payload and last snapshot that it names is there with
//! that digest. Backward: every stored entry, snapshot and chained row is one that its link names, so nothing was slipped in;
//! every other row is whole, and every instance has a head that stands where its log ends. A row that was deleted by hand leaves no trace here: rows
//! follow from what the entries say, and `audit` makes them again.

use adjutant_machine::{
    chain::{Digest, Link, Section, Walk, is_chained},
    contract::TABLES,
    id::{EntryId, InstanceId},
    journal::{ChainReport, Content, JournalError, PAGE, Table},
};

use super::{
    database::{Range, View},
    head::LogHead,
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
    snapshots_are_named(view, &mut walk)?;
    heads_are_right(view, &mut walk)?;
    trims_are_named(view, &mut walk)?;
    TABLES.iter().try_for_each(|table| rows_are_named(view, *table, &mut walk))?;
    Ok(walk.report())
}

/// Whether what a link names is stored.
fn holds(view: &View<'_>, link: &Link) -> Result<bool, JournalError> {
    for section in &link.sections {
        if is_gone(view, section)? {
            continue;
        }
        let has_head = intact(view.head(&section.instance))?.flatten().is_some();
        if !has_head || !entries_hold(view, section)? || !snapshot_holds(view, link, section)? {
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

/// Whether retention let the instance go after these entries: nothing of it is left but the mark, which a link names.
fn is_gone(view: &View<'_>, section: &Section) -> Result<bool, JournalError> {
    let instance = &section.instance;
    Ok(is_absent(view, instance)? && removed(view, instance)?.is_some_and(|last| last >= section.last()))
}

fn is_absent(view: &View<'_>, instance: &InstanceId) -> Result<bool, JournalError> {
    Ok(view.get(Family::State, &keys::head(instance))?.is_none() && !view.has_entries(instance)?)
}

/// Returns the last entry of an instance that was removed, by its mark and by the link that made the mark: a trim is no removal.
fn removed(view: &View<'_>, instance: &InstanceId) -> Result<Option<u64>, JournalError> {
    let Some(mark) = view.get(Family::Meta, &keys::trimmed(instance))? else { return Ok(None) };
    let link = link(view, split(&mark).ok().map(|value| value.head.batch))?;
    let mut removals = link.iter().flat_map(|link| &link.removals);
    Ok(removals.find(|removal| removal.instance == *instance).map(|removal| removal.last))
}

fn entries_hold(view: &View<'_>, section: &Section) -> Result<bool, JournalError> {
    let Some(salt) = intact(view.salt(&section.instance))?.flatten() else {
        return Ok(section.entries.is_empty());
    };
    for seq in section.after + 1..=section.last() {
        let value = view.get(Family::Log, &keys::entry(&section.instance, seq))?;
        let Some(value) = value else {
            // Asked only where an entry is absent: retention is the one that may have taken it.
            if view.trimmed(&section.instance)? >= seq {
                continue;
            }
            return Ok(false);
        };
        let id = EntryId { instance: &section.instance, seq };
        let entry = intact(view.entry(id, &salt, &value))?;
        let digest = entry.map(|entry| {
            let Content { skeleton, payload } = entry.content;
            Digest::entry(id, &skeleton, &Digest::sealed(&salt, &payload))
        });
        if digest.as_ref() != section.entry(seq) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A later batch's snapshot is that batch's affair; an earlier or absent one means that this one was taken away.
fn snapshot_holds(view: &View<'_>, link: &Link, section: &Section) -> Result<bool, JournalError> {
    let Some(due) = section.snapshot else { return Ok(true) };
    let instance = &section.instance;
    let Some(head) = intact(view.head(instance))?.flatten() else { return Ok(false) };
    let Some(found) = intact(view.snapshot(instance, &head))?.flatten() else { return Ok(false) };
    let (batch, snapshot) = (found.head.batch, found.content);
    if batch != link.batch || snapshot.seq != section.last() {
        return Ok(batch >= link.batch);
    }
    let Some(salt) = intact(view.salt(instance))?.flatten() else { return Ok(false) };
    let after = EntryId { instance, seq: snapshot.seq };
    Ok(Digest::snapshot(after, &Digest::sealed(&salt, &snapshot.state)) == due)
}

fn entries_are_named(view: &View<'_>, walk: &mut Walk) -> Result<(), JournalError> {
    each(view, Family::Log, keys::ENTRIES, &mut |key, value| {
        let id = keys::instance(keys::entry_prefix(key)).zip(keys::number(key));
        let batch = split(value).ok().map(|value| value.head.batch);
        let link = link(view, batch)?;
        let named =
            matches!((&link, &id), (Some(link), Some((instance, seq))) if link.covers(instance, *seq));
        if !named {
            walk.broken(batch.unwrap_or(1));
        }
        Ok(())
    })
}

fn snapshots_are_named(view: &View<'_>, walk: &mut Walk) -> Result<(), JournalError> {
    each(view, Family::State, keys::SNAPSHOTS, &mut |key, value| {
        let batch = split(value).ok().map(|value| value.head.batch);
        let link = link(view, batch)?;
        let Some(instance) = keys::instance(key) else {
            walk.broken(batch.unwrap_or(1));
            return Ok(());
        };
        let seq = intact(view.head(&instance))?.flatten().map(|head| head.snapshot);
        let named = link.zip(seq).is_some_and(|(link, seq)| link.snapshot(&instance, seq).is_some());
        if !named {
            walk.broken(batch.unwrap_or(1));
        }
        Ok(())
    })
}

/// A head that was turned back would hide entries from whoever reads.
fn heads_are_right(view: &View<'_>, walk: &mut Walk) -> Result<(), JournalError> {
    each(view, Family::State, keys::HEADS, &mut |key, value| {
        let batch = split(value).ok().map(|value| value.head.batch);
        let instance = keys::instance(key);
        let right = match &instance {
            Some(instance) => match LogHead::read(instance, value) {
                Ok(head) => head.seq == view.last_key(instance)? && head.snapshot <= head.seq,
                Err(_) => false,
            },
            None => false,
        };
        if !right {
            walk.broken(batch.unwrap_or(1));
        }
        Ok(())
    })
}

/// A mark that nobody made would hide what was taken away by hand.
fn trims_are_named(view: &View<'_>, walk: &mut Walk) -> Result<(), JournalError> {
    each(view, Family::Meta, keys::TRIMMED, &mut |key, value| {
        let batch = split(value).ok().map(|value| value.head.batch);
        let link = link(view, batch)?;
        let named = match (link, keys::instance(key)) {
            (Some(link), Some(instance)) => {
                // What was removed and is there again was put there by hand.
                let is_back = removed(view, &instance)?.is_some() && !is_absent(view, &instance)?;
                let through = intact(view.trimmed(&instance))?;
                !is_back && through.is_some_and(|through| link.lets_go(&instance, through))
            }
            _ => false,
        };
        if !named {
            walk.broken(batch.unwrap_or(1));
        }
        Ok(())
    })
}

fn rows_are_named(view: &View<'_>, table: Table, walk: &mut Walk) -> Result<(), JournalError> {
    let (family, tag) = keys::table(table);
    each(view, family, tag, &mut |key, value| {
        let key = &key[tag.len()..];
        let batch = split(value).ok().map(|value| value.head.batch);
        let read = intact(row(table, key, value))?;
        if !is_chained(table) {
            // What it says follows from a state: here it only has to be whole.
            if read.is_none() {
                walk.broken(batch.unwrap_or(1));
            }
            return Ok(());
        }
        let link = link(view, batch)?;
        let named = read.zip(link).is_some_and(|(read, link)| {
            let index = usize::try_from(read.head.number).ok();
            let digest = index.and_then(|index| link.rows.get(index).copied());
            digest == Some(Digest::row(table, key, Some(&read.content.value)))
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
    Ok(bytes.as_deref().and_then(Link::open).map(|opened| opened.link))
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
