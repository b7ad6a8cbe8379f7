//! The store on disk: RocksDB behind the [`Journal`](adjutant_machine::journal::Journal) seam.
//!
//! ```text
//!  submit ──► bounded queue ──► writer thread: take what is ready, accept, link, one synced write, answer all
//!  load, entries, rows … ──────► RocksDB, on the caller's thread
//! ```
//!
//! Everything here blocks: call it from threads that may wait, never from an async task. The room knows bytes and ids; it
//! does not know what an entry says. Any write error stops the store for good ([`RocksJournal::failed`]): the process must
//! end and recovery decides.
//!
//! The data folder holds `store/` (RocksDB), `watermark` (the last acknowledged batch), `reserve` (space that
//! is freed when the disk is full) and `pid`.

pub mod backup;
pub mod bench;
mod database;
mod dense;
mod error;
mod folder;
mod group;
mod head;
mod keys;
mod mark;
mod open;
mod options;
mod read;
mod shared;
mod stats;
mod texts;
mod value;
mod verify;
mod writer;

pub use backup::Copied;
pub use error::Error;
pub use open::RocksJournal;
pub use options::{OnFailure, Options};
pub use stats::Stats;
