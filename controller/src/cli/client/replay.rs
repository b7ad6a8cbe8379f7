//! `replay` and `test record`: a run is played again, and written down so that it can be played at any time.

use std::path::{Component, PathBuf};

use adjutant_spec::plan::is_id;

use super::{Cx, show::full, steer::pair};
use crate::{
    cli::{
        args::{RecordArgs, ReplayArgs},
        failure::{Exit, Failure, Outcome},
        offline,
        out::{Out, Paint, Words, words},
    },
    desk::{
        ReplayWish,
        views::{DecidedView, ReplayView, ReplayedRecord, ReplayedStep, ReplayedValue, ScenarioView},
    },
};

/// Plays a run again.
pub(crate) async fn replay(cx: &Cx, args: &ReplayArgs) -> Outcome {
    let set = args.set.iter().map(|change| pair(change)).collect::<Result<_, _>>()?;
    let wish = ReplayWish { set, to: args.to.clone(), assume: args.assume };
    let answer = cx.client.post(&["runs", &args.run, "replay"], &wish).await?;
    let same = answer["same"].as_bool().unwrap_or_default();
    if let Some(view) = cx.view::<ReplayView>(answer)? {
        cx.out.data(text_of(&cx.out, &view))?;
    }
    Ok(if args.exit_code && !same { Exit::Changes } else { Exit::Done })
}

fn text_of(out: &Out, view: &ReplayView) -> Words {
    let by =
        view.to.as_ref().map_or_else(|| words!("the playbook that it pins"), |to| words!("revision {}", to));
    let mut text =
        words!("{}  played again by {}; nothing left this machine\n", out.paint(Paint::Bold, &view.run), by);
    if let Some(decided) = &view.decided {
        text += decided_of(out, decided);
    }
    text += "\n";
    view.steps.iter().for_each(|step| text += step_of(out, step));
    if !view.records.is_empty() {
        text += words!("\n{}\n", out.paint(Paint::Bold, "Records that are left otherwise"));
        view.records.iter().for_each(|record| text += record_of(out, record));
    }
    text += "\n";
    if let Some(stopped) = &view.stopped {
        text += words!("{}: {}\n  {}\n", out.paint(Paint::Yellow, "stopped"), stopped.reason, stopped.help);
    }
    if !view.assumed.is_empty() {
        text += words!("answers were made up for: {}\n", view.assumed.join(", "));
    }
    if !view.reused.is_empty() {
        text += words!("answered as in the run, although asked otherwise: {}\n", view.reused.join(", "));
    }
    for what in &view.unplayed {
        text += words!("not played: {}\n", what);
    }
    text += verdict(out, view);
    text.trimmed()
}

fn verdict(out: &Out, view: &ReplayView) -> Words {
    let differs = || out.paint(Paint::Yellow, "differs");
    match (view.ended_was.as_deref(), view.ended.as_deref()) {
        (_, Some(is)) if view.same => {
            words!("{}: nothing differs from the run; it ends as {}\n", out.paint(Paint::Green, "same"), is)
        }
        (_, None) if view.same => {
            words!("{}: nothing differs, as far as the run has come\n", out.paint(Paint::Green, "same"))
        }
        (was, Some(is)) if was == Some(is) => words!("{}; it ends as {}, as before\n", differs(), is),
        (Some(was), Some(is)) => words!("{}; it ended as {}, and ends as {}\n", differs(), was, is),
        (None, Some(is)) => words!("{}; the run goes on, and this ends as {}\n", differs(), is),
        (_, None) if view.stopped.is_some() => Words::default(),
        (Some(was), None) => words!("{}; it ended as {}, and this does not end\n", differs(), was),
        (None, None) => words!("{}\n", differs()),
    }
}

fn decided_of(out: &Out, decided: &DecidedView) -> Words {
    let short = |hash: &str| hash.chars().take(12).collect::<String>();
    let state = short(&decided.state);
    match (&decided.differs_at, decided.equal) {
        (_, true) => words!(
            "  all {} events are decided as they were; the state is equal ({})\n",
            decided.entries,
            state
        ),
        (Some(at), _) => words!(
            "  {} is decided otherwise: `adjutant log` shows what was decided there\n",
            out.paint(Paint::Yellow, at)
        ),
        (None, _) => {
            let again = decided.again.as_deref().map(short).unwrap_or_default();
            words!(
                "  all events are decided as they were, and the state is {} in place of {}\n",
                again,
                state
            )
        }
    }
}

fn marked(out: &Out, mark: &str) -> Words {
    match mark {
        "changed" => out.paint(Paint::Yellow, "~"),
        "gone" => out.paint(Paint::Red, "-"),
        "new" => out.paint(Paint::Green, "+"),
        _ => Words::from("="),
    }
}

fn step_of(out: &Out, step: &ReplayedStep) -> Words {
    let mut text = words!("  {} ", marked(out, &step.mark));
    for part in [&step.playbook, &step.branch].into_iter().filter(|part| !part.is_empty()) {
        text += words!("{} ", out.paint(Paint::Dim, part));
    }
    text += words!("{}{}", if step.undo { "takes back " } else { "" }, step.step);
    if step.visit > 1 {
        text += words!(" ({})", step.visit);
    }
    if let Some(asked) = &step.asked {
        text += words!("  {}", asked);
    }
    let open = || "is not over".to_owned();
    let (was, is) = (step.was.clone().unwrap_or_else(open), step.is.clone().unwrap_or_else(open));
    text += match step.mark.as_str() {
        "gone" => words!("  {}\n", was),
        "changed" if was != is => words!("  {}, was {}\n", is, was),
        _ => words!("  {}\n", is),
    };
    step.arguments.iter().for_each(|(name, value)| text += value_of(out, name, value));
    text
}

fn record_of(out: &Out, record: &ReplayedRecord) -> Words {
    let mut text = words!("  {} {} {}\n", marked(out, &record.mark), record.kind, record.key);
    record.fields.iter().for_each(|(name, value)| text += value_of(out, name, value));
    text
}

fn value_of(out: &Out, name: &str, value: &ReplayedValue) -> Words {
    let mut text = Words::default();
    for (mark, value) in [("-", &value.was), ("+", &value.is)] {
        if !value.is_null() {
            text += words!("      {} {}: {}\n", mark, name, full(out, value, 8));
        }
    }
    text
}

/// Returns where a scenario goes, below its company: in no other folder, whatever the daemon or the operator says.
fn place(view: &ScenarioView, name: Option<&str>) -> Result<PathBuf, Failure> {
    let mut file = PathBuf::from(&view.file);
    if let Some(name) = name {
        if !is_id(name) {
            let hint = "lower case letters, digits and `-`";
            return Err(Failure::invalid(format!("\"{name}\" cannot be the name of a scenario")).hint(hint));
        }
        file.set_file_name(format!("{name}.toml"));
    }
    let is_plain = file.components().all(|part| matches!(part, Component::Normal(_)));
    let folder = file.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    let slice = folder.strip_prefix("slices/").and_then(|rest| rest.strip_suffix("/tests"));
    let is_ours = folder == "tests" || slice.is_some_and(is_id);
    match is_plain && is_ours && file.extension().is_some_and(|ending| ending == "toml") {
        true => Ok(file),
        false => Err(Failure::new(Exit::Bug, format!("the daemon names \"{}\" as the file", view.file))),
    }
}

/// Writes a run down as a scenario, and plays that.
pub(crate) async fn record(cx: &Cx, args: &RecordArgs) -> Outcome {
    let answer = cx.client.get(&["runs", &args.run, "scenario"]).await?;
    if args.print {
        let view: ScenarioView = super::read(answer)?;
        view.unsaid.iter().for_each(|what| cx.out.say(words!("not in it: {}", what)));
        return if cx.out.json { cx.out.value(&view) } else { cx.out.data(Words::rendered(&view.text)) };
    }
    let view: ScenarioView = super::read(answer)?;
    let file = place(&view, args.name.as_deref())?;
    if !args.dir.join("adjutant.toml").is_file() {
        let hint = "`adjutant test record RUN --dir DIR` names it; `--print` writes no file";
        return Err(
            Failure::invalid(format!("there is no company repository at {}", args.dir.display())).hint(hint)
        );
    }
    offline::write_new(&args.dir.join(&file), view.text.as_bytes())?;
    if cx.out.json {
        let shown = serde_json::json!({ "file": file, "run": view.run, "playbook": view.playbook, "unsaid": view.unsaid });
        return cx.out.value(&shown);
    }
    cx.out.say(words!(
        "wrote {}: look at what people wrote in it before you commit it",
        file.display().to_string()
    ));
    for what in &view.unsaid {
        cx.out.say(words!("not in it: {}", what));
    }
    offline::test_file(&cx.out, &args.dir, &file.display().to_string())
}
