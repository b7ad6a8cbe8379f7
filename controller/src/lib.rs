//! adjutant
