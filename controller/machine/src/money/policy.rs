//! Permissions: who may use which verb without asking. Writes are denied unless granted; autonomy can only be tightened by
//! a stage, never loosened by it.

use adjutant_spec::plan::{Autonomy, Effect, Level, Plan, Stage, Subject};

/// What a call is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who, by oldest ids: the tightest grant of all counts.
    pub subjects: &'a [Subject],
    /// The verb's full name, or `record.write`.
    pub verb: &'a str,
    /// What it does to the world.
    pub effect: Effect,
    /// Whether a person approved exactly this payload at a gate.
    pub is_approved: bool,
    /// Whether a gate let it pass by its condition.
    pub passed_by_condition: bool,
    /// How far the slice's effects reach the world.
    pub stage: Stage,
}

/// Whether it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// It may, by this rule.
    Allow {
        /// The rule that allows it, in words.
        rule: String,
        /// Whether the operator wants to hear of it.
        tells: bool,
    },
    /// It may not be called.
    Deny {
        /// The rule that forbids it, in words.
        rule: String,
    },
    /// A person must agree first.
    Ask {
        /// The rule that wants a person's word, in words.
        rule: String,
    },
}

/// Decides by the grants of the plan in force, whatever a subject or a connector was called when they were written.
#[must_use]
pub fn decide(plan: &Plan, question: Question<'_>) -> Permission {
    if question.effect == Effect::Read {
        return allow("reads are free", false);
    }
    if question.stage == Stage::Observe {
        return Permission::Deny { rule: "the slice only observes".to_owned() };
    }
    if question.is_approved {
        return allow("a person approved this payload", false);
    }
    let grant = tightest(plan, question);
    let level = grant.map(|grant| grant.level);
    let rule = grant.map_or_else(|| format!("nothing grants \"{}\"", question.verb), rule_of);
    match level {
        _ if question.stage == Stage::Advise => Permission::Ask { rule: "the slice only advises".to_owned() },
        // Send, spend, delete and publish need a gate whatever is granted: a grant alone never lets them out.
        _ if question.effect.is_guarded() && !question.passed_by_condition => {
            Permission::Deny { rule: format!("\"{}\" needs a gate", question.verb) }
        }
        Some(Level::Advise | Level::Ask) => Permission::Ask { rule },
        Some(Level::Notify) => allow(&rule, true),
        Some(Level::Act) => allow(&rule, false),
        None if question.passed_by_condition => allow("its gate let it pass", false),
        None => Permission::Deny { rule },
    }
}

/// Decides what tells only this company's own runs, as a signal does: it needs no grant, and stays where the slice does not act.
#[must_use]
pub fn decide_inside(stage: Stage, is_approved: bool) -> Permission {
    match stage {
        Stage::Observe => Permission::Deny { rule: "the slice only observes".to_owned() },
        Stage::Advise if !is_approved => Permission::Ask { rule: "the slice only advises".to_owned() },
        Stage::Advise | Stage::Act => allow("a signal stays inside the company", false),
    }
}

fn allow(rule: &str, tells: bool) -> Permission {
    Permission::Allow { rule: rule.to_owned(), tells }
}

fn rule_of(grant: &Autonomy) -> String {
    format!("autonomy of {} for \"{}\": {:?}", grant.subject, grant.verb, grant.level).to_lowercase()
}

/// Returns the tightest grant that applies: loosening one subject never loosens another.
fn tightest<'a>(plan: &'a Plan, question: Question<'_>) -> Option<&'a Autonomy> {
    let verb = plan.oldest_verb(question.verb);
    let applies = |grant: &&Autonomy| {
        question.subjects.contains(&plan.subject(&grant.subject))
            && matches(&plan.oldest_verb(&grant.verb), &verb)
    };
    plan.policies.autonomy.iter().filter(applies).min_by_key(|grant| grant.level)
}

/// Returns whether a granted verb, such as `billing.*`, covers another one.
fn matches(granted: &str, verb: &str) -> bool {
    match granted.strip_suffix(".*") {
        Some(connector) => verb.strip_prefix(connector).is_some_and(|rest| rest.starts_with('.')),
        None => granted == verb,
    }
}
