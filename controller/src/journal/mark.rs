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
/// Magic word, format, version, batch, hash, and the head of a digest of all of them.
const LENGTH: usize = CHECKED + 8;
const CHECKED: usize = 8 + 4 + VERSION + 8 + 32;
/// How many letters the version of a build may have.
const VERSION: usize = 16;
const SLOTS: [u64; 2] = [0, 4096];

/// The end of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tip {
    /// The last batch's number.
    pub(super) batch: u64,
    /// The hash of its link, which the next one builds on.
    pub(super) hash: Digest,
}

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The format of the store.
    pub(super) format: u32,
    /// The version of the build that wrote it: what an older build says is needed.
    pub(super) version: [u8; VERSION],
    /// The last acknowledged batch.
    pub(super) tip: Tip,
}

/// The file, open for notes.
pub(super) struct MarkFile {
    file: File,
    mark: Mark,
    next: usize,
}

/// Returns the version of this build, as the file has it.
pub(super) const fn this_version() -> [u8; VERSION] {
    let (text, mut version, mut place) = (env!("CARGO_PKG_VERSION").as_bytes(), [0; VERSION], 0);
    while place < text.len() && place < VERSION {
        version[place] = text[place];
        place += 1;
    }
    version
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

    /// Returns the version of the build that wrote the store, for people.
    pub(super) fn needs(&self) -> String {
        let text = self.version.split(|byte| *byte == 0).next().unwrap_or_default();
        text.iter().filter(|byte| byte.is_ascii_graphic()).map(|byte| char::from(*byte)).collect()
    }

    fn encode(&self) -> [u8; LENGTH] {
        let mut out = [0; LENGTH];
        out[..8].copy_from_slice(MAGIC);
        out[8..12].copy_from_slice(&self.format.to_be_bytes());
        out[12..28].copy_from_slice(&self.version);
        out[28..36].copy_from_slice(&self.tip.batch.to_be_bytes());
        out[36..CHECKED].copy_from_slice(&self.tip.hash.0);
        let check = Digest::of(&out[..CHECKED]);
        out[CHECKED..].copy_from_slice(&check.0[..8]);
        out
    }

    fn decode(slot: &[u8]) -> Option<Self> {
        Self::decode_now(slot).or_else(|| Self::decode_first(slot))
    }

    /// The slots of format 1 named no version. They are read so far that such a store is known for what it is, and left alone.
    fn decode_first(slot: &[u8]) -> Option<Self> {
        let (body, rest) = slot.split_at_checked(52)?;
        let format = u32::from_be_bytes(body.strip_prefix(MAGIC)?.first_chunk().copied()?);
        let is_whole = Digest::of(body).0[..8] == *rest.get(..8)?;
        is_whole.then(|| Self { format, version: [0; VERSION], tip: Tip::default() })
    }

    fn decode_now(slot: &[u8]) -> Option<Self> {
        let (body, check) = slot.split_at_checked(CHECKED)?;
        let rest = body.strip_prefix(MAGIC)?;
        let mark = Self {
            format: u32::from_be_bytes(rest[..4].try_into().ok()?),
            version: rest[4..20].try_into().ok()?,
            tip: Tip {
                batch: u64::from_be_bytes(rest[20..28].try_into().ok()?),
                hash: Digest(rest[28..60].try_into().ok()?),
            },
        };
        (Digest::of(body).0[..8] == *check).then_some(mark)
    }
}

impl MarkFile {
    /// Opens the file, writes both slots and syncs it with its folder.
    pub(super) fn create(path: &Path, mark: Mark) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        let mut marks = Self { file, mark, next: 0 };
        // One slot at a time: a power loss between the two leaves one that is whole.
        for _ in SLOTS {
            marks.note(mark.tip)?;
            marks.sync()?;
        }
        super::folder::sync_folder(path)?;
        Ok(marks)
    }

    /// Writes the last acknowledged batch, unsynced.
    pub(super) fn note(&mut self, tip: Tip) -> io::Result<()> {
        self.mark.tip = tip;
        self.file.write_all_at(&self.mark.encode(), SLOTS[self.next])?;
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

    fn mark(batch: u64) -> Mark {
        Mark { format: 2, version: this_version(), tip: tip(batch) }
    }

    #[test]
    fn a_mark_says_which_build_wrote_it() {
        let found = Mark::decode(&mark(4).encode()).unwrap();
        assert_eq!(found, mark(4));
        assert_eq!(found.needs(), env!("CARGO_PKG_VERSION"));
        let hostile = Mark { version: *b"1.0\x1b[31m\n evil\0\0", ..found };
        assert_eq!(hostile.needs(), "1.0[31mevil");
    }

    #[test]
    fn the_last_note_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("watermark");
        assert_eq!(Mark::read(&path).unwrap(), None);
        let mut marks = MarkFile::create(&path, mark(4)).unwrap();
        for batch in 5..9 {
            marks.note(tip(batch)).unwrap();
            assert_eq!(Mark::read(&path).unwrap(), Some(mark(batch)));
        }
    }

    #[test]
    fn a_torn_slot_leaves_the_note_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("watermark");
        let mut marks = MarkFile::create(&path, mark(4)).unwrap();
        marks.note(tip(5)).unwrap();
        marks.note(tip(6)).unwrap();
        let torn = OpenOptions::new().write(true).open(&path).unwrap();
        torn.write_all_at(&[0xAA; 20], SLOTS[1] + 16).unwrap();
        assert_eq!(Mark::read(&path).unwrap().map(|mark| mark.tip), Some(tip(5)));
    }
}
