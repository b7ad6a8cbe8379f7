//! One SMTP command line, read strictly where clients must be right and leniently where real servers are lenient.

/// What the client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Hello { is_extended: bool },
    Mail { from: String, size: Option<usize> },
    Recipient { to: String },
    Data,
    Reset,
    Noop,
    Quit,
    Verify,
    Help,
    Auth { mechanism: String, initial: Option<String> },
}

/// A reply: the code and its text, the enhanced status code (RFC 3463) included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reply(pub(crate) u16, pub(crate) &'static str);

const UNKNOWN: Reply = Reply(500, "5.5.1 no such command at this double");
const SYNTAX: Reply = Reply(501, "5.5.4 the argument cannot be read");
const PARAMETER: Reply = Reply(555, "5.5.4 a parameter is not known");

impl Command {
    /// Reads a line without its line end.
    pub(crate) fn parse(line: &str) -> Result<Self, Reply> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" if rest.is_empty() => Err(SYNTAX),
            "EHLO" => Ok(Self::Hello { is_extended: true }),
            "HELO" => Ok(Self::Hello { is_extended: false }),
            "MAIL" => mail(rest),
            "RCPT" => recipient(rest),
            "AUTH" => auth(rest),
            "DATA" => bare(rest, Self::Data),
            "RSET" => bare(rest, Self::Reset),
            "QUIT" => bare(rest, Self::Quit),
            "NOOP" => Ok(Self::Noop),
            "HELP" => Ok(Self::Help),
            "VRFY" if rest.is_empty() => Err(SYNTAX),
            "VRFY" => Ok(Self::Verify),
            _ => Err(UNKNOWN),
        }
    }
}

fn bare(rest: &str, command: Command) -> Result<Command, Reply> {
    if rest.is_empty() { Ok(command) } else { Err(SYNTAX) }
}

fn mail(rest: &str) -> Result<Command, Reply> {
    let Path { address: from, parameters } = path(rest, "FROM:")?;
    let mut size = None;
    for parameter in parameters.split_ascii_whitespace() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name.to_ascii_uppercase().as_str() {
            "SIZE" => size = Some(value.parse().map_err(|_| SYNTAX)?),
            "BODY" if matches!(value.to_ascii_uppercase().as_str(), "7BIT" | "8BITMIME") => {}
            "SMTPUTF8" if value.is_empty() => {}
            "AUTH" => {}
            _ => return Err(PARAMETER),
        }
    }
    Ok(Command::Mail { from: from.to_owned(), size })
}

fn recipient(rest: &str) -> Result<Command, Reply> {
    let Path { address: to, parameters } = path(rest, "TO:")?;
    if !parameters.is_empty() {
        return Err(PARAMETER);
    }
    if !is_address(to) {
        return Err(Reply(553, "5.1.3 the recipient is no address"));
    }
    Ok(Command::Recipient { to: to.to_owned() })
}

fn auth(rest: &str) -> Result<Command, Reply> {
    let mut words = rest.split_ascii_whitespace();
    let mechanism = words.next().ok_or(SYNTAX)?.to_ascii_uppercase();
    let initial = words.next().map(str::to_owned);
    Ok(Command::Auth { mechanism, initial })
}

/// Whom a letter is from or to, as SMTP names that.
struct Path<'l> {
    address: &'l str,
    parameters: &'l str,
}

/// Splits `FROM:<path> parameters`; a space after the colon is wrong and common.
fn path<'l>(rest: &'l str, keyword: &str) -> Result<Path<'l>, Reply> {
    let head = rest.get(..keyword.len()).ok_or(SYNTAX)?;
    if !head.eq_ignore_ascii_case(keyword) {
        return Err(SYNTAX);
    }
    let inner = rest[keyword.len()..].trim_start().strip_prefix('<').ok_or(SYNTAX)?;
    let (path, parameters) = inner.split_once('>').ok_or(SYNTAX)?;
    // A source route (`@relay,@relay:user@host`) is accepted and ignored, as RFC 5321 asks.
    let address = if path.starts_with('@') { path.split_once(':').ok_or(SYNTAX)?.1 } else { path };
    Ok(Path { address, parameters: parameters.trim() })
}

fn is_address(path: &str) -> bool {
    let Some((local, domain)) = path.rsplit_once('@') else {
        return path.eq_ignore_ascii_case("postmaster");
    };
    !local.is_empty() && !domain.is_empty() && !path.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_in_any_case() {
        assert_eq!(Command::parse("eHlO studio.example"), Ok(Command::Hello { is_extended: true }));
        assert_eq!(
            Command::parse("mail from:<a@b.example> size=12 BODY=8BITMIME"),
            Ok(Command::Mail { from: "a@b.example".into(), size: Some(12) })
        );
        assert_eq!(
            Command::parse("RCPT TO: <@relay.example:c@d.example>"),
            Ok(Command::Recipient { to: "c@d.example".into() })
        );
        assert_eq!(Command::parse("MAIL FROM:<>"), Ok(Command::Mail { from: String::new(), size: None }));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_the_right_code() {
        let refused = [
            ("FROB", 500),
            ("EHLO", 501),
            ("MAIL FROM:a@b.example", 501),
            ("MAIL TO:<a@b.example>", 501),
            ("MAIL FROM:<a@b.example> RET=FULL", 555),
            ("MAIL FROM:<a@b.example> SIZE=many", 501),
            ("RCPT TO:<nobody>", 553),
            ("RCPT TO:<>", 553),
            ("DATA now", 501),
            ("MAIL é", 501),
        ];
        for (line, code) in refused {
            assert_eq!(Command::parse(line).unwrap_err().0, code, "{line}");
        }
    }
}
