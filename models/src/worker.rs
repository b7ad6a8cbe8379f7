//! One thread in front of a model: callers from anywhere wait in one queue, and what waits is embedded together.
//!
//! ```text
//! ask ──► queue (bounded) ──► gather up to the budget ──► embed ──► each caller's answer
//! ask ──►                                                      └──► nobody, where the caller has gone
//! ```
//!
//! The thread ends with the last handle. It answers what still waits then with [`EmbedError::Stopped`].

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use crate::embed::{EmbedError, Embedder, Embedding, Model};

/// How much waits and how much is computed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Texts in the queue; who comes later waits outside or is told [`EmbedError::Busy`].
    pub waiting: usize,
    /// Tokens of one gathering, guessed from the bytes before they are counted. One request is never split.
    pub tokens: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { waiting: 4_096, tokens: 2_048 }
    }
}

/// English has about four bytes a token, and each text has two tokens around it.
const BYTES_PER_TOKEN: usize = 4;
const FRAME_TOKENS: usize = 2;

/// A handle to a model's thread; cheap to clone.
#[derive(Clone)]
pub struct Worker {
    shared: Arc<Shared>,
    /// Its end is the thread's: the thread itself holds `shared` alone.
    _handle: Arc<Handle>,
}

struct Shared {
    model: Model,
    dims: usize,
    limits: Limits,
    queue: Mutex<Queue>,
    /// Something waits, or the last handle is gone.
    filled: Condvar,
    /// Tells those who wait for room in the queue that something was taken out of it.
    drained: Condvar,
}

#[derive(Default)]
struct Queue {
    requests: VecDeque<Request>,
    texts: usize,
    is_closed: bool,
}

struct Request {
    texts: Vec<String>,
    reply: Arc<Reply>,
}

struct Handle(Arc<Shared>);

/// What a caller waits for: block with [`Pending::wait`], or await it. Dropping it withdraws the question.
pub struct Pending {
    reply: Arc<Reply>,
}

#[derive(Default)]
struct Reply {
    state: Mutex<ReplyState>,
    arrived: Condvar,
}

#[derive(Default)]
struct ReplyState {
    result: Option<Result<Vec<Embedding>, EmbedError>>,
    waker: Option<Waker>,
    is_withdrawn: bool,
}

/// A panic of another holder leaves the data whole: each change is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Worker {
    /// Starts the thread of a model.
    ///
    /// # Errors
    /// [`EmbedError::Stopped`] where the system gives no thread.
    pub fn start(embedder: impl Embedder + 'static, limits: Limits) -> Result<Self, EmbedError> {
        let shared = Arc::new(Shared {
            model: embedder.model().clone(),
            dims: embedder.dims(),
            limits,
            queue: Mutex::default(),
            filled: Condvar::new(),
            drained: Condvar::new(),
        });
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new().name("model-worker".to_owned());
        thread.spawn(move || work(&embedder, &of_thread)).map_err(|_| shared.stopped())?;
        Ok(Self { _handle: Arc::new(Handle(shared.clone())), shared })
    }

    /// Puts texts into the queue, or says that it is full.
    ///
    /// # Errors
    /// [`EmbedError::Busy`] where the texts do not fit; [`EmbedError::Stopped`].
    pub fn try_ask(&self, texts: Vec<String>) -> Result<Pending, EmbedError> {
        let queue = lock(&self.shared.queue);
        if !self.shared.has_room(&queue, texts.len()) {
            return Err(EmbedError::Busy { model: self.shared.model.name.clone(), waiting: queue.texts });
        }
        self.shared.put(queue, texts)
    }

    /// Puts texts into the queue; blocks while it is full.
    ///
    /// # Errors
    /// [`EmbedError::Stopped`].
    pub fn ask(&self, texts: Vec<String>) -> Result<Pending, EmbedError> {
        let mut queue = lock(&self.shared.queue);
        while !self.shared.has_room(&queue, texts.len()) {
            queue = self.shared.drained.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        self.shared.put(queue, texts)
    }
}

impl Embedder for Worker {
    fn model(&self) -> &Model {
        &self.shared.model
    }

    fn dims(&self) -> usize {
        self.shared.dims
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        self.ask(texts.iter().map(|text| (*text).to_owned()).collect())?.wait()
    }
}

impl Shared {
    fn stopped(&self) -> EmbedError {
        EmbedError::Stopped { model: self.model.name.clone() }
    }

    /// An empty queue takes any request: one that is larger than the limit would never fit otherwise.
    fn has_room(&self, queue: &Queue, texts: usize) -> bool {
        queue.is_closed || queue.texts == 0 || queue.texts + texts <= self.limits.waiting
    }

    fn put(&self, mut queue: MutexGuard<'_, Queue>, texts: Vec<String>) -> Result<Pending, EmbedError> {
        if queue.is_closed {
            return Err(self.stopped());
        }
        let reply = Arc::new(Reply::default());
        queue.texts += texts.len();
        queue.requests.push_back(Request { texts, reply: reply.clone() });
        self.filled.notify_one();
        Ok(Pending { reply })
    }

    /// Returns what waits, up to the budget; nothing once the last handle is gone.
    fn gather(&self) -> Option<Vec<Request>> {
        let mut queue = lock(&self.queue);
        while queue.requests.is_empty() && !queue.is_closed {
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.is_closed {
            return None;
        }
        let mut gathered = Vec::new();
        let mut tokens = 0usize;
        while let Some(request) = queue.requests.front() {
            tokens += request.tokens();
            if tokens > self.limits.tokens && !gathered.is_empty() {
                break;
            }
            gathered.extend(queue.requests.pop_front());
        }
        queue.texts -= gathered.iter().map(|request: &Request| request.texts.len()).sum::<usize>();
        self.drained.notify_all();
        Some(gathered.into_iter().filter(|request| !request.is_withdrawn()).collect())
    }
}

impl Request {
    fn tokens(&self) -> usize {
        self.texts.iter().map(|text| text.len() / BYTES_PER_TOKEN + FRAME_TOKENS).sum()
    }

    fn is_withdrawn(&self) -> bool {
        lock(&self.reply.state).is_withdrawn
    }

    fn answer(self, result: Result<Vec<Embedding>, EmbedError>) {
        let mut state = lock(&self.reply.state);
        state.result = Some(result);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        self.reply.arrived.notify_all();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        queue.is_closed = true;
        self.0.filled.notify_all();
        self.0.drained.notify_all();
    }
}

/// Closes the queue when the thread ends, also by a panic: nobody waits for ever.
struct Closing<'a>(&'a Shared);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        queue.is_closed = true;
        queue.texts = 0;
        for request in queue.requests.drain(..) {
            request.answer(Err(self.0.stopped()));
        }
        self.0.drained.notify_all();
    }
}

fn work(embedder: &impl Embedder, shared: &Shared) {
    let _closing = Closing(shared);
    while let Some(requests) = shared.gather() {
        let mut unanswered = Unanswered { requests, shared };
        let texts: Vec<&str> =
            unanswered.requests.iter().flat_map(|request| request.texts.iter()).map(String::as_str).collect();
        match embedder.embed(&texts) {
            Ok(embeddings) => {
                let mut embeddings = embeddings.into_iter();
                for request in std::mem::take(&mut unanswered.requests) {
                    let own = embeddings.by_ref().take(request.texts.len()).collect();
                    request.answer(Ok(own));
                }
            }
            Err(_) => one_by_one(embedder, &mut unanswered),
        }
    }
}

/// A text that cannot be embedded is its own caller's error alone.
fn one_by_one(embedder: &impl Embedder, unanswered: &mut Unanswered<'_>) {
    while let Some(request) = unanswered.requests.first() {
        let texts: Vec<&str> = request.texts.iter().map(String::as_str).collect();
        let result = embedder.embed(&texts);
        unanswered.requests.remove(0).answer(result);
    }
}

/// Requests that were taken from the queue; a panic of the model answers them too.
struct Unanswered<'a> {
    requests: Vec<Request>,
    shared: &'a Shared,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        for request in self.requests.drain(..) {
            request.answer(Err(self.shared.stopped()));
        }
    }
}

impl Pending {
    /// Blocks until the embeddings are there.
    ///
    /// # Errors
    /// What the model says about these texts; [`EmbedError::Stopped`].
    pub fn wait(self) -> Result<Vec<Embedding>, EmbedError> {
        let mut state = lock(&self.reply.state);
        loop {
            if let Some(result) = state.result.take() {
                return result;
            }
            state = self.reply.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Future for Pending {
    type Output = Result<Vec<Embedding>, EmbedError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = lock(&self.reply.state);
        if let Some(result) = state.result.take() {
            return Poll::Ready(result);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        lock(&self.reply.state).is_withdrawn = true;
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
