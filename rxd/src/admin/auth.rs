//! Which requests are answered: the checks of the host, the origin and the token.
//!
//! The listener checks host and token of each request with a [`RequestGuard`]; the router checks
//! the origin with [`check_origin`], also where it is nested in another server. This is not access
//! control between clients: a client that has the token may do everything.
//!
//! # Invariants
//!
//! 1. A request that fails a check reaches no handler.
//! 2. Over TCP, a request names exactly one host: an IP address, `localhost`, or a name that
//!    [`Admin::hosts`] lists. So a web page whose DNS name points here (DNS rebinding) is refused.
//!    Only a probe of HTTP/1.0 may have no host: no browser sends one.
//! 3. A request that a browser sends for a page of another origin is refused, whatever the method.
//!    A link to a page of the admin route may be followed.
//! 4. Where a token is configured, only `/`, `/livez` and `/readyz` are answered without it. Their
//!    handlers find [`Unauthenticated`] among the extensions, and reveal nothing but yes or no.
//! 5. A token is compared in constant time.

use super::config::Admin;
use super::problem::Problem;
use crate::http::Address;
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri, Version, header};
use std::net::Ipv6Addr;
use subtle::ConstantTimeEq;

/// Among a request's extensions: the request lacks the token that the listener requires.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unauthenticated;

/// The host names and the token that one listener requires.
#[derive(Debug)]
pub(crate) struct RequestGuard {
    token: Option<Box<str>>,
    hosts: Vec<String>,
    /// On a Unix socket: a browser cannot reach it, and clients send any host name.
    any_host: bool,
}

impl RequestGuard {
    pub(crate) fn new(admin: &Admin, address: &Address) -> Self {
        RequestGuard {
            token: admin.token.as_deref().map(Into::into),
            hosts: admin.hosts.clone(),
            any_host: matches!(address, Address::Unix(_)),
        }
    }

    /// Whether the request has the token, or needs none. `false` for a route that answers without.
    ///
    /// # Errors
    ///
    /// If the request must not reach a handler.
    pub(crate) fn check<B>(&self, request: &Request<B>) -> Result<bool, Problem> {
        if !is_old_probe(request) {
            self.check_host(request.uri(), request.headers())?;
        }
        match (self.check_token(request.headers()), request.uri().path()) {
            (Ok(()), _) => Ok(true),
            // The page holds no data, and sends the token with its own requests. Probes rarely have
            // one.
            (Err(_), "/" | "/livez" | "/readyz") => Ok(false),
            (Err(problem), _) => Err(problem),
        }
    }

    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        if self.any_host {
            return Ok(());
        }
        let mut given = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (given.next(), given.next()) else {
            return Err(Problem::invalid("Host", "a request must have exactly one Host header"));
        };
        let host = host.to_str().map_err(|_| Problem::invalid("Host", "the Host header is not a valid host"))?;
        let in_uri = uri.authority().map(|authority| authority.as_str());
        for host in [Some(host), in_uri].into_iter().flatten() {
            let name = host_of(host).ok_or_else(|| Problem::invalid("Host", "the Host header is not a valid host"))?;
            // An attacker's DNS can point a name here, but not one that is listed, and never a
            // number.
            if !is_number(&name) && name != "localhost" && !Admin::is_listed(&self.hosts, &name) {
                let allowed = self.hosts.iter().cloned().chain(["localhost".to_owned(), "an IP address".to_owned()]);
                let detail =
                    "the admin route does not answer requests for this host; `Admin::hosts` adds names".to_owned();
                return Err(Problem::forbidden("Host", detail).allowed(allowed));
            }
        }
        Ok(())
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(token) = &self.token else { return Ok(()) };
        let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
        let given = match given.split_at_checked(7) {
            Some((scheme, given)) if scheme.eq_ignore_ascii_case(b"bearer ") => given,
            _ => &[][..],
        };
        // The length of a token is not secret; its characters are compared in constant time.
        if bool::from(given.ct_eq(token.as_bytes())) {
            return Ok(());
        }
        let detail = "the admin route requires the header `Authorization: Bearer <token>`";
        Err(Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "The token is missing or wrong", detail)
            .field("Authorization"))
    }
}

/// Whether this is a probe of HTTP/1.0 without a host, as load balancers send them.
fn is_old_probe<B>(request: &Request<B>) -> bool {
    request.version() == Version::HTTP_10
        && !request.headers().contains_key(header::HOST)
        && matches!(request.uri().path(), "/livez" | "/readyz")
}

/// Refuses a request that a browser sends for a page of another origin.
///
/// # Errors
///
/// If `Origin` is not this host, or if `Sec-Fetch-Site` names another site, unless the user follows
/// a link.
pub(crate) fn check_origin(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers.get(header::HOST).map(|host| host.as_bytes()).unwrap_or_default();
    let host = if host.is_empty() { uri.authority().map_or(&[][..], |host| host.as_str().as_bytes()) } else { host };
    for origin in headers.get_all(header::ORIGIN) {
        let origin = origin.as_bytes();
        let rest = [&b"http://"[..], b"https://"].iter().find_map(|scheme| origin.strip_prefix(*scheme));
        if rest.is_none_or(|rest| rest.is_empty() || !rest.eq_ignore_ascii_case(host)) {
            return Err(Problem::forbidden("Origin", "requests from a page of another origin are refused"));
        }
    }
    let fetch = |what: &str| headers.get(what).map(|value| value.as_bytes());
    let is_own = fetch("sec-fetch-site").is_none_or(|site| site == b"same-origin" || site == b"none");
    let follows_link = method.is_safe()
        && fetch("sec-fetch-mode") == Some(b"navigate")
        && fetch("sec-fetch-dest").is_none_or(|destination| destination == b"document");
    if !is_own && !follows_link {
        return Err(Problem::forbidden("Sec-Fetch-Site", "requests from a page of another site are refused"));
    }
    Ok(())
}

/// The name in `name:port`, in lower case; `None` if the text is not a host.
fn host_of(host: &str) -> Option<String> {
    let name = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            check_port(port.strip_prefix(':').or(port.is_empty().then_some("0"))?)?;
            return Some(format!("[{address}]"));
        }
        None => match host.split_once(':') {
            Some((name, port)) => {
                check_port(port)?;
                name
            }
            None => host,
        },
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (!name.is_empty() && name.bytes().all(plain)).then(|| name.to_ascii_lowercase())
}

fn check_port(port: &str) -> Option<u16> {
    port.parse().ok()
}

fn is_number(name: &str) -> bool {
    name.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What passes is an address, `localhost`, or a name that is listed.
        #[test]
        fn f104_host_of_any_text_is_known_or_refused(host in "[-a-z0-9.:@\\[\\]]{0,20}|(localhost|127\\.0\\.0\\.1|\\[::1\\])[.:a-z0-9]{0,6}") {
            if guard(&Admin::new("127.0.0.1:1337").host("mine.example")).check(&request(&[("host", &host)])).is_ok() {
                let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(&*host, |(name, _)| name);
                let number = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>().is_ok();
                prop_assert!(number || name == "localhost" || name == "mine.example", "{}", host);
            }
        }

        #[test]
        fn f104_origin_of_any_text_is_this_host_or_refused(origin in ".{0,30}", site in "[a-z-]{0,12}") {
            let Ok(origin) = origin.parse::<axum::http::HeaderValue>() else { return Ok(()) };
            let mut request = request(&[("host", "localhost"), ("sec-fetch-site", &site)]);
            request.headers_mut().insert(header::ORIGIN, origin);
            let passed = check_origin(request.method(), request.uri(), request.headers()).is_ok();
            let own = [&b"http://localhost"[..], b"https://localhost"];
            prop_assert!(!passed || own.iter().any(|own| request.headers()[header::ORIGIN].as_bytes().eq_ignore_ascii_case(own)));
        }
    }

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::post("/services/api/restart");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn guard(admin: &Admin) -> RequestGuard {
        RequestGuard::new(admin, &admin.checked().unwrap())
    }

    #[test]
    fn f103_host_that_is_not_this_one_is_refused() {
        let guard = guard(&Admin::new("127.0.0.1:1337").host("Admin.example"));
        for host in ["127.0.0.1:1337", "localhost", "LOCALHOST:1", "[::1]:1337", "10.0.0.1", "admin.example:80"] {
            assert!(guard.check(&request(&[("host", host)])).is_ok(), "{host}");
        }
        let hostile = ["evil.example", "evil.example:1337", "localhost.evil.example", "127.0.0.1.evil.example"];
        for host in
            hostile.into_iter().chain(["", "[::1", "a b", "localhost:x", "@localhost", "localhost:1:2", "0x7f.1"])
        {
            assert!(guard.check(&request(&[("host", host)])).is_err(), "{host}");
        }
        assert!(guard.check(&request(&[])).is_err());
        assert!(guard.check(&request(&[("host", "localhost"), ("host", "localhost")])).is_err());
    }

    #[test]
    fn gap_host_below_a_listed_suffix_is_accepted() {
        let accepts = |admin: Admin, host: &str| guard(&admin).check(&request(&[("host", host)])).is_ok();
        for suffix in [".example.com", "*.Example.COM"] {
            let admin = || Admin::new("127.0.0.1:1337").hosts(["other", suffix]);
            for host in ["a.example.com", "a.b.example.com:80", "A.EXAMPLE.com", "other", "localhost"] {
                assert!(accepts(admin(), host), "{host}");
            }
            for host in
                ["example.com", ".example.com", "evilexample.com", "a.example.com.evil", "example.com.", "a.other"]
            {
                assert!(!accepts(admin(), host), "{host}");
            }
        }
        let any = || Admin::new("127.0.0.1:1337").hosts(["*"]).token("0123456789abcdef");
        let token = ("authorization", "Bearer 0123456789abcdef");
        assert!(guard(&any()).check(&request(&[("host", "any.where"), token])).is_ok());
        assert!(!accepts(any(), "any.where"), "the token is missing");
        assert!(guard(&any()).check(&request(&[("host", "a b"), token])).is_err(), "not a host");
    }

    #[test]
    fn f103_origin_that_is_not_this_host_is_refused() {
        let check = |headers: &[(&str, &str)]| {
            let request = request(headers);
            check_origin(request.method(), request.uri(), request.headers()).is_ok()
        };
        let host = ("host", "127.0.0.1:1337");
        assert!(check(&[host]));
        assert!(check(&[host, ("origin", "http://127.0.0.1:1337"), ("sec-fetch-site", "same-origin")]));
        for origin in
            ["http://evil.example", "null", "", "http://127.0.0.1", "http://127.0.0.1:1", "file://", "http://"]
        {
            assert!(!check(&[host, ("origin", origin)]), "{origin}");
        }
        assert!(!check(&[host, ("sec-fetch-site", "cross-site")]));
        assert!(!check(&[("origin", "http://")]));
    }

    #[test]
    fn x28_page_of_another_site_can_only_link_here() {
        let check = |method: Method, headers: &[(&str, &str)]| {
            let mut request = request(headers);
            *request.method_mut() = method;
            check_origin(request.method(), request.uri(), request.headers()).is_ok()
        };
        for site in ["cross-site", "same-site"] {
            let [host, site] = [("host", "127.0.0.1:1337"), ("sec-fetch-site", site)];
            let [link, frame] = [("sec-fetch-dest", "document"), ("sec-fetch-dest", "iframe")];
            assert!(!check(Method::GET, &[host, site]));
            assert!(!check(Method::GET, &[host, site, ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")]));
            assert!(!check(Method::GET, &[host, site, ("sec-fetch-mode", "navigate"), frame]));
            assert!(check(Method::GET, &[host, site, ("sec-fetch-mode", "navigate"), link]));
            assert!(!check(Method::POST, &[host, site, ("sec-fetch-mode", "navigate"), link]));
        }
    }

    #[test]
    fn f103_token_that_is_missing_or_wrong_is_refused() {
        let guard = guard(&Admin::new("0.0.0.0:1").token("0123456789abcdef"));
        let with = |value: &str| guard.check(&request(&[("host", "10.0.0.1:1"), ("authorization", value)])).is_ok();
        assert!(with("Bearer 0123456789abcdef") && with("bearer 0123456789abcdef"));
        for wrong in
            ["", "Bearer", "Bearer ", "Bearer 0123456789abcdee", "Bearer 0123456789abcdef0", "Basic 0123456789abcdef"]
        {
            assert!(!with(wrong), "{wrong}");
        }
    }
}
