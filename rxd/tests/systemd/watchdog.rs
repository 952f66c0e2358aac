//! G29, G30, F88 to F91: when the watchdog is fed, and when it is not.

use super::peer::{Builder, Peer, Subject, warnings};
use std::time::Duration;

const PING: &str = "WATCHDOG=1";

#[test]
fn f88_odd_timeouts() {
    for (usec, pings, warns) in [
        ("0", false, 0),
        ("soon", false, 1),
        ("", false, 1),
        ("1", true, 1),
        ("18446744073709551615", false, 0),
        ("18446744073709551614", true, 0),
        ("200000", true, 0),
    ] {
        let mut peer = Peer::new();
        let subject = peer.subject("a").env("WATCHDOG_USEC", usec).start();
        peer.until("READY=1");
        peer.read(Duration::from_millis(200));
        let (code, log) = subject.stop();
        assert_eq!((code, warnings(&log)), (Some(0), warns), "{usec:?}: {log}");
        assert_eq!(peer.count(PING) > 0, pings, "{usec:?}: {:#?}", peer.texts());
    }
}

#[test]
fn f89_only_its_own_process() {
    for (subject, pings) in [
        (Builder::new("a").env("WATCHDOG_PID", "1"), false),
        (Builder::new("a").env("WATCHDOG_PID", "me"), false),
        (Builder::with_own_pid("a"), true),
    ] {
        let mut peer = Peer::new();
        let subject = subject.env("NOTIFY_SOCKET", &peer.address).env("WATCHDOG_USEC", "200000").start();
        peer.until("READY=1");
        peer.read(Duration::from_millis(300));
        assert_eq!(peer.count(PING) > 0, pings);
        assert_eq!(subject.stop().0, Some(0));
    }
}

/// What is not in trouble is fed: a ping that is withheld is told with its reason.
fn assert_fed_all_along(peer: &Peer) {
    let in_trouble = |text: &&str| text.contains(" is stale: ") || text.contains("runtime blocked: ");
    assert_eq!(peer.texts().into_iter().find(in_trouble), None, "{:#?}", peer.texts());
    assert_eq!(peer.count("WATCHDOG=trigger"), 0, "{:#?}", peer.texts());
}

/// That none is longer is for the benchmark to say: here the machine may be busy with anything.
#[test]
fn f90_no_gap_over_half_the_timeout_under_heavy_load() {
    let mut peer = Peer::new();
    let subject = peer.subject("busy copies=500 busy; a heartbeat=60000").env("WATCHDOG_USEC", "500000").start();
    peer.until("READY=1");
    peer.until_count(PING, 40);
    let times = peer.times(PING);
    let mut gaps: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort();
    assert!(gaps[gaps.len() / 2] <= Duration::from_millis(250), "{gaps:?}");
    assert_fed_all_along(&peer);
    drop(subject);
}

#[test]
fn f91_a_wedged_service_with_a_heartbeat_ends_the_pings() {
    let mut peer = Peer::new();
    let subject =
        peer.subject("good heartbeat=60000; bad heartbeat=1000 wedges").env("WATCHDOG_USEC", "400000").start();
    peer.until("READY=1");
    peer.until(PING);
    subject.signal("USR1");
    peer.until("STATUS=bad is stale: no heartbeat within 1s; 2/2 running; bad: wedged");
    let stale = peer.told.len();
    peer.until("WATCHDOG=trigger");
    peer.read(Duration::from_millis(600));
    let after = &peer.texts()[stale..];
    assert!(!after.contains(&PING), "{after:#?}");
    let (code, log) = subject.stop();
    assert_eq!(code, Some(0));
    assert!(log.contains("watchdog pings withheld: bad is stale"), "{log}");
}

#[test]
fn f91_a_wedged_service_without_a_heartbeat_does_not() {
    let mut peer = Peer::new();
    let subject = peer.subject("good heartbeat=60000; bad wedges block").env("WATCHDOG_USEC", "2000000").start();
    peer.until("READY=1");
    subject.signal("USR1");
    subject.prints("bad wedges");
    peer.until_count(PING, peer.count(PING) + 6);
    assert_fed_all_along(&peer);
}

#[test]
fn f91_g30_a_supervisor_that_does_not_turn_ends_the_pings() {
    let mut peer = Peer::new();
    // The only thread there is for the supervisor.
    let subject = peer.subject("bad wedges block").env("WATCHDOG_USEC", "400000").env("RXD_THREADS", "1").start();
    peer.until("STATUS=1/1 running");
    subject.signal("USR1");
    peer.until("STATUS=runtime blocked: the supervisor task has not run for more than 1s");
    peer.until("WATCHDOG=trigger");
    let triggered = peer.told.len();
    peer.read(Duration::from_millis(500));
    assert!(!peer.texts()[triggered..].contains(&PING));
    drop(subject);
}

#[test]
fn a_stale_service_is_restarted_first_where_that_is_declared() {
    let mut peer = Peer::new();
    let text = "daemon stale=restart; good heartbeat=60000; bad heartbeat=3000 wedges";
    let subject = peer.subject(text).env("WATCHDOG_USEC", "2000000").start();
    peer.until("READY=1");
    subject.signal("USR1");
    peer.until("STATUS=bad is being restarted: no heartbeat within 3s");
    peer.until("STATUS=2/2 running");
    // Longer than the next heartbeat takes.
    peer.until_count(PING, peer.count(PING) + 5);
    subject.prints("bad wedges");
    subject.prints("bad runs");
    assert_fed_all_along(&peer);
    assert_eq!(subject.stop().0, Some(0));
}

#[test]
fn a_restart_that_does_not_help_leaves_it_to_the_watchdog() {
    let mut peer = Peer::new();
    // It has had no heartbeat in either of its Runs.
    let text = "daemon stale=restart; bad heartbeat=400 always-wedged";
    let subject = peer.subject(text).env("WATCHDOG_USEC", "400000").start();
    peer.until("STATUS=bad is being restarted");
    peer.until("STATUS=bad is stale");
    peer.until("WATCHDOG=trigger");
    drop(subject);
}

#[test]
fn a_watchdog_that_does_not_suit_the_declaration_is_a_warning_that_says_what_to_set() {
    for (usec, says) in [
        (Some("3000000"), "watchdog_interval is 5s, which needs WatchdogSec=10s or more, but the unit says 3s"),
        (None, "watchdog_interval is 5s, but the unit has no watchdog: set WatchdogSec=10s in it"),
    ] {
        let mut peer = Peer::new();
        let mut subject = peer.subject("daemon report=5000; a");
        if let Some(usec) = usec {
            subject = subject.env("WATCHDOG_USEC", usec);
        }
        let subject = subject.start();
        peer.until("READY=1");
        let (code, log) = subject.stop();
        assert_eq!((code, warnings(&log)), (Some(0), 1), "{log}");
        assert!(log.contains(says), "{log}");
    }
}

/// Stops the whole process for longer than a heartbeat's period and the watchdog's timeout, and lets it go on.
fn pause(subject: &Subject) {
    subject.signal("STOP");
    std::thread::sleep(Duration::from_secs(3));
    subject.signal("CONT");
}

#[test]
fn g57_pause_of_the_process_with_a_watchdog_restarts_nothing_and_pings_go_on() {
    let mut peer = Peer::new();
    let text = "daemon stale=restart; a heartbeat=1000; b heartbeat=2000";
    let subject = peer.subject(text).env("WATCHDOG_USEC", "2000000").start();
    peer.until("READY=1");
    for _ in 0..3 {
        peer.until_count(PING, peer.count(PING) + 3);
        pause(&subject);
    }
    peer.until_count(PING, peer.count(PING) + 6);
    assert_fed_all_along(&peer);
    let (code, log) = subject.stop();
    assert_eq!((code, warnings(&log)), (Some(0), 0), "{log}");
}

#[test]
fn g57_pause_of_the_process_without_a_watchdog_restarts_nothing() {
    let subject = Builder::new("daemon stale=restart; a heartbeat=1000; b heartbeat=2000").start();
    subject.prints("a runs");
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(800));
        pause(&subject);
    }
    // Longer than a period: what is found late is found by then.
    std::thread::sleep(Duration::from_millis(2500));
    let (code, log) = subject.stop();
    assert_eq!((code, warnings(&log)), (Some(0), 0), "{log}");
}
