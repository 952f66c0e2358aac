//! Declared streams, types as names, and a watch in a context of no daemon.

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
        assert!(extra.next().await.is_none(), "nobody of that name is part of this daemon");
        assert_eq!(extra.ended(), Some(&WatchEnded::Disabled));
        assert!(!extra.is_met());
        while let Some(met) = tokio::select! {
            met = health.next() => met,
            () = cx.cancelled() => None,
        } {
            let _ = self.seen.send(format!("{} x {}", met.services[0].name, met.times));
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
async fn a_declared_stream_yields_what_it_names() {
    let (seen, mut told) = mpsc::unbounded_channel();
    let handle = Agent { health: Health, poller: Poller { seen }, extra: None }.start().await.unwrap();
    handle.wait_for((rxd::by_type::<Health>(), "poller"), State::Run).await.unwrap();
    tokio::task::yield_now().await;
    handle.restart("health").await.unwrap();
    handle.wait_for("health", State::Run).await.unwrap();
    let mut changes = 0;
    while changes < 2 {
        let text = told.recv().await.unwrap();
        let (name, times) = text.split_once(" x ").unwrap();
        assert_eq!(name, "health");
        changes += times.parse::<u32>().unwrap();
    }
    handle.shutdown();
    handle.wait().await.into_result().unwrap();
}

/// Keeps what `Observed` does from before it is there, as the guide has it.
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
        // Whatever is observed does, it does before this is polled first.
        cx.watch_any(Action::Entering, State::Exit, "observed")?.wait().await?;
        let stream = self.stream.as_mut().ok_or("run without init")?;
        while let Some(met) = stream.next().await {
            let _ = self.seen.send(met.times);
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
async fn a_stream_that_is_made_in_init_lives_on_into_run_and_misses_nothing() {
    let (seen, mut told) = mpsc::unbounded_channel();
    let daemon = Flapping { observed: Observed { failures: 2 }, observer: Observer { stream: None, seen } };
    let handle = daemon.start().await.unwrap();
    let told_in_time = tokio::time::timeout(std::time::Duration::from_secs(60), told.recv()).await;
    assert_eq!(told_in_time, Ok(Some(6)), "three Runs, entered and left");
    handle.shutdown();
    handle.wait().await.into_result().unwrap();
    assert_eq!(told.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_type_names_its_service() {
    let (seen, _told) = mpsc::unbounded_channel();
    let handle = Agent { health: Health, poller: Poller { seen }, extra: None }.start().await.unwrap();
    let mut watch = handle.watch_all(Action::Entering, State::Run, [rxd::by_type::<Health>()]).unwrap();
    assert_eq!(watch.next().await.unwrap().services[0].name, "health");
    let error = handle.watch_any(Action::Entering, State::Run, rxd::by_type::<Extra>()).unwrap_err();
    assert_eq!(error.to_string(), "daemon `agent` has no service of type `Extra`", "it is switched off");
    handle.shutdown();
    handle.wait().await.into_result().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_context_of_no_daemon_has_itself_to_watch() {
    let cx = Context::detached("poller");
    let mut own = cx.watch_any(Action::Entering, State::Run, "poller").unwrap();
    let waited = tokio::time::timeout(std::time::Duration::from_secs(1), own.next()).await;
    assert!(waited.is_err(), "nothing moves it");
    assert!(cx.watch_any(Action::Entering, State::Run, "health").is_err());
    assert_eq!(Poller::health(&cx).wait().await.unwrap_err(), WatchEnded::Disabled);
}
