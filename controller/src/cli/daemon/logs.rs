//! Logs: tracing to stderr, filtered by `RUST_LOG`, as text or as JSON lines.

use tracing_subscriber::EnvFilter;

/// What is told without `RUST_LOG`.
const USUAL: &str = "info,hyper=warn,reqwest=warn,h2=warn,rustls=warn";

/// Opens the log; a second one in the same process changes nothing.
pub(super) fn open(as_json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(crate::cli::out::stderr_colours());
    let opened = if as_json { log.json().flatten_event(true).try_init() } else { log.compact().try_init() };
    drop(opened);
}
