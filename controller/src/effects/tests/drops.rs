//! The mail drop: nothing is lost between a file and its durable record, whatever dies in between.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use adjutant_spec::plan::Connector;
use serde_json::json;

use super::plans::{Room, connector, plan};
use crate::effects::intake::{self, Delivery, Refused};

fn intake_connector(folder: &Path) -> Connector {
    let mut intake = connector("intake", "mail_drop", &folder.display().to_string());
    intake
        .events
        .insert("message".into(), json!({ "type": "object", "required": ["message_id", "from", "text"] }));
    intake
}

fn mail(id: &str) -> String {
    format!(
        "From: Ana <ana@client.example>\r\nMessage-ID: <{id}@client.example>\r\nSubject: Website\r\n\r\nA quote, please.\r\n"
    )
}

/// Puts a file that is whole: old enough to be no longer written.
fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(10)).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

/// A store that takes deliveries, or does not.
#[derive(Clone, Default)]
struct Store {
    taken: Arc<Mutex<Vec<Delivery>>>,
    refusal: Arc<Mutex<Option<Refused>>>,
}

impl Store {
    async fn take(&self, delivery: Delivery) -> Result<(), Refused> {
        self.taken.lock().unwrap().push(delivery);
        self.refusal.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn ids(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().map(|one| one.id.clone()).collect()
    }
}

async fn pass(folder: &Path, store: &Store) -> bool {
    let deliver = |delivery: Delivery| {
        let store = store.clone();
        async move { store.take(delivery).await }
    };
    intake::pass(&intake_connector(folder), folder, &deliver).await.unwrap()
}

#[tokio::test]
async fn a_mail_is_delivered_and_then_moved() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("1.eml"), &mail("one"));
    put(&folder.path().join("new/two"), &mail("two"));
    put(&folder.path().join("notes.txt"), "no mail");
    let store = Store::default();
    assert!(pass(folder.path(), &store).await);
    assert_eq!(store.ids(), ["one@client.example", "two@client.example"]);
    assert_eq!(store.taken.lock().unwrap()[0].fields["subject"], "Website");
    assert_eq!(names(&folder.path().join("done")), ["1.eml", "two"]);
    assert_eq!(names(folder.path()), ["done", "new", "notes.txt"]);
}

#[tokio::test]
async fn a_store_that_is_away_leaves_the_mail_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("1.eml"), &mail("one"));
    let store = Store::default();
    *store.refusal.lock().unwrap() = Some(Refused::Later("the disk is full".into()));
    assert!(!pass(folder.path(), &store).await);
    assert_eq!(names(folder.path()), ["1.eml"]);
    *store.refusal.lock().unwrap() = None;
    assert!(pass(folder.path(), &store).await);
    assert_eq!(names(&folder.path().join("done")), ["1.eml"]);
}

/// The process dies between the durable record and the move: what is left is the file, and a store that has it.
#[tokio::test]
async fn a_crash_before_the_move_repeats_the_delivery_under_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("1.eml"), &mail("one"));
    let store = Store::default();
    let taking = store.clone();
    let deliver = |delivery: Delivery| {
        let store = taking.clone();
        async move {
            store.take(delivery).await?;
            std::future::pending().await
        }
    };
    let connector = intake_connector(folder.path());
    tokio::select! {
        _ = intake::pass(&connector, folder.path(), &deliver) => panic!("it did not die"),
        () = async { while store.ids().is_empty() { tokio::task::yield_now().await } } => {}
    }
    assert_eq!(names(folder.path()), ["1.eml"]);
    assert!(pass(folder.path(), &store).await);
    assert_eq!(store.ids(), ["one@client.example", "one@client.example"]);
}

#[tokio::test]
async fn what_is_no_mail_goes_aside_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("bad.eml"), "Subject: nobody\r\n\r\ntext");
    put(&folder.path().join("failed/bad.eml"), "an older one");
    let store = Store::default();
    assert!(pass(folder.path(), &store).await);
    assert!(store.ids().is_empty());
    let failed = folder.path().join("failed");
    assert_eq!(names(&failed), ["1-bad.eml", "1-bad.eml.reason.txt", "bad.eml"]);
    let reason = fs::read_to_string(failed.join("1-bad.eml.reason.txt")).unwrap();
    assert_eq!(reason, "This mail was not taken: it has no `From` address.\n");
    assert_eq!(fs::read_to_string(failed.join("bad.eml")).unwrap(), "an older one");
}

#[tokio::test]
async fn a_file_that_is_still_written_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("1.eml"), &mail("one")[..30]).unwrap();
    let store = Store::default();
    assert!(!pass(folder.path(), &store).await);
    assert!(store.ids().is_empty());
}

#[tokio::test]
async fn a_mail_that_is_dropped_while_watching_comes_in() {
    let folder = tempfile::tempdir().unwrap();
    let drop_folder: PathBuf = folder.path().join("intake");
    let room = Room::new(plan([intake_connector(&drop_folder)]), &[]);
    let (sender, mut deliveries) = tokio::sync::mpsc::unbounded_channel();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let effects = Arc::clone(&room.effects);
    let deliver = move |delivery: Delivery| {
        let sender = sender.clone();
        async move { sender.send(delivery).map_err(|_| Refused::Later("gone".into())) }
    };
    let watching = tokio::spawn(intake::watch(effects, deliver, stopped));
    while !drop_folder.is_dir() {
        tokio::task::yield_now().await;
    }
    fs::write(drop_folder.join("1.eml"), mail("one")).unwrap();
    let delivery = tokio::time::timeout(Duration::from_secs(20), deliveries.recv()).await.unwrap().unwrap();
    assert_eq!(delivery.id, "one@client.example");
    stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(20), watching).await.unwrap().unwrap();
}
