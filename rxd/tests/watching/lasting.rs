//! `lasts` and `grace`: a condition that has to hold for a time without a break.

use rxd::testing::{Behavior, FakeService, Finished, Harness};
use rxd::{Action, Backoff, Context, Daemon, Effect, OnFailure, Options, Runner, Service, State, Transition, When};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn plain(name: &'static str) -> Service {
    Service::new(name, FakeService::new())
}

/// In Run for `up`, and out of it for `away`, over and over; after so many times it stays in Run.
struct Flapping {
    up: Duration,
    times: u32,
}

impl Runner for Flapping {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        match self.times.checked_sub(1) {
            Some(left) => {
                self.times = left;
                tokio::time::sleep(self.up).await;
                Err("not healthy".into())
            }
            None => {
                cx.cancelled().await;
                Ok(())
            }
        }
    }
}

/// A service that is away for so long, so many times.
fn health(up: Duration, away: Duration, times: u32) -> Service {
    let options = Options::DEFAULT.backoff(Backoff::fixed(away).jitter(0.0));
    Service::new("health", Flapping { up, times }).options(options)
}

fn patient(lasts: Duration) -> When {
    When::any(Action::Exited, State::Run, ["health"]).then(Effect::Stop).lasts(lasts)
}

async fn run(services: impl IntoIterator<Item = Service>, length: Duration) -> Finished {
    let daemon = Daemon::new("d").add_all(services).history(1_000_000);
    let running = Harness::new(daemon).start().await;
    tokio::time::sleep(length).await;
    running.shutdown().await
}

/// When `service` left Run before the shutdown, which is at `end`.
fn left(finished: &Finished, service: &str, end: Duration) -> Vec<Duration> {
    let steps = finished.trace.steps.iter().filter(|step| step.service == service && step.state == State::Run);
    let left = steps.filter(|step| step.transition == Transition::Exited && step.at < end);
    left.map(|step| step.at).collect()
}

#[tokio::test(start_paused = true)]
async fn reaction_with_a_time_ignores_shorter_breaks_for_an_hour() {
    let hour = 3600 * SECOND;
    let poller = plain("poller").watch(patient(3 * SECOND));
    let finished = run([health(millis(900), millis(100), 3600), poller], hour).await;
    assert_eq!(finished.trace.entered("health", State::Run).len(), 3601);
    assert_eq!(left(&finished, "poller", hour), []);
}

#[tokio::test(start_paused = true)]
async fn reaction_with_a_time_acts_when_that_is_over_and_not_before() {
    let lasts = 3 * SECOND;
    for (away, expected) in
        [(millis(4_000), vec![SECOND + lasts]), (millis(2_999), vec![]), (lasts, vec![SECOND + lasts])]
    {
        let finished = run([health(SECOND, away, 1), plain("poller").watch(patient(lasts))], 20 * SECOND).await;
        if away != lasts {
            assert_eq!(left(&finished, "poller", 20 * SECOND), expected, "{away:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn break_of_the_condition_begins_its_time_anew() {
    // Away for 2.5 s twice, with half a second in between.
    let poller = plain("poller").watch(patient(3 * SECOND));
    let finished = run([health(millis(500), millis(2_500), 2), poller], 20 * SECOND).await;
    assert_eq!(left(&finished, "poller", 20 * SECOND), []);
}

#[tokio::test(start_paused = true)]
async fn time_of_a_reaction_runs_also_while_its_service_is_not_in_run() {
    // Away from 1 s to 11 s; the poller comes at 3 s, when 2 of 3 s are over, or at 8 s, after it has acted.
    for (delay, expected) in [(3, vec![4 * SECOND]), (8, vec![8 * SECOND])] {
        let options = Options::DEFAULT.startup_delay(delay * SECOND);
        let poller = plain("poller").options(options).watch(patient(3 * SECOND));
        let finished = run([health(SECOND, 10 * SECOND, 1), poller], 20 * SECOND).await;
        assert_eq!(left(&finished, "poller", 20 * SECOND), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn condition_that_has_held_long_enough_before_run_and_is_over_is_forgotten() {
    // Away from 1 s to 6 s, and again from 7 s on for a second.
    let options = Options::DEFAULT.startup_delay(millis(7_500));
    let poller = plain("poller").options(options).watch(patient(3 * SECOND));
    let flapping = Service::new(
        "health",
        FakeService::new()
            .on(State::Run, [Behavior::Fail.after(SECOND), Behavior::Ok.after(SECOND), Behavior::UntilCancelled]),
    );
    let flapping = flapping.options(Options::DEFAULT.backoff(Backoff::fixed(5 * SECOND).jitter(0.0)));
    let finished = run([flapping, poller], 9 * SECOND).await;
    assert_eq!(left(&finished, "poller", 9 * SECOND), []);
}

#[tokio::test(start_paused = true)]
async fn gate_with_a_time_opens_when_its_condition_has_held_without_a_break() {
    let gate = When::all(Action::Entering, State::Run, ["health"]).lasts(5 * SECOND);
    // In Run at 0 s and, after two failures, at 6 s for good.
    let finished = run([health(2 * SECOND, SECOND, 2), plain("api").watch(gate.clone())], 30 * SECOND).await;
    assert_eq!(finished.trace.entered("api", State::Run), [11 * SECOND]);
    // A service that comes later does not wait again.
    let late =
        plain("api").options(Options::DEFAULT.startup_delay(20 * SECOND)).watch(gate.clone().then(Effect::GateInit));
    let finished = run([health(2 * SECOND, SECOND, 2), late], 30 * SECOND).await;
    assert_eq!(finished.trace.entered("api", State::Init), [20 * SECOND]);
    // Half of the time is over.
    let late = plain("api").options(Options::DEFAULT.startup_delay(millis(8_500))).watch(gate.then(Effect::GateInit));
    let finished = run([health(2 * SECOND, SECOND, 2), late], 30 * SECOND).await;
    assert_eq!(finished.trace.entered("api", State::Init), [11 * SECOND]);
}

#[tokio::test(start_paused = true)]
async fn condition_that_holds_from_the_start_lasts_from_the_start() {
    // The database has half a minute to come up.
    let exit = When::any(Action::NotIn, State::Run, ["db"]).then(Effect::Exit).lasts(30 * SECOND);
    for (delay, states) in [(29, "init+ init- idle+ idle- run+"), (31, "exit+")] {
        let db = plain("db").options(Options::DEFAULT.startup_delay(delay * SECOND));
        let finished = run([db, plain("api").watch(exit.clone())], 60 * SECOND).await;
        assert_eq!(finished.trace.states_of("api").starts_with(states), delay == 29, "{}", finished.trace.timeline());
        let exited = finished.trace.entered("api", State::Exit);
        assert_eq!(exited == [30 * SECOND], delay == 31, "{exited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn gate_with_a_time_still_fails_at_its_limit() {
    let gate = When::all(Action::Entering, State::Run, ["health"]).lasts(5 * SECOND).within(6 * SECOND);
    let api = plain("api").watch(gate).options(Options::DEFAULT.restarts(0, SECOND).on_failure(OnFailure::Ignore));
    let running = Harness::new(Daemon::new("d").add(health(2 * SECOND, SECOND, 9)).add(api)).start().await;
    running.until("api", State::Exit).await;
    let error = running.handle().states()["api"].last_error.clone().unwrap();
    assert_eq!(error, "waited 6s for `health` entering Run for 5 s");
    running.shutdown().await;
}

// ---- needs ------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn needs_with_grace_stays_in_run_until_that_is_over() {
    for (away, expected) in [(millis(1_999), vec![]), (millis(2_500), vec![3 * SECOND])] {
        let api = plain("api").needs_with_grace(["health"], 2 * SECOND);
        let finished = run([health(SECOND, away, 1), api], 20 * SECOND).await;
        assert_eq!(left(&finished, "api", 20 * SECOND), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn dependency_that_fails_for_good_ends_grace_at_once() {
    let options = Options::DEFAULT.backoff(Backoff::fixed(SECOND).jitter(0.0)).restarts(1, 60 * SECOND);
    let db = Service::new("db", Flapping { up: SECOND, times: 2 }).options(options.on_failure(OnFailure::Ignore));
    let api = plain("api").needs_with_grace(["db"], 10 * SECOND);
    let finished = run([db, api], 20 * SECOND).await;
    // Away from 1 s to 2 s, and at 3 s for good.
    assert_eq!(left(&finished, "api", 20 * SECOND), [3 * SECOND], "{}", finished.trace.timeline());
    assert_eq!(finished.trace.entered("api", State::Exit), [3 * SECOND]);
}

#[tokio::test(start_paused = true)]
async fn grace_of_several_counts_from_the_first_that_leaves_to_the_last_that_is_back() {
    // `health` is away from 1 s to 2.5 s, and `cache` from 2 s to 3.5 s.
    let options = Options::DEFAULT.backoff(Backoff::fixed(millis(1_500)).jitter(0.0));
    let cache = || Service::new("cache", Flapping { up: 2 * SECOND, times: 1 }).options(options);
    for (grace, expected) in [(2_000, vec![3 * SECOND]), (2_600, vec![])] {
        let api = plain("api").needs_with_grace(["health", "cache"], millis(grace));
        let finished = run([health(SECOND, millis(1_500), 1), cache(), api], 20 * SECOND).await;
        assert_eq!(left(&finished, "api", 20 * SECOND), expected);
    }
}

// ---- what is said of it -----------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn g45_why_says_for_how_long_a_condition_has_held() {
    let gate = When::all(Action::Entering, State::Run, ["health"]).lasts(3 * SECOND);
    let services = [
        health(10 * SECOND, 8 * SECOND, 1),
        plain("poller").watch(patient(3 * SECOND)),
        plain("gated").watch(gate),
        plain("api").needs_with_grace(["health"], millis(4_500)),
    ];
    let running = Harness::new(Daemon::new("d").add_all(services)).start().await;
    let why = |service| running.handle().why(service).unwrap().to_string();
    tokio::time::sleep(millis(1_200)).await;
    assert_eq!(why("gated"), "gated in Idle: waits for health entering Run, which has held for 1.2 s of 3 s");
    assert_eq!(why("poller"), "poller in Run");
    tokio::time::sleep(millis(10_000)).await;
    assert_eq!(why("poller"), "poller in Run: leaves Run by health exited Run, which has held for 1.2 s of 3 s");
    assert_eq!(why("api"), "api in Run: leaves Run by health exited Run, which has held for 1.2 s of 4.5 s");
    let diagnosis = running.handle().why("poller").unwrap();
    let holding = &diagnosis.services()[0].holding[0];
    assert_eq!((holding.effect, holding.lasts, holding.held_for), (Effect::Stop, 3 * SECOND, millis(1_200)));
    tokio::time::sleep(millis(2_800)).await;
    running.handle().restart("gated").await.unwrap();
    assert!(
        why("gated").starts_with("gated in Idle: waits for health entering Run for 3 s; health after Stop"),
        "{}",
        why("gated")
    );
    running.shutdown().await;
}

#[test]
fn time_that_cannot_hold_is_refused() {
    let faults = |when: When| {
        let daemon = Daemon::new("d").add(plain("health")).add(plain("api").watch(when));
        daemon.check().unwrap_err().to_string()
    };
    let changing = When::any(Action::Changing, State::Run, ["health"]).then(Effect::Stop).lasts(SECOND);
    assert!(faults(changing).contains("which comes true for an instant only"));
    let long = When::any(Action::Entering, State::Run, ["health"]).lasts(60 * SECOND).within(30 * SECOND);
    assert!(faults(long).contains("`lasts` is 60s, and `within` is 30s"));
    assert!(faults(patient(Duration::ZERO)).contains("`lasts` cannot be zero"));
    let needs = plain("api").needs_with_grace(["health"], Duration::ZERO);
    let error = Daemon::new("d").add(plain("health")).add(needs).check().unwrap_err().to_string();
    assert!(error.contains("`grace` cannot be zero"), "{error}");
}

#[rxd::service(name = "health")]
struct Declared(u32);

impl Runner for Declared {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        if self.0 > 0 {
            self.0 -= 1;
            tokio::time::sleep(SECOND).await;
            return Err("away".into());
        }
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::service]
#[watch(any, exited, Run, "health", then(stop), lasts = "50ms")]
#[watch(any, entering, Run, Declared, lasts = "500ms", within = "1m")]
struct Strict;

#[rxd::service]
#[needs("health", grace = "2s", within = "1m")]
struct Lenient;

impl Runner for Strict {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

impl Runner for Lenient {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    health: Declared,
    strict: Strict,
    lenient: Lenient,
}

#[tokio::test(start_paused = true)]
async fn attributes_declare_lasts_and_grace() {
    let daemon = Edge { health: Declared(1), strict: Strict, lenient: Lenient }.into_daemon();
    let running = Harness::new(daemon).start().await;
    tokio::time::sleep(20 * SECOND).await;
    let finished = running.shutdown().await;
    assert_eq!(left(&finished, "strict", 20 * SECOND), [millis(1_050)]);
    assert_eq!(left(&finished, "lenient", 20 * SECOND), []);
    assert_eq!(finished.trace.entered("strict", State::Run)[0], millis(500));
}
