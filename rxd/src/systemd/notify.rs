//! The thread that sends to systemd, `rxd-notify`: it owns the socket and pings the watchdog.
//!
//! `Systemd::begin` starts it where there is a `NOTIFY_SOCKET`. It is a thread and not a task,
//! since a task waits in the queue of the thread on which it was woken: a service that blocks that
//! thread would keep systemd from being notified. The socket never blocks, so a service manager
//! that is frozen or gone delays this thread's datagrams and no service.
//!
//! The thread does not know what to report. Others queue notifications by a [`Notifier`], and the
//! `look` callback it is started with reads the board after each change. Whether a ping is due is
//! for [`WatchdogPinger`] to decide.
//!
//! # Invariants
//!
//! 1. Nothing else in rxd sends to `NOTIFY_SOCKET` but [`store`](super::store()), by another
//!    socket.
//! 2. The lock of the outbox is never held while a datagram is sent, while a record is logged or
//!    while `look` runs.
//! 3. A ping is sent only before `STOPPING=1` is taken from the outbox.
//! 4. The thread ends only when the outbox is closed and empty, or closed and systemd has no room.
//!
//! # Lock order
//!
//! The outbox comes last: `look` takes the reporter's lock, then the board's, and then the
//! outbox's.
//!
//! # No wake-up is lost
//!
//! 1. A caller changes the outbox under its lock, releases the lock, and then unparks the thread.
//! 2. The thread reads the outbox under the lock, releases the lock, and then parks.
//! 3. If the change comes after that reading, so does the unpark. It leaves a token that makes the
//!    park return at once, so it does not matter which of the two comes first.
//! 4. The thread publishes its handle before its first reading. A caller that finds no handle has
//!    therefore changed the outbox before that reading.
//! 5. For changes of the board, the thread polls `Core::changed` before it parks; its waker
//!    unparks.

use super::address::{NotifyAddress, socket};
use super::outbox::Outbox;
use super::watchdog::WatchdogPinger;
use crate::core::Core;
use crate::panic::emit;
use crate::sync::Mutex;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long to wait before sending again what systemd had no room for.
const RESEND_DELAY: Duration = Duration::from_millis(20);

/// How often more time is asked for while there is a reason to. By sd_notify(3) the next
/// `EXTEND_TIMEOUT_USEC=` must come before the time asked for last is over.
pub(crate) const EXTENSION_INTERVAL: Duration = Duration::from_secs(1);

/// The outbox, and the thread that empties it.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    outbox: Mutex<Outbox>,
    /// Set by the thread itself, before it first reads the outbox.
    thread: OnceLock<Thread>,
}

/// Called by the thread when something may have changed: queues what is new.
pub(crate) type LookCallback = Box<dyn FnMut() -> NextLook + Send>;

/// When to call [`LookCallback`] again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NextLook {
    /// How long to wait after a look before the next, whatever changes meanwhile.
    pub(crate) pause: Duration,
    /// Whether to look after [`EXTENSION_INTERVAL`] even if nothing changes.
    pub(crate) even_without_change: bool,
}

/// The thread, as the daemon holds it. Dropped, it lets the thread end without waiting for it.
#[derive(Debug)]
pub(crate) struct NotifyHandle {
    notifier: Arc<Notifier>,
    handle: Option<JoinHandle<()>>,
    ended: oneshot::Receiver<()>,
}

impl Notifier {
    /// Changes the outbox, and has the thread send what is new. Returns what `change` returns.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut Outbox) -> T) -> T {
        let answer = change(&mut self.outbox.lock());
        self.unpark();
        answer
    }

    fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl Wake for Notifier {
    fn wake(self: Arc<Self>) {
        self.unpark();
    }
}

/// Starts the thread.
pub(crate) fn spawn(
    address: NotifyAddress,
    core: Arc<Core>,
    notifier: Arc<Notifier>,
    pinger: Option<WatchdogPinger>,
    look: LookCallback,
) -> io::Result<NotifyHandle> {
    let (done, ended) = oneshot::channel();
    let socket = NotifySocket { address, socket: None, failures: 0 };
    let thread = NotifyThread { socket, pinger, core, look, notifier: notifier.clone() };
    let handle = crate::spawn::thread("rxd-notify", move || {
        thread.run();
        drop(done);
    })?;
    Ok(NotifyHandle { notifier, handle: Some(handle), ended })
}

impl NotifyHandle {
    /// Waits until the thread has sent what is in the outbox, and has ended.
    ///
    /// If systemd has no room, the rest is not sent: a stop does not wait for it.
    pub(crate) async fn finish(&mut self) {
        self.close();
        let _: Result<(), oneshot::error::RecvError> = (&mut self.ended).await;
        if let Some(handle) = self.handle.take() {
            // The thread has only to return, so this does not block. If it panicked, that was
            // logged.
            let _ = handle.join();
        }
    }

    fn close(&self) {
        self.notifier.update(Outbox::close);
    }
}

impl Drop for NotifyHandle {
    fn drop(&mut self) {
        self.close();
    }
}

struct NotifyThread {
    socket: NotifySocket,
    /// `None` without a watchdog, and once the daemon stops.
    pinger: Option<WatchdogPinger>,
    core: Arc<Core>,
    look: LookCallback,
    notifier: Arc<Notifier>,
}

impl NotifyThread {
    fn run(mut self) {
        let (core, notifier) = (self.core.clone(), self.notifier.clone());
        let _ = notifier.thread.set(thread::current());
        let waker = Waker::from(notifier.clone());
        // Before the first look: what changes after that look then wakes this thread.
        core.subscribe_changes();
        let mut changed = pin!(core.changed.notified());
        let mut resend_at: Option<Instant> = None;
        // Look once something has changed, but not before `look_after`; and at `look_by` in any
        // case.
        let (mut has_changed, mut look_after, mut look_by) = (true, Instant::now(), None);
        loop {
            let now = Instant::now();
            if self.pinger.as_ref().is_some_and(|pinger| pinger.due() <= now) {
                self.ping(now);
            }
            if has_changed && look_after <= now || look_by.is_some_and(|at| at <= now) {
                let next = (self.look)();
                (has_changed, look_after) = (false, now + next.pause);
                look_by = next.even_without_change.then(|| now + EXTENSION_INTERVAL);
            }
            let mut outbox = notifier.outbox.lock();
            if outbox.is_stopping() {
                // systemd's watchdog is off from here on.
                self.pinger = None;
            }
            resend_at = resend_at.filter(|&at| at > now && !outbox.is_closed);
            let notification = if resend_at.is_none() { outbox.take(now) } else { None };
            let Some(notification) = notification else {
                if outbox.is_closed {
                    return;
                }
                // Polled under the lock, which costs nothing: only this thread's own waker is
                // behind it.
                if !has_changed && changed.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                    // Not polled again before the next look, so that a burst of changes wakes this
                    // thread once.
                    changed.set(core.changed.notified());
                    has_changed = true;
                    continue;
                }
                let ping_at = self.pinger.as_ref().map(WatchdogPinger::due);
                let all = [resend_at, outbox.status_due(), ping_at, has_changed.then_some(look_after), look_by];
                drop(outbox);
                let mut due = None;
                for at in all.iter().flatten() {
                    due = Some(due.map_or(*at, |due: Instant| due.min(*at)));
                }
                park(due, now);
                continue;
            };
            drop(outbox);
            if matches!(self.socket.send(notification.text()), SendOutcome::NoRoom) {
                let mut outbox = notifier.outbox.lock();
                if outbox.is_closed {
                    return;
                }
                outbox.put_back(notification);
                resend_at = Some(now + RESEND_DELAY);
            }
        }
    }

    /// Pings the watchdog, or says why not.
    fn ping(&mut self, now: Instant) {
        let Some(pinger) = &mut self.pinger else { return };
        let decision = pinger.decide(now);
        let mut outbox = self.notifier.outbox.lock();
        if outbox.is_stopping() {
            return;
        }
        let is_new = outbox.set_degraded_reason(&decision.reason) && !decision.ping;
        // The reason goes first: systemd may end the process for what follows.
        let status = if decision.ping { None } else { outbox.take_status(now) };
        drop(outbox);
        if is_new {
            emit!(
                ERROR, target: "rxd",
                "watchdog pings withheld: {}; systemd ends the process if this lasts", decision.reason
            );
        }
        if let Some(status) = status {
            if matches!(self.socket.send(status.text()), SendOutcome::NoRoom) {
                self.notifier.outbox.lock().put_back(status);
            }
        }
        if decision.ping {
            // Dropped if there is no room: the next one comes in time, and says the same.
            self.socket.send(&sd_notify::NotifyState::Watchdog.to_string());
        } else if decision.trigger {
            emit!(ERROR, target: "rxd", "watchdog triggered: {}; systemd ends the process", decision.reason);
            if !matches!(self.socket.send(&sd_notify::NotifyState::WatchdogTrigger.to_string()), SendOutcome::NoRoom) {
                pinger.note_triggered();
            }
        }
    }
}

/// Parks this thread until then, or until it is unparked. May return early.
fn park(until: Option<Instant>, now: Instant) {
    match until {
        Some(until) => thread::park_timeout(until.saturating_duration_since(now)),
        None => thread::park(),
    }
}

/// What became of a datagram.
enum SendOutcome {
    Sent,
    /// The receiver's buffer is full at the moment.
    NoRoom,
    /// There is no receiver.
    Failed,
}

struct NotifySocket {
    address: NotifyAddress,
    /// Opened at the first datagram, so that a failure to open is logged like one to send.
    socket: Option<UnixDatagram>,
    /// How many datagrams could not be sent.
    failures: u64,
}

impl NotifySocket {
    fn send(&mut self, message: &str) -> SendOutcome {
        match self.try_send(message) {
            Ok(()) => SendOutcome::Sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => SendOutcome::NoRoom,
            Err(error) => {
                self.failures += 1;
                // A warning once: pings alone would otherwise write one every few seconds.
                if self.failures == 1 {
                    emit!(
                        WARN, target: "rxd",
                        "failed to notify systemd: {error}; rxd goes on trying, and logs further failures at debug level"
                    );
                } else {
                    emit!(DEBUG, target: "rxd", failures = self.failures, "failed to notify systemd: {error}");
                }
                SendOutcome::Failed
            }
        }
    }

    fn try_send(&mut self, message: &str) -> io::Result<()> {
        let socket = match &self.socket {
            Some(socket) => socket,
            None => self.socket.insert(socket()?),
        };
        self.address.send(socket, message)
    }
}
