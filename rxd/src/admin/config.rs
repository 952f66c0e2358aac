//! The configuration of the admin route: its address, its token, and the limits of its clients.

use super::kinds::Kinds;
use crate::error::Error;
use crate::http::Address;
use crate::panic::emit;
use crate::platform::NO_UNIX_SOCKETS;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A listener for the admin route: see [`Daemon::admin`](crate::Daemon::admin).
///
/// ```
/// use rxd::admin::Admin;
///
/// let here = Admin::new("127.0.0.1:1337");
/// let there = Admin::new("0.0.0.0:1337").token("a-long-random-text").host("admin.example.com");
/// # let _ = (here, there);
/// ```
#[derive(Clone)]
#[must_use]
pub struct Admin {
    address: String,
    pub(crate) token: Option<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) optional: bool,
    pub(crate) limits: Limits,
    pub(crate) levels: Option<crate::log::LevelHandle>,
    /// What operators may add.
    pub(crate) kinds: Kinds,
}

/// The limits of one listener: for all its clients together, and for each of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many connections there may be, including those reserved for probes. One more closes the
    /// connection that has been idle longest.
    pub(crate) connections: usize,
    /// How many of them may be streams of `/events`.
    pub(crate) streams: usize,
    /// How long a client may take to send a request's head, and between two requests.
    pub(crate) head: Duration,
    /// How long a client may take to send a request's body, and to read an answer.
    pub(crate) body: Duration,
    /// How long an action on a service may take before the answer is 202, "in progress".
    pub(crate) action: Duration,
    /// How long answers in progress may take to finish once the daemon has stopped.
    pub(crate) drain_timeout: Duration,
}

/// The largest body of a request, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = 16 << 10;
/// The largest head of a request, in bytes.
pub(crate) const MAX_HEAD_BYTES: usize = 16 << 10;
/// The largest number of headers of a request.
pub(crate) const MAX_HEADERS: usize = 64;

impl Limits {
    /// Lowers `connections` to a quarter of the files that this process may open. The rest is left
    /// to the services.
    pub(crate) fn within(mut self, files: Option<u64>) -> Limits {
        let quarter = files.and_then(|files| usize::try_from(files / 4).ok()).unwrap_or(usize::MAX).max(1);
        if quarter < self.connections {
            emit!(INFO,
                target: "rxd::admin",
                "at most {quarter} connections instead of {}: a quarter of the files that this process may open; \
                 raise the limit to allow more (LimitNOFILE= in the unit)",
                self.connections
            );
            self = self.connections(quarter);
        }
        self
    }

    fn connections(mut self, connections: usize) -> Limits {
        self.connections = connections;
        self.streams = self.streams.min((connections / 2).max(1));
        self
    }
}

impl Admin {
    /// A listener on this address: `127.0.0.1:1337` or `unix:/run/my-app.sock`. A text that is not
    /// an address is an error when the daemon starts.
    pub fn new(address: impl Into<String>) -> Self {
        Admin {
            address: address.into(),
            token: None,
            hosts: Vec::new(),
            optional: false,
            limits: Limits {
                connections: 256,
                streams: 64,
                head: Duration::from_secs(5),
                body: Duration::from_secs(10),
                action: Duration::from_secs(10),
                drain_timeout: Duration::from_millis(500),
            },
            levels: None,
            kinds: Kinds::default(),
        }
    }

    /// Requires `Authorization: Bearer <token>` from every client.
    ///
    /// * Without it, the page itself is served, which holds no data, and `/livez` and `/readyz`
    ///   answer with yes or no, but without reasons.
    /// * An address that is not loopback needs a token; without one the daemon does not start.
    /// * A token has at least 16 visible ASCII characters; another one is an error at the start.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Accepts requests for one more host name. Requests for IP addresses and `localhost` are
    /// always accepted; other names are refused, since any web page could point a name of its own
    /// here.
    pub fn host(self, host: impl Into<String>) -> Self {
        self.hosts([host])
    }

    /// Accepts requests for these host names too, as [`host`](Admin::host) does for one.
    ///
    /// * `.example.com` and `*.example.com` are all names below `example.com`. List them only if you
    ///   control all of those names: a web page under one of them could be pointed here.
    /// * `*` is any name. It needs a [token](Admin::token), without which the daemon does not start:
    ///   then the token alone keeps web pages out.
    /// * Another pattern, or a text that is not a host name, is an error when the daemon starts.
    pub fn hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.hosts.extend(hosts.into_iter().map(|host| host.into().to_ascii_lowercase()));
        self
    }

    /// Whether requests for this name, in lower case, are accepted.
    pub(crate) fn is_listed(hosts: &[String], name: &str) -> bool {
        hosts.iter().any(|host| match host.strip_prefix('*').unwrap_or(host) {
            "" => true,
            suffix if suffix.starts_with('.') => name.len() > suffix.len() && name.ends_with(suffix),
            host => host == name,
        })
    }

    /// Whether the daemon starts without the admin route if its address cannot be bound. It then
    /// logs an error, reports [`AdminStatus::Degraded`] in
    /// [`DaemonHandle::admin`](crate::DaemonHandle::admin), and tries again every 5 seconds.
    /// Default: `false`, the daemon does not start.
    pub fn optional(mut self, optional: bool) -> Self {
        self.optional = optional;
        self
    }

    /// How many connections there may be at once. One more closes the connection that has been idle
    /// longest, or is refused if none is idle. At least 1; 0 is an error when the daemon starts.
    /// Default: 256.
    ///
    /// * It is never more than a quarter of the files that the process may open (`ulimit -n`,
    ///   `LimitNOFILE=`), so that enough are left for the services.
    /// * An eighth of them, at most 4, is reserved for probes: while all others are busy, `/livez`
    ///   and `/readyz` are answered, and other requests get 503.
    pub fn connections(mut self, connections: usize) -> Self {
        self.limits = self.limits.connections(connections);
        self
    }

    /// The levels that `/log-level` reads and sets. Default:
    /// [`rxd::log::level_handle`](crate::log::level_handle).
    pub fn level_handle(mut self, levels: crate::log::LevelHandle) -> Self {
        self.levels = Some(levels);
        self
    }

    /// The address, if the whole configuration is valid.
    ///
    /// # Errors
    ///
    /// If the address, the token, a host or a kind is not valid, if a token is missing, or for 0
    /// connections.
    pub(crate) fn checked(&self) -> Result<Address, Error> {
        let fault = |what: &dyn fmt::Display| Error::msg(format_args!("failed to set up the admin route: {what}"));
        let address: Address = self.address.parse().map_err(|error| fault(&error))?;
        if self.token.as_ref().is_some_and(|token| token.len() < 16 || !token.bytes().all(|b| b.is_ascii_graphic())) {
            return Err(fault(&"its token must have at least 16 ASCII characters, without spaces"));
        }
        if self.limits.connections == 0 {
            return Err(fault(&"`connections` cannot be 0\nhelp: write 1 or more"));
        }
        if let Some(what) = self.kinds.fault() {
            return Err(fault(&what));
        }
        for host in &self.hosts {
            let name = host.strip_prefix("*.").or(host.strip_prefix('.')).unwrap_or(host);
            let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            if host != "*" && (name.is_empty() || name.starts_with('.') || !is_name) {
                let host = host.escape_debug();
                return Err(fault(&format_args!(
                    "`{host}` is not a host name\nhelp: write `admin.example.com`, `.example.com` or `*`"
                )));
            }
            if host == "*" && self.token.is_none() {
                return Err(fault(
                    &"the host `*` lets any web page in, and the admin route asks for no token\n                      help: name the hosts, or write `Admin::token(..)`",
                ));
            }
        }
        let text = &self.address;
        match (&address, NO_UNIX_SOCKETS) {
            (Address::Unix(_), Some(why)) => {
                Err(fault(&format_args!("it cannot listen on `{text}`: {why}\nhelp: write `127.0.0.1:1337`")))
            }
            (Address::Tcp(tcp), _) if !is_loopback(tcp.ip()) && self.token.is_none() => Err(fault(&format_args!(
                "`{text}` can be reached from other machines, and asks for no token\n\
                 help: listen on 127.0.0.1 or a Unix socket, or write `Admin::new({text:?}).token(..)`"
            ))),
            _ => Ok(address),
        }
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

impl From<&str> for Admin {
    fn from(address: &str) -> Self {
        Admin::new(address)
    }
}

impl From<String> for Admin {
    fn from(address: String) -> Self {
        Admin::new(address)
    }
}

impl From<SocketAddr> for Admin {
    fn from(address: SocketAddr) -> Self {
        Admin::new(address.to_string())
    }
}

/// Leaves out the token.
impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Whether the admin route of a daemon listens, and where.
///
/// ```
/// use rxd::DaemonHandle;
/// use rxd::admin::AdminStatus;
///
/// fn print_admin(handle: &DaemonHandle) {
///     match handle.admin() {
///         AdminStatus::On(address) => println!("the admin route listens on {address}"),
///         AdminStatus::Degraded(error) => println!("no admin route for now: {error}"),
///         _ => {}
///     }
/// }
/// # let _ = print_admin;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdminStatus {
    /// The daemon has no admin route.
    Off,
    /// It listens on this address.
    On(Address),
    /// Its address could not be bound, for this reason. It is tried again every 5 seconds.
    Degraded(String),
    /// The daemon has stopped, and the listener is closed.
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_takes_an_address_as_text_and_as_a_value() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1337));
        for admin in [Admin::from(address), "127.0.0.1:1337".into(), String::from("127.0.0.1:1337").into()] {
            assert_eq!(admin.checked().ok(), Some(Address::Tcp(address)));
        }
    }

    #[test]
    fn address_beyond_loopback_without_a_token_is_refused() {
        for here in ["127.0.0.1:0", "127.3.2.1:1", "[::1]:0", "localhost:80", "[::ffff:127.0.0.1]:1"] {
            assert!(Admin::new(here).checked().is_ok(), "{here}");
        }
        match (NO_UNIX_SOCKETS, Admin::new("unix:/x").checked()) {
            (None, checked) => assert!(checked.is_ok()),
            (Some(why), checked) => assert!(checked.unwrap_err().to_string().contains(why)),
        }
        for there in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "192.168.0.1:1", "[fe80::1]:1"] {
            assert!(Admin::new(there).checked().unwrap_err().to_string().contains("token"), "{there}");
            assert!(Admin::new(there).token("0123456789abcdef").checked().is_ok(), "{there}");
        }
    }

    #[test]
    fn x7_connections_above_a_quarter_of_the_files_are_lowered() {
        let limits = |connections, files| {
            let limits = Admin::new("unix:/x").connections(connections).limits.within(files);
            (limits.connections, limits.streams)
        };
        assert_eq!(limits(256, Some(64)), (16, 8));
        assert_eq!(limits(256, Some(1024)), (256, 64));
        assert_eq!(limits(1000, Some(1024)), (256, 64));
        assert_eq!(limits(1000, None), (1000, 64), "there is no limit");
        assert_eq!(limits(10, Some(u64::MAX)), (10, 5));
        assert_eq!(limits(256, Some(0)), (1, 1));
    }

    #[test]
    fn text_that_is_not_an_address_is_refused() {
        for text in ["", "1337", ":1337", "unix:", "http://127.0.0.1:1", "example.com:80", "127.0.0.1:99999"] {
            assert!(Admin::new(text).checked().is_err(), "{text}");
        }
        assert!(Admin::new("127.0.0.1:0").token("short").checked().is_err());
    }

    /// The macro's own test expects the same words: `rxd-macros/src/daemon/settings.rs`.
    #[test]
    fn g60_address_that_is_refused_gets_the_words_of_the_macro() {
        let says = |text| Admin::new(text).checked().unwrap_err().to_string();
        let what = "failed to set up the admin route:";
        let help = "help: write `127.0.0.1:1337` or `unix:/run/my-app.sock`";
        assert_eq!(says("a\n"), format!("{what} `a\\n` is not an address\n{help}"));
        assert_eq!(says("unix:"), format!("{what} `unix:` is not an address\n{help}"));
        assert_eq!(
            says("0.0.0.0:80"),
            format!(
                "{what} `0.0.0.0:80` can be reached from other machines, and asks for no token\n\
                 help: listen on 127.0.0.1 or a Unix socket, or write `Admin::new(\"0.0.0.0:80\").token(..)`"
            )
        );
        let none = Admin::new("127.0.0.1:0").connections(0).checked().unwrap_err().to_string();
        assert_eq!(none, format!("{what} `connections` cannot be 0\nhelp: write 1 or more"));
    }

    #[test]
    fn gap_host_that_is_no_name_or_any_name_without_a_token_is_refused() {
        let check = |host: &str| Admin::new("127.0.0.1:0").hosts([host]).checked().map_err(|error| error.to_string());
        for host in ["admin.example.com", ".example.com", "*.Example.com", "a"] {
            assert!(check(host).is_ok(), "{host}");
        }
        for host in ["", ".", "*.", "..a", "*..a", "*a", "a.*", "**", "a b", "a:80", "http://a", "[::1]"] {
            assert!(check(host).unwrap_err().contains("is not a host name\nhelp: "), "{host}");
        }
        assert!(check("*").unwrap_err().contains("lets any web page in"));
        assert!(Admin::new("0.0.0.0:0").hosts(["*"]).token("0123456789abcdef").checked().is_ok());
    }

    #[test]
    fn admin_debug_output_leaves_out_the_token() {
        let admin = Admin::new("127.0.0.1:0").token("0123456789abcdef");
        assert!(!format!("{admin:?}").contains("0123"));
    }
}
