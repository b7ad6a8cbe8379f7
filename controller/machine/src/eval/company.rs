//! What templates read as `company`: made once for a bundle, since no run changes it.

use adjutant_spec::plan::Bundle;
use minijinja::value::Value as Jinja;

use super::data::given;

/// Returns the names of the company that a bundle was made in.
pub(crate) fn company(def: &Bundle) -> Jinja {
    given(def.company.iter().map(|(name, text)| (Jinja::from(name), Jinja::from(text))).collect())
}
