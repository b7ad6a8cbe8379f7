//! Every page, rendered from fixtures: checked as HTML, and written to `$ADJUTANT_GALLERY` for eyes where that is set.

pub(in crate::http) mod fixtures;

use std::{collections::BTreeSet, path::PathBuf};

use maud::Markup;
use regex_lite::Regex;

use super::{connectors, frame::Tab, gate, login, parts, playbooks, proposals, rollback, run, runs, today};
use crate::{
    desk::views::{BlockedView, ConditionView, ConnectorView, Paged, RollbackView, Waiting},
    http::{Refusal, auth::GateLink},
};
use fixtures::*;

#[expect(clippy::too_many_lines, reason = "a list: one line for each page and state")]
fn pages() -> Vec<(&'static str, Markup)> {
    let frame = frame();
    let weak = super::frame::Frame {
        is_strong: false,
        notice: Some("inbound-k3v9m2qa.approve.1: approved".into()),
        ..frame.clone()
    };
    let idle = super::frame::Frame { waiting: Waiting::default(), ..frame.clone() };
    let plan = adjutant_company::agency();
    let connectors = plan
        .connectors
        .values()
        .map(|connector| ConnectorView {
            has_secret: Some(true),
            ..ConnectorView::of(connector, "http://127.0.0.1:4711")
        })
        .collect();
    let world = connectors::World {
        connectors,
        dead: one_page(dead()),
        paused: Vec::new(),
        deliveries: one_page(Vec::new()),
    };
    let mut empty = today();
    empty.gates = one_page(Vec::new());
    empty.dead.clear();
    empty.held = today::Held::default();
    let link = GateLink {
        gate: triage_gate().id,
        digest: triage_gate().digest,
        who: "founder".into(),
        expires: NOW,
    };
    let past = run::OneRun { at: Some(5), last: 8, ..run() };
    let list: Vec<_> = plan.playbooks.values().map(|playbook| &**playbook).collect();
    vec![
        ("today", frame.page(Tab::Today, "Today", &today::content(&frame, &today()))),
        ("today-weak", weak.page(Tab::Today, "Today", &today::content(&weak, &today()))),
        ("today-empty", idle.page(Tab::Today, "Today", &today::content(&idle, &empty))),
        (
            "runs",
            frame.page(
                Tab::Runs,
                "Runs",
                &runs::content(&frame, &lines(), &runs::Filter::default(), &["inbound".into()]),
            ),
        ),
        ("run", frame.page(Tab::Runs, "Run", &run::content(&frame, &run()))),
        ("run-past", frame.page(Tab::Runs, "Run", &run::content(&frame, &past))),
        (
            "rollback",
            frame.page(Tab::Runs, "Take it back", &rollback::content(&frame, &fixtures::rollback())),
        ),
        (
            "rollback-blocked",
            frame.page(Tab::Runs, "Take it back", &rollback::content(&frame, &blocked_rollback())),
        ),
        ("gate", frame.page(Tab::Today, "Gate", &gate::content(&frame, &quote_gate()))),
        ("gate-decided", frame.page(Tab::Today, "Gate", &gate::content(&frame, &decided_gate()))),
        (
            "gate-link",
            super::frame::plain("Gate", &gate::link_content(&frame, &triage_gate(), &link, "token")),
        ),
        ("playbooks", frame.page(Tab::Playbooks, "Playbooks", &playbooks::list_content(&list))),
        (
            "playbook",
            frame.page(Tab::Playbooks, "Playbook", &playbooks::content(&plan.playbooks["inbound"], &[])),
        ),
        (
            "proposals",
            frame.page(Tab::Proposals, "Proposals", &proposals::list_content(&one_page(vec![proposal()]))),
        ),
        ("proposal", frame.page(Tab::Proposals, "Proposal", &proposals::content(&frame, &proposal()))),
        ("world", frame.page(Tab::Connectors, "World", &connectors::content(&frame, &world))),
        ("login", super::frame::plain("Log in", &login::how())),
        ("login-button", super::frame::plain("Log in", &login::button("secret"))),
        (
            "refusal",
            super::frame::plain(
                "No",
                &parts::refusal(&Refusal::conflict("already denied").help("look again")),
            ),
        ),
    ]
}

fn blocked_rollback() -> RollbackView {
    let reason = "nobody knows whether inbound-k3v9m2qa.9.0 happened".to_owned();
    let next = Some("adjutant dead settle inbound-k3v9m2qa.9.0 --happened".to_owned());
    RollbackView {
        blocked: vec![BlockedView { run: "inbound-k3v9m2qa".to_owned(), reason, next }],
        stays: Vec::new(),
        taken: Vec::new(),
        ..fixtures::rollback()
    }
}

#[test]
fn what_is_blocked_offers_no_way_to_take_it_back() {
    let page = |preview| rollback::content(&frame(), &preview).into_string();
    assert!(!page(blocked_rollback()).contains("<form"));
    let whole = page(fixtures::rollback());
    assert!(whole.contains("<form") && whole.contains("4f1c9e2b7a0011aa"));
    assert!(
        whole.contains("&lt;b&gt;ada")
            && whole.contains("asks you first")
            && whole.contains("if it happened")
    );
    let (stays, taken) = (whole.find("Cannot be taken back"), whole.find("Is taken back, in this order"));
    assert!(stays < taken, "what stays comes first");
}

fn one_page<T>(items: Vec<T>) -> Paged<T> {
    let total = items.len() as u64;
    Paged { items, next: None, total }
}

fn found<'a>(pattern: &str, html: &'a str) -> Vec<&'a str> {
    let pattern = Regex::new(pattern).unwrap();
    pattern.captures_iter(html).map(|captures| captures.get(1).unwrap().as_str()).collect()
}

#[test]
fn pages_are_written_for_eyes() {
    let Some(folder) = std::env::var_os("ADJUTANT_GALLERY").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).unwrap();
    let style = include_str!("../../assets/adjutant.css");
    for (name, page) in pages() {
        // Opened as files, pages cannot ask for `/assets`.
        let link = Regex::new("<link rel=\"stylesheet\"[^>]*>").unwrap();
        let html = link.replace(&page.into_string(), format!("<style>{style}</style>").as_str()).into_owned();
        std::fs::write(folder.join(format!("{name}.html")), html).unwrap();
    }
}

#[test]
fn nothing_is_inline_that_the_content_policy_forbids() {
    for (name, page) in pages() {
        let html = page.into_string();
        assert!(found("<[^>]*\\s(style|on[a-z]+)=\"", &html).is_empty(), "{name}");
        assert!(!html.contains("<style") && !html.contains("javascript:"), "{name}");
        let scripts = found("<script([^>]*)>", &html);
        assert!(scripts.iter().all(|script| script.contains("src=\"/assets/")), "{name}: {scripts:?}");
        let foreign: Vec<&str> = found("(?:src|href|action)=\"([^\"]*)\"", &html)
            .into_iter()
            .filter(|address| address.contains("//"))
            .collect();
        assert!(foreign.is_empty(), "{name}: {foreign:?}");
    }
}

#[test]
fn every_field_has_a_label_and_every_id_is_unique() {
    for (name, page) in pages() {
        let html = page.into_string();
        let ids = found("\\sid=\"([^\"]+)\"", &html);
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{name}: {ids:?}");
        let labelled: BTreeSet<&str> = found("<label[^>]* for=\"([^\"]+)\"", &html).into_iter().collect();
        for field in found("<((?:input|textarea|select)[^>]*)>", &html) {
            let is_quiet = field.contains("type=\"hidden\"") || field.contains("type=\"checkbox\"");
            let id = found(" id=\"([^\"]+)\"", field).first().copied().unwrap_or_default();
            assert!(is_quiet || labelled.contains(id), "{name}: no label for <{field}>");
        }
        for pointed in found("aria-labelledby=\"([^\"]+)\"", &html) {
            assert!(unique.contains(pointed), "{name}: aria-labelledby points nowhere: {pointed}");
        }
    }
}

#[test]
fn every_page_has_one_heading_a_language_and_landmarks() {
    for (name, page) in pages() {
        let html = page.into_string();
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        assert_eq!(html.matches("<main").count(), 1, "{name}");
        assert!(
            html.contains("<html lang=\"en\">") && html.contains("class=\"skip\" href=\"#main\""),
            "{name}"
        );
    }
}

#[test]
fn every_form_of_a_session_carries_its_mark() {
    for (name, page) in
        pages().into_iter().filter(|(name, _)| !name.starts_with("login") && *name != "gate-link")
    {
        let html = page.into_string();
        for form in html.split("<form").skip(1).map(|rest| rest.split("</form>").next().unwrap()) {
            let posts = form.split('>').next().unwrap().contains("method=\"post\"");
            assert!(!posts || form.contains("name=\"csrf\" value=\"c2FtcGxl\""), "{name}: {form}");
        }
    }
}

#[test]
fn what_comes_from_outside_is_text_and_marked() {
    let mut gate = triage_gate();
    gate.card.show.get_mut("input.message").unwrap().value = "<script>alert(1)</script>".into();
    gate.question = "\"><img src=x>".into();
    let html = gate::content(&frame(), &gate).into_string();
    assert!(!html.contains("<script>alert") && !html.contains("<img"), "{html}");
    assert!(html.contains("from outside"));
}

#[test]
fn high_risk_offers_no_approval_to_an_old_login() {
    let weak = super::frame::Frame { is_strong: false, ..frame() };
    let html = gate::content(&weak, &quote_gate()).into_string();
    assert!(!html.contains("value=\"approve\"") && !html.contains("value=\"edit\""));
    assert!(html.contains("value=\"deny\"") && html.contains("adjutant login"));
}

#[test]
fn a_card_says_to_whom_and_for_how_much() {
    let html = gate::content(&frame(), &quote_gate()).into_string();
    for words in [
        "ada@engines.example</strong>",
        "1260 EUR</strong>",
        "can be taken back by billing.void_invoice",
        "Exactly this is sent",
    ] {
        assert!(html.contains(words), "{words}");
    }
}

#[test]
fn the_badge_of_today_counts_what_today_says_waits() {
    let some = |gates, calls, deliveries, proposals| Waiting { gates, calls, deliveries, proposals };
    for waiting in [
        some(1, 0, 0, 0),
        some(0, 1, 0, 0),
        some(0, 0, 1, 0),
        some(0, 0, 0, 1),
        some(3, 2, 4, 5),
        some(121_000, 0, 7, 0),
    ] {
        let frame = super::frame::Frame { waiting, ..frame() };
        let page = frame.page(Tab::Today, "Today", &today::content(&frame, &today())).into_string();
        let badge = |tab: &str| {
            found(&format!("<span>{tab}</span><span class=\"count\">([0-9]+)<"), &page)
                .first()
                .map(|text| text.parse().unwrap())
        };
        let tile = found("<b>([0-9]+)</b><span>waiting for you</span>", &page);
        let shown = |count: u64| (count > 0).then_some(count);
        assert_eq!(badge("Today"), shown(waiting.total()), "{waiting:?}");
        assert_eq!(tile, [waiting.total().to_string()], "{waiting:?}");
        assert_eq!(badge("Proposals"), shown(waiting.proposals), "{waiting:?}");
        assert_eq!(badge("World"), shown(waiting.calls + waiting.deliveries), "{waiting:?}");
        assert!(!page.contains("Nothing waits for you"), "{waiting:?}");
    }
    let idle = super::frame::Frame { waiting: Waiting::default(), ..frame() };
    let page = idle.page(Tab::Today, "Today", &today::content(&idle, &today())).into_string();
    assert!(page.contains("Nothing waits for you") && !page.contains("class=\"count\""));
}

#[test]
fn a_list_that_goes_on_says_where() {
    let world = connectors::World {
        connectors: Vec::new(),
        dead: Paged { items: dead(), next: Some("b&2".to_owned()), total: 121 },
        paused: Vec::new(),
        deliveries: Paged { items: Vec::new(), next: Some("b&2".to_owned()), total: 121 },
    };
    let world = connectors::content(&frame(), &world).into_string();
    let proposals = Paged { items: vec![proposal()], next: Some("b&2".to_owned()), total: 121 };
    let proposals = proposals::list_content(&proposals).into_string();
    let mut today = today();
    today.gates.next = Some("b&2".to_owned());
    let today = today::content(&frame(), &today).into_string();
    for (html, address) in [
        (&world, "/connectors?dead=b%262#dead"),
        (&world, "/connectors?deliveries=b%262#deliveries"),
        (&proposals, "/proposals?after=b%262"),
        (&today, "/?after=b%262#inbox"),
    ] {
        assert!(html.contains(&format!("rel=\"next\" href=\"{address}\"")), "{address}");
    }
    assert_eq!(world.matches("The next ones of 121").count(), 2);
}

#[test]
fn today_tells_what_is_not_as_it_should_be_and_each_mistake_once() {
    let mut today = today();
    let condition = |resource: &str, condition: &str, holds: bool| ConditionView {
        resource: resource.to_owned(),
        condition: condition.to_owned(),
        holds,
        reason: "x".to_owned(),
        message: format!("{resource} is wrong"),
        revision: None,
    };
    let told = ["connector/mailbox", "source", "model/qwen"];
    let found = [
        condition("connector/mailbox", "Ready", false),
        condition("source", "Degraded", true),
        condition("model/qwen", "Ready", false),
        // Told by the mistakes and slices that are listed anyway, or as it should be.
        condition("company", "Stalled", true),
        condition("slice/support", "Degraded", true),
        condition("connector/mail", "Ready", true),
    ];
    today.held.take_unmet(found.to_vec());
    let page = today::content(&frame(), &today).into_string();
    for told in told {
        assert!(page.contains(&format!("{told} is wrong")), "{told}");
    }
    assert_eq!(page.matches(" is wrong").count(), told.len());
}

/// Relative luminance by WCAG 2.
fn luminance(colour: &str) -> f64 {
    let channel = |place: usize| {
        let value = f64::from(u8::from_str_radix(&colour[place..place + 2], 16).unwrap()) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

#[test]
fn text_keeps_its_contrast_in_both_schemes() {
    let style = include_str!("../../assets/adjutant.css");
    let (light, rest) = style.split_once("prefers-color-scheme: dark").unwrap();
    let dark = rest.split_once("*, *::before").unwrap().0;
    let colour = |scheme: &str, name: &str| {
        found(&format!("--{name}: (#[0-9a-f]{{6}});"), scheme)
            .first()
            .map(|found| (*found).to_owned())
            .unwrap_or_else(|| panic!("no --{name}"))
    };
    let pairs = [
        ("ink", &["page", "card", "sunk", "accent-soft", "busy-soft"][..]),
        ("soft", &["page", "card", "sunk", "accent-soft"]),
        ("accent", &["page", "card", "accent-soft"]),
        ("accent-ink", &["accent"]),
        ("good", &["card", "good-soft"]),
        ("warn", &["card", "warn-soft"]),
        ("bad", &["card", "page", "bad-soft"]),
        ("busy", &["card", "busy-soft"]),
        ("card", &["bad"]),
    ];
    for (scheme, name) in [(light, "light"), (dark, "dark")] {
        for (text, grounds) in pairs {
            for ground in grounds {
                let (one, two) = (luminance(&colour(scheme, text)), luminance(&colour(scheme, ground)));
                let ratio = (one.max(two) + 0.05) / (one.min(two) + 0.05);
                assert!(ratio >= 4.5, "{name}: --{text} on --{ground} is {ratio:.2}");
            }
        }
    }
}
