//! Services that end with the incarnation that has added them.

use crate::kit::{daemon, service, stop, text};
use rxd::{Context, DaemonHandle, Filter, Service, State, StateEvent};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Adds `shard-a` and `shard-b` in each Run, the second of which needs the first.
fn boss() -> Service {
    Service::from_fn("boss", |cx: Context| async move {
        cx.spawn_service(service("shard-a").needs(["db"])).await?;
        cx.spawn_service(service("shard-b").needs(["shard-a"])).await?;
        cx.cancelled().await;
        Ok(())
    })
}

/// The order in which services enter Stop or Exit after this transition.
fn ends(handle: &DaemonHandle, after: u64) -> Vec<String> {
    let history = handle.history();
    let ends =
        history.iter().filter(|event| event.seq > after && (event.is_in(State::Stop) || event.is_in(State::Exit)));
    ends.map(|event| format!("{} {}", event.name, event.state)).collect()
}

const ALL: [&str; 3] = ["boss", "shard-a", "shard-b"];

async fn all_run(handle: &DaemonHandle) {
    while handle.states().get("shard-b").is_none_or(|service| !service.is_in(State::Run)) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn d22_owned_services_end_before_their_owner_stops_and_come_again_with_it() {
    let handle = daemon().await;
    handle.add(boss()).await.unwrap();
    all_run(&handle).await;
    let (first, before) = (handle.states().get("shard-a").unwrap().incarnation, handle.states().seq());
    handle.restart("boss").await.unwrap();
    all_run(&handle).await;
    let order = ["shard-b stop", "shard-b exit", "shard-a stop", "shard-a exit", "boss stop"];
    assert_eq!(ends(&handle, before), order);
    assert_eq!((first, handle.states().get("shard-a").unwrap().incarnation), (1, 1), "it is another service");
    handle.stop("boss").await.unwrap();
    assert_eq!(handle.states().len(), 3, "the owner itself stays, in Exit");
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d22_owned_services_stop_before_their_owner_at_a_shutdown() {
    let handle = daemon().await;
    handle.add(boss()).await.unwrap();
    all_run(&handle).await;
    let before = handle.states().seq();
    assert!(stop(&handle).await.is_ok());
    let ends: Vec<String> =
        ends(&handle, before).into_iter().filter(|end| ALL.iter().any(|name| end.starts_with(name))).collect();
    let order = ["shard-b stop", "shard-b exit", "shard-a stop", "shard-a exit", "boss stop", "boss exit"];
    assert_eq!(ends, order);
}

#[tokio::test(start_paused = true)]
async fn d23_who_removes_the_owner_removes_what_it_owns() {
    let handle = daemon().await;
    handle.add(boss()).await.unwrap();
    all_run(&handle).await;
    handle.add(service("guest").needs(["boss"])).await.unwrap();
    let error = text(handle.remove("boss").await);
    assert!(error.starts_with("failed to remove service `boss`: `guest` names it\n"), "{error}");
    handle.remove("guest").await.unwrap();
    // Names a shard, and goes with it.
    handle.add(service("visitor").needs(["shard-b"])).await.unwrap();
    handle.wait_for("visitor", State::Run).await.unwrap();
    handle.remove("boss").await.unwrap();
    assert_eq!(handle.states().len(), 2);
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d23_owned_service_is_removed_by_hand_and_its_name_used_again() {
    let handle = daemon().await;
    handle.add(boss()).await.unwrap();
    all_run(&handle).await;
    handle.remove("shard-b").await.unwrap();
    handle.add(service("shard-b")).await.unwrap();
    handle.stop("boss").await.unwrap();
    handle.wait_for("shard-b", State::Run).await.unwrap();
    assert!(handle.states().get("shard-a").is_none());
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d24_failure_of_the_owner_ends_what_it_owns() {
    let handle = daemon().await;
    let mut states = handle.watch_states(Filter::None).unwrap();
    let turns = Arc::new(Mutex::new(0));
    let count = turns.clone();
    let failing = Service::from_fn("failing", move |cx: Context| {
        *count.lock().unwrap() += 1;
        let turn = *count.lock().unwrap();
        async move {
            cx.spawn_service(service(format!("child-{turn}"))).await?;
            if turn < 3 {
                return Err("lost".into());
            }
            cx.cancelled().await;
            Ok(())
        }
    });
    handle.add(failing).await.unwrap();
    let mut live: Vec<String> = Vec::new();
    while *turns.lock().unwrap() < 3 || !live.contains(&"child-3".to_owned()) {
        let Some(StateEvent::Changed(event)) = states.next().await else { continue };
        match (event.state, event.is_in(event.state)) {
            (State::Unknown, true) if event.name.starts_with("child") => live.push(event.name.to_string()),
            (State::Exit, false) => live.retain(|name| *name != event.name),
            (State::Stop, true) if event.name == "failing" => assert!(live.is_empty(), "{live:?}"),
            _ => {}
        }
    }
    assert!(stop(&handle).await.is_ok(), "it has recovered");
}

#[tokio::test(start_paused = true)]
async fn d25_owner_waits_for_what_it_owns_and_why_says_for_which() {
    let handle = daemon().await;
    let owner = Service::from_fn("owner", |cx: Context| async move {
        cx.spawn_service(
            Service::from_fn("slow", |cx: Context| async move {
                cx.cancelled().await;
                // Beyond the limit of the owner's Stop.
                tokio::time::sleep(Duration::from_secs(20)).await;
                Ok(())
            })
            .options(rxd::Options::DEFAULT.timeout_of(State::Stop, Duration::from_secs(60))),
        )
        .await?;
        cx.cancelled().await;
        Ok(())
    });
    handle.add(owner).await.unwrap();
    while handle.states().get("slow").is_none_or(|service| !service.is_in(State::Run)) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let stopping = tokio::spawn({
        let handle = handle.clone();
        async move { handle.stop("owner").await }
    });
    tokio::time::sleep(Duration::from_secs(15)).await;
    let why = handle.why("owner").unwrap().to_string();
    assert_eq!(why, "owner in Run: asked to leave it by an operator; waits for slow");
    let _ = stopping.await.unwrap();
    handle.wait_for("owner", State::Exit).await.unwrap();
    assert!(handle.states().get("slow").is_none());
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d26_ended_incarnation_owns_nothing() {
    let handle = daemon().await;
    let kept: Arc<Mutex<Option<Context>>> = Arc::default();
    let keep = kept.clone();
    let owner = Service::from_fn("owner", move |cx: Context| {
        *keep.lock().unwrap() = Some(cx.clone());
        async move {
            cx.cancelled().await;
            Ok(())
        }
    });
    handle.add(owner).await.unwrap();
    handle.wait_for("owner", State::Run).await.unwrap();
    handle.restart("owner").await.unwrap();
    let old = kept.lock().unwrap().take().unwrap();
    // The second incarnation may have kept its own by now.
    handle.stop("owner").await.unwrap();
    let error = text(old.spawn_service(service("late")).await);
    assert_eq!(error, "failed to add service `late`: the incarnation that it is to end with has ended");
    let error = text(Context::detached("alone").spawn_service(service("late")).await);
    assert_eq!(error, "failed to add service `late`: the daemon does not run");
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d27_owned_services_own_others() {
    let handle = daemon().await;
    fn level(depth: usize) -> Service {
        Service::from_fn(format!("level-{depth}"), move |cx: Context| async move {
            if depth < 50 {
                cx.spawn_service(level(depth + 1)).await?;
            }
            cx.cancelled().await;
            Ok(())
        })
    }
    handle.add(level(0)).await.unwrap();
    while handle.states().len() < 53 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    handle.stop("level-25").await.unwrap();
    assert_eq!(handle.states().len(), 2 + 26);
    handle.remove("level-0").await.unwrap();
    assert_eq!(handle.states().len(), 2);
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn d22_owner_is_asked_to_stop_only_once_what_it_owns_has_ended() {
    let handle = daemon().await;
    let (sender, cancelled) = tokio::sync::oneshot::channel();
    let sender = Arc::new(Mutex::new(Some(sender)));
    let owner = Service::from_fn("owner", move |cx: Context| {
        let sender = sender.clone();
        async move {
            cx.spawn_service(Service::from_fn("slow", |cx: Context| async move {
                cx.cancelled().await;
                tokio::time::sleep(Duration::from_secs(2)).await;
                Ok(())
            }))
            .await?;
            cx.cancelled().await;
            let _ = sender.lock().unwrap().take().unwrap().send(tokio::time::Instant::now());
            Ok(())
        }
    });
    handle.add(owner).await.unwrap();
    handle.wait_for("owner", State::Run).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = tokio::time::Instant::now();
    assert!(stop(&handle).await.is_ok());
    assert_eq!(cancelled.await.unwrap() - before, Duration::from_secs(2));
}

/// Notes, for each span, whether it has none above it.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<(String, bool)>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Spans {
    fn on_new_span(
        &self,
        span: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: tracing_subscriber::layer::Context<'_, S>,
    ) {
        self.0.lock().unwrap().push((format!("{:?}", span.values()), span.is_root()));
    }
}

#[tokio::test(start_paused = true)]
async fn d28_span_of_an_added_service_is_not_below_that_of_the_service_that_adds_it() {
    use tracing_subscriber::layer::SubscriberExt;
    // With only one subscriber `tracing` may ask another thread about a callsite, and remember that
    // nobody wants it.
    let _other = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let spans = Spans::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.clone()));
    let handle = daemon().await;
    handle.add(boss()).await.unwrap();
    all_run(&handle).await;
    assert!(stop(&handle).await.is_ok());
    let spans = spans.0.lock().unwrap();
    let shards: Vec<_> = spans.iter().filter(|(span, _)| span.contains("service: shard-a")).collect();
    assert!(!shards.is_empty() && shards.iter().all(|(_, is_root)| *is_root), "{spans:?}");
}

#[test]
fn d29_name_of_an_owned_service_is_free_in_the_next_incarnation() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let handle = daemon().await;
        let done: Arc<Mutex<Vec<Result<(), String>>>> = Arc::default();
        let results = done.clone();
        let owner = Service::from_fn("owner", move |cx: Context| {
            let results = results.clone();
            async move {
                let mut names = ["one", "two", "three"].into_iter();
                while let Some(name) = names.next().filter(|_| results.lock().unwrap().len() < 6_000) {
                    let added = cx.spawn_service(service(name)).await.map_err(|error| error.to_string());
                    results.lock().unwrap().push(added);
                }
                if results.lock().unwrap().len() >= 6_000 {
                    cx.cancelled().await;
                }
                Ok(())
            }
        });
        handle.add(owner.options(rxd::Options::DEFAULT.backoff(rxd::Backoff::NONE))).await.unwrap();
        while done.lock().unwrap().len() < 6_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(stop(&handle).await.is_ok());
        let refused: Vec<String> = done.lock().unwrap().drain(..).filter_map(Result::err).collect();
        assert_eq!(refused, [""; 0]);
    });
}
