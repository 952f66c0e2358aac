//! What the bodies of all subjects share: each counts down, and the last wakes the driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::Notify;

/// The driver waits for it, and the bodies count it down. A body's only state is one gate: 8 bytes.
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
    /// A gate for `times` arrivals.
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

    /// Counts a body that runs. Returns whether it was not the last.
    pub fn arrive(&self) -> bool {
        let last = self.0.left.fetch_sub(1, Ordering::AcqRel) == 1;
        if last {
            self.0.all.notify_one();
        }
        !last
    }

    /// As [`arrive`](Gate::arrive), and records the times of the first and the last arrival.
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

    /// Counts a body that ends after its cancellation.
    pub fn leave(&self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }

    /// How many bodies have ended after their cancellation.
    pub fn ended(&self) -> usize {
        self.0.ended.load(Ordering::Relaxed)
    }
}

/// One change at a time: the driver requests it, a body makes it, and the observers see it.
#[derive(Clone, Debug)]
pub struct Change(Arc<Turn>);

#[derive(Debug)]
struct Turn {
    go: Notify,
    all_observed: Notify,
    observers: usize,
    left: AtomicUsize,
    base: Instant,
    made: AtomicUsize,
    last: AtomicUsize,
}

impl Change {
    /// A change with this many observers.
    pub fn new(observers: usize) -> Self {
        Change(Arc::new(Turn {
            go: Notify::new(),
            all_observed: Notify::new(),
            observers,
            left: AtomicUsize::new(0),
            base: Instant::now(),
            made: AtomicUsize::new(0),
            last: AtomicUsize::new(0),
        }))
    }

    /// Waits until the driver requests the change, which the body makes next.
    pub async fn turn(&self) {
        self.0.go.notified().await;
        self.about_to();
    }

    /// The change is about to be made.
    pub fn about_to(&self) {
        self.0.made.store(self.0.base.elapsed().as_nanos() as usize, Ordering::Release);
    }

    /// Counts an observer that has seen the change.
    pub fn observed(&self) {
        if self.0.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.last.store(self.0.base.elapsed().as_nanos() as usize, Ordering::Release);
            self.0.all_observed.notify_one();
        }
    }

    /// Requests a change from the body. Returns the nanoseconds until the last observer has seen
    /// it.
    pub async fn make(&self) -> u64 {
        self.make_by(|| self.0.go.notify_one()).await
    }

    /// Requests a change by calling `make`.
    pub async fn make_by(&self, make: impl FnOnce()) -> u64 {
        self.0.left.store(self.0.observers, Ordering::Release);
        make();
        self.0.all_observed.notified().await;
        (self.0.last.load(Ordering::Acquire) - self.0.made.load(Ordering::Acquire)) as u64
    }
}
