//! The example companies are right.

mod common;

use adjutant_spec::load;
use common::example;

#[test]
fn the_smallest_company_is_without_diagnostics() {
    let loaded = load(&example("hello"));
    assert!(loaded.report.is_empty(), "{}", loaded.report.render());
    assert_eq!(loaded.draft.playbooks.len(), 1);
}

#[test]
fn the_agency_is_without_diagnostics() {
    let loaded = load(&example("agency"));
    assert!(!loaded.report.has_errors(), "{}", loaded.report.render());
    assert_eq!(loaded.draft.playbooks.len(), 3);
    assert_eq!(loaded.draft.connectors.len(), 5);
}
