//! Expansions, formatted: each `snapshots/*.in.rs` must expand to its `snapshots/*.out.rs`.
//!
//! `RXD_SNAPSHOTS=overwrite cargo test -p rxd-macros snapshots` overwrites them.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use std::fs;
use std::path::Path;
use syn::{Attribute, Item, Meta};

#[test]
fn snapshot_of_each_input_is_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots");
    let mut inputs: Vec<_> = fs::read_dir(folder)
        .expect("the folder of the snapshots")
        .map(|file| file.expect("a readable folder").path())
        .filter(|path| path.to_string_lossy().ends_with(".in.rs"))
        .collect();
    inputs.sort();
    assert!((1..=12).contains(&inputs.len()), "a handful that is read is worth more than many that are not");
    for input in inputs {
        let text = fs::read_to_string(&input).expect("it was just listed");
        let file = syn::parse_file(&text).expect("it is Rust");
        let output: TokenStream = file.items.into_iter().map(expand).collect();
        let output = prettyplease::unparse(&syn::parse2(output).expect("what is generated is Rust"));
        let path = input.to_string_lossy().replace(".in.rs", ".out.rs");
        if std::env::var_os("RXD_SNAPSHOTS").is_some() {
            fs::write(&path, &output).expect("a writable folder");
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert!(output == expected, "{path} is out of date; this is generated now:\n{output}");
    }
}

fn expand(item: Item) -> TokenStream {
    match item {
        Item::Macro(item) => {
            let table = item.mac.tokens;
            crate::manager::expand(quote!((::rxd) #table))
        }
        Item::Struct(mut item) => with_first(&item.attrs.remove(0), item.to_token_stream()),
        Item::Fn(mut item) => with_first(&item.attrs.remove(0), item.to_token_stream()),
        Item::Enum(mut item) => with_first(&item.attrs.remove(0), item.to_token_stream()),
        other => other.to_token_stream(),
    }
}

/// Expands the first attribute with the rest of the item, as the compiler does.
fn with_first(attr: &Attribute, item: TokenStream) -> TokenStream {
    let args = match &attr.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    match attr.path().segments.last().map(|last| last.ident.to_string()).as_deref() {
        Some("service") => crate::service::expand(args, item),
        Some("daemon") => crate::daemon::expand(args, item),
        _ => quote!(#attr #item),
    }
}
