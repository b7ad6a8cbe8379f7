//! The command line: every command, as words around the rooms.
//!
//! ```text
//!  offline ──► a folder of files                                       init, new, check, fmt, explain, secrets, …
//!  client  ──► the API over the control socket ──► a daemon            status, run, inbox, approve, dead, …
//!  up      ──► the room `daemon`, in this process                      up, up --once
//!  demo    ──► daemon + doubles as processes of their own              demo, demo --script
//! ```
//! Data goes to stdout, everything else to stderr. Exit codes are the contract; see [`failure::Exit`].

#[cfg(test)]
mod advised;
mod args;
mod blocking;
mod client;
mod demo;
mod failure;
mod hook;
mod later;
mod models;
mod moments;
mod offline;
mod out;
mod place;
mod up;

use std::{path::Path, process::ExitCode};

use clap::FromArgMatches as _;

use args::{AuditAction, Cli, Command, ModelsAction, TestAction, TestArgs};
use blocking::block_on;
use client::{Client, Cx};
use failure::{Exit, Failure, Outcome};
use out::{Out, Words, words};

use crate::desk::{
    BackupWish,
    views::{ClockView, FullStatus},
};

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(panicked));
    let matches = match args::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage(&error),
    };
    if let Some(refused) = matches.subcommand_name().and_then(later::refusal) {
        return fail(&refused);
    }
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    // Only the first one counts; HTTP clients panic where there is none.
    drop(rustls::crypto::ring::default_provider().install_default());
    match run(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => fail(&failure),
    }
}

/// Tells of our own mistake. A panic quotes what it stumbled over, and that may be what somebody outside wrote.
fn panicked(panic: &std::panic::PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let place = panic.location().map_or_else(String::new, ToString::to_string);
    let said = panic.payload_as_str().unwrap_or("no message");
    out::say(words!("our own mistake in thread \"{}\" at {}: {}", thread.name().unwrap_or("-"), place, said));
    let trace = std::backtrace::Backtrace::capture();
    if trace.status() == std::backtrace::BacktraceStatus::Captured {
        out::say(Words::document(&trace.to_string()));
    }
}

/// Prints help or a mistake of the command line; help that was asked for is a success.
fn usage(error: &clap::Error) -> ExitCode {
    let text = Words::rendered(&error.render().ansi().to_string());
    if error.use_stderr() {
        out::say(text);
        return Exit::Usage.into();
    }
    Out::new(false).data(text).map_or(Exit::Disk, |_| Exit::Done).into()
}

fn fail(failure: &Failure) -> ExitCode {
    out::say(failure.text());
    failure.exit.into()
}

fn run(cli: Cli) -> Outcome {
    let out = Out::new(cli.global.json);
    match &cli.command {
        Command::Init(args) => offline::init(&out, args),
        Command::New(args) => offline::new(&out, args),
        Command::Check(args) => offline::check(&out, args),
        Command::Test(TestArgs { action: Some(_), .. }) => on_daemon(&out, &cli),
        Command::Test(args) => offline::test(&out, args),
        Command::Fmt(args) => offline::fmt(&out, args),
        Command::Explain { code } => offline::explain(&out, code.as_deref()),
        Command::Schema { kind } => offline::schema(&out, kind.as_deref()),
        Command::Secrets(args) => offline::secrets(&out, args),
        Command::Route { route, text, dir } => offline::route(&out, (route, text), dir),
        Command::Models { action: ModelsAction::Refit { .. } } => on_daemon(&out, &cli),
        Command::Models { action } => models::models(&out, action),
        Command::Completions { shell } => offline::completions(&out, *shell),
        Command::Man { dir } => offline::man(&out, dir.as_deref()),
        Command::Service { repo } => offline::service(&out, repo, &place::data(&cli.global)?),
        Command::Up(args) => up::up(&out, &cli.global, args),
        Command::Demo(args) => block_on(demo::demo(&out, args)),
        Command::DemoDoubles(args) => block_on(demo::demo_doubles(&out, args)),
        Command::Hook { name, .. } => hook::hook(&cli, name),
        _ => on_store(&out, &cli),
    }
}

/// Runs a command on a data folder, without a daemon.
fn on_store(out: &Out, cli: &Cli) -> Outcome {
    match &cli.command {
        Command::Doctor => {
            let data = place::data(&cli.global)?;
            offline::doctor(out, &data, seen_clock(&data))
        }
        Command::Backup { dir } => backup(out, cli, dir),
        Command::Bench(args) => offline::bench(out, &cli.global, args),
        _ => on_daemon(out, cli),
    }
}

/// Returns what the store of a data folder knows of the clock: from the daemon that works with it, else from the store.
fn seen_clock(data: &Path) -> Option<ClockView> {
    let client = Client::at_socket(&place::socket(data)).ok()?;
    let answered = block_on(async { client.view::<FullStatus>(&["status"]).await });
    match answered {
        Ok(status) => Some(status.clock),
        Err(_) => offline::stored_clock(data),
    }
}

/// Copies the store: by itself where it is at rest, else through the daemon that works with it.
fn backup(out: &Out, cli: &Cli, dir: &Path) -> Outcome {
    let data = place::data(&cli.global)?;
    let folder = std::path::absolute(dir).map_err(Failure::file("resolve", dir))?;
    if let Some(exit) = offline::backup(out, &data, &folder)? {
        return Ok(exit);
    }
    let client = Client::at_socket(&place::socket(&data))?;
    let copied = block_on(async { client::read(client.post(&["backup"], &BackupWish { folder }).await?) })?;
    offline::tell_backup(out, &data, &copied)
}

/// Runs a command that asks a daemon.
fn on_daemon(out: &Out, cli: &Cli) -> Outcome {
    let cx = Cx { out: *out, client: Client::of(&cli.global)? };
    block_on(ask(&cx, &cli.command))
}

async fn ask(cx: &Cx, command: &Command) -> Outcome {
    match command {
        Command::Status => client::status(cx).await,
        Command::Cost { month: None } => client::cost(cx).await,
        Command::Cost { month: Some(month) } => client::month(cx, month).await,
        Command::Playbooks => client::playbooks(cx).await,
        Command::Run(args) => client::run(cx, args).await,
        Command::Runs(args) => client::runs(cx, args).await,
        Command::Log { run, tree: true, .. } => client::log_tree(cx, run).await,
        Command::Log { run, from, tree: false } => client::log(cx, run, *from).await,
        Command::Watch { run } => client::watch(cx, run).await,
        Command::Why { id } => client::why(cx, id).await,
        Command::Inbox(page) => client::inbox(cx, page).await,
        Command::Show { gate } => client::show(cx, gate).await,
        Command::Approve(args) => client::approve(cx, args).await,
        Command::Deny { gate, reason } => client::deny(cx, gate, reason).await,
        Command::Dead(asked) => client::dead(cx, asked).await,
        Command::Deliveries(args) => client::deliveries(cx, args).await,
        Command::Records { kind, page } => client::records(cx, kind.as_deref(), page).await,
        Command::Connectors { action } => client::connectors(cx, action.as_ref()).await,
        Command::Retention { action } => client::retention(cx, action.as_ref()).await,
        Command::Audit { action: AuditAction::Verify } => client::audit(cx).await,
        other => steer(cx, other).await,
    }
}

async fn steer(cx: &Cx, command: &Command) -> Outcome {
    match command {
        Command::Signal(args) => client::signal(cx, args).await,
        Command::Pause(args) => client::pause(cx, args).await,
        Command::Resume(args) => client::resume(cx, args).await,
        Command::Cancel { run, reason } => client::cancel(cx, run, reason).await,
        Command::Rollback { run, confirm: Some(token), reason } => {
            client::roll_back(cx, run, (token, reason.as_deref().unwrap_or_default())).await
        }
        Command::Rollback { run, .. } => client::rollback(cx, run).await,
        Command::Kill { run, reason } => client::kill(cx, run, reason).await,
        Command::Release { run } => client::release(cx, run).await,
        Command::Retry { run, step, edits } => client::retry(cx, run, step.as_deref(), edits).await,
        Command::Replay(args) => client::replay(cx, args).await,
        Command::Test(TestArgs { action: Some(TestAction::Record(args)), .. }) => {
            client::record(cx, args).await
        }
        Command::Correct { run, step, class } => client::correct(cx, run, step, class).await,
        Command::Plan(args) => client::plan(cx, args).await,
        Command::Models { action: ModelsAction::Refit { route } } => client::refit(cx, route).await,
        Command::Revert { to } => client::revert(cx, to.as_deref()).await,
        Command::Hold { release, reason } => client::hold(cx, *release, reason).await,
        Command::Proposals(asked) => client::proposals(cx, asked).await,
        Command::Token { action } => client::token(cx, action).await,
        Command::Login => client::login(cx).await,
        other => Err(Failure::new(Exit::Bug, format!("nobody runs {other:?}"))),
    }
}
