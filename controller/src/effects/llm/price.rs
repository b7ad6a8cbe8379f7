//! What a question may cost, and what it did cost. The arithmetic is the machine's; here is what a question consists of.

use adjutant_machine::{
    call::{AgentCall, Call},
    money::price,
};
use adjutant_spec::{
    plan::{Agent, Plan, Price, Prices},
    value::{Currency, Money},
};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::answerer::{Answerer, resolve};

/// What surrounds a prompt, schema and answer in a request, in bytes; generous, and counted once for each turn.
const FRAME: usize = 4_096;

/// A token has one byte at least, so bytes are never fewer than tokens. The complaints of a repair are bounded.
const COMPLAINTS: usize = 4_096;

/// The price of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::effects) struct Tariff {
    pub(in crate::effects) price: Price,
    pub(in crate::effects) currency: Currency,
}

/// Why the cost of a call cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unpriced {
    /// The table has no row for the model.
    #[error("no price for model \"{0}\" in prices.toml")]
    Model(String),
    /// No connector or model answers the call.
    #[error("{0}")]
    Unavailable(String),
    /// The cost is past what can be counted.
    #[error("the cost of model \"{0}\" is out of range")]
    Range(String),
}

/// Tokens of one exchange, as the provider counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::effects) struct Usage {
    /// All of the prompt, cached ones included.
    pub(in crate::effects) prompt: u64,
    /// Of these, read from the provider's cache.
    pub(in crate::effects) cached: u64,
    pub(in crate::effects) completion: u64,
}

/// What an agent's turns have cost so far.
#[derive(Debug, Clone)]
pub(in crate::effects) struct Bill {
    tariff: Tariff,
    usage: Usage,
    total: Decimal,
    /// Whether a part of it is the worst case, because the provider did not say.
    is_estimated: bool,
}

impl Tariff {
    /// Returns the row of a model.
    pub(in crate::effects) fn of(prices: &Prices, model: &str) -> Result<Self, Unpriced> {
        let price = price::of_model(prices, model).ok_or_else(|| Unpriced::Model(model.to_owned()))?;
        Ok(Self { price: price.clone(), currency: prices.currency })
    }

    fn of_usage(&self, usage: Usage) -> Option<Decimal> {
        let cached = usage.cached.min(usage.prompt);
        let normalised = price::Usage {
            input: usage.prompt - cached,
            cache_read: cached,
            cache_write: 0,
            output: usage.completion,
        };
        price::cost(&self.price, normalised)
    }

    fn worst(&self, bytes: usize, max_tokens: u32) -> Option<Decimal> {
        price::worst_case(&self.price, u64::try_from(bytes).ok()?, max_tokens)
    }

    fn money(&self, amount: Decimal) -> Money {
        Money { amount: amount.normalize(), currency: self.currency }
    }
}

impl Bill {
    pub(super) fn new(tariff: Tariff) -> Self {
        Self { tariff, usage: Usage::default(), total: Decimal::ZERO, is_estimated: false }
    }

    /// Adds what the provider counted.
    pub(in crate::effects) fn add(&mut self, usage: Usage) {
        self.usage.prompt = self.usage.prompt.saturating_add(usage.prompt);
        self.usage.cached = self.usage.cached.saturating_add(usage.cached);
        self.usage.completion = self.usage.completion.saturating_add(usage.completion);
        let cost = self.tariff.of_usage(usage);
        self.total = cost.and_then(|cost| self.total.checked_add(cost)).unwrap_or(Decimal::MAX);
    }

    /// Adds the worst case of a turn whose count is not known: it may have been billed.
    pub(in crate::effects) fn add_worst(&mut self, bytes: usize, max_tokens: u32) {
        let worst = self.worst_turn(bytes, max_tokens).amount;
        self.total = self.total.checked_add(worst).unwrap_or(Decimal::MAX);
        self.is_estimated = true;
    }

    pub(super) fn worst_turn(&self, bytes: usize, max_tokens: u32) -> Money {
        let worst = self.tariff.worst(bytes, max_tokens);
        self.tariff.money(worst.unwrap_or(Decimal::MAX))
    }

    pub(in crate::effects) fn total(&self) -> Money {
        self.tariff.money(self.total)
    }

    pub(super) fn usage(&self) -> Value {
        let Usage { prompt, cached, completion } = self.usage;
        json!({ "prompt": prompt, "cached": cached, "completion": completion, "estimated": self.is_estimated })
    }
}

/// Returns the most that a call can cost: what is reserved before it starts. `None` for calls that cost nothing.
///
/// # Errors
/// [`Unpriced`]: the call must not start.
pub fn worst_case(plan: &Plan, call: &Call) -> Result<Option<Money>, Unpriced> {
    match call {
        Call::Agent(call) => worst_of_agent(plan, call).map(Some),
        Call::Route { route, text, .. } => worst_of_route(plan, route, text),
        _ => Ok(None),
    }
}

/// Both turns: the repair repeats the first request and adds its answer and the complaints.
fn worst_of_agent(plan: &Plan, call: &AgentCall) -> Result<Money, Unpriced> {
    let Answerer { model, .. } =
        resolve(plan, call).map_err(|fault| Unpriced::Unavailable(fault.message().to_owned()))?;
    let tariff = Tariff::of(&plan.prices, &model)?;
    let answer = usize::try_from(call.max_tokens).unwrap_or(usize::MAX);
    // Fences, lowering, indentation and escapes lengthen what they touch; three times its length is never passed.
    let said = call.prompt.len() + call.input.to_string().len() + call.output.to_string().len();
    let first = said.saturating_mul(3).saturating_add(FRAME);
    let second = first.saturating_add(answer).saturating_add(COMPLAINTS);
    let prompt = first.saturating_add(second);
    let worst = tariff.worst(prompt, call.max_tokens.saturating_mul(2)).ok_or(Unpriced::Range(model))?;
    Ok(tariff.money(worst))
}

/// A route costs what its hops may cost; hops that cannot be asked are skipped, and cost nothing.
fn worst_of_route(plan: &Plan, route: &str, text: &str) -> Result<Option<Money>, Unpriced> {
    let Some(route) = plan.route(route) else { return Ok(None) };
    let mut total: Option<Money> = None;
    for agent in plan.hops(route) {
        let Ok(worst) = worst_of_agent(plan, &hop_call(plan, agent, route, text)) else { continue };
        total = match total {
            None => Some(worst),
            Some(sum) => Some(sum.plus(worst).map_err(|_| Unpriced::Range(agent.id.clone()))?),
        };
    }
    Ok(total)
}

fn hop_call(plan: &Plan, agent: &Agent, route: &adjutant_spec::plan::Route, text: &str) -> AgentCall {
    // A prompt that cannot be rendered is not asked; its length stands in for it.
    crate::effects::route::hop_call(plan, agent, route, text).unwrap_or_else(|_| AgentCall {
        agent: agent.id.clone(),
        prompt: text.to_owned(),
        input: Value::Null,
        output: agent.output.clone(),
        connector: agent.model.connector.clone(),
        model: agent.model.name.clone(),
        max_tokens: agent.model.max_tokens,
        max_cost: agent.sla.max_cost,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    fn tariff() -> Tariff {
        let of = |text| Decimal::from_str(text).unwrap();
        let price =
            Price { input: of("0.40"), cache_read: of("0.10"), cache_write: of("0.50"), output: of("1.60") };
        Tariff { price, currency: "EUR".parse().unwrap() }
    }

    #[test]
    fn cached_tokens_are_a_part_of_the_prompt_and_cheaper() {
        let mut bill = Bill::new(tariff());
        bill.add(Usage { prompt: 1_000, cached: 400, completion: 100 });
        // 600 x 0.40 + 400 x 0.10 + 100 x 1.60 = 240 + 40 + 160 millionths.
        assert_eq!(bill.total().to_string(), "0.00044 EUR");
        bill.add(Usage { prompt: 1, cached: 0, completion: 0 });
        assert_eq!(bill.total().to_string(), "0.0004404 EUR");
    }

    #[test]
    fn more_cached_than_prompt_tokens_never_cost_less_than_nothing() {
        let mut bill = Bill::new(tariff());
        bill.add(Usage { prompt: 10, cached: 99, completion: 0 });
        assert_eq!(bill.total().to_string(), "0.000001 EUR");
    }

    #[test]
    fn the_worst_case_is_never_less_than_any_usage_of_it() {
        let bill = Bill::new(tariff());
        let worst = bill.worst_turn(500, 50);
        for cached in [0, 100, 500] {
            let mut real = Bill::new(tariff());
            real.add(Usage { prompt: 500, cached, completion: 50 });
            assert_eq!(real.total().exceeds(worst), Ok(false), "{cached}");
        }
    }
}
