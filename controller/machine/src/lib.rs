//! adjutant-machine
