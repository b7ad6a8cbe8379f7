//! Budgets: the worst case is reserved before a call, the real cost settled after it.

use adjutant_spec::{
    plan::OnExceed,
    value::{Currency, Money, MoneyError},
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What is reserved and spent in one scope and civil window: one row of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The currency of both amounts.
    pub currency: Currency,
    /// Promised to calls that are under way.
    pub reserved: Decimal,
    /// Paid for calls that are over.
    pub spent: Decimal,
}

/// A cap with its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    /// What it caps, for people: `company a month`.
    pub name: String,
    /// The most that may be reserved and spent together.
    pub limit: Money,
    /// What happens to what would pass it.
    pub on_exceed: OnExceed,
    /// The row as read; a missing one is empty.
    pub account: Account,
}

/// Whether a call may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may: each row with the reservation in it, in the order of the caps.
    Admit {
        /// The rows to write.
        accounts: Vec<Account>,
    },
    /// It waits for the next window of this cap.
    Wait {
        /// The name of the cap, for people.
        cap: String,
    },
    /// It may not start, now or later.
    Refuse {
        /// Which cap, or what is wrong.
        cap: String,
        /// How much would be left.
        reason: String,
    },
}

impl Account {
    /// Returns an empty account.
    #[must_use]
    pub fn empty(currency: Currency) -> Self {
        Self { currency, reserved: Decimal::ZERO, spent: Decimal::ZERO }
    }

    /// Returns what is promised and gone together; `None` past the decimal's range.
    #[must_use]
    pub fn taken(self) -> Option<Decimal> {
        self.reserved.checked_add(self.spent)
    }
}

/// Returns whether a call whose worst case is `reserve` may start under all its caps.
///
/// A refusal wins over a wait, since waiting cannot help. Another currency than the cap's is refused: rates are nobody's
/// to guess.
#[must_use]
pub fn admit(caps: &[Cap], reserve: Money) -> Verdict {
    let mut accounts = Vec::with_capacity(caps.len());
    let mut waits = None;
    if reserve.amount.is_sign_negative() {
        return refuse("reservation", "the amount is negative");
    }
    for cap in caps {
        match reserved(cap, reserve) {
            Ok(Some(account)) => accounts.push(account),
            Ok(None) if cap.on_exceed == OnExceed::Wait && fits_alone(cap, reserve) => {
                waits.get_or_insert_with(|| cap.name.clone());
            }
            Ok(None) => return refuse(&cap.name, &left(cap)),
            Err(error) => return refuse(&cap.name, &error.to_string()),
        }
    }
    match waits {
        Some(cap) => Verdict::Wait { cap },
        None => Verdict::Admit { accounts },
    }
}

/// Returns the row after a call ended: the reservation is given back, the real cost taken.
///
/// # Errors
/// [`MoneyError::Mixed`] for another currency, [`MoneyError::Range`] past the decimal's range.
pub fn settle(account: Account, reserved: Money, cost: Option<Money>) -> Result<Account, MoneyError> {
    let own = |money: Money| {
        let (left, right) = (account.currency, money.currency);
        if left == right { Ok(money.amount) } else { Err(MoneyError::Mixed { left, right }) }
    };
    let given_back = own(reserved)?;
    let cost = cost.map_or(Ok(Decimal::ZERO), own)?;
    let spent = account.spent.checked_add(cost).ok_or(MoneyError::Range)?;
    // A reservation that was settled before leaves nothing to give back: never below zero.
    let reserved = (account.reserved - given_back).max(Decimal::ZERO);
    Ok(Account { reserved, spent, ..account })
}

fn reserved(cap: &Cap, reserve: Money) -> Result<Option<Account>, MoneyError> {
    let account = cap.account;
    for other in [reserve.currency, account.currency] {
        if other != cap.limit.currency {
            return Err(MoneyError::Mixed { left: cap.limit.currency, right: other });
        }
    }
    let taken =
        account.taken().and_then(|taken| taken.checked_add(reserve.amount)).ok_or(MoneyError::Range)?;
    let reserved = account.reserved.checked_add(reserve.amount).ok_or(MoneyError::Range)?;
    Ok((taken <= cap.limit.amount).then_some(Account { reserved, ..account }))
}

/// A call that is larger than the whole cap would wait for ever.
fn fits_alone(cap: &Cap, reserve: Money) -> bool {
    reserve.amount <= cap.limit.amount
}

fn left(cap: &Cap) -> String {
    let taken = cap.account.taken().unwrap_or(Decimal::MAX);
    format!("{} of {} are taken", Money { amount: taken, currency: cap.limit.currency }, cap.limit)
}

fn refuse(cap: &str, reason: &str) -> Verdict {
    Verdict::Refuse { cap: cap.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(text: &str) -> Money {
        text.parse().expect("money")
    }

    fn cap(limit: &str, on_exceed: OnExceed) -> Cap {
        let limit = money(limit);
        Cap { name: "company a day".to_owned(), limit, on_exceed, account: Account::empty(limit.currency) }
    }

    #[test]
    fn what_would_pass_a_cap_is_refused_or_waits() {
        let mut full = cap("1.00 EUR", OnExceed::Refuse);
        full.account.spent = money("0.96 EUR").amount;
        assert!(matches!(admit(std::slice::from_ref(&full), money("0.05 EUR")), Verdict::Refuse { .. }));
        assert!(matches!(admit(std::slice::from_ref(&full), money("0.04 EUR")), Verdict::Admit { .. }));
        full.on_exceed = OnExceed::Wait;
        assert!(matches!(admit(std::slice::from_ref(&full), money("0.05 EUR")), Verdict::Wait { .. }));
        assert!(
            matches!(admit(&[full], money("2.00 EUR")), Verdict::Refuse { .. }),
            "it would wait for ever"
        );
    }

    #[test]
    fn another_currency_is_refused() {
        let verdict = admit(&[cap("1.00 EUR", OnExceed::Wait)], money("0.01 USD"));
        assert!(matches!(verdict, Verdict::Refuse { .. }), "{verdict:?}");
    }

    proptest! {
        #[test]
        fn concurrent_calls_never_pass_the_cap(calls in prop::collection::vec((1_u32..50, 0_u32..50), 1..80)) {
            let mut shared = cap("5.00 EUR", OnExceed::Refuse);
            let cents = |cents: u32| Money { amount: Decimal::new(cents.into(), 2), currency: shared.limit.currency };
            let mut under_way = Vec::new();
            for (reserve, cost) in calls {
                if let Verdict::Admit { accounts } = admit(std::slice::from_ref(&shared), cents(reserve)) {
                    shared.account = accounts[0];
                    under_way.push((cents(reserve), cents(cost.min(reserve))));
                }
                prop_assert!(shared.account.taken().expect("in range") <= shared.limit.amount);
                if under_way.len() > 3 {
                    let (reserve, cost) = under_way.remove(0);
                    shared.account = settle(shared.account, reserve, Some(cost)).expect("one currency");
                }
            }
            for (reserve, cost) in under_way {
                shared.account = settle(shared.account, reserve, Some(cost)).expect("one currency");
            }
            prop_assert_eq!(shared.account.reserved, Decimal::ZERO);
        }
    }
}
