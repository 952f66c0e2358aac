//! What all bodies share: count up, the last wakes the driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::Notify;

/// Waited for by the driver, counted down by the bodies. A body's own state is one of these: 8 bytes.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    left: AtomicUsize,
    all: Notify,
    ended: AtomicUsize,
    base: Instant,
    first: AtomicUsize,
    last: AtomicUsize,
}

impl Gate {
    /// To be arrived at so many times.
    pub fn new(times: usize) -> Self {
        Gate(Arc::new(Inner {
            left: AtomicUsize::new(times),
            all: Notify::new(),
            ended: AtomicUsize::new(0),
            base: Instant::now(),
            first: AtomicUsize::new(0),
            last: AtomicUsize::new(0),
        }))
    }

    /// A body is running. Whether it was not the last.
    pub fn arrive(&self) -> bool {
        let last = self.0.left.fetch_sub(1, Ordering::AcqRel) == 1;
        if last {
            self.0.all.notify_one();
        }
        !last
    }

    /// As [`arrive`](Gate::arrive), with the times of the first and the last noted.
    pub fn arrive_timed(&self) -> bool {
        let now = |slot: &AtomicUsize| slot.store(self.0.base.elapsed().as_nanos() as usize, Ordering::Relaxed);
        if self.0.first.load(Ordering::Relaxed) == 0 {
            now(&self.0.first);
        }
        if self.0.left.load(Ordering::Relaxed) == 1 {
            now(&self.0.last);
        }
        self.arrive()
    }

    /// Nanoseconds from the first to the last arrival.
    pub fn took(&self) -> u64 {
        (self.0.last.load(Ordering::Relaxed) - self.0.first.load(Ordering::Relaxed)) as u64
    }

    /// Waits for the last to arrive.
    pub async fn all(&self) {
        self.0.all.notified().await;
    }

    /// A body was told to end, and does.
    pub fn leave(&self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }

    /// How many have ended because they were told to.
    pub fn ended(&self) -> usize {
        self.0.ended.load(Ordering::Relaxed)
    }
}

/// One change at a time: the driver asks for it, its body makes it, and so many observers hear of it.
#[derive(Clone, Debug)]
pub struct Change(Arc<Turn>);

#[derive(Debug)]
struct Turn {
    go: Notify,
    heard: Notify,
    observers: usize,
    left: AtomicUsize,
    base: Instant,
    made: AtomicUsize,
    last: AtomicUsize,
}

impl Change {
    /// Observed by so many.
    pub fn new(observers: usize) -> Self {
        Change(Arc::new(Turn {
            go: Notify::new(),
            heard: Notify::new(),
            observers,
            left: AtomicUsize::new(0),
            base: Instant::now(),
            made: AtomicUsize::new(0),
            last: AtomicUsize::new(0),
        }))
    }

    /// The body waits for its turn, and is then about to make the change.
    pub async fn turn(&self) {
        self.0.go.notified().await;
        self.about_to();
    }

    /// The change is about to be made.
    pub fn about_to(&self) {
        self.0.made.store(self.0.base.elapsed().as_nanos() as usize, Ordering::Release);
    }

    /// An observer has heard of it.
    pub fn heard(&self) {
        if self.0.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.last.store(self.0.base.elapsed().as_nanos() as usize, Ordering::Release);
            self.0.heard.notify_one();
        }
    }

    /// Has a change be made by whoever waits for its turn; nanoseconds until the last observer has heard of it.
    pub async fn make(&self) -> u64 {
        self.make_by(|| self.0.go.notify_one()).await
    }

    /// Has a change be made by this.
    pub async fn make_by(&self, make: impl FnOnce()) -> u64 {
        self.0.left.store(self.0.observers, Ordering::Release);
        make();
        self.0.heard.notified().await;
        (self.0.last.load(Ordering::Acquire) - self.0.made.load(Ordering::Acquire)) as u64
    }
}
