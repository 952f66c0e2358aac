//! READY, STATUS, EXTEND_TIMEOUT_USEC and STOPPING: when, how often, and in which order.

use super::peer::{Builder, Peer, warnings};
use std::time::Duration;

#[test]
fn g27_ready_once_and_only_after_every_service_has_been_in_run() {
    let mut peer = Peer::new();
    let subject = peer.subject("late init=wait; job once needs=late").start();
    peer.until("STATUS=0/2 running; waiting: job for late; starting: late");
    peer.read(Duration::from_millis(400));
    assert_eq!(peer.count("READY=1"), 0);
    subject.signal("USR2");
    subject.prints("job runs");
    peer.until("READY=1");
    subject.signal("TERM");
    peer.until("STOPPING=1");
    peer.read(Duration::from_millis(200));
    assert_eq!(subject.wait().0, Some(0));
    assert_eq!(peer.count("READY=1"), 1);
}

#[test]
fn g60_a_daemon_whose_report_alive_is_zero_does_not_talk_to_the_service_manager() {
    let mut peer = Peer::new();
    let subject = peer.subject("a heartbeat=300; daemon report=0").env("WATCHDOG_USEC", "200000").start();
    subject.prints("a runs");
    peer.read(Duration::from_millis(600));
    let (status, log) = subject.stop();
    peer.read(Duration::from_millis(200));
    assert_eq!((status, peer.texts()), (Some(0), Vec::<&str>::new()), "{log}");
}

/// Otherwise systemd calls it a protocol error.
#[test]
fn g27_a_daemon_of_jobs_was_ready_before_it_is_over() {
    let mut peer = Peer::new();
    let subject = peer.subject("a once; b once").start();
    assert_eq!(subject.wait().0, Some(0));
    peer.until("STOPPING=1");
    assert_eq!((peer.count("READY=1"), peer.count("STOPPING=1")), (1, 1), "{:#?}", peer.texts());
}

#[test]
fn a_service_that_gave_up_is_not_ready_but_for_one_nobody_minds() {
    let mut peer = Peer::new();
    let subject = peer.subject("a; b fail-init=9 restarts=1").start();
    peer.until("STATUS=1/2 running; restart limit reached: b (told to fail)");
    peer.read(Duration::from_millis(300));
    assert_eq!(peer.count("READY=1"), 0);
    assert_eq!(subject.stop().0, Some(1));
    assert_eq!(peer.count("READY=1"), 0);

    let mut peer = Peer::new();
    let subject = peer.subject("a; b fail-init=9 restarts=1 ignore").start();
    peer.until("READY=1");
    peer.until("STATUS=1/2 running; restart limit reached: b (told to fail)");
    drop(subject);
}

#[test]
fn f92_more_time_while_there_is_progress_within_declared_limits() {
    let mut peer = Peer::new();
    let subject = peer.subject("a init=2500 init-limit=9000; b").start();
    peer.until("READY=1");
    assert!(peer.extensions() >= 2, "about once a second: {:#?}", peer.texts());
    // That it asks no more once it is ready is for the judge to see.
    peer.read(Duration::from_millis(1500));
    assert_eq!(subject.stop().0, Some(0));
}

#[test]
fn f92_more_time_for_what_comes_before_the_services_within_its_limit() {
    for (text, least) in [("daemon prestart-limit=3500; a", 3), ("daemon prestart=7500; a", 4)] {
        let mut peer = Peer::new();
        let subject = peer.subject(text).start();
        peer.until("STATUS=prestart: migrate");
        peer.until("READY=1");
        assert!(peer.extensions() >= least, "{text}: {:#?}", peer.texts());
        assert_eq!(subject.stop().0, Some(0));
    }
}

#[test]
fn a_start_that_fails_says_why() {
    let mut peer = Peer::new();
    let subject = peer.subject("daemon prestart-fails; a").start();
    peer.until("STATUS=start failed: prestart stage `migrate` failed: told to fail");
    assert_ne!(subject.wait().0, Some(0));
    assert_eq!(peer.count("READY=1"), 0);
}

/// It never was ready, and does not say so.
#[test]
fn f69_stopped_before_the_services_start() {
    let mut peer = Peer::new();
    let subject = peer.subject("daemon prestart=60000; a").start();
    peer.until("STATUS=prestart: migrate");
    subject.signal("TERM");
    peer.until("STOPPING=1");
    assert_eq!(subject.wait().0, Some(0));
    peer.read(Duration::from_millis(100));
    assert_eq!(peer.count("READY=1"), 0);
}

#[test]
fn f92_no_more_time_without_progress() {
    let mut peer = Peer::new();
    let subject = peer.subject("a init=wait; b fail-init=1000").start();
    peer.until("EXTEND_TIMEOUT_USEC=");
    peer.read(Duration::from_millis(4500));
    // When each began, and when the second failed, if that was noticed one by one.
    assert!(peer.extensions() <= 3, "{:#?}", peer.texts());
    drop(subject);
}

#[test]
fn f93_a_service_that_is_switched_off_is_not_waited_for() {
    let mut peer = Peer::new();
    let subject = peer.subject("option").start();
    peer.until("READY=1");
    peer.until("STATUS=1/1 running");
    assert_eq!(subject.stop().0, Some(0));
}

/// That only these follow is for the judge to see.
#[test]
fn f94_stopping_first_and_then_only_status_and_more_time() {
    let mut peer = Peer::new();
    let subject = peer.subject("a stop=1500 stop-limit=5000; b needs=a").env("WATCHDOG_USEC", "200000").start();
    peer.until("READY=1");
    peer.until("STATUS=2/2 running");
    subject.signal("TERM");
    peer.until("STOPPING=1");
    assert_eq!(subject.wait().0, Some(0));
    peer.read(Duration::from_millis(100));
    let texts = peer.texts();
    let at = texts.iter().position(|text| *text == "STOPPING=1").unwrap();
    assert!(!texts[..at].iter().any(|text| text.contains("stopping")), "{texts:#?}");
    let after = &texts[at + 1..];
    assert!(after.iter().filter(|text| text.starts_with("EXTEND")).count() >= 2, "{after:#?}");
    assert!(after.contains(&"STATUS=0/2 running, 1 done; stopping: a"), "{after:#?}");
}

#[test]
fn the_status_says_who_waits_for_whom() {
    let mut peer = Peer::new();
    let subject = peer.subject("health init=wait; poller needs=health; other").start();
    peer.until("STATUS=1/3 running; waiting: poller for health; starting: health");
    subject.signal("USR2");
    peer.until("READY=1");
    peer.until("STATUS=3/3 running");
    let statuses: Vec<&str> = peer.texts().into_iter().filter(|text| text.starts_with("STATUS=")).collect();
    assert!(statuses.len() < 10, "rate-limited: {statuses:#?}");
    assert!(statuses.windows(2).all(|pair| pair[0] != pair[1]), "only what is new: {statuses:#?}");
    assert_eq!(subject.stop().0, Some(0));
}

/// What it wakes on the way is told by others.
#[test]
fn a_service_that_blocks_its_thread_holds_up_nothing_that_is_told() {
    let mut peer = Peer::new();
    let subject = peer.subject("a wedges block; b").start();
    peer.until("READY=1");
    subject.signal("USR1");
    peer.until("STATUS=2/2 running; a: wedged");
    drop(subject);
    let mut peer = Peer::new();
    let subject = peer.subject("a always-wedged block; b").start();
    peer.until("READY=1");
    peer.until("STATUS=2/2 running; a: wedged");
    drop(subject);
}

/// As in a container: PID 1 gets only the signals that it listens to.
#[test]
fn pid_1_is_stopped_by_a_signal_and_leaves_nothing_behind() {
    let Some(subject) = Builder::as_pid_1("a") else {
        eprintln!("skipped: no pid namespace can be made here");
        return;
    };
    let subject = subject.start();
    subject.prints("a runs");
    let (code, log) = subject.stop_pid_1();
    assert_eq!((code, warnings(&log)), (Some(0), 0), "{log}");
}

#[test]
fn a_newline_injects_nothing() {
    let mut peer = Peer::new();
    let subject = peer.subject("a says=busy|READY=1|WATCHDOG=trigger|STOPPING=1_now").start();
    peer.until("STATUS=1/1 running; a: busy READY=1 WATCHDOG=trigger STOPPING=1 now");
    let (code, log) = subject.stop();
    assert_eq!((code, warnings(&log)), (Some(0), 0), "{log}");
    peer.read(Duration::from_millis(100));
    assert_eq!((peer.count("READY=1"), peer.count("STOPPING=1")), (1, 1), "{:#?}", peer.texts());
    assert!(peer.texts().iter().all(|text| text.lines().count() == 1), "{:#?}", peer.texts());
}
