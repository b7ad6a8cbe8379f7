//! The worker's promises, with a model that waits for a sign.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::fake::FakeEmbedder;

/// A model that says what it was asked, and answers when it may.
struct Gate {
    inner: FakeEmbedder,
    asked: Mutex<Sender<Vec<String>>>,
    may_go: Mutex<Receiver<()>>,
}

struct Signs {
    asked: Receiver<Vec<String>>,
    may_go: Sender<()>,
}

/// A worker whose model answers when the test lets it.
struct Gated {
    worker: Worker,
    signs: Signs,
}

fn gated(limits: Limits) -> Gated {
    let (asked, is_asked) = channel();
    let (go, may_go) = channel();
    let gate = Gate { inner: FakeEmbedder::default(), asked: Mutex::new(asked), may_go: Mutex::new(may_go) };
    let signs = Signs { asked: is_asked, may_go: go };
    Gated { worker: Worker::start(gate, limits).unwrap(), signs }
}

impl Embedder for Gate {
    fn model(&self) -> &Model {
        self.inner.model()
    }

    fn dims(&self) -> usize {
        self.inner.dims()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        drop(lock(&self.asked).send(texts.iter().map(|text| (*text).to_owned()).collect()));
        let _ = lock(&self.may_go).recv();
        assert!(!texts.contains(&"panic"), "as the test wants");
        match texts.contains(&"bad") {
            true => Err(EmbedError::Forward { model: "gate".to_owned(), reason: "bad".to_owned() }),
            false => self.inner.embed(texts),
        }
    }
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn each_caller_gets_the_vectors_of_its_own_texts() {
    let worker = Worker::start(FakeEmbedder::default(), Limits::default()).unwrap();
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let worker = worker.clone();
            scope.spawn(move || {
                for round in 0..20 {
                    let text = format!("caller {caller} round {round}");
                    let expected = FakeEmbedder::default().embed(&[&text, "other"]).unwrap();
                    assert_eq!(worker.embed(&[&text, "other"]).unwrap(), expected);
                }
            });
        }
    });
}

#[test]
fn what_waits_is_embedded_together_up_to_the_budget() {
    let Gated { worker, signs } = gated(Limits { waiting: 100, tokens: 6 });
    let first = worker.ask(texts(&["one"])).unwrap();
    assert_eq!(signs.asked.recv().unwrap(), ["one"]);
    // Each of these is guessed at two tokens: three fit into six.
    let rest: Vec<Pending> =
        ["a", "b", "c", "d"].iter().map(|text| worker.ask(texts(&[text])).unwrap()).collect();
    for _ in 0..3 {
        signs.may_go.send(()).unwrap();
    }
    first.wait().unwrap();
    assert!(rest.into_iter().all(|answer| answer.wait().unwrap().len() == 1));
    assert_eq!(signs.asked.recv().unwrap(), ["a", "b", "c"]);
    assert_eq!(signs.asked.recv().unwrap(), ["d"]);
}

#[test]
fn full_queue_says_busy() {
    let Gated { worker, signs } = gated(Limits { waiting: 2, tokens: 100 });
    let first = worker.ask(texts(&["one"])).unwrap();
    signs.asked.recv().unwrap();
    let second = worker.try_ask(texts(&["two", "three"])).unwrap();
    let busy = worker.try_ask(texts(&["four"])).err().unwrap();
    assert_eq!(busy, EmbedError::Busy { model: "fake".to_owned(), waiting: 2 });
    signs.may_go.send(()).unwrap();
    signs.may_go.send(()).unwrap();
    first.wait().unwrap();
    assert_eq!(second.wait().unwrap().len(), 2);
}

#[test]
fn dropped_answer_costs_nothing() {
    let Gated { worker, signs } = gated(Limits::default());
    let first = worker.ask(texts(&["one"])).unwrap();
    signs.asked.recv().unwrap();
    drop(worker.ask(texts(&["nobody waits for this"])).unwrap());
    let last = worker.ask(texts(&["last"])).unwrap();
    signs.may_go.send(()).unwrap();
    signs.may_go.send(()).unwrap();
    first.wait().unwrap();
    last.wait().unwrap();
    assert_eq!(signs.asked.recv().unwrap(), ["last"]);
}

#[test]
fn bad_text_is_the_error_of_its_caller_alone() {
    let Gated { worker, signs } = gated(Limits::default());
    let first = worker.ask(texts(&["one"])).unwrap();
    signs.asked.recv().unwrap();
    let good = worker.ask(texts(&["good"])).unwrap();
    let bad = worker.ask(texts(&["bad"])).unwrap();
    for _ in 0..4 {
        signs.may_go.send(()).unwrap();
    }
    first.wait().unwrap();
    assert_eq!(good.wait().unwrap().len(), 1);
    assert!(matches!(bad.wait(), Err(EmbedError::Forward { .. })));
}

#[test]
fn panic_of_the_model_is_an_answer_to_all() {
    let Gated { worker, signs } = gated(Limits::default());
    let first = worker.ask(texts(&["panic"])).unwrap();
    signs.asked.recv().unwrap();
    let second = worker.ask(texts(&["two"])).unwrap();
    signs.may_go.send(()).unwrap();
    assert!(matches!(first.wait(), Err(EmbedError::Stopped { .. })));
    assert!(matches!(second.wait(), Err(EmbedError::Stopped { .. })));
    assert!(matches!(worker.embed(&["three"]), Err(EmbedError::Stopped { .. })));
}

#[test]
fn thread_ends_with_the_last_handle() {
    let Gated { worker, signs } = gated(Limits::default());
    let other = worker.clone();
    drop(worker);
    signs.may_go.send(()).unwrap();
    other.embed(&["still there"]).unwrap();
    assert_eq!(signs.asked.recv().unwrap(), ["still there"]);
    drop(other);
    // The model goes with its thread, and with it the other end of the channel.
    assert!(signs.asked.recv().is_err());
}

#[test]
fn answer_can_be_awaited() {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let Gated { worker, signs } = gated(Limits::default());
    let mut answer = Box::pin(worker.ask(texts(&["one"])).unwrap());
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    assert!(answer.as_mut().poll(&mut context).is_pending());
    signs.may_go.send(()).unwrap();
    let result = loop {
        match answer.as_mut().poll(&mut context) {
            Poll::Ready(result) => break result,
            Poll::Pending => std::thread::park(),
        }
    };
    assert_eq!(result.unwrap().len(), 1);
}
