//! Real pushes into the company's repository. The hooks hand over to this test program, as they do to the binary.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::PermissionsExt,
};

use super::world::{Ran, World, run_git};
use crate::source::{
    Company, Destination, Dialogue, Git, HookSetup, Limits, RefReport, Verdict, parse_updates,
};

/// A file with this text in a push is what the hook of these tests refuses.
const REFUSED: &[u8] = b"broken";

/// Installs hooks that call this program, which then plays the hook in `hook_child`.
fn company_with_hooks(world: &World) -> Company {
    let company = world.company();
    let program = std::env::current_exe().expect("this program");
    let relay = world.root().join("relay");
    // Standard output is the protocol of `proc-receive`, and the test runner writes to it too.
    let test = module_path!().split_once("::").expect("a module of a crate").1;
    let call = format!("exec '{}' --exact {test}::hook_child --ignored --nocapture", program.display());
    fs::write(&relay, format!("#!/bin/sh\nHOOK=$2 export HOOK\n{call} 3>&1 1>/dev/null\n"))
        .expect("a script");
    fs::set_permissions(&relay, fs::Permissions::from_mode(0o755)).expect("executable");
    company.install_hooks(&HookSetup { binary: relay, data: world.data() }).expect("hooks");
    company
}

#[test]
#[ignore = "plays the hook inside a push of the other tests"]
fn hook_child() {
    let Ok(hook) = std::env::var("HOOK") else { return };
    let is_fine = match hook.as_str() {
        "pre-receive" => pre_receive(),
        "proc-receive" => proc_receive(),
        _ => post_receive(),
    };
    assert!(is_fine, "the hook refuses");
}

fn tell(text: &str) {
    use std::io::Write;
    writeln!(std::io::stderr(), "{text}").expect("the pusher listens");
}

fn stdin() -> String {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).expect("git writes text");
    text
}

fn pre_receive() -> bool {
    parse_updates(&stdin()).expect("lines of git").iter().all(|update| match update.destination() {
        Err(refusal) => {
            tell(&refusal.to_string());
            false
        }
        Ok(Destination::Main { commit } | Destination::Proposal { commit, .. }) => {
            let data = std::env::var_os("ADJUTANT_DATA").expect("the script names it");
            let company = Company::open(data.as_ref(), Git::default(), Limits::default()).expect("opened");
            let quarantine = std::env::var_os("GIT_QUARANTINE_PATH").expect("git names it");
            let company = company.within(quarantine.as_ref()).expect("a quarantine of this repository");
            let pushed = company.read_commit(&commit).expect("readable");
            tell(&format!("read {} files of \"{}\"", pushed.files.len(), pushed.revision.title));
            pushed.files.iter().all(|(_, bytes)| **bytes != *REFUSED)
        }
        Ok(Destination::Tag) => true,
    })
}

fn proc_receive() -> bool {
    let mut output = File::options().write(true).open("/dev/fd/3").expect("the protocol's pipe");
    let dialogue = Dialogue::receive(&mut std::io::stdin(), &mut output).expect("a dialogue");
    let data = std::env::var_os("ADJUTANT_DATA").expect("the script names it");
    let company = Company::open(data.as_ref(), Git::default(), Limits::default()).expect("opened");
    let name = format!("refs/adjutant/proposals/{}", dialogue.topic());
    let answer = |update: &crate::source::RefUpdate| {
        let head = update.new.clone().expect("a proposal has a head");
        let old = company.reference(&name).expect("read");
        let moved = company.move_reference(&name, old.as_deref(), Some(&head));
        let verdict = match moved {
            Ok(()) if dialogue.topic() != "closed" => {
                Verdict::Taken { reference: name.clone(), old, new: head }
            }
            _ => Verdict::Refused("the topic is closed".to_owned()),
        };
        RefReport { reference: update.name.clone(), verdict }
    };
    let answers: Vec<RefReport> = dialogue.updates.iter().map(answer).collect();
    RefReport::send(&answers, &mut output).is_ok()
}

fn post_receive() -> bool {
    let data = std::env::var_os("ADJUTANT_DATA").expect("the script names it");
    fs::write(std::path::Path::new(&data).join("woken"), stdin()).is_ok()
}

fn push(world: &World, company: &Company, arguments: &[&str]) -> Ran {
    let path = company.path().display().to_string();
    world.try_git(&[&["push", path.as_str()], arguments].concat())
}

#[test]
fn a_push_is_read_in_quarantine_before_it_is_taken() {
    let world = World::committed();
    let company = company_with_hooks(&world);
    let Ran { is_done: is_taken, text } = push(&world, &company, &["HEAD:main"]);
    assert!(is_taken, "{text}");
    assert!(text.contains("read 1 files of \"first\""), "{text}");
    assert_eq!(company.main().expect("read"), Some(world.head()));
    let woken = fs::read_to_string(world.data().join("woken")).expect("post-receive ran");
    assert!(woken.contains(&world.head()));
}

#[test]
fn a_refused_push_changes_nothing() {
    let world = World::committed();
    let company = company_with_hooks(&world);
    push(&world, &company, &["HEAD:main"]);
    let before = company.main().expect("read");
    world.write("playbooks/lead.toml", REFUSED);
    let refused = world.commit("broken");
    let Ran { is_done: is_taken, text } = push(&world, &company, &["HEAD:main"]);
    assert!(!is_taken && text.contains("pre-receive hook declined"), "{text}");
    assert_eq!(company.main().expect("read"), before);
    assert!(company.read_commit(&refused).is_err(), "the quarantine is thrown away");
}

#[test]
fn another_branch_is_refused_with_what_to_type() {
    let world = World::committed();
    let company = company_with_hooks(&world);
    let Ran { is_done: is_taken, text } = push(&world, &company, &["HEAD:topic"]);
    assert!(!is_taken && text.contains("refs/for/main"), "{text}");
}

#[test]
fn a_push_for_main_becomes_a_proposal_and_a_second_one_replaces_its_head() {
    let world = World::committed();
    let company = company_with_hooks(&world);
    push(&world, &company, &["HEAD:main"]);
    let main = company.main().expect("read");
    for text in ["one", "two"] {
        world.write("prompts/a.md", text);
        let head = world.commit(text);
        let Ran { is_done: is_taken, text } =
            push(&world, &company, &["-o", "topic=prices", "HEAD:refs/for/main"]);
        assert!(is_taken, "{text}");
        let kept = company.reference("refs/adjutant/proposals/prices").expect("read");
        assert_eq!(kept, Some(head));
    }
    assert_eq!(company.main().expect("read"), main);
    assert_eq!(company.reference("refs/for/main").expect("read"), None);
}

#[test]
fn a_refused_proposal_tells_its_reason() {
    let world = World::committed();
    let company = company_with_hooks(&world);
    push(&world, &company, &["HEAD:main"]);
    world.commit("late");
    let Ran { is_done: is_taken, text } = push(&world, &company, &["-o", "closed", "HEAD:refs/for/main"]);
    assert!(!is_taken && text.contains("the topic is closed"), "{text}");
}

#[test]
fn hooks_of_the_pushers_own_configuration_do_not_replace_ours() {
    let world = World::committed();
    let company = company_with_hooks(&world);
    world.write("playbooks/lead.toml", REFUSED);
    world.commit("broken");
    let home = world.root().join("home");
    fs::create_dir_all(&home).expect("a home");
    let config = home.join("config");
    fs::write(&config, "[core]\n\thooksPath = /nonexistent\n").expect("a configuration");
    let output = std::process::Command::new("git")
        .arg("push")
        .arg(company.path())
        .arg("HEAD:main")
        .current_dir(world.folder())
        .env("GIT_CONFIG_GLOBAL", &config)
        .output()
        .expect("git is installed");
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn of_two_pushes_at_once_one_wins_and_the_other_is_told() {
    let world = World::committed();
    let company = company_with_hooks(&world);
    push(&world, &company, &["HEAD:main"]);
    let path = company.path().display().to_string();
    let clone = |name: &str| {
        let folder = world.root().join(name);
        let target = folder.display().to_string();
        run_git(world.root(), &["clone", "--quiet", &path, &target]).done();
        fs::write(folder.join("prices.toml"), name).expect("a file");
        run_git(&folder, &["add", "--all"]).done();
        run_git(&folder, &["commit", "--quiet", "--message", name]).done();
        folder
    };
    let folders = [clone("left"), clone("right")];
    let outcomes: Vec<Ran> = std::thread::scope(|scope| {
        let racers = folders
            .each_ref()
            .map(|folder| scope.spawn(|| run_git(folder, &["push", "origin", "HEAD:main"])));
        racers.into_iter().map(|racer| racer.join().expect("no panic")).collect()
    });
    assert_eq!(outcomes.iter().filter(|push| push.is_done).count(), 1, "{outcomes:?}");
    let winner = folders.iter().zip(&outcomes).find(|(_, push)| push.is_done).expect("one won").0;
    assert_eq!(company.main().expect("read"), Some(run_git(winner, &["rev-parse", "HEAD"]).text));
}
