//! Labels: how far a value is trusted, and who may see it.

use serde::{Deserialize, Serialize};

/// How far a value is trusted; ordered from the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Written by somebody outside.
    #[default]
    External,
    /// Checked by a deterministic extractor, or by a system of record.
    Verified,
    /// Written or approved by the operator.
    Operator,
}

/// Who may see a value; ordered from the most open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    /// Anybody may see it.
    Public,
    /// Whoever works in the company.
    #[default]
    Internal,
    /// The client that it belongs to, and whoever works in the company.
    Client,
    /// Nobody but the connector that needs it.
    Secret,
}

/// The labels of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Labels {
    /// How far it is trusted.
    pub trust: Trust,
    /// Who may see it.
    pub privacy: Privacy,
}

impl Labels {
    /// The labels of what the operator wrote into the repository: the neutral element of [`Labels::join`] within a company.
    pub const OPERATOR: Self = Self { trust: Trust::Operator, privacy: Privacy::Public };

    /// Returns the labels of a value made from both: the lowest trust, the highest privacy.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self { trust: self.trust.min(other.trust), privacy: self.privacy.max(other.privacy) }
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self { trust: Trust::External, privacy: Privacy::Internal }
    }
}
