//! The address of a listener, as text and as a value.

use crate::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// The address of a listener.
///
/// ```
/// use rxd::http::Address;
///
/// let unix: Address = "unix:/run/my-app.sock".parse()?;
/// assert_eq!(unix, Address::Unix("/run/my-app.sock".into()));
/// assert_eq!("localhost:1337".parse::<Address>()?.to_string(), "127.0.0.1:1337");
/// assert!("example.com:80".parse::<Address>().is_err(), "a host name may resolve to another machine tomorrow");
/// # Ok::<(), rxd::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `127.0.0.1:1337`, `[::1]:1337`, `localhost:1337`. Port 0 takes any free port.
    Tcp(SocketAddr),
    /// `unix:/run/my-app.sock`. On Windows nothing can listen there.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty() && !path.contains('\0')) {
            return Ok(Address::Unix(path.into()));
        }
        let numeric = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text.to_owned(),
        };
        numeric.parse().map(Address::Tcp).map_err(|_| {
            let text: String = text.chars().take(80).flat_map(char::escape_debug).collect();
            // The macro uses the same words for a literal: `rxd-macros/src/daemon/settings.rs`.
            Error::msg(format_args!(
                "`{text}` is not an address\nhelp: write `127.0.0.1:1337` or `unix:/run/my-app.sock`"
            ))
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "{address}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
