//! The layers of `rxd/src`: no room imports a room above it, and the files of a room import each
//! other without a cycle.
//!
//! A room is a folder, or a file at the root. The order of the rooms is written down once, in the
//! table of rooms in ARCHITECTURE.md, from the ground up. Code for tests may import anything. A
//! room's `mod.rs` and the files below it are one: the test looks at the imports between those
//! files. What depends on the operating system is in the room `platform`.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Imports that go against the order, with the reason for each.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// The modules of the library, each with its file: `board::wake`.
type Modules = BTreeMap<String, PathBuf>;

#[test]
fn no_room_imports_a_room_above_it() {
    let order = order_of_rooms();
    let height = |room: &str| order.iter().position(|known| known == room);
    let mut faults = BTreeSet::new();
    for (from, to) in imports() {
        let (lower, higher) = (room_of(&from), room_of(&to));
        let Some(own) = height(lower) else {
            faults.insert(format!("`{lower}` is not in the table of rooms in ARCHITECTURE.md"));
            continue;
        };
        if height(higher).is_some_and(|other| other > own) && !EXCEPTIONS.contains(&(&*from, &*to)) {
            faults.insert(format!("`{from}` imports `{to}`, which is in a room above it"));
        }
    }
    assert!(faults.is_empty(), "{}", Vec::from_iter(faults).join("\n"));
}

#[test]
fn files_of_a_room_import_each_other_without_a_cycle() {
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, to) in imports() {
        // A file and the folder it is in are one: `mod.rs` declares what its files share.
        let is_within = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with("::"));
        if room_of(&from) == room_of(&to) && !is_within(&from, &to) && !is_within(&to, &from) {
            edges.entry(from).or_default().insert(to);
        }
    }
    // Take away the files that import no other that is left: what stays is in a cycle, or leads to
    // one.
    loop {
        let left: BTreeSet<String> = edges.keys().cloned().collect();
        edges.values_mut().for_each(|to| to.retain(|file| left.contains(file)));
        let before = edges.len();
        edges.retain(|_, to| !to.is_empty());
        if edges.len() == before {
            break;
        }
    }
    assert!(edges.is_empty(), "these files import each other: {edges:#?}");
}

/// The room for it is `platform`; `systemd` is a feature that exists on Unix only.
#[test]
fn operating_system_is_used_in_one_room() {
    let mut files = modules();
    files.retain(|module, _| !["platform", "systemd"].contains(&room_of(module)));
    files.insert("lib".to_owned(), root().join("lib.rs"));
    let mut faults = Vec::new();
    for (module, path) in &files {
        let mut found = BTreeSet::new();
        for item in parse(path).items {
            of_the_system(item.to_token_stream(), &mut found);
        }
        faults.extend(found.iter().map(|what| format!("`{module}` uses `{what}`, which belongs in `platform`")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Adds the paths in these tokens that exist on some systems only, conditions on the system, and
/// paths of files that only Unix has.
fn of_the_system(tokens: TokenStream, found: &mut BTreeSet<String>) {
    const CRATES: [&str; 7] = ["libc", "nix", "rustix", "sd_listen_fds", "sd_notify", "sendfd", "signal_hook"];
    const SYSTEMS: [&str; 5] = ["unix", "windows", "target_os", "target_family", "target_vendor"];
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            // A comment of documentation is an attribute `doc = ".."`.
            TokenTree::Ident(word) if word == "doc" => at += 2,
            TokenTree::Ident(word) if word == "cfg" || word == "cfg_attr" => {
                let group = tokens[at..].iter().take(3).find(|token| matches!(token, TokenTree::Group(_)));
                let condition = group.map(ToString::to_string).unwrap_or_default();
                let words = condition.split(|char: char| !char.is_alphanumeric() && char != '_');
                found.extend(words.filter(|word| SYSTEMS.contains(word)).map(|word| format!("cfg({word})")));
            }
            TokenTree::Ident(_) if is_path(&tokens[at..]) => {
                let end = (at..tokens.len()).find(|&end| ends_path(&tokens[end])).unwrap_or(tokens.len());
                found.extend(paths_of_tree(&tokens[at..end].iter().cloned().collect()).into_iter().filter_map(
                    |path| {
                        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
                        let is_of_one = match parts[..] {
                            ["std", "os", ..] | ["tokio", "signal", ..] => true,
                            ["tokio", "net", item, ..] => {
                                item.starts_with("Unix") || item == "unix" || item == "windows"
                            }
                            [first, ..] => CRATES.contains(&first),
                            [] => false,
                        };
                        is_of_one.then(|| path.join("::"))
                    },
                ));
                at = end;
                continue;
            }
            TokenTree::Literal(text) => {
                let text = text.to_string();
                found.extend((text.starts_with("\"/proc/") || text.starts_with("\"/dev/")).then_some(text));
            }
            TokenTree::Group(group) => of_the_system(group.stream(), found),
            _ => {}
        }
        at += 1;
    }
}

#[test]
fn every_room_of_the_table_exists() {
    let modules = modules();
    for room in order_of_rooms() {
        let exists = room == "lib" || modules.keys().any(|module| room_of(module) == room);
        assert!(exists, "`{room}` is in the table of rooms in ARCHITECTURE.md, and not in rxd/src");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn room_of(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// The first column of the table, from the ground up.
fn order_of_rooms() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("../../ARCHITECTURE.md")).unwrap();
    let table = text.lines().skip_while(|line| !line.starts_with("| room |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|')).map(|line| line.split('|').nth(1).unwrap_or_default());
    rows.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn modules() -> Modules {
    fn visit(folder: &Path, prefix: &str, found: &mut Modules) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let module = if prefix.is_empty() { name.clone() } else { format!("{prefix}::{name}") };
            match path.extension().and_then(|extension| extension.to_str()) {
                None if name == "docs" || name == "tests" => {}
                None => visit(&path, &module, found),
                Some("rs") if name == "tests" || name == "loom" || name == "lib" => {}
                Some("rs") if name == "mod" => drop(found.insert(prefix.to_owned(), path)),
                Some("rs") => drop(found.insert(module, path)),
                Some(_) => {}
            }
        }
    }
    let mut found = Modules::new();
    visit(&root(), "", &mut found);
    found
}

/// Each import between two modules.
fn imports() -> BTreeSet<(String, String)> {
    let modules = modules();
    // What `lib.rs` and each `mod.rs` re-export, and from which module.
    let mut exports: BTreeMap<String, String> = BTreeMap::new();
    for (module, path) in modules.iter().chain([(&String::new(), &root().join("lib.rs"))]) {
        for item in &parse(path).items {
            let syn::Item::Use(item) = item else { continue };
            for path in paths_of_tree(&item.tree.to_token_stream()) {
                let inner = join(module, &path.join("::"));
                let target = if path[0] == "crate" { path[1..].join("::") } else { inner };
                if let (Some(name), Some(of)) = (path.last(), module_of_path(&modules, &target)) {
                    exports.insert(join(module, name), of);
                }
            }
        }
    }
    let resolve = |path: &str| exports.get(path).cloned().or_else(|| module_of_path(&modules, path));
    let mut found = BTreeSet::new();
    for (module, file) in &modules {
        let mut paths = Vec::new();
        for item in parse(file).items {
            paths_in(item.to_token_stream(), &mut paths);
        }
        for path in paths {
            let mut base: Vec<&str> = module.split("::").collect();
            let mut rest = path.iter().map(String::as_str).peekable();
            match rest.next() {
                Some("crate") => base.clear(),
                Some("self") => {}
                _ => drop(base.pop()),
            }
            while rest.next_if_eq(&"super").is_some() {
                base.pop();
            }
            base.extend(rest);
            // The first part that names a module or something that one re-exports.
            let target = (1..=base.len()).rev().find_map(|len| resolve(&base[..len].join("::")));
            if let Some(target) = target.filter(|target| target != module) {
                found.insert((module.clone(), target));
            }
        }
    }
    found
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// The module that this path leads into.
fn module_of_path(modules: &Modules, path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split("::").collect();
    (1..=parts.len()).rev().map(|len| parts[..len].join("::")).find(|module| modules.contains_key(module))
}

/// A file without the items that are for tests only.
fn parse(path: &Path) -> syn::File {
    let text = std::fs::read_to_string(path).unwrap();
    let mut file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.items.retain(|item| {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            _ => return true,
        };
        let is_test = |text: &str| text.contains("(test)") || text.contains("(test ,") || text.contains("all (test");
        !attributes.iter().any(|attribute| is_test(&attribute.to_token_stream().to_string()))
    });
    file
}

/// Adds every path in these tokens that begins with `crate`, `super` or `self`.
fn paths_in(tokens: TokenStream, found: &mut Vec<Vec<String>>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) => paths_in(group.stream(), found),
            TokenTree::Ident(word)
                if (word == "crate" || word == "super" || word == "self") && is_path(&tokens[at..]) =>
            {
                let end = (at..tokens.len()).find(|&end| ends_path(&tokens[end])).unwrap_or(tokens.len());
                found.extend(paths_of_tree(&tokens[at..end].iter().cloned().collect()));
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
}

fn is_path(tokens: &[TokenTree]) -> bool {
    matches!(tokens.get(1), Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
        && matches!(tokens.get(2), Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
}

fn ends_path(token: &TokenTree) -> bool {
    match token {
        TokenTree::Ident(_) => false,
        TokenTree::Punct(punct) => punct.as_char() != ':',
        TokenTree::Group(group) => group.delimiter() != Delimiter::Brace,
        TokenTree::Literal(_) => true,
    }
}

/// The paths of a tree such as `a::{b, c::d}`; without what follows an `as`.
fn paths_of_tree(tokens: &TokenStream) -> Vec<Vec<String>> {
    let mut paths = vec![Vec::new()];
    for token in tokens.clone() {
        match token {
            TokenTree::Ident(word) if word == "as" => break,
            TokenTree::Ident(word) => paths.iter_mut().for_each(|path: &mut Vec<String>| path.push(word.to_string())),
            TokenTree::Group(group) => {
                let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
                let parts = tokens.split(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ','));
                let ends: Vec<Vec<String>> =
                    parts.flat_map(|part| paths_of_tree(&part.iter().cloned().collect())).collect();
                let begins = std::mem::take(&mut paths);
                paths = begins.iter().flat_map(|begin| ends.iter().map(|end| [&begin[..], end].concat())).collect();
                break;
            }
            _ => {}
        }
    }
    paths.retain(|path| !path.is_empty());
    paths
}
