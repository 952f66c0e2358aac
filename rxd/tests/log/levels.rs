//! Levels per service: G40, F101.

use crate::capture::{LogFrom, capture, talker};
use rxd::log::{Level, LevelHandle, LevelTarget};
use rxd::{Daemon, DaemonHandle, Service, State};
use std::time::Duration;
use tracing_subscriber::prelude::*;

/// A daemon with two services that log when asked to.
async fn two_talkers() -> (DaemonHandle, crate::capture::TalkerHandle, crate::capture::TalkerHandle) {
    let ((api, api_handle), (db, db_handle)) = (talker(), talker());
    let daemon = Daemon::new("d").signals([]).add(Service::new("api", api)).add(Service::new("db", db));
    let handle = daemon.start().await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    handle.wait_for("db", State::Run).await.unwrap();
    (handle, api_handle, db_handle)
}

#[tokio::test]
async fn g40_level_of_one_service_leaves_the_others_unchanged() {
    let levels = LevelHandle::new(Level::Info);
    let (lines, _guard) = capture(&levels);
    let (_handle, api, db) = two_talkers().await;
    api.log_twice(LogFrom::Run).await;
    db.log_twice(LogFrom::Run).await;
    assert_eq!(lines.take(), ["INFO api: log::capture: info", "INFO db: log::capture: info"]);

    levels.set("api", Level::Debug);
    api.log_twice(LogFrom::Run).await;
    db.log_twice(LogFrom::Run).await;
    tracing::debug!("outside");
    let three = ["INFO api: log::capture: info", "DEBUG api: log::capture: debug", "INFO db: log::capture: info"];
    assert_eq!(lines.take(), three);

    levels.set("api", Level::Off);
    api.log_twice(LogFrom::Run).await;
    db.log_twice(LogFrom::Run).await;
    assert_eq!(lines.take(), ["INFO db: log::capture: info"]);

    levels.reset("api");
    levels.set(LevelTarget::Default, Level::Warn);
    api.log_twice(LogFrom::Run).await;
    assert_eq!(lines.take(), [""; 0]);
}

#[tokio::test]
async fn g40_level_of_a_service_survives_its_restart() {
    let levels = LevelHandle::new(Level::Info);
    let (lines, _guard) = capture(&levels);
    let (handle, api, _db) = two_talkers().await;
    levels.set("api", Level::Debug);
    handle.restart("api").await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    api.log_twice(LogFrom::Run).await;
    assert_eq!(lines.take().len(), 2);
}

#[tokio::test]
async fn g40_level_of_a_service_applies_to_its_tasks() {
    let levels = LevelHandle::new(Level::Info);
    let (lines, _guard) = capture(&levels);
    let (_handle, api, db) = two_talkers().await;
    levels.set("api", Level::Debug);
    for from in [LogFrom::Task, LogFrom::TaskOfTask, LogFrom::Blocking, LogFrom::Spawned] {
        api.log_twice(from).await;
        db.log_twice(from).await;
    }
    let lines = lines.take();
    let debug: Vec<&str> = lines.iter().filter(|line| line.starts_with("DEBUG")).map(|line| &line[..]).collect();
    let expected = [
        "DEBUG api/worker: log::capture: debug",
        "DEBUG api/helper: log::capture: debug",
        "DEBUG api/worker: log::capture: debug",
        "DEBUG api: log::capture: debug",
    ];
    assert_eq!(debug, expected);
    assert_eq!(lines.len(), 12);
}

/// Logs at DEBUG on its thread, in a method and when it is dropped.
struct OnThread;

impl rxd::LocalRunner for OnThread {
    async fn run(&mut self, cx: &rxd::Context) -> rxd::Result {
        tracing::debug!("runs");
        cx.cancelled().await;
        Ok(())
    }
}

impl rxd::BlockingRunner for OnThread {
    fn run(&mut self, cx: &rxd::BlockingContext) -> rxd::Result {
        tracing::debug!("runs");
        while cx.sleep(Duration::from_millis(1)).is_ok() {}
        Ok(())
    }
}

impl Drop for OnThread {
    fn drop(&mut self) {
        tracing::debug!("dropped");
    }
}

#[tokio::test]
async fn g40_level_of_a_service_holds_on_its_thread() {
    let levels = LevelHandle::new(Level::Info);
    let (lines, _guard) = capture(&levels);
    levels.set("gui", Level::Debug);
    levels.set("port", Level::Debug);
    let daemon =
        Daemon::new("d").signals([]).add(Service::local("gui", || OnThread)).add(Service::blocking("port", OnThread));
    let handle = daemon.add(Service::blocking("quiet", OnThread)).start().await.unwrap();
    for service in ["gui", "port", "quiet"] {
        handle.wait_for(service, State::Run).await.unwrap();
    }
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
    let mut lines = lines.take();
    lines.retain(|line| line.contains("log::levels"));
    lines.sort_unstable();
    let of = |service: &str| ["dropped", "runs"].map(|what| format!("DEBUG {service}: log::levels: {what}"));
    assert_eq!(lines, [of("gui"), of("port")].concat());
}

#[tokio::test]
async fn g40_task_of_a_detached_context_has_the_level_of_its_service() {
    let levels = LevelHandle::new(Level::Info);
    let (lines, _guard) = capture(&levels);
    let cx = rxd::Context::detached("api");
    levels.set("api", Level::Debug);
    cx.spawn("worker", async { tracing::debug!("here") }).await.unwrap();
    tokio::spawn(async { tracing::debug!("in no span") }).await.unwrap();
    assert_eq!(lines.take(), ["DEBUG api/worker: log::levels: here"]);
}

#[tokio::test(start_paused = true)]
async fn temporary_level_ends_on_time() {
    let levels = LevelHandle::new(Level::Info);
    let (lines, _guard) = capture(&levels);
    let (_handle, api, _db) = two_talkers().await;
    levels.set_temporarily("api", Level::Debug, Duration::from_secs(600)).unwrap();
    let setting = levels.get("api");
    assert_eq!((setting.level, setting.reverts_to), (Level::Debug, Some(Level::Info)));
    assert_eq!(setting.expires_in, Some(Duration::from_secs(600)));
    tokio::time::sleep(Duration::from_secs(599)).await;
    api.log_twice(LogFrom::Run).await;
    assert_eq!(lines.take().len(), 2);
    tokio::time::sleep(Duration::from_secs(2)).await;
    api.log_twice(LogFrom::Run).await;
    assert_eq!(lines.take().len(), 1);
    assert_eq!(levels.get("api").expires_in, None);
}

#[tokio::test(start_paused = true)]
async fn temporary_level_replaces_the_one_before_and_reverts_to_the_lasting_level() {
    let levels = LevelHandle::new(Level::Info);
    levels.set("api", Level::Warn);
    levels.set_temporarily("api", Level::Debug, Duration::from_secs(10)).unwrap();
    levels.set_temporarily("api", Level::Trace, Duration::from_secs(30)).unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(levels.get("api").level, Level::Trace, "the end of the first level does not end the second");
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(levels.get("api").level, Level::Warn);
    levels.set_temporarily("api", Level::Debug, Duration::from_secs(10)).unwrap();
    levels.set("api", Level::Error);
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(levels.get("api").level, Level::Error, "the old timer does not clear the lasting level");
}

#[test]
fn temporary_level_outside_a_runtime_or_without_an_end_is_refused() {
    let levels = LevelHandle::new(Level::Info);
    assert!(levels.set_temporarily("api", Level::Debug, Duration::from_secs(1)).is_err());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let endless = runtime.block_on(async { levels.set_temporarily("api", Level::Debug, Duration::MAX) });
    let text = endless.unwrap_err().to_string();
    assert!(text.contains("is longer than the clock can count"), "{text}");
    assert_eq!(levels.get("api").level, Level::Info);
}

#[tokio::test]
async fn internal_records_are_off_unless_their_level_is_set() {
    let levels = LevelHandle::new(Level::Trace);
    let (lines, _guard) = capture(&levels);
    let (handle, ..) = two_talkers().await;
    assert_eq!(lines.take(), [""; 0]);
    levels.set(LevelTarget::Default, Level::Off);
    levels.set(LevelTarget::Internal, Level::Debug);
    handle.restart("api").await.unwrap();
    let lines = lines.take();
    let first = r#"DEBUG api: rxd::state: service="api" state="run" transition="exited" seq="#;
    assert!(lines[0].starts_with(first) && lines.len() >= 4, "{lines:?}");
}

#[tokio::test]
async fn internal_errors_about_a_service_use_its_level() {
    struct Fails;
    impl rxd::Runner for Fails {
        async fn run(&mut self, _cx: &rxd::Context) -> rxd::Result {
            Err("out of luck".into())
        }
    }
    let levels = LevelHandle::new(Level::Info);
    levels.set("quiet", Level::Off);
    let (lines, _guard) = capture(&levels);
    let options = rxd::Options::DEFAULT.restarts(0, Duration::from_secs(60));
    let daemon = Daemon::new("d").signals([]);
    let daemon =
        daemon.add(Service::new("loud", Fails).options(options)).add(Service::new("quiet", Fails).options(options));
    assert!(daemon.run().await.is_err());
    let lines = lines.take();
    assert!(lines.iter().any(|line| line.starts_with("ERROR loud: rxd: out of luck")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains(" quiet: ")), "{lines:?}");
}

#[tokio::test]
async fn target_with_a_level_has_it_in_every_service() {
    let levels = LevelHandle::new(Level::Info);
    let lines = crate::capture::Lines::default();
    let filter = levels.filter().target("noisy", Level::Warn).target("noisy::but_this", Level::Trace);
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(lines.clone()).with_filter(filter);
    crate::capture::keep_callsites();
    let _guard = tracing_subscriber::registry().with(layer).set_default();
    levels.set(LevelTarget::Default, Level::Debug);
    tracing::info!(target: "noisy", "no");
    tracing::info!(target: "noisy::inside", "no");
    tracing::warn!(target: "noisy::inside", "a");
    tracing::trace!(target: "noisy::but_this", "b");
    tracing::debug!(target: "noisy_too", "c");
    assert_eq!(lines.take().len(), 3);
}

#[tokio::test]
async fn filter_before_one_layer_leaves_the_others_unchanged() {
    let (all, some) = (crate::capture::Lines::default(), crate::capture::Lines::default());
    let levels = LevelHandle::new(Level::Warn);
    let plain = tracing_subscriber::fmt::layer().with_writer(all.clone());
    let filtered = tracing_subscriber::fmt::layer().with_writer(some.clone()).with_filter(levels.filter());
    let subscriber = tracing_subscriber::registry().with(plain).with(filtered);
    crate::capture::keep_callsites();
    let _guard = subscriber.set_default();
    let (_handle, api, _db) = two_talkers().await;
    all.take();
    levels.set("api", Level::Debug);
    api.log_twice(LogFrom::Run).await;
    tracing::debug!("outside");
    assert_eq!((all.take().len(), some.take().len()), (3, 2));
}

#[test]
fn filter_before_all_layers_keeps_refused_records_from_being_built() {
    let levels = LevelHandle::new(Level::Info);
    let lines = crate::capture::Lines::default();
    let layer = tracing_subscriber::fmt::layer().with_writer(lines.clone());
    crate::capture::keep_callsites();
    let _guard = tracing_subscriber::registry().with(levels.filter()).with(layer).set_default();
    let mut begun = 0;
    let mut log_twice = || tracing::debug!("{}", (begun += 1, "debug").1);
    let span = tracing::error_span!(target: "rxd", "service", service = "api");
    span.in_scope(&mut log_twice);
    levels.set("api", Level::Debug);
    log_twice();
    span.in_scope(&mut log_twice);
    levels.reset("api");
    span.in_scope(&mut log_twice);
    assert_eq!((begun, lines.take().len()), (1, 1));
}

#[test]
fn spans_left_out_of_order_leave_no_service_behind() {
    let levels = LevelHandle::new(Level::Info);
    let (lines, _guard) = capture(&levels);
    levels.set("a", Level::Debug);
    let a = tracing::error_span!(target: "rxd", "service", service = "a").entered();
    let b = tracing::error_span!(target: "rxd", "service", service = "b").entered();
    drop(a);
    tracing::debug!("in b");
    drop(b);
    tracing::debug!("in none");
    assert_eq!(lines.take(), [""; 0]);
}

#[test]
fn f101_last_of_ten_thousand_concurrent_changes_counts() {
    let levels = LevelHandle::new(Level::Info);
    let (lines, _guard) = capture(&levels);
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let levels = &levels;
            threads.spawn(move || {
                for n in 0..2_500 {
                    levels.set("api", Level::ALL[(thread + n) % 6]);
                }
            });
        }
    });
    levels.set("api", Level::Debug);
    let api = tracing::error_span!(target: "rxd", "service", service = "api");
    api.in_scope(|| tracing::debug!("seen"));
    tracing::debug!("not seen");
    levels.set("api", Level::Info);
    api.in_scope(|| tracing::debug!("not seen"));
    assert_eq!(lines.take().len(), 1);
}
