//! The latest recorded decisions of routes that a plan changes, decided again by the old and the new route.
//!
//! The plan may be a proposal that nobody has approved: whatever is in it is evaluated within bounds, on a thread that asks
//! between its steps whether somebody still waits, and never more than one at a time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use adjutant_machine::call::Call;
use adjutant_spec::{
    plan::{Id, Plan, Route},
    schema::mismatches,
    shown,
};
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::{
    effects::{Effects, Inquiry, Patience, RouteIn},
    judgement::pin_of,
    reconcile::{Redecided, Rehearse, Rehearsed, Unfit},
    runtime::{Handle, PageWish, RunFilter, views::RecordView},
};

/// So many of a route's latest decisions are decided again, looked for in so many of the latest runs.
const DECISIONS: usize = 40;
const RUNS: usize = 200;
/// So many records of a kind are looked at, and so many of those that do not fit are named.
const RECORDS: usize = 10_000;
const NAMED: usize = 3;
/// A plan does not wait longer for it.
const PATIENCE: Duration = Duration::from_secs(15);
/// What a step of the work may take after the patience is over.
const GRACE: Duration = Duration::from_secs(3);
/// A route with more examples is not fitted for a rehearsal: fitting does not ask whether somebody still waits.
const EXAMPLES: usize = 2_000;

/// Decides again what the journal holds.
pub(super) struct Rehearsal {
    effects: Arc<Effects>,
    handle: Handle,
    bench: Bench,
}

impl Rehearsal {
    /// Returns a rehearsal over the room that decides and the runs that were.
    pub(super) fn new(effects: Arc<Effects>, handle: Handle) -> Self {
        Self { effects, handle, bench: Bench::new(PATIENCE, GRACE) }
    }
}

impl Rehearse for Rehearsal {
    fn rehearse(&self, before: Arc<Plan>, after: Arc<Plan>) -> BoxFuture<'static, Vec<Rehearsed>> {
        let (effects, handle, bench) = (Arc::clone(&self.effects), self.handle.clone(), self.bench.clone());
        Box::pin(async move {
            let changed = changed(&before, &after);
            if changed.is_empty() {
                return Vec::new();
            }
            let asked = tokio::time::timeout(bench.patience, recorded(&handle, &changed)).await;
            let Ok(asked) = asked else { return cut_off(&changed, "before the recorded runs were read") };
            let work = move |patience: &Patience| again(&effects, (&before, &after), &asked, patience);
            bench.run(&changed, work).await
        })
    }

    fn records(&self, before: Arc<Plan>, after: Arc<Plan>) -> BoxFuture<'static, Vec<Unfit>> {
        let handle = self.handle.clone();
        Box::pin(async move {
            let work = held(&handle, &before, &after);
            tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
                tracing::warn!("stored records were not held against their new schemas in time");
                Vec::new()
            })
        })
    }
}

/// Reads the stored records of the kinds whose schema changes, and holds each against the new one.
async fn held(handle: &Handle, before: &Plan, after: &Plan) -> Vec<Unfit> {
    let mut found = Vec::new();
    for (kind, schema) in
        after.records.iter().filter(|(kind, schema)| before.records.get(*kind) != Some(*schema))
    {
        let mut unfit = Unfit { kind: kind.clone(), looked: 0, more: false, unfit: 0, examples: Vec::new() };
        let mut wish = PageWish { after: None, limit: 1_000 };
        while let Ok(page) = handle.records(kind, wish.clone()).await {
            page.items.iter().for_each(|record| judge(&mut unfit, schema, record));
            unfit.more = unfit.looked >= RECORDS;
            wish.after = page.next.filter(|_| !unfit.more);
            if wish.after.is_none() {
                break;
            }
        }
        found.extend(Some(unfit).filter(|unfit| unfit.unfit > 0));
    }
    found
}

fn judge(unfit: &mut Unfit, schema: &Value, record: &RecordView) {
    unfit.looked += 1;
    let Some(mismatch) = mismatches(schema, &record.value).into_iter().next() else { return };
    unfit.unfit += 1;
    if unfit.examples.len() < NAMED {
        // What a record holds came from outside, and the complaint may repeat it.
        let (key, problem) = (shown::excerpt(&record.key, 80), shown::excerpt(&mismatch.problem, 120));
        unfit.examples.push(format!("\"{key}\": {problem}"));
    }
}

/// Where one rehearsal works at a time, with the time that it has.
#[derive(Clone)]
struct Bench {
    place: Arc<Semaphore>,
    patience: Duration,
    grace: Duration,
}

impl Bench {
    fn new(patience: Duration, grace: Duration) -> Self {
        Self { place: Arc::new(Semaphore::new(1)), patience, grace }
    }

    /// Does the work on a thread of its own. Whoever asks gets an answer in time, also where the work does not end: it keeps
    /// its place then, so that no second thread is lost to the same proposal.
    async fn run(
        &self,
        routes: &[Id],
        work: impl FnOnce(&Patience) -> Vec<Rehearsed> + Send + 'static,
    ) -> Vec<Rehearsed> {
        let place = tokio::time::timeout(self.patience, Arc::clone(&self.place).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return cut_off(routes, "before it began: another rehearsal is under way");
        };
        // Dropped with this future: a client that goes away ends the work as well.
        let (patience, _waiting) = Patience::of(self.patience);
        let working = tokio::task::spawn_blocking(move || {
            let done = work(&patience);
            drop(place);
            done
        });
        match tokio::time::timeout(self.patience + self.grace, working).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => {
                tracing::warn!(%error, "recorded decisions could not be decided again");
                cut_off(routes, "by a mistake of our own: see the log")
            }
            Err(_) => {
                tracing::warn!("recorded decisions were not decided again in time");
                cut_off(routes, &format!("after {} s without an answer", self.patience.as_secs()))
            }
        }
    }
}

fn cut_off(routes: &[Id], why: &str) -> Vec<Rehearsed> {
    routes.iter().map(|id| Rehearsed::of(id.clone(), []).cut_off(why)).collect()
}

/// Lists the routes that are in both plans and would decide otherwise.
fn changed(before: &Plan, after: &Plan) -> Vec<Id> {
    let is_pin_moved = pin_of(before) != pin_of(after);
    let differs = |(id, was): (&Id, &adjutant_spec::plan::Route)| {
        let is = after.routes.get(id)?;
        let teaches = (&was.rules, &was.classes, &was.strangers, was.precision, &was.calibration);
        let would_teach = (&is.rules, &is.classes, &is.strangers, is.precision, &is.calibration);
        (is_pin_moved || teaches != would_teach).then(|| id.clone())
    };
    before.routes.iter().filter_map(differs).collect()
}

/// Reads what the routes were asked lately, the latest runs first.
async fn recorded(handle: &Handle, routes: &[Id]) -> BTreeMap<Id, Vec<Inquiry>> {
    let mut found: BTreeMap<Id, Vec<Inquiry>> = routes.iter().map(|id| (id.clone(), Vec::new())).collect();
    let runs = handle.runs(RunFilter { limit: RUNS, ..RunFilter::default() }).await.unwrap_or_default();
    for run in runs {
        if found.values().all(|asked| asked.len() >= DECISIONS) {
            break;
        }
        let calls = handle.calls(&run.id).await.unwrap_or_default();
        for (route, asked) in calls.into_iter().filter_map(question) {
            if let Some(list) = found.get_mut(&route).filter(|list| list.len() < DECISIONS) {
                list.push(asked);
            }
        }
    }
    found
}

/// Returns the question, where a call asks a route.
fn question(call: Call) -> Option<(Id, Inquiry)> {
    match call {
        Call::Route { route, text, context } => Some((route, Inquiry { text, context })),
        _ => None,
    }
}

fn again(
    effects: &Effects,
    (before, after): (&Plan, &Plan),
    asked: &BTreeMap<Id, Vec<Inquiry>>,
    patience: &Patience,
) -> Vec<Rehearsed> {
    let asked = asked.iter().filter(|(_, asked)| !asked.is_empty());
    let rehearsed = asked.filter_map(|(id, asked)| {
        let (was, is) = (before.routes.get(id)?, after.routes.get(id)?);
        if examples(was).max(examples(is)) > EXAMPLES {
            let why = format!("before it began: the route has more than {EXAMPLES} examples");
            return Some(Rehearsed::of(id.clone(), []).cut_off(why));
        }
        let was = effects.say_again(RouteIn { plan: before, route: was }, asked, patience);
        let would_be = effects.say_again(RouteIn { plan: after, route: is }, asked, patience);
        let done = was.len().min(would_be.len());
        let decided = was.into_iter().zip(would_be).map(|(was, would_be)| Redecided { was, would_be });
        let rehearsed = Rehearsed::of(id.clone(), decided);
        let why = || format!("after {done} of {} decisions: the time was over", asked.len());
        Some(if done < asked.len() { rehearsed.cut_off(why()) } else { rehearsed })
    });
    rehearsed.collect()
}

fn examples(route: &Route) -> usize {
    route.classes.iter().map(|class| class.examples.len()).sum::<usize>() + route.strangers.len()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use adjutant_spec::{plan::Rule, value::Template};
    use serde_json::json;

    use super::*;
    use crate::effects::tests::plans::{Room, class, plan, route};

    fn rule(when: &str) -> Rule {
        let when = Template::parse_expression(when).ok();
        Rule { class: "lead".into(), exact: Vec::new(), contains: Vec::new(), regex: Vec::new(), when }
    }

    fn company(rules: Vec<Rule>) -> Plan {
        let mut plan = plan([]);
        let inbound = Route { rules, ..route(vec![class("lead", &["buy"]), class("support", &["help"])]) };
        plan.routes.insert("inbound".into(), inbound);
        plan
    }

    fn asked() -> BTreeMap<Id, Vec<Inquiry>> {
        let inquiry =
            |number| Inquiry { text: format!("text {number}"), context: json!({ "input": {}, "steps": {} }) };
        BTreeMap::from([("inbound".to_owned(), (0..DECISIONS).map(inquiry).collect())])
    }

    #[tokio::test]
    async fn a_rule_that_grows_without_end_decides_nothing() {
        let room = Room::new(company(Vec::new()), &[]);
        let growing = [
            "('x' * 100000000) * 50 == 'y'",
            "(['x'] * 100000000) | length > 5",
            "'%1000000000d' | format(1) == 'y'",
            "range(100000) | map('replace', '', 'x' * 1000000) | list",
        ];
        for when in growing {
            let (before, after) = (company(Vec::new()), company(vec![rule(when)]));
            let told = again(&room.effects, (&before, &after), &asked(), &Patience::endless());
            assert_eq!(told.len(), 1, "{when}");
            assert!(told[0].changes.iter().all(|turn| turn.to == "unsure"), "{when}: {told:?}");
        }
    }

    #[tokio::test]
    async fn the_answer_says_how_far_it_came() {
        let room = Room::new(company(Vec::new()), &[]);
        let (patience, waiting) = Patience::of(Duration::from_secs(60));
        drop(waiting);
        let plans = (company(Vec::new()), company(vec![rule("true")]));
        let told = again(&room.effects, (&plans.0, &plans.1), &asked(), &patience);
        let expected =
            "route \"inbound\": none of 0 would change; cut off after 0 of 40 decisions: the time was over";
        assert_eq!(told.iter().map(Rehearsed::sentence).collect::<Vec<_>>(), [expected]);
    }

    #[tokio::test]
    async fn work_that_does_not_end_is_left_alone_and_told() {
        let bench = Bench::new(Duration::from_millis(20), Duration::from_millis(10));
        let routes = ["inbound".to_owned()];
        let (free, held) = mpsc::channel::<()>();
        // Stands for work that asks nobody: it ends when the test ends.
        let stuck = move |_: &Patience| {
            let _ = held.recv();
            Vec::new()
        };
        let told = bench.run(&routes, stuck).await;
        assert_eq!(told[0].cut.as_deref(), Some("after 0 s without an answer"));
        let second = bench.run(&routes, |_: &Patience| Vec::new()).await;
        assert_eq!(second[0].cut.as_deref(), Some("before it began: another rehearsal is under way"));
        drop(free);
    }

    #[tokio::test]
    async fn whoever_goes_away_ends_the_work() {
        let bench = Bench::new(Duration::from_secs(600), Duration::from_secs(3));
        let (began, begun) = tokio::sync::oneshot::channel();
        let work = move |patience: &Patience| {
            let _ = began.send(());
            while !patience.is_over() {
                std::thread::yield_now();
            }
            Vec::new()
        };
        let routes = ["inbound".to_owned()];
        tokio::select! {
            _ = bench.run(&routes, work) => panic!("nobody ended it"),
            _ = begun => {}
        }
        assert!(bench.run(&routes, |_: &Patience| Vec::new()).await.is_empty());
    }
}
