//! G60, the builder's half: invalid values are errors of the start, which name the option.
//!
//! `ui-tests/tests/agree` tests every key in the builder and in an attribute.

use crate::kit::*;
use rxd::prestart::Stage;
use rxd::testing::FakeService;
use rxd::{Action, Backoff, Daemon, Options, Service, Signal, State, When};
use std::time::Duration;

fn db(options: Options) -> Daemon {
    Daemon::new("edge").signals([]).blocking_threshold(None).add(plain("db").options(options))
}

fn refused(daemon: &Daemon) -> String {
    let error = daemon.check().expect_err("the options are invalid");
    assert!(error.is_graph() && !error.is_prestart());
    error.to_string()
}

#[tokio::test(start_paused = true)]
async fn g60_invalid_value_fails_the_start_before_anything_runs() {
    // Values that a program reads from a file.
    let (heartbeat, factor): (u64, f64) = ("0".parse().unwrap(), "0.5".parse().unwrap());
    let options = Options::DEFAULT.heartbeat(Duration::from_secs(heartbeat)).backoff(Backoff::DEFAULT.factor(factor));
    let call_log = rxd::testing::CallLog::new();
    let stage = Stage::new("never", async || panic!("a stage is started"));
    let daemon = db(options).add(with_call_log("other", FakeService::new(), &call_log)).prestart(stage);
    let error = daemon.start().await.map(drop).unwrap_err();
    assert!(error.is_graph(), "{error}");
    assert_eq!(
        error.to_string(),
        "service `db` of daemon `edge`, `backoff`: `factor` cannot be 0.5\nhelp: write a finite number, 1 or more\n\
         service `db` of daemon `edge`: `heartbeat` cannot be zero\n\
         help: write how long: `\"5s\"` or `Duration::from_secs(5)`"
    );
    assert_eq!(call_log.count("other", "init"), 0);
}

#[test]
fn g60_setters_accept_any_value_and_check_refuses_it() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN, f64::MAX, -0.0, 5e-324, 1e-7, 1.0 - 1e-12];
    for (factor, jitter) in odd.into_iter().flat_map(|a| odd.map(|b| (a, b))) {
        for time in [Duration::ZERO, Duration::MAX] {
            let backoff = Backoff::DEFAULT.base(time).factor(factor).max(time).jitter(jitter).reset(time);
            let mut options = Options::DEFAULT.backoff(backoff).restarts(0, time).heartbeat(time);
            for state in State::ALL {
                options = options.delay_of(state, time).timeout_of(state, time);
            }
            let when = When::any(Action::Entering, State::Run, [""]).within(time);
            let daemon = db(options).add(plain("").watch(when)).exit_code(0).history(usize::MAX).history(0);
            let daemon = daemon.shutdown_timeout(time).blocking_threshold(time).watchdog_interval(time);
            let stage = Stage::new("", async || Ok(())).attempts(0).timeout(time).retry(time);
            refused(&daemon.prestart(stage).signals([Signal::TERMINATE; 3]));
        }
    }
}

#[test]
fn g60_invalid_number_is_shown_exactly() {
    for (jitter, shown) in [
        (1.5, "1.5"),
        (-0.1, "-0.1"),
        (1.000_000_001, "1.000000001"),
        (1.000_000_000_4, "almost 1"),
        (2.0 - 1e-12, "almost 2"),
        (12.25, "12.25"),
        (123_456_789.0, "123456789"),
        (-1e-7, "-1e-7"),
        (1e300, "1e300"),
        (f64::MAX, "1.797693135e308"),
        (9e15, "9e15"),
        (f64::NEG_INFINITY, "-infinity"),
        (f64::NAN, "NaN"),
    ] {
        let text = refused(&db(Options::DEFAULT.backoff(Backoff::DEFAULT.jitter(jitter))));
        let expected = format!("`jitter` cannot be {shown}\n");
        assert!(text.contains(&expected), "{text}");
    }
}

#[test]
fn g60_invalid_duration_is_shown_as_one_number() {
    for (base, shown) in [
        (Duration::from_secs(90), "90s"),
        (Duration::from_millis(30_250), "30.25s"),
        (Duration::from_micros(30_000_001), "30.000001s"),
        (Duration::from_nanos(30_000_000_001), "30.000000001s"),
        (Duration::from_secs(u64::MAX), "18446744073709551615s"),
    ] {
        let text = refused(&db(Options::DEFAULT.backoff(Backoff::DEFAULT.base(base))));
        assert!(text.contains(&format!("it is 30s, and `base` is {shown}\n")), "{text}");
    }
}

#[test]
fn g60_signal_listed_twice_is_shown_by_name_or_number() {
    let daemon = Daemon::new("edge").add(plain("db"));
    for (signal, name) in [
        #[cfg(unix)]
        (Signal::HANGUP, "hangup"),
        (Signal::INTERRUPT, "interrupt"),
        #[cfg(unix)]
        (Signal::QUIT, "quit"),
        #[cfg(unix)]
        (Signal::USER1, "user1"),
        #[cfg(unix)]
        (Signal::USER2, "user2"),
        (Signal::TERMINATE, "terminate"),
        (Signal::from_raw(34), "34"),
    ] {
        let daemon = Daemon::new("edge").add(plain("db")).signals([signal, signal]);
        let expected = format!("daemon `edge`, `signals`: `{name}` is named twice\nhelp: remove one of them");
        assert_eq!(refused(&daemon), expected);
    }
    assert!(daemon.signals([Signal::TERMINATE, Signal::INTERRUPT]).check().is_ok());
}

#[tokio::test(start_paused = true)]
async fn g60_longest_and_shortest_valid_values_run() {
    // With a jitter of 1 a delay may be zero, so that any number of restarts can be reached.
    for (short, factor, jitter, most) in
        [(Duration::MAX, f64::MAX, 1.0, u32::MAX), (Duration::from_nanos(1), 1.0, 0.0, 1)]
    {
        let backoff = Backoff::DEFAULT.max(Duration::MAX).factor(factor).jitter(jitter).reset(short);
        let mut options = Options::DEFAULT.backoff(backoff).restarts(most, short).heartbeat(Duration::MAX);
        options = options.timeout_of(State::Stop, short);
        let when = When::any(Action::NotIn, State::Exit, ["b"]).within(short);
        let services = [plain("a").options(options).watch(when), Service::new("b", FakeService::new())];
        let stage =
            Stage::new("ready", async || Ok(())).attempts(u32::MAX).timeout(Duration::MAX).retry(Duration::ZERO);
        let daemon = daemon(services).shutdown_timeout(short).exit_code(255).watchdog_interval(short).prestart(stage);
        assert!(run_until(daemon, "a", State::Run).await.report.is_ok());
    }
}
