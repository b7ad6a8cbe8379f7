//! All doubles together: ports, one ledger, one queue of faults.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::billing::{self, Billing};
use crate::books::Books;
use crate::control::{self, Control};
use crate::error::Error;
use crate::faults::Faults;
use crate::fixtures::Fixtures;
use crate::ledger::Ledger;
use crate::model::{self, Model};
use crate::smtp::{self, Login, Smtp};
use crate::views::{BillingView, ModelView, SmtpView};
use crate::wire;

/// How doubles are started. Port 0 lets the system choose; every port is on loopback.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port of the SMTP server.
    pub smtp_port: u16,
    /// The port of the billing API.
    pub billing_port: u16,
    /// The port of the model endpoint.
    pub model_port: u16,
    /// The port of the control endpoint.
    pub control_port: u16,
    /// Where the ledger is kept; without it, in memory. A ledger that exists is continued.
    pub ledger: Option<PathBuf>,
    /// What the model answers.
    pub fixtures: Fixtures,
    /// Where set, mail is taken only after this login.
    pub smtp_login: Option<Login>,
    /// The bearer token of the billing API.
    pub billing_token: String,
    /// The bearer token of the model endpoint.
    pub model_token: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            smtp_port: 0,
            billing_port: 0,
            model_port: 0,
            control_port: 0,
            ledger: None,
            fixtures: Fixtures::default(),
            smtp_login: None,
            billing_token: crate::BILLING_TOKEN.to_owned(),
            model_token: crate::MODEL_TOKEN.to_owned(),
        }
    }
}

/// Where the doubles listen; the URLs have no slash at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// The SMTP server.
    pub smtp: SocketAddr,
    /// The billing API, `http://127.0.0.1:1234`; its paths begin with `/v1`.
    pub billing: String,
    /// The model endpoint's base, `http://127.0.0.1:1234/v1`, as OpenAI clients want it.
    pub model: String,
    /// The control endpoint.
    pub control: String,
}

/// Doubles that run in this process until they are dropped or shut down.
#[derive(Debug)]
pub struct Doubles {
    /// Where they listen.
    pub addresses: Addresses,
    ledger: Arc<Ledger>,
    faults: Arc<Faults>,
    model: Arc<Model>,
    servers: JoinSet<()>,
}

impl Doubles {
    /// Opens the ledger, binds the ports and serves; when this returns, clients can connect.
    ///
    /// # Errors
    /// The ledger cannot be opened or is in use, or a port is taken.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let ledger = Arc::new(Ledger::open(options.ledger.as_deref())?);
        let listeners = Listeners::bind(&options).await?;
        let addresses = listeners.addresses()?;
        let faults = Arc::new(Faults::default());
        let model =
            Arc::new(Model::new(Arc::clone(&ledger), Arc::clone(&faults), options.model_token.clone()));
        model.load(options.fixtures.clone());
        let mut doubles = Self { addresses, ledger, faults, model, servers: JoinSet::new() };
        doubles.serve(listeners, options);
        tracing::info!(addresses = ?doubles.addresses, "doubles are ready");
        Ok(doubles)
    }

    /// Returns the SMTP double's books.
    #[must_use]
    pub fn smtp(&self) -> SmtpView {
        SmtpView { ledger: Arc::clone(&self.ledger) }
    }

    /// Returns the billing double's books.
    #[must_use]
    pub fn billing(&self) -> BillingView {
        BillingView { ledger: Arc::clone(&self.ledger) }
    }

    /// Returns the model double's books and switches.
    #[must_use]
    pub fn model(&self) -> ModelView {
        ModelView { ledger: Arc::clone(&self.ledger), model: Arc::clone(&self.model) }
    }

    /// Returns the queue of faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Returns all books as they are now.
    #[must_use]
    pub fn books(&self) -> Books {
        self.ledger.read(Books::clone)
    }

    /// Waits until the books satisfy a condition; the caller bounds the wait with a timeout.
    pub async fn wait_until(&self, is_reached: impl FnMut(&Books) -> bool) {
        self.ledger.wait(is_reached).await;
    }

    /// Ends every connection and frees the ports and the ledger. What was answered is in the ledger already.
    pub async fn shutdown(mut self) {
        self.servers.shutdown().await;
    }

    fn serve(&mut self, listeners: Listeners, options: Options) {
        let (ledger, faults, model) = (&self.ledger, &self.faults, &self.model);
        let smtp = Smtp { ledger: Arc::clone(ledger), faults: Arc::clone(faults), login: options.smtp_login };
        let billing = Billing {
            ledger: Arc::clone(ledger),
            faults: Arc::clone(faults),
            token: options.billing_token,
            in_progress: Mutex::new(BTreeSet::new()),
        };
        let control =
            Control { ledger: Arc::clone(ledger), faults: Arc::clone(faults), model: Arc::clone(model) };
        self.servers.spawn(smtp::serve(listeners.smtp, smtp));
        self.servers.spawn(wire::serve(listeners.billing, billing::router(billing)));
        self.servers.spawn(wire::serve(listeners.model, model::router(Arc::clone(model))));
        self.servers.spawn(wire::serve(listeners.control, control::router(control)));
    }
}

/// Ports that are bound: whoever connects from here on is served, if a moment later.
struct Listeners {
    smtp: TcpListener,
    billing: TcpListener,
    model: TcpListener,
    control: TcpListener,
}

impl Listeners {
    async fn bind(options: &Options) -> Result<Self, Error> {
        Ok(Self {
            smtp: bind("smtp", options.smtp_port).await?,
            billing: bind("billing", options.billing_port).await?,
            model: bind("model", options.model_port).await?,
            control: bind("control", options.control_port).await?,
        })
    }

    fn addresses(&self) -> Result<Addresses, Error> {
        Ok(Addresses {
            smtp: local("smtp", &self.smtp)?,
            billing: format!("http://{}", local("billing", &self.billing)?),
            model: format!("http://{}/v1", local("model", &self.model)?),
            control: format!("http://{}", local("control", &self.control)?),
        })
    }
}

async fn bind(double: &'static str, port: u16) -> Result<TcpListener, Error> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).await.map_err(|source| Error::Bind { double, address, source })
}

fn local(double: &'static str, listener: &TcpListener) -> Result<SocketAddr, Error> {
    let unknown = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    listener.local_addr().map_err(|source| Error::Bind { double, address: unknown, source })
}
