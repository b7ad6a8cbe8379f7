//! Checks single values: ids, money, periods, cron lines, zones, templates, words.

use std::{ops::Range, str::FromStr};

use croner::parser::{CronParser, Seconds, Year};
use rust_decimal::Decimal;

use crate::{
    diag::Code,
    draft::{Node, NodeKind},
    fields::{Roots, Support, Ty, Word, may_read_items},
    plan::{Backoff, is_id},
    value::{Currency, MomentError, Money, Pattern, Period, Template, TemplateError},
};

use super::{cx::Cx, nearest::nearest, shape};

/// What an id looks like, for help lines.
pub(super) const ID_FORM: &str =
    "ids are lower case letters, digits, `-` and `_`, beginning with a letter, 64 at most";

/// What is wrong with one value.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    /// The bytes of the text that are meant; all of it when absent.
    pub(crate) part: Option<Range<usize>>,
    pub(crate) message: String,
    pub(crate) label: &'static str,
    pub(crate) help: Option<String>,
}

impl Fault {
    fn new(code: Code, message: impl Into<String>, label: &'static str) -> Self {
        Self { code, part: None, message: message.into(), label, help: None }
    }

    /// Names the key where the message alone would not say what the word was for.
    pub(super) fn about(mut self, key: &str) -> Self {
        if self.code == Code::E0104 {
            self.message = format!("{} for `{key}`", self.message);
        }
        self
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Returns whether a value has the shape that a type wants, without looking at what a text says.
pub(super) fn fits_shape(ty: &Ty, node: &Node) -> bool {
    match ty {
        Ty::Boolean => matches!(node.kind, NodeKind::Boolean(_)),
        Ty::Integer(..) => matches!(node.kind, NodeKind::Integer(_)),
        Ty::Number(..) => matches!(node.kind, NodeKind::Integer(_) | NodeKind::Float(_)),
        Ty::Decimal => matches!(node.kind, NodeKind::Text(_) | NodeKind::Integer(_) | NodeKind::Float(_)),
        Ty::Moment => matches!(node.kind, NodeKind::Text(_) | NodeKind::Moment(_)),
        Ty::List(_) => matches!(node.kind, NodeKind::List(_)),
        Ty::Map(_) | Ty::Table(_) => matches!(node.kind, NodeKind::Table(_)),
        Ty::Schema => matches!(node.kind, NodeKind::Table(_) | NodeKind::Text(_)),
        Ty::Any | Ty::Args(_) => true,
        Ty::Either(types) => types.iter().any(|ty| fits_shape(ty, node)),
        _ => matches!(node.kind, NodeKind::Text(_)),
    }
}

/// Returns what a type is, for people.
pub(super) fn describe(ty: &Ty) -> String {
    match ty {
        Ty::Boolean => "true or false".to_owned(),
        Ty::Integer(..) => "a whole number".to_owned(),
        Ty::Number(..) | Ty::Decimal => "a number".to_owned(),
        Ty::Money => "money, such as \"20.00 EUR\"".to_owned(),
        Ty::Period => "a period, such as \"72h\"".to_owned(),
        Ty::Moment => "a moment, such as \"2026-01-01T08:00:00+01:00\"".to_owned(),
        Ty::List(Ty::Table(_)) => "a list of tables".to_owned(),
        Ty::List(_) => "a list".to_owned(),
        Ty::Map(_) | Ty::Table(_) => "a table".to_owned(),
        Ty::Schema => "a schema: a table, or the path of a JSON file".to_owned(),
        Ty::Either(types) => types.iter().map(describe).collect::<Vec<_>>().join(" or "),
        _ => "a text".to_owned(),
    }
}

/// Returns what is wrong with a value whose shape is right.
///
/// Templates of steps may begin a path with the name of an item too.
pub(super) fn check(ty: &Ty, node: &Node, cx: &Cx<'_>, items: &[String]) -> Vec<Fault> {
    let one = match (ty, node.text()) {
        (Ty::Integer(low, high), _) => integer(node, *low, *high),
        (Ty::Number(low, high), _) => number(node, *low, *high),
        (Ty::Decimal, _) => decimal(node),
        (Ty::Moment, _) => moment(node),
        (Ty::Schema, _) => shape::schema(node, cx).err().map(|fault| Fault {
            code: fault.code,
            part: None,
            message: fault.message,
            label: "not a schema",
            help: fault.help,
        }),
        (Ty::Template(roots) | Ty::Args(roots), Some(text)) => {
            return template(text, &Known::of(roots, items)).err().unwrap_or_default();
        }
        (Ty::Expression(roots), Some(text)) => {
            return expression(text, &Known::of(roots, items)).err().unwrap_or_default();
        }
        (Ty::Read(roots), Some(text)) => unknown_root(text, &Known::of(roots, items)),
        (_, Some(text)) => written(ty, text, cx),
        _ => None,
    };
    one.into_iter().collect()
}

fn written(ty: &Ty, text: &str, cx: &Cx<'_>) -> Option<Fault> {
    match ty {
        Ty::Id | Ty::Step => (!is_id(text)).then(|| bad_id(text)),
        Ty::Name(kind) => name(text, kind),
        Ty::Verb => verb(text),
        Ty::Signal => signal(text),
        Ty::Path(endings) => path(text, endings),
        Ty::Money => {
            Money::limit(text, Some(cx.currency)).err().map(|error| money_fault(text, &error.to_string()))
        }
        Ty::MoneyPer => money_per(text, cx.currency),
        Ty::Period => Period::from_str(text).err().map(|error| period_fault(text, &error.to_string())),
        Ty::Backoff => backoff(text).is_none().then(|| {
            let message = format!("\"{text}\" is no backoff");
            Fault::new(Code::E0121, message, "not a backoff")
                .help("write the first and the longest pause: \"1s..10m\"")
        }),
        Ty::Words(words) => word(text, words),
        Ty::Cron => cron(text),
        Ty::Zone => zone(text),
        Ty::Currency => Currency::from_str(text).err().map(|error| money_fault(text, &error.to_string())),
        Ty::Url(schemes) => url(text, schemes),
        Ty::Email => (!is_email(text)).then(|| {
            Fault::new(Code::E0116, format!("\"{text}\" is no mail address"), "not an address")
                .help("write name@example.com")
        }),
        Ty::Regex => Pattern::new(text).err().map(|error| {
            Fault::new(Code::E0117, format!("\"{text}\" is no regular expression: {error}"), "here")
        }),
        Ty::Sha256 => (!is_sha256(text)).then(|| {
            Fault::new(Code::E0103, format!("\"{text}\" is no SHA-256"), "not a digest")
                .help("write `sha256:` and 64 digits from 0 to f; `adjutant models pull` tells the line")
        }),
        _ => None,
    }
}

fn signal(text: &str) -> Option<Fault> {
    let event = text.split_once('.').map(|(_, event)| event);
    let is_name = match event {
        // The connector's name is looked for where others are; an event's name is whatever its connector calls it.
        Some(event) => !event.is_empty() && !text.starts_with('.'),
        None => is_id(text),
    };
    (!is_name).then(|| {
        Fault::new(Code::E0105, format!("\"{text}\" is no signal"), "not a signal's name")
            .help("write a word of yours, `reply`, or an event of a connector: \"billing.paid\"")
    })
}

fn is_sha256(text: &str) -> bool {
    let is_digit = |letter: char| letter.is_ascii_digit() || ('a'..='f').contains(&letter);
    text.strip_prefix("sha256:").is_some_and(|digits| digits.len() == 64 && digits.chars().all(is_digit))
}

fn bad_id(text: &str) -> Fault {
    Fault::new(Code::E0105, format!("\"{text}\" is no id"), "not an id").help(ID_FORM)
}

fn name(text: &str, kind: &str) -> Option<Fault> {
    let id = text.split_once('/').map_or(text, |(slice, id)| if is_id(slice) { id } else { "" });
    (!is_id(id)).then(|| bad_id(text).help(format!("name the {kind} by its id, or as slice/id")))
}

fn verb(text: &str) -> Option<Fault> {
    let good =
        text.split_once('.').is_some_and(|(connector, verb)| name(connector, "").is_none() && is_id(verb));
    let help = "a verb is written connector.verb, such as \"mail.send\"";
    (!good).then(|| Fault::new(Code::E0105, format!("\"{text}\" is no verb"), "not a verb").help(help))
}

fn path(text: &str, endings: &[&str]) -> Option<Fault> {
    let leaves = text.starts_with('/')
        || text.contains('\\')
        || text.split('/').any(|part| matches!(part, "" | "." | ".."));
    let ends = text.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending));
    if !leaves && ends {
        return None;
    }
    let message = format!("\"{text}\" is no path of this repository");
    let help = format!("paths are relative to the slice or the root, and end in .{}", endings.join(" or ."));
    Some(Fault::new(Code::E0115, message, "not a path").help(help))
}

fn money_fault(text: &str, why: &str) -> Fault {
    Fault::new(Code::E0106, format!("\"{text}\" is no money"), "not money").help(why)
}

fn period_fault(text: &str, why: &str) -> Fault {
    Fault::new(Code::E0107, format!("\"{text}\" is no period"), "not a period").help(why)
}

fn money_per(text: &str, currency: Currency) -> Option<Fault> {
    let (money, window) = text.split_once('/').unwrap_or((text, ""));
    if !matches!(window, "run" | "day" | "week" | "month") {
        let help = "write an amount in a window: \"100.00 EUR/month\"; windows are run, day, week, month";
        return Some(money_fault(text, help));
    }
    Money::limit(money, Some(currency)).err().map(|error| money_fault(text, &error.to_string()))
}

/// Parses `"1s..10m"`.
pub(super) fn backoff(text: &str) -> Option<Backoff> {
    let (first, longest) = text.split_once("..")?;
    let backoff = Backoff { first: first.trim().parse().ok()?, longest: longest.trim().parse().ok()? };
    (backoff.first <= backoff.longest).then_some(backoff)
}

fn word(text: &str, words: &[Word]) -> Option<Fault> {
    let Some(known) = words.iter().find(|word| word.word == text) else {
        let all: Vec<&str> = words.iter().map(|word| word.word).collect();
        let help = nearest(text, all.iter().copied()).map_or_else(
            || format!("write one of {}", all.join(", ")),
            |near| format!("did you mean \"{near}\"?"),
        );
        return Some(Fault::new(Code::E0104, format!("unknown word \"{text}\""), "unknown word").help(help));
    };
    (known.support == Support::Later).then(|| {
        let can: Vec<&str> =
            words.iter().filter(|word| word.support == Support::Full).map(|word| word.word).collect();
        let fault =
            Fault::new(Code::E0900, format!("\"{text}\" is not supported by this version"), "not yet");
        fault.help(format!("this version has {}", can.join(", ")))
    })
}

fn cron(text: &str) -> Option<Fault> {
    let parser =
        CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).dom_and_dow(true).build();
    let error = parser.parse(text).err()?;
    let help = "write second, minute, hour, day of month, month, day of week: \"0 0 8 * * MON\"";
    Some(
        Fault::new(Code::E0108, format!("\"{text}\" is no cron line: {error}"), "not a cron line").help(help),
    )
}

fn zone(text: &str) -> Option<Fault> {
    if jiff::tz::TimeZone::get(text).is_ok() && !text.is_empty() {
        return None;
    }
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let help = nearest(text, names.iter().map(String::as_str)).map_or_else(
        || "write an IANA name, such as \"Europe/Berlin\"".to_owned(),
        |near| format!("did you mean \"{near}\"?"),
    );
    Some(Fault::new(Code::E0109, format!("there is no time zone \"{text}\""), "unknown zone").help(help))
}

fn url(text: &str, schemes: &[&str]) -> Option<Fault> {
    let host = schemes.iter().find_map(|scheme| text.strip_prefix(scheme)?.strip_prefix("://"));
    let good = host.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with(['/', ':', '?']) && !rest.contains([' ', '@'])
    });
    let help = format!("write {}://host", schemes.join(":// or "));
    (!good).then(|| {
        Fault::new(Code::E0116, format!("\"{text}\" is no address for this"), "not an address").help(help)
    })
}

fn is_email(text: &str) -> bool {
    !text.contains('<') && text.parse::<crate::value::Mailbox>().is_ok()
}

fn integer(node: &Node, low: i64, high: i64) -> Option<Fault> {
    let NodeKind::Integer(found) = node.kind else { return None };
    let bounds =
        if high == i64::MAX { format!("at least {low}") } else { format!("between {low} and {high}") };
    (found < low || found > high).then(|| range_fault(&found.to_string(), &bounds))
}

fn number(node: &Node, low: f64, high: f64) -> Option<Fault> {
    let found = node.number()?;
    (!(low..=high).contains(&found))
        .then(|| range_fault(&found.to_string(), &format!("between {low} and {high}")))
}

fn range_fault(found: &str, bounds: &str) -> Fault {
    Fault::new(Code::E0110, format!("{found} is out of range"), "out of range")
        .help(format!("the number lies {bounds}"))
}

fn decimal(node: &Node) -> Option<Fault> {
    let text = match &node.kind {
        NodeKind::Text(text) => text.clone(),
        _ => node.number()?.to_string(),
    };
    match Decimal::from_str_exact(&text) {
        Ok(amount) if amount >= Decimal::ZERO => None,
        Ok(_) => Some(range_fault(&text, "at or above 0")),
        Err(_) => Some(money_fault(&text, "write a decimal, such as \"0.40\"")),
    }
}

fn moment(node: &Node) -> Option<Fault> {
    let (NodeKind::Text(text) | NodeKind::Moment(text)) = &node.kind else { return None };
    crate::value::moment(text).err().map(|error| {
        let help = match error {
            MomentError::Form => "write RFC 3339 with an offset: \"2026-01-01T08:00:00+01:00\"".to_owned(),
            MomentError::Range => error.to_string(),
        };
        Fault::new(Code::E0118, format!("\"{text}\" is no moment"), "not a moment").help(help)
    })
}

/// The names that a path may begin with.
pub(crate) struct Known<'a> {
    /// Those of the place.
    pub(crate) roots: Roots,
    /// Those of items, and of their places.
    pub(crate) items: &'a [String],
}

impl<'a> Known<'a> {
    /// Returns the names that are known where a path may begin with these, in a file that has these items.
    fn of(roots: Roots, items: &'a [String]) -> Self {
        Self { roots, items: if may_read_items(roots) { items } else { &[] } }
    }

    fn has(&self, root: &str) -> bool {
        self.roots.contains(&root) || self.items.iter().any(|item| item == root)
    }
}

/// Parses a text with holes and checks the roots of what it reads.
pub(super) fn template(text: &str, known: &Known<'_>) -> Result<Template, Vec<Fault>> {
    parsed(Template::parse(text), text, known)
}

/// Parses a text with holes; what it reads is judged where it is rendered.
pub(super) fn syntax(text: &str) -> Result<Template, Fault> {
    Template::parse(text).map_err(no_template)
}

/// Parses a bare expression and checks the roots of what it reads.
pub(super) fn expression(text: &str, known: &Known<'_>) -> Result<Template, Vec<Fault>> {
    if text.trim_start().starts_with("{{") {
        let fault = Fault::new(Code::E0111, "an expression stands here without braces", "braces");
        return Err(vec![fault.help("write the expression itself: `when = \"input.amount < 20\"`")]);
    }
    parsed(Template::parse_expression(text), text, known)
}

fn parsed(
    parsed: Result<Template, TemplateError>,
    text: &str,
    known: &Known<'_>,
) -> Result<Template, Vec<Fault>> {
    let template = parsed.map_err(|error| vec![no_template(error)])?;
    let faults = unknown_roots(&template, text, known);
    if faults.is_empty() { Ok(template) } else { Err(faults) }
}

fn no_template(error: TemplateError) -> Fault {
    let message = format!("template syntax: {}", error.message);
    Fault { part: error.range, ..Fault::new(Code::E0111, message, "here") }
}

/// Returns a fault for each path of a template that begins with a name that nothing has.
pub(crate) fn unknown_roots(template: &Template, text: &str, known: &Known<'_>) -> Vec<Fault> {
    let unknown = template.reads.iter().map(|path| root_of(path));
    let unknown = unknown.filter(|root| !known.has(root) && !FUNCTIONS.contains(root));
    unknown.map(|root| root_fault(root, text, known)).collect()
}

/// Returns a fault for a path that begins with a name that nothing has.
fn unknown_root(path: &str, known: &Known<'_>) -> Option<Fault> {
    let root = root_of(path);
    (!known.has(root)).then(|| root_fault(root, path, known))
}

fn root_of(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

/// Functions that a template may call.
const FUNCTIONS: [&str; 4] = ["range", "dict", "namespace", "loop"];

fn root_fault(root: &str, text: &str, known: &Known<'_>) -> Fault {
    let all: Vec<&str> = known.roots.iter().copied().chain(known.items.iter().map(String::as_str)).collect();
    let part = word_at(text, root);
    let help = nearest(root, all.iter().copied()).map_or_else(
        || format!("a path here begins with {}", all.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    Fault {
        part,
        ..Fault::new(Code::E0114, format!("nothing is called \"{root}\" here"), "unknown").help(help)
    }
}

/// Returns where a word stands alone in a text.
fn word_at(text: &str, word: &str) -> Option<Range<usize>> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).map(|(start, _)| start..start + word.len()).find(|range| {
        !text[..range.start].ends_with(|c| is_part(c) || c == '.') && !text[range.end..].starts_with(is_part)
    })
}
