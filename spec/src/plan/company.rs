//! `adjutant.toml` and `slice.toml`.

use serde::{Deserialize, Serialize};

use super::Id;
use crate::value::Currency;

/// What the company says of itself in `adjutant.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Company {
    /// What it is called.
    pub name: String,
    /// The persona that owns what names no other.
    pub owner: Id,
    /// Who may own things.
    pub personas: Vec<Persona>,
    /// The IANA time zone of schedules and civil windows.
    pub zone: String,
    /// The currency of amounts that name none.
    pub currency: Currency,
    /// The stage of slices that name none.
    pub stage: Stage,
}

/// A hat that the operator wears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persona {
    /// What `owner` names it by.
    pub id: Id,
    /// Where notifications for it go, if anywhere.
    pub email: Option<String>,
    /// What it is responsible for.
    pub title: Option<String>,
}

/// A vertical slice of the company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// The name of its folder under `slices/`; `company` for what stands in the root.
    pub id: Id,
    /// The persona that is responsible for it.
    pub owner: Id,
    /// How far its effects reach the world.
    pub stage: Stage,
    /// The business metrics it is judged by.
    pub metrics: Vec<String>,
}

/// How far a slice's effects reach the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Log what would happen.
    Observe,
    /// Make every effect a proposal in the inbox.
    Advise,
    /// Act under policy.
    #[default]
    Act,
}
