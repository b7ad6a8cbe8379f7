//! `models eval`: how well a route, or a router fitted to labelled texts, does on labelled messages.

use std::{fs::File, io::BufReader, path::Path, sync::Arc, time::Instant};

use adjutant_models::{
    Embedder, Lessons, Promise, SentenceRouter,
    eval::{Labelled, Report, evaluate, few, lessons_of, read_labelled},
};

use crate::{
    cli::{
        args::EvalArgs,
        failure::{Exit, Failure, Outcome},
        offline,
        out::{Out, Table, Words, words},
    },
    judgement::{Files, Loader as _, lessons, pin_of},
};

/// What a router that is fitted to a file promises; the report looks at 95, 98 and 99 % whatever it is.
const PRECISION: f64 = 0.98;

/// Evaluates.
pub(super) fn eval(out: &Out, args: &EvalArgs) -> Outcome {
    let data = labelled(&args.data)?;
    let (lessons, promise, pin) = taught(args)?;
    let engine = Files::locate().load(pin.as_deref());
    if let Some(stand_in) = &engine.stand_in {
        out.say(words!(
            "the model \"{}\" answers in its place, because {}; {}",
            engine.embedder.model().name,
            stand_in.reason,
            stand_in.hint
        ));
    }
    let report = judged(engine.embedder, (lessons, promise), &data)?;
    if out.json { out.value(&report) } else { out.data(in_words(out, &report)) }
}

fn judged(
    embedder: Arc<dyn Embedder>,
    (lessons, promise): (Lessons, Promise),
    data: &[Labelled],
) -> Result<Report, Failure> {
    let started = Instant::now();
    let router = SentenceRouter::fit(embedder, lessons, promise);
    let router = router.map_err(|error| Failure::of(Exit::Invalid, &error))?;
    let fit_ms = started.elapsed().as_secs_f64() * 1e3;
    let report = evaluate(&router, data).map_err(|error| Failure::of(Exit::Again, &error))?;
    Ok(Report { fit_ms: Some((fit_ms * 1e3).round() / 1e3), ..report })
}

/// Returns what is taught and promised: by the route of a company, or by a file.
fn taught(args: &EvalArgs) -> Result<(Lessons, Promise, Option<String>), Failure> {
    if let Some(file) = &args.train {
        let messages = labelled(file)?;
        let messages = args.shots.map_or_else(|| messages.clone(), |shots| few(&messages, shots, args.seed));
        return Ok((lessons_of(&messages), Promise::of(PRECISION), None));
    }
    let id = args.route.as_deref().unwrap_or_default();
    let plan = offline::checked(&args.dir)?;
    let route = plan.routes.get(id).ok_or_else(|| {
        let names: Vec<&str> = plan.routes.keys().map(String::as_str).collect();
        Failure::new(Exit::NotFound, format!("there is no route \"{id}\""))
            .hint(format!("routes are: {}", names.join(", ")))
    })?;
    Ok((lessons(route), Promise::of(route.precision.min(0.999)), pin_of(&plan).map(str::to_owned)))
}

fn labelled(path: &Path) -> Result<Vec<Labelled>, Failure> {
    let file = File::open(path).map_err(Failure::file("read", path))?;
    read_labelled(BufReader::new(file)).map_err(|error| {
        Failure::invalid(format!("\"{}\" holds something else than labelled messages", path.display()))
            .caused_by(&error)
    })
}

fn in_words(out: &Out, report: &Report) -> Words {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let mut text = words!(
        "{} messages, {} of no class, {} classes, model {}\naccuracy {}, AUROC of strangers {}, calibration error {}, fit {} ms, decision {} µs\n\n",
        report.messages,
        report.strangers,
        report.classes,
        report.model.name,
        percent(report.accuracy),
        report.oos_auroc.map_or_else(|| "-".to_owned(), percent),
        percent(report.ece),
        report.fit_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0}")),
        report.decide_us,
    );
    let mut table = Table::new(&["promise", "precision", "share", "threshold"]);
    for (target, kept) in &report.targets {
        table.row([
            format!("{target} %").into(),
            percent(kept.precision).into(),
            percent(kept.share).into(),
            format!("{:.3}", kept.threshold).into(),
        ]);
    }
    text += table.render(out.window);
    text
}
