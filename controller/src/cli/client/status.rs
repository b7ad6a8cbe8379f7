//! `status`, `cost`, `audit verify`: how everything is.

use std::collections::BTreeMap;

use adjutant_spec::{advice::Advice, value::Money};

use super::{
    Cx,
    api::read,
    show::{short, when},
};
use crate::{
    cli::{
        failure::{Exit, Failure, Outcome},
        out::{Cell, Out, Paint, Table, Words, words},
    },
    desk::views::{AuditView, FullStatus, MonthView, SpendView},
};

/// Tells how everything is.
pub(crate) async fn status(cx: &Cx) -> Outcome {
    let Some(status) = cx.view::<FullStatus>(cx.client.get(&["status"]).await?)? else {
        return Ok(Exit::Done);
    };
    cx.out.data(text_of(&cx.out, &status))?;
    if let Some(next) = next(&status) {
        cx.out.say(words!("next: {}", next.to_string()));
    }
    Ok(Exit::Done)
}

/// The one thing to do next.
fn next(status: &FullStatus) -> Option<Advice<'_>> {
    let held_back = !status.diagnostics.is_empty() || status.slices.iter().any(|slice| slice.held.is_some());
    let token = status.waits.as_ref().map(|waits| waits.token.as_str());
    let candidates = [
        (!status.quarantined.is_empty(), Advice::AuditVerify),
        (status.dead > 0, Advice::Dead),
        (status.deliveries > 0, Advice::Deliveries),
        (status.inbox > 0, Advice::Inbox),
        (status.proposals > 0, Advice::Proposals),
        (token.is_some(), Advice::ConfirmPlan(token.unwrap_or_default())),
        (held_back, Advice::Check),
        (status.hold.is_some(), Advice::HoldRelease),
    ];
    candidates.iter().find(|(is_due, _)| *is_due).map(|(_, next)| *next)
}

fn text_of(out: &Out, status: &FullStatus) -> Words {
    let ready =
        if status.ready { out.paint(Paint::Green, "ready") } else { out.paint(Paint::Yellow, "not ready") };
    let company = status.company.as_deref().unwrap_or("no company yet");
    let mut text = words!("{}  {}\n", out.paint(Paint::Bold, company), ready);
    let revision = |id: &Option<String>| id.as_deref().map_or("-", short).to_owned();
    let since = status.applied_at.map_or_else(String::new, |at| format!(", {}", when(at)));
    let commit = status.revision.commit.as_deref();
    let commit = commit.map_or_else(String::new, |id| format!(", commit {}", short(id)));
    let mut rows = vec![
        ("applied", format!("{}{since}", revision(&status.revision.applied))),
        ("desired", format!("{}{commit}", revision(&status.revision.desired))),
        ("source", format!("{} {}", status.mode, status.place)),
        ("runs", counts(&status.runs.by_status)),
        ("inbox", status.inbox.to_string()),
        ("dead", status.dead.to_string()),
        ("deliveries", format!("{} open", status.deliveries)),
        ("proposals", format!("{} open", status.proposals)),
        ("outbox", status.outbox.to_string()),
        ("spent", status.spend_today.as_ref().map_or_else(|| "nothing today".to_owned(), Money::to_string)),
        ("dashboard", if status.url.is_empty() { "-".to_owned() } else { status.url.clone() }),
    ];
    if status.revision.attempted != status.revision.desired {
        rows.insert(1, ("attempted", revision(&status.revision.attempted)));
    }
    for (name, value) in rows {
        text += words!("  {:<10} {}\n", name, value);
    }
    exceptions(out, status, &mut text);
    text
}

fn counts(by_status: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = by_status
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(status, count)| format!("{count} {status}"))
        .collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// What is not as it should be, one line each.
fn exceptions(out: &Out, status: &FullStatus, text: &mut Words) {
    let mut lines = Vec::new();
    if let Some(hold) = &status.hold {
        lines.push(format!("held by {}: {}", hold.by, hold.reason));
    }
    if let Some(waits) = &status.waits {
        lines.push(format!("a change waits for your yes ({}): `{}`", waits.because.join("; "), waits.next));
    }
    for slice in &status.slices {
        let held = slice.held.iter();
        let kept = slice.applied.as_deref().map_or("nothing", short);
        lines.extend(held.map(|why| format!("slice \"{}\" stays at {kept}: {why}", slice.id)));
    }
    lines.extend(status.paused.iter().map(|pause| {
        let until = pause.until.map_or_else(String::new, |until| format!(" until {until}"));
        format!("{} is paused by {}{until}: {}", pause.scope, pause.by, pause.reason)
    }));
    lines.extend(status.clock.last_set_back().map(|jump| format!("the clock was set back: {jump}")));
    lines.extend(status.quarantined.iter().map(|found| {
        format!("{} was set aside, because its stored data is damaged: {}", found.instance, found.reason)
    }));
    let is_company_told = status.hold.is_some() || status.waits.is_some() || !status.diagnostics.is_empty();
    let held = status.slices.iter().filter(|slice| slice.held.is_some());
    let held: Vec<&str> = held.map(|slice| slice.id.as_str()).collect();
    let unmet = status.conditions.iter().filter(|found| found.is_news(is_company_told, &held));
    lines.extend(unmet.map(|found| {
        format!("{} {}: {} ({})", found.resource, found.condition, found.message, found.reason)
    }));
    lines.extend(status.diagnostics.iter().take(5).map(ToString::to_string));
    for line in lines {
        *text += words!("  {} {}\n", out.paint(Paint::Yellow, "!"), line);
    }
}

/// Shows what a month cost; the present one where none is named.
pub(crate) async fn month(cx: &Cx, month: &str) -> Outcome {
    let month = (!month.is_empty()).then_some(("month", month));
    let answer = cx.client.find(&["spend", "month"], &month.as_slice()).await?;
    let Some(view) = cx.view::<MonthView>(answer)? else { return Ok(Exit::Done) };
    let total = view.total.map_or_else(|| "nothing".to_owned(), |total| total.to_string());
    cx.out.data(words!("{}  {}", view.month, total))?;
    for (title, sums) in [("by", &view.by), ("day", &view.days)] {
        let mut table = Table::new(&[title, "spent"]);
        sums.iter().for_each(|(of, money)| table.row([of.as_str().into(), Cell::from(money.to_string())]));
        if !table.is_empty() {
            cx.out.data("")?;
            cx.out.table(&table)?;
        }
    }
    Ok(Exit::Done)
}

/// Shows what was spent against the caps in force.
pub(crate) async fn cost(cx: &Cx) -> Outcome {
    let Some(spend) = cx.view::<SpendView>(cx.client.get(&["spend"]).await?)? else { return Ok(Exit::Done) };
    cx.out.data(words!(
        "today  {}",
        spend.today.map_or_else(|| "nothing".to_owned(), |today| today.to_string())
    ))?;
    let mut caps = Table::new(&["cap", "window", "limit", "spent", "reserved"]);
    for cap in &spend.budgets {
        caps.row([
            cap.scope.as_str().into(),
            Cell::from(format!("{} {}", cap.window, cap.slot)),
            cap.limit.to_string().into(),
            cap.settled.to_string().into(),
            cap.reserved.to_string().into(),
        ]);
    }
    if !caps.is_empty() {
        cx.out.data(words!("\n{}", caps.render(cx.out.window)))?;
    }
    let mut by = Table::new(&["today by", "spent"]);
    spend.by.iter().for_each(|(who, money)| by.row([who.as_str().into(), Cell::from(money.to_string())]));
    if by.is_empty() { Ok(Exit::Done) } else { cx.out.data(words!("\n{}", by.render(cx.out.window))) }
}

/// Checks the hash chain and folds every instance again.
pub(crate) async fn audit(cx: &Cx) -> Outcome {
    let answer = cx.client.get(&["audit"]).await?;
    let audit: AuditView = read(answer.clone())?;
    if cx.out.json {
        cx.out.value(&answer)?;
    } else {
        let head = short(&audit.head);
        cx.out.data(words!(
            "{} batches, {} entries, head {}; {} instances folded",
            audit.batches,
            audit.entries,
            head,
            audit.instances
        ))?;
        audit
            .findings
            .iter()
            .for_each(|found| cx.out.say(words!("{}: {}", found.instance.to_string(), found.reason)));
    }
    if audit.ok {
        return Ok(Exit::Done);
    }
    let what = audit.broken_at.map_or_else(
        || format!("{} instances are not what their entries say", audit.findings.len()),
        |batch| format!("the chain is broken at batch {batch}"),
    );
    Err(Failure::new(Exit::Damaged, what).hint("put a backup in its place, or look at `adjutant log ID`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_of_another_version_is_still_read() {
        let answer = serde_json::json!({ "ready": true, "inbox": 2, "news": [1] });
        let status: FullStatus = read(answer).unwrap();
        assert!(status.ready);
        assert_eq!(next(&status), Some(Advice::Inbox));
        let text = text_of(&Out { json: false, colour: false, window: None }, &status).render(false);
        assert!(text.starts_with("no company yet  ready\n"), "{text}");
    }

    #[test]
    fn why_the_company_stands_still_is_told_once() {
        let condition = |resource: &str, condition: &str| {
            serde_json::json!({ "resource": resource, "condition": condition, "holds": condition != "Ready",
                "reason": "word", "message": format!("{resource} in full"), "revision": null })
        };
        let conditions = [
            condition("company", "Stalled"),
            condition("company", "Ready"),
            condition("slice/support", "Degraded"),
            condition("connector/intake", "Degraded"),
        ];
        let held = serde_json::json!([{ "id": "support", "held": "a mistake" }]);
        let mistake = serde_json::json!({ "code": "E0101", "severity": "error", "file": "adjutant.toml", "line": 1, "column": 1,
            "message": "a mistake", "help": null });
        for (told, value, company, slice) in [
            ("diagnostics", serde_json::json!([mistake]), 0, 1),
            ("hold", serde_json::json!({ "reason": "holiday", "by": "operator" }), 0, 1),
            ("slices", held, 2, 0),
            ("paused", serde_json::json!([]), 2, 1),
        ] {
            let status = read(serde_json::json!({ "conditions": conditions, told: value })).unwrap();
            let text = text_of(&Out { json: false, colour: false, window: None }, &status).render(false);
            let count = |what: &str| text.matches(what).count();
            assert_eq!(count("company in full"), company, "{told}: {text}");
            assert_eq!(count("slice/support in full"), slice, "{told}: {text}");
            assert_eq!(count("connector/intake in full"), 1, "{told}: {text}");
        }
    }
}
