//! G32: a reload is RELOADING in one datagram, and READY once when it is over.

use super::receiver::NotifyReceiver;
use std::time::{Duration, Instant};

#[test]
fn g32_reload_sends_reloading_and_then_ready_once() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("a reload=600; b needs=a").start();
    receiver.wait_for("READY=1");
    let begun = Instant::now();
    subject.signal("HUP");
    let text = receiver.wait_for("RELOADING=1");
    let monotonic: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("MONOTONIC_USEC=")).collect();
    assert!(monotonic.len() == 1 && monotonic[0].parse::<u64>().unwrap() > 0, "{text}");
    receiver.wait_for("READY=1");
    assert!(begun.elapsed() >= Duration::from_millis(600));
    receiver.read_for(Duration::from_millis(300));
    assert_eq!((receiver.count("READY=1"), receiver.count("RELOADING=1")), (2, 1), "{:#?}", receiver.texts());
    assert_eq!(subject.stop().0, Some(0));
}

#[test]
fn f72_reload_that_fails_ends_with_ready_and_its_error_in_the_status() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("a fail-reload; b").start();
    receiver.wait_for("READY=1");
    subject.signal("HUP");
    receiver.wait_for("RELOADING=1");
    receiver.wait_for("READY=1");
    let status = receiver.wait_for("STATUS=2/2 running; failed to reload");
    assert_eq!(status.lines().count(), 1, "{status}");
    assert!(status.contains("the new configuration STOPPING=1 is wrong"), "{status}");
    assert_eq!(subject.stop().0, Some(0));
    assert_eq!(receiver.count("STOPPING=1"), 0, "it does not stop before SIGTERM");
}

#[test]
fn f73_signals_during_a_reload_send_no_second_reloading() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("a reload=700").start();
    receiver.wait_for("READY=1");
    subject.signal("HUP");
    receiver.wait_for("RELOADING=1");
    for _ in 0..20 {
        subject.signal("HUP");
    }
    // The service reloads once more for all of them, and READY waits for that.
    let begun = Instant::now();
    receiver.wait_for("READY=1");
    assert!(begun.elapsed() >= Duration::from_millis(700));
    receiver.read_for(Duration::from_millis(500));
    assert_eq!((receiver.count("READY=1"), receiver.count("RELOADING=1")), (2, 1), "{:#?}", receiver.texts());
    assert_eq!(subject.stop().0, Some(0));
}

/// Without READY `systemctl reload` would wait until it times out.
#[test]
fn f70_reload_of_nothing_ends_at_once() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("plain").start();
    receiver.wait_for("READY=1");
    subject.signal("HUP");
    receiver.wait_for("RELOADING=1");
    receiver.wait_for("READY=1");
    assert_eq!(subject.stop().0, Some(0));
}
