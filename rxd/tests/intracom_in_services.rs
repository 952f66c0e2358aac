//! Intracom between the services of a daemon.

use rxd::intracom::{Group, Intracom, StaticTopic, Subscription};
use rxd::{Context, Daemon, Runner, Service, State, manager};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

struct Reader {
    kept: Arc<Mutex<Option<Subscription<u32>>>>,
    runs: u32,
}

impl Runner for Reader {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.runs += 1;
        let mut numbers = cx.intracom().subscribe::<u32>("numbers", Group::named("reader")).await?;
        assert_eq!(numbers.next().await, Some(7));
        *self.kept.lock().unwrap() = Some(numbers);
        Ok(())
    }
}

struct Writer;

impl Runner for Writer {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let topic = cx.intracom().topic::<u32>("numbers")?;
        topic.publish(7).await?;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn subscription_ends_with_its_incarnation_and_registry_with_the_daemon() {
    let kept = Arc::new(Mutex::new(None));
    let daemon = Daemon::new("d")
        .add(Service::new("reader", Reader { kept: kept.clone(), runs: 0 }).manager(manager::until_success))
        .add(Service::new("writer", Writer).manager(manager::until_success).after(["reader"]));
    let handle = daemon.signals([]).start().await.unwrap();
    let outside = handle.intracom();
    handle.wait_for("reader", State::Run).await.unwrap();
    let topic = outside.topic::<u32>("numbers").unwrap();
    while topic.publish(7).await.unwrap().delivered() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(handle.wait().await.is_ok());
    let mut numbers = kept.lock().unwrap().take().unwrap();
    assert_eq!(numbers.next().await, None, "its incarnation has ended");
    assert!(outside.is_closed());
}

/// A member that receives nothing and keeps the group alive, as in the guide.
struct Queue(Option<Subscription<u32>>);

impl Runner for Queue {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.0 = Some(JOBS.subscribe(&cx.intracom(), WORKERS)?);
        cx.cancelled().await;
        Ok(())
    }
}

/// Fails after its second job.
struct Worker {
    fails: bool,
    done: mpsc::UnboundedSender<u32>,
}

impl Runner for Worker {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut jobs = JOBS.subscribe(&cx.intracom(), WORKERS)?;
        while let Some(job) = jobs.recv().await {
            let _ = self.done.send(job);
            if job == 2 && std::mem::take(&mut self.fails) {
                return Err("lost".into());
            }
        }
        Ok(())
    }
}

static JOBS: StaticTopic<u32> = StaticTopic::new("jobs").block_timeout(Duration::MAX);
const WORKERS: Group<'_> = Group::named("workers").capacity(1000);

/// Which of five jobs a pool of one worker does, if the worker fails after the second.
async fn done_of_five(keeps: bool) -> Vec<u32> {
    let (done, mut finished) = mpsc::unbounded_channel();
    let worker = Service::new("worker", Worker { fails: true, done });
    let daemon = Daemon::new("pool").signals([]);
    let daemon = match keeps {
        true => daemon.add(Service::new("queue", Queue(None))).add(worker.needs(["queue"])),
        false => daemon.add(worker),
    };
    let handle = daemon.start().await.unwrap();
    handle.wait_for("worker", State::Run).await.unwrap();
    let jobs = JOBS.open(&handle.intracom()).unwrap();
    while jobs.stats().groups.iter().map(|group| group.members).sum::<usize>() < 1 + usize::from(keeps) {
        tokio::task::yield_now().await;
    }
    for job in 1..=5 {
        assert_eq!(jobs.publish(job).await.unwrap().delivered(), 1);
    }
    // Paused time passes once the worker has done all jobs. The worker is restarted within a
    // fraction of this.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(handle.states()["worker"].incarnation, 2);
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
    std::iter::from_fn(|| finished.try_recv().ok()).collect()
}

#[tokio::test(start_paused = true)]
async fn group_with_an_idle_member_keeps_its_queue_when_a_worker_fails() {
    assert_eq!(done_of_five(true).await, [1, 2, 3, 4, 5]);
    assert_eq!(done_of_five(false).await, [1, 2], "the group ends with its last member");
}

/// Receives what is buffered once it is cancelled.
struct Finisher {
    own: Option<Intracom>,
    done: mpsc::UnboundedSender<u32>,
}

impl Runner for Finisher {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let topics = self.own.clone().unwrap_or_else(|| cx.intracom());
        let mut jobs = JOBS.subscribe(&topics, WORKERS)?;
        for job in 1..=3 {
            assert_eq!(JOBS.open(&topics)?.publish(job).await?.delivered(), 1);
        }
        cx.cancelled().await;
        while let Ok(job) = jobs.try_recv() {
            let _ = self.done.send(job);
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn messages_buffered_at_cancellation_are_discarded_unless_in_a_private_registry() {
    for own in [false, true] {
        let (done, mut finished) = mpsc::unbounded_channel();
        let worker = Finisher { own: own.then(Intracom::new), done };
        let handle = Daemon::new("d").signals([]).add(Service::new("worker", worker)).start().await.unwrap();
        handle.wait_for("worker", State::Run).await.unwrap();
        handle.shutdown();
        assert!(handle.wait().await.is_ok());
        let done: Vec<u32> = std::iter::from_fn(|| finished.try_recv().ok()).collect();
        assert_eq!(done, if own { vec![1, 2, 3] } else { vec![] });
    }
}
