//! adjutant-doubles
