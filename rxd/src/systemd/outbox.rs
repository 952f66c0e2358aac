//! What is still to be sent to systemd, in the order and within the bounds of the protocol.
//!
//! This is plain data: no thread, no lock and no socket. `notify` guards it with a lock and sends
//! what [`Outbox::take`] returns; `reporter` fills it.
//!
//! # Invariants
//!
//! 1. After `STOPPING=1` nothing but a status and more time is taken.
//! 2. `READY=1` is queued once, and once more after each `RELOADING=1`.
//! 3. Notifications that must be delivered are taken in order. There are at most
//!    [`OUTBOX_CAPACITY`] of them, and `READY=1` and `STOPPING=1` besides.
//! 4. Of the statuses that are not sent yet only the newest is kept, likewise of the extensions.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many notifications that must be delivered may be queued before a reload is refused. They
/// queue up only while systemd does not read, and two a reload: eight are four reloads.
const OUTBOX_CAPACITY: usize = 8;

/// The least time between two statuses, so that a daemon with much to say does not occupy systemd.
pub(crate) const STATUS_INTERVAL: Duration = Duration::from_millis(100);

/// Where the daemon is in the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ProtocolPhase {
    #[default]
    Starting,
    Ready,
    Reloading,
    Stopping,
}

/// The notifications that are still to be sent.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    phase: ProtocolPhase,
    must_deliver: VecDeque<String>,
    status: String,
    /// Why pings are withheld, in front of the status; empty if they are not.
    degraded_reason: String,
    status_is_new: bool,
    status_sent: Option<Instant>,
    extension: Option<Duration>,
    /// Nothing more will be queued.
    pub(crate) is_closed: bool,
}

/// One datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notification {
    /// Sent again until systemd takes it, in order.
    MustDeliver(String),
    Status(String),
    Extension(String),
}

impl Notification {
    pub(crate) fn text(&self) -> &str {
        match self {
            Notification::MustDeliver(text) | Notification::Status(text) | Notification::Extension(text) => text,
        }
    }
}

impl Outbox {
    /// Queues `READY=1`. False if it is not allowed here: invariants 1 and 2.
    pub(crate) fn ready(&mut self) -> bool {
        if !matches!(self.phase, ProtocolPhase::Starting | ProtocolPhase::Reloading) {
            return false;
        }
        self.phase = ProtocolPhase::Ready;
        self.must_deliver.push_back(sd_notify::NotifyState::Ready.to_string());
        true
    }

    /// Queues `RELOADING=1`. False if the daemon is not ready, or reloads already.
    ///
    /// `monotonic` (`MONOTONIC_USEC=..`) is part of the same datagram: with `Type=notify-reload`
    /// systemd otherwise ignores the message, and the reload times out.
    pub(crate) fn reloading(&mut self, monotonic: &str) -> bool {
        if self.phase != ProtocolPhase::Ready || self.must_deliver.len() >= OUTBOX_CAPACITY {
            return false;
        }
        self.phase = ProtocolPhase::Reloading;
        self.must_deliver.push_back(format!("{}\n{monotonic}", sd_notify::NotifyState::Reloading));
        true
    }

    pub(crate) fn is_reloading(&self) -> bool {
        self.phase == ProtocolPhase::Reloading
    }

    /// Queues `STOPPING=1`, the first time.
    pub(crate) fn stopping(&mut self) {
        if self.phase != ProtocolPhase::Stopping {
            self.phase = ProtocolPhase::Stopping;
            // systemd's watchdog ends with STOPPING, so no pings are withheld any more.
            self.degraded_reason.clear();
            self.must_deliver.push_back(sd_notify::NotifyState::Stopping.to_string());
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.phase == ProtocolPhase::Stopping
    }

    pub(crate) fn set_status(&mut self, status: &str) {
        if self.status != status {
            self.status = status.into();
            self.status_is_new = true;
        }
    }

    /// Sets why pings are withheld; empty if they are not. Returns whether that is new.
    pub(crate) fn set_degraded_reason(&mut self, reason: &str) -> bool {
        if self.degraded_reason == reason || self.phase == ProtocolPhase::Stopping {
            return false;
        }
        self.degraded_reason = reason.into();
        self.status_is_new = true;
        // Not rate-limited: systemd may end the process next, and the reason must be there before.
        self.status_sent = None;
        true
    }

    /// Asks for more time, in the phases in which systemd has a timeout to extend.
    pub(crate) fn extend_timeout(&mut self, by: Duration) {
        if self.phase != ProtocolPhase::Ready {
            self.extension = Some(by);
        }
    }

    /// Takes the next notification that may be sent now.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Notification> {
        if let Some(text) = self.must_deliver.pop_front() {
            return Some(Notification::MustDeliver(text));
        }
        if let Some(by) = self.extension.take() {
            // Not by `NotifyState::ExtendTimeoutUsec`, which holds 32 bits: 71 minutes.
            let micros = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
            return Some(Notification::Extension(format!("EXTEND_TIMEOUT_USEC={micros}")));
        }
        self.take_status(now)
    }

    /// Takes the status alone, if it is new and may be sent now.
    pub(crate) fn take_status(&mut self, now: Instant) -> Option<Notification> {
        if !self.status_is_new || self.status_due() > Some(now) {
            return None;
        }
        self.status_is_new = false;
        self.status_sent = Some(now);
        let between = if self.degraded_reason.is_empty() || self.status.is_empty() { "" } else { "; " };
        let text = super::text::one_line(&format!("{}{between}{}", self.degraded_reason, self.status));
        Some(Notification::Status(sd_notify::NotifyState::Status(&text).to_string()))
    }

    /// Nothing more will be queued: what is left is sent without delay.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.status_sent = None;
    }

    /// When [`take`](Outbox::take) will return a status that is rate-limited now.
    pub(crate) fn status_due(&self) -> Option<Instant> {
        let sent = self.status_sent.filter(|_| self.status_is_new)?;
        sent.checked_add(STATUS_INTERVAL)
    }

    /// Puts back what could not be sent. Of a status the newest is sent instead, and an extension
    /// is dropped, since another one follows within a second.
    pub(crate) fn put_back(&mut self, notification: Notification) {
        match notification {
            Notification::MustDeliver(text) => self.must_deliver.push_front(text),
            Notification::Status(_) => self.status_is_new = true,
            Notification::Extension(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(outbox: &mut Outbox, now: Instant) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(notification) = outbox.take(now) {
            texts.push(notification.text().into());
        }
        texts
    }

    #[test]
    fn g27_ready_twice_is_sent_once() {
        let mut outbox = Outbox::default();
        assert!(outbox.ready());
        assert!(!outbox.ready());
        assert_eq!(take_all(&mut outbox, Instant::now()), ["READY=1"]);
    }

    #[test]
    fn g32_reload_is_one_datagram_and_ready_once_more() {
        let mut outbox = Outbox::default();
        assert!(!outbox.reloading("MONOTONIC_USEC=1"), "not before it is ready");
        outbox.ready();
        assert!(outbox.reloading("MONOTONIC_USEC=2"));
        assert!(!outbox.reloading("MONOTONIC_USEC=3"), "one at a time");
        assert!(outbox.ready());
        assert!(!outbox.ready());
        let sent = take_all(&mut outbox, Instant::now());
        assert_eq!(sent, ["READY=1", "RELOADING=1\nMONOTONIC_USEC=2", "READY=1"]);
    }

    #[test]
    fn f94_outbox_after_stopping_sends_only_status_and_more_time() {
        let mut outbox = Outbox::default();
        outbox.ready();
        outbox.set_status("1/1 running");
        outbox.stopping();
        assert!(!outbox.ready());
        assert!(!outbox.reloading("MONOTONIC_USEC=1"));
        outbox.stopping();
        outbox.set_degraded_reason("a is stale");
        outbox.set_status("stopping");
        outbox.extend_timeout(Duration::from_secs(5));
        let sent = take_all(&mut outbox, Instant::now());
        assert_eq!(sent, ["READY=1", "STOPPING=1", "EXTEND_TIMEOUT_USEC=5000000", "STATUS=stopping"]);
    }

    #[test]
    fn statuses_are_rate_limited_and_the_newest_is_sent() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        outbox.set_status("1/3 running");
        assert_eq!(take_all(&mut outbox, now), ["STATUS=1/3 running"]);
        outbox.set_status("2/3 running");
        outbox.set_status("3/3 running");
        assert!(take_all(&mut outbox, now).is_empty());
        let due = outbox.status_due().unwrap();
        assert_eq!(take_all(&mut outbox, due), ["STATUS=3/3 running"]);
        assert_eq!(outbox.status_due(), None);
    }

    #[test]
    fn status_of_a_closed_outbox_is_not_rate_limited() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        outbox.set_status("1/3 running");
        take_all(&mut outbox, now);
        outbox.set_status("failed");
        outbox.close();
        assert_eq!(take_all(&mut outbox, now), ["STATUS=failed"]);
    }

    #[test]
    fn degraded_reason_is_sent_at_once_in_front_of_the_status() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        outbox.set_status("3/3 running");
        take_all(&mut outbox, now);
        outbox.set_degraded_reason("no heartbeat of a");
        assert_eq!(take_all(&mut outbox, now), ["STATUS=no heartbeat of a; 3/3 running"]);
        outbox.set_degraded_reason("");
        assert_eq!(take_all(&mut outbox, now), ["STATUS=3/3 running"]);
    }

    #[test]
    fn f85_notification_that_was_put_back_keeps_its_place() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        outbox.ready();
        outbox.set_status("1/1 running");
        outbox.stopping();
        let ready = outbox.take(now).unwrap();
        outbox.put_back(ready);
        assert_eq!(outbox.take(now).unwrap().text(), "READY=1");
        assert_eq!(outbox.take(now).unwrap().text(), "STOPPING=1");
        let status = outbox.take(now).unwrap();
        outbox.set_status("0/1 running");
        outbox.put_back(status);
        let due = outbox.status_due().unwrap();
        assert_eq!(take_all(&mut outbox, due), ["STATUS=0/1 running"]);
    }

    #[test]
    fn outbox_is_bounded() {
        let mut outbox = Outbox::default();
        for n in 0..1000 {
            outbox.ready();
            outbox.reloading("MONOTONIC_USEC=1");
            outbox.set_status(&format!("{n}"));
            outbox.extend_timeout(Duration::from_secs(n));
        }
        assert!(outbox.must_deliver.len() <= OUTBOX_CAPACITY + 1);
    }
}
