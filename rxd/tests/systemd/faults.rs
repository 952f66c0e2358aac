//! F82 to F87, G31: what a NOTIFY_SOCKET can be, and what becomes of it.

use super::peer::{Builder, Peer, Place, warnings};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

#[test]
fn f82_g31_unset_is_a_silent_no_op() {
    let subject = Builder::new("a").env("WATCHDOG_USEC", "nonsense").start();
    subject.prints("a runs");
    assert!(!subject.has_thread("rxd-notify"));
    let (code, log) = subject.stop();
    assert_eq!((code, warnings(&log)), (Some(0), 0), "{log}");
}

#[test]
fn f83_g31_what_names_no_socket_is_one_warning() {
    for value in ["", "run/notify", &format!("/{}", "a".repeat(200)), "vsock:2:1234"] {
        let subject = Builder::new("a").env("NOTIFY_SOCKET", value).env("WATCHDOG_USEC", "500000").start();
        subject.prints("a runs");
        assert!(!subject.has_thread("rxd-notify"));
        let (code, log) = subject.stop();
        assert_eq!((code, warnings(&log)), (Some(0), 1), "{value:?}: {log}");
        assert!(log.contains("systemd notifications disabled: NOTIFY_SOCKET is"), "{log}");
    }
}

#[test]
fn f84_g31_nobody_there_is_one_warning_however_often_it_is_tried() {
    let place = Place::new();
    std::fs::write(place.path("file"), "").unwrap();
    for name in ["missing", "file"] {
        let subject = Builder::new("a").env("NOTIFY_SOCKET", place.path(name)).env("WATCHDOG_USEC", "40000").start();
        subject.prints("a runs");
        // As long as thirty pings take.
        std::thread::sleep(Duration::from_millis(300));
        let (code, log) = subject.stop();
        assert_eq!((code, warnings(&log)), (Some(0), 1), "{name}: {log}");
        assert!(log.contains("failed to notify systemd"), "{log}");
    }
}

/// Where a process may not send to it; nothing keeps root from that, but for a capability it gave up.
#[test]
fn f84_g31_a_socket_that_may_not_be_sent_to_is_one_warning() {
    let peer = Peer::new();
    std::fs::set_permissions(&peer.address, std::fs::Permissions::from_mode(0o000)).unwrap();
    let forbidden = UnixDatagram::unbound().unwrap().send_to(b"", &peer.address).is_err();
    let subject = if forbidden { Some(Builder::new("a")) } else { Builder::without_override("a") };
    let subject = subject.expect("setpriv can drop a capability");
    let subject = subject.env("NOTIFY_SOCKET", &peer.address).start();
    subject.prints("a runs");
    let (code, log) = subject.stop();
    assert_eq!((code, warnings(&log)), (Some(0), 1), "{log}");
    assert!(log.contains("failed to notify systemd: Permission denied"), "{log}");
}

/// PID 1 is frozen: it never reads.
#[test]
fn f85_g31_a_full_buffer_delays_nothing_and_ready_arrives_in_the_end() {
    let mut peer = Peer::new();
    peer.fill();
    let subject = peer.subject("a; b needs=a").env("WATCHDOG_USEC", "200000").start();
    subject.prints("b runs");
    // Ten pings are due meanwhile, and find no room.
    std::thread::sleep(Duration::from_millis(500));
    peer.until("READY=1");
    assert!(peer.count("WATCHDOG=1") <= 5, "pings are dropped, not kept: {:#?}", peer.texts());
    peer.until("WATCHDOG=1");
    let (code, log) = subject.stop();
    assert_eq!((code, warnings(&log)), (Some(0), 0), "{log}");
    peer.until("STOPPING=1");
    assert_eq!(peer.count("READY=1"), 1);
}

#[test]
fn f85_g31_a_full_buffer_does_not_delay_the_end() {
    let peer = Peer::new();
    let subject = peer.subject("a").start();
    subject.prints("a runs");
    peer.fill();
    // Nobody ever reads: what waited for that would not end.
    assert_eq!(subject.stop().0, Some(0));
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
