//! Who may ask: a request is for this very host, from no other page, and has the token if there is one.

use super::config::{Address, Admin};
use super::problem::Problem;
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use std::net::Ipv6Addr;
use subtle::ConstantTimeEq;

/// Among a request's extensions: it has no token, where one is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stranger;

/// What a listener asks of every request.
#[derive(Debug)]
pub(crate) struct Guard {
    token: Option<Box<str>>,
    hosts: Vec<String>,
    /// A browser cannot reach a Unix socket, and clients call the host behind it what they like.
    any_host: bool,
}

impl Guard {
    pub(crate) fn new(admin: &Admin, address: &Address) -> Self {
        Guard {
            token: admin.token.as_deref().map(Into::into),
            hosts: admin.hosts.clone(),
            any_host: matches!(address, Address::Unix(_)),
        }
    }

    /// Whether it has the token, or needs none; some things are told without.
    ///
    /// # Errors
    ///
    /// If it is not to be answered.
    pub(crate) fn check<B>(&self, request: &Request<B>) -> Result<bool, Problem> {
        self.check_host(request.uri(), request.headers())?;
        match (self.check_token(request.headers()), request.uri().path()) {
            (Ok(()), _) => Ok(true),
            // The page holds nothing: it asks for the token itself. Who probes has none, as a rule.
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
            return Err(Problem::bad("Host", "a request has exactly one Host header"));
        };
        let host = host.to_str().map_err(|_| Problem::bad("Host", "the Host header is no host"))?;
        let in_uri = uri.authority().map(|authority| authority.as_str());
        for host in [Some(host), in_uri].into_iter().flatten() {
            let name = host_of(host).ok_or_else(|| Problem::bad("Host", "the Host header is no host"))?;
            // A name that an attacker's DNS points here is one that nobody listed; a number is never one.
            if !is_number(&name) && name != "localhost" && !self.hosts.contains(&name) {
                let allowed = self.hosts.iter().cloned().chain(["localhost".to_owned(), "an IP address".to_owned()]);
                let detail = "the admin route does not answer for this host name".to_owned();
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
        // The length of a token is no secret; its characters are compared in constant time.
        if bool::from(given.ct_eq(token.as_bytes())) {
            return Ok(());
        }
        let detail = "the admin route asks for `Authorization: Bearer <token>`";
        Err(Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "The token is missing or wrong", detail)
            .field("Authorization"))
    }
}

/// Refuses what another origin's page has a browser send. Needs no listener of its own.
pub(crate) fn check_origin(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers.get(header::HOST).map(|host| host.as_bytes()).unwrap_or_default();
    let host = if host.is_empty() { uri.authority().map_or(&[][..], |host| host.as_str().as_bytes()) } else { host };
    for origin in headers.get_all(header::ORIGIN) {
        let origin = origin.as_bytes();
        let rest = [&b"http://"[..], b"https://"].iter().find_map(|scheme| origin.strip_prefix(*scheme));
        if rest.is_none_or(|rest| rest.is_empty() || !rest.eq_ignore_ascii_case(host)) {
            return Err(Problem::forbidden("Origin", "a page of another origin may not ask"));
        }
    }
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    if !method.is_safe() && site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return Err(Problem::forbidden("Sec-Fetch-Site", "a page of another site may not ask"));
    }
    Ok(())
}

/// The name in `name:port`, in lower case.
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
        /// F104: what gets through is an address, `localhost`, or a name that was listed.
        #[test]
        fn f104_any_host_is_known_or_refused(host in "[-a-z0-9.:@\\[\\]]{0,20}|(localhost|127\\.0\\.0\\.1|\\[::1\\])[.:a-z0-9]{0,6}") {
            if guard(&Admin::new("127.0.0.1:1337").host("mine.example")).check(&request(&[("host", &host)])).is_ok() {
                let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(&*host, |(name, _)| name);
                let number = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>().is_ok();
                prop_assert!(number || name == "localhost" || name == "mine.example", "{}", host);
            }
        }

        #[test]
        fn f104_any_origin_is_answered(origin in ".{0,30}", site in "[a-z-]{0,12}") {
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

    fn guard(admin: &Admin) -> Guard {
        Guard::new(admin, &admin.checked().unwrap())
    }

    #[test]
    fn f103_only_this_host() {
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
    fn f103_only_this_origin() {
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
    fn f103_only_with_the_token() {
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
