//! Doubles of the outside world that speak its real wire formats: SMTP, a billing HTTP API and a chat model.
//!
//! A double is a server on loopback that a client cannot tell from the real thing by its protocol, and a reader cannot
//! mistake for it: every banner says "double". Each keeps a ledger of what it accepted, so that a test or the demo
//! can prove that one mail and one invoice exist, whatever happened to the client meanwhile.
//!
//! ```text
//!   client ──SMTP──► smtp    ─┐
//!   client ──HTTP──► billing ─┼─► ledger (synced before the answer) ──► books (the fold of its entries)
//!   client ──HTTP──► model   ─┘        ▲                                   │
//!   script ──HTTP──► control ──faults──┘◄──────────────────────────────────┘
//! ```
//!
//! The ledger entry is on disk before the answer leaves: a client that got no answer can always find out, by a probe,
//! whether its request happened. Faults are scripted, never random. This crate imports no room of Adjutant.
//!
//! ```no_run
//! # async fn story() -> Result<(), adjutant_doubles::Error> {
//! use adjutant_doubles::{Doubles, Fault, Options, Script, SmtpFault};
//!
//! let doubles = Doubles::start(Options::default()).await?;
//! doubles.faults().script(Script::new(Fault::Smtp(SmtpFault::DropAfterAccept)));
//! // ... point a client at doubles.addresses.smtp ...
//! assert_eq!(doubles.smtp().mails().len(), 1);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod billing;
mod books;
mod control;
mod doubles;
mod entry;
mod error;
mod faults;
pub mod fixtures;
mod ledger;
mod model;
mod smtp;
mod views;
mod wire;

pub use books::{Books, Kept, KeyUse};
pub use doubles::{Addresses, Doubles, Options};
pub use entry::{
    BillingCall, Change, Customer, Entry, Invoice, InvoiceStatus, Mail, MailRefusal, Mailbox, ModelCall,
};
pub use error::Error;
pub use faults::{Fault, Faults, HttpFault, Script, SmtpFault};
pub use fixtures::Fixtures;
pub use smtp::Login;
pub use views::{BillingView, ModelView, SmtpView};

/// The bearer token that the billing double takes unless the options name another.
pub const BILLING_TOKEN: &str = "double-billing-key";

/// The bearer token that the model double takes unless the options name another.
pub const MODEL_TOKEN: &str = "double-model-key";
