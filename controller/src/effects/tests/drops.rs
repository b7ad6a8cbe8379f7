//! The mail drop: nothing is lost between a file and its durable record, whatever dies in between and whatever lies there.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use adjutant_spec::plan::Connector;
use serde_json::json;

use super::plans::{Room, connector, plan};
use crate::effects::{
    intake::{Item, Refused},
    kinds::mail_drop::DropFolder,
};

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
    file.set_modified(SystemTime::now() - Duration::from_secs(30)).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

/// A store that takes items, or does not.
#[derive(Clone, Default)]
struct Store {
    taken: Arc<Mutex<Vec<Item>>>,
    refusal: Arc<Mutex<Option<Refused>>>,
}

/// An item that is no mail.
#[derive(Debug, PartialEq)]
struct BadItem {
    name: String,
    reason: String,
}

impl Store {
    async fn take(&self, item: Item) -> Result<(), Refused> {
        self.taken.lock().unwrap().push(item);
        self.refusal.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn ids(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        taken
            .iter()
            .filter_map(|one| if let Item::Mail(mail) = one { Some(mail.id.clone()) } else { None })
            .collect()
    }

    /// What was told of items that are no mail.
    fn told(&self) -> Vec<BadItem> {
        let taken = self.taken.lock().unwrap();
        let told = taken.iter().filter_map(|one| match one {
            Item::Bad(bad) => Some(BadItem {
                name: bad.content["name"].as_str().unwrap().to_owned(),
                reason: bad.reason.clone(),
            }),
            Item::Mail(_) => None,
        });
        told.collect()
    }
}

/// One folder, one store, and a process that looks at them.
struct Desk {
    folder: tempfile::TempDir,
    drop: DropFolder,
    store: Store,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let drop = DropFolder::new(folder.path().to_owned(), true);
        Self { folder, drop, store: Store::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn names(&self, folder: &str) -> Vec<String> {
        names(&self.path(folder))
    }

    async fn pass(&mut self) -> Duration {
        let deliver = |item: Item| {
            let store = self.store.clone();
            async move { store.take(item).await }
        };
        self.drop.pass(&intake_connector(self.folder.path()), &deliver).await.unwrap()
    }

    /// The process is started again.
    fn restart(&mut self) {
        self.drop = DropFolder::new(self.folder.path().to_owned(), true);
    }
}

#[tokio::test]
async fn a_mail_is_delivered_and_then_moved() {
    let mut desk = Desk::new();
    put(&desk.path("1.eml"), &mail("one"));
    put(&desk.path("new/two"), &mail("two"));
    put(&desk.path("notes.txt"), "no mail");
    desk.pass().await;
    assert_eq!(desk.store.ids(), ["one@client.example", "two@client.example"]);
    let Item::Mail(first) = desk.store.taken.lock().unwrap()[0].clone() else { panic!("no mail") };
    assert_eq!(first.fields["subject"], "Website");
    assert_eq!(desk.names("done"), ["1.eml", "two"]);
    assert_eq!(desk.names(""), ["done", "new", "notes.txt"]);
}

#[tokio::test]
async fn a_store_that_is_away_leaves_the_mail_where_it_is() {
    let mut desk = Desk::new();
    put(&desk.path("1.eml"), &mail("one"));
    put(&desk.path("bad.eml"), "no mail\n");
    *desk.store.refusal.lock().unwrap() = Some(Refused::Later("the disk is full".into()));
    assert!(desk.pass().await <= Duration::from_secs(2));
    assert_eq!(desk.names(""), ["1.eml", "bad.eml"]);
    *desk.store.refusal.lock().unwrap() = None;
    desk.restart();
    desk.pass().await;
    assert_eq!((desk.names("done"), desk.names("failed").len()), (vec!["1.eml".to_owned()], 2));
}

/// The process dies between the durable record and the move: what is left is the file, and a store that has it.
#[tokio::test]
async fn a_crash_before_the_move_repeats_the_delivery_under_the_same_id() {
    let mut desk = Desk::new();
    put(&desk.path("1.eml"), &mail("one"));
    let store = desk.store.clone();
    let taking = store.clone();
    let deliver = |item: Item| {
        let store = taking.clone();
        async move {
            store.take(item).await?;
            std::future::pending().await
        }
    };
    let connector = intake_connector(desk.folder.path());
    tokio::select! {
        _ = desk.drop.pass(&connector, &deliver) => panic!("it did not die"),
        () = async { while store.ids().is_empty() { tokio::task::yield_now().await } } => {}
    }
    assert_eq!(desk.names(""), ["1.eml"]);
    desk.restart();
    desk.pass().await;
    assert_eq!(desk.store.ids(), ["one@client.example", "one@client.example"]);
    assert!(desk.store.told().is_empty());
}

#[tokio::test]
async fn what_is_no_mail_is_told_and_goes_aside_with_the_reason() {
    let mut desk = Desk::new();
    put(&desk.path("bad.eml"), "Subject: nobody\r\n\r\ntext\r\n");
    put(&desk.path("failed/bad.eml"), "an older one");
    desk.pass().await;
    assert!(desk.store.ids().is_empty());
    assert_eq!(
        desk.store.told(),
        [BadItem { name: "bad.eml".to_owned(), reason: "it has no `From` address".to_owned() }]
    );
    assert_eq!(desk.names("failed"), ["1-bad.eml", "1-bad.eml.reason.txt", "bad.eml"]);
    let reason = fs::read_to_string(desk.path("failed/1-bad.eml.reason.txt")).unwrap();
    assert_eq!(reason, "This mail was not taken: it has no `From` address.\n");
    assert_eq!(fs::read_to_string(desk.path("failed/bad.eml")).unwrap(), "an older one");
}

#[tokio::test]
async fn a_file_that_is_still_written_is_left_alone() {
    let mut desk = Desk::new();
    let whole = mail("one");
    for end in [30, whole.len() - 1, whole.len()] {
        fs::write(desk.path("1.eml"), &whole[..end]).unwrap();
        assert!(desk.pass().await <= Duration::from_secs(10));
        assert!(desk.store.ids().is_empty() && desk.store.told().is_empty(), "{end}");
    }
}

/// Each lies before a good mail in the order of the names, and none may keep it from being taken.
#[tokio::test]
async fn no_item_keeps_another_from_being_taken() {
    let mut desk = Desk::new();
    let outside = tempfile::tempdir().unwrap();
    put(&outside.path().join("other.eml"), &mail("secret"));
    symlink(outside.path().join("other.eml"), desk.path("a-link.eml")).unwrap();
    symlink(desk.path("z.eml"), desk.path("b-link.eml")).unwrap();
    symlink("/nowhere", desk.path("c-link.eml")).unwrap();
    fs::create_dir(desk.path("d-folder.eml")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        desk.path("e-pipe.eml"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let long = format!("f{}.eml", "x".repeat(249));
    put(&desk.path("done").join(&long[..200]), "in the way");
    put(&desk.path(&long), &mail("long"));
    put(&desk.path("g.eml"), &mail("one"));
    put(&desk.path("z.eml"), &mail("two"));
    fs::create_dir(desk.path("done/g.eml")).unwrap();
    desk.pass().await;
    assert_eq!(desk.store.ids(), ["long@client.example", "one@client.example", "two@client.example"]);
    let told: Vec<String> = desk.store.told().into_iter().map(|bad| bad.reason).collect();
    let link = "it is a link, not a mail";
    assert_eq!(told, [link, link, link, "it is a folder, not a mail", "it is a pipe, not a mail"]);
    assert_eq!(desk.names(""), ["done", "failed"]);
    put(&desk.path(&long), &mail("long again"));
    desk.pass().await;
    assert_eq!(desk.names(""), ["done", "failed"]);
    assert!(outside.path().join("other.eml").exists());
}

/// What cannot be moved was recorded all the same: it is not delivered again with every look, and it is named.
#[tokio::test]
async fn what_cannot_be_moved_stays_and_the_others_go_on() {
    let mut desk = Desk::new();
    put(&desk.path("done"), "a file where the folder should be");
    put(&desk.path("1.eml"), &mail("one"));
    put(&desk.path("2.eml"), "no mail\n");
    for _ in 0..3 {
        desk.pass().await;
    }
    assert_eq!(desk.store.ids(), ["one@client.example"]);
    assert_eq!(desk.store.told().len(), 1);
    assert_eq!(desk.names(""), ["1.eml", "done", "failed"]);
}

#[tokio::test]
async fn a_mail_that_ended_the_process_is_not_read_a_second_time() {
    for (file, marked) in [("1.eml", "1.eml"), ("new/1.host", "new/1.host")] {
        let mut desk = Desk::new();
        put(&desk.path(file), &mail("killer"));
        put(&desk.path("2.eml"), &mail("two"));
        fs::write(desk.path(".adjutant-reading"), marked).unwrap();
        desk.pass().await;
        assert_eq!(desk.store.ids(), ["two@client.example"]);
        assert!(desk.store.told()[0].reason.starts_with("the program ended while it was reading it"));
        assert_eq!(desk.names("failed").len(), 2);
        assert!(!desk.path(".adjutant-reading").exists());
    }
    // A mark of a mail that is not there any more is of no use.
    let mut desk = Desk::new();
    put(&desk.path("2.eml"), &mail("two"));
    fs::write(desk.path(".adjutant-reading"), "1.eml").unwrap();
    desk.pass().await;
    assert_eq!((desk.store.ids().len(), desk.store.told().len()), (1, 0));
}

/// Nesting without end, in one mail each; a run of the process takes them all and reads the good one behind them.
#[tokio::test]
async fn bombs_go_aside_and_the_mail_behind_them_comes_in() {
    let mut desk = Desk::new();
    let head = "From: a@x.example\r\n";
    let message = "Content-Type: message/rfc822\r\n\r\n".repeat(35_000);
    let parts: String = (0..2_000)
        .map(|at| format!("Content-Type: multipart/mixed; boundary=b{at}\r\n\r\n--b{at}\r\n"))
        .collect();
    let fields = "X-A: b\r\n".repeat(50_000);
    let many =
        format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "--b\r\n\r\nx\r\n".repeat(20_000));
    for (name, body) in [("a", message), ("b", parts), ("c", fields), ("d", many)] {
        put(&desk.path(&format!("{name}.eml")), &format!("{head}{body}\r\n"));
    }
    put(&desk.path("z.eml"), &mail("good"));
    desk.pass().await;
    assert_eq!(desk.store.ids(), ["good@client.example"]);
    assert_eq!(desk.store.told().len(), 4);
    assert_eq!(desk.names(""), ["done", "failed"]);
}

/// The second file is taken away while the first is delivered: whoever had read both at once would deliver it all the same.
#[tokio::test]
async fn one_mail_is_in_memory_at_a_time() {
    let mut desk = Desk::new();
    put(&desk.path("1.eml"), &mail("one"));
    put(&desk.path("2.eml"), &mail("two"));
    let (store, second) = (desk.store.clone(), desk.path("2.eml"));
    let deliver = |item: Item| {
        let (store, second) = (store.clone(), second.clone());
        async move {
            fs::remove_file(second).unwrap();
            store.take(item).await
        }
    };
    desk.drop.pass(&intake_connector(desk.folder.path()), &deliver).await.unwrap();
    assert_eq!(desk.store.ids(), ["one@client.example"]);
}

#[tokio::test]
async fn what_grows_after_it_was_taken_is_told() {
    let mut desk = Desk::new();
    put(&desk.path("1.eml"), &mail("one"));
    let (store, file) = (desk.store.clone(), desk.path("1.eml"));
    let deliver = |item: Item| {
        let (store, file) = (store.clone(), file.clone());
        async move {
            if matches!(item, Item::Mail(_)) {
                fs::write(file, mail("one") + "and the rest\r\n").unwrap();
            }
            store.take(item).await
        }
    };
    desk.drop.pass(&intake_connector(desk.folder.path()), &deliver).await.unwrap();
    assert!(
        desk.store.told()[0].reason.starts_with("it grew after it was taken as"),
        "{:?}",
        desk.store.told()
    );
    assert_eq!((desk.names("done"), desk.names("failed").len()), (vec![], 2));
}

#[tokio::test]
async fn a_mail_larger_than_the_connector_takes_is_told_unread() {
    let mut desk = Desk::new();
    put(&desk.path("1.eml"), &mail("one"));
    let mut connector = intake_connector(desk.folder.path());
    connector.settings.insert("max_body".into(), json!(64));
    let store = desk.store.clone();
    let deliver = |item: Item| {
        let store = store.clone();
        async move { store.take(item).await }
    };
    desk.drop.pass(&connector, &deliver).await.unwrap();
    assert!(desk.store.told()[0].reason.contains("more than the 64 of `max_body`"));
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_said_and_not_made_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut drop = DropFolder::new(folder.path().join("disk/mails"), false);
    let deliver = |_: Item| async { Ok(()) };
    let connector = intake_connector(folder.path());
    drop.pass(&connector, &deliver).await.unwrap_err();
    assert!(names(folder.path()).is_empty());
    fs::create_dir(folder.path().join("disk")).unwrap();
    drop.pass(&connector, &deliver).await.unwrap();
    assert_eq!(names(folder.path()), ["disk"]);
}

#[tokio::test]
async fn mails_that_are_dropped_while_watching_come_in() {
    let folder = tempfile::tempdir().unwrap();
    let drop_folder: PathBuf = folder.path().join("intake");
    let room = Room::new(plan([intake_connector(&drop_folder)]), &[]);
    let (sender, mut items) = tokio::sync::mpsc::unbounded_channel();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let effects = Arc::clone(&room.effects);
    let deliver = move |item: Item| {
        let sender = sender.clone();
        async move { sender.send(item).map_err(|_| Refused::Later("gone".into())) }
    };
    let watching = tokio::spawn(effects.watch(room.plans(), deliver, stopped));
    while !drop_folder.is_dir() {
        tokio::task::yield_now().await;
    }
    let next = async |items: &mut tokio::sync::mpsc::UnboundedReceiver<Item>| match tokio::time::timeout(
        Duration::from_secs(60),
        items.recv(),
    )
    .await
    .unwrap()
    .unwrap()
    {
        Item::Mail(mail) => mail.id,
        Item::Bad(bad) => bad.reason,
    };
    // Written in place, renamed into it, and into a `new/` that comes later.
    fs::write(drop_folder.join("1.eml"), mail("one")).unwrap();
    assert_eq!(next(&mut items).await, "one@client.example");
    fs::write(drop_folder.join(".2"), mail("two")).unwrap();
    fs::rename(drop_folder.join(".2"), drop_folder.join("2.eml")).unwrap();
    assert_eq!(next(&mut items).await, "two@client.example");
    put(&folder.path().join("3"), &mail("three"));
    fs::create_dir(drop_folder.join("new")).unwrap();
    fs::rename(folder.path().join("3"), drop_folder.join("new/3")).unwrap();
    assert_eq!(next(&mut items).await, "three@client.example");
    // Half of a mail, held open: what is dropped beside it is taken, and it is not until its other half is there.
    let whole = mail("four");
    let mut writer = fs::File::create(drop_folder.join("4.eml")).unwrap();
    std::io::Write::write_all(&mut writer, &whole.as_bytes()[..80]).unwrap();
    fs::write(drop_folder.join(".5"), mail("five")).unwrap();
    fs::rename(drop_folder.join(".5"), drop_folder.join("5.eml")).unwrap();
    assert_eq!(next(&mut items).await, "five@client.example");
    std::io::Write::write_all(&mut writer, &whole.as_bytes()[80..]).unwrap();
    drop(writer);
    assert_eq!(next(&mut items).await, "four@client.example");
    stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(20), watching).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_folder_that_is_refused_is_told_until_it_is_mended() {
    let odd = ["out", "dangling", "file", "kept"];
    let room = Room::new(plan(odd.map(|id| connector(id, "mail_drop", id))), &[]);
    let files = room.folder.path().join("files");
    fs::create_dir_all(room.folder.path().join("elsewhere")).unwrap();
    fs::create_dir_all(&files).unwrap();
    symlink(room.folder.path().join("elsewhere"), files.join("out")).unwrap();
    symlink(room.folder.path().join("nowhere"), files.join("dangling")).unwrap();
    fs::write(files.join("file"), "no folder").unwrap();
    symlink(room.folder.path().join("key.txt"), files.join("kept")).unwrap();
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let deliver = |_: Item| async { Ok(()) };
    tokio::spawn(Arc::clone(&room.effects).watch(room.plans(), deliver, stopped));
    // Any change of the plan has the folders looked at again, as time does.
    let until = async |wrong: usize| {
        let stand = async {
            loop {
                let all = room.effects.drop_folders();
                let is_wrong = |id: &&&str| all.get(**id).is_some_and(|found| found.problem.is_some());
                if all.len() == odd.len() && odd.iter().filter(is_wrong).count() == wrong {
                    return all;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), stand).await.unwrap()
    };
    let all = until(odd.len()).await;
    assert!(all["out"].problem.as_ref().unwrap().contains("a link leads out"), "{all:?}");
    assert!(all.iter().all(|(id, found)| found.folder.ends_with(id)), "{all:?}");
    for (mended, id) in odd.iter().enumerate() {
        fs::remove_file(files.join(id)).unwrap();
        room.edit(|_| {});
        let all = until(odd.len() - mended - 1).await;
        assert_eq!(all[*id].problem, None, "{all:?}");
    }
    // A connector that is gone takes what was told of its folder with it.
    // The watch makes a folder that is missing: it may be there again before the link is.
    while symlink(room.folder.path().join("elsewhere"), files.join("out")).is_err() {
        fs::remove_dir_all(files.join("out")).unwrap();
    }
    room.edit(|_| {});
    until(1).await;
    room.edit(|plan| drop(plan.connectors.remove("out")));
    while room.effects.drop_folders().contains_key("out") {
        tokio::task::yield_now().await;
    }
}
