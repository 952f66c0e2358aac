//! The life of the admin listener beside that of its daemon.
//!
//! 1. `Daemon::start` calls [`bind`] before anything is started: an address that cannot be bound
//!    ends the start there, unless the admin route is optional.
//! 2. It calls [`BoundAdmin::serve`] when the services start. One task serves until the daemon
//!    ends; an optional listener that is not bound yet is tried again every 5 seconds.
//! 3. The supervisor calls [`finish`] after all services have ended, so that clients can follow the
//!    stop. No daemon waits for its admin route for more than a second.

use super::activity::AdminCounts;
use super::app::App;
use super::auth::RequestGuard;
use super::config::{Admin, AdminStatus};
use super::router;
use super::serve::serve;
use crate::core::Core;
use crate::error::Error;
use crate::handle::DaemonHandle;
use crate::http::{Address, Listener};
use crate::panic::emit;
use crate::platform::open_file_limit;
use crate::sync::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The pause between two attempts to bind an optional listener.
const BIND_RETRY_DELAY: Duration = Duration::from_secs(5);

/// What an error about the address calls it.
const PURPOSE: &str = " for the admin route";

/// How long the end of the daemon waits for that of the listener.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// What a daemon knows of its admin route.
#[derive(Debug)]
pub(crate) struct AdminServer {
    status: Mutex<AdminStatus>,
    end: CancellationToken,
    /// Its sender is dropped when the task has ended.
    running: watch::Receiver<()>,
}

impl AdminServer {
    pub(crate) fn status(&self) -> AdminStatus {
        self.status.lock().clone()
    }

    fn set_status(&self, status: AdminStatus) {
        // The old one is dropped after the lock is released.
        let _old = std::mem::replace(&mut *self.status.lock(), status);
    }
}

/// A listener that does not serve yet, or the reason why it could not be bound.
pub(crate) struct BoundAdmin {
    admin: Admin,
    address: Address,
    listener: Result<Listener, Error>,
}

/// Binds the listener, before anything is started.
///
/// # Errors
///
/// If the configuration is not valid, or the address cannot be bound and the admin route is not
/// optional.
pub(crate) async fn bind(admin: Option<Admin>) -> Result<Option<BoundAdmin>, Error> {
    let Some(admin) = admin else { return Ok(None) };
    let address = admin.checked()?;
    let listener = Listener::bind(&address, PURPOSE).await;
    match listener {
        Err(error) if !admin.optional => Err(error),
        listener => Ok(Some(BoundAdmin { admin, address, listener })),
    }
}

impl BoundAdmin {
    /// Serves in a task of its own, until [`finish`].
    pub(crate) fn serve(self, handle: &DaemonHandle) {
        let (sender, running) = watch::channel(());
        let server = AdminServer { status: Mutex::new(AdminStatus::Off), end: CancellationToken::new(), running };
        let server = handle.core().extensions.insert(server);
        handle.core().extensions.insert(self.admin.kinds.clone());
        match &self.listener {
            Ok(listener) => listening(&server, listener, &self.address),
            Err(error) => degraded(&server, &error.to_string()),
        }
        tokio::spawn(self.run(handle.observer(), server, sender));
    }

    async fn run(self, handle: DaemonHandle, server: Arc<AdminServer>, _running: watch::Sender<()>) {
        let BoundAdmin { admin, address, listener } = self;
        let limits = admin.limits.within(open_file_limit());
        let end = server.end.clone();
        let mut listener = listener;
        let listener = loop {
            match listener {
                Ok(listener) => break listener,
                Err(_) => {
                    if tokio::time::timeout(BIND_RETRY_DELAY, end.cancelled()).await.is_ok() {
                        return;
                    }
                    listener = Listener::bind(&address, PURPOSE).await;
                    if let Ok(listener) = &listener {
                        listening(&server, listener, &address);
                    }
                }
            }
        };
        let counts: Arc<AdminCounts> = Arc::default();
        let guard = RequestGuard::new(&admin, &address);
        let levels = admin.levels.unwrap_or_else(|| crate::log::level_handle().clone());
        let router = router::router(App::new(&handle, levels, limits, counts.clone()));
        serve(listener, router, guard, limits, counts, end).await;
    }
}

fn listening(server: &AdminServer, listener: &Listener, configured: &Address) {
    let address = listener.address().unwrap_or_else(|_| configured.clone());
    emit!(INFO, target: "rxd::admin", %address, "listening");
    server.set_status(AdminStatus::On(address));
}

fn degraded(server: &AdminServer, error: &str) {
    emit!(ERROR,
        target: "rxd::admin",
        "{error}; the daemon runs without its admin route, and tries again every {BIND_RETRY_DELAY:?}"
    );
    server.set_status(AdminStatus::Degraded(error.to_owned()));
}

/// Ends the listener, after all else of the daemon has ended.
pub(crate) async fn finish(core: &Core) {
    let Some(server) = core.extensions.get::<AdminServer>() else { return };
    server.end.cancel();
    let mut running = server.running.clone();
    // The task ends within its own limits. A daemon does not depend on that.
    let ended = async { while running.changed().await.is_ok() {} };
    let _ = tokio::time::timeout(FINISH_TIMEOUT, ended).await;
    server.set_status(AdminStatus::Closed);
}
