//! How far a pull is: a bar on a terminal, a line for each file elsewhere.

use std::{
    io::{IsTerminal as _, stderr},
    sync::{Mutex, PoisonError},
};

use indicatif::{ProgressBar, ProgressStyle};

use adjutant_spec::shown;

use crate::{
    cli::out::{say, words},
    judgement::pull::Progress,
};

const LINE: &str = "{msg:28!} {bar:24} {bytes:>10} of {total_bytes} {bytes_per_sec} {eta}";

/// Tells the person at stderr.
pub(super) struct Told {
    bar: Mutex<Option<ProgressBar>>,
    is_terminal: bool,
}

impl Told {
    pub(super) fn new() -> Self {
        Self { bar: Mutex::new(None), is_terminal: stderr().is_terminal() }
    }

    fn with_bar(&self, act: impl FnOnce(&ProgressBar)) -> bool {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        bar.as_ref().map(act).is_some()
    }
}

impl Progress for Told {
    fn begins(&self, file: &str, already: u64, bytes: u64) {
        if !self.is_terminal {
            let rest = if already == 0 { String::new() } else { format!(", going on after {already}") };
            return say(words!("{}: {} bytes{}", file, bytes, rest));
        }
        let style = ProgressStyle::with_template(LINE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(bytes).with_style(style).with_message(shown::line(file).into_owned());
        bar.set_position(already);
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    fn came(&self, bytes: u64) {
        self.with_bar(|bar| bar.inc(bytes));
    }

    fn ends(&self, _: &str) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(bar) = bar {
            bar.finish();
        }
    }

    fn tells(&self, what: &str) {
        if !self.with_bar(|bar| bar.println(shown::line(what))) {
            say(words!("{}", what));
        }
    }
}
