//! G52: a watch or a stream that is made through a context ends when that context is cancelled.

use crate::common::{end, fake, service, start};
use futures_core::{FusedStream, Stream};
use rxd::{
    Action, AnyError, Context, DaemonHandle, Filter, Runner, Service, State, StateEvent, StateStream, Watch, WatchEnded,
};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The service that the others watch. It stays in Run until it is cancelled.
fn quiet() -> Service {
    service("quiet", fake(&[State::Run]).1)
}

/// A service whose `run` is a function of its context.
struct Run<F>(F);

impl<F, Fut> Runner for Run<F>
where
    F: FnMut(Context) -> Fut + Send + 'static,
    Fut: Future<Output = rxd::Result> + Send + 'static,
{
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        (self.0)(cx.clone()).await
    }
}

/// Waits until all are in Run and no task has work left, and asserts that the daemon stops well
/// within 50 ms.
async fn stops_at_once(handle: &DaemonHandle, services: &[&str]) {
    handle.wait_for(services, State::Run).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let begin = Instant::now();
    handle.shutdown();
    let report = handle.wait().await;
    let took = begin.elapsed();
    assert!(took < Duration::from_millis(50), "the stop took {took:?}: {report:?}");
    assert!(report.is_ok(), "{report:?}");
}

async fn beside_quiet(run: impl Runner) {
    let handle = start([quiet(), service("obs", run)]).await;
    stops_at_once(&handle, &["quiet", "obs"]).await;
}

#[tokio::test(start_paused = true)]
async fn g52_stream_loop_in_a_spawned_task_ends_with_the_service() {
    beside_quiet(Run(|cx: Context| async move {
        let mut states = cx.watch_states(Filter::None)?;
        cx.spawn("w", async move { while states.next().await.is_some() {} });
        cx.cancelled().await;
        Ok(())
    }))
    .await;
}

#[tokio::test(start_paused = true)]
async fn g52_stream_loop_in_run_ends_with_the_service() {
    beside_quiet(Run(|cx: Context| async move {
        let mut states = cx.watch_states(Filter::None)?;
        while states.next().await.is_some() {}
        assert!(states.is_terminated() && states.next().await.is_none());
        Ok(())
    }))
    .await;
}

#[tokio::test(start_paused = true)]
async fn g52_watch_loop_in_run_ends_with_the_service() {
    for all in [false, true] {
        beside_quiet(Run(move |cx: Context| async move {
            let mut watch = match all {
                false => cx.watch_any(Action::Changing, State::Run, "quiet")?,
                true => cx.watch_all(Action::Changing, State::Run, ["quiet", "obs"])?,
            };
            while watch.next().await.is_some() {}
            assert_eq!(watch.ended(), Some(&WatchEnded::Cancelled));
            assert!(watch.is_terminated());
            Ok(())
        }))
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn g52_wait_error_returned_from_run_is_a_clean_cancellation() {
    let logged = capture::begin();
    beside_quiet(Run(|cx: Context| async move {
        let mut watch = cx.watch_any(Action::Exited, State::Exit, "quiet")?;
        watch.wait().await?;
        unreachable!("quiet never leaves Exit");
    }))
    .await;
    assert_eq!(logged.text(), "", "nothing is logged as a warning or an error");
}

#[rxd::service]
struct Quiet;

impl Runner for Quiet {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

/// It stops before `quiet`, and so must not wait for a transition of it.
#[rxd::service]
#[needs("quiet")]
#[watch(any, changing, Run, "quiet", stream(changes))]
#[watch(all, exited, Run, "quiet", stream(gone))]
struct Obs {
    wait: bool,
}

impl Runner for Obs {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        if self.wait {
            Obs::gone(cx).wait().await?;
        }
        let mut changes = Obs::changes(cx);
        while changes.next().await.is_some() {}
        Ok(())
    }
}

#[rxd::daemon]
struct Agent {
    quiet: Quiet,
    obs: Obs,
}

#[tokio::test(start_paused = true)]
async fn g52_declared_stream_loop_ends_before_what_it_watches() {
    for wait in [false, true] {
        let handle = Agent { quiet: Quiet, obs: Obs { wait } }.start().await.unwrap();
        stops_at_once(&handle, &["quiet", "obs"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn g52_watch_of_a_child_context_ends_with_the_child_alone() {
    let (ended, mut ends) = mpsc::unbounded_channel();
    let run = Run(move |cx: Context| {
        let ended = ended.clone();
        async move {
            let child = cx.child("part");
            let mut own = cx.watch_any(Action::Exited, State::Run, "quiet")?;
            let mut watch = child.watch_any(Action::Exited, State::Run, "quiet")?;
            let mut states = child.watch_states(Filter::None)?;
            cx.spawn("part", async move {
                while states.next().await.is_some() {}
                let _ = ended.send(watch.wait().await.unwrap_err());
            });
            tokio::time::sleep(Duration::from_secs(1)).await;
            child.token().cancel();
            own.wait().await?;
            Ok(())
        }
    });
    let handle = start([quiet(), service("obs", run)]).await;
    let limit = Duration::from_secs(10);
    assert_eq!(tokio::time::timeout(limit, ends.recv()).await, Ok(Some(WatchEnded::Cancelled)));
    assert_eq!(handle.states()["obs"].state, State::Run, "the service itself runs on");
    stops_at_once(&handle, &["quiet", "obs"]).await;
}

/// Makes a watch in `init`, or in `reload`, and reads it in `run`.
#[derive(Default)]
struct Keeper {
    watch: Option<Watch>,
    seen: Arc<AtomicU32>,
    ends: Arc<AtomicU32>,
}

impl Runner for Keeper {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        // The watch of the last incarnation has ended.
        if let Some(watch) = &mut self.watch {
            assert_eq!(watch.wait().await, Err(WatchEnded::Cancelled));
            self.ends.fetch_add(1, Ordering::Relaxed);
        }
        self.watch = Some(cx.watch_any(Action::Changing, State::Run, "quiet")?);
        Ok(())
    }

    async fn run(&mut self, _cx: &Context) -> rxd::Result {
        let watch = self.watch.as_mut().unwrap();
        while let Some(event) = watch.next().await {
            self.seen.fetch_add(event.times as u32, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn reload(&mut self, cx: &Context) -> rxd::Result {
        self.watch = Some(cx.watch_any(Action::Changing, State::Run, "quiet")?);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn g52_watch_made_in_init_or_reload_continues_in_run() {
    let keeper = Keeper::default();
    let (seen, ends) = (keeper.seen.clone(), keeper.ends.clone());
    let handle = start([quiet(), service("obs", keeper)]).await;
    let mut counted = 0;
    for step in ["quiet", "obs", "quiet", "reload", "quiet", "reload", "quiet"] {
        handle.wait_for(["quiet", "obs"], State::Run).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let before = seen.load(Ordering::Relaxed);
        match step {
            "quiet" => counted += 2,
            _ => assert!(before >= counted, "{before} of {counted} were seen before {step}"),
        }
        match step {
            "reload" => handle.reload("obs").await.unwrap(),
            service => handle.restart(service).await.unwrap(),
        }
    }
    stops_at_once(&handle, &["quiet", "obs"]).await;
    let seen = seen.load(Ordering::Relaxed);
    assert!(seen >= counted, "{seen} of {counted}");
    assert_eq!(ends.load(Ordering::Relaxed), 1, "the restart ended the watch of the first incarnation");
}

#[tokio::test(start_paused = true)]
async fn g52_pending_stream_is_woken_by_cancellation() {
    let cx = Context::detached("a");
    let child = cx.child("part");
    let mut watch = child.watch_any(Action::Entering, State::Run, "a").unwrap();
    let mut states = child.watch_states(Filter::None).unwrap();
    assert!(matches!(states.next().await, Some(StateEvent::Snapshot(_))));
    let token = child.token();
    let cancels = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        token.cancel();
    });
    // As a combinator polls them: by the trait, in one task.
    let (mut watch_ended, mut stream_ended) = (false, false);
    let both = std::future::poll_fn(|task| {
        watch_ended |= Pin::new(&mut watch).poll_next(task) == Poll::Ready(None);
        stream_ended |= Pin::new(&mut states).poll_next(task) == Poll::Ready(None);
        if watch_ended && stream_ended { Poll::Ready(()) } else { Poll::Pending }
    });
    tokio::time::timeout(Duration::from_secs(10), both).await.expect("both are woken");
    assert!(watch.is_terminated() && states.is_terminated());
    cancels.await.unwrap();
    // A watch that is made through a cancelled context has ended from the start.
    let mut late = child.watch_any(Action::NotIn, State::Run, "a").unwrap();
    assert_eq!(late.wait().await, Err(WatchEnded::Cancelled));
    assert!(late.is_met(), "cancellation does not change its condition");
    assert!(child.watch_states(Filter::None).unwrap().next().await.is_none());
    assert!(!cx.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn g52_cancellation_wins_over_unread_events() {
    let cx = Context::detached("a");
    let mut watch = cx.watch_any(Action::NotIn, State::Run, "a").unwrap();
    let mut states = cx.watch_states(Filter::None).unwrap();
    cx.token().cancel();
    let mut task = std::task::Context::from_waker(Waker::noop());
    assert_eq!(Pin::new(&mut watch).poll_next(&mut task), Poll::Ready(None));
    assert_eq!(Pin::new(&mut states).poll_next(&mut task), Poll::Ready(None));
}

#[tokio::test(start_paused = true)]
async fn g52_watches_of_a_handle_outlive_every_service() {
    let handle = start([quiet(), service("obs", fake(&[State::Run]).1)]).await;
    handle.wait_for(["quiet", "obs"], State::Run).await.unwrap();
    let mut states: StateStream = handle.watch_states(Filter::None).unwrap();
    let mut exits = handle.watch_all(Action::Entering, State::Exit, ["quiet", "obs"]).unwrap();
    end(&handle).await;
    exits.wait().await.unwrap();
    let mut last = 0;
    while let Some(event) = states.next().await {
        if let StateEvent::Changed(service) = event {
            last += u32::from(service.state == State::Exit);
        }
    }
    assert_eq!(last, 2, "every transition up to the last is yielded");
}

#[test]
fn g52_watch_ended_by_its_context_is_recognised_as_cancellation() {
    #[derive(Debug)]
    struct Wrapped(WatchEnded);
    impl std::fmt::Display for Wrapped {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no more readings")
        }
    }
    impl std::error::Error for Wrapped {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    assert!(rxd::is_cancelled(&AnyError::from(WatchEnded::Cancelled)));
    assert!(rxd::is_cancelled(&AnyError::from(Wrapped(WatchEnded::Cancelled))));
    for other in [WatchEnded::StatePassed, WatchEnded::Disabled, WatchEnded::Closed, WatchEnded::Exited(Vec::new())] {
        assert!(!rxd::is_cancelled(&AnyError::from(other)));
    }
    assert_eq!(
        format!("{:#}", AnyError::from(Wrapped(WatchEnded::Cancelled))),
        "no more readings: the context that the watch was made through is cancelled"
    );
}

#[tokio::test(start_paused = true)]
async fn g52_topic_wait_error_returned_from_run_is_a_clean_cancellation() {
    let logged = capture::begin();
    beside_quiet(Run(|cx: Context| async move {
        cx.intracom().subscribe::<u32>("never-created", rxd::intracom::Group::private()).await?;
        Ok(())
    }))
    .await;
    assert_eq!(logged.text(), "");
}

/// The loops that the documentation prints, as services: `docs/watching.md`, `Filter`,
/// `WatchEvent`.
#[tokio::test(start_paused = true)]
async fn g52_documented_loops_end_with_their_services() {
    let guide = Run(|cx: Context| async move {
        let mut ready = cx.watch_all(Action::Entering, State::Run, ["db", "cache"])?;
        ready.wait().await?;
        let mut states = cx.watch_states(Filter::exclude(["noise"]))?;
        while let Some(event) = states.next().await {
            match event {
                StateEvent::Snapshot(states) => assert_eq!(states["db"].state, State::Run),
                StateEvent::Changed(service) => drop(format!("{} {}", service.name, service.state)),
                StateEvent::Lagged { missed, .. } => panic!("{missed} were missed"),
            }
        }
        Ok(())
    });
    let filter = Run(|cx: Context| async move {
        let mut states = cx.watch_states(Filter::exclude(["noise"]))?;
        while let Some(event) = states.next().await {
            if let StateEvent::Changed(service) = event {
                drop(format!("{} is {} {}", service.name, service.transition, service.state));
            }
        }
        Ok(())
    });
    let watch_event = Run(|cx: Context| async move {
        let mut flaps = cx.watch_any(Action::Exited, State::Run, ["db", "cache"])?;
        while let Some(event) = flaps.next().await {
            drop(event.services);
        }
        Ok(())
    });
    let mut services: Vec<_> =
        ["db", "cache", "noise"].map(|name| service(name, fake(&[State::Run]).1)).into_iter().collect();
    services.extend([service("guide", guide), service("filter", filter), service("watch-event", watch_event)]);
    let handle = start(services).await;
    stops_at_once(&handle, &["db", "cache", "noise", "guide", "filter", "watch-event"]).await;
}

/// A cancellation, transitions and drops on other threads: no reader is left waiting, and none
/// panics.
#[test]
fn g52_cancellation_amid_transitions_on_other_threads_ends_the_reader() {
    const ATTEMPTS: u32 = 300;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    runtime.block_on(async {
        let restless = Run(|cx: Context| async move {
            tokio::task::yield_now().await;
            if cx.is_cancelled() { Ok(()) } else { Err("again".into()) }
        });
        let idle = service("idle", fake(&[State::Run]).1);
        let (contexts, mut taken) = mpsc::unbounded_channel();
        let lender = Run(move |cx: Context| {
            let _ = contexts.send(cx.clone());
            async move {
                cx.cancelled().await;
                Ok(())
            }
        });
        let handle = start([service("restless", restless), idle, service("lender", lender)]).await;
        let cx = taken.recv().await.unwrap();
        for attempt in 0..ATTEMPTS {
            let child = cx.child("part");
            let target = ["restless", "idle"][attempt as usize % 2];
            let mut watch = child.watch_any(Action::Changing, State::Run, target).unwrap();
            let mut states = child.watch_states(Filter::include([target])).unwrap();
            let dropped = child.watch_any(Action::Changing, State::Run, target).unwrap();
            let token = child.token();
            let readers = [
                tokio::spawn(async move { while watch.next().await.is_some() {} }),
                tokio::spawn(async move { while states.next().await.is_some() {} }),
            ];
            let drops = tokio::spawn(async move { drop(dropped) });
            if attempt % 3 == 0 {
                tokio::task::yield_now().await;
            }
            let cancels = tokio::task::spawn_blocking(move || token.cancel());
            for task in readers.into_iter().chain([drops, cancels]) {
                tokio::time::timeout(Duration::from_secs(60), task).await.expect("the task ends").unwrap();
            }
        }
        end(&handle).await;
    });
}

/// What is logged at WARN and above by this thread.
mod capture {
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    pub(super) struct Written(Arc<Mutex<Vec<u8>>>);

    pub(super) struct Logged(Written, tracing::subscriber::DefaultGuard, tracing::Dispatch);

    impl Logged {
        pub(super) fn text(&self) -> String {
            let _ = (&self.1, &self.2);
            String::from_utf8(self.0.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Written {
        type Writer = Written;

        fn make_writer(&'a self) -> Written {
            self.clone()
        }
    }

    pub(super) fn begin() -> Logged {
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::WARN)
            .with_ansi(false)
            .with_writer(written.clone())
            .finish();
        // With only one subscriber `tracing` may ask another thread about a callsite, and remember
        // that nobody wants it.
        let other = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
        Logged(written, tracing::subscriber::set_default(subscriber), other)
    }
}
