//! Commands that need no daemon: they read and write a company repository, or print what the binary knows.

mod bench;
mod chaos;
mod check;
mod doctor;
mod init;
mod pages;
mod route;
mod secrets;
mod shell;
mod store;
mod test;

pub(super) use bench::bench;
pub(super) use check::{check, checked, fmt, load};
pub(super) use doctor::doctor;
pub(super) use init::{example, init, new, write_files, write_new};
pub(super) use pages::{explain, schema};
pub(super) use route::route;
pub(super) use secrets::secrets;
pub(super) use shell::{completions, man, service};
pub(super) use store::{backup, stored_clock, tell_backup};
pub(super) use test::{test, test_file};
