//! Declared streams, types as names, and watches of a detached context.

use rxd::{Action, Context, Runner, State, Watch, WatchEnded};
use tokio::sync::mpsc;

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::service]
#[watch(any, changing, Run, Health, stream(health))]
#[watch(all, entering, Run, "extra", stream(extra))]
struct Poller {
    seen: mpsc::UnboundedSender<String>,
}

impl Runner for Poller {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut health = Poller::health(cx);
        let mut extra = Poller::extra(cx);
        assert!(extra.next().await.is_none(), "`extra` is switched off");
        assert_eq!(extra.ended(), Some(&WatchEnded::Disabled));
        assert!(!extra.is_met());
        while let Some(event) = tokio::select! {
            event = health.next() => event,
            () = cx.cancelled() => None,
        } {
            let _ = self.seen.send(format!("{} x {}", event.services[0].name, event.times));
        }
        Ok(())
    }
}

#[rxd::service]
struct Extra;

impl Runner for Extra {
    async fn run(&mut self, _cx: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Agent {
    health: Health,
    poller: Poller,
    extra: Option<Extra>,
}

#[tokio::test(start_paused = true)]
async fn declared_stream_yields_the_changes_it_names() {
    let (seen, mut received) = mpsc::unbounded_channel();
    let handle = Agent { health: Health, poller: Poller { seen }, extra: None }.start().await.unwrap();
    handle.wait_for((rxd::by_type::<Health>(), "poller"), State::Run).await.unwrap();
    tokio::task::yield_now().await;
    handle.restart("health").await.unwrap();
    handle.wait_for("health", State::Run).await.unwrap();
    let mut changes = 0;
    while changes < 2 {
        let text = received.recv().await.unwrap();
        let (name, times) = text.split_once(" x ").unwrap();
        assert_eq!(name, "health");
        changes += times.parse::<u32>().unwrap();
    }
    handle.shutdown();
    handle.wait().await.into_result().unwrap();
}

/// Watches `Observed` from before it starts, as the guide shows.
#[rxd::service]
#[watch(any, changing, Run, "observed", stream(observed))]
struct Observer {
    stream: Option<Watch>,
    seen: mpsc::UnboundedSender<u64>,
}

impl Runner for Observer {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        self.stream = Some(Self::observed(cx));
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        // `Observed` has ended before the stream is polled for the first time.
        cx.watch_any(Action::Entering, State::Exit, "observed")?.wait().await?;
        let stream = self.stream.as_mut().ok_or("run without init")?;
        while let Some(event) = stream.next().await {
            let _ = self.seen.send(event.times);
        }
        assert!(matches!(stream.ended(), Some(WatchEnded::Exited(_))));
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::service(manager = "until_success", backoff(base = "1ms"))]
#[watch(any, entering, Run, "observer")]
struct Observed {
    failures: u32,
}

impl Runner for Observed {
    async fn run(&mut self, _cx: &Context) -> rxd::Result {
        let Some(left) = self.failures.checked_sub(1) else { return Ok(()) };
        self.failures = left;
        Err("not yet".into())
    }
}

#[rxd::daemon]
struct Flapping {
    observed: Observed,
    observer: Observer,
}

#[tokio::test(start_paused = true)]
async fn stream_made_in_init_misses_nothing_until_run() {
    let (seen, mut received) = mpsc::unbounded_channel();
    let daemon = Flapping { observed: Observed { failures: 2 }, observer: Observer { stream: None, seen } };
    let handle = daemon.start().await.unwrap();
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(60), received.recv()).await;
    assert_eq!(in_time, Ok(Some(6)), "three Runs, entered and left");
    handle.shutdown();
    handle.wait().await.into_result().unwrap();
    assert_eq!(received.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn service_is_watched_by_its_type() {
    let (seen, _received) = mpsc::unbounded_channel();
    let handle = Agent { health: Health, poller: Poller { seen }, extra: None }.start().await.unwrap();
    let mut watch = handle.watch_all(Action::Entering, State::Run, [rxd::by_type::<Health>()]).unwrap();
    assert_eq!(watch.next().await.unwrap().services[0].name, "health");
    let error = handle.watch_any(Action::Entering, State::Run, rxd::by_type::<Extra>()).unwrap_err();
    assert_eq!(error.to_string(), "daemon `agent` has no service of type `Extra`", "`Extra` is switched off");
    handle.shutdown();
    handle.wait().await.into_result().unwrap();
}

#[tokio::test(start_paused = true)]
async fn detached_context_can_watch_only_itself() {
    let cx = Context::detached("poller");
    let mut own = cx.watch_any(Action::Entering, State::Run, "poller").unwrap();
    let waited = tokio::time::timeout(std::time::Duration::from_secs(1), own.next()).await;
    assert!(waited.is_err(), "a detached context never changes its state");
    assert!(cx.watch_any(Action::Entering, State::Run, "health").is_err());
    assert_eq!(Poller::health(&cx).wait().await.unwrap_err(), WatchEnded::Disabled);
}
