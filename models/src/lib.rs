//! adjutant-models
