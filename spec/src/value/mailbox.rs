//! Mail addresses: judged once, so that what a gate shows is what a server will take.

use std::{fmt, str::FromStr};

/// The longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;

/// A mail address, with the name of whoever reads there where one is written.
///
/// The host is an A-label: `info@bücher.example` is kept as `info@xn--bcher-kva.example`, for servers know no other form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mailbox {
    name: Option<String>,
    local: String,
    host: String,
}

/// Why a text is no mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailboxError {
    /// A line break would begin another header.
    #[error("a mail address has no line breaks or control characters")]
    Control,
    /// There is no `@`, or more than one.
    #[error("a mail address is one `name@host`; several addresses go into a list")]
    Shape,
    /// The part before the `@` cannot be one.
    #[error("\"{0}\" cannot stand before the `@`")]
    Local(String),
    /// The host cannot be one.
    #[error("\"{0}\" is no host that mail could go to")]
    Host(String),
    /// The name before the angle brackets cannot stand there.
    #[error("the name before `<` has signs that need quotes: write \"Name, Other\" <name@host>")]
    Name,
}

impl Mailbox {
    /// Returns the name of whoever reads there.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the part before the `@`, as it was written.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// Returns the host as an A-label, in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the address without the name.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}@{}", self.local, self.host)
    }
}

impl FromStr for Mailbox {
    type Err = MailboxError;

    /// Parses `name@host`, `Name <name@host>` or `"Name, Other" <name@host>`.
    fn from_str(text: &str) -> Result<Self, MailboxError> {
        if text.chars().any(char::is_control) {
            return Err(MailboxError::Control);
        }
        let text = text.trim();
        let Some(bracketed) = text.strip_suffix('>') else { return bare(text, None) };
        let (name, address) = bracketed.rsplit_once('<').ok_or(MailboxError::Shape)?;
        bare(address.trim(), display(name.trim())?)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}@{}>", self.local, self.host),
            None => write!(f, "{}@{}", self.local, self.host),
        }
    }
}

fn bare(address: &str, name: Option<String>) -> Result<Mailbox, MailboxError> {
    let (local, host) = address.split_once('@').ok_or(MailboxError::Shape)?;
    if host.contains('@') || address.contains([',', ';', '<', '>']) || address.contains(char::is_whitespace) {
        return Err(MailboxError::Shape);
    }
    if !is_local(local) {
        return Err(MailboxError::Local(local.to_owned()));
    }
    // UTS 46 with the rules of host names: what a resolver would never find is refused here, too.
    let ascii = idna::domain_to_ascii_strict(host).ok().filter(|ascii| is_host(ascii));
    let host = ascii.ok_or_else(|| MailboxError::Host(host.to_owned()))?;
    Ok(Mailbox { name, local: local.to_owned(), host })
}

/// A dot-atom of RFC 5322, or of RFC 6531 where it has characters outside ASCII.
fn is_local(local: &str) -> bool {
    let is_atom = |one: char| {
        one.is_ascii_alphanumeric()
            || "!#$%&'*+-/=?^_`{|}~".contains(one)
            || (!one.is_ascii() && !one.is_control())
    };
    local.len() <= LONGEST_LOCAL && local.split('.').all(|part| !part.is_empty() && part.chars().all(is_atom))
}

/// Ends in no dot, and not in a number: those are addresses of machines, not names of hosts.
fn is_host(ascii: &str) -> bool {
    let last = ascii.rsplit('.').next().unwrap_or_default();
    !last.is_empty() && !last.bytes().all(|one| one.is_ascii_digit())
}

/// The name before the angle brackets, without its quotes; `None` where none is written.
fn display(name: &str) -> Result<Option<String>, MailboxError> {
    let quoted = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let is_plain = !name.contains(['"', '<', '>', ',', ';', '@', '\\', '(', ')']);
    match quoted {
        Some(inner) if !inner.contains(['"', '\\']) => Ok(Some(inner.to_owned())),
        None if is_plain => Ok((!name.is_empty()).then(|| name.to_owned())),
        _ => Err(MailboxError::Name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_takes_is_an_address() {
        let table = [
            ("a@b.example", "a@b.example"),
            (" Ana <ana@b.example> ", "ana@b.example"),
            ("\"Okafor, Maya\" <maya@b.example>", "maya@b.example"),
            ("<ana@b.example>", "ana@b.example"),
            ("info@bücher.example", "info@xn--bcher-kva.example"),
            ("INFO@Bücher.Example", "INFO@xn--bcher-kva.example"),
            ("info@faß.example", "info@xn--fa-hia.example"),
            ("info@例え.テスト", "info@xn--r8jz45g.xn--zckzah"),
            ("müller@b.example", "müller@b.example"),
            ("o'neil+tag_{x}@b.example", "o'neil+tag_{x}@b.example"),
            ("root@localhost", "root@localhost"),
        ];
        for (text, address) in table {
            assert_eq!(
                text.parse::<Mailbox>().map(|found| found.address()),
                Ok(address.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_no_server_takes_is_refused() {
        let long = format!("{}@b.example", "a".repeat(65));
        let deep = format!("a@{}.example", "b".repeat(64));
        let table = [
            "",
            "nobody",
            "@b.example",
            "a@",
            "a@@b.example",
            "a@b@c.example",
            "a..b@c.example",
            ".a@b.example",
            "a.@b.example",
            "a@b..example",
            "a@b.example.",
            "a@-b.example",
            "a@b_c.example",
            "a@1.2.3.4",
            "a@[1.2.3.4]",
            "a b@c.example",
            "a@b.example, c@d.example",
            "a@b.example;c@d.example",
            "a@b.example\r\nBcc: x@y.example",
            "a\u{0}@b.example",
            "Doe, John <j@b.example>",
            "\"a\\\" <x@y.example>\" <j@b.example>",
            "a(b)@c.example",
            "x <a@b.example",
            "a@b.example>",
            "a@xn--\u{0}.example",
            long.as_str(),
            deep.as_str(),
        ];
        for text in table {
            assert!(text.parse::<Mailbox>().is_err(), "{text:?}: {:?}", text.parse::<Mailbox>());
        }
    }

    #[test]
    fn an_address_is_printed_as_it_is_sent() {
        let mailbox: Mailbox = "Ana Müller <ana@müller.example>".parse().expect("an address");
        assert_eq!(mailbox.to_string(), "Ana Müller <ana@xn--mller-kva.example>");
        assert_eq!(mailbox.name(), Some("Ana Müller"));
    }
}
