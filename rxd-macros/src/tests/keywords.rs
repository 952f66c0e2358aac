//! Keywords are real items: what is generated names an item of `rxd`, or of the user's, by the very
//! token that was written. That is what makes an editor complete it, explain it and jump to it.

use proc_macro2::{LineColumn, TokenStream, TokenTree};

/// The idents of the output that are `written` in the input, there.
fn kept(output: TokenStream, written: &str, start: LineColumn) -> Vec<String> {
    let mut found = Vec::new();
    for token in output {
        match token {
            TokenTree::Group(group) => found.extend(kept(group.stream(), written, start)),
            TokenTree::Ident(ident) if ident.span().start() == start => {
                assert_eq!(ident.span().source_text().as_deref(), Some(written));
                found.push(ident.to_string());
            }
            _ => {}
        }
    }
    found
}

/// Expands `#[rxd::service(..)]`, and says what stands in the output for the word between `«` and `»`.
fn becomes(args: &str, item: &str) -> Vec<String> {
    let whole = format!("{args}\n{item}");
    let word = whole.split(['«', '»']).nth(1).expect("a word is marked");
    let bare = |text: &str| text.replace(['«', '»'], "");
    let (in_args, at) = match args.find('«') {
        Some(at) => (true, at),
        None => (false, item.find('«').expect("a word is marked")),
    };
    proc_macro2::extra::invalidate_current_thread_spans();
    let (args, item): (TokenStream, TokenStream) =
        (bare(args).parse().expect("tokens"), bare(item).parse().expect("tokens"));
    // Both texts begin at column 0 of a line of their own; the other one's tokens are not looked at.
    let output = crate::service::expand(args.clone(), item.clone());
    let text = if in_args { args } else { item };
    let start = find(text, word, at).expect("the word is a token");
    kept(output, word, start)
}

fn find(tokens: TokenStream, word: &str, at: usize) -> Option<LineColumn> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Group(group) => find(group.stream(), word, at),
        TokenTree::Ident(ident) => {
            let start = ident.span().start();
            (ident == word && start.column == at).then_some(start)
        }
        _ => None,
    })
}

#[test]
fn a_word_becomes_the_item_it_stands_for() {
    let watch = |words: &str| format!("#[watch({words})] struct Poller;");
    for (args, item, becomes_this) in [
        ("manager(«until_success»)", "struct Job;".to_owned(), "until_success"),
        ("manager(my::«FailFast»)", "struct Job;".to_owned(), "FailFast"),
        ("on_failure(«shutdown»)", "struct Job;".to_owned(), "Shutdown"),
        ("timeouts(«Init» = \"5s\")", "struct Job;".to_owned(), "Init"),
        ("delay = «LIMIT»", "struct Job;".to_owned(), "LIMIT"),
        ("", watch("«any», entering, Run, \"health\""), "Any"),
        ("", watch("any, «entering», Run, \"health\""), "Entering"),
        ("", watch("any, entering, «Run», \"health\""), "Run"),
        ("", watch("any, entering, rxd::State::«Run», \"health\""), "Run"),
        ("", watch("any, exited, Run, \"health\", then(«stop»)"), "Stop"),
        ("", watch("any, entering, Run, «Health»"), "Health"),
        ("", watch("any, exited, Run, \"health\", stream(«news»)"), "news"),
    ] {
        // The calls that check a watch, or a target, stand at its first word, too.
        let found = becomes(args, &item);
        assert!(found.iter().any(|ident| ident == becomes_this), "{args} {item}: {found:?}");
    }
}

/// Half a word: it is generated all the same, where an editor looks for what could complete it.
#[test]
fn what_is_still_being_typed_is_there_for_the_editor() {
    for (args, item, word) in [
        ("manager(«unti»)", "struct Job;", "unti"),
        ("", "#[watch(any, entering, «Ru», \"health\")] struct Poller;", "Ru"),
    ] {
        let found = becomes(args, item);
        assert!(found.iter().any(|ident| ident == word), "{args} {item}: {found:?}");
    }
}

/// Where `crate = ..` says that `rxd` is, everything generated says so; also what stands in for a broken item.
#[test]
fn a_renamed_rxd_goes_by_no_other_name() {
    fn names_rxd(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Group(group) => names_rxd(group.stream()),
            TokenTree::Ident(ident) => ident == "rxd",
            _ => false,
        })
    }
    let parse = |text: &str| text.parse::<TokenStream>().expect("tokens");
    let keys = "manager(until_success), delay = \"1s\", timeouts(Run = \"1s\"), backoff(max = \"9s\"), \
                restarts(max = 1, within = \"1s\"), on_failure(ignore), heartbeat = \"1s\", crate = ::renamed";
    let item =
        "#[watch(any, exited, Run, Other, then(stop), within = \"1s\")] #[watch(all, not_in, Run, \"a\", stream(a))]
                #[needs(\"a\")] #[after(\"b\")] #[watch(any, entering, Ru, \"c\", stream(c))] struct Poller<T>(T);";
    assert!(!names_rxd(crate::service::expand(parse(keys), parse(item))));
    let keys = "signals(interrupt), prestart(stage(retry = \"1s\")), on_stale(restart), shutdown_timeout = \"1s\", \
                history = 9, exit_code = 3, crate = \"renamed\"";
    for item in
        ["struct Edge { a: A, #[cfg(x)] b: Option<B> }", "struct Edge(A);", "struct Edge<T> { a: T }", "enum Edge {}"]
    {
        assert!(!names_rxd(crate::daemon::expand(parse(keys), parse(item))), "{item}");
    }
    let table = "(::renamed) FailFast { Init => { ok: Idle, failed: Exit }, Idle => { ok: Run, failed: Exit }, \
                 Run => { ok: Stop, failed: Exit }, Stop => { ok: Init, failed: Exit } }";
    assert!(!names_rxd(crate::manager::expand(parse(table))));
}
