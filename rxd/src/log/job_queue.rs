//! The queue before a sink's thread: bounded, with many senders and one receiver.
//!
//! The channel of the standard library is compiled in three variants for each type, which is ten times
//! the code of this one. Every user of rxd compiles it.
//!
//! # Invariants
//!
//! 1. A job is in the queue, or was returned to its sender, or taken by the receiver.
//! 2. The receiver sleeps only while the queue is empty and has a sender. Both change under the lock,
//!    and the change is followed by a notification.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The sending side. The receiver ends once it is dropped and the queue is empty.
pub(super) struct JobSender<T>(Arc<Shared<T>>);

/// The receiving side.
pub(super) struct JobReceiver<T>(Arc<Shared<T>>);

/// Why a job was not queued, with the job.
pub(super) enum Refused<T> {
    Full(T),
    /// There is no receiver any more.
    Closed(T),
}

struct Shared<T> {
    state: Mutex<QueueState<T>>,
    /// For the receiver.
    has_changed: Condvar,
}

struct QueueState<T> {
    jobs: VecDeque<T>,
    most: usize,
    has_sender: bool,
    has_receiver: bool,
    /// Whether the receiver waits: a notification costs a system call.
    is_waiting: bool,
}

/// A queue for at most this many jobs.
pub(super) fn job_queue<T>(most: usize) -> (JobSender<T>, JobReceiver<T>) {
    let state = QueueState { jobs: VecDeque::new(), most, has_sender: true, has_receiver: true, is_waiting: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), has_changed: Condvar::new() });
    (JobSender(shared.clone()), JobReceiver(shared))
}

impl<T> fmt::Debug for JobSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobSender").finish_non_exhaustive()
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, QueueState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the receiver, if it waits.
    fn notify(&self, mut state: MutexGuard<'_, QueueState<T>>) {
        let is_waiting = std::mem::take(&mut state.is_waiting);
        drop(state);
        if is_waiting {
            self.has_changed.notify_one();
        }
    }
}

impl<T> JobSender<T> {
    /// Queues a job, unless the queue is full. Does not wait for room.
    pub(super) fn try_send(&self, job: T) -> Result<(), Refused<T>> {
        let mut state = self.0.lock();
        if !state.has_receiver {
            return Err(Refused::Closed(job));
        }
        if state.jobs.len() >= state.most {
            return Err(Refused::Full(job));
        }
        state.jobs.push_back(job);
        self.0.notify(state);
        Ok(())
    }
}

impl<T> Drop for JobSender<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.has_sender = false;
        self.0.notify(state);
    }
}

impl<T> JobReceiver<T> {
    /// The next job. Waits for it; `None` once there is neither a job nor a sender.
    pub(super) fn recv(&self) -> Option<T> {
        let mut state = self.0.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if !state.has_sender {
                return None;
            }
            state.is_waiting = true;
            state = self.0.has_changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next job, if there is one.
    pub(super) fn try_recv(&self) -> Option<T> {
        self.0.lock().jobs.pop_front()
    }
}

impl<T> Drop for JobReceiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.has_receiver = false;
        // Dropped without the lock: a job may answer somebody when it is dropped.
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        drop(jobs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_that_finds_no_room_or_no_receiver_is_returned() {
        let (sender, receiver) = job_queue(1);
        assert!(sender.try_send(1).is_ok());
        assert!(matches!(sender.try_send(2), Err(Refused::Full(2))));
        assert_eq!(receiver.recv(), Some(1));
        assert!(sender.try_send(3).is_ok());
        drop(receiver);
        assert!(matches!(sender.try_send(4), Err(Refused::Closed(4))));
    }

    #[test]
    fn job_that_is_left_behind_is_dropped_with_the_receiver() {
        let (sender, receiver) = job_queue(1);
        let job = Arc::new(());
        assert!(sender.try_send(job.clone()).is_ok());
        drop(receiver);
        assert_eq!(Arc::strong_count(&job), 1);
    }

    #[test]
    fn receiver_gets_all_jobs_in_order_and_then_ends() {
        let (sender, receiver) = job_queue(4);
        let thread = crate::spawn::thread("receiver", move || {
            for expected in 0..1000 {
                assert_eq!(receiver.recv(), Some(expected));
            }
            assert_eq!(receiver.recv(), None);
        });
        for job in 0..1000 {
            let mut job = job;
            while let Err(Refused::Full(back)) = sender.try_send(job) {
                job = back;
                std::thread::yield_now();
            }
        }
        drop(sender);
        thread.unwrap().join().unwrap();
    }
}
