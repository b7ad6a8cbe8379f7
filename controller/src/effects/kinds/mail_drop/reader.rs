//! Reading a mail where it can harm nothing: on a thread of its own, with a known stack and a time to end.
//!
//! The bounds of `letter` make this the second line of defence. A panic ends the thread and is an answer; a reader that
//! does not come back is left behind, and after a few of them no mail is read until the process is started again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::oneshot;

use crate::effects::intake::letter::{self, Letter};

/// The stack of a reader.
const STACK: usize = 4 * 1024 * 1024;

/// How long reading one mail may take.
const LONGEST: Duration = Duration::from_secs(30);

/// The most readers that are left behind.
const MOST_LOST: usize = 4;

/// Why a mail was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotRead {
    /// It never will be: the reason is for the person who sent it.
    Never(String),
    /// No reader is free: it is tried again.
    Later(String),
}

/// Reads mails one at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader {
    lost: Arc<AtomicUsize>,
}

impl Reader {
    /// Reads one mail.
    pub(super) async fn read(&self, bytes: Vec<u8>) -> Result<Letter, NotRead> {
        self.with(LONGEST, move || letter::read(&bytes)).await
    }

    async fn with(
        &self,
        longest: Duration,
        work: impl FnOnce() -> Result<Letter, letter::Refused> + Send + 'static,
    ) -> Result<Letter, NotRead> {
        // A thread that never ends cannot be ended: they are counted, and past the limit nothing more is begun. Only the number
        // matters, not the order in which threads see it.
        if self.lost.load(Ordering::Relaxed) >= MOST_LOST {
            return Err(NotRead::Later(format!(
                "{MOST_LOST} mails were never read to their end: start it again"
            )));
        }
        let (sender, receiver) = oneshot::channel();
        let thread = std::thread::Builder::new().name("adjutant-letter".to_owned()).stack_size(STACK);
        let started = thread.spawn(move || drop(sender.send(work())));
        started.map_err(|error| NotRead::Later(format!("no thread for it: {error}")))?;
        match tokio::time::timeout(longest, receiver).await {
            Ok(Ok(read)) => read.map_err(NotRead::Never),
            // The sender is gone without a word: the thread panicked.
            Ok(Err(_)) => Err(NotRead::Never("the program that reads mails failed on it".to_owned())),
            Err(_) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                Err(NotRead::Never(format!("reading it took more than {} s", longest.as_secs())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mail_that_ends_its_reader_is_an_answer() {
        let reader = Reader::default();
        let panicked = reader.with(LONGEST, || panic!("as a parser would")).await.unwrap_err();
        assert_eq!(panicked, NotRead::Never("the program that reads mails failed on it".to_owned()));
        let read = reader.read(b"From: a@x.example\r\n\r\nhello\r\n".to_vec()).await.unwrap();
        assert_eq!(read.fields["text"], "hello");
    }

    #[tokio::test]
    async fn readers_that_do_not_come_back_are_few() {
        let reader = Reader::default();
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let held = Arc::new(std::sync::Mutex::new(held));
        for _ in 0..MOST_LOST {
            let held = Arc::clone(&held);
            let late = reader.with(Duration::from_millis(1), move || {
                held.lock().ok().and_then(|held| held.recv().ok());
                Err("late".to_owned())
            });
            assert!(matches!(late.await, Err(NotRead::Never(reason)) if reason.contains("took more than")));
        }
        assert!(matches!(reader.read(Vec::new()).await, Err(NotRead::Later(_))));
        drop(hold);
    }
}
