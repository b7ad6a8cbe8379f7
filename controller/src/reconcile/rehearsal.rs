//! What recorded decisions would become under another plan: asked of whoever can decide, which this room cannot.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_spec::plan::{Id, Plan};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// The recorded decisions of one route, decided again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsed {
    /// The route whose decisions were decided again.
    pub route: Id,
    /// How many of its latest decisions were decided again, by the old and by the new route.
    pub decided: usize,
    /// Those that would change, the most frequent first.
    pub changes: Vec<Turn>,
    /// Why not all that were looked for were decided again; absent where they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
}

/// One recorded decision, decided again by the old and by the new route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Redecided {
    /// The class by the old route.
    pub was: String,
    /// The class by the new one.
    pub would_be: String,
}

/// Decisions that would change in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// The class as it is.
    pub from: String,
    /// The class as it would be.
    pub to: String,
    /// How many decisions would change so.
    pub count: usize,
}

/// Stored records of one kind that would no longer fit: the next write to each of them would fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfit {
    /// The kind of record whose stored rows no longer fit.
    pub kind: Id,
    /// How many were looked at.
    pub looked: usize,
    /// Whether there are more that were not.
    pub more: bool,
    /// How many of them would not fit.
    pub unfit: usize,
    /// The first of them, each with what is wrong; at most a few.
    pub examples: Vec<String>,
}

impl Unfit {
    /// Says it in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let of = if self.more { format!("the first {}", self.looked) } else { self.looked.to_string() };
        format!("{} of {of} \"{}\" would no longer fit: {}", self.unfit, self.kind, self.examples.join("; "))
    }
}

/// Decides recorded texts again, and holds stored records against new schemas.
///
/// *Guarantees*: bounded work on a thread that can be ended, nothing that costs money, nothing is changed. *Errors*: are told
/// in the log; what could not be decided again is left out, and the answer says that it was cut off.
pub trait Rehearse: Send + Sync {
    /// Returns what would become of the recorded decisions of each route that differs.
    fn rehearse(&self, before: Arc<Plan>, after: Arc<Plan>) -> BoxFuture<'static, Vec<Rehearsed>>;

    /// Returns the kinds of records of which some are stored that would no longer fit.
    fn records(&self, before: Arc<Plan>, after: Arc<Plan>) -> BoxFuture<'static, Vec<Unfit>>;
}

impl Rehearsed {
    /// Counts the decisions of a route by what they were and would be.
    #[must_use]
    pub fn of(route: Id, again: impl IntoIterator<Item = Redecided>) -> Self {
        let mut counts = BTreeMap::<Redecided, usize>::new();
        let mut decided = 0;
        for one in again {
            decided += 1;
            if one.was != one.would_be {
                *counts.entry(one).or_default() += 1;
            }
        }
        let turn = |(one, count): (Redecided, usize)| Turn { from: one.was, to: one.would_be, count };
        let mut changes: Vec<Turn> = counts.into_iter().map(turn).collect();
        changes.sort_by_key(|turn| std::cmp::Reverse(turn.count));
        Self { route, decided, changes, cut: None }
    }

    /// Says that it was cut off.
    #[must_use]
    pub fn cut_off(self, why: impl Into<String>) -> Self {
        Self { cut: Some(why.into()), ..self }
    }

    /// Says it in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let cut = self.cut.as_ref().map_or_else(String::new, |why| format!("; cut off {why}"));
        format!("{}{cut}", self.told())
    }

    fn told(&self) -> String {
        let moved: usize = self.changes.iter().map(|turn| turn.count).sum();
        if moved == 0 {
            return format!("route \"{}\": none of {} would change", self.route, self.decided);
        }
        let turns: Vec<String> = self
            .changes
            .iter()
            .map(|turn| format!("{} -> {} ({})", turn.from, turn.to, turn.count))
            .collect();
        format!("route \"{}\": {moved} of {} would change: {}", self.route, self.decided, turns.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_counted_and_the_most_frequent_is_told_first() {
        let again =
            |was: &str, would_be: &str| Redecided { was: was.to_owned(), would_be: would_be.to_owned() };
        let all = [("lead", "lead"), ("unsure", "lead"), ("lead", "support"), ("lead", "support")];
        let all = all.map(|(was, would_be)| again(was, would_be));
        let rehearsed = Rehearsed::of("inbound".to_owned(), all);
        let expected = "route \"inbound\": 3 of 4 would change: lead -> support (2), unsure -> lead (1)";
        assert_eq!(rehearsed.sentence(), expected);
        let calm = Rehearsed::of("inbound".to_owned(), [again("a", "a")]);
        assert_eq!(calm.sentence(), "route \"inbound\": none of 1 would change");
        let cut = calm.cut_off("after 1 of 40 decisions, 15 s");
        assert_eq!(
            cut.sentence(),
            "route \"inbound\": none of 1 would change; cut off after 1 of 40 decisions, 15 s"
        );
    }
}
