//! The dashboard over HTTP: every page, and forms as a browser without JavaScript sends them.

use adjutant_tests::desk::{Desk, client};

use super::Browser;

#[tokio::test]
async fn every_page_answers_with_a_strict_policy() {
    let desk = Desk::open().await;
    let (gate, other) = (desk.gate("a website").await, desk.gate("unclear").await);
    let browser = Browser::login(&desk).await;
    let pages = [
        "/".to_owned(),
        "/runs".to_owned(),
        "/runs?status=waiting&playbook=inbound".to_owned(),
        "/runs?q=inbound&after=".to_owned(),
        format!("/runs/{}", gate.run),
        format!("/runs/{}?at=1", gate.run),
        format!("/runs/{}/rollback", gate.run),
        format!("/gates/{}", other.id),
        "/playbooks".to_owned(),
        "/playbooks/inbound".to_owned(),
        "/proposals".to_owned(),
        "/proposals/p-1".to_owned(),
        "/connectors".to_owned(),
    ];
    for path in pages {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let page = answer.text().await.unwrap();
        assert!(page.contains("North Pier") && page.ends_with("</html>"), "{path}");
    }
    assert_eq!(browser.get("/runs/nobody").await.status(), 404);
    assert_eq!(browser.get("/nothing").await.status(), 404);
    desk.close().await;
}

#[tokio::test]
async fn the_search_box_finds_runs_and_says_where_it_found_none() {
    let desk = Desk::open().await;
    let (gate, other) = (desk.gate("a website").await, desk.gate("unclear").await);
    let browser = Browser::login(&desk).await;
    let found = async |wish: &str| browser.get(&format!("/runs?q={wish}")).await.text().await.unwrap();
    let link = |run: &str| format!("href=\"/runs/{run}\"");
    for wish in [gate.run.as_str(), &gate.run.to_uppercase()] {
        let page = found(wish).await;
        assert!(page.contains(&link(&gate.run)) && !page.contains(&link(&other.run)), "{wish}");
        assert!(page.contains(&format!("value=\"{wish}\"")), "the box keeps its text");
    }
    let page = found("inbound").await;
    assert!(page.contains(&link(&gate.run)) && page.contains(&link(&other.run)));
    let page = found("%3Cb%3Enobody").await;
    assert!(!page.contains("<b>nobody") && page.contains("No run has this text"));
    desk.close().await;
}

#[tokio::test]
async fn assets_are_public_named_by_digest_and_kept() {
    let desk = Desk::open().await;
    let page = client().get(desk.url("/login")).send().await.unwrap().text().await.unwrap();
    for (mark, kind) in
        [("href=\"/assets/adjutant", "text/css"), ("src=\"/assets/adjutant", "text/javascript")]
    {
        let name = page.split(mark).nth(1).unwrap().split('"').next().unwrap();
        let answer = client().get(desk.url(&format!("/assets/adjutant{name}"))).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with(kind));
        assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    }
    desk.close().await;
}

#[tokio::test]
async fn an_edit_is_only_what_was_really_changed() {
    let desk = Desk::open().await;
    let browser = Browser::login(&desk).await;
    let gate = desk.gate("a website").await;
    let text = gate.card.show["steps.quote.text"].value.as_str().unwrap().replace('\n', "\r\n");
    let unchanged =
        [("decision", "edit"), ("digest", gate.digest.as_str()), ("text:steps.quote.text", text.as_str())];
    assert_eq!(browser.send(&format!("/gates/{}/decide", gate.id), &unchanged).await.status(), 303);
    assert_eq!(desk.handle.gate(&gate.id).await.unwrap().state, "approved");

    let gate = desk.gate("another website").await;
    let changed = [
        ("decision", "edit"),
        ("digest", gate.digest.as_str()),
        ("text:steps.quote.text", "Shorter.\r\nBye."),
    ];
    assert_eq!(browser.send(&format!("/gates/{}/decide", gate.id), &changed).await.status(), 303);
    assert_eq!(desk.handle.gate(&gate.id).await.unwrap().state, "edited");
    desk.until(&gate.run, |run| run.line.step.as_deref() == Some("patience")).await;
    assert_eq!(desk.sent("mail.send")[1]["body"], "Shorter.\nBye.");
    desk.close().await;
}

#[tokio::test]
async fn a_form_that_is_refused_says_why_and_changes_nothing() {
    let desk = Desk::open().await;
    let browser = Browser::login(&desk).await;
    let gate = desk.gate("unclear").await;
    let decide = format!("/gates/{}/decide", gate.id);
    let answer = browser.send(&decide, &[("decision", "deny"), ("digest", &gate.digest)]).await;
    assert_eq!(answer.status(), 422);
    assert!(answer.text().await.unwrap().contains("a denial needs a reason"));
    assert_eq!(browser.send(&decide, &[("decision", "approve"), ("digest", "stale")]).await.status(), 409);
    assert_eq!(desk.handle.gate(&gate.id).await.unwrap().state, "open");
    desk.close().await;
}

#[tokio::test]
async fn a_run_is_taken_back_by_its_page_exactly_as_it_was_shown() {
    let desk = Desk::open().await;
    let browser = Browser::login(&desk).await;
    let run = desk.gate("unclear").await.run;
    let place = format!("/runs/{run}/rollback");
    assert!(browser.get(&format!("/runs/{run}")).await.text().await.unwrap().contains(&place));
    let page = browser.get(&place).await.text().await.unwrap();
    let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let send = async |fields: &[(&str, &str)]| browser.send(&place, fields).await;
    assert_eq!(send(&[("token", token)]).await.status(), 422, "why is not said");
    let other = send(&[("token", "0123456789abcdef"), ("reason", "wrong")]).await;
    let back = other.headers()["location"].to_str().unwrap().to_owned();
    assert!(back.starts_with(&place), "it is shown how it is now: {back}");
    assert!(browser.get(&back).await.text().await.unwrap().contains("Nothing was changed"));
    assert_eq!(desk.handle.run(&run).await.unwrap().line.status, "waiting");
    assert_eq!(send(&[("token", token), ("reason", "wrong client")]).await.status(), 303);
    assert_eq!(desk.handle.run(&run).await.unwrap().line.status, "rolled_back");
    desk.close().await;
}

#[tokio::test]
async fn what_a_text_really_is_can_be_said_where_its_decision_is_read() {
    let desk = Desk::open().await;
    let browser = Browser::login(&desk).await;
    let run = desk.gate("a website").await.run;
    let (shown, correct) = (format!("/runs/{run}"), format!("/runs/{run}/correct"));
    let page = browser.get(&shown).await.text().await.unwrap();
    assert!(page.contains("Right or wrong?") && !page.contains("Propose what it learns"), "{page}");
    assert_eq!(browser.send(&correct, &[("step", "sort"), ("class", "spam")]).await.status(), 422);
    assert_eq!(browser.send(&correct, &[("step", "sort"), ("class", "")]).await.status(), 303);
    let page = browser.get(&shown).await.text().await.unwrap();
    assert!(page.contains("none of the classes") && page.contains("Propose what it learns"), "{page}");
    let proposed = browser.send("/routes/inbound/refit", &[]).await;
    assert_eq!(proposed.status(), 303);
    let place = proposed.headers()["location"].to_str().unwrap();
    assert!(place.starts_with("/proposals/p-1?notice=teach+inbound+1"), "{place}");
    desk.close().await;
}

#[tokio::test]
async fn a_proposal_is_approved_by_the_digest_of_its_page() {
    let desk = Desk::open().await;
    let browser = Browser::login(&desk).await;
    let decide = "/proposals/p-1/decide";
    assert_eq!(browser.send(decide, &[("decision", "approve"), ("digest", "old")]).await.status(), 409);
    assert_eq!(browser.send(decide, &[("decision", "approve"), ("digest", "feedbeef")]).await.status(), 303);
    let page = browser.get("/proposals/p-1").await.text().await.unwrap();
    assert!(page.contains("is-approved") && !page.contains("name=\"decision\""));
    desk.close().await;
}
