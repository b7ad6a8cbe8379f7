//! Moments as people read them: how long ago, or how soon.

use adjutant_machine::id::Stamp;
use adjutant_spec::spoken;

use crate::desk::views::When;

/// Returns the present moment.
#[must_use]
pub(crate) fn now() -> Stamp {
    Stamp(jiff::Timestamp::now().as_millisecond())
}

/// Returns `3 min ago`, `in 2 h`, `now`.
#[must_use]
pub(crate) fn relative(when: When, now: Stamp) -> String {
    spoken::distance(when.0.0, now.0)
}
