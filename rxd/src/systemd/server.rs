//! An HTTP server on sockets that systemd has opened.

use super::activation::Sockets;
use crate::error::Error;
use crate::http::{PassedListener, Server};
use crate::platform::PassedLocal;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

impl Server {
    /// Serves on the sockets of this name that systemd has passed, TCP or Unix, in place of the
    /// addresses of [`listen`](Server::listen). Without such a socket it listens on those.
    ///
    /// The socket is open for as long as systemd keeps it: while the service is restarted, and while
    /// the process is, clients wait and none is refused.
    ///
    /// ```no_run
    /// use rxd::http::Server;
    /// use rxd::systemd::Sockets;
    /// use rxd::{Daemon, Service};
    ///
    /// fn main() -> rxd::Result {
    ///     // `FileDescriptorName=web` of the socket unit. Before there is a runtime: see `Sockets`.
    ///     let mut sockets = Sockets::take()?;
    ///     let routes = axum::Router::new().route("/", axum::routing::get(async || "hello"));
    ///     let web = Server::new(routes).listen("127.0.0.1:8080").systemd(&mut sockets, "web")?;
    ///     let runtime = tokio::runtime::Runtime::new()?;
    ///     runtime.block_on(Daemon::new("agent").add(Service::new("web", web)).run())?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// If a descriptor of this name is not a stream socket with an internet address or a path.
    pub fn systemd(mut self, sockets: &mut Sockets, name: &str) -> Result<Self, Error> {
        for fd in sockets.fds(name) {
            let passed = listener(fd).map_err(|error| {
                Error::msg(format_args!(
                    "file descriptor `{name}` has the wrong type, expected a listener on TCP or on a Unix socket: {error}"
                ))
            })?;
            self = self.on_passed(passed);
        }
        Ok(self)
    }
}

fn listener(fd: OwnedFd) -> std::io::Result<PassedListener> {
    let tcp = TcpListener::from(fd);
    if tcp.local_addr().is_ok() {
        tcp.set_nonblocking(true)?;
        return Ok(PassedListener::Tcp(tcp));
    }
    let unix = UnixListener::from(OwnedFd::from(tcp));
    unix.local_addr()?;
    unix.set_nonblocking(true)?;
    Ok(PassedListener::Local(PassedLocal::new(unix)))
}
