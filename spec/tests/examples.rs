//! The example companies are right.

use adjutant_company::example;
use adjutant_spec::load;

#[test]
fn the_smallest_company_is_without_diagnostics() {
    let loaded = load(&example("hello"));
    assert!(loaded.report.is_empty(), "{}", loaded.report.render());
    assert_eq!(loaded.draft.playbooks.len(), 1);
}

#[test]
fn the_agency_lacks_nothing_but_its_secrets() {
    let loaded = load(&example("agency"));
    let expected = ["billing", "llm", "payments", "website"].map(|name| format!("connectors/{name}.toml"));
    let files: Vec<&str> = loaded.report.diagnostics().iter().map(|found| found.file.as_str()).collect();
    assert_eq!(files, expected, "{}", loaded.report.render());
    assert!(!loaded.report.has_errors(), "{}", loaded.report.render());
    let plan = loaded.plan.expect("no errors");
    assert_eq!(plan.playbooks.len(), 3);
    let covered: Vec<&str> =
        plan.bundles["inbound"].covers["approve"].iter().map(|call| call.step.as_str()).collect();
    assert_eq!(covered, ["send", "customer", "invoice", "follow_up"]);
}

#[test]
fn the_studio_and_the_newsletter_lack_nothing_but_their_secrets() {
    for name in ["newsletter", "studio"] {
        let report = load(&example(name)).report;
        let others: Vec<_> =
            report.diagnostics().iter().filter(|found| found.code.name() != "W0201").collect();
        assert!(others.is_empty(), "{name}:\n{}", report.render());
    }
}

#[test]
fn what_a_studio_bills_is_approved_before_it_is_claimed() {
    let plan = load(&example("studio")).plan.expect("no errors");
    let covered = &plan.bundles["billing"].covers["ask"];
    let steps: Vec<&str> = covered.iter().map(|call| call.step.as_str()).collect();
    assert_eq!(steps, ["claim", "invoice", "fail"], "each client by a card of their own");
}

#[test]
fn the_agency_with_its_secrets_is_without_diagnostics() {
    let mut files = example("agency");
    for name in ["billing", "llm", "payments", "website"] {
        files.insert(format!("secrets/{name}.age"), b"age-encryption.org/v1".as_slice());
    }
    let report = load(&files).report;
    assert!(report.is_empty(), "{}", report.render());
}
