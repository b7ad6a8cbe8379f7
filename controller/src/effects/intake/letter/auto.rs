//! Who wrote a mail: a person, or a machine by itself (RFC 3834, and what programs do instead).
//!
//! An answer to a machine's answer is a loop, an answer to a newsletter is a nuisance, and an answer to a bounce goes to
//! nobody. So each is named, and a playbook gets it only where its trigger asks for it.

use super::{head::Head, structure::Tree};

/// What of a mail was made by a machine; empty texts mean that nothing says so.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// `auto-replied`, `auto-generated`, or another word of its header.
    pub(super) auto: String,
    /// The list that it came through, or `bulk`.
    pub(super) list: String,
    /// The status of a mail that did not arrive, such as `5.1.1`.
    pub(super) bounce: String,
    /// Whom that mail did not reach.
    pub(super) bounce_of: String,
    /// The Message-ID of that mail.
    pub(super) bounced: Option<String>,
}

/// Headers of answering machines: any value says so.
const MACHINES: [&str; 9] = [
    "x-autoreply",
    "x-auto-reply",
    "x-autorespond",
    "x-autoresponder",
    "x-autoreply-from",
    "x-mail-autoreply",
    "x-mailer-autoreply",
    "x-vacation",
    "x-fc-machinegenerated",
];

/// How the subject of an automatic answer begins, in the languages of Exchange and its like.
const SUBJECTS: [&str; 22] = [
    "automatic reply:",
    "auto reply:",
    "auto-reply:",
    "autoreply:",
    "auto:",
    "out of office:",
    "out of the office:",
    "automatische antwort:",
    "automatische antwort auf:",
    "abwesenheitsnotiz:",
    "abwesend:",
    "réponse automatique :",
    "réponse automatique:",
    "absence du bureau :",
    "respuesta automática:",
    "fuera de la oficina:",
    "risposta automatica:",
    "resposta automática:",
    "automatisch antwoord:",
    "automatiskt svar:",
    "automatisk svar:",
    "автоматический ответ:",
];

/// Says what a mail is by its header and its structure.
pub(super) fn origin(bytes: &[u8], tree: &Tree<'_>, subject: &str) -> Origin {
    let head = &tree.parts[0].head;
    let mut origin = Origin { list: list(head), auto: auto(head, subject), ..Origin::default() };
    if let Some(report) = bounce(bytes, tree) {
        origin = Origin { list: String::new(), ..report };
        origin.auto = "auto-replied".to_owned();
    } else if origin.auto.is_empty() && is_report(tree) {
        // A receipt or a complaint: a machine wrote it, whoever asked it to.
        origin.auto = "auto-generated".to_owned();
    }
    origin
}

fn list(head: &Head<'_>) -> String {
    if let Some(id) = head.text("list-id", None) {
        let inner =
            id.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(id, _)| id.to_owned());
        return cut(inner.filter(|id| !id.is_empty()).unwrap_or(id), "list");
    }
    let is_list = head.has("list-*") || head.has("mailing-list") || head.has("x-mailing-list");
    match head.word("precedence").as_str() {
        "list" => "list".to_owned(),
        "bulk" | "junk" => "bulk".to_owned(),
        _ if is_list => "list".to_owned(),
        _ => String::new(),
    }
}

fn cut(text: String, empty: &str) -> String {
    let text: String = text.chars().take(200).collect();
    if text.is_empty() { empty.to_owned() } else { text }
}

fn auto(head: &Head<'_>, subject: &str) -> String {
    let declared = head.word("auto-submitted");
    if !declared.is_empty() && declared != "no" {
        return cut(declared, "auto-generated");
    }
    let suppress =
        head.raw("x-auto-response-suppress").map(|value| String::from_utf8_lossy(value).to_lowercase());
    // Receipts may be suppressed by people too; answers are suppressed by machines.
    let is_suppressed = suppress.is_some_and(|value| {
        ["all", "oof", "autoreply"].iter().any(|word| value.split([',', ';']).any(|one| one.trim() == *word))
    });
    let asks = |name: &str| matches!(head.word(name).as_str(), "auto_reply" | "auto-reply" | "autoreply");
    let is_machine = MACHINES.iter().any(|name| head.has(name) && head.word(name) != "no")
        || asks("precedence")
        || asks("x-precedence")
        || asks("preference")
        || head.word("delivered-to") == "autoresponder"
        || head
            .text("x-post-messageclass", None)
            .is_some_and(|value| value.to_lowercase().contains("autoresponder"));
    let subject = subject.to_lowercase();
    if is_machine || SUBJECTS.iter().any(|begin| subject.starts_with(begin)) {
        return "auto-replied".to_owned();
    }
    if is_suppressed || is_from_nobody(head) {
        return "auto-generated".to_owned();
    }
    String::new()
}

/// An empty return path: whoever sends so wants no answer.
fn is_from_nobody(head: &Head<'_>) -> bool {
    head.raw("return-path").is_some_and(|path| path == b"<>" || path.is_empty())
}

fn is_report(tree: &Tree<'_>) -> bool {
    let media = &tree.parts[0].media;
    media.is("multipart/report") || media.is("message/disposition-notification")
}

/// Says what did not arrive, where a mail is about that.
fn bounce(bytes: &[u8], tree: &Tree<'_>) -> Option<Origin> {
    let top = &tree.parts[0];
    let status = tree.parts.iter().find(|part| {
        part.media.is("message/delivery-status") || part.media.is("message/global-delivery-status")
    });
    let mut found = Origin::default();
    if let Some(part) = status {
        // Groups of fields, one for the server and one for each recipient; the first of each name is enough.
        let text = bytes[part.body.clone()]
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.trim_ascii().is_empty());
        let text: Vec<u8> = text.take(200).flat_map(|line| [line, b"\n".as_slice()].concat()).collect();
        let fields = Head::read(&text).unwrap_or_default();
        // A relay that tells of success is no bounce.
        if matches!(fields.word("action").as_str(), "delivered" | "relayed" | "expanded") {
            return None;
        }
        let named = fields.text("final-recipient", None).or_else(|| fields.text("original-recipient", None));
        found.bounce_of = named.map(|text| address(&text)).unwrap_or_default();
        found.bounce = cut(fields.word("status"), "failed");
    } else {
        let failed = top.head.text("x-failed-recipients", None);
        let declared =
            top.media.param("report-type").is_some_and(|kind| kind.eq_ignore_ascii_case("delivery-status"));
        let is_daemon = top.head.addresses("from", None).first().is_some_and(|from| {
            let local = from.address.split('@').next().unwrap_or_default();
            let sender = if local.is_empty() { from.name.as_str() } else { local };
            sender.to_lowercase().starts_with("mailer-daemon")
        });
        let is_bounce =
            failed.is_some() || declared || top.head.has("x-ms-exchange-message-is-ndr") || is_daemon;
        if !is_bounce {
            return None;
        }
        found.bounce_of = failed.map(|text| address(&text)).unwrap_or_default();
        "failed".clone_into(&mut found.bounce);
    }
    found.bounced = original(bytes, tree);
    Some(found)
}

/// `rfc822; bob@client.example` without its type.
fn address(text: &str) -> String {
    let text = text.rsplit(';').next().unwrap_or(text).trim();
    text.split([',', ' ']).next().unwrap_or(text).trim_matches(['<', '>']).chars().take(320).collect()
}

/// The Message-ID of the mail that a report is about.
fn original(bytes: &[u8], tree: &Tree<'_>) -> Option<String> {
    let inside = tree.parts.iter().skip(1).find_map(|part| {
        if part.media.is("text/rfc822-headers") || part.media.is("message/rfc822-headers") {
            let text = &bytes[part.body.clone()];
            let end = text.windows(2).position(|two| two == b"\n\n").map_or(text.len(), |end| end + 1);
            return Head::read(&text[..end]).ok()?.ids("message-id").into_iter().next();
        }
        part.head.ids("message-id").into_iter().next()
    });
    inside.or_else(|| tree.parts[0].head.ids("in-reply-to").into_iter().next())
}
