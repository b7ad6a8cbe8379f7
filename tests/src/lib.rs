//! adjutant-tests
