//! The small values of the language: money, periods, templates, references, labels. Parsed once, printed as written.

mod bounds;
mod currency;
mod fault;
mod json;
mod label;
mod locals;
mod mailbox;
mod moment;
mod money;
mod number;
mod paths;
mod pattern;
mod period;
pub(crate) mod renamed;
pub mod rewrite;
mod syntax;
mod template;
pub mod vocabulary;

pub use currency::{Currency, CurrencyError};
pub use fault::TemplateError;
pub use json::from_outside;
pub use label::{Labels, Privacy, Trust};
pub use mailbox::{Mailbox, MailboxError};
pub use moment::{MomentError, civil, moment};
pub use money::{Money, MoneyError};
pub use number::decimal;
pub use paths::Path;
pub use pattern::Pattern;
pub use period::{Period, PeriodError};
pub use template::{Arg, Template};
