//! What comes in is never lost without a word: the real binary, its folder and its hook, and what the operator sees and types.

#![expect(clippy::unwrap_used, reason = "a story that breaks off has failed")]

use adjutant_tests::{Agency, Answer, Stage, lead, letter};
use serde_json::Value;

/// Waits until so many deliveries are open.
async fn open(agency: &Agency, count: usize) -> Vec<Value> {
    let lines = agency.daemon.api.until("deliveries", |lines| lines.as_array().unwrap().len() == count).await;
    lines.as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_cannot_be_read_is_shown_and_can_be_dropped() {
    let agency = Agency::open().await;
    let deep = "Content-Type: message/rfc822\r\n\r\nSubject: deeper\r\n".repeat(500);
    let mails = [
        ("nobody.eml", "Subject: hello\r\n\r\nwho am I?\r\n".to_owned(), "From"),
        (
            "deep.eml",
            format!("From: a@client.example\r\nMessage-ID: <deep@client.example>\r\n{deep}"),
            "nested",
        ),
        ("noise.eml", "\u{1}\u{2}\u{3} this is no mail".to_owned(), ""),
    ];
    for (name, mail, _) in &mails {
        agency.stage.world.put(&format!("data/files/intake/{name}"), mail);
    }
    let lines = open(&agency, mails.len()).await;
    assert_eq!(agency.daemon.api.get("status").await["deliveries"], mails.len());
    let status = agency.operator(&["status"]).await;
    assert!(status.ok().contains("3 open"), "{}", status.all());
    let list = agency.operator(&["deliveries"]).await;
    for (name, _, reason) in &mails {
        let of_file =
            |line: &&Value| line["reason"].as_str().unwrap().contains(reason) && line["readable"] == false;
        let line = lines.iter().find(of_file).unwrap_or_else(|| panic!("{name}: {lines:#?}"));
        let id = line["id"].as_str().unwrap();
        assert!(list.ok().contains(id), "{}", list.all());
        let start = agency.operator(&["deliveries", "start", id]).await;
        assert_eq!(start.code, 5, "nothing makes it readable: {}", start.all());
    }
    for line in &lines {
        let id = line["id"].as_str().unwrap();
        let shown = agency.operator(&["deliveries", id]).await;
        assert!(
            mails.iter().any(|(name, ..)| shown.ok().contains(name)),
            "its file is named: {}",
            shown.all()
        );
        let why = agency.operator(&["why", &format!("delivery/{id}")]).await;
        assert!(why.ok().contains("because waits: it cannot be read"), "{}", why.all());
        assert_eq!(agency.operator(&["deliveries", "drop", id, "-m", "noise"]).await.code, 0);
    }
    open(&agency, 0).await;
    let all = agency.operator(&["deliveries", "--all", "--json"]).await.json();
    assert!(all.as_array().unwrap().iter().all(|line| line["state"] == "dropped"), "{all:#}");
    // Others come through all the same.
    agency
        .stage
        .world
        .put("data/files/intake/good.eml", &letter("tom@harbour-books.example", "good@x.example", "Hello."));
    agency.daemon.api.until("runs", |runs| !runs.as_array().unwrap().is_empty()).await;
    assert_eq!(agency.operator(&["audit", "verify", "--json"]).await.json()["ok"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_playbook_takes_waits_and_starts_once_one_can() {
    let stage = Stage::agency().await;
    // The form's playbook begins with something else, for now.
    let form = stage.world.read("co/connectors/website.toml");
    stage.world.write("co/connectors/phone.toml", &form.replace("lead = {", "call = {"));
    let (lead_event, call) =
        ("connector = \"website\"\nevent = \"lead\"", "connector = \"phone\"\nevent = \"call\"");
    stage.replace("playbooks/inbound.toml", lead_event, call);
    let agency = Agency::on(stage).await;
    let Answer { status, body: told } = agency.told("msg_1", &lead()).await;
    assert_eq!((status, told["runs"].as_array().unwrap().len()), (202, 0), "{told}");
    let waiting = open(&agency, 1).await;
    assert_eq!(told["open"], waiting[0]["id"]);
    assert!(waiting[0]["reason"].as_str().unwrap().contains("no playbook"), "{waiting:?}");
    let Answer { status, body: again } = agency.told("msg_1", &lead()).await;
    assert_eq!((status, &again["open"]), (202, &told["open"]), "the same again is the same one");

    agency.stage.replace("playbooks/inbound.toml", call, lead_event);
    open(&agency, 0).await;
    let runs = agency.daemon.api.get("runs").await;
    assert_eq!(runs.as_array().unwrap().len(), 1, "{runs:#}");
    let Answer { status, body: known } = agency.told("msg_1", &lead()).await;
    assert_eq!((status, &known["duplicate"]), (200, &Value::Bool(true)), "{known}");
    assert_eq!(known["runs"][0], runs[0]["id"], "{runs:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_folder_that_is_refused_is_told_everywhere_until_it_is_mended() {
    let stage = Stage::agency().await;
    let (files, elsewhere) = (stage.world.path("data/files"), stage.world.path("elsewhere"));
    std::fs::create_dir_all(&elsewhere).unwrap();
    std::fs::create_dir_all(&files).unwrap();
    std::os::unix::fs::symlink(&elsewhere, files.join("intake")).unwrap();
    let agency = Agency::on(stage).await;
    let is_told = |status: &Value| {
        let conditions = status["conditions"].as_array().unwrap();
        conditions.iter().any(|found| {
            found["resource"] == "connector/intake"
                && found["holds"] == false
                && found["message"].as_str().unwrap().contains("a link leads out")
        })
    };
    drop(agency.daemon.api.until("status", is_told).await);
    let status = agency.operator(&["status"]).await;
    assert!(status.ok().contains("connector/intake Ready: no mail can be taken"), "{}", status.all());
    let link = agency.operator(&["login"]).await;
    let http = adjutant_tests::desk::client();
    let login = http.post(link.ok().trim()).send().await.unwrap();
    let cookie = login.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let today = async || {
        let page = http.get(&agency.daemon.url).header("cookie", &cookie).send().await.unwrap();
        page.text().await.unwrap()
    };
    assert!(today().await.contains("a link leads out"));

    std::fs::remove_file(files.join("intake")).unwrap();
    drop(agency.daemon.api.until("status", |status| !is_told(status)).await);
    assert!(!today().await.contains("a link leads out"));
    let mail = letter("tom@harbour-books.example", "good@x.example", "Hello.");
    agency.stage.world.put("data/files/intake/good.eml", &mail);
    agency.daemon.api.until("runs", |runs| !runs.as_array().unwrap().is_empty()).await;
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0, "nothing was ever touched there");
}
