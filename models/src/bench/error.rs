//! Why nothing was measured.

use std::path::PathBuf;

use crate::{EmbedError, LoadError};

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The peers were asked for and are not there.
    #[error("the peers are not installed in \"{}\"", path.display())]
    PeersMissing {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// A peer's process did not start, ended, or said something else than an answer.
    #[error("the peer \"{engine}\" failed: {reason}")]
    Peer {
        /// The engine that failed.
        engine: String,
        /// What it said, or what became of it.
        reason: String,
    },
    /// An engine computes something else, so that its speed means nothing.
    #[error("\"{engine}\" gives another vector than ours for the same text, cosine {cosine:.5}")]
    Disagrees {
        /// The engine that failed.
        engine: String,
        /// The cosine between the two vectors.
        cosine: f32,
    },
    /// An engine counts other tokens than the cell says.
    #[error("\"{engine}\" counts {found} tokens, expected {expected}")]
    Tokens {
        /// The engine that failed.
        engine: String,
        /// What the texts were made to have.
        expected: usize,
        /// How many tokens it counted.
        found: usize,
    },
    /// Our model did not load.
    #[error("the model does not load")]
    Load(#[from] LoadError),
    /// Our model did not answer.
    #[error("the model does not answer")]
    Embed(#[from] EmbedError),
}

impl Error {
    /// Returns what to type, where that helps.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        matches!(self, Error::PeersMissing { .. }).then_some("run `make peers`")
    }
}
