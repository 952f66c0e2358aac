//! F82 to F87, G31: every kind of NOTIFY_SOCKET, and receivers that are missing, full or replaced.

use super::receiver::{NotifyReceiver, SubjectBuilder, TempDir, warnings};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

#[test]
fn f82_g31_notify_socket_unset_starts_no_thread_and_warns_of_nothing() {
    let subject = SubjectBuilder::new("a").env("WATCHDOG_USEC", "nonsense").start();
    subject.wait_for_line("a runs");
    assert!(!subject.has_thread("rxd-notify"));
    let (code, log) = subject.stop();
    assert_eq!((code, warnings(&log)), (Some(0), 0), "{log}");
}

#[test]
fn f83_g31_notify_socket_malformed_is_one_warning() {
    for value in ["", "run/notify", &format!("/{}", "a".repeat(200)), "vsock:2:1234"] {
        let subject = SubjectBuilder::new("a").env("NOTIFY_SOCKET", value).env("WATCHDOG_USEC", "500000").start();
        subject.wait_for_line("a runs");
        assert!(!subject.has_thread("rxd-notify"));
        let (code, log) = subject.stop();
        assert_eq!((code, warnings(&log)), (Some(0), 1), "{value:?}: {log}");
        assert!(log.contains("systemd notifications disabled: NOTIFY_SOCKET is"), "{log}");
    }
}

#[test]
fn f84_g31_notify_socket_without_a_receiver_is_one_warning() {
    let dir = TempDir::new();
    std::fs::write(dir.path("file"), "").unwrap();
    for name in ["missing", "file"] {
        let subject =
            SubjectBuilder::new("a").env("NOTIFY_SOCKET", dir.path(name)).env("WATCHDOG_USEC", "40000").start();
        subject.wait_for_line("a runs");
        // Thirty pings are due meanwhile.
        std::thread::sleep(Duration::from_millis(300));
        let (code, log) = subject.stop();
        assert_eq!((code, warnings(&log)), (Some(0), 1), "{name}: {log}");
        assert!(log.contains("failed to notify systemd"), "{log}");
    }
}

/// Root may send to any socket unless it drops a capability, so the subject does.
#[test]
fn f84_g31_notify_socket_without_permission_is_one_warning() {
    let receiver = NotifyReceiver::new();
    std::fs::set_permissions(&receiver.address, std::fs::Permissions::from_mode(0o000)).unwrap();
    let forbidden = UnixDatagram::unbound().unwrap().send_to(b"", &receiver.address).is_err();
    let subject = if forbidden { Some(SubjectBuilder::new("a")) } else { SubjectBuilder::without_override("a") };
    let subject = subject.expect("setpriv can drop a capability");
    let subject = subject.env("NOTIFY_SOCKET", &receiver.address).start();
    subject.wait_for_line("a runs");
    let (code, log) = subject.stop();
    assert_eq!((code, warnings(&log)), (Some(0), 1), "{log}");
    assert!(log.contains("failed to notify systemd: Permission denied"), "{log}");
}

/// As if systemd were frozen: the receiver does not read.
#[test]
fn f85_g31_full_buffer_delays_no_service_and_ready_arrives() {
    let mut receiver = NotifyReceiver::new();
    receiver.fill();
    let subject = receiver.subject("a; b needs=a").env("WATCHDOG_USEC", "200000").start();
    subject.wait_for_line("b runs");
    // Ten pings are due meanwhile, and find no room.
    std::thread::sleep(Duration::from_millis(500));
    receiver.wait_for("READY=1");
    assert!(receiver.count("WATCHDOG=1") <= 5, "pings are dropped, not kept: {:#?}", receiver.texts());
    receiver.wait_for("WATCHDOG=1");
    let (code, log) = subject.stop();
    assert_eq!((code, warnings(&log)), (Some(0), 0), "{log}");
    receiver.wait_for("STOPPING=1");
    assert_eq!(receiver.count("READY=1"), 1);
}

#[test]
fn f85_g31_full_buffer_does_not_delay_the_stop() {
    let receiver = NotifyReceiver::new();
    let subject = receiver.subject("a").start();
    subject.wait_for_line("a runs");
    receiver.fill();
    // The receiver never reads: a stop that waited for it would not end.
    assert_eq!(subject.stop().0, Some(0));
}

#[test]
fn f86_abstract_name_gets_notifications() {
    let mut receiver = NotifyReceiver::abstract_name();
    let subject = receiver.subject("a").start();
    receiver.wait_for("READY=1");
    assert_eq!(subject.stop().0, Some(0));
    receiver.wait_for("STOPPING=1");
}

#[test]
fn f87_socket_made_anew_gets_the_next_notification() {
    let mut receiver = NotifyReceiver::new();
    let subject = receiver.subject("a").env("WATCHDOG_USEC", "200000").start();
    receiver.wait_for("READY=1");
    receiver.wait_for("WATCHDOG=1");
    receiver.bind_anew();
    receiver.wait_for("WATCHDOG=1");
    assert_eq!(subject.stop().0, Some(0));
    receiver.wait_for("STOPPING=1");
}
