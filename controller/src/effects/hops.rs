//! Routes: rules, the local router, and then the hops, each a question to a model.
//!
//! A hop is counted when it is asked: most texts are decided before. Where the first one finds no room, nothing has left, and
//! the effect is put back; its next attempt waits in line and has its place taken when it is leased. A later hop that finds
//! none is passed over, as any hop that cannot be asked: what was asked before it was paid for.

use std::{ops::ControlFlow, time::Instant};

use adjutant_spec::plan::{Agent, Route};
use serde_json::Value;

use super::{
    attempt::Attempt,
    outcome::{self, Ending, Fault, Held},
    patience::Patience,
    route,
};
use crate::judgement::pin_of;

/// A question to a route.
pub(super) struct Asked<'a> {
    pub(super) route: &'a str,
    pub(super) text: &'a str,
    pub(super) context: &'a Value,
}

/// A question to a hop.
struct HopQuestion<'a> {
    route: &'a Route,
    text: &'a str,
    is_counted: bool,
}

impl Attempt<'_> {
    /// Classifies a text: by rule, by the local router, by a hop.
    pub(super) async fn route(&self, asked: &Asked<'_>) -> Ending {
        let missing =
            || Fault::unavailable(format!("route \"{}\" is not in the company any more", asked.route));
        let route = self.plan.route(asked.route).ok_or_else(missing)?;
        if let Some(done) = route::by_rule(route, asked.text, asked.context, &Patience::endless())? {
            return Ok(done);
        }
        let started = Instant::now();
        let judged = self.judge(route, asked.text).await?;
        let classification = match route::by_router(route, judged, started) {
            ControlFlow::Break(done) => return Ok(done),
            ControlFlow::Continue(classification) => classification,
        };
        self.hops(route, asked.text, classification).await
    }

    /// Asks the hops one after the other, until one decides.
    async fn hops(&self, route: &Route, text: &str, mut classification: route::Classification<'_>) -> Ending {
        let mut is_first = true;
        for name in &route.escalate {
            let hop = match self.plan.hop(name) {
                None => skipped(self, "there is no such agent"),
                Some(agent) => {
                    let is_counted = is_first && self.job.counts_first_hop();
                    let question = HopQuestion { route, text, is_counted };
                    let answer = self.hop(agent, question).await;
                    if is_first && let Err(no_room @ Fault::Held(Held { after: Some(_), .. })) = answer {
                        return Err(no_room);
                    }
                    is_first = false;
                    heard(self, answer)
                }
            };
            if let Some(class) = classification.heard(name, hop) {
                return Ok(classification.finish(&class, name));
            }
        }
        Ok(classification.unsure())
    }

    /// Asks the local router on a thread that may wait: for the fit, for the model.
    async fn judge(&self, route: &Route, text: &str) -> Result<route::Judged, Fault> {
        let (routers, pin) = (self.ground.options.routers.clone(), pin_of(self.plan).map(str::to_owned));
        let (route, text) = (route.clone(), text.to_owned());
        let asked =
            tokio::task::spawn_blocking(move || route::Judged::of(routers.of(&route, pin.as_deref()), &text));
        asked.await.map_err(|error| Fault::transient(format!("the local router was stopped: {error}")))
    }

    async fn hop(&self, agent: &Agent, question: HopQuestion<'_>) -> Ending {
        let HopQuestion { route, text, is_counted } = question;
        let call = route::hop_call(self.plan, agent, route, text)?;
        self.agent(&call, is_counted).await
    }
}

/// Returns what a hop said, or why its answer does not count.
fn heard(attempt: &Attempt<'_>, answer: Ending) -> route::Hop {
    match answer {
        Ok(done) => route::named(done),
        Err(Fault::Definite(failure)) => {
            let reason = outcome::told(attempt.redactor, &failure.message);
            route::Hop::Skipped { reason, cost: failure.cost }
        }
        Err(Fault::Unknown(reason) | Fault::Held(Held { why: reason, .. })) => skipped(attempt, &reason),
    }
}

fn skipped(attempt: &Attempt<'_>, reason: &str) -> route::Hop {
    route::Hop::Skipped { reason: outcome::told(attempt.redactor, reason), cost: None }
}
