//! Keywords are real items: generated code names an item of `rxd` or of the user by the very token
//! that was written. So an editor can complete it, explain it and jump to it.

use proc_macro2::{LineColumn, TokenStream, TokenTree};

/// The idents of the output that have the span of `written`, which begins at `start`.
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

/// Expands `#[rxd::service(..)]`, and returns the idents of the output that have the span of the
/// word between `«` and `»`.
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
    // Both texts begin in column 0, so only the tokens of the text with the mark are searched.
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
fn word_of_an_attribute_becomes_an_item_at_its_span() {
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
        // The calls that check a watch or a target have this span, too.
        let found = becomes(args, &item);
        assert!(found.iter().any(|ident| ident == becomes_this), "{args} {item}: {found:?}");
    }
}

/// Half a word is generated too: there, an editor looks for completions.
#[test]
fn half_a_word_is_generated_for_the_editor() {
    for (args, item, word) in [
        ("manager(«unti»)", "struct Job;", "unti"),
        ("", "#[watch(any, entering, «Ru», \"health\")] struct Poller;", "Ru"),
    ] {
        let found = becomes(args, item);
        assert!(found.iter().any(|ident| ident == word), "{args} {item}: {found:?}");
    }
}

/// The hints for an editor, as text: what stands in `show! { .. }`.
fn hints(args: &str, item: &str) -> String {
    let parse = |text: &str| text.parse::<TokenStream>().expect("tokens");
    let output: Vec<TokenTree> = crate::service::expand(parse(args), parse(item)).into_iter().collect();
    let show = output.iter().position(|token| matches!(token, TokenTree::Ident(word) if word == "show"));
    output[show.expect("there are hints") + 2].to_string()
}

/// An editor looks in the hints of the text as it is written for the place that a made-up word at
/// the cursor has in the hints of the completed text.
#[test]
fn hints_of_half_a_word_differ_from_the_completed_ones_only_in_the_word() {
    for (args, item) in [
        ("na¦, manager(until_success)", "struct Job;"),
        ("name = \"job\", ¦", "struct Job;"),
        ("manager(unti¦), delay = \"1s\"", "struct Job;"),
        ("manager(my::¦), delay = \"1s\"", "struct Job;"),
        ("delay = Duration::¦, name = \"job\"", "struct Job;"),
        ("delays(Ru¦ = \"1s\"), name = \"job\"", "struct Job;"),
        ("backoff(ba¦, max = \"1s\")", "struct Job;"),
        ("on_failure(¦), name = \"job\"", "struct Job;"),
        ("", "#[watch(an¦, entering, Run, \"health\")] struct Job;"),
        ("", "#[watch(any, ¦, Run, \"health\")] struct Job;"),
        ("", "#[watch(any, entering, State::¦, \"health\")] struct Job;"),
        ("", "#[watch(any, entering, Run, Pool<my::¦, u8>, then(stop))] struct Job;"),
        ("", "#[watch(any, exited, Run, \"health\", then(st¦))] struct Job;"),
        ("", "#[needs(He¦, \"db\")] struct Job;"),
    ] {
        let with = |word: &str| hints(&args.replace('¦', word), &item.replace('¦', word)).replace(' ', "");
        assert_eq!(with(""), with("made_up").replace("made_up", ""), "{args} {item}");
    }
}

/// With `crate = ..`, all generated code has that path, also the fallback of an item that is not
/// valid.
#[test]
fn renamed_rxd_is_never_called_rxd() {
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

/// Without the feature, generated code must not name what rxd has only with it.
#[cfg(not(feature = "cron"))]
#[test]
fn schedule_without_the_feature_is_one_error() {
    let parse = |text: &str| text.parse::<TokenStream>().expect("tokens");
    let text = crate::service::expand(parse("schedule = \"0 3 * * *\""), parse("struct Backup;")).to_string();
    assert!(text.contains("`schedule` needs the feature `cron` of rxd"), "{text}");
    assert!(!text.contains("Schedule ::"), "{text}");
}
