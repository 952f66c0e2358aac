//! Scheduled services: the wall clock is set by the test, and advances with paused time.

use crate::kit::*;
use rxd::testing::{Behavior, set_wall_clock};
use rxd::{Every, MissedRun, Schedule, Service, State};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// 2026-01-01 00:00 UTC.
const NEW_YEAR: u64 = 1_767_225_600;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

fn set_to(seconds_of_2026: u64) {
    set_wall_clock(SystemTime::UNIX_EPOCH + Duration::from_secs(NEW_YEAR + seconds_of_2026));
}

/// The minutes, after the test began, at which runs began.
#[derive(Clone)]
struct Starts(Instant, Arc<Mutex<Vec<u64>>>);

impl Starts {
    fn new() -> Self {
        Starts(Instant::now(), Arc::default())
    }

    fn take(&self) -> Vec<u64> {
        std::mem::take(&mut *self.1.lock().unwrap())
    }

    /// Each run lasts this long.
    fn lasting(&self, time: Duration) -> Behavior {
        let starts = self.clone();
        Behavior::call(move |cx| {
            starts.1.lock().unwrap().push(starts.0.elapsed().as_secs() / MINUTE);
            async move {
                cx.or_cancelled(tokio::time::sleep(time)).await?;
                Ok(())
            }
        })
    }
}

fn backup(schedule: Schedule, behavior: Behavior) -> Service {
    fake("backup", State::Run, [behavior]).schedule(schedule)
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn service_runs_at_the_times_of_its_zone_and_why_says_when() {
    set_to(0);
    let starts = Starts::new();
    let schedule = Schedule::new("0 3 * * *").zone("Europe/Berlin");
    let running = start(daemon([backup(schedule, starts.lasting(SECOND))])).await;
    pass(HOUR).await;
    let why = running.handle.why("backup").unwrap();
    assert_eq!(
        why.to_string(),
        "backup in Run: next run in 1h, at 2026-01-01 02:00 UTC (2026-01-01 03:00 Europe/Berlin)"
    );
    assert_eq!(why.services()[0].next_run, Some(Duration::from_secs(HOUR)));
    pass(48 * HOUR).await;
    assert_eq!(starts.take(), [2 * 60, 26 * 60]);
    let ran = running.stop().await;
    assert_eq!(ran.states("backup"), format!("{INCARNATION} exit+"));
}

#[tokio::test(start_paused = true)]
async fn missed_times_are_skipped_or_made_up_once() {
    for (missed, expected) in [(MissedRun::Skip, vec![10, 40, 50]), (MissedRun::RunOnce, vec![10, 35, 40, 50])] {
        set_to(0);
        let starts = Starts::new();
        let lasting = [25, 0, 0, 0].map(|minutes| starts.lasting(Duration::from_secs(minutes * MINUTE)));
        let service = fake("backup", State::Run, lasting).schedule(Schedule::new("*/10 * * * *").missed(missed));
        let running = start(daemon([service])).await;
        pass(55 * MINUTE).await;
        assert_eq!(starts.take(), expected, "{missed:?}");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn long_sleep_of_the_machine_is_a_missed_run() {
    for (missed, expected) in [(MissedRun::Skip, vec![]), (MissedRun::RunOnce, vec![10])] {
        set_to(2 * HOUR + 50 * MINUTE);
        let starts = Starts::new();
        let schedule = Schedule::new("0 3 * * *").missed(missed);
        let running = start(daemon([backup(schedule, starts.lasting(SECOND))])).await;
        // The monotonic clock does not count the sleep.
        pass(10 * MINUTE - 10).await;
        set_to(8 * HOUR);
        pass(MINUTE).await;
        assert_eq!(starts.take(), expected, "{missed:?}");
        let why = running.handle.why("backup").unwrap().to_string();
        assert!(why.ends_with("at 2026-01-02 03:00 UTC"), "{why}");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn short_sleep_delays_a_run() {
    set_to(2 * HOUR + 59 * MINUTE);
    let starts = Starts::new();
    let running = start(daemon([backup(Schedule::new("0 3 * * *"), starts.lasting(SECOND))])).await;
    pass(50).await;
    set_to(3 * HOUR + 20);
    pass(31).await;
    assert_eq!(starts.take(), [1]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn clock_that_is_set_back_repeats_no_time() {
    set_to(2 * HOUR + 55 * MINUTE);
    let starts = Starts::new();
    let running = start(daemon([backup(Schedule::new("0 * * * *"), starts.lasting(SECOND))])).await;
    pass(10 * MINUTE).await;
    assert_eq!(starts.take(), [5]);
    set_to(2 * HOUR + 30 * MINUTE);
    pass(80 * MINUTE).await;
    assert_eq!(starts.take(), [0_u64; 0], "03:00 was over already");
    pass(15 * MINUTE).await;
    assert_eq!(starts.take(), [10 + 90]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn clock_that_was_wrong_by_more_than_a_day_is_believed_once_it_is_set() {
    set_to(9_000 * HOUR);
    let starts = Starts::new();
    let running = start(daemon([backup(Schedule::new("0 3 * * *"), starts.lasting(SECOND))])).await;
    pass(MINUTE).await;
    set_to(2 * HOUR);
    pass(2 * HOUR).await;
    assert_eq!(starts.take(), [61]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn run_beyond_its_limit_fails_and_is_repeated() {
    set_to(0);
    let starts = Starts::new();
    let hangs = starts.lasting(Duration::from_secs(HOUR));
    let schedule = Schedule::new("10 * * * *").within(5 * MINUTE as u32 * SECOND);
    let service = fake("backup", State::Run, [hangs, starts.lasting(SECOND)]).schedule(schedule);
    let running = start(daemon([service])).await;
    pass(80 * MINUTE).await;
    assert_eq!(starts.take(), [10, 15, 70]);
    assert_eq!(running.stop().await.error("backup"), "run did not return within 300s");
}

#[tokio::test(start_paused = true)]
async fn wall_clock_that_no_test_sets_advances_with_paused_time() {
    let starts = Starts::new();
    let running = start(daemon([backup(Schedule::new("* * * * *"), starts.lasting(SECOND))])).await;
    pass(10 * MINUTE).await;
    assert!((9..=11).contains(&starts.take().len()));
    running.stop().await;
}

#[test]
fn builder_refuses_what_is_no_schedule() {
    let error = |service: Service| daemon([service]).check().unwrap_err().to_string();
    let of = "service `backup` of daemon `d`: ";
    let with = |schedule: Schedule| plain("backup").schedule(schedule);
    for (service, says) in [
        (with(Schedule::new("0 0 31 2 *")), "`0 0 31 2 *` never runs: no date fits it\n"),
        (with(Schedule::new("0 3 * *")), "`0 3 * *` is not a cron expression: "),
        (with(Schedule::new("0 3 * * *").zone("Berlin")), "`Berlin` is not a time zone\n"),
        (with(Schedule::new("0 3 * * *").within(Duration::ZERO)), "`within` cannot be zero\n"),
        (
            with(Schedule::new("0 3 * * *")).every(Every::new(SECOND)),
            "`schedule` and `every` both say when the service runs\n",
        ),
        (with(Schedule::new("0 3 * * *")).manager(rxd::manager::until_success), "`schedule` does not fit the manager"),
    ] {
        let error = error(service);
        assert!(error.starts_with(&format!("{of}{says}")), "{error}");
    }
}
