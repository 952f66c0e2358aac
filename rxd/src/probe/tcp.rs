//! A probe that connects.

use super::checks::{Checks, setters};
use std::borrow::Cow;
use tokio::net::TcpStream;

/// Connects to an address, and closes the connection again. See the [module](super).
///
/// The limit of a check includes the resolution of the name. The system resolves it on a thread of
/// the runtime's blocking pool, which nothing can end before it has returned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a probe does nothing until it is a service"]
pub struct Tcp {
    address: Cow<'static, str>,
    pub(super) checks: Checks,
}

impl Tcp {
    /// Connects to this host and port: `"127.0.0.1:5432"`, `"db.example:5432"`, `"[::1]:5432"`.
    pub fn new(address: impl Into<Cow<'static, str>>) -> Self {
        Tcp { address: address.into(), checks: Checks::DEFAULT }
    }

    fn target(&self) -> String {
        format!("tcp {}", self.address)
    }

    pub(crate) async fn check(&self) -> Result<(), String> {
        TcpStream::connect(&*self.address).await.map(drop).map_err(|error| error.to_string())
    }
}

setters!(Tcp);
