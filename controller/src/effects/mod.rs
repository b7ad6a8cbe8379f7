//! The edge of the company. What every part of it shares: secrets that are opened for one call, and their masking in
//! everything that is stored, logged or sent.

mod redact;
pub mod secrets;

pub use redact::Redactor;
