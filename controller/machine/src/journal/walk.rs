//! Walks over everything that is stored, page behind page: what is read so can never be taken for everything when it is a page.

use super::{Journal, JournalError, PAGE, Row, Scan, Table};
use crate::id::InstanceId;

/// Every row under a prefix, page behind page: what is read so can never be taken for everything when it is a page.
///
/// A read that wants one page only, for a list with a cursor, calls [`Journal::scan`] and says so.
#[derive(Debug)]
pub struct Rows<'a, J: ?Sized> {
    journal: &'a J,
    table: Table,
    scan: Scan,
    page: std::vec::IntoIter<Row>,
    is_last: bool,
}

/// Returns every row of a table whose key begins so, in key order.
pub fn rows<'a, J: Journal + ?Sized>(journal: &'a J, table: Table, prefix: &[u8]) -> Rows<'a, J> {
    rows_of(journal, table, Scan { prefix: prefix.to_vec(), ..Scan::default() })
}

/// Returns every row that a scan means, whatever its limit says.
pub fn rows_of<J: Journal + ?Sized>(journal: &J, table: Table, scan: Scan) -> Rows<'_, J> {
    Rows { journal, table, scan: Scan { limit: PAGE, ..scan }, page: Vec::new().into_iter(), is_last: false }
}

impl<J: Journal + ?Sized> Iterator for Rows<'_, J> {
    type Item = Result<Row, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(row) = self.page.next() {
            return Some(Ok(row));
        }
        if self.is_last {
            return None;
        }
        let page = match self.journal.scan(self.table, &self.scan) {
            Ok(page) => page,
            Err(error) => {
                // Nobody shall take what came before for everything: after the error there is nothing.
                self.is_last = true;
                return Some(Err(error));
            }
        };
        self.is_last = page.len() < PAGE;
        if let Some(last) = page.last() {
            // The next page begins after this key, or ends before it.
            let edge = Some(last.key.clone());
            if self.scan.backwards { self.scan.before = edge } else { self.scan.after = edge }
        }
        self.page = page.into_iter();
        self.page.next().map(Ok)
    }
}

/// Every instance after one, page behind page.
#[derive(Debug)]
pub struct Instances<'a, J: ?Sized> {
    journal: &'a J,
    after: Option<InstanceId>,
    page: std::vec::IntoIter<InstanceId>,
    is_last: bool,
}

/// Returns the ids of all instances after one, in order.
pub fn instances<J: Journal + ?Sized>(journal: &J, after: Option<InstanceId>) -> Instances<'_, J> {
    Instances { journal, after, page: Vec::new().into_iter(), is_last: false }
}

impl<J: Journal + ?Sized> Iterator for Instances<'_, J> {
    type Item = Result<InstanceId, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(id) = self.page.next() {
            return Some(Ok(id));
        }
        if self.is_last {
            return None;
        }
        let page = match self.journal.instances(self.after.as_ref(), PAGE) {
            Ok(page) => page,
            Err(error) => {
                self.is_last = true;
                return Some(Err(error));
            }
        };
        self.is_last = page.len() < PAGE;
        self.after = page.last().cloned().or(self.after.take());
        self.page = page.into_iter();
        self.page.next().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::InstanceKind,
        journal::{Append, Batch, Content, RowWrite},
        memory::MemoryJournal,
    };

    const MANY: usize = 2 * PAGE + 345;

    fn key(number: usize) -> Vec<u8> {
        format!("a{number:06}").into_bytes()
    }

    fn stored(count: usize) -> MemoryJournal {
        let journal = MemoryJournal::new();
        let row = |key| RowWrite { table: Table::Host, key, value: Some(Vec::new()) };
        let mut writes: Vec<RowWrite> = (0..count).map(|number| row(key(number))).collect();
        writes.push(row(b"b".to_vec()));
        journal.append(Batch { writes, ..Batch::default() }).expect("it is stored");
        journal
    }

    fn keys(rows: Rows<'_, MemoryJournal>) -> Vec<Vec<u8>> {
        rows.map(|row| row.expect("it is read").key).collect()
    }

    #[test]
    fn everything_is_read_however_many_pages_that_are() {
        for count in [0, 1, PAGE - 1, PAGE, PAGE + 1, MANY] {
            let wanted: Vec<Vec<u8>> = (0..count).map(key).collect();
            assert_eq!(keys(rows(&stored(count), Table::Host, b"a")), wanted, "{count}");
        }
    }

    #[test]
    fn a_limit_and_a_direction_take_nothing_away() {
        let scan = Scan { prefix: b"a".to_vec(), limit: 3, backwards: true, ..Scan::default() };
        let wanted: Vec<Vec<u8>> = (0..MANY).rev().map(key).collect();
        assert_eq!(keys(rows_of(&stored(MANY), Table::Host, scan)), wanted);
    }

    #[test]
    fn every_instance_is_met_once() {
        let journal = MemoryJournal::new();
        let id = |number: usize| InstanceId { kind: InstanceKind::Switch, name: format!("s{number:06}") };
        let append = |number| Append {
            instance: id(number),
            expected: 0,
            entries: vec![Content { skeleton: Vec::new(), payload: vec![1] }],
            snapshot: None,
        };
        let appends = (0..MANY).map(append).collect();
        journal.append(Batch { appends, ..Batch::default() }).expect("it is stored");
        let all: Vec<InstanceId> = instances(&journal, None).map(|id| id.expect("it is read")).collect();
        assert_eq!(all, (0..MANY).map(id).collect::<Vec<_>>());
        assert_eq!(instances(&journal, Some(id(MANY - 2))).count(), 1);
    }
}
