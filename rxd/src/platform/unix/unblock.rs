//! Signals that the process inherits as blocked.

use crate::panic::emit;
use crate::platform::Signal;
use crate::sync::Mutex;
use nix::sys::signal::SigSet;
use std::sync::LazyLock;

/// Has the signals delivered that the calling thread blocks, and with it probably every other: a
/// process inherits what the one that started it has blocked, and a thread what the thread that
/// started it has.
///
/// A signal needs only one thread that does not block it. That thread lasts as long as the process:
/// a signal may also have to end the process after its last daemon. Called after the handlers are
/// installed, since a signal may be pending already.
pub(crate) fn deliver_blocked(signals: &[Signal]) {
    static DELIVERED: LazyLock<Mutex<SigSet>> = LazyLock::new(|| Mutex::new(SigSet::empty()));
    let Ok(blocked) = SigSet::thread_get_mask() else { return };
    let mut unblocked = SigSet::empty();
    let mut delivered = DELIVERED.lock();
    for signal in signals {
        match nix::sys::signal::Signal::try_from(signal.as_raw()) {
            Ok(signal) if blocked.contains(signal) && !delivered.contains(signal) => unblocked.add(signal),
            _ => {}
        }
    }
    delivered.extend(&unblocked);
    drop(delivered);
    if unblocked.iter().next().is_none() {
        return;
    }
    let run = move || {
        let _ = unblocked.thread_unblock();
        loop {
            std::thread::park();
        }
    };
    if let Err(error) = crate::spawn::thread("rxd-signals", run) {
        emit!(WARN, target: "rxd", "signals may not be delivered: the process blocks them, and a thread for them did not start: {error}");
    }
}
