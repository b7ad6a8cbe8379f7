//! The client side: the same API as everybody else's, over the control socket.

mod api;
mod card;
mod cx;
mod dead;
mod deliveries;
mod gates;
mod people;
mod propose;
mod replay;
mod retention;
mod rollback;
mod runs;
mod show;
mod source;
mod status;
mod steer;
mod watch;
mod world;

pub(super) use api::{Client, read};
pub(super) use cx::Cx;
pub(super) use dead::dead;
pub(super) use deliveries::deliveries;
pub(super) use gates::{approve, deny, inbox, show};
pub(super) use people::{login, token};
pub(super) use replay::{record, replay};
pub(super) use retention::retention;
pub(super) use rollback::{roll_back, rollback};
pub(super) use runs::{log, log_tree, run, runs, signal, why};
pub(super) use source::{hold, plan, proposals, refit, revert};
pub(super) use status::{audit, cost, month, status};
pub(super) use steer::{cancel, correct, kill, pause, release, resume, retry};
pub(super) use watch::watch;
pub(super) use world::{connectors, playbooks, records};
