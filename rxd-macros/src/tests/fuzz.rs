//! Expands random attributes. A macro never panics; its output is always valid Rust with the user's
//! item in it; and every error has a span in the input.
//!
//! `RXD_FUZZ_RUNS=1000000 cargo test -p rxd-macros fuzz` sets the number of inputs,
//! `RXD_FUZZ_SEED=7` the seed.

use crate::watch::ast::WatchKeyword;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;

/// Tokens of random input: all that have a meaning in an attribute, and some that have none.
const WORDS: &[&str] = &[
    "any",
    "all",
    "entering",
    "exited",
    "changing",
    "not_in",
    "Init",
    "Idle",
    "Run",
    "Stop",
    "Exit",
    "Unknown",
    "Rum",
    "State::Run",
    "rxd::State::Run",
    "then",
    "within",
    "lasts",
    "grace",
    "stream",
    "name",
    "manager",
    "startup_delay",
    "delay",
    "delays",
    "timeouts",
    "backoff",
    "restarts",
    "on_failure",
    "readiness",
    "autostart",
    "group",
    "optional",
    "heartbeat",
    "config",
    "watch_config",
    "crate",
    "signals",
    "shutdown_timeout",
    "start_timeout",
    "drain",
    "prestart",
    "exit_code",
    "blocking_threshold",
    "watchdog_interval",
    "on_stale",
    "history",
    "admin",
    "retry",
    "attempts",
    "timeout",
    "stages::reach_db",
    "\"127.0.0.1:1\"",
    "base",
    "factor",
    "max",
    "jitter",
    "reset",
    "ok",
    "failed",
    "stop",
    "exit",
    "init",
    "run",
    "interrupt",
    "Health",
    "Self",
    "Pool<u8, u8>",
    "my::FailFast",
    "continuous",
    "until_success",
    "__watch",
    "__needs",
    "\"health\"",
    "\"5s\"",
    "\"\"",
    "\"a b\"",
    "\"1.5s\"",
    "\"until_success\"",
    "\"_rxd\"",
    "b\"x\"",
    "'c'",
    "5",
    "-5",
    "2.5",
    "0",
    "1e400",
    "99999999999999999999",
    "true",
    "=",
    "=",
    "=>",
    "==",
    ",",
    ",",
    ",",
    ";",
    ":",
    "::",
    "<",
    ">",
    "&",
    "@",
    "!",
    "#",
    "..",
    "'a",
    "fn",
    "struct",
    "dyn Send",
    "r#type",
    "_",
    "$",
    "[u8; 3]",
    "|x| x",
    "if",
    "größe",
];

/// Parts of random strings.
const PIECES: &[&str] = &[
    "9",
    "1",
    "0",
    "99999999999999999999",
    "999999999999999999999999999999999999999999",
    "s",
    "ms",
    "m",
    "d",
    "us",
    "µs",
    "-",
    ".",
    ",",
    " ",
    "/",
    ":",
    "::",
    "[::1]",
    "unix:",
    "localhost:",
    "0.0.0.0:",
    "a",
    "Pool",
    "_rxd",
    "größe",
    "until_success",
    "\0",
    "\n",
    "e\u{301}",
    "(",
];

/// Valid input, which is then damaged.
const VALID: &[&str] = &[
    "any, entering, Run, \"health\", \"api\", then(stop)",
    "all, exited, rxd::State::Run, Health, my::Other<u8>, within = \"30s\"",
    "any, changing, Stop, \"a\", stream(ident)",
    "\"db\", Cache, within = LIMIT",
    "\"db\", grace = \"2s\"",
    "any, exited, Run, \"db\", then(stop), lasts = \"3s\"",
    "name = \"poller\", manager = \"until_success\", startup_delay = \"100ms\"",
    "manager(my::FailFast), delays(Run = \"1s\", Stop = LIMIT), timeouts(Init = \"5s\")",
    "backoff(base = \"100ms\", factor = 2.0, max = \"30s\", jitter = 0.2, reset = \"60s\"), restarts(max = 5, within = \"1m\")",
    "config = my::Config, name = \"a\"",
    "config = settings::load, watch_config = \"/a\", exit_code = 3",
    "on_failure = \"exit\", heartbeat = \"2s\", crate = ::rxd, delay = Duration::from_secs(5)",
    "name = \"edge\", shutdown_timeout = \"30s\", signals(interrupt, terminate)",
    "prestart(check_disk, stages::reach_db(retry = \"1s\", attempts = 3, timeout = \"5s\")), exit_code = 3, history = 9",
    "blocking_threshold = \"1s\", watchdog_interval = LIMIT, on_stale(restart), admin = \"127.0.0.1:1337\"",
    "pub FailFast { Init => { ok: Idle, failed: Exit }, Idle => { ok: Run, failed: Exit }, Run => { ok: Stop, failed: Exit }, Stop => { ok: Init, failed: Exit } }",
];

/// Items for the attributes: `ATTR` is replaced by watches, `ARGS` by arguments.
const ITEMS: &[&str] = &[
    "ATTR struct Poller { client: u8 }",
    "#[derive(Debug)] ATTR pub(crate) enum Poller<T: Send> { One(T) }",
    "ATTR struct Poller<'a, const N: usize>(&'a [u8; N]) where u8: Copy;",
    "ATTR union Poller { a: u8 }",
    "ATTR fn poller() { body }",
    "ATTR impl Poller {}",
    "ATTR struct Edge { #[service(ARGS)] a: Health, #[cfg(unix)] b: Option<Pool<u8>> }",
    "#[service(ARGS)] ATTR struct Poller;",
];

/// A xorshift generator: the same seed gives the same run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn word(&mut self) -> String {
        if self.below(6) == 0 { self.string() } else { self.pick(WORDS).to_owned() }
    }

    /// A string of parts of durations, names, addresses and paths.
    fn string(&mut self) -> String {
        // The first 14 parts are those of durations, which most strings are.
        let from = if self.below(2) == 0 { PIECES } else { &PIECES[..14] };
        let pieces: String = (0..self.below(6)).map(|_| self.pick(from)).collect();
        format!("{pieces:?}")
    }

    /// Random arguments, as text.
    fn args(&mut self) -> String {
        if self.below(3) == 0 { self.noise(3) } else { self.damaged() }
    }

    fn noise(&mut self, depth: usize) -> String {
        let mut text = String::new();
        for _ in 0..self.below(9) {
            let (open, close) = [("(", ")"), ("{", "}"), ("[", "]")][self.below(3)];
            match self.below(6) {
                0 if depth > 0 => text.push_str(&format!("{open}{}{close}", self.noise(depth - 1))),
                _ => text.push_str(&self.word()),
            }
            text.push(' ');
        }
        text
    }

    fn damaged(&mut self) -> String {
        let tokens: TokenStream = self.pick(VALID).parse().expect("it is valid");
        self.damage(tokens)
    }

    fn damage(&mut self, tokens: TokenStream) -> String {
        let mut text = String::new();
        for token in tokens {
            let shown = match &token {
                TokenTree::Group(group) => {
                    let inner = self.damage(group.stream());
                    match group.delimiter() {
                        Delimiter::Brace => format!("{{{inner}}}"),
                        _ => format!("({inner})"),
                    }
                }
                other => other.to_string(),
            };
            // The two characters of `::` stay together.
            let joint = matches!(&token, TokenTree::Punct(punct) if punct.spacing() == proc_macro2::Spacing::Joint);
            match self.below(24) {
                0 => {}
                1 => text.push_str(&format!("{shown} {shown}")),
                2 => text.push_str(&self.word()),
                3 => text.push_str(&format!("{} {shown}", self.word())),
                4..8 if shown.starts_with('"') => text.push_str(&self.string()),
                _ => text.push_str(&shown),
            }
            if !joint {
                text.push(' ');
            }
        }
        text
    }

    fn item(&mut self) -> String {
        let attrs: String = (0..self.below(4))
            .map(|_| format!("#[{}({})] ", self.pick(&["watch", "needs", "rxd::after"]), self.args()))
            .collect();
        let args = self.args();
        self.pick(ITEMS).replace("ATTR", &attrs).replace("ARGS", &args)
    }
}

#[test]
fn random_attributes_never_panic_or_lose_the_item() {
    let number = |name, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let runs: u64 = number("RXD_FUZZ_RUNS", 2_000);
    let seed: u64 = number("RXD_FUZZ_SEED", 1);
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (mut faulty, mut fine) = (0, 0);
    for run in 0..runs {
        if run % 1_000 == 0 {
            proc_macro2::extra::invalidate_current_thread_spans();
        }
        let (args, item) = (random.args(), random.item());
        let (Ok(tokens), Ok(on)) = (args.parse::<TokenStream>(), item.parse::<TokenStream>()) else { continue };
        let input = format!("#[..({args})]\n{item}");
        let which = random.below(6);
        let output = match which {
            0 | 1 => crate::service::expand(tokens, on),
            2 => crate::daemon::expand(tokens, on),
            3 => crate::service::watch_before::expand(WatchKeyword::Watch, tokens, on),
            4 => crate::service::watch_before::expand(WatchKeyword::Needs, tokens, on),
            _ => crate::manager::expand([quote::quote!((::rxd)), tokens].into_iter().collect()),
        };
        let errors = errors(output.clone());
        for (message, text) in &errors {
            // The span is the attribute or the call itself, which is not in the text.
            let itself = matches!(which, 3 | 4) || (which == 5 && args.trim().is_empty());
            if itself && text.is_none() {
                continue;
            }
            let inside = text.as_ref().is_some_and(|text| !text.is_empty() && input.contains(text.as_str()));
            assert!(inside, "`{message}` points at {text:?}, which is not in\n{input}");
            assert!(!message.trim().is_empty(), "an error without words for\n{input}");
        }
        if errors.is_empty() {
            fine += 1
        } else {
            faulty += 1
        }
        // The input may be invalid Rust by itself.
        let whole = syn::parse_str::<syn::Item>(&item).is_ok();
        match syn::parse2::<syn::File>(output.clone()) {
            Ok(file) if which < 5 && whole => {
                assert!(survives(&item, &file), "the item is lost in\n{output}\nof\n{input}")
            }
            Ok(_) => {}
            Err(error) => assert!(!whole, "{error}: what comes out is not Rust:\n{output}\nof\n{input}"),
        }
    }
    assert!(
        runs < 1_000 || (faulty > runs / 4 && fine > 0),
        "{faulty} with errors, {fine} without: not much of a test"
    );
}

/// The messages in the output, each with the text at its span.
fn errors(output: TokenStream) -> Vec<(String, Option<String>)> {
    let tokens: Vec<TokenTree> = output.into_iter().collect();
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        match (token, tokens.get(i + 2)) {
            (TokenTree::Ident(word), Some(TokenTree::Group(message))) if word == "compile_error" => {
                found.push((message.stream().to_string(), word.span().source_text()));
            }
            (TokenTree::Group(group), _) => found.extend(errors(group.stream())),
            _ => {}
        }
    }
    found
}

/// Whether the first item of the output is the user's item, attributes aside.
fn survives(item: &str, output: &syn::File) -> bool {
    let bare = |item: &syn::Item| {
        let mut item = item.clone();
        match &mut item {
            syn::Item::Struct(item) => {
                item.attrs.clear();
                item.fields.iter_mut().for_each(|field| field.attrs.clear());
            }
            syn::Item::Enum(item) => item.attrs.clear(),
            syn::Item::Union(item) => item.attrs.clear(),
            syn::Item::Fn(item) => item.attrs.clear(),
            syn::Item::Impl(item) => item.attrs.clear(),
            _ => {}
        }
        item.to_token_stream().to_string()
    };
    let written = syn::parse_str::<syn::Item>(item).expect("it was parsed before");
    output.items.first().is_some_and(|first| bare(first) == bare(&written))
}
