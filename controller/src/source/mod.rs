//! Where desired state comes from: a work tree, a commit, a remote, or a push to the daemon's own repository.
//!
//! The room turns "something may have changed" into `Observed { revision, files }` or `Unreadable`, and nothing else: it
//! neither understands the files nor decides what becomes of them. An event of any kind (file watch, hook, timer, webhook)
//! is a hint without content; what counts is what a complete read finds. A read that fails in any way is `Unreadable`,
//! never a smaller set of files, so that absence is always proven.
//!
//! ```text
//!   file events ─┐                         ┌─ worktree: scan twice ──► tree in mirror.git ─┐
//!   wake()      ─┼─► quiet period ─► look ─┼─ commit / remote: `git fetch` ► mirror.git ───┼─► Observed | Unreadable
//!   timers      ─┘                         └─ push: `main` of company.git ─────────────────┘     (latest wins)
//! ```
//!
//! `git2` reads the two private bare repositories; the `git` program moves data and updates references. The operator's own
//! repository is neither opened by libgit2 nor written.

mod checkout;
mod commit;
mod company;
mod error;
mod follow;
mod git;
mod history;
mod hook;
mod layout;
mod merge;
mod mirror;
mod observe;
mod pktline;
mod proposal;
mod review;
mod revision;
mod scan;
mod snapshot;
mod stderr;
mod tree;
mod walk;
mod watch;
mod worktree;

#[cfg(test)]
mod tests;

pub use commit::Note;
pub use company::{Company, HookSetup, Seeded};
pub use error::Error;
pub use follow::{Mode, Observations, Settings, Source, Watching};
pub use git::{Git, Invocation, Output};
pub use history::{Change, ChangeKind};
pub use hook::{Destination, RefUpdate, Refusal, parse_updates};
pub use layout::{is_ignored_name, is_language_path, protection};
pub use merge::{Landing, Merge};
pub use mirror::Mirror;
pub use pktline::{Packet, read_packet, write_flush, write_packet};
pub use proposal::{Dialogue, RefReport, Verdict};
pub use review::{Extent, Hidden, Review};
pub use revision::{Committed, Observation, Observed, Revision, Unreadable};
pub use snapshot::{of_folder, of_revision};
pub use stderr::GitCode;
pub use walk::Limits;
