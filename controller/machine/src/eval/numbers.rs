//! Filters of numbers. Half of the last digit is rounded away from zero, as an invoice is; `round(2, "even")` rounds it to
//! the even digit, as a bank does.

use adjutant_spec::value::{Currency, Money, decimal};
use minijinja::{Error, value::Value};
use rust_decimal::{Decimal, RoundingStrategy};

use super::{
    call::{Call, Function, wrong},
    meter::refuse,
    number::Num,
};

pub(super) const ALL: &[(&str, Function)] = &[
    ("abs", abs),
    ("bool", |call| Ok(Value::from(call.subject()?.is_true()))),
    ("float", float),
    ("int", int),
    ("money", money),
    ("percent", percent),
    ("round", round),
];

/// How everything is rounded where nothing else is asked for.
pub(super) const HALF_UP: RoundingStrategy = RoundingStrategy::MidpointAwayFromZero;

fn number(value: &Value, what: &str) -> Result<Num, Error> {
    Num::of(value).ok_or_else(|| wrong(&format!("`{what}` takes a number"), value))
}

fn abs(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let number = number(&call.subject()?, "abs")?;
    let is_below = number.compare(Num::Whole(0)).is_lt();
    Ok(if is_below { number.negated()? } else { number }.value())
}

/// The number of a text, without the spaces around it.
fn of_text(value: &Value) -> Option<Num> {
    let text = value.as_str()?.trim();
    let whole = text.parse::<i128>().ok().map(Num::Whole);
    whole.or_else(|| decimal(text).map(Num::Point))
}

fn float(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let subject = call.subject()?;
    match Num::of(&subject).or_else(|| of_text(&subject)) {
        Some(number) => Ok(Num::Point(number.decimal()?).value()),
        None => otherwise(call, &subject, 1),
    }
}

/// What `int` and `float` give where there is no number: their default.
fn otherwise(call: &Call<'_, '_, '_>, subject: &Value, place: usize) -> Result<Value, Error> {
    let default = call.option(place, "default")?;
    if subject.is_none() {
        return Ok(default.unwrap_or_else(|| Value::from(0)));
    }
    default.ok_or_else(|| match subject.as_str() {
        Some(text) => refuse(format!("\"{}\" is no number", text.chars().take(40).collect::<String>())),
        None => wrong("only a number or a text is made a number", subject),
    })
}

/// Cuts off what stands after the point.
fn int(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let (subject, base) = (call.subject()?, call.option(2, "base")?);
    let base = base.as_ref().and_then(Num::of).and_then(Num::whole).unwrap_or(10);
    let number = match (Num::of(&subject), base) {
        (Some(number), _) => Some(number),
        (None, 10) => of_text(&subject),
        (None, base) => subject.as_str().and_then(|text| in_base(text.trim(), base)),
    };
    let whole = number.map(|number| match number {
        Num::Point(decimal) => i128::try_from(decimal.trunc()).ok().map(Num::Whole),
        whole => Some(whole),
    });
    match whole {
        Some(Some(whole)) => Ok(whole.value()),
        _ => otherwise(call, &subject, 1),
    }
}

fn in_base(text: &str, base: i128) -> Option<Num> {
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base))?;
    i128::from_str_radix(text.strip_prefix(prefix).unwrap_or(text), base).ok().map(Num::Whole)
}

fn round(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let subject = number(&call.subject()?, "round")?;
    let digits = match call.option(1, "precision")? {
        Some(digits) => Num::of(&digits).and_then(Num::whole).and_then(|digits| i64::try_from(digits).ok()),
        None => Some(0),
    };
    let digits = digits.filter(|digits| (-28..=28).contains(digits));
    let digits = digits.ok_or_else(|| refuse("`round` takes up to 28 digits"))?;
    let strategy = match call.word(2, "method")?.as_deref() {
        None | Some("common") => HALF_UP,
        Some("even") => RoundingStrategy::MidpointNearestEven,
        Some("ceil") => RoundingStrategy::ToPositiveInfinity,
        Some("floor") => RoundingStrategy::ToNegativeInfinity,
        Some(_) => return Err(refuse("`round` knows the methods common, even, ceil and floor")),
    };
    subject.rounded(digits, strategy).map(Num::value)
}

/// Writes an amount with the digits and the name of a currency: the one that is named, else the company's.
fn money(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let (subject, named) = (call.subject()?, call.word(1, "currency")?);
    let company = call.state.lookup("company").and_then(|company| company.get_attr("currency").ok());
    let code = named.clone().or_else(|| company?.as_str().map(str::to_owned));
    let currency =
        code.map(|code| code.parse::<Currency>().map_err(|error| refuse(error.to_string()))).transpose()?;
    let money = match subject.as_str() {
        Some(text) => Money::parse(text, currency).map_err(|error| refuse(format!("\"{text}\": {error}")))?,
        None => {
            let amount = number(&subject, "money")?.decimal()?;
            let currency = currency.ok_or_else(|| refuse("name the currency: `money(\"EUR\")`"))?;
            Money { amount, currency }
        }
    };
    if named.is_some() && Some(money.currency) != currency {
        return Err(refuse(format!("{money} is not in the currency that is asked for")));
    }
    call.made(money.rounded().to_string())
}

/// Writes a share as percent: 0.2 is `20 %`.
fn percent(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let share = number(&call.subject()?, "percent")?;
    let hundredfold = share.decimal()?.checked_mul(Decimal::ONE_HUNDRED);
    let hundredfold = Num::Point(hundredfold.ok_or_else(|| refuse("the number is too large"))?.normalize());
    let shown = match call.option(1, "precision")?.as_ref().and_then(Num::of).and_then(Num::whole) {
        Some(digits) => hundredfold.rounded(i64::try_from(digits).unwrap_or(0).clamp(0, 28), HALF_UP)?,
        None => hundredfold,
    };
    call.made(format!("{} %", shown.decimal()?))
}
