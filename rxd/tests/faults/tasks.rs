//! Tasks of services: what they may do, and when they end.

use crate::kit::*;
use rxd::testing::Behavior;
use rxd::{Context, Service, State};

/// Runs a service with these tasks for a second, and stops it.
async fn with_tasks(spawn: impl Fn(&Context) + Send + Sync + 'static) -> Outcome {
    let spawn = std::sync::Arc::new(spawn);
    let run = Behavior::call(move |cx: Context| {
        let spawn = spawn.clone();
        async move {
            spawn(&cx);
            cx.cancelled().await;
            Ok(())
        }
    });
    let running = start(daemon([fake("a", State::Run, [run]), plain("b")])).await;
    tokio::time::sleep(SECOND).await;
    running.stop().await
}

#[tokio::test(start_paused = true)]
async fn tasks_of_run_end_before_stop_is_called() {
    let ended = std::sync::Arc::new(std::sync::Mutex::new(None));
    let shared = ended.clone();
    let ran = with_tasks(move |cx| {
        let (shared, cx_of_task) = (shared.clone(), cx.clone());
        cx.spawn("worker", async move {
            cx_of_task.cancelled().await;
            tokio::time::sleep(2 * SECOND).await;
            *shared.lock().unwrap() = Some(tokio::time::Instant::now());
        });
    })
    .await;
    assert!(ended.lock().unwrap().is_some());
    let left = ran.trace.steps.iter().find(|step| step.service == "a" && step.leaves(State::Run)).unwrap();
    assert_eq!(left.at, 3 * SECOND, "Run lasts until its tasks have ended");
    assert_eq!(ran.trace.entered("a", State::Stop)[0].as_secs(), 3);
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn u13_tasks_ignoring_cancellation_are_dropped_at_the_limit_and_named() {
    let ran = with_tasks(|cx| {
        cx.spawn("worker", std::future::pending::<()>());
    })
    .await;
    assert_eq!(ran.trace.entered("a", State::Stop)[0].as_secs(), 11);
    let report = ran.service_report("a");
    assert_eq!((report.abandoned_in, &*report.tasks), (Some(State::Run), &["worker".into()][..]));
    let text = ran.report.to_string();
    assert!(text.ends_with("service `a` was abandoned: its tasks did not end within its limit: `worker`"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn contained_tasks_ignoring_cancellation_are_dropped_at_the_limit_and_fail_nothing() {
    let ran = with_tasks(|cx| {
        cx.spawn_contained("client", std::future::pending::<()>());
    })
    .await;
    assert_eq!(ran.trace.entered("a", State::Stop)[0].as_secs(), 11);
    assert!(ran.report.is_ok(), "{}", ran.report);
    assert!(ran.service_report("a").tasks.is_empty());

    // Beside a task that counts, the report names that one alone.
    let ran = with_tasks(|cx| {
        cx.spawn_contained("client", std::future::pending::<()>());
        cx.spawn("worker", std::future::pending::<()>());
    })
    .await;
    assert_eq!(&*ran.service_report("a").tasks, &["worker".into()][..]);
    assert_eq!(ran.report.exit_code(), 1);
}

#[tokio::test(start_paused = true)]
async fn panic_in_a_task_fails_the_service_unless_contained() {
    let panics = |contained: bool| {
        let first = Behavior::call(move |cx: Context| async move {
            let task = async { panic!("the worker is gone") };
            if contained {
                cx.spawn_contained::<_>("worker", task)
            } else {
                cx.spawn("worker", task)
            };
            cx.cancelled().await;
            Ok(())
        });
        daemon([fake("a", State::Run, [first, Behavior::UntilCancelled])])
    };
    let running = start(panics(false)).await;
    tokio::time::sleep(SECOND).await;
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} {INCARNATION} exit+"));
    assert!(ran.error("a").starts_with("task `worker` panicked: the worker is gone (at "), "{}", ran.error("a"));

    let running = start(panics(true)).await;
    tokio::time::sleep(SECOND).await;
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"));
}

#[tokio::test(start_paused = true)]
async fn panic_in_a_task_while_waiting_in_idle_restarts_the_service() {
    let spawns = Behavior::call(async |cx: Context| {
        cx.spawn("worker", async {
            tokio::time::sleep(SECOND).await;
            panic!("the worker is gone");
        });
        Ok(())
    });
    let b = fake("b", State::Idle, [spawns, Behavior::Ok]).needs(["a"]);
    let a = fake("a", State::Init, [Behavior::Ok.after(5 * SECOND)]);
    let ran = run_until(daemon([a, b]), "b", State::Run).await;
    assert_eq!(ran.states("b"), format!("init+ init- idle+ idle- stop+ stop- {INCARNATION} exit+"));
    assert!(ran.error("b").contains("the worker is gone"));
}

#[tokio::test(start_paused = true)]
async fn tasks_of_idle_end_before_idle_is_left() {
    let spawns = Behavior::call(async |cx: Context| {
        let inner = cx.clone();
        cx.spawn("worker", async move {
            inner.cancelled().await;
            tokio::time::sleep(2 * SECOND).await;
        });
        Ok(())
    });
    let b = fake("b", State::Idle, [spawns]).needs(["a"]);
    let ran = run_until(daemon([fake("a", State::Init, [Behavior::UntilCancelled]), b]), "b", State::Idle).await;
    let left = ran.trace.steps.iter().find(|step| step.service == "b" && step.leaves(State::Idle)).unwrap();
    assert_eq!(left.at, 2 * SECOND, "the state is left once its tasks have ended");
}

#[tokio::test(start_paused = true)]
async fn task_spawned_by_an_outlived_context_never_runs() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let mut sender = Some(sender);
    let a = Service::new(
        "a",
        RunFn(move |cx: Context| {
            let _ = sender.take().unwrap().send(cx.clone());
            async move {
                cx.cancelled().await;
                Ok(())
            }
        }),
    );
    let running = start(daemon([a])).await;
    let cx: Context = receiver.await.unwrap();
    let ran = running.stop().await;
    let late = cx.spawn("late", async { panic!("the task ran") });
    assert!(late.await.unwrap_err().is_cancelled());
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn tasks_of_a_failing_init_end_before_init_is_left() {
    let fails = Behavior::call(async |cx: Context| {
        let inner = cx.clone();
        cx.spawn("worker", async move {
            inner.cancelled().await;
            tokio::time::sleep(2 * SECOND).await;
        });
        Err("scripted failure".into())
    });
    let ran = run_until(daemon([fake("a", State::Init, [fails, Behavior::Ok])]), "a", State::Run).await;
    let left = ran.trace.steps.iter().find(|step| step.leaves(State::Init)).unwrap();
    assert_eq!(left.at, 2 * SECOND, "the state is left once its tasks have ended");
}
