//! What the outside world has on its books, against what it should have.

use std::path::Path;

use adjutant_doubles::{Books, Mail};

use super::letters::{BUDGET, CLIENT, LEAD, SOMEBODY};
use crate::cli::failure::{Exit, Failure};

/// How the Message-IDs of notices to the operator begin.
const NOTICE: &str = "adjutant-notice-";

/// What the doubles' ledger says, in lines for people.
///
/// # Errors
/// Anything that is there twice, or not at all, or that nobody approved.
pub(super) fn prove(ledger: &Path, has_model: bool) -> Result<Vec<String>, Failure> {
    let books = Books::read(ledger).map_err(|error| Failure::of(Exit::Disk, &error))?;
    let mut wrong = Vec::new();
    let mut lines = Vec::new();
    let mut expect = |what: &str, found: usize, wanted: usize| {
        lines.push(format!("{what}: {found}"));
        if found != wanted {
            wrong.push(format!("{what}: {found} in place of {wanted}"));
        }
    };
    let to = |address: &str| -> Vec<&Mail> {
        books.mails.iter().filter(|mail| mail.envelope_to.iter().any(|to| to == address)).collect()
    };
    expect("mails with the quote to the lead", to(LEAD).len(), 1);
    let invoices: Vec<_> =
        books.invoices.iter().filter(|found| found.fields["customer_email"] == LEAD).collect();
    expect("invoices of the lead", invoices.len(), 1);
    expect("invoices of anybody", books.invoices.len(), 1);
    expect("answers to the client in trouble", to(CLIENT).len(), 1);
    expect("mails to somebody whom nobody could place", to(SOMEBODY).len(), 0);
    expect(
        "idempotency keys that changed something twice",
        books.keys.values().filter(|key| key.changes > 1).count(),
        0,
    );
    expect("questions to the model", books.model_calls.len().min(1), usize::from(has_model));
    if let Some(invoice) = invoices.first() {
        wrong.extend(wrong_amount(&invoice.fields["amount"]));
    }
    wrong.extend(twice(&books.mails));
    if wrong.is_empty() {
        return Ok(lines);
    }
    let failure = Failure::new(Exit::Bug, "the outside world has other books than it should");
    Err(Failure { causes: wrong, ..failure })
}

/// The deposit is 30 % of what was approved.
fn wrong_amount(amount: &serde_json::Value) -> Option<String> {
    let wanted = BUDGET * 30 / 100;
    let found = amount.as_f64().or_else(|| amount.as_str().and_then(|text| text.parse().ok()));
    let is_right = found.is_some_and(|found| (found - f64::from(wanted)).abs() < 0.005);
    (!is_right).then(|| format!("the invoice is over {amount} in place of {wanted}"))
}

/// A Message-ID that came twice is a mail that went out twice. The operator is told at least once, so notices may repeat.
fn twice(mails: &[Mail]) -> Vec<String> {
    let ids = mails.iter().filter_map(|mail| mail.message_id.as_deref()).filter(|id| !id.starts_with(NOTICE));
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    ids.for_each(|id| *seen.entry(id).or_default() += 1);
    seen.into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(id, count)| format!("mail \"{id}\" came {count} times"))
        .collect()
}
