//! The SMTP double over real sockets: the dialogue, its limits, and every fault.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail where they stand")]

mod world;

use adjutant_doubles::{Doubles, Fault, Login, Mailbox, Options, Script, SmtpFault};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::Tls;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use tokio::time::timeout;
use world::{Dialogue, PATIENCE, QUOTE, doubles};

fn scripted(doubles: &Doubles, fault: SmtpFault) {
    doubles.faults().script(Script::new(Fault::Smtp(fault)));
}

#[tokio::test]
async fn an_accepted_message_is_in_the_ledger_with_its_parsed_headers() {
    let doubles = doubles().await;
    let mut dialogue = Dialogue::greeted(&doubles).await;
    assert!(dialogue.deliver("maya@client.example", QUOTE).await.starts_with("250 "));
    assert!(dialogue.say("QUIT").await.starts_with("221 "));
    assert_eq!(dialogue.rest().await, "");

    let mails = doubles.smtp().mails();
    let [mail] = mails.as_slice() else { panic!("one mail, not {}", mails.len()) };
    assert_eq!(mail.envelope_from, "studio@agency.example");
    assert_eq!(mail.envelope_to, ["maya@client.example"]);
    assert_eq!(mail.message_id.as_deref(), Some("run-7.2@agency.example"));
    assert_eq!(mail.subject.as_deref(), Some("Your quote: website"));
    let maya = Mailbox { name: Some("Maya Okafor".into()), address: "maya@client.example".into() };
    assert_eq!(mail.to, [maya]);
    assert_eq!(mail.text.as_deref().map(str::trim), Some("Hello Maya"));
    assert_eq!(mail.raw, format!("{QUOTE}\r\n").as_bytes());
    assert!(mail.is_answered && mail.at_ms > 1_600_000_000_000);
    assert_eq!(doubles.smtp().mails_with_id("<run-7.2@agency.example>").len(), 1);
}

#[tokio::test]
async fn dots_are_unstuffed_and_only_a_whole_line_ends_the_message() {
    let doubles = doubles().await;
    let mut dialogue = Dialogue::greeted(&doubles).await;
    let message = "Subject: dots\r\n\r\n..one\r\n...two\r\n.three\r\nbare\n.\nstill\n.\r\nend";
    assert!(dialogue.deliver("maya@client.example", message).await.starts_with("250 "));
    let mails = doubles.smtp().mails();
    let raw = String::from_utf8(mails[0].raw.clone()).unwrap();
    assert_eq!(raw, "Subject: dots\r\n\r\n.one\r\n..two\r\nthree\r\nbare\n.\nstill\n.\r\nend\r\n");
    assert_eq!(mails.len(), 1, "a dot after a bare line feed ends nothing");
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order() {
    let doubles = doubles().await;
    let mut dialogue = Dialogue::greeted(&doubles).await;
    let group = "MAIL FROM:<a@agency.example>\r\nRCPT TO:<b@client.example>\r\nRCPT TO:<broken>\r\nDATA\r\n";
    dialogue.send(group).await;
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(dialogue.reply().await[..3].to_owned());
    }
    assert_eq!(codes, ["250", "250", "553", "354"]);
    // The end of the message and the next two commands in one packet.
    dialogue.send("Subject: x\r\n\r\nx\r\n.\r\nRSET\r\nQUIT\r\n").await;
    let rest = dialogue.rest().await;
    let codes: Vec<&str> = rest.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["250", "250", "221"]);
    assert_eq!(doubles.smtp().mails()[0].envelope_to, ["b@client.example"]);
}

#[tokio::test]
async fn commands_out_of_order_and_messages_too_large_are_refused() {
    let doubles = doubles().await;
    let mut dialogue = Dialogue::open(&doubles).await;
    assert!(dialogue.say("MAIL FROM:<a@b.example>").await.starts_with("503"), "before EHLO");
    assert!(dialogue.say("EHLO x").await.contains("250-SIZE 10485760\r\n250-PIPELINING\r\n250-8BITMIME"));
    assert!(dialogue.say("RCPT TO:<a@b.example>").await.starts_with("503"));
    assert!(dialogue.say("DATA").await.starts_with("503"));
    assert!(dialogue.say("MAIL FROM:<a@b.example> SIZE=99999999").await.starts_with("552"));
    assert!(dialogue.say("MAIL FROM:<a@b.example>").await.starts_with("250"));
    assert!(dialogue.say("MAIL FROM:<a@b.example>").await.starts_with("503"), "nested");
    assert!(dialogue.say("DATA").await.starts_with("554"), "no recipient");
    assert!(dialogue.say("VRFY maya").await.starts_with("252"));
    assert!(dialogue.say("NOOP").await.starts_with("250"));
    assert!(dialogue.say("RSET").await.starts_with("250"));
    let line = "x".repeat(1000);
    let large = vec![line.as_str(); 11_000].join("\r\n");
    assert!(dialogue.deliver("a@b.example", &large).await.starts_with("552"));
    assert!(dialogue.deliver("a@b.example", QUOTE).await.starts_with("250"), "the dialogue goes on");
    assert_eq!(doubles.smtp().mails().len(), 1);
}

#[tokio::test]
async fn recipients_are_refused_as_scripted_and_the_rest_is_delivered() {
    let doubles = doubles().await;
    for code in [450, 550] {
        let fault = Fault::Smtp(SmtpFault::RejectRecipient { code });
        doubles.faults().script(Script::new(fault).only("maya@"));
    }
    let mut dialogue = Dialogue::greeted(&doubles).await;
    dialogue.say("MAIL FROM:<a@b.example>").await;
    assert!(dialogue.say("RCPT TO:<bob@client.example>").await.starts_with("250"));
    assert!(dialogue.say("RCPT TO:<maya@client.example>").await.starts_with("450 4."));
    assert!(dialogue.say("RCPT TO:<maya@client.example>").await.starts_with("550 5."));
    assert!(dialogue.say("RCPT TO:<maya@client.example>").await.starts_with("250"), "used up");
    let codes: Vec<_> = doubles.smtp().refusals().into_iter().map(|refusal| refusal.code).collect();
    assert_eq!(codes, [Some(450), Some(550)]);
}

#[tokio::test]
async fn a_cut_before_acceptance_leaves_no_mail() {
    let doubles = doubles().await;
    scripted(&doubles, SmtpFault::DropBeforeAccept);
    let mut dialogue = Dialogue::greeted(&doubles).await;
    assert_eq!(dialogue.deliver("maya@client.example", QUOTE).await, "", "no answer");
    assert!(doubles.smtp().mails().is_empty());
    assert_eq!(doubles.smtp().refusals()[0].code, None);
}

#[tokio::test]
async fn a_cut_after_acceptance_leaves_a_mail_that_nobody_was_told_of() {
    let doubles = doubles().await;
    scripted(&doubles, SmtpFault::DropAfterAccept);
    let mut dialogue = Dialogue::greeted(&doubles).await;
    assert_eq!(dialogue.deliver("maya@client.example", QUOTE).await, "", "no answer");
    let mails = doubles.smtp().mails();
    assert_eq!((mails.len(), mails[0].is_answered), (1, false));
}

#[tokio::test]
async fn a_cut_after_the_answer_and_a_refused_message_are_told_apart() {
    let doubles = doubles().await;
    scripted(&doubles, SmtpFault::DropAfterAnswer);
    scripted(&doubles, SmtpFault::RejectMessage { code: 451 });
    let mut dialogue = Dialogue::greeted(&doubles).await;
    assert!(dialogue.deliver("maya@client.example", QUOTE).await.starts_with("250"));
    assert_eq!(dialogue.rest().await, "");
    let mut dialogue = Dialogue::greeted(&doubles).await;
    assert!(dialogue.deliver("maya@client.example", QUOTE).await.starts_with("451 4."));
    assert_eq!(doubles.smtp().mails().len(), 1);
}

#[tokio::test]
async fn a_delayed_answer_comes_after_the_mail_is_in_the_ledger() {
    let doubles = doubles().await;
    let delay = std::time::Duration::from_secs(3600);
    doubles.faults().script(Script::new(Fault::Smtp(SmtpFault::Delay)).delay(delay));
    let mut dialogue = Dialogue::greeted(&doubles).await;
    dialogue.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n").await;
    dialogue.send("Subject: x\r\n\r\nx\r\n.\r\n").await;
    timeout(PATIENCE, doubles.wait_until(|books| books.mails.len() == 1)).await.unwrap();
    // Shutting down ends the dialogue that still waits for its answer.
    doubles.shutdown().await;
    let rest = dialogue.rest().await;
    assert!(rest.lines().last().unwrap().starts_with("354"), "{rest}");
}

#[tokio::test]
async fn a_message_cut_by_the_client_is_not_accepted() {
    let doubles = doubles().await;
    let mut dialogue = Dialogue::greeted(&doubles).await;
    dialogue.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nSubject: half\r\n.").await;
    drop(dialogue);
    let mut whole = Dialogue::greeted(&doubles).await;
    assert!(whole.deliver("maya@client.example", QUOTE).await.starts_with("250"));
    let subjects: Vec<_> = doubles.smtp().mails().into_iter().map(|mail| mail.subject.unwrap()).collect();
    assert_eq!(subjects, ["Your quote: website"]);
}

#[tokio::test]
async fn a_login_is_demanded_where_there_is_one() {
    let smtp_login = Some(Login { user: "studio".into(), password: "s3cret".into() });
    let doubles = Doubles::start(Options { smtp_login, ..Options::default() }).await.unwrap();
    let mut dialogue = Dialogue::greeted(&doubles).await;
    assert!(dialogue.say("MAIL FROM:<a@b.example>").await.starts_with("530"));
    assert!(dialogue.say("AUTH CRAM-MD5").await.starts_with("504"));
    assert!(dialogue.say("AUTH PLAIN AHN0dWRpbwB3cm9uZw==").await.starts_with("535"));
    assert!(dialogue.say("AUTH PLAIN !").await.starts_with("501"));
    assert!(dialogue.say("AUTH LOGIN").await.starts_with("334 VXNlcm5hbWU6"));
    assert!(dialogue.say("c3R1ZGlv").await.starts_with("334 UGFzc3dvcmQ6"));
    assert!(dialogue.say("czNjcmV0").await.starts_with("235"));
    assert!(dialogue.say("MAIL FROM:<a@b.example>").await.starts_with("250"));
}

#[tokio::test]
async fn a_real_client_delivers_with_a_login() {
    let smtp_login = Some(Login { user: "studio".into(), password: "s3cret".into() });
    let doubles = Doubles::start(Options { smtp_login, ..Options::default() }).await.unwrap();
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1")
        .port(doubles.addresses.smtp.port())
        .tls(Tls::None)
        .credentials(Credentials::new("studio".into(), "s3cret".into()))
        .build();
    let message = Message::builder()
        .from("Studio <studio@agency.example>".parse().unwrap())
        .to("Maya <maya@client.example>".parse().unwrap())
        .message_id(Some("<run-9@agency.example>".into()))
        .subject("Grüße")
        .body("Hello\n.dotted\nend".to_owned())
        .unwrap();
    transport.send(message).await.unwrap();
    let mails = doubles.smtp().mails();
    assert_eq!(mails[0].message_id.as_deref(), Some("run-9@agency.example"));
    assert_eq!(mails[0].subject.as_deref(), Some("Grüße"));
    let text = mails[0].text.as_deref().unwrap().replace("\r\n", "\n");
    assert_eq!(text.trim_end(), "Hello\n.dotted\nend");
}
