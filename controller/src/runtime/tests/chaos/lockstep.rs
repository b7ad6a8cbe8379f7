//! One shard without a thread: the driver hands it one message at a time, and only while nothing else moves. So the same seed
//! takes the same way, to the last byte.

use std::{collections::VecDeque, sync::atomic::Ordering};

use adjutant_machine::{
    event::{Event, TimerId},
    id::InstanceId,
};

use crate::runtime::{
    core::Core,
    mailbox::{Job, Message},
    shard::Shard,
};

/// A shard, and what it was sent.
pub(super) struct Lockstep {
    shard: Shard,
    queue: VecDeque<Message>,
    /// What tasks have sent since they began to move: they move side by side, so what came first among them is chance.
    arrivals: Vec<Message>,
}

impl Lockstep {
    pub(super) fn new(shard: Shard) -> Self {
        Self { shard, queue: VecDeque::new(), arrivals: Vec::new() }
    }

    /// Works for ever: whoever waits for something else drops it then.
    pub(super) async fn work(&mut self, core: &Core) {
        loop {
            tokio::task::yield_now().await;
            self.arrivals.extend(self.shard.inbox.waiting());
            if self.moving(core) == 0 {
                self.one();
            }
        }
    }

    /// Deals with everything that was sent, and lets nothing else move.
    pub(super) fn drain(&mut self) {
        self.arrivals.extend(self.shard.inbox.waiting());
        while self.one() {}
    }

    /// Deals with the next message, and takes up what it sent itself; tells whether there was one.
    fn one(&mut self) -> bool {
        self.arrivals.sort_by_key(order);
        self.queue.extend(self.arrivals.drain(..));
        let Some(message) = self.queue.pop_front() else { return false };
        self.shard.take(message);
        self.queue.extend(self.shard.inbox.waiting());
        true
    }

    /// Returns how much moves outside of the shard: neither its jobs do, nor a task that waits for what they answer.
    fn moving(&self, core: &Core) -> usize {
        let sent = self.queue.iter().chain(&self.arrivals).filter_map(|message| match message {
            Message::Job { job, .. } => Some(job),
            Message::Written | Message::Stop => None,
        });
        let jobs: Vec<&Job> = sent.chain(self.shard.jobs()).collect();
        let starts = jobs.iter().filter(|job| matches!(job, Job::Start { reply: Some(_), .. })).count();
        // However many runs the clock's task tells that it was set back, it is one that waits.
        let clock = usize::from(jobs.iter().any(|job| is_told_of_the_clock(job)));
        let turns = jobs.iter().filter(|job| is_a_turn(job)).count();
        core.work.load(Ordering::SeqCst) - (jobs.len() + starts + clock + turns)
    }
}

fn is_told_of_the_clock(job: &Job) -> bool {
    matches!(job, Job::Event { envelope, reply: Some(_), .. } if matches!(envelope.event, Event::ClockSetBack))
}

/// Whoever gives a turn waits until it is taken.
fn is_a_turn(job: &Job) -> bool {
    matches!(job, Job::Event { envelope, reply: Some(_), .. } if matches!(envelope.event, Event::TurnCame))
}

/// A lease that runs out is told by its attempt, and other timers by the clock's task: both wake by the same moment.
fn order(message: &Message) -> (Option<InstanceId>, String) {
    match message {
        Message::Job { instance, job } => {
            let lapsed = match job {
                Job::Event { envelope, .. } => match &envelope.event {
                    Event::TimerFired { timer: TimerId::Lease(..) } => envelope.id.clone(),
                    _ => "~".to_owned(),
                },
                Job::Start { .. } | Job::Lease { .. } | Job::Remove { .. } => "~".to_owned(),
            };
            (Some(instance.clone()), lapsed)
        }
        Message::Written | Message::Stop => (None, String::new()),
    }
}
