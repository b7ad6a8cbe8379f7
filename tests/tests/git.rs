//! Proposals and places through the real binary, as an operator types them.

use std::{fs, os::unix::fs::PermissionsExt as _};

use adjutant_tests::{Daemon, Office, Ran, World};
use serde_json::Value;

/// A company that takes pushes, with its daemon; on a branch with one change that `main` has not.
async fn branched() -> Office {
    let world = World::new();
    let _ = world.adjutant(&["init", "co"]).ok();
    let daemon = Daemon::takes_pushes(&world);
    daemon.api.until("status", |status| status["ready"] == true).await;
    world.git("co", &["checkout", "-q", "-b", "words"]);
    change(&world, "Hello", "Good day");
    Office { world, daemon }
}

/// Changes the template, and commits that with a message of two parts.
fn change(world: &World, from: &str, to: &str) {
    let text = world.read("co/templates/hello.md");
    assert!(text.contains(from), "{text}");
    world.write("co/templates/hello.md", &text.replace(from, to));
    world.git("co", &["commit", "-qam", &format!("Say {to}"), "-m", "It is warmer."]);
}

async fn new(world: &World, arguments: &[&str]) -> Ran {
    world.asked(&[&["proposals", "new"], arguments].concat()).await
}

async fn shown(world: &World, ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{}", ran.all());
    world.asked(&["proposals", ran.stdout.trim(), "--json"]).await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_is_proposed_with_all_its_commits_and_approved_as_it_was_shown() {
    let Office { world, daemon } = branched().await;
    change(&world, "Good day", "Good morning");
    let opened = new(&world, &["--repo", "co"]).await;
    let proposal = shown(&world, &opened).await;
    assert_eq!(
        (&proposal["title"], &proposal["reason"]),
        (&"Say Good morning".into(), &"It is warmer.".into())
    );
    let diff = proposal["diff"].as_str().expect("a diff");
    assert!(
        diff.contains("-Hello") && diff.contains("+Good morning") && !diff.contains("+Good day"),
        "{diff}"
    );
    let again = new(&world, &["--repo", "co", "--head", "words", "--title", "Mine", "-m", "Because"]).await;
    assert_eq!(again.stdout, opened.stdout, "one open proposal for each topic");
    assert_eq!(shown(&world, &again).await["reason"], "Because");
    let id = opened.stdout.trim().to_owned();
    let told = world.asked(&["proposals", &id, "diff"]).await;
    let command =
        told.stderr.lines().find_map(|line| line.strip_prefix("next: adjutant ")).expect("what to type");
    let words: Vec<&str> = command.split(' ').collect();
    let approved = world.asked(&words).await;
    assert_eq!(approved.code, 0, "{}", approved.all());
    daemon.api.until("status", |status| status["ready"] == true).await;
    assert!(world.git("data/company.git", &["show", "main:templates/hello.md"]).contains("Good morning"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diff_a_mail_and_a_series_of_mails_are_proposed_from_a_file_and_from_stdin() {
    let Office { world, daemon: _daemon } = branched().await;
    world.write("plain.diff", &world.git("co", &["diff", "main", "words"]));
    let untitled = new(&world, &["--patch", "plain.diff"]).await;
    assert!(untitled.code == 1 && untitled.stderr.contains("--title"), "{}", untitled.all());
    let plain = new(&world, &["--patch", "plain.diff", "--title", "Warmer", "--topic", "plain"]).await;
    assert_eq!(shown(&world, &plain).await["title"], "Warmer");

    world.git("co", &["commit", "-q", "--amend", "-m", "Grüße: say Good day", "-m", "It is wärmer."]);
    let mail = world.git("co", &["format-patch", "--stdout", "-1", "words"]);
    let typed = ["proposals", "new", "--patch", "-", "--topic", "mail"];
    let mailed = tokio::task::block_in_place(|| world.adjutant_with(&typed, &mail));
    let proposal = shown(&world, &mailed).await;
    assert_eq!(
        (&proposal["title"], &proposal["reason"]),
        (&"Grüße: say Good day".into(), &"It is wärmer.".into())
    );
    assert!(proposal["diff"].as_str().expect("a diff").contains("+Good day"));

    change(&world, "Good day", "Good morning");
    let series = world.git("co", &["format-patch", "--stdout", "--cover-letter", "main..words"]);
    world.write("series.mbox", &series.replace("*** SUBJECT HERE ***", "Say it better"));
    let proposal = shown(&world, &new(&world, &["--patch", "series.mbox", "--topic", "series"]).await).await;
    assert_eq!(proposal["title"], "Say it better");
    let diff = proposal["diff"].as_str().expect("a diff");
    assert!(diff.contains("+Good morning") && !diff.contains("+Good day"), "{diff}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_proposed_says_why_and_what_to_do() {
    let Office { world, daemon: _daemon } = branched().await;
    let unknown = new(&world, &["--repo", "co", "--head", "nowhere"]).await;
    assert!(unknown.code == 4 && unknown.stderr.contains("\"nowhere\""), "{}", unknown.all());
    let nothing = new(&world, &["--repo", "co", "--head", "main"]).await;
    assert!(nothing.code == 5 && nothing.stderr.contains("has everything"), "{}", nothing.all());
    world.write("co/templates/hello.md", "uncommitted");
    let dirty = new(&world, &["--repo", "co", "--head", "main"]).await;
    assert!(dirty.stderr.contains("commit your changes"), "{}", dirty.all());
    world.write("empty.txt", "just words");
    let words = new(&world, &["--patch", "empty.txt", "--title", "x"]).await;
    assert!(words.code == 1 && words.stderr.contains("no diff in it"), "{}", words.all());
    let unfit = world.git("co", &["diff", "main", "words"]).replace("-Hello", "-Something else");
    world.write("unfit.diff", &unfit);
    let unfit = new(&world, &["--patch", "unfit.diff", "--title", "x"]).await;
    assert!(unfit.code == 1 && unfit.stderr.contains("applies to `main`"), "{}", unfit.all());
    assert_eq!(new(&world, &["--patch", "nowhere.diff"]).await.code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_folder_that_is_followed_a_slice_with_a_live_run_goes_by_the_command_that_status_shows() {
    let world = World::new();
    let _ = world.adjutant(&["init", "co"]).ok();
    let playbook = world.read("co/playbooks/hello.toml");
    world.write(
        "co/playbooks/wait.toml",
        "schema = \"adjutant/v1\"\ntitle = \"Wait\"\ndeadline = \"14d\"\n[trigger]\nkind = \"manual\"\n[[step]]\nid = \"ask\"\n\
         gate = \"Go on?\"\nrisk = \"low\"\nexpires = \"72h\"\non = { denied = \"no\", expired = \"no\" }\nnext = \"done\"\n\
         [[step]]\nid = \"no\"\nend = \"cancelled\"\n[[step]]\nid = \"done\"\nend = \"done\"\n",
    );
    let daemon = Daemon::start(&world, "co", &[]);
    daemon.api.until("status", |status| status["ready"] == true).await;
    assert_eq!(world.asked(&["run", "wait"]).await.code, 0);
    fs::remove_file(world.path("co/playbooks/wait.toml")).expect("removed");
    world.write("co/playbooks/hello.toml", &playbook.replace("title = \"", "title = \"New: "));
    daemon.api.until("status", |status| status["waits"].is_object()).await;
    daemon
        .api
        .until("playbooks", |all| {
            all.as_array().is_some_and(|all| all.iter().any(|one| one["title"].to_string().contains("New: ")))
        })
        .await;
    let told = world.asked(&["status"]).await;
    let token = told.stdout.split("`adjutant plan --confirm ").nth(1).and_then(|rest| rest.split('`').next());
    let token = token.unwrap_or_else(|| panic!("{}", told.all())).to_owned();
    assert!(world.asked(&["plan"]).await.stdout.contains(&format!("adjutant plan --confirm {token}")));
    assert_eq!(world.asked(&["plan", "--confirm", "000000000000"]).await.code, 5);
    let done = world.asked(&["plan", "--confirm", &token]).await;
    assert_eq!(done.code, 0, "{}", done.all());
    let status = daemon.api.until("status", |status| status["ready"] == true).await;
    assert_eq!(status["revision"]["desired"], status["revision"]["applied"], "{status:#}");
}

#[test]
fn a_data_folder_and_a_key_that_were_open_are_closed_with_a_word() {
    let world = World::new();
    let _ = world.adjutant(&["init", "co"]).ok();
    let (data, key) = (world.data(), world.path("config/adjutant/key.txt"));
    fs::create_dir_all(&data).expect("a folder");
    let set = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    };
    let mode = |path: &std::path::Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    set(&data, 0o777);
    set(&key, 0o644);
    let up = world.adjutant(&["up", "--once", "--repo", "co"]);
    assert_eq!(up.code, 0, "{}", up.all());
    assert_eq!(up.stderr.matches("was open to others").count(), 2, "{}", up.all());
    assert_eq!((mode(&data), mode(&key)), (0o700, 0o600));
    set(&key, 0o666);
    let listed = world.adjutant(&["secrets", "list", "--dir", "co"]);
    assert!(listed.stderr.contains("was open to others"), "{}", listed.all());
    fs::create_dir_all(world.path("shared")).expect("a folder");
    set(&world.path("shared"), 0o777);
    let replaceable = world.adjutant(&["up", "--once", "--repo", "co", "--data", "shared/data"]);
    assert!(
        replaceable.code == 3 && replaceable.stderr.contains("everybody may write"),
        "{}",
        replaceable.all()
    );
}
