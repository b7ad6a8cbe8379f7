//! adjutant-spec
