//! Logs: tracing to stderr, filtered by `RUST_LOG`, as text or as JSON lines.

use tracing_subscriber::EnvFilter;

use crate::cli::out::{LogJson, LogLines};

/// What is told without `RUST_LOG`.
const USUAL: &str = "info,hyper=warn,reqwest=warn,h2=warn,rustls=warn";

/// Opens the log; a second one in the same process changes nothing.
pub(super) fn open(as_json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(crate::cli::out::stderr_colours());
    // Events carry what others wrote: each is one line, and nothing in it acts on who reads the log.
    let opened = if as_json {
        log.json().flatten_event(true).with_writer(LogJson::default).try_init()
    } else {
        log.compact().with_writer(LogLines::default).try_init()
    };
    drop(opened);
}
