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
