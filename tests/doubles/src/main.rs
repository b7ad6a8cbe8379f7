//! Runs the doubles by themselves: one JSON line with the addresses when they are ready, then until they are stopped.

use std::error::Error as StdError;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use adjutant_doubles::{Doubles, Error, Fixtures, Login, Options, fixtures};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Servers that look like the outside world and are not: SMTP, a billing API, a chat model. Loopback only.
#[derive(Debug, Parser)]
#[command(name = "adjutant-doubles", version)]
struct Arguments {
    /// Port of the SMTP server; 0 lets the system choose.
    #[arg(long, default_value_t = 0)]
    smtp_port: u16,
    /// Port of the billing API.
    #[arg(long, default_value_t = 0)]
    billing_port: u16,
    /// Port of the model endpoint.
    #[arg(long, default_value_t = 0)]
    model_port: u16,
    /// Port of the control endpoint.
    #[arg(long, default_value_t = 0)]
    control_port: u16,
    /// File of the ledger; one that exists is continued. Without it the ledger is in memory.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// File with the model's answers. Without it, those of the example agency.
    #[arg(long, value_name = "FILE")]
    fixtures: Option<PathBuf>,
    /// Login that the SMTP server demands.
    #[arg(long, value_name = "USER:PASSWORD", value_parser = login)]
    smtp_login: Option<Login>,
    /// Bearer token of the billing API.
    #[arg(long, value_name = "TOKEN", default_value = adjutant_doubles::BILLING_TOKEN)]
    billing_token: String,
    /// Bearer token of the model endpoint.
    #[arg(long, value_name = "TOKEN", default_value = adjutant_doubles::MODEL_TOKEN)]
    model_token: String,
    /// The model obeys what it reads.
    #[arg(long)]
    adversary: bool,
}

fn login(text: &str) -> Result<Login, String> {
    let (user, password) = text.split_once(':').ok_or("not of the form USER:PASSWORD")?;
    Ok(Login { user: user.to_owned(), password: password.to_owned() })
}

impl Arguments {
    fn options(self) -> Result<Options, Error> {
        let fixtures = self.fixtures.as_deref().map_or_else(|| Ok(fixtures::agency()), Fixtures::load)?;
        Ok(Options {
            smtp_port: self.smtp_port,
            billing_port: self.billing_port,
            model_port: self.model_port,
            control_port: self.control_port,
            ledger: self.ledger,
            fixtures,
            smtp_login: self.smtp_login,
            billing_token: self.billing_token,
            model_token: self.model_token,
        })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(error.as_ref()),
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn StdError>> {
    let is_adversary = arguments.adversary;
    let mut terminated = signal(SignalKind::terminate())?;
    let doubles = Doubles::start(arguments.options()?).await?;
    if is_adversary {
        doubles.model().set_adversary(true);
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(&doubles.addresses)?)?;
    out.flush()?;
    drop(out);
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    doubles.shutdown().await;
    Ok(())
}

/// Prints an error with its causes; a closed standard error changes nothing about the exit code.
fn report(error: &dyn StdError) -> ExitCode {
    let mut text = format!("error: {error}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("caused by: {error}\n"));
        cause = error.source();
    }
    match io::stderr().write_all(text.as_bytes()) {
        Ok(()) | Err(_) => ExitCode::FAILURE,
    }
}
