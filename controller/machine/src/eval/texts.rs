//! Filters of texts. Each asks for what it will make before it makes it, where that can be more than it was given.

use minijinja::{
    Error,
    value::{Value, ValueKind},
};

use super::{
    call::{Call, Function, items, wrong},
    data, lists,
    meter::refuse,
    number::Num,
};

pub(super) const ALL: &[(&str, Function)] = &[
    ("capitalize", |call| changed(call, capitalize)),
    ("e", |call| changed(call, escape)),
    ("escape", |call| changed(call, escape)),
    ("format", format),
    ("indent", indent),
    ("join", join),
    ("lines", lines),
    ("lower", |call| changed(call, str::to_lowercase)),
    ("pprint", |call| changed(call, str::to_owned)),
    ("replace", replace),
    ("safe", |call| changed(call, str::to_owned)),
    ("split", split),
    ("string", |call| changed(call, str::to_owned)),
    ("title", |call| changed(call, title)),
    ("tojson", tojson),
    ("trim", trim),
    ("upper", |call| changed(call, str::to_uppercase)),
];

/// The widest column of `format`, and the most spaces of `indent`.
const WIDEST: u64 = 1_000;

/// Changes a text into one that is at most a few times as long.
fn changed(call: &mut Call<'_, '_, '_>, change: fn(&str) -> String) -> Result<Value, Error> {
    let subject = call.subject()?;
    let text = call.text(&subject)?;
    call.made(change(&text))
}

fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    first + &letters.as_str().to_lowercase()
}

fn title(text: &str) -> String {
    let mut is_start = true;
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        let begins = std::mem::replace(&mut is_start, letter.is_whitespace() || "-({[<".contains(letter));
        if begins { out.extend(letter.to_uppercase()) } else { out.extend(letter.to_lowercase()) }
    }
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            other => out.push(other),
        }
    }
    out
}

fn trim(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let (subject, letters) = (call.subject()?, call.word(1, "chars")?);
    let text = call.text(&subject)?;
    let trimmed = match &letters {
        Some(letters) => text.trim_matches(|letter| letters.contains(letter)),
        None => text.trim(),
    };
    call.made(trimmed.to_owned())
}

fn replace(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let (subject, from, to) = (call.subject()?, call.needed(1)?, call.needed(2)?);
    let (text, from, to) = (call.text(&subject)?, call.text(&from)?, call.text(&to)?);
    let count = text.matches(&from).count() as u64;
    call.meter().make(count.saturating_mul(to.len() as u64))?;
    call.made(text.replace(&from, &to))
}

fn indent(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let subject = call.subject()?;
    let text = call.text(&subject)?;
    let width = match call.option(1, "width")? {
        Some(width) => small(&width, "width")?,
        None => 4,
    };
    let (first, blank) = (call.switch(2, "first")?, call.switch(3, "blank")?);
    let body = text.strip_suffix('\n').unwrap_or(&text);
    let body = body.strip_suffix('\r').unwrap_or(body);
    call.meter().make(width.saturating_mul(body.split('\n').count() as u64))?;
    let space = " ".repeat(usize::try_from(width).unwrap_or_default());
    let line = |(place, line): (usize, &str)| {
        let is_bare = (place == 0 && !first) || (place > 0 && !blank && matches!(line, "" | "\r"));
        if is_bare { line.to_owned() } else { format!("{space}{line}") }
    };
    let lines: Vec<String> = body.split('\n').enumerate().map(line).collect();
    call.made(lines.join("\n"))
}

fn small(value: &Value, what: &str) -> Result<u64, Error> {
    let number = Num::of(value).and_then(Num::whole).and_then(|number| u64::try_from(number).ok());
    number
        .filter(|number| *number <= WIDEST)
        .ok_or_else(|| refuse(format!("the {what} is a whole number up to {WIDEST}")))
}

fn join(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let subject = call.subject()?;
    let (between, attribute) = (call.word(1, "d")?.unwrap_or_default(), call.word(2, "attribute")?);
    let mut text = String::new();
    for (place, item) in items(call, &subject)?.iter().enumerate() {
        if place > 0 {
            call.meter().make(between.len() as u64)?;
            text.push_str(&between);
        }
        let item = attribute.as_ref().map_or_else(|| item.clone(), |path| lists::attribute(item, path));
        data::print(data::present(&item)?, call.meter(), &mut text)?;
    }
    Ok(Value::from(text))
}

fn split(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let (subject, between) = (call.subject()?, call.word(1, "sep")?);
    let text = call.text(&subject)?;
    let most = match call.option(2, "maxsplits")? {
        Some(most) => Num::of(&most).and_then(Num::whole).and_then(|most| usize::try_from(most).ok()),
        None => None,
    };
    let count = most.map_or(usize::MAX, |most| most.saturating_add(1));
    let parts: Vec<&str> = match &between {
        Some(between) if between.is_empty() => return Err(refuse("a text is not split by an empty text")),
        Some(between) => text.splitn(count, between.as_str()).collect(),
        None => words(&text, count),
    };
    texts(call, parts)
}

fn words(text: &str, count: usize) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), text.trim_start());
    while !rest.is_empty() {
        let end = if parts.len() + 1 < count { rest.find(char::is_whitespace) } else { None };
        let (word, after) = end.map_or((rest, ""), |end| rest.split_at(end));
        parts.push(word);
        rest = after.trim_start();
    }
    parts
}

fn lines(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let subject = call.subject()?;
    let text = call.text(&subject)?;
    let parts = text.lines().collect();
    texts(call, parts)
}

fn texts(call: &mut Call<'_, '_, '_>, parts: Vec<&str>) -> Result<Value, Error> {
    call.meter().make(parts.iter().map(|part| part.len() as u64).sum())?;
    call.list(parts.into_iter().map(Value::from).collect())
}

fn tojson(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let subject = call.subject()?;
    let json = data::to_json(&subject, call.meter())?;
    let text = if call.option(1, "indent")?.is_some() { format!("{json:#}") } else { json.to_string() };
    call.made(text)
}

/// `"%s owes %.2f" | format(name, amount)`: `%s`, `%d`, `%f`, `%x`, with flags, a width and digits.
fn format(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let subject = call.subject()?;
    let pattern = call.text(&subject)?;
    let mut rest = pattern.as_str();
    let (mut text, mut next) = (String::new(), 1);
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let (field, behind) = Field::read(after)?;
        rest = behind;
        let written = if field.letter == '%' {
            "%".to_owned()
        } else {
            let value = match &field.name {
                Some(name) => {
                    call.named(name).ok_or_else(|| refuse(format!("`format` is given no {name}")))?
                }
                None => call.needed(next)?,
            };
            next += usize::from(field.name.is_none());
            field.write(call, data::present(&value)?)?
        };
        call.meter().make(written.len() as u64)?;
        text.push_str(&written);
    }
    text.push_str(rest);
    call.made(text)
}

/// One `%…` of a pattern.
struct Field {
    name: Option<String>,
    flags: String,
    width: usize,
    digits: Option<u32>,
    letter: char,
}

impl Field {
    fn read(text: &str) -> Result<(Self, &str), Error> {
        let unfinished =
            || refuse("a `%` of `format` is followed by a letter such as s, d or f; `%%` is a percent sign");
        let (name, text) = match text.strip_prefix('(') {
            Some(named) => named
                .split_once(')')
                .map(|(name, rest)| (Some(name.to_owned()), rest))
                .ok_or_else(unfinished)?,
            None => (None, text),
        };
        let (flags, text) = span(text, |letter| "-+ 0".contains(letter));
        let (width, text) = span(text, |letter| letter.is_ascii_digit());
        let (digits, text) = match text.strip_prefix('.') {
            Some(text) => {
                let (digits, text) = span(text, |letter| letter.is_ascii_digit());
                (Some(if digits.is_empty() { 0 } else { bound(digits, 28)? }), text)
            }
            None => (None, text),
        };
        let letter = text.chars().next().ok_or_else(unfinished)?;
        let width = if width.is_empty() { 0 } else { bound(width, WIDEST)? };
        let width = usize::try_from(width).unwrap_or_default();
        Ok((Self { name, flags: flags.to_owned(), width, digits, letter }, &text[letter.len_utf8()..]))
    }

    fn write(&self, call: &mut Call<'_, '_, '_>, value: &Value) -> Result<String, Error> {
        let number = || Num::of(value).ok_or_else(|| wrong("`format` writes a number here", value));
        let body = match self.letter {
            's' => {
                let text = call.text(value)?;
                self.digits.map_or(text.clone(), |most| text.chars().take(most as usize).collect())
            }
            'd' | 'i' => {
                let whole = number()?.decimal()?.trunc();
                whole.to_string()
            }
            'f' | 'F' => {
                let digits = i64::from(self.digits.unwrap_or(6));
                let mut exact =
                    Num::Point(number()?.decimal()?).rounded(digits, super::numbers::HALF_UP)?.decimal()?;
                exact.rescale(self.digits.unwrap_or(6));
                exact.to_string()
            }
            'x' | 'X' => {
                let whole =
                    number()?.whole().ok_or_else(|| refuse("only a whole number is written as %x"))?;
                if self.letter == 'x' { format!("{whole:x}") } else { format!("{whole:X}") }
            }
            other => return Err(refuse(format!("`format` knows no %{other}: write %s, %d, %f or %x"))),
        };
        Ok(self.pad(body))
    }

    fn pad(&self, body: String) -> String {
        let is_number = self.letter != 's';
        let has = |flag: char| self.flags.contains(flag);
        let sign = if !is_number || body.starts_with('-') {
            ""
        } else if has('+') {
            "+"
        } else if has(' ') {
            " "
        } else {
            ""
        };
        let body = format!("{sign}{body}");
        let missing = self.width.saturating_sub(body.chars().count());
        if has('-') {
            return body + &" ".repeat(missing);
        }
        if has('0') && is_number {
            let (sign, digits) = body.split_at(body.len() - body.trim_start_matches(['-', '+', ' ']).len());
            return format!("{sign}{}{digits}", "0".repeat(missing));
        }
        " ".repeat(missing) + &body
    }
}

fn span(text: &str, is_part: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|letter| !is_part(letter)).unwrap_or(text.len()))
}

fn bound(digits: &str, most: u64) -> Result<u32, Error> {
    let number = digits.parse::<u32>().ok().filter(|number| u64::from(*number) <= most);
    number.ok_or_else(|| refuse(format!("a width or number of digits of `format` is at most {most}")))
}

/// Returns whether a value is a text.
pub(super) fn is_text(value: &Value) -> bool {
    value.kind() == ValueKind::String
}
