//! What a log of outcomes says about a route's probabilities.
//!
//! The texts that people judged are decided by routers that were never taught them: the lessons are dealt to a few hands, and each hand
//! is held out in turn. Pairs of a told probability and of whether it was right give Platt's line and, from a hundred on, a
//! threshold that Wilson's bound proves (`adjutant_models::Calibration`).

use adjutant_models::{Calibration, Outcome};
use adjutant_spec::plan::{Route, RouteCalibration};

use super::{
    refit::{Said, lesson},
    routers::{MOST_PRECISE, Routers},
};

/// Judged texts are dealt to so many hands.
const HANDS: usize = 5;
/// Fewer outcomes say less than the prior does.
const FEWEST: usize = 20;

/// Calibrates a route that was taught, from the last word on each text; blocks while routers are fitted. `None` where too
/// little was said: at least twenty outcomes, and half of them confirmations, since who only corrects shows a router at its worst.
#[must_use]
pub fn calibrate(
    routers: &Routers,
    route: &Route,
    pin: Option<&str>,
    said: &[Said],
) -> Option<RouteCalibration> {
    let confirmed = said.iter().filter(|one| one.is_confirmation()).count();
    if said.len() < FEWEST || confirmed * 2 < said.len() {
        return None;
    }
    let mut outcomes = Vec::with_capacity(said.len());
    for hand in 0..HANDS {
        let held: Vec<&Said> = said.iter().skip(hand).step_by(HANDS).collect();
        let router = routers.fit(&without(route, &held), pin).router.clone()?;
        for one in held {
            let decision = router.decide(&one.text).ok()?;
            let is_right = decision.class.is_some() && decision.class == one.class;
            outcomes.push(Outcome { probability: decision.probability, is_right });
        }
    }
    let Calibration { platt, threshold } = Calibration::fit(&outcomes, route.precision.min(MOST_PRECISE));
    Some(RouteCalibration {
        slope: rounded(platt.slope),
        offset: rounded(platt.offset),
        outcomes: u32::try_from(outcomes.len()).unwrap_or(u32::MAX),
        // A route never decides what is likelier wrong than right, whatever the log proves.
        threshold: threshold.map(|threshold| rounded(threshold).clamp(0.5, 1.0)),
        model: routers.standing(pin).model.digest,
    })
}

/// Returns a route that was never taught some texts, and is not calibrated.
fn without(route: &Route, held: &[&Said]) -> Route {
    let stays = |text: &String| !held.iter().any(|one| one.text == lesson(text));
    let mut route = Route { calibration: None, ..route.clone() };
    route.strangers.retain(stays);
    route.classes.iter_mut().for_each(|class| class.examples.retain(stays));
    route
}

fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        effects::tests::plans::{class, route},
        judgement::tests::unpulled,
    };

    fn taught() -> Route {
        let lead = class(
            "lead",
            &["We need a website, can you send a quote?", "How much is a redesign of our shop?"],
        );
        let support =
            class("support", &["The login on our site is broken", "The contact form does not work"]);
        route(vec![lead, support])
    }

    fn said(number: usize, class: &str) -> Said {
        let text = match class {
            "lead" => format!("Could you send us a quote for {number} new pages of our website?"),
            _ => format!("The login form on page {number} of our site is broken"),
        };
        let class = Some(class.to_owned());
        Said { run: "r".to_owned(), step: "sort".to_owned(), decided: class.clone(), class, text }
    }

    fn all(count: usize) -> Vec<Said> {
        (0..count).map(|number| said(number, if number % 2 == 0 { "lead" } else { "support" })).collect()
    }

    #[test]
    fn what_was_confirmed_often_is_believed_more_and_of_one_model_only() {
        let routers = unpulled();
        let found = calibrate(&routers, &taught(), None, &all(24)).unwrap();
        assert_eq!((found.outcomes, found.threshold), (24, None), "a hundred prove a threshold");
        assert!(found.model.starts_with("sha256:"), "{found:?}");
        let probability = |route: &Route| {
            let router = routers.fit(route, None).router.clone().unwrap();
            router.decide("Could you send us a quote for a new page?").unwrap().probability
        };
        let plain = probability(&taught());
        let calibrated = probability(&Route { calibration: Some(found.clone()), ..taught() });
        assert!(calibrated > plain, "all of it was right: {plain} {calibrated}");
        let other = RouteCalibration { model: format!("sha256:{}", "0".repeat(64)), ..found };
        assert!((probability(&Route { calibration: Some(other), ..taught() }) - plain).abs() < 1e-9);
    }

    #[test]
    fn a_hundred_outcomes_prove_a_threshold() {
        let found = calibrate(&unpulled(), &taught(), None, &all(120)).unwrap();
        assert!(found.threshold.is_some_and(|threshold| threshold >= 0.5), "{found:?}");
    }

    #[test]
    fn too_few_words_and_corrections_alone_say_nothing() {
        let routers = unpulled();
        assert_eq!(calibrate(&routers, &taught(), None, &all(19)), None);
        let wrong = |one: Said| Said { decided: Some("unsure".to_owned()), ..one };
        let corrected: Vec<Said> = all(24).into_iter().map(wrong).collect();
        assert_eq!(calibrate(&routers, &taught(), None, &corrected), None);
    }
}
