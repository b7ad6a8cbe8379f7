//! Whole mails: what people and machines really send.

use super::*;

fn fields(mail: &str) -> Value {
    read(mail.replace('\n', "\r\n").as_bytes()).unwrap_or_else(|refused| panic!("{refused}: {mail}")).fields
}

/// A mail of Ann's with more header fields and a body.
fn of_ann(more: &str) -> String {
    format!("From: Ann <ann@client.example>\nTo: hello@lab.example\nMessage-ID: <m@client.example>\n{more}")
}

fn multipart(kind: &str, parts: &[&str]) -> String {
    let parts: String = parts.iter().map(|part| format!("--B\n{part}\n")).collect();
    of_ann(&format!("Subject: s\nContent-Type: multipart/{kind}; boundary=B\n\n{parts}--B--\n"))
}

fn attached(fields: &Value) -> Vec<(&str, &str)> {
    let list = fields["attachments"].as_array().unwrap();
    list.iter().map(|one| (one["name"].as_str().unwrap(), one["type"].as_str().unwrap())).collect()
}

#[test]
fn plain_text_is_preferred_and_encodings_are_undone() {
    let mail = "From: =?utf-8?q?J=C3=B6rg?= <j@x.example>\r\nTo: hello@studio.example\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\n\
        Message-ID: <42@x.example>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>HTML</p>\r\n--b--\r\n";
    let letter = read(mail.as_bytes()).unwrap();
    assert_eq!((letter.id.as_str(), letter.is_cut), ("42@x.example", false));
    let expected = json!({ "message_id": "42@x.example", "from": "j@x.example", "from_name": "Jörg", "reply_to": "j@x.example",
        "to": "hello@studio.example", "cc": "", "subject": "Grüße", "text": "Grüße", "date": "2026-11-20T10:00:00+01:00",
        "in_reply_to": "", "references": [], "auto": "", "list": "", "bounce": "", "bounce_of": "", "attachments": [], "doubt": "" });
    assert_eq!(letter.fields, expected);
}

#[test]
fn html_alone_becomes_text_line_by_line() {
    let html = "<html><style>p{}</style><div>Hello</div><div>We need a <b>quote</b></div><ul><li>one</li><li>two</li></ul></html>";
    let mail = fields(&of_ann(&format!("Content-Type: text/html\n\n{html}\n")));
    assert_eq!(mail["text"], "Hello\nWe need a quote\none\ntwo");
    let inside = "<html><head><meta charset=\"windows-1251\"></head><p>\u{1}</p></html>";
    let bytes =
        [of_ann("Content-Type: text/html\n\n").into_bytes(), inside.replace('\u{1}', "").into_bytes()]
            .concat();
    assert!(read(&bytes).is_ok());
}

/// Each is a mail that a person can send; the text is what they wrote, and the rest is named.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of mails")]
fn every_mail_a_person_can_send_is_taken() {
    let pdf = "Content-Type: application/pdf; name=contract.pdf\nContent-Disposition: attachment; filename=contract.pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQK";
    let calendar =
        "Content-Type: text/calendar; method=REQUEST; charset=utf-8\n\nBEGIN:VCALENDAR\nEND:VCALENDAR";
    let forwarded = "Content-Type: message/rfc822\n\nFrom: bob@x.example\nSubject: the old one\n\nold text";
    let plain = "Content-Type: text/plain\n\nhello";
    let table = [
        (of_ann("Subject: Please call me back\n\n\n"), "", vec![]),
        (of_ann("Subject: only this\n"), "", vec![]),
        (of_ann(&format!("{pdf}\n")), "", vec![("contract.pdf", "application/pdf")]),
        (of_ann(&format!("{calendar}\n")), "", vec![("invite.ics", "text/calendar")]),
        (
            of_ann(
                "Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\neJ8+IgEA\n",
            ),
            "",
            vec![("winmail.dat", "application/ms-tnef")],
        ),
        (multipart("mixed", &[plain, pdf]), "hello", vec![("contract.pdf", "application/pdf")]),
        (
            multipart("mixed", &[plain, calendar, "\n\nand more"]),
            "hello\n\nand more",
            vec![("invite.ics", "text/calendar")],
        ),
        (multipart("mixed", &[forwarded]), "", vec![("the old one.eml", "message/rfc822")]),
        (
            multipart(
                "alternative",
                &["Content-Type: text/plain\n\n ", "Content-Type: text/html\n\n<p>only html</p>"],
            ),
            "only html",
            vec![],
        ),
        (
            multipart("alternative", &[plain, "Content-Type: text/html\n\n<p>hello</p>", calendar]),
            "hello",
            vec![("invite.ics", "text/calendar")],
        ),
        (
            multipart(
                "signed; micalg=x",
                &[plain, "Content-Type: application/pkcs7-signature; name=smime.p7s\n\nx"],
            ),
            "hello",
            vec![("smime.p7s", "application/pkcs7-signature")],
        ),
        (
            multipart("signed", &[plain, "Content-Type: application/pgp-signature\n\nx"]),
            "hello",
            vec![("signature.asc", "application/pgp-signature")],
        ),
        (
            multipart(
                "related",
                &["Content-Type: text/html\n\n<p>look</p>", "Content-Type: image/png; name=a.png\n\nx"],
            ),
            "look",
            vec![("a.png", "image/png")],
        ),
        (
            multipart("mixed", &["Content-Type: text/plain; name=notes.txt\n\nnotes"]),
            "",
            vec![("notes.txt", "text/plain")],
        ),
        (multipart("x-unheard-of", &[plain]), "hello", vec![]),
    ];
    for (mail, text, names) in table {
        let found = fields(&mail);
        assert_eq!(found["text"], text, "{mail}");
        assert_eq!(attached(&found), names, "{mail}");
        assert_eq!(found["from"], "ann@client.example");
    }
}

#[test]
fn attachments_are_known_by_size_and_digest() {
    let mail = fields(&multipart(
        "mixed",
        &["Content-Type: text/x-a; name=a\nContent-Transfer-Encoding: base64\n\nSGVsbG8="],
    ));
    let digest = blake3::hash(b"Hello").to_hex().to_string();
    assert_eq!(
        mail["attachments"],
        json!([{ "name": "a", "type": "text/x-a", "bytes": 5, "digest": digest }])
    );
}

#[test]
fn what_cannot_be_read_is_told() {
    let table = [
        (
            multipart(
                "encrypted",
                &[
                    "Content-Type: application/pgp-encrypted\n\nVersion: 1",
                    "Content-Type: application/octet-stream\n\nx",
                ],
            ),
            "encrypted",
        ),
        (
            of_ann("Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nx\n"),
            "encrypted",
        ),
        (of_ann("Content-Type: application/x-pkcs7-mime; smime-type=signed-data\n\nx\n"), "signature"),
        (of_ann("\n-----BEGIN PGP MESSAGE-----\n\nx\n"), "encrypted"),
        (of_ann("Content-Type: application/ms-tnef\n\nx\n"), "Outlook"),
        (of_ann("Content-Type: multipart/mixed; boundary=B\n\n--B\n\nhalf"), "end is missing"),
        (of_ann("Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n"), "x-uuencode"),
        (of_ann("Content-Type: text/plain; charset=utf-7\n\n+ADw-\n"), "UTF-7"),
        (of_ann(&format!("\n{}\n", "x".repeat(MOST_TEXT + 7))), "its text is cut: 7 further characters"),
        (of_ann("From: Bob <bob@x.example>\n\nx\n"), "more than one sender"),
    ];
    for (mail, word) in table {
        let doubt = fields(&mail)["doubt"].as_str().unwrap().to_owned();
        assert!(doubt.contains(word), "\"{doubt}\" says nothing of \"{word}\"");
    }
}

#[test]
fn an_answer_goes_where_the_mail_asks_for_it() {
    let table = [
        ("", "ann@client.example"),
        ("Reply-To: Bob <bob@client.example>\n", "bob@client.example"),
        ("Reply-To: =?utf-8?q?B=C3=B6b?= <bob@client.example>, carl@x.example\n", "bob@client.example"),
        ("Reply-To: nobody\n", "ann@client.example"),
        ("Reply-To:\n", "ann@client.example"),
    ];
    for (more, to) in table {
        assert_eq!(fields(&of_ann(&format!("{more}\nx\n")))["reply_to"], to, "{more}");
    }
    let mail = fields(&of_ann(
        "Cc: a@x.example, B <b@x.example>\nIn-Reply-To: <1@lab>\nReferences: <0@lab> <1@lab>\n\nx\n",
    ));
    assert_eq!((&mail["cc"], &mail["in_reply_to"]), (&json!("a@x.example, b@x.example"), &json!("1@lab")));
    assert_eq!(mail["references"], json!(["0@lab", "1@lab"]));
}

#[test]
fn machines_that_write_by_themselves_are_known() {
    let replied = [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-replied (vacation)",
        "Precedence: auto_reply",
        "X-Autoreply: yes",
        "X-Autorespond: away",
        "Preference: auto_reply",
        "Delivered-To: Autoresponder",
        "X-POST-MessageClass: 9; Autoresponder",
        "Subject: Automatische Antwort: Angebot",
        "Subject: =?utf-8?q?R=C3=A9ponse_automatique_:_devis?=",
        "Subject: Out of Office: offer",
    ];
    for header in replied {
        assert_eq!(fields(&of_ann(&format!("{header}\n\nx\n")))["auto"], "auto-replied", "{header}");
    }
    let generated = [
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: DR, OOF, AutoReply",
        "X-Auto-Response-Suppress: All",
        "Return-Path: <>",
    ];
    for header in generated {
        assert_eq!(fields(&of_ann(&format!("{header}\n\nx\n")))["auto"], "auto-generated", "{header}");
    }
    let people = [
        "Auto-Submitted: no",
        "X-Auto-Response-Suppress: DR, RN, NRN",
        "Subject: Re: Out of office hours",
        "Return-Path: <ann@client.example>",
        "X-Autoreply: no",
    ];
    for header in people {
        assert_eq!(fields(&of_ann(&format!("{header}\n\nx\n")))["auto"], "", "{header}");
    }
}

#[test]
fn lists_and_newsletters_are_known() {
    let table = [
        ("List-Id: Shop News <news.shop.example>", "news.shop.example"),
        ("List-Unsubscribe: <https://shop.example/u>", "list"),
        ("List-Post: <mailto:l@x.example>", "list"),
        ("Precedence: bulk", "bulk"),
        ("Precedence: list", "list"),
        ("Precedence: junk", "bulk"),
        ("Mailing-List: contact x", "list"),
        ("Precedence: first-class", ""),
    ];
    for (header, list) in table {
        assert_eq!(fields(&of_ann(&format!("{header}\n\nx\n")))["list"], list, "{header}");
    }
}

#[test]
fn bounces_say_whom_they_are_about() {
    let status = "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; bob@client.example\nAction: failed\nStatus: 5.1.1 (no such user)";
    let original = "Content-Type: message/rfc822\n\nMessage-ID: <sent@lab.example>\nSubject: offer\n\nx";
    let headers = "Content-Type: text/rfc822-headers\n\nMessage-ID: <sent@lab.example>\nSubject: offer\n";
    for last in [original, headers] {
        let mail =
            fields(&multipart("report; report-type=delivery-status", &["\nnot delivered", status, last]));
        assert_eq!((&mail["bounce"], &mail["bounce_of"]), (&json!("5.1.1"), &json!("bob@client.example")));
        assert_eq!(
            (&mail["in_reply_to"], &mail["auto"]),
            (&json!("sent@lab.example"), &json!("auto-replied"))
        );
        assert_eq!(mail["text"], "not delivered");
    }
    let daemon =
        "From: MAILER-DAEMON (Mail Delivery System)\nTo: x@lab.example\nSubject: failure notice\n\nSorry.\n";
    assert_eq!(
        (&fields(daemon)["bounce"], &fields(daemon)["from"]),
        (&json!("failed"), &json!("MAILER-DAEMON"))
    );
    let exim = fields(&of_ann("X-Failed-Recipients: bob@x.example\n\nx\n"));
    assert_eq!((&exim["bounce"], &exim["bounce_of"]), (&json!("failed"), &json!("bob@x.example")));
    let delivered = status.replace("failed", "delivered");
    let receipt = fields(&multipart("report; report-type=delivery-status", &["\narrived", &delivered]));
    assert_eq!((&receipt["bounce"], &receipt["auto"]), (&json!(""), &json!("auto-generated")));
    let read = fields(&multipart("report; report-type=disposition-notification", &["\nread"]));
    assert_eq!((&read["bounce"], &read["auto"]), (&json!(""), &json!("auto-generated")));
}

#[test]
fn a_mail_in_any_charset_is_read_in_subject_name_and_text() {
    let table: [(&str, &'static encoding_rs::Encoding, &str); 7] = [
        ("shift_jis", encoding_rs::SHIFT_JIS, "見積もりをお願いします"),
        ("gb2312", encoding_rs::GBK, "请给我报价"),
        ("ks_c_5601-1987", encoding_rs::EUC_KR, "견적을 부탁드립니다"),
        ("windows-1251", encoding_rs::WINDOWS_1251, "Сколько стоит сайт?"),
        ("big5", encoding_rs::BIG5, "請給我報價"),
        ("koi8-r", encoding_rs::KOI8_R, "Сколько стоит сайт?"),
        ("iso-8859-15", encoding_rs::ISO_8859_15, "20 € Grüße"),
    ];
    for (label, encoding, text) in table {
        let raw = encoding.encode(text).0;
        use base64::Engine as _;
        let word = base64::engine::general_purpose::STANDARD.encode(&raw);
        let header = format!(
            "From: =?{label}?B?{word}?= <a@x.example>\r\nSubject: =?{label}?B?{word}?=\r\nContent-Type: text/plain; charset={label}\r\n\r\n"
        );
        let found = read(&[header.as_bytes(), &raw, b"\r\n"].concat()).unwrap().fields;
        assert_eq!(
            (&found["subject"], &found["from_name"], &found["text"]),
            (&json!(text), &json!(text), &json!(text)),
            "{label}"
        );
        // The same without a word of MIME in the header, as old programs have it.
        let header = format!("From: a@x.example\r\nContent-Type: text/plain; charset={label}\r\nSubject: ");
        let found = read(&[header.as_bytes(), &raw, b"\r\n\r\nx\r\n"].concat()).unwrap().fields;
        assert_eq!(found["subject"], text, "{label}");
    }
}

#[test]
fn what_is_no_mail_is_refused_with_a_reason() {
    assert_eq!(read(b"").unwrap_err(), "it is no mail at all");
    assert_eq!(read(b"hello there\n\nno header\n").unwrap_err(), "it is no mail at all");
    assert_eq!(read(b"Subject: x\r\n\r\nbody").unwrap_err(), "it has no `From` address");
    assert_eq!(read(b"From: undisclosed\r\n\r\nbody").unwrap_err(), "it has no `From` address");
}

#[test]
fn an_id_that_is_none_is_the_digest() {
    for id in
        ["", "Message-ID:\n", "Message-ID: <a b@x>\n", &format!("Message-ID: <{}@x>\n", "a".repeat(500))]
    {
        let mail = format!("From: a@x.example\n{id}\nx\n");
        let letter = read(mail.as_bytes()).unwrap();
        assert!(letter.id.starts_with("blake3-"), "{id} -> {}", letter.id);
        assert_eq!(letter, read(mail.as_bytes()).unwrap());
    }
}

#[test]
fn a_mail_that_may_go_on_looks_so() {
    let whole = multipart("mixed", &["\none", "\ntwo"]);
    assert!(!read(whole.as_bytes()).unwrap().is_cut);
    for part in [whole.len() / 2, whole.len() - 6, whole.len() - 1] {
        assert!(read(&whole.as_bytes()[..part]).unwrap().is_cut, "{part}");
    }
}

/// Any bytes, and any cut of a mail, are answered: read or refused.
#[test]
fn nothing_makes_the_reader_panic() {
    let mail = multipart(
        "mixed",
        &[
            "Content-Type: text/html; charset=\"\n\n<p>&#x110000;&bad;<!--",
            "Content-Disposition: attachment; filename*0*=x''%; filename*=\n\nx",
        ],
    );
    for end in 0..mail.len() {
        drop(read(&mail.as_bytes()[..end]));
    }
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..400 {
        let mut bytes = mail.clone().into_bytes();
        for _ in 0..8 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = usize::try_from(state % bytes.len() as u64).unwrap();
            bytes[at] = u8::try_from(state >> 56).unwrap();
        }
        let caught = std::panic::catch_unwind(|| drop(read(&bytes)));
        assert!(caught.is_ok(), "round {round}: {:?}", String::from_utf8_lossy(&bytes));
    }
}
