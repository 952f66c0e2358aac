//! READY, STATUS, EXTEND_TIMEOUT_USEC and STOPPING: when, how often, and in which order.

use super::receiver::{NotifyReceiver, SubjectBuilder, warnings};
use std::time::Duration;

#[test]
fn g27_ready_is_sent_once_after_every_service_has_been_in_run() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("late init=wait; job once needs=late").start();
    receiver.wait_for("STATUS=0/2 running; waiting: job for late; starting: late");
    receiver.read_for(Duration::from_millis(400));
    assert_eq!(receiver.count("READY=1"), 0);
    subject.signal("USR2");
    subject.wait_for_line("job runs");
    receiver.wait_for("READY=1");
    subject.signal("TERM");
    receiver.wait_for("STOPPING=1");
    receiver.read_for(Duration::from_millis(200));
    assert_eq!(subject.wait().0, Some(0));
    assert_eq!(receiver.count("READY=1"), 1);
}

#[test]
fn g60_watchdog_interval_of_zero_sends_nothing() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("a heartbeat=300; daemon report=0").env("WATCHDOG_USEC", "200000").start();
    subject.wait_for_line("a runs");
    receiver.read_for(Duration::from_millis(600));
    let (status, log) = subject.stop();
    receiver.read_for(Duration::from_millis(200));
    assert_eq!((status, receiver.texts()), (Some(0), Vec::<&str>::new()), "{log}");
}

#[test]
fn g27_optional_service_that_stands_by_does_not_hold_up_ready() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("a; standby optional idle=wait").start();
    receiver.wait_for("READY=1");
    receiver.wait_for("STATUS=degraded; 1/2 running; idle: standby [optional]");
    subject.signal("USR2");
    receiver.wait_for("STATUS=2/2 running");
    assert_eq!((subject.stop().0, receiver.count("READY=1")), (Some(0), 1));
}

/// Otherwise systemd fails the unit with `protocol`.
#[test]
fn g27_daemon_whose_services_end_at_once_is_ready_before_it_stops() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("a once; b once").start();
    assert_eq!(subject.wait().0, Some(0));
    receiver.wait_for("STOPPING=1");
    assert_eq!((receiver.count("READY=1"), receiver.count("STOPPING=1")), (1, 1), "{:#?}", receiver.texts());
}

#[test]
fn service_at_its_restart_limit_is_not_ready_unless_ignored() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("a; b fail-init=9 restarts=1").start();
    receiver.wait_for("STATUS=1/2 running; failed: b (failing on purpose)");
    receiver.read_for(Duration::from_millis(300));
    assert_eq!(receiver.count("READY=1"), 0);
    assert_eq!(subject.stop().0, Some(1));
    assert_eq!(receiver.count("READY=1"), 0);

    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("a; b fail-init=9 restarts=1 ignore").start();
    receiver.wait_for("READY=1");
    receiver.wait_for("STATUS=1/2 running; failed: b (failing on purpose)");
    drop(subject);
}

#[test]
fn f92_start_within_declared_limits_asks_for_more_time() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("a init=2500 init-limit=9000; b").start();
    receiver.wait_for("READY=1");
    assert!(receiver.extensions() >= 2, "about once a second: {:#?}", receiver.texts());
    // The protocol check fails if it goes on asking once it is ready.
    receiver.read_for(Duration::from_millis(1500));
    assert_eq!(subject.stop().0, Some(0));
}

#[test]
fn f92_prestart_within_its_limit_asks_for_more_time() {
    for (text, least) in [("daemon prestart-limit=3500; a", 3), ("daemon prestart=7500; a", 4)] {
        let mut receiver = NotifyReceiver::new();
        let subject = receiver.subject(text).start();
        receiver.wait_for("STATUS=prestart: migrate");
        receiver.wait_for("READY=1");
        assert!(receiver.extensions() >= least, "{text}: {:#?}", receiver.texts());
        assert_eq!(subject.stop().0, Some(0));
    }
}

#[test]
fn start_that_fails_has_the_reason_in_its_status() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("daemon prestart-fails; a").start();
    receiver.wait_for("STATUS=start failed: prestart stage `migrate` failed: failing on purpose");
    assert_ne!(subject.wait().0, Some(0));
    assert_eq!(receiver.count("READY=1"), 0);
}

#[test]
fn f69_stop_during_prestart_is_never_ready() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("daemon prestart=60000; a").start();
    receiver.wait_for("STATUS=prestart: migrate");
    subject.signal("TERM");
    receiver.wait_for("STOPPING=1");
    assert_eq!(subject.wait().0, Some(0));
    receiver.read_for(Duration::from_millis(100));
    assert_eq!(receiver.count("READY=1"), 0);
}

#[test]
fn f92_start_without_progress_asks_for_no_more_time() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("a init=wait; b fail-init=1000").start();
    receiver.wait_for("EXTEND_TIMEOUT_USEC=");
    receiver.read_for(Duration::from_millis(4500));
    // One when each has begun, and one when the second has failed, if these were noticed one by
    // one.
    assert!(receiver.extensions() <= 3, "{:#?}", receiver.texts());
    drop(subject);
}

#[test]
fn f93_service_that_is_switched_off_does_not_delay_ready() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("option").start();
    receiver.wait_for("READY=1");
    receiver.wait_for("STATUS=1/1 running");
    assert_eq!(subject.stop().0, Some(0));
}

/// The protocol check fails if anything else follows.
#[test]
fn f94_stopping_is_followed_by_status_and_more_time_only() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("a stop=1500 stop-limit=5000; b needs=a").env("WATCHDOG_USEC", "200000").start();
    receiver.wait_for("READY=1");
    receiver.wait_for("STATUS=2/2 running");
    subject.signal("TERM");
    receiver.wait_for("STOPPING=1");
    assert_eq!(subject.wait().0, Some(0));
    receiver.read_for(Duration::from_millis(100));
    let texts = receiver.texts();
    let at = texts.iter().position(|text| *text == "STOPPING=1").unwrap();
    assert!(!texts[..at].iter().any(|text| text.contains("stopping")), "{texts:#?}");
    let after = &texts[at + 1..];
    assert!(after.iter().filter(|text| text.starts_with("EXTEND")).count() >= 2, "{after:#?}");
    assert!(after.contains(&"STATUS=0/2 running, 1 done; stopping: a"), "{after:#?}");
}

#[test]
fn status_names_what_waits_for_what() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("health init=wait; poller needs=health; other").start();
    receiver.wait_for("STATUS=1/3 running; waiting: poller for health; starting: health");
    subject.signal("USR2");
    receiver.wait_for("READY=1");
    receiver.wait_for("STATUS=3/3 running");
    let statuses: Vec<&str> = receiver.texts().into_iter().filter(|text| text.starts_with("STATUS=")).collect();
    assert!(statuses.len() < 10, "rate-limited: {statuses:#?}");
    assert!(statuses.windows(2).all(|pair| pair[0] != pair[1]), "no status twice in a row: {statuses:#?}");
    assert_eq!(subject.stop().0, Some(0));
}

/// Its thread also holds the tasks that it has woken, so a task could not notify systemd.
#[test]
fn service_that_blocks_its_thread_delays_no_notification() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("a wedges block; b").start();
    receiver.wait_for("READY=1");
    subject.signal("USR1");
    receiver.wait_for("STATUS=2/2 running; a: wedged");
    drop(subject);
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("a always-wedged block; b").start();
    receiver.wait_for("READY=1");
    receiver.wait_for("STATUS=2/2 running; a: wedged");
    drop(subject);
}

/// As in a container, where PID 1 gets only the signals that it listens to.
#[test]
fn pid_1_is_stopped_by_a_signal_and_leaves_nothing_behind() {
    let Some(subject) = SubjectBuilder::as_pid_1("a") else {
        eprintln!("skipped: this process may not make a PID namespace");
        return;
    };
    let subject = subject.start();
    subject.wait_for_line("a runs");
    let (code, log) = subject.stop_pid_1();
    assert_eq!((code, warnings(&log)), (Some(0), 0), "{log}");
}

#[test]
fn newline_in_a_status_text_injects_nothing() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("a says=busy|READY=1|WATCHDOG=trigger|STOPPING=1_now").start();
    receiver.wait_for("STATUS=1/1 running; a: busy READY=1 WATCHDOG=trigger STOPPING=1 now");
    let (code, log) = subject.stop();
    assert_eq!((code, warnings(&log)), (Some(0), 0), "{log}");
    receiver.read_for(Duration::from_millis(100));
    assert_eq!((receiver.count("READY=1"), receiver.count("STOPPING=1")), (1, 1), "{:#?}", receiver.texts());
    assert!(receiver.texts().iter().all(|text| text.lines().count() == 1), "{:#?}", receiver.texts());
}

#[test]
fn g14_drain_is_sent_as_stopping_and_asks_for_more_time() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("daemon drain=2500 shutdown=9000; a").start();
    receiver.wait_for("READY=1");
    subject.signal("TERM");
    receiver.wait_for("STOPPING=1");
    receiver.wait_for("STATUS=draining; 1/1 running");
    receiver.read_for(Duration::from_millis(1500));
    assert!(receiver.texts().iter().filter(|text| text.starts_with("EXTEND_TIMEOUT_USEC=")).count() >= 2);
    let (status, log) = subject.wait();
    assert_eq!((status, receiver.count("STOPPING=1")), (Some(0), 1));
    assert!(log.contains("draining for 2.5s, then stopping"), "{log}");
    assert!(log.contains("stopping: the drain is over"), "{log}");
}

/// A unit of another type than notify cannot be asked to wait.
#[test]
fn stop_that_may_take_longer_than_systemd_waits_is_said_at_the_start() {
    for (drain, is_said) in [(60_000, true), (30_000, false)] {
        let subject = SubjectBuilder::new(&format!("daemon shutdown=30000 drain={drain}; a"));
        let subject = subject.env("INVOCATION_ID", "0").start();
        subject.wait_for_line("a runs");
        subject.signal("TERM");
        std::thread::sleep(Duration::from_millis(100));
        subject.signal("TERM");
        let log = subject.wait().1;
        let says = "the daemon may take 90s to stop, and its unit has no Type=notify: systemd kills it after its \
                    TimeoutStopSec=, by default 90s; set that to at least 95s";
        assert_eq!(log.contains(says), is_said, "{log}");
    }
}

#[test]
fn f92_prestart_that_begins_again_says_so_and_asks_for_more_time() {
    let mut receiver = NotifyReceiver::new();
    let path = std::env::temp_dir().join(format!("rxd-prestart-{}", std::process::id()));
    let text = format!("daemon prestart-path={} prestart-restart=1500; a", path.display());
    let subject = receiver.subject(&text).start();
    receiver.wait_for("STATUS=prestart stage `database` failed: connection refused; prestart begins again in 1.5s");
    receiver.read_for(Duration::from_millis(1200));
    assert!(receiver.texts().iter().filter(|text| text.starts_with("EXTEND_TIMEOUT_USEC=")).count() >= 2);
    std::fs::write(&path, "").unwrap();
    receiver.wait_for("READY=1");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(subject.stop().0, Some(0));
}
