//! What models cost: the worst case before a call, the real cost after it. An unknown model has no price, and no call.

use adjutant_spec::{
    plan::{Price, Prices},
    value::Money,
};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// Tokens of one call, normalised over providers; the four classes do not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Input that the provider had not seen before.
    pub input: u64,
    /// Input read from the provider's cache.
    pub cache_read: u64,
    /// Input written to the provider's cache.
    pub cache_write: u64,
    /// Output, reasoning included.
    pub output: u64,
}

/// Digits after the point of a cost: prices are per million tokens, so a token costs millionths of a cent.
const DIGITS: u32 = 8;

/// Returns what a call cost; `None` past the decimal's range.
#[must_use]
pub fn cost(price: &Price, usage: Usage) -> Option<Decimal> {
    let parts = [
        (price.input, usage.input),
        (price.cache_read, usage.cache_read),
        (price.cache_write, usage.cache_write),
        (price.output, usage.output),
    ];
    let mut sum = Decimal::ZERO;
    for (per_million, tokens) in parts {
        let part = per_million.checked_mul(Decimal::from(tokens))?;
        sum = sum.checked_add(part)?;
    }
    let cost = sum.checked_div(Decimal::from(1_000_000))?;
    // Rounded up: what is settled is never less than what is owed.
    Some(cost.round_dp_with_strategy(DIGITS, RoundingStrategy::AwayFromZero))
}

/// Returns the most that a call can cost: every byte of the prompt a token, at the dearest input price, and a full answer.
///
/// No tokeniser makes more tokens than bytes, so the bound holds for every model.
#[must_use]
pub fn worst_case(price: &Price, prompt_bytes: u64, max_tokens: u32) -> Option<Decimal> {
    let dearest = price.input.max(price.cache_read).max(price.cache_write);
    let price = Price { input: dearest, ..price.clone() };
    cost(&price, Usage { input: prompt_bytes, output: max_tokens.into(), ..Usage::default() })
}

/// Returns the price of a model by its exact name, else nothing: what has no price is not called.
#[must_use]
pub fn of_model<'a>(prices: &'a Prices, model: &str) -> Option<&'a Price> {
    prices.models.get(model)
}

/// Returns an amount in the currency of the price table.
#[must_use]
pub fn in_currency(prices: &Prices, amount: Decimal) -> Money {
    Money { amount, currency: prices.currency }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price() -> Price {
        let decimal = |text: &str| text.parse().expect("a decimal");
        Price {
            input: decimal("0.40"),
            cache_read: decimal("0.10"),
            cache_write: decimal("0.50"),
            output: decimal("1.60"),
        }
    }

    #[test]
    fn every_class_of_tokens_is_counted_once() {
        let usage = Usage { input: 1_000, cache_read: 2_000, cache_write: 100, output: 500 };
        assert_eq!(cost(&price(), usage).expect("in range").to_string(), "0.00145");
    }

    #[test]
    fn the_worst_case_is_never_less_than_the_cost() {
        for (input, cache_read, cache_write) in [(900, 0, 0), (0, 900, 0), (0, 0, 900), (300, 300, 300)] {
            let real = cost(&price(), Usage { input, cache_read, cache_write, output: 64 });
            assert!(real <= worst_case(&price(), 900, 64));
        }
    }

    #[test]
    fn a_fraction_is_rounded_up() {
        let dear = Price { input: "0.0000001".parse().expect("a decimal"), ..price() };
        let one = cost(&dear, Usage { input: 1, ..Usage::default() });
        assert_eq!(one.expect("in range").to_string(), "0.00000001");
    }
}
