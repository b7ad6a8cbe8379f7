//! The watermark: the last acknowledged batch, in a file of its own.
//!
//! A write-ahead log that was cut at a record's end looks healthy. So every group is noted here after its sync and before
//! its answers, and a store that recovers to an earlier batch is refused. The note is written each time (it survives a
//! kill) and synced at most once a second and at the end (after a power loss it may be a second old, never newer than the
//! store). Two slots are written in turn: a torn one leaves the other. The format stands here too, so that a newer store
//! is refused before RocksDB touches it.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

use adjutant_machine::chain::Digest;

const MAGIC: &[u8; 8] = b"adjmark1";
const LENGTH: usize = 60;
const SLOTS: [u64; 2] = [0, 4096];

/// The end of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tip {
    /// The last batch's number.
    pub(super) batch: u64,
    /// Its hash.
    pub(super) hash: Digest,
}

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The format of the store.
    pub(super) format: u32,
    /// The last acknowledged batch.
    pub(super) tip: Tip,
}

/// The file, open for notes.
pub(super) struct MarkFile {
    file: File,
    format: u32,
    next: usize,
}

impl Mark {
    /// Reads the file; `None` where there is none or it holds no whole slot.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let bytes = match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let slot = |at: &u64| usize::try_from(*at).ok().and_then(|at| bytes.get(at..at + LENGTH));
        let marks = SLOTS.iter().filter_map(slot).filter_map(Self::decode);
        Ok(marks.max_by_key(|mark| (mark.format, mark.tip.batch)))
    }

    fn encode(&self) -> [u8; LENGTH] {
        let mut out = [0; LENGTH];
        out[..8].copy_from_slice(MAGIC);
        out[8..12].copy_from_slice(&self.format.to_be_bytes());
        out[12..20].copy_from_slice(&self.tip.batch.to_be_bytes());
        out[20..52].copy_from_slice(&self.tip.hash.0);
        let check = Digest::of(&out[..52]);
        out[52..].copy_from_slice(&check.0[..8]);
        out
    }

    fn decode(slot: &[u8]) -> Option<Self> {
        let (body, check) = slot.split_at_checked(52)?;
        let rest = body.strip_prefix(MAGIC)?;
        let mark = Self {
            format: u32::from_be_bytes(rest[..4].try_into().ok()?),
            tip: Tip {
                batch: u64::from_be_bytes(rest[4..12].try_into().ok()?),
                hash: Digest(rest[12..44].try_into().ok()?),
            },
        };
        (Digest::of(body).0[..8] == *check).then_some(mark)
    }
}

impl MarkFile {
    /// Opens the file, writes both slots and syncs it with its folder.
    pub(super) fn create(path: &Path, mark: Mark) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        let mut marks = Self { file, format: mark.format, next: 0 };
        // One slot at a time: a power loss between the two leaves one that is whole.
        for _ in SLOTS {
            marks.note(mark.tip)?;
            marks.sync()?;
        }
        super::place::sync_folder(path)?;
        Ok(marks)
    }

    /// Writes the last acknowledged batch, unsynced.
    pub(super) fn note(&mut self, tip: Tip) -> io::Result<()> {
        let mark = Mark { format: self.format, tip };
        self.file.write_all_at(&mark.encode(), SLOTS[self.next])?;
        self.next = 1 - self.next;
        Ok(())
    }

    /// Syncs what was written.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tip(batch: u64) -> Tip {
        Tip { batch, hash: Digest::of(&batch.to_be_bytes()) }
    }

    #[test]
    fn the_last_note_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("watermark");
        assert_eq!(Mark::read(&path).unwrap(), None);
        let mut marks = MarkFile::create(&path, Mark { format: 1, tip: tip(4) }).unwrap();
        for batch in 5..9 {
            marks.note(tip(batch)).unwrap();
            assert_eq!(Mark::read(&path).unwrap(), Some(Mark { format: 1, tip: tip(batch) }));
        }
    }

    #[test]
    fn a_torn_slot_leaves_the_note_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("watermark");
        let mut marks = MarkFile::create(&path, Mark { format: 1, tip: tip(4) }).unwrap();
        marks.note(tip(5)).unwrap();
        marks.note(tip(6)).unwrap();
        let torn = OpenOptions::new().write(true).open(&path).unwrap();
        torn.write_all_at(&[0xAA; 20], SLOTS[1] + 16).unwrap();
        assert_eq!(Mark::read(&path).unwrap().map(|mark| mark.tip), Some(tip(5)));
    }
}
