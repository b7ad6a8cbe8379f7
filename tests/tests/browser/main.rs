//! The dashboard in a real browser: by mouse, by keyboard, without JavaScript, on a phone, and as assistive tools see it.
//!
//! Needs `chromium` and `chromedriver`; without them each test says that it is skipped, and fails where `CI` is `true`.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests; what is skipped says so")]

mod driver;

use adjutant::runtime::PageWish;
use adjutant_tests::desk::Desk;
use driver::{Browser, Look, Scripts};
use serde_json::Value;

/// What an accessibility checker looks for first, as a script that returns the complaints.
const ACCESSIBLE: &str = include_str!("accessible.js");

/// What makes a page wider than its window, outside the parts that scroll by themselves.
const WIDE: &str = "
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const inside = (element) => element.closest('.diagram, .diff, .plan, .command') === null;
    const wide = [...document.querySelectorAll('body *')].filter((element) => inside(element) && element.getBoundingClientRect().right > width + 0.5);
    return ['the page is ' + document.documentElement.scrollWidth + ' wide', ...wide.map((element) => element.outerHTML.slice(0, 160))];
";

async fn desk_with_gates() -> Desk {
    let desk = Desk::open().await;
    desk.gate("a website").await;
    desk.gate("unclear").await;
    desk
}

async fn login(browser: &Browser, desk: &Desk) {
    browser.open(&desk.server().login_link().unwrap()).await;
    browser.click("button.primary").await;
    browser.until("h1", "Today").await;
}

fn state(gates: &[Value], step: &str) -> String {
    let gate = gates.iter().find(|gate| gate["step"] == step);
    gate.map_or_else(|| "gone".to_owned(), |gate| gate["state"].as_str().unwrap_or_default().to_owned())
}

async fn state_of(desk: &Desk, run: &str, step: &str) -> String {
    let run = serde_json::to_value(desk.handle.run(run).await.unwrap()).unwrap();
    state(run["gates"].as_array().unwrap(), step)
}

#[tokio::test]
async fn a_quote_is_approved_by_clicking_and_the_page_follows_by_itself() {
    let Some(browser) = Browser::start(Scripts::Allowed).await else { return };
    let desk = Desk::open().await;
    let gate = desk.gate("a website").await;
    login(&browser, &desk).await;
    browser.until(".headline", "ada@engines.example").await;
    browser.click("article.gate form.verb button.primary").await;
    browser.until(".notice", &gate.id).await;
    desk.until(&gate.run, |run| run.line.step.as_deref() == Some("patience")).await;
    assert_eq!(desk.sent("mail.send").len(), 1);

    browser.open(&desk.url(&format!("/runs/{}", gate.run))).await;
    browser.until(".node.is-here .node-title", "Three days").await;
    // Nobody touches the browser: the hint alone brings the page up to date.
    desk.handle.pause(&gate.run, "a test", "operator").await.unwrap();
    browser.until(".run-head .pill", "paused").await;
    browser.stop().await;
    desk.close().await;
}

#[tokio::test]
async fn a_quote_is_edited_then_approved() {
    let Some(browser) = Browser::start(Scripts::Allowed).await else { return };
    let desk = Desk::open().await;
    let gate = desk.gate("a website").await;
    login(&browser, &desk).await;
    browser.click("details.verb-more > summary[data-key=e]").await;
    browser.retype("textarea[name='text:steps.quote.text']", "Dear Ada, 4000 EUR it is.").await;
    browser.click("details[open] button.primary").await;
    browser.until(".notice", &gate.id).await;
    desk.until(&gate.run, |run| run.line.step.as_deref() == Some("patience")).await;
    assert_eq!(desk.sent("mail.send")[0]["body"], "Dear Ada, 4000 EUR it is.");
    assert_eq!(state_of(&desk, &gate.run, "approve").await, "edited");
    browser.stop().await;
    desk.close().await;
}

#[tokio::test]
async fn everything_can_be_read_and_decided_without_javascript() {
    let Some(browser) = Browser::start(Scripts::Blocked).await else { return };
    let desk = desk_with_gates().await;
    let gate = desk.gate("unclear again").await;
    login(&browser, &desk).await;
    assert!(
        browser
            .script("return !document.documentElement.classList.contains('has-keys')")
            .await
            .as_bool()
            .unwrap()
    );
    browser.open(&desk.url(&format!("/gates/{}", gate.id))).await;
    browser.click("summary[data-key=d]").await;
    browser.retype("textarea[name=reason]", "spam").await;
    browser.click("button.danger").await;
    browser.until(".notice", &gate.id).await;
    assert_eq!(state_of(&desk, &gate.run, "triage").await, "denied");
    for path in ["/runs", "/proposals/p-1", "/connectors", "/playbooks/inbound"] {
        browser.open(&desk.url(path)).await;
        assert!(!browser.text("h1").await.is_empty(), "{path}");
    }
    browser.stop().await;
    desk.close().await;
}

#[tokio::test]
async fn the_inbox_is_worked_from_the_keyboard() {
    let Some(browser) = Browser::start(Scripts::Allowed).await else { return };
    let desk = Desk::open().await;
    let gate = desk.gate("unclear").await;
    login(&browser, &desk).await;
    browser.keys("?").await;
    browser.until("dialog.keys h2", "Keys").await;
    browser.keys("\u{e00c}").await;
    browser.keys("j").await;
    browser.keys("a").await;
    assert_eq!(state_of(&desk, &gate.run, "triage").await, "open", "a key alone decides nothing");
    browser.keys("\u{e007}").await;
    browser.until(".notice", &gate.id).await;
    assert_eq!(state_of(&desk, &gate.run, "triage").await, "approved");
    browser.stop().await;
    desk.close().await;
}

#[tokio::test]
async fn no_page_scrolls_sideways_on_a_phone_and_all_are_accessible_in_both_schemes() {
    let Some(browser) = Browser::start(Scripts::Allowed).await else { return };
    let desk = desk_with_gates().await;
    login(&browser, &desk).await;
    let inbox = desk.handle.inbox(PageWish::default()).await.unwrap().items;
    let run = &inbox[0].run;
    let mut pages = [
        "/",
        "/runs",
        "/playbooks",
        "/playbooks/inbound",
        "/proposals",
        "/proposals/p-1",
        "/connectors",
        "/login",
    ]
    .map(str::to_owned)
    .to_vec();
    pages.extend([format!("/runs/{run}"), format!("/runs/{run}?at=1"), format!("/gates/{}", inbox[0].id)]);
    let mut complaints = Vec::new();
    for look in [Look::phone("light"), Look::phone("dark"), Look::desk("light"), Look::desk("dark")] {
        browser.look(look).await;
        for path in &pages {
            browser.open(&desk.url(path)).await;
            for script in [WIDE, ACCESSIBLE] {
                let found = browser.script(script).await;
                complaints
                    .extend(found.as_array().unwrap().iter().map(|what| format!("{path} {look:?}: {what}")));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    browser.stop().await;
    desk.close().await;
}
