//! What comes out of the drop folders: mails become deliveries, what is no mail is told; each is moved away only after that.

use std::sync::Arc;

use adjutant_machine::journal::JournalError;
use tokio::sync::watch;

use super::git_door::Conditions;
use crate::{
    desk::views::ConditionView,
    effects::{
        self, Effects, Unread,
        intake::{DropStanding, Item, Refused},
    },
    runtime::{self, Delivery, Handle, SetAside},
};

/// Returns a delivery as the runtime takes it.
pub(super) fn delivery(from: effects::Delivery) -> Delivery {
    let effects::Delivery { connector, event, id, fields, by, within } = from;
    Delivery { connector, event, id, fields, by, within }
}

/// Watches the drop folders of the plan in force until told to stop.
pub(super) async fn watch_folders(effects: Arc<Effects>, handle: Handle, stop: watch::Receiver<bool>) {
    let plans = handle.plans();
    let deliver = move |found: Item| {
        let handle = handle.clone();
        async move {
            match found {
                Item::Mail(mail) => take(&handle, delivery(mail)).await,
                Item::Bad(bad) => set_aside(&handle, bad).await,
            }
        }
    };
    effects.watch(plans, deliver, stop).await;
}

async fn take(handle: &Handle, mail: Delivery) -> Result<(), Refused> {
    let taken = match handle.intake(mail.clone()).await {
        // Some programs write one Message-ID into every mail: another mail under it is another message.
        Err(runtime::Error::Conflict { .. }) => handle.intake(renamed(mail)).await,
        taken => taken,
    };
    let taken = taken.map_err(refused)?;
    for run in &taken.runs {
        tracing::info!(run = run.run, created = run.created, "mail taken in");
    }
    // Open is recorded too: the mail may leave its folder, and its delivery waits where the operator sees it.
    if let Some(delivery) = taken.open {
        tracing::warn!(delivery, why = taken.why, "a mail starts nothing yet");
    }
    Ok(())
}

/// What cannot be read is shown among the open deliveries, beside the reason that lies with its file.
async fn set_aside(handle: &Handle, bad: Unread) -> Result<(), Refused> {
    let Unread { connector, event, id, by, content, reason } = bad;
    handle.set_aside(SetAside { connector, event, id, by, content, reason }).await.map(drop).map_err(refused)
}

/// The same mail under an id that is made from its content too.
fn renamed(mail: Delivery) -> Delivery {
    let digest = blake3::hash(mail.fields.to_string().as_bytes()).to_hex();
    let id = format!("{}+{}", mail.id, &digest[..12]);
    let mut fields = mail.fields;
    fields["message_id"] = id.clone().into();
    Delivery { id, fields, ..mail }
}

/// A mail that was not recorded for want of a store stays where it is.
fn refused(error: runtime::Error) -> Refused {
    match error {
        runtime::Error::Unavailable { .. }
        | runtime::Error::Journal(JournalError::Disk(_) | JournalError::Busy) => {
            Refused::Later(error.to_string())
        }
        other => Refused::Never(other.to_string()),
    }
}

/// Returns what tells of drop folders that cannot be used, and of items that are in the way.
pub(super) fn conditions(effects: Arc<Effects>) -> Conditions {
    Arc::new(move || {
        let wrong = |(id, standing): (&String, &DropStanding)| {
            let (reason, message) = trouble(standing)?;
            Some(ConditionView {
                resource: format!("connector/{id}"),
                condition: "Ready".to_owned(),
                holds: false,
                reason: reason.to_owned(),
                message,
                revision: None,
            })
        };
        effects.drop_folders().iter().filter_map(wrong).collect()
    })
}

fn trouble(standing: &DropStanding) -> Option<(&'static str, String)> {
    let folder = standing.folder.display();
    if let Some(problem) = &standing.problem {
        return Some(("folder", format!("no mail can be taken from {folder}: {problem}")));
    }
    let (name, reason) = standing.stuck.first_key_value()?;
    let more = match standing.stuck.len() - 1 {
        0 => String::new(),
        more => format!(" ({more} more)"),
    };
    Some(("stuck", format!("\"{name}\" stays in {folder}: {reason}{more}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_in_the_way_is_named() {
        let mut standing = DropStanding { folder: "/in".into(), ..DropStanding::default() };
        assert_eq!(trouble(&standing), None);
        standing.stuck.insert("a.eml".to_owned(), "it is held".to_owned());
        standing.stuck.insert("b.eml".to_owned(), "it is held".to_owned());
        let (word, message) = trouble(&standing).unwrap();
        assert_eq!((word, message.as_str()), ("stuck", "\"a.eml\" stays in /in: it is held (1 more)"));
        standing.problem = Some("permission denied".to_owned());
        assert_eq!(trouble(&standing).unwrap().1, "no mail can be taken from /in: permission denied");
    }

    #[test]
    fn another_mail_under_one_id_gets_its_own() {
        let mail = |text: &str| Delivery {
            connector: "intake".to_owned(),
            event: "message".to_owned(),
            id: "same@x".to_owned(),
            fields: json!({ "message_id": "same@x", "text": text }),
            by: "connector:intake".to_owned(),
            within: None,
        };
        let (one, two) = (renamed(mail("one")), renamed(mail("two")));
        assert!(one.id.starts_with("same@x+") && one.id != two.id);
        assert_eq!(one.fields["message_id"], one.id);
        assert_eq!(one, renamed(mail("one")));
    }
}
