//! The helpers of the whole-system tests.
#![allow(clippy::unwrap_used, missing_docs, reason = "test helpers: a panic is their answer")]

pub mod desk;
