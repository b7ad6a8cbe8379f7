//! What the ledger's entries add up to. A pure fold: the same entries give the same books in every process.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::entry::{
    BillingCall, Change, Customer, Entry, Invoice, InvoiceStatus, Mail, MailRefusal, ModelCall,
};

/// Everything that the doubles have accepted, in order of arrival.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Books {
    /// Accepted messages.
    pub mails: Vec<Mail>,
    /// Refused recipients and dropped messages.
    pub refusals: Vec<MailRefusal>,
    /// Distinct customers.
    pub customers: Vec<Customer>,
    /// Distinct invoices, void ones included.
    pub invoices: Vec<Invoice>,
    /// Every call of the billing API.
    pub billing_calls: Vec<BillingCall>,
    /// What each idempotency key was used for.
    pub keys: BTreeMap<String, KeyUse>,
    /// Every call of the model endpoint.
    pub model_calls: Vec<ModelCall>,
}

/// How often an idempotency key was used, and the answer that is kept for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct KeyUse {
    /// Calls with this key, refused ones included.
    pub calls: u64,
    /// Calls that were answered from the kept response.
    pub replays: u64,
    /// Calls that changed something; above 1 the double itself is broken.
    pub changes: u64,
    /// The call that changed something.
    pub kept: Option<Kept>,
}

/// A request and the answer that every repetition of it gets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    /// The method and the path of the call, as `METHOD /path`.
    pub target: String,
    /// The body; a repetition must be equal as JSON.
    pub body: Value,
    /// The status answered.
    pub status: u16,
    /// The body answered.
    pub response: Value,
}

impl Books {
    /// Returns the books after one more entry.
    pub fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Mail(mail) => self.mails.push(mail.clone()),
            Entry::MailRefused(refusal) => self.refusals.push(refusal.clone()),
            Entry::BillingCall(call) => self.billed(call),
            Entry::ModelCall(call) => self.model_calls.push(call.clone()),
        }
    }

    /// Returns the accepted messages with this Message-ID; more than one means that a mail went out twice.
    #[must_use]
    pub fn mails_with_id(&self, message_id: &str) -> Vec<&Mail> {
        let wanted = message_id.trim_matches(['<', '>']);
        self.mails.iter().filter(|mail| mail.message_id.as_deref() == Some(wanted)).collect()
    }

    /// Returns the invoice with this id.
    #[must_use]
    pub fn invoice(&self, id: &str) -> Option<&Invoice> {
        self.invoices.iter().find(|invoice| invoice.id == id)
    }

    /// Returns the customer with this id.
    #[must_use]
    pub fn customer(&self, id: &str) -> Option<&Customer> {
        self.customers.iter().find(|customer| customer.id == id)
    }

    /// Returns the answer kept for an idempotency key.
    #[must_use]
    pub fn kept(&self, key: &str) -> Option<&Kept> {
        self.keys.get(key)?.kept.as_ref()
    }

    fn billed(&mut self, call: &BillingCall) {
        if let Some(change) = &call.change {
            self.change(change);
        }
        if let Some(key) = &call.key {
            self.keyed(key, call);
        }
        self.billing_calls.push(call.clone());
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::CustomerCreated { customer } => self.customers.push(customer.clone()),
            Change::InvoiceCreated { invoice } => self.invoices.push(invoice.clone()),
            Change::InvoiceVoided { id } => {
                if let Some(invoice) = self.invoices.iter_mut().find(|invoice| invoice.id == *id) {
                    invoice.status = InvoiceStatus::Void;
                }
            }
        }
    }

    fn keyed(&mut self, key: &str, call: &BillingCall) {
        let usage = self.keys.entry(key.to_owned()).or_default();
        usage.calls += 1;
        usage.replays += u64::from(call.is_replayed);
        if call.change.is_none() {
            return;
        }
        usage.changes += 1;
        usage.kept.get_or_insert_with(|| Kept {
            target: format!("{} {}", call.method, call.path),
            body: call.body.clone(),
            status: call.status,
            response: call.response.clone(),
        });
    }
}
