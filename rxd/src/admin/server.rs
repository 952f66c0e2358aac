//! The listener's life, beside the daemon's: there before the services, gone after them.

use super::app::App;
use super::auth::Guard;
use super::config::{Address, Admin, Listening};
use super::listen::Listener;
use super::routes;
use super::serve::{Counts, serve};
use crate::core::Core;
use crate::error::Error;
use crate::handle::DaemonHandle;
use crate::panic::emit;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long to wait before the address is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// How long the daemon's end waits for the listener's.
const LAST: Duration = Duration::from_secs(1);

/// What a daemon knows of its admin route.
#[derive(Debug)]
pub(crate) struct Server {
    listening: Mutex<Listening>,
    end: CancellationToken,
    over: watch::Receiver<()>,
}

impl Server {
    pub(crate) fn listening(&self) -> Listening {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, listening: Listening) {
        *self.listening.lock().unwrap_or_else(PoisonError::into_inner) = listening;
    }
}

/// A listener that is not answered yet, or why there is none.
pub(crate) struct Bound {
    admin: Admin,
    address: Address,
    listener: Result<Listener, Error>,
}

/// Before anything is started.
///
/// # Errors
///
/// If the address cannot be listened on, unless that is to be lived with.
pub(crate) async fn bind(admin: Option<Admin>) -> Result<Option<Bound>, Error> {
    let Some(admin) = admin else { return Ok(None) };
    let address = admin.checked()?;
    let listener = Listener::bind(&address).await;
    match listener {
        Err(error) if !admin.degrade => Err(error),
        listener => Ok(Some(Bound { admin, address, listener })),
    }
}

impl Bound {
    /// Answers from now on.
    pub(crate) fn serve(self, handle: &DaemonHandle) {
        let (sender, over) = watch::channel(());
        let server = Server { listening: Mutex::new(Listening::Off), end: CancellationToken::new(), over };
        let core = handle.core().clone();
        let server = core.admin.get_or_init(|| server);
        match &self.listener {
            Ok(listener) => on(server, listener, &self.address),
            Err(error) => degraded(server, &error.to_string()),
        }
        tokio::spawn(self.run(handle.observer(), sender));
    }

    async fn run(self, handle: DaemonHandle, _over: watch::Sender<()>) {
        let Bound { admin, address, listener } = self;
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let limits = admin.limits.within(files);
        let core = handle.core().clone();
        let Some(server) = core.admin.get() else { return };
        let end = server.end.clone();
        let mut listener = listener;
        let listener = loop {
            match listener {
                Ok(listener) => break listener,
                Err(_) => {
                    if tokio::time::timeout(AGAIN, end.cancelled()).await.is_ok() {
                        return;
                    }
                    listener = Listener::bind(&address).await;
                    if let Ok(listener) = &listener {
                        on(server, listener, &address);
                    }
                }
            }
        };
        let counts: Arc<Counts> = Arc::default();
        let guard = Guard::new(&admin, &address);
        let levels = admin.levels.unwrap_or_else(|| crate::log::level_handle().clone());
        let router = routes::router(App::new(&handle, levels, limits, counts.clone()));
        serve(listener, router, guard, limits, counts, end).await;
    }
}

fn on(server: &Server, listener: &Listener, asked: &Address) {
    let address = listener.address().unwrap_or_else(|_| asked.clone());
    emit!(INFO, target: "rxd::admin", %address, "listening");
    server.set(Listening::On(address));
}

fn degraded(server: &Server, error: &str) {
    emit!(ERROR, target: "rxd::admin", "{error}; going on without it, and trying again every {AGAIN:?}");
    server.set(Listening::Degraded(error.to_owned()));
}

/// When all else of the daemon is over.
pub(crate) async fn finish(core: &Core) {
    let Some(server) = core.admin.get() else { return };
    server.end.cancel();
    let mut over = server.over.clone();
    // Its own limits end it; should they not, it is not what a daemon's end waits for.
    let gone = async { while over.changed().await.is_ok() {} };
    let _ = tokio::time::timeout(LAST, gone).await;
    server.set(Listening::Over);
}
