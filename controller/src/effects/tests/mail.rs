//! Mail against the SMTP double: where the dialogue breaks decides what is known.

use std::time::Duration;

use adjutant_doubles::{Doubles, Fault, Login, Options, Script, SmtpFault};
use adjutant_machine::{
    call::Call,
    event::{ErrorClass, Event},
};
use adjutant_spec::plan::Mode;

use super::{
    class_of, is_unknown, message_of,
    plans::{Room, job, mail, plan, send_call},
    server, value_of,
};

async fn doubles() -> Doubles {
    Doubles::start(Options::default()).await.unwrap()
}

fn room(doubles: &Doubles) -> Room {
    Room::new(plan([mail(&format!("smtp://{}", doubles.addresses.smtp))]), &[])
}

async fn send(room: &Room) -> Event {
    room.perform(&job(Call::Verb(send_call("ana@client.example")))).await
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_approved() {
    let doubles = doubles().await;
    let event = send(&room(&doubles)).await;
    assert_eq!(value_of(&event)["message_id"], "adjutant-inbound-abcdefgh.3.0@studio.example");
    let mails = doubles.smtp().mails_with_id("adjutant-inbound-abcdefgh.3.0@studio.example");
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].envelope_to, ["ana@client.example"]);
    assert_eq!(mails[0].subject.as_deref(), Some("Your quote"));
    let text = mails[0].text.clone().unwrap().replace("\r\n", "\n");
    assert_eq!(text.trim_end(), "Dear Ana,\n.\nthis line begins after a dot.");
}

#[tokio::test]
async fn what_fails_before_the_content_is_definite() {
    let table = [
        (SmtpFault::RejectRecipient { code: 550 }, ErrorClass::Invalid),
        (SmtpFault::RejectRecipient { code: 450 }, ErrorClass::Transient),
        (SmtpFault::RejectMessage { code: 554 }, ErrorClass::Invalid),
        (SmtpFault::RejectMessage { code: 451 }, ErrorClass::Transient),
    ];
    let doubles = doubles().await;
    let room = room(&doubles);
    for (fault, class) in table {
        doubles.faults().script(Script::new(Fault::Smtp(fault)));
        assert_eq!(class_of(&send(&room).await), Ok(class), "{fault:?}");
    }
    assert!(doubles.smtp().mails().is_empty());
}

#[tokio::test]
async fn a_connection_lost_after_the_content_is_unknown() {
    let doubles = doubles().await;
    let room = room(&doubles);
    for fault in [SmtpFault::DropBeforeAccept, SmtpFault::DropAfterAccept] {
        doubles.faults().script(Script::new(Fault::Smtp(fault)));
        let event = send(&room).await;
        assert!(is_unknown(&event), "{fault:?}: {event:?}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_unknown() {
    let doubles = doubles().await;
    let delay = Script::new(Fault::Smtp(SmtpFault::Delay)).delay(Duration::from_secs(30));
    doubles.faults().script(delay);
    let mut job = job(Call::Verb(send_call("ana@client.example")));
    job.timeout = 300;
    let event = room(&doubles).perform(&job).await;
    assert!(is_unknown(&event), "{event:?}");
}

#[tokio::test]
async fn a_connection_lost_after_the_final_answer_changes_nothing() {
    let doubles = doubles().await;
    doubles.faults().script(Script::new(Fault::Smtp(SmtpFault::DropAfterAnswer)));
    value_of(&send(&room(&doubles)).await);
}

#[tokio::test]
async fn nobody_there_is_transient() {
    let room = Room::new(plan([mail(&format!("smtp://{}", server::nobody().await))]), &[]);
    assert_eq!(class_of(&send(&room).await), Ok(ErrorClass::Transient));
}

#[tokio::test]
async fn a_wrong_password_is_auth_and_stays_secret() {
    let login = Login { user: "studio".into(), password: "right-password".into() };
    let options = Options { smtp_login: Some(login), ..Options::default() };
    let doubles = Doubles::start(options).await.unwrap();
    let mut connector = mail(&format!("smtp://{}", doubles.addresses.smtp));
    connector.secret = Some("mail".into());
    let wrong = Room::new(plan([connector.clone()]), &[("mail", "studio:wrong-password")]);
    let event = send(&wrong).await;
    assert_eq!(class_of(&event), Ok(ErrorClass::Auth));
    assert!(!message_of(&event).contains("wrong-password"));
    let right = Room::new(plan([connector]), &[("mail", "studio:right-password")]);
    value_of(&send(&right).await);
}

#[tokio::test]
async fn a_dry_run_sends_nothing() {
    let doubles = doubles().await;
    let room = room(&doubles);
    let mut dry = job(Call::Verb(send_call("ana@client.example")));
    dry.dry = true;
    let event = room.perform(&dry).await;
    assert_eq!(value_of(&event)["dry"], true);
    assert_eq!(value_of(&event)["would"]["args"]["to"], "ana@client.example");
    room.edit(|plan| plan.connectors.get_mut("mail").unwrap().mode = Mode::Dry);
    assert_eq!(value_of(&send(&room).await)["dry"], true);
    assert!(doubles.smtp().mails().is_empty());
}

#[tokio::test]
async fn a_connector_that_was_taken_away_is_unavailable_at_once() {
    let doubles = doubles().await;
    let room = room(&doubles);
    room.edit(|plan| plan.connectors.clear());
    assert_eq!(class_of(&send(&room).await), Ok(ErrorClass::Unavailable));
}

#[tokio::test]
async fn arguments_are_checked_before_anybody_is_called() {
    let doubles = doubles().await;
    let mut call = send_call("ana@client.example");
    call.args["bcc"] = "x@y.example".into();
    let event = room(&doubles).perform(&job(Call::Verb(call))).await;
    assert_eq!(class_of(&event), Ok(ErrorClass::Invalid));
    assert!(doubles.smtp().mails().is_empty() && doubles.smtp().refusals().is_empty());
}
