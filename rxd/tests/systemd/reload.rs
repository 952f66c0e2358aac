//! G32: a reload is told as one datagram, and READY once when it is over.

use super::peer::Peer;
use std::time::{Duration, Instant};

#[test]
fn g32_reloading_and_ready_once_when_it_is_done() {
    let mut peer = Peer::new();
    let subject = peer.subject("a reload=600; b needs=a").start();
    peer.until("READY=1");
    let begun = Instant::now();
    subject.signal("HUP");
    let text = peer.until("RELOADING=1");
    let monotonic: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("MONOTONIC_USEC=")).collect();
    assert!(monotonic.len() == 1 && monotonic[0].parse::<u64>().unwrap() > 0, "{text}");
    peer.until("READY=1");
    assert!(begun.elapsed() >= Duration::from_millis(600));
    peer.read(Duration::from_millis(300));
    assert_eq!((peer.count("READY=1"), peer.count("RELOADING=1")), (2, 1), "{:#?}", peer.texts());
    assert_eq!(subject.stop().0, Some(0));
}

#[test]
fn f72_a_reload_that_fails_is_over_too_and_its_error_is_told() {
    let mut peer = Peer::new();
    let subject = peer.subject("a fail-reload; b").start();
    peer.until("READY=1");
    subject.signal("HUP");
    peer.until("RELOADING=1");
    peer.until("READY=1");
    let status = peer.until("STATUS=2/2 running; failed to reload");
    assert_eq!(status.lines().count(), 1, "{status}");
    assert!(status.contains("the new configuration STOPPING=1 is wrong"), "{status}");
    assert_eq!(subject.stop().0, Some(0));
    assert_eq!(peer.count("STOPPING=1"), 0, "not before it was asked to");
}

#[test]
fn f73_signals_during_a_reload_are_part_of_it() {
    let mut peer = Peer::new();
    let subject = peer.subject("a reload=700").start();
    peer.until("READY=1");
    subject.signal("HUP");
    peer.until("RELOADING=1");
    for _ in 0..20 {
        subject.signal("HUP");
    }
    // The service reloads once more, for all of them, and is waited for.
    let begun = Instant::now();
    peer.until("READY=1");
    assert!(begun.elapsed() >= Duration::from_millis(700));
    peer.read(Duration::from_millis(500));
    assert_eq!((peer.count("READY=1"), peer.count("RELOADING=1")), (2, 1), "{:#?}", peer.texts());
    assert_eq!(subject.stop().0, Some(0));
}

/// Otherwise `systemctl reload` waits until it times out.
#[test]
fn f70_nothing_to_reload_is_over_at_once() {
    let mut peer = Peer::new();
    let subject = peer.subject("plain").start();
    peer.until("READY=1");
    subject.signal("HUP");
    peer.until("RELOADING=1");
    peer.until("READY=1");
    assert_eq!(subject.stop().0, Some(0));
}
