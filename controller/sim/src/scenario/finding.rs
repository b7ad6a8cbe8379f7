//! Findings: what does not hold, with its key.

use adjutant_spec::scenario::Finding;

/// Returns a finding at a key.
pub(super) fn finding(key: &str, message: String) -> Finding {
    let label = "does not hold".to_owned();
    Finding { key: key.to_owned(), message, label, help: "`adjutant test` shows what happened".to_owned() }
}

/// Returns the finding that a promise of ours does not hold.
pub(super) fn our_bug(message: &str) -> Finding {
    let help = "this is a mistake of Adjutant, not of yours: please report it with this file".to_owned();
    Finding { help, ..finding("playbook", format!("a promise of ours does not hold: {message}")) }
}
