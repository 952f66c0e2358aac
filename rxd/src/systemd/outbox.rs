//! What is to be told to the service manager: bounded, whatever happens on either side of it.
//!
//! Invariants:
//!
//! 1. After STOPPING nothing but a status and more time is told.
//! 2. READY is told once, and once more after each RELOADING that was told.
//! 3. Of the statuses that were not told yet only the last is kept, likewise of the extensions;
//!    the others are told in order, and there are no more than [`ROOM`] of them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A reload that begins before the last one was told to be over adds nothing, so there is little to keep.
const ROOM: usize = 8;

/// The least time between two statuses.
pub(crate) const STATUS_PACE: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Starting,
    Ready,
    Reloading,
    Stopping,
}

#[derive(Debug, Default)]
pub(crate) struct Mail {
    phase: Phase,
    vital: VecDeque<String>,
    status: String,
    /// What is wrong, in front of the status.
    trouble: String,
    status_is_new: bool,
    status_told: Option<Instant>,
    extension: Option<Duration>,
    pub(crate) closed: bool,
}

/// The next thing to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Letter {
    /// Must arrive, in order.
    Vital(String),
    Status(String),
    Extension(String),
}

impl Letter {
    pub(crate) fn text(&self) -> &str {
        match self {
            Letter::Vital(text) | Letter::Status(text) | Letter::Extension(text) => text,
        }
    }
}

impl Mail {
    /// Whether it took the news: invariants 1 and 2.
    pub(crate) fn ready(&mut self) -> bool {
        if !matches!(self.phase, Phase::Starting | Phase::Reloading) {
            return false;
        }
        self.phase = Phase::Ready;
        self.vital(sd_notify::NotifyState::Ready.to_string());
        true
    }

    /// `monotonic` travels in the same datagram, or the reload times out.
    pub(crate) fn reloading(&mut self, monotonic: &str) -> bool {
        if self.phase != Phase::Ready || self.vital.len() >= ROOM {
            return false;
        }
        self.phase = Phase::Reloading;
        self.vital(format!("{}\n{monotonic}", sd_notify::NotifyState::Reloading));
        true
    }

    pub(crate) fn is_reloading(&self) -> bool {
        self.phase == Phase::Reloading
    }

    pub(crate) fn stopping(&mut self) {
        if self.phase != Phase::Stopping {
            self.phase = Phase::Stopping;
            self.trouble.clear();
            self.vital(sd_notify::NotifyState::Stopping.to_string());
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.phase == Phase::Stopping
    }

    fn vital(&mut self, text: String) {
        self.vital.push_back(text);
    }

    pub(crate) fn status(&mut self, status: &str) {
        if self.status != status {
            self.status = status.into();
            self.status_is_new = true;
        }
    }

    /// What is wrong; empty once it is not any more. Whether that is news.
    pub(crate) fn trouble(&mut self, trouble: &str) -> bool {
        if self.trouble == trouble || self.phase == Phase::Stopping {
            return false;
        }
        self.trouble = trouble.into();
        self.status_is_new = true;
        // Whoever looks at a daemon in trouble is to see it at once.
        self.status_told = None;
        true
    }

    pub(crate) fn extend(&mut self, by: Duration) {
        if self.phase != Phase::Ready {
            self.extension = Some(by);
        }
    }

    /// Takes what is to be sent now.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Letter> {
        if let Some(text) = self.vital.pop_front() {
            return Some(Letter::Vital(text));
        }
        if let Some(by) = self.extension.take() {
            let micros = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
            return Some(Letter::Extension(format!("EXTEND_TIMEOUT_USEC={micros}")));
        }
        self.take_status(now)
    }

    /// Takes the status alone, if it is to be sent now.
    pub(crate) fn take_status(&mut self, now: Instant) -> Option<Letter> {
        if !self.status_is_new || self.status_due() > Some(now) {
            return None;
        }
        self.status_is_new = false;
        self.status_told = Some(now);
        let between = if self.trouble.is_empty() || self.status.is_empty() { "" } else { "; " };
        let text = super::text::one_line(&format!("{}{between}{}", self.trouble, self.status));
        Some(Letter::Status(sd_notify::NotifyState::Status(&text).to_string()))
    }

    /// Nothing follows: what is left is told now.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.status_told = None;
    }

    /// When [`take`](Mail::take) will have something without being given anything.
    pub(crate) fn status_due(&self) -> Option<Instant> {
        let told = self.status_told.filter(|_| self.status_is_new)?;
        told.checked_add(STATUS_PACE)
    }

    /// This one could not be sent yet. Of a status the newest is, by then; more time is asked for again anyway.
    pub(crate) fn put_back(&mut self, letter: Letter) {
        match letter {
            Letter::Vital(text) => self.vital.push_front(text),
            Letter::Status(_) => self.status_is_new = true,
            Letter::Extension(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mail: &mut Mail, now: Instant) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(letter) = mail.take(now) {
            texts.push(letter.text().into());
        }
        texts
    }

    #[test]
    fn g27_ready_is_told_once() {
        let mut mail = Mail::default();
        assert!(mail.ready());
        assert!(!mail.ready());
        assert_eq!(all(&mut mail, Instant::now()), ["READY=1"]);
    }

    #[test]
    fn g32_a_reload_is_one_datagram_and_ready_once_more() {
        let mut mail = Mail::default();
        assert!(!mail.reloading("MONOTONIC_USEC=1"), "not before it is ready");
        mail.ready();
        assert!(mail.reloading("MONOTONIC_USEC=2"));
        assert!(!mail.reloading("MONOTONIC_USEC=3"), "one at a time");
        assert!(mail.ready());
        assert!(!mail.ready());
        let told = all(&mut mail, Instant::now());
        assert_eq!(told, ["READY=1", "RELOADING=1\nMONOTONIC_USEC=2", "READY=1"]);
    }

    #[test]
    fn f94_after_stopping_there_is_only_a_status_and_more_time() {
        let mut mail = Mail::default();
        mail.ready();
        mail.status("1/1 running");
        mail.stopping();
        assert!(!mail.ready());
        assert!(!mail.reloading("MONOTONIC_USEC=1"));
        mail.stopping();
        mail.trouble("a is stale");
        mail.status("stopping");
        mail.extend(Duration::from_secs(5));
        let told = all(&mut mail, Instant::now());
        assert_eq!(told, ["READY=1", "STOPPING=1", "EXTEND_TIMEOUT_USEC=5000000", "STATUS=stopping"]);
    }

    #[test]
    fn statuses_are_rate_limited_and_the_last_is_told() {
        let (mut mail, now) = (Mail::default(), Instant::now());
        mail.status("1/3 running");
        assert_eq!(all(&mut mail, now), ["STATUS=1/3 running"]);
        mail.status("2/3 running");
        mail.status("3/3 running");
        assert!(all(&mut mail, now).is_empty());
        let due = mail.status_due().unwrap();
        assert_eq!(all(&mut mail, due), ["STATUS=3/3 running"]);
        assert_eq!(mail.status_due(), None);
    }

    #[test]
    fn the_last_status_does_not_wait() {
        let (mut mail, now) = (Mail::default(), Instant::now());
        mail.status("1/3 running");
        all(&mut mail, now);
        mail.status("failed");
        mail.close();
        assert_eq!(all(&mut mail, now), ["STATUS=failed"]);
    }

    #[test]
    fn trouble_stands_in_front_at_once() {
        let (mut mail, now) = (Mail::default(), Instant::now());
        mail.status("3/3 running");
        all(&mut mail, now);
        mail.trouble("no heartbeat of a");
        assert_eq!(all(&mut mail, now), ["STATUS=no heartbeat of a; 3/3 running"]);
        mail.trouble("");
        assert_eq!(all(&mut mail, now), ["STATUS=3/3 running"]);
    }

    #[test]
    fn f85_what_did_not_arrive_keeps_its_place() {
        let (mut mail, now) = (Mail::default(), Instant::now());
        mail.ready();
        mail.status("1/1 running");
        mail.stopping();
        let ready = mail.take(now).unwrap();
        mail.put_back(ready);
        assert_eq!(mail.take(now).unwrap().text(), "READY=1");
        assert_eq!(mail.take(now).unwrap().text(), "STOPPING=1");
        let status = mail.take(now).unwrap();
        mail.status("0/1 running");
        mail.put_back(status);
        let due = mail.status_due().unwrap();
        assert_eq!(all(&mut mail, due), ["STATUS=0/1 running"]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut mail = Mail::default();
        for n in 0..1000 {
            mail.ready();
            mail.reloading("MONOTONIC_USEC=1");
            mail.status(&format!("{n}"));
            mail.extend(Duration::from_secs(n));
        }
        assert!(mail.vital.len() <= ROOM + 1);
    }
}
