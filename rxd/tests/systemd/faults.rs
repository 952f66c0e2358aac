//! F82 to F87: what a NOTIFY_SOCKET can be, and what becomes of it.

use super::peer::{Builder, Peer, Place, warnings};
use std::time::{Duration, Instant};

#[test]
fn f82_unset_is_a_silent_no_op() {
    let subject = Builder::new("a").env("WATCHDOG_USEC", "nonsense").start();
    subject.prints("a runs");
    assert!(!subject.has_thread("rxd-notify"));
    let (code, log) = subject.stop();
    assert_eq!((code, warnings(&log)), (Some(0), 0), "{log}");
}

#[test]
fn f83_what_names_no_socket_is_one_warning() {
    for value in ["", "run/notify", &format!("/{}", "a".repeat(200)), "vsock:2:1234"] {
        let subject = Builder::new("a").env("NOTIFY_SOCKET", value).env("WATCHDOG_USEC", "500000").start();
        subject.prints("a runs");
        assert!(!subject.has_thread("rxd-notify"));
        let (code, log) = subject.stop();
        assert_eq!((code, warnings(&log)), (Some(0), 1), "{value:?}: {log}");
        assert!(log.contains("the service manager is told nothing: NOTIFY_SOCKET is"), "{log}");
    }
}

#[test]
fn f84_nobody_there_is_one_warning_however_often_it_is_tried() {
    let place = Place::new();
    std::fs::write(place.path("file"), "").unwrap();
    for name in ["missing", "file"] {
        let subject = Builder::new("a").env("NOTIFY_SOCKET", place.path(name)).env("WATCHDOG_USEC", "100000").start();
        subject.prints("a runs");
        std::thread::sleep(Duration::from_millis(300));
        let (code, log) = subject.stop();
        assert_eq!((code, warnings(&log)), (Some(0), 1), "{name}: {log}");
        assert!(log.contains("failed to notify the service manager"), "{log}");
    }
}

/// PID 1 is frozen: it never reads.
#[test]
fn f85_a_full_buffer_delays_nothing_and_ready_arrives_in_the_end() {
    let mut peer = Peer::new();
    peer.fill();
    let subject = peer.subject("a; b needs=a").env("WATCHDOG_USEC", "200000").start();
    subject.prints("b runs");
    std::thread::sleep(Duration::from_millis(500));
    peer.until("READY=1");
    assert!(peer.count("WATCHDOG=1") <= 2, "pings are dropped, not kept: {:#?}", peer.texts());
    peer.until("WATCHDOG=1");
    let (code, log) = subject.stop();
    assert_eq!((code, warnings(&log)), (Some(0), 0), "{log}");
    peer.until("STOPPING=1");
    assert_eq!(peer.count("READY=1"), 1);
}

#[test]
fn f85_a_full_buffer_does_not_delay_the_end() {
    let peer = Peer::new();
    let subject = peer.subject("a").start();
    subject.prints("a runs");
    peer.fill();
    let begun = Instant::now();
    let (code, _) = subject.stop();
    assert_eq!(code, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn f86_an_abstract_name() {
    let mut peer = Peer::abstract_name();
    let subject = peer.subject("a").start();
    peer.until("READY=1");
    assert_eq!(subject.stop().0, Some(0));
    peer.until("STOPPING=1");
}

#[test]
fn f87_a_socket_that_was_removed_and_made_anew() {
    let mut peer = Peer::new();
    let subject = peer.subject("a").env("WATCHDOG_USEC", "200000").start();
    peer.until("READY=1");
    peer.until("WATCHDOG=1");
    peer.anew();
    peer.until("WATCHDOG=1");
    assert_eq!(subject.stop().0, Some(0));
    peer.until("STOPPING=1");
}
