//! The small values of the language: money, periods, templates, references, labels. Parsed once, printed as written.

mod label;
mod mailbox;
mod money;
mod paths;
mod period;
mod template;

pub use label::{Labels, Privacy, Trust};
pub use mailbox::{Mailbox, MailboxError};
pub use money::{Currency, Money, MoneyError};
pub use period::{Period, PeriodError};
pub use template::{Arg, Path, Template, TemplateError};
