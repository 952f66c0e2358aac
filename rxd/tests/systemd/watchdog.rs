//! G29, G30, F88 to F91: when the watchdog is pinged, and when it is not.

use super::receiver::{NotifyReceiver, Subject, SubjectBuilder, warnings};
use std::time::Duration;

const PING: &str = "WATCHDOG=1";

#[test]
fn f88_watchdog_usec_out_of_range_pings_or_warns() {
    for (usec, pings, warns) in [
        ("0", false, 0),
        ("soon", false, 1),
        ("", false, 1),
        ("1", true, 1),
        ("18446744073709551615", false, 0),
        ("18446744073709551614", true, 0),
        ("200000", true, 0),
    ] {
        let mut receiver = NotifyReceiver::new();
        let subject = receiver.subject("a").env("WATCHDOG_USEC", usec).start();
        receiver.wait_for("READY=1");
        receiver.read_for(Duration::from_millis(200));
        let (code, log) = subject.stop();
        assert_eq!((code, warnings(&log)), (Some(0), warns), "{usec:?}: {log}");
        assert_eq!(receiver.count(PING) > 0, pings, "{usec:?}: {:#?}", receiver.texts());
    }
}

#[test]
fn f89_watchdog_pid_of_another_process_sends_no_pings() {
    for (subject, pings) in [
        (SubjectBuilder::new("a").env("WATCHDOG_PID", "1"), false),
        (SubjectBuilder::new("a").env("WATCHDOG_PID", "me"), false),
        (SubjectBuilder::with_own_pid("a"), true),
    ] {
        let mut receiver = NotifyReceiver::new();
        let subject = subject.env("NOTIFY_SOCKET", &receiver.address).env("WATCHDOG_USEC", "200000").start();
        receiver.wait_for("READY=1");
        receiver.read_for(Duration::from_millis(300));
        assert_eq!(receiver.count(PING) > 0, pings);
        assert_eq!(subject.stop().0, Some(0));
    }
}

/// No ping was withheld: where one is, the reason is in a status.
fn assert_no_ping_withheld(receiver: &NotifyReceiver) {
    let is_degraded = |text: &&str| text.contains(" is stale: ") || text.contains("runtime blocked: ");
    assert_eq!(receiver.texts().into_iter().find(is_degraded), None, "{:#?}", receiver.texts());
    assert_eq!(receiver.count("WATCHDOG=trigger"), 0, "{:#?}", receiver.texts());
}

/// The median only: this machine may be busy with other things. A benchmark measures the longest
/// gap.
#[test]
fn f90_pings_under_heavy_load_come_within_half_the_timeout() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("busy copies=500 busy; a heartbeat=60000").env("WATCHDOG_USEC", "500000").start();
    receiver.wait_for("READY=1");
    receiver.wait_for_count(PING, 40);
    let times = receiver.times(PING);
    let mut gaps: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort();
    assert!(gaps[gaps.len() / 2] <= Duration::from_millis(250), "{gaps:?}");
    assert_no_ping_withheld(&receiver);
    drop(subject);
}

#[test]
fn f91_wedged_service_with_a_heartbeat_ends_the_pings() {
    let mut receiver = NotifyReceiver::new();
    let subject =
        receiver.subject("good heartbeat=60000; bad heartbeat=1000 wedges").env("WATCHDOG_USEC", "400000").start();
    receiver.wait_for("READY=1");
    receiver.wait_for(PING);
    subject.signal("USR1");
    receiver.wait_for("STATUS=bad is stale: no heartbeat within 1s; 2/2 running; bad: wedged");
    let stale = receiver.received.len();
    receiver.wait_for("WATCHDOG=trigger");
    receiver.read_for(Duration::from_millis(600));
    let after = &receiver.texts()[stale..];
    assert!(!after.contains(&PING), "{after:#?}");
    let (code, log) = subject.stop();
    assert_eq!(code, Some(0));
    assert!(log.contains("watchdog pings withheld: bad is stale"), "{log}");
}

#[test]
fn f91_wedged_service_without_a_heartbeat_ends_no_pings() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("good heartbeat=60000; bad wedges block").env("WATCHDOG_USEC", "2000000").start();
    receiver.wait_for("READY=1");
    subject.signal("USR1");
    subject.wait_for_line("bad wedges");
    receiver.wait_for_count(PING, receiver.count(PING) + 6);
    assert_no_ping_withheld(&receiver);
}

#[test]
fn f91_g30_supervisor_that_does_not_run_ends_the_pings() {
    let mut receiver = NotifyReceiver::new();
    // With one thread, the service blocks the one that the supervisor needs.
    let subject = receiver.subject("bad wedges block").env("WATCHDOG_USEC", "400000").env("RXD_THREADS", "1").start();
    receiver.wait_for("STATUS=1/1 running");
    subject.signal("USR1");
    receiver.wait_for("STATUS=runtime blocked: the supervisor task has not run for more than 1s");
    receiver.wait_for("WATCHDOG=trigger");
    let triggered = receiver.received.len();
    receiver.read_for(Duration::from_millis(500));
    assert!(!receiver.texts()[triggered..].contains(&PING));
    drop(subject);
}

#[test]
fn stale_service_with_on_stale_restart_is_restarted_first() {
    let mut receiver = NotifyReceiver::new();
    let text = "daemon stale=restart; good heartbeat=60000; bad heartbeat=3000 wedges";
    let subject = receiver.subject(text).env("WATCHDOG_USEC", "2000000").start();
    receiver.wait_for("READY=1");
    subject.signal("USR1");
    receiver.wait_for("STATUS=bad is being restarted: no heartbeat within 3s");
    receiver.wait_for("STATUS=2/2 running");
    // For longer than the heartbeat's period.
    receiver.wait_for_count(PING, receiver.count(PING) + 5);
    subject.wait_for_line("bad wedges");
    subject.wait_for_line("bad runs");
    assert_no_ping_withheld(&receiver);
    assert_eq!(subject.stop().0, Some(0));
}

#[test]
fn stale_service_that_a_restart_does_not_help_ends_the_pings() {
    let mut receiver = NotifyReceiver::new();
    // Neither of its Runs has a heartbeat.
    let text = "daemon stale=restart; bad heartbeat=400 always-wedged";
    let subject = receiver.subject(text).env("WATCHDOG_USEC", "400000").start();
    receiver.wait_for("STATUS=bad is being restarted");
    receiver.wait_for("STATUS=bad is stale");
    receiver.wait_for("WATCHDOG=trigger");
    drop(subject);
}

#[test]
fn watchdog_sec_that_does_not_suit_the_declaration_is_a_warning() {
    for (usec, says) in [
        (Some("3000000"), "watchdog_interval is 5s, which needs WatchdogSec=10s or more, but the unit says 3s"),
        (None, "watchdog_interval is 5s, but the unit has no watchdog: set WatchdogSec=10s in it"),
    ] {
        let mut receiver = NotifyReceiver::new();
        let mut subject = receiver.subject("daemon report=5000; a");
        if let Some(usec) = usec {
            subject = subject.env("WATCHDOG_USEC", usec);
        }
        let subject = subject.start();
        receiver.wait_for("READY=1");
        let (code, log) = subject.stop();
        assert_eq!((code, warnings(&log)), (Some(0), 1), "{log}");
        assert!(log.contains(says), "{log}");
    }
}

/// Pauses the whole process for longer than a heartbeat's period and the watchdog's timeout.
fn pause(subject: &Subject) {
    subject.signal("STOP");
    std::thread::sleep(Duration::from_secs(3));
    subject.signal("CONT");
}

#[test]
fn g57_pause_of_the_process_with_a_watchdog_restarts_nothing_and_pings_go_on() {
    let mut receiver = NotifyReceiver::new();
    let text = "daemon stale=restart; a heartbeat=1000; b heartbeat=2000";
    let subject = receiver.subject(text).env("WATCHDOG_USEC", "2000000").start();
    receiver.wait_for("READY=1");
    for _ in 0..3 {
        receiver.wait_for_count(PING, receiver.count(PING) + 3);
        pause(&subject);
    }
    receiver.wait_for_count(PING, receiver.count(PING) + 6);
    assert_no_ping_withheld(&receiver);
    let (code, log) = subject.stop();
    assert_eq!((code, warnings(&log)), (Some(0), 0), "{log}");
}

#[test]
fn g57_pause_of_the_process_without_a_watchdog_restarts_nothing() {
    let subject = SubjectBuilder::new("daemon stale=restart; a heartbeat=1000; b heartbeat=2000").start();
    subject.wait_for_line("a runs");
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(800));
        pause(&subject);
    }
    // For longer than a period: what is found late is found by then.
    std::thread::sleep(Duration::from_millis(2500));
    let (code, log) = subject.stop();
    assert_eq!((code, warnings(&log)), (Some(0), 0), "{log}");
}
