//! Every view by its name. What a room fills is defined there; what is put together of several rooms is the desk's own.

pub use super::{
    doors::{BackupView, ProbeView, Push, PushAnswer, PushedRef},
    people::{Issued, LoginLink, TokenView},
    status::{ByStatus, FullStatus, HoldView, PlaybookView, Revisions, Waiting},
    world::{ConnectorView, VerbView},
};
pub use crate::{
    reconcile::{ConditionView, MistakeView, PlanView, ProposalView, SliceView, Status, WaitsView},
    runtime::views::*,
};
