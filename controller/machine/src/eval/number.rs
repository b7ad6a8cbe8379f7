//! Numbers: whole ones and decimals. Nothing here is binary, and what does not fit is an error, never a near miss.

use std::{cmp::Ordering, fmt, sync::Arc};

use adjutant_spec::value::decimal;
use minijinja::{
    Error,
    value::{Object, ObjectRepr, Value, ValueKind},
};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Number;

use super::meter::refuse;

/// What a division into whole parts gives.
pub(super) struct Division {
    /// How often the divisor goes into the number, rounded down.
    pub(super) whole: Num,
    /// What is left; it has the sign of the divisor.
    pub(super) rest: Num,
}

/// The highest power that a number may be raised to.
const HIGHEST: i128 = 400;

/// A decimal as a value of a template.
#[derive(Debug)]
pub(super) struct Exact(pub(super) Decimal);

impl Object for Exact {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !self.0.is_zero()
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A number as templates count with it: exact as a decimal where it can be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Num {
    /// A whole number.
    Whole(i128),
    /// A number that has, or may have, digits after the point.
    Point(Decimal),
}

use Num::{Point, Whole};

impl Num {
    /// Returns the number that a value is; a truth value counts as 1 or 0.
    pub(super) fn of(value: &Value) -> Option<Self> {
        if let Some(exact) = value.downcast_object_ref::<Exact>() {
            return Some(Point(exact.0));
        }
        match value.kind() {
            ValueKind::Bool => Some(Whole(i128::from(value.is_true()))),
            ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).ok().map(Whole),
            _ => None,
        }
    }

    /// Returns the value of a template.
    pub(super) fn value(self) -> Value {
        match self {
            Whole(whole) => i64::try_from(whole).map_or_else(|_| Value::from(whole), Value::from),
            Point(decimal) => Value::from_object(Exact(decimal)),
        }
    }

    /// Returns the decimal.
    pub(super) fn decimal(self) -> Result<Decimal, Error> {
        match self {
            Whole(whole) => Decimal::try_from_i128_with_scale(whole, 0).map_err(|_| too_large()),
            Point(decimal) => Ok(decimal),
        }
    }

    /// Returns the whole number, where nothing stands after the point.
    pub(super) fn whole(self) -> Option<i128> {
        match self {
            Whole(whole) => Some(whole),
            Point(decimal) if decimal.fract().is_zero() => i128::try_from(decimal.trunc()).ok(),
            Point(_) => None,
        }
    }

    pub(super) fn plus(self, other: Self) -> Result<Self, Error> {
        self.exactly(other, i128::checked_add, Decimal::checked_add)
    }

    pub(super) fn minus(self, other: Self) -> Result<Self, Error> {
        self.exactly(other, i128::checked_sub, Decimal::checked_sub)
    }

    /// The product has the digits that it needs, and as many as the operands show: `1200.00 * 0.3` is `360.00`.
    pub(super) fn times(self, other: Self) -> Result<Self, Error> {
        self.exactly(other, i128::checked_mul, Decimal::checked_mul)
    }

    /// The quotient has up to 28 digits; whole numbers that go into each other give a whole number.
    pub(super) fn over(self, other: Self) -> Result<Self, Error> {
        if let (Whole(left), Whole(right)) = (self, other)
            && left.checked_rem(right) == Some(0)
        {
            return left.checked_div(right).map(Whole).ok_or_else(too_large);
        }
        let shown = self.scale().max(other.scale());
        let (left, right) = (self.decimal()?, nonzero(other)?);
        Ok(Point(left.checked_div(right).ok_or_else(too_large)?).shown(shown))
    }

    /// Returns how often the other goes into it, rounded down, and what is left; the rest has the other's sign.
    pub(super) fn divided(self, other: Self) -> Result<Division, Error> {
        if let (Whole(left), Whole(right)) = (self, other) {
            nonzero(other)?;
            let quotient = left.checked_div_euclid(right).ok_or_else(too_large)?;
            let rest = left.checked_rem_euclid(right).ok_or_else(too_large)?;
            let is_above = right < 0 && rest != 0;
            let whole = Whole(quotient - i128::from(is_above));
            return Ok(Division { whole, rest: Whole(if is_above { rest + right } else { rest }) });
        }
        let (left, right) = (self.decimal()?, nonzero(other)?);
        let mut rest = left.checked_rem(right).ok_or_else(too_large)?;
        let even = left.checked_sub(rest).and_then(|even| even.checked_div(right)).ok_or_else(too_large)?;
        let mut quotient = even.round();
        if !rest.is_zero() && rest.is_sign_negative() != right.is_sign_negative() {
            rest = rest.checked_add(right).ok_or_else(too_large)?;
            quotient = quotient.checked_sub(Decimal::ONE).ok_or_else(too_large)?;
        }
        let whole = Whole(i128::try_from(quotient).map_err(|_| too_large())?);
        Ok(Division { whole, rest: Point(rest) })
    }

    pub(super) fn power(self, other: Self) -> Result<Self, Error> {
        let exponent = other.whole().ok_or_else(|| refuse("a number is raised to a whole power only"))?;
        if exponent.abs() > HIGHEST {
            return Err(too_large());
        }
        let mut power = Whole(1);
        for _ in 0..exponent.abs() {
            power = power.times(self)?;
        }
        if exponent < 0 { Whole(1).over(power) } else { Ok(power) }
    }

    pub(super) fn negated(self) -> Result<Self, Error> {
        Whole(0).minus(self)
    }

    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Whole(left), Whole(right)) => left.cmp(&right),
            // A whole number that is no decimal is further from zero than every decimal.
            (Whole(left), Point(right)) => {
                Whole(left).decimal().map_or_else(|_| left.cmp(&0), |left| left.cmp(&right))
            }
            (Point(_), Whole(_)) => other.compare(self).reverse(),
            (Point(left), Point(right)) => left.cmp(&right),
        }
    }

    /// Rounds to so many digits after the point and shows them all; a negative number of digits rounds to tens, hundreds.
    pub(super) fn rounded(self, digits: i64, strategy: RoundingStrategy) -> Result<Self, Error> {
        if let (Whole(_), 0..) = (self, digits) {
            return Ok(self);
        }
        if let Ok(places @ 0..=28) = u32::try_from(digits) {
            let mut rounded = self.decimal()?.round_dp_with_strategy(places, strategy);
            rounded.rescale(places);
            return Ok(Point(rounded));
        }
        let unit = Whole(10).power(Whole(i128::from(digits.unsigned_abs())))?;
        let units = Point(self.decimal()?.checked_div(unit.decimal()?).ok_or_else(too_large)?);
        let rounded = units.rounded(0, strategy)?.times(unit)?;
        rounded.whole().map(Whole).ok_or_else(too_large)
    }

    fn scale(self) -> u32 {
        match self {
            Whole(_) => 0,
            Point(decimal) => decimal.scale(),
        }
    }

    /// Shows at least so many digits; a lone zero after the point says nothing and is left out.
    fn shown(self, digits: u32) -> Self {
        let Point(decimal) = self else { return self };
        let mut least = decimal.normalize();
        if least.scale() < digits && digits > 1 {
            least.rescale(digits);
        }
        Point(least)
    }

    fn exactly(
        self,
        other: Self,
        whole: fn(i128, i128) -> Option<i128>,
        point: fn(Decimal, Decimal) -> Option<Decimal>,
    ) -> Result<Self, Error> {
        match (self, other) {
            (Whole(left), Whole(right)) => whole(left, right).map(Whole).ok_or_else(too_large),
            _ => {
                let shown = self.scale().max(other.scale());
                let exact = point(self.decimal()?, other.decimal()?).ok_or_else(too_large)?;
                Ok(Point(exact).shown(shown))
            }
        }
    }
}

fn nonzero(number: Num) -> Result<Decimal, Error> {
    let decimal = number.decimal()?;
    if decimal.is_zero() { Err(refuse("it divides by zero")) } else { Ok(decimal) }
}

fn too_large() -> Error {
    refuse("the number has more digits than can be calculated with")
}

/// Returns the value of a JSON number: a number with a point is read as its digits, one without stays whole.
pub(super) fn from_json(number: &Number) -> Value {
    if let Some(whole) = number.as_i64() {
        return Value::from(whole);
    }
    if let Some(whole) = number.as_u64() {
        return Value::from(whole);
    }
    let float = number.as_f64().unwrap_or(f64::NAN);
    // The shortest digits that name this binary number are those that the sender wrote, up to 15 of them.
    match decimal(&float.to_string()).map(|decimal| Point(decimal.normalize())) {
        Some(exact) => exact.whole().map_or(exact, Whole).value(),
        // Too large or too small to calculate with; it is passed on as it came.
        None => Value::from(float),
    }
}

/// Returns the JSON number that prints the same, where the value is a number.
pub(super) fn to_json(value: &Value) -> Result<Option<Number>, Error> {
    if value.kind() == ValueKind::Bool {
        return Ok(None);
    }
    let Some(number) = Num::of(value) else {
        let float = f64::try_from(value.clone()).ok().filter(|_| value.is_number());
        return Ok(float.and_then(Number::from_f64));
    };
    let beyond = || {
        let text = value.to_string();
        refuse(format!(
            "{text} has more digits than a JSON number carries: use `round`, or pass it on as a text"
        ))
    };
    if let Some(whole) = number.whole() {
        let fits = i64::try_from(whole).map(Number::from).or_else(|_| u64::try_from(whole).map(Number::from));
        return fits.map(Some).map_err(|_| beyond());
    }
    let exact = number.decimal()?;
    let float: f64 = exact.to_string().parse().map_err(|_| beyond())?;
    let is_same = decimal(&float.to_string()).is_some_and(|back| back == exact);
    if is_same { Ok(Number::from_f64(float)) } else { Err(beyond()) }
}
