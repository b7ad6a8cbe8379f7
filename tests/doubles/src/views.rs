//! What a test may ask each double, in the test's own process.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::books::KeyUse;
use crate::entry::{BillingCall, Customer, Invoice, InvoiceStatus, Mail, MailRefusal, ModelCall};
use crate::fixtures::Fixtures;
use crate::ledger::Ledger;
use crate::model::Model;

/// What the SMTP double has in its books, for tests to look at.
#[derive(Debug, Clone)]
pub struct SmtpView {
    pub(crate) ledger: Arc<Ledger>,
}

impl SmtpView {
    /// Returns every accepted message, oldest first.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.ledger.read(|books| books.mails.clone())
    }

    /// Returns every refused recipient and dropped message.
    #[must_use]
    pub fn refusals(&self) -> Vec<MailRefusal> {
        self.ledger.read(|books| books.refusals.clone())
    }

    /// Returns the accepted messages with this Message-ID.
    #[must_use]
    pub fn mails_with_id(&self, message_id: &str) -> Vec<Mail> {
        self.ledger.read(|books| books.mails_with_id(message_id).into_iter().cloned().collect())
    }
}

/// What the billing double has in its books, for tests to look at.
#[derive(Debug, Clone)]
pub struct BillingView {
    pub(crate) ledger: Arc<Ledger>,
}

impl BillingView {
    /// Returns every distinct invoice, void ones included.
    #[must_use]
    pub fn invoices(&self) -> Vec<Invoice> {
        self.ledger.read(|books| books.invoices.clone())
    }

    /// Returns the invoices that are to be paid.
    #[must_use]
    pub fn open_invoices(&self) -> Vec<Invoice> {
        self.invoices().into_iter().filter(|invoice| invoice.status == InvoiceStatus::Open).collect()
    }

    /// Returns every distinct customer.
    #[must_use]
    pub fn customers(&self) -> Vec<Customer> {
        self.ledger.read(|books| books.customers.clone())
    }

    /// Returns every call, reads and refused ones included.
    #[must_use]
    pub fn calls(&self) -> Vec<BillingCall> {
        self.ledger.read(|books| books.billing_calls.clone())
    }

    /// Returns what each idempotency key was used for.
    #[must_use]
    pub fn keys(&self) -> BTreeMap<String, KeyUse> {
        self.ledger.read(|books| books.keys.clone())
    }
}

/// The model double's books and switches.
#[derive(Debug, Clone)]
pub struct ModelView {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) model: Arc<Model>,
}

impl ModelView {
    /// Returns every call with its answer.
    #[must_use]
    pub fn requests(&self) -> Vec<ModelCall> {
        self.ledger.read(|books| books.model_calls.clone())
    }

    /// Replaces the fixtures, their `adversary` included; every rule starts anew.
    pub fn load(&self, fixtures: Fixtures) {
        self.model.load(fixtures);
    }

    /// Makes the model obey, or stop obeying, what it reads.
    pub fn set_adversary(&self, is_adversary: bool) {
        self.model.set_adversary(is_adversary);
    }
}
