//! Periodic services: when `run` is called, what a failure does, and what interrupts the wait.

use crate::kit::*;
use rxd::testing::{Behavior, CallLog, FakeService, ReloadingFake, Trace};
use rxd::{Cause, Context, Every, FirstRun, MissedRun, Options, Service, State};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// When each run began, in milliseconds.
#[derive(Clone)]
struct Starts(Instant, Arc<Mutex<Vec<u64>>>);

impl Starts {
    fn new() -> Self {
        Starts(Instant::now(), Arc::default())
    }

    fn add(&self) {
        self.1.lock().unwrap().push(self.0.elapsed().as_millis() as u64);
    }

    /// Takes the starts so far, in seconds.
    fn take(&self) -> Vec<u64> {
        self.take_millis().iter().map(|millis| millis / 1_000).collect()
    }

    fn take_millis(&self) -> Vec<u64> {
        std::mem::take(&mut *self.1.lock().unwrap())
    }

    /// Notes the start of a run, and then behaves like this.
    fn then(&self, behavior: impl Fn(Context) -> Fut + Clone + Send + Sync + 'static) -> Behavior {
        let starts = self.clone();
        Behavior::call(move |cx| {
            starts.add();
            behavior(cx)
        })
    }

    fn ok(&self) -> Behavior {
        self.then(|_| Box::pin(async { Ok(()) }))
    }

    fn lasting(&self, time: Duration) -> Behavior {
        self.then(move |cx| {
            Box::pin(async move {
                cx.or_cancelled(tokio::time::sleep(time)).await?;
                Ok(())
            })
        })
    }

    fn failing(&self) -> Behavior {
        self.then(|_| Box::pin(async { Err(std::io::Error::other("no disk").into()) }))
    }

    fn hanging(&self) -> Behavior {
        self.then(|_| Box::pin(std::future::pending()))
    }
}

type Fut = std::pin::Pin<Box<dyn Future<Output = rxd::Result> + Send>>;

fn ten() -> Every {
    Every::new(10 * SECOND)
}

fn sweep(every: Every, behaviors: impl IntoIterator<Item = Behavior>) -> Service {
    fake("sweep", State::Run, behaviors).every(every)
}

/// Lets this many seconds pass.
async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn entered(trace: &Trace) -> usize {
    trace.entered("sweep", State::Run).len()
}

#[tokio::test(start_paused = true)]
async fn periodic_service_runs_each_period_and_stays_in_run() {
    let starts = Starts::new();
    let running = start(daemon([sweep(ten(), [starts.ok()]), plain("api").needs(["sweep"])])).await;
    pass(35).await;
    assert_eq!(starts.take(), [0, 10, 20, 30]);
    let ran = running.stop().await;
    assert_eq!(ran.states("sweep"), format!("{INCARNATION} exit+"));
    assert_eq!(ran.states("api"), format!("{INCARNATION} exit+"));
    assert_eq!(ran.took.as_secs(), 35, "the wait ends at once");
}

#[tokio::test(start_paused = true)]
async fn first_run_comes_after_a_period_if_so_declared() {
    let starts = Starts::new();
    let running = start(daemon([sweep(ten().first(FirstRun::AfterPeriod), [starts.ok()])])).await;
    pass(25).await;
    assert_eq!(starts.take(), [10, 20]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn missed_runs_are_skipped_or_made_up_once() {
    let skip = Starts::new();
    let running = start(daemon([sweep(ten(), [skip.lasting(25 * SECOND), skip.ok()])])).await;
    pass(45).await;
    assert_eq!(skip.take(), [0, 30, 40]);
    running.stop().await;

    let once = Starts::new();
    let every = ten().missed(MissedRun::RunOnce);
    let running = start(daemon([sweep(every, [once.lasting(25 * SECOND), once.ok()])])).await;
    pass(45).await;
    assert_eq!(once.take(), [0, 25, 30, 40]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failed_run_restarts_the_service_and_is_repeated_after_the_back_off() {
    let starts = Starts::new();
    let backoff = rxd::Backoff::fixed(2 * SECOND);
    let service = sweep(ten(), [starts.ok(), starts.failing(), starts.ok()]).options(Options::DEFAULT.backoff(backoff));
    let running = start(daemon([service])).await;
    pass(11).await;
    let why = running.handle.why("sweep").unwrap().to_string();
    assert_eq!(why, "sweep after Stop, attempt 2 in 1.0 s, last error: no disk");
    pass(24).await;
    assert_eq!(starts.take(), [0, 10, 12, 20, 30], "the periods stay as they were");
    let ran = running.stop().await;
    assert_eq!(entered(&ran.trace), 2);
    assert_eq!(ran.error("sweep"), "no disk");
}

#[tokio::test(start_paused = true)]
async fn failing_runs_reach_the_restart_limit() {
    let starts = Starts::new();
    let options = no_backoff().restarts(2, 60 * SECOND);
    let ran = run_to_end(daemon([sweep(ten(), [starts.failing()]).options(options)])).await;
    assert_eq!(starts.take(), [0, 0, 0]);
    assert!(!ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn run_longer_than_within_fails_and_says_so() {
    let starts = Starts::new();
    let running = start(daemon([sweep(ten().within(3 * SECOND), [starts.ok(), starts.hanging(), starts.ok()])])).await;
    pass(25).await;
    assert_eq!(starts.take(), [0, 10, 13, 20]);
    let ran = running.stop().await;
    assert_eq!(ran.error("sweep"), "run did not return within 3s");
    let left =
        ran.trace.steps.iter().find(|step| step.state == State::Run && step.transition == rxd::Transition::Exited);
    assert_eq!(left.unwrap().cause, Cause::Timeout);
}

#[tokio::test(start_paused = true)]
async fn limit_of_run_is_that_of_each_run_and_the_shorter_applies() {
    let starts = Starts::new();
    let options = no_backoff().timeout_of(State::Run, 2 * SECOND);
    let service = sweep(ten().within(3 * SECOND), [starts.ok(), starts.hanging(), starts.ok()]).options(options);
    let running = start(daemon([service])).await;
    pass(25).await;
    assert_eq!(starts.take(), [0, 10, 12, 20]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn reload_between_two_runs_is_immediate_and_keeps_the_periods() {
    let (starts, call_log) = (Starts::new(), CallLog::new());
    let fake = FakeService::new().on(State::Run, [starts.ok()]).on_reload([Behavior::Ok]).call_log(&call_log);
    let service = Service::new("sweep", ReloadingFake(fake)).options(no_backoff()).every(ten());
    let running = start(daemon([service])).await;
    pass(4).await;
    let asked = Instant::now();
    running.handle.reload("sweep").await.unwrap();
    assert!(asked.elapsed() < MS);
    assert_eq!(call_log.calls("sweep"), ["init", "idle", "run", "reload"]);
    pass(10).await;
    assert_eq!(starts.take(), [0, 10]);
    let ran = running.stop().await;
    assert_eq!(ran.states("sweep"), format!("{INCARNATION} exit+"));
}

#[tokio::test(start_paused = true)]
async fn run_that_a_reload_cut_short_is_repeated_after_it() {
    let starts = Starts::new();
    let fake = FakeService::new().on(State::Run, [starts.lasting(6 * SECOND)]).on_reload([Behavior::Ok]);
    let service = Service::new("sweep", ReloadingFake(fake)).options(no_backoff()).every(ten());
    let running = start(daemon([service])).await;
    pass(4).await;
    running.handle.reload("sweep").await.unwrap();
    pass(20).await;
    assert_eq!(starts.take(), [0, 4, 10, 20]);
    running.stop().await;
}

/// As a one-shot that returns `Ok` when it is cancelled has done its work.
#[tokio::test(start_paused = true)]
async fn run_that_returns_ok_when_it_is_cancelled_is_not_repeated() {
    let starts = Starts::new();
    let completes = starts.then(|cx| {
        Box::pin(async move {
            cx.cancelled().await;
            Ok(())
        })
    });
    let fake = FakeService::new().on(State::Run, [completes, starts.ok()]).on_reload([Behavior::Ok]);
    let service = Service::new("sweep", ReloadingFake(fake)).options(no_backoff()).every(ten());
    let running = start(daemon([service])).await;
    pass(4).await;
    running.handle.reload("sweep").await.unwrap();
    pass(10).await;
    assert_eq!(starts.take(), [0, 10]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn periods_stay_over_a_restart_by_an_operator_and_begin_anew_at_a_start() {
    let starts = Starts::new();
    let running = start(daemon([sweep(ten(), [starts.ok()]), plain("other")])).await;
    pass(4).await;
    running.handle.restart("sweep").await.unwrap();
    pass(10).await;
    assert_eq!(starts.take(), [0, 10]);
    running.handle.stop("sweep").await.unwrap();
    pass(12).await;
    assert_eq!(starts.take(), [0_u64; 0]);
    running.handle.start("sweep").await.unwrap();
    pass(12).await;
    assert_eq!(starts.take(), [26, 36]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn run_that_was_due_outside_of_run_is_missed() {
    let starts = Starts::new();
    let health = fake("health", State::Run, [Behavior::Fail.after(5 * SECOND), Behavior::UntilCancelled])
        .options(no_backoff().delay_of(State::Init, 10 * SECOND));
    let service = sweep(ten(), [starts.ok()]).needs(["health"]);
    let running = start(daemon([health, service])).await;
    // In Run at 10, out of it from 15 to 25.
    pass(45).await;
    assert_eq!(starts.take(), [10, 30, 40]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn stop_and_a_panicked_task_end_the_wait_at_once() {
    let starts = Starts::new();
    let spawns = starts.then(|cx| {
        Box::pin(async move {
            cx.spawn("scripted", async {
                pass(4).await;
                panic!("scripted panic");
            });
            Ok(())
        })
    });
    let running = start(daemon([sweep(ten(), [spawns, starts.ok()]), plain("other")])).await;
    pass(7).await;
    assert_eq!(running.handle.states()["sweep"].restarts, 1, "the task went on after its run, and panicked at 4 s");
    let asked = Instant::now();
    running.handle.stop("sweep").await.unwrap();
    assert!(asked.elapsed() < MS);
    assert_eq!(starts.take(), [0]);
    let ran = running.stop().await;
    assert!(ran.error("sweep").contains("scripted panic"), "{}", ran.error("sweep"));
}

#[tokio::test(start_paused = true)]
async fn cancelled_token_ends_the_wait_as_it_ends_a_run() {
    let starts = Starts::new();
    let cancels = starts.then(|cx| {
        Box::pin(async move {
            let token = cx.token();
            tokio::spawn(async move {
                pass(4).await;
                token.cancel();
            });
            Ok(())
        })
    });
    let running = start(daemon([sweep(ten(), [cancels, starts.ok()])])).await;
    pass(12).await;
    assert_eq!(running.handle.states()["sweep"].restarts, 1);
    assert_eq!(starts.take(), [0, 10]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn token_that_a_run_cancels_takes_the_service_out_of_run() {
    let starts = Starts::new();
    let cancels = starts.then(|cx| {
        cx.token().cancel();
        Box::pin(async { Ok(()) })
    });
    let running = start(daemon([sweep(ten(), [cancels, starts.ok()])])).await;
    pass(12).await;
    assert_eq!(running.handle.states()["sweep"].restarts, 1);
    assert_eq!(starts.take(), [0, 10]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn jitter_delays_each_run_by_less_than_itself_and_a_seed_repeats_it() {
    async fn starts_with(seed: u64) -> Vec<u64> {
        rxd::testing::seed_jitter(seed);
        let starts = Starts::new();
        let running = start(daemon([sweep(ten().jitter(3 * SECOND), [starts.ok()])])).await;
        pass(98).await;
        running.stop().await;
        starts.take_millis()
    }
    let first = starts_with(7).await;
    let late: Vec<u64> = first.iter().map(|millis| millis % 10_000).collect();
    assert_eq!(first.len(), 10);
    assert!(late[0] == 0 && late.iter().all(|late| *late < 3_000), "{late:?}");
    assert!(late.iter().any(|late| *late > 1_000) && late.iter().any(|late| (1..2_000).contains(late)), "{late:?}");
    assert_eq!(starts_with(7).await, first);
    assert_ne!(starts_with(8).await, first);
}

#[tokio::test(start_paused = true)]
async fn why_says_when_the_next_run_is_due() {
    let starts = Starts::new();
    let every = Every::new(300 * SECOND);
    let running = start(daemon([sweep(every, [starts.lasting(5 * SECOND), starts.ok()])])).await;
    pass(2).await;
    let why = || running.handle.why("sweep").unwrap();
    assert_eq!(why().to_string(), "sweep in Run", "it runs");
    pass(46).await;
    assert_eq!(why().to_string(), "sweep in Run: next run in 4m12s");
    assert_eq!(why().services()[0].next_run, Some(252 * SECOND));
    running.handle.stop("sweep").await.unwrap();
    assert_eq!(why().services()[0].next_run, None);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn heartbeat_is_required_in_a_run_and_not_between_two() {
    let starts = Starts::new();
    let options = no_backoff().heartbeat(3 * SECOND);
    let service = sweep(ten(), [starts.ok(), starts.ok(), starts.lasting(60 * SECOND), starts.ok()]).options(options);
    let running = start(daemon([service]).on_stale(rxd::OnStale::Restart)).await;
    pass(19).await;
    assert_eq!(running.handle.states()["sweep"].restarts, 0);
    pass(10).await;
    assert_eq!(running.handle.states()["sweep"].restarts, 1);
    let starts = starts.take();
    assert!(starts[..3] == [0, 10, 20] && (23..25).contains(&starts[3]), "{starts:?}");
    let ran = running.stop().await;
    assert_eq!(ran.error("sweep"), "no heartbeat within 3s");
}

#[tokio::test(start_paused = true)]
async fn fake_in_place_of_a_periodic_service_stays_in_run() {
    let starts = Starts::new();
    let daemon = daemon([sweep(ten().within(SECOND), [starts.ok()])]);
    let test = rxd::testing::Harness::new(daemon).fake_all().start().await;
    test.until("sweep", State::Run).await;
    pass(60).await;
    assert_eq!(test.call_log().count("sweep", "run"), 1);
    assert_eq!(test.shutdown().await.report.services()[0].restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn shortest_period_leaves_other_tasks_a_turn() {
    let starts = Starts::new();
    let every = Every::new(Duration::from_nanos(1)).missed(MissedRun::RunOnce);
    let running = start(daemon([sweep(every, [starts.ok()]), plain("other")])).await;
    running.until("other", State::Run).await;
    pass(1).await;
    let ran = running.stop().await;
    assert!(starts.take().len() > 1);
    assert!(ran.report.is_ok());
}

#[test]
fn builder_refuses_what_cannot_be_periodic() {
    let error = |service: Service| daemon([service]).check().unwrap_err().to_string();
    let of = "service `sweep` of daemon `d`";
    assert_eq!(
        error(plain("sweep").every(ten()).manager(rxd::manager::until_success)),
        format!(
            "{of}: `every` does not fit the manager, which ends the service after the first run that succeeds\n\
             help: write `manager = \"continuous\"`, or remove `every`"
        )
    );
    assert!(
        error(plain("sweep").every(Every::new(Duration::ZERO).jitter(SECOND)))
            .starts_with(&format!("{of}: `every` cannot be zero\n"))
    );
}
