//! The threads of one model: its own, so that a busy model takes no more of the machine than it was given.

use rayon::prelude::*;

/// Threads that share the tasks of one operation.
pub(crate) struct Team {
    pool: Option<rayon::ThreadPool>,
    threads: usize,
}

impl Team {
    /// Starts the threads; one thread is the caller's own.
    pub(crate) fn new(threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let threads = threads.max(1);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("model-{index}"));
        let pool = if threads == 1 { None } else { Some(pool.build()?) };
        Ok(Self { pool, threads })
    }

    /// Returns no threads but the caller's own.
    pub(crate) fn alone() -> Self {
        Self { pool: None, threads: 1 }
    }

    /// Returns how many threads there are.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Runs `work` for each task below `count`, and returns when all are done.
    pub(crate) fn each(&self, count: usize, work: &(impl Fn(usize) + Sync)) {
        match &self.pool {
            Some(pool) if count > 1 => {
                pool.install(|| (0..count).into_par_iter().with_max_len(1).for_each(work));
            }
            _ => (0..count).for_each(work),
        }
    }

    /// Runs `work` for each part of `size` numbers, with the number of the part.
    pub(crate) fn each_part(&self, all: &mut [f32], size: usize, work: &(impl Fn(usize, &mut [f32]) + Sync)) {
        match &self.pool {
            Some(pool) if all.len() > size => pool.install(|| {
                all.par_chunks_mut(size).enumerate().for_each(|(index, part)| work(index, part));
            }),
            _ => all.chunks_mut(size).enumerate().for_each(|(index, part)| work(index, part)),
        }
    }

    /// Returns what `work` makes of each item, in their order.
    pub(crate) fn map<T: Sync, R: Send>(&self, items: &[T], work: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
        match &self.pool {
            Some(pool) => pool.install(|| items.par_iter().map(work).collect()),
            None => items.iter().map(work).collect(),
        }
    }
}
