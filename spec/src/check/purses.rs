//! Checks of `budget` on an `each` and a `scope`: what stands inside fits, and nothing inside is out of its reach.

use rust_decimal::Decimal;

use super::{
    cx::{Cx, Out, Say},
    limits::{Amount, one_currency},
};
use crate::{
    compile::homes::Home,
    diag::{Code, Diagnostic},
    plan::{Step, StepKind},
    value::Money,
};

/// Checks the budgets of containers.
pub(crate) fn check(cx: &Cx<'_>, out: &mut Out) {
    for (place, step) in cx.steps() {
        if let Some(money) = budget(step) {
            let amount = Amount { money, spot: cx.spot(place, "budget") };
            one_currency(cx.draft, &amount, &format!("step \"{}\"", step.id), out);
        }
        let mut times = 1_u64;
        for home in cx.homes.around(place) {
            let holder = cx.step(home.holder);
            if let StepKind::Each { max_items, .. } = &holder.kind {
                times = times.saturating_mul(u64::from(*max_items));
            }
            if let Some(limit) = budget(holder) {
                inside(cx, &Inside { place, home, limit, times }, out);
            }
        }
    }
}

fn budget(step: &Step) -> Option<Money> {
    match &step.kind {
        StepKind::Each { budget, .. } | StepKind::Scope { budget, .. } => *budget,
        _ => None,
    }
}

/// A step inside a container with a budget.
struct Inside {
    place: usize,
    home: Home,
    limit: Money,
    /// How often the step may be done each time that the container is.
    times: u64,
}

fn inside(cx: &Cx<'_>, inside: &Inside, out: &mut Out) {
    let (step, container) = (cx.step(inside.place), cx.container(inside.home));
    if let StepKind::Run { run, .. } = &step.kind {
        out.say(
            Code::E0609,
            cx.spot(inside.place, "run"),
            Say {
                message: format!("{container} has a budget, and step \"{}\" in it runs \"{run}\"", step.id),
                label: "spends what the budget does not see",
                help: format!(
                    "take `budget` out of \"{}\", or do it in steps of this playbook; a budget of a policy holds for a child run",
                    cx.id(inside.home.holder)
                ),
            },
        );
    }
    let Some(cost) = step.max_cost else { return };
    let limit = inside.limit;
    if cost.exceeds(limit).unwrap_or(false) {
        let message =
            format!("step \"{}\" may cost {cost}, more than the budget of {limit} of {container}", step.id);
        let help = "lower `max_cost`, or raise the budget";
        return above(
            cx,
            inside,
            out,
            Diagnostic::new(Code::E0604, spot(cx, inside), message).label("could never start").help(help),
        );
    }
    let Some(amount) = cost.amount.checked_mul(Decimal::from(inside.times)).filter(|_| inside.times > 1)
    else {
        return;
    };
    let total = Money { amount, ..cost };
    if total.exceeds(limit).unwrap_or(false) {
        let times = inside.times;
        let message = format!(
            "step \"{}\" may cost {total} for {times} items, more than the budget of {limit} of {container}",
            step.id
        );
        let help = "lower `max_items` or `max_cost`, or raise the budget";
        above(
            cx,
            inside,
            out,
            Diagnostic::new(Code::W0605, spot(cx, inside), message)
                .label("enough for a few of them")
                .help(help),
        );
    }
}

fn spot(cx: &Cx<'_>, inside: &Inside) -> crate::diag::Spot {
    cx.spot(inside.place, "max_cost")
}

fn above(cx: &Cx<'_>, inside: &Inside, out: &mut Out, found: Diagnostic) {
    out.push(found.related(cx.spot(inside.home.holder, "budget"), "the budget"));
}
