//! The thread that talks to the service manager.
//!
//! Nothing else of rxd touches the socket, and the socket never blocks: a service manager that is
//! frozen, or gone, delays this thread's messages and nobody's transitions. The thread feeds the
//! watchdog too, so that a ping does not wait for its turn behind the daemon's own work; that the
//! daemon does get its turn is part of what [earns](super::watchdog) the ping. And it [looks](Teller::look)
//! at the board for what there is to tell.

use super::address::{NotifyAddress, socket};
use super::outbox::Mail;
use super::reporter::{ASK_EVERY, Teller};
use super::watchdog::Feeder;
use crate::panic::emit;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long to wait before sending again what the service manager has no room for.
const AGAIN: Duration = Duration::from_millis(20);

/// The way to the thread.
#[derive(Debug, Default)]
pub(crate) struct Notifier(Arc<Shared>);

/// The thread. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct Thread {
    shared: Arc<Shared>,
    handle: Option<JoinHandle<()>>,
    ended: oneshot::Receiver<()>,
}

#[derive(Debug, Default)]
struct Shared {
    mail: Mutex<Mail>,
    filled: Condvar,
}

impl Shared {
    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something is to be looked at.
impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        // The thread holds the lock from when it asked to be woken until it waits.
        drop(self.mail());
        self.filled.notify_one();
    }
}

/// Starts the thread.
pub(crate) fn spawn(address: NotifyAddress, feeder: Option<Feeder>, teller: Arc<Teller>) -> io::Result<Thread> {
    let shared = teller.notifier().0.clone();
    let (done, ended) = oneshot::channel();
    let talker = Talker { post: Post { address, socket: None, lost: 0 }, feeder, teller, shared: shared.clone() };
    let handle = Builder::new().name("rxd-notify".into()).spawn(move || {
        talker.run();
        drop(done);
    })?;
    Ok(Thread { shared, handle: Some(handle), ended })
}

impl Notifier {
    /// Gives the thread something to tell; what `write` returns.
    pub(crate) fn tell<T>(&self, write: impl FnOnce(&mut Mail) -> T) -> T {
        let answer = write(&mut self.0.mail());
        self.0.filled.notify_one();
        answer
    }
}

impl Thread {
    /// Waits until the thread has told what it was given, and has ended.
    pub(crate) async fn finish(&mut self) {
        self.close();
        let _: Result<(), oneshot::error::RecvError> = (&mut self.ended).await;
        if let Some(handle) = self.handle.take() {
            // It has nothing left to do but to return. What it panicked with was printed.
            let _ = handle.join();
        }
    }

    fn close(&self) {
        self.shared.mail().close();
        self.shared.filled.notify_one();
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.close();
    }
}

struct Talker {
    post: Post,
    feeder: Option<Feeder>,
    teller: Arc<Teller>,
    shared: Arc<Shared>,
}

impl Talker {
    fn run(mut self) {
        let core = self.teller.core().clone();
        let waker = Waker::from(self.shared.clone());
        core.subscribe_changes();
        let mut changed = pin!(core.changed.notified());
        let mut again: Option<Instant> = None;
        // Whether there is something to look at, from when on, and by when to look anyway.
        let (mut news, mut earliest, mut latest) = (true, Instant::now(), None);
        loop {
            let now = Instant::now();
            if self.feeder.as_ref().is_some_and(|feeder| feeder.due() <= now) {
                self.feed(now);
            }
            if [news.then_some(earliest), latest].into_iter().flatten().any(|at| at <= now) {
                self.teller.look();
                let (pace, busy) = self.teller.pace();
                (news, earliest, latest) = (false, now + pace, busy.then(|| now + ASK_EVERY));
            }
            let shared = self.shared.clone();
            let mut mail = shared.mail();
            if mail.is_stopping() {
                // The service manager's watchdog is off from here on.
                self.feeder = None;
            }
            again = again.filter(|&again| again > now && !mail.closed);
            let letter = if again.is_none() { mail.take(now) } else { None };
            let Some(letter) = letter else {
                if mail.closed {
                    return;
                }
                if !news && changed.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                    // Asked again only after that was looked at: until then nobody has to wake this thread.
                    changed.set(core.changed.notified());
                    news = true;
                    continue;
                }
                let feed = self.feeder.as_ref().map(Feeder::due);
                let due = [again, mail.status_due(), feed, news.then_some(earliest), latest];
                wait(&shared, mail, due.into_iter().flatten().min(), now);
                continue;
            };
            drop(mail);
            if matches!(self.post.send(letter.text()), Sent::Full) {
                let mut mail = shared.mail();
                if mail.closed {
                    return;
                }
                mail.put_back(letter);
                again = Some(now + AGAIN);
            }
        }
    }

    fn feed(&mut self, now: Instant) {
        let Some(feeder) = &mut self.feeder else { return };
        let tick = feeder.tick(now);
        let mut mail = self.shared.mail();
        if mail.is_stopping() {
            return;
        }
        let news = mail.trouble(&tick.trouble) && !tick.ping;
        // What is wrong goes first: the service manager may act on what follows.
        let status = if tick.ping { None } else { mail.take_status(now) };
        drop(mail);
        if news {
            emit!(ERROR, target: "rxd", "the watchdog is not fed: {}", tick.trouble);
        }
        if let Some(letter) = status {
            if matches!(self.post.send(letter.text()), Sent::Full) {
                self.shared.mail().put_back(letter);
            }
        }
        if tick.ping {
            self.post.send(&sd_notify::NotifyState::Watchdog.to_string());
        } else if tick.trigger {
            emit!(ERROR, target: "rxd", "the watchdog is triggered: {}", tick.trouble);
            if !matches!(self.post.send(&sd_notify::NotifyState::WatchdogTrigger.to_string()), Sent::Full) {
                feeder.triggered();
            }
        }
    }
}

fn wait(shared: &Shared, mail: MutexGuard<'_, Mail>, until: Option<Instant>, now: Instant) {
    match until {
        Some(until) => drop(shared.filled.wait_timeout(mail, until.saturating_duration_since(now))),
        None => drop(shared.filled.wait(mail)),
    }
}

/// What became of a datagram.
enum Sent {
    Yes,
    /// There is no room for it at the moment.
    Full,
    /// There is nobody to take it.
    Never,
}

struct Post {
    address: NotifyAddress,
    socket: Option<UnixDatagram>,
    /// How many datagrams nobody took.
    lost: u64,
}

impl Post {
    fn send(&mut self, message: &str) -> Sent {
        match self.try_send(message) {
            Ok(()) => Sent::Yes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Sent::Full,
            Err(error) => {
                self.lost += 1;
                // Once: whoever reads it cannot do anything about the next one either.
                if self.lost == 1 {
                    emit!(WARN, target: "rxd", "failed to notify the service manager: {error}");
                } else {
                    emit!(DEBUG, target: "rxd", lost = self.lost, "failed to notify the service manager: {error}");
                }
                Sent::Never
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
