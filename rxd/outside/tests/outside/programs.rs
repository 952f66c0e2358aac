//! Every program of the README, the guide and the template, as a reader gets it.
//!
//! It is built with the features that its text names, and run in every [`Place`].

use crate::{document, program};
use outside::documents::{Block, blocks};
use outside::process::{LIMIT, Place, Program};
use outside::workspace::{self, Source};
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Mutex;
use std::thread;

/// The documents in which a user finds programs.
const DOCUMENTS: [&str; 19] = [
    "README.md",
    "rxd/src/docs/configuration.md",
    "rxd/src/docs/first_daemon.md",
    "rxd/src/docs/from_crates.md",
    "rxd/src/docs/from_go.md",
    "rxd/src/docs/inside.md",
    "rxd/src/docs/lifecycle.md",
    "rxd/src/docs/operating.md",
    "rxd/src/docs/processes.md",
    "rxd/src/docs/readiness.md",
    "rxd/src/docs/recurring.md",
    "rxd/src/docs/servers.md",
    "rxd/src/docs/shutdown.md",
    "rxd/src/docs/testing.md",
    "rxd/src/docs/topics.md",
    "rxd/src/docs/watching.md",
    "rxd/src/lib.rs",
    "rxd/src/log/mod.rs",
    "rxd/src/systemd/README.md",
];

/// How a program ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// A daemon: at SIGTERM or SIGINT, with status 0.
    BySignal,
    /// A job: by itself, with status 0.
    ByItself,
}
use Ends::{ByItself, BySignal};

/// A program: its place, the package of `user/` with the features that its text names, and how it
/// ends.
struct Entry(&'static str, &'static str, Ends);

/// All programs. A test fails if one is missing here, or is only here.
const PROGRAMS: [Entry; 29] = [
    Entry("readme/rxd", "plain", BySignal),
    Entry("readme/rxd-2", "plain", BySignal),
    Entry("lib", "plain", BySignal),
    Entry("first_daemon/one-service", "plain", BySignal),
    Entry("first_daemon/a-server", "web", BySignal),
    Entry("first_daemon/a-test", "plain", ByItself),
    Entry("first_daemon/a-unit", "plain", BySignal),
    Entry("lifecycle/one-type-twice-and-services-that-may-be-absent-2", "plain", ByItself),
    Entry("configuration/test-it", "testing", ByItself),
    Entry("lifecycle/services-that-come-and-go", "testing", ByItself),
    Entry("operating/groups", "plain", ByItself),
    Entry("lifecycle/families-of-services", "testing", ByItself),
    Entry("operating/logs", "plain", ByItself),
    Entry("operating/the-admin-route", "admin", BySignal),
    Entry("operating/containers", "admin", BySignal),
    Entry("servers/an-http-server-that-drains", "web", BySignal),
    Entry("servers/a-tcp-loop-that-drains", "plain", BySignal),
    Entry("shutdown/what-starts-a-shutdown", "plain", ByItself),
    Entry("shutdown/what-starts-a-shutdown-2", "plain", ByItself),
    Entry("shutdown/the-order", "testing", ByItself),
    Entry("shutdown/when-the-process-ends", "plain", BySignal),
    Entry("shutdown/the-report-and-the-exit-status", "plain", BySignal),
    Entry("testing/a-single-method", "testing", ByItself),
    Entry("testing/the-daemon-in-paused-time", "testing", ByItself),
    Entry("testing/the-daemon-with-fakes-in-it", "testing", ByItself),
    Entry("topics/share-work-in-a-pool", "plain", ByItself),
    Entry("log", "plain", ByItself),
    Entry("systemd/sockets-that-systemd-opens-and-keeps", "plain", BySignal),
    // This one is a directory and not a block: see `workspace`.
    Entry("my-agent", "my-agent", BySignal),
];

/// The variables that programs read from the environment.
const ENV: [(&str, &str); 1] = [("ADMIN_TOKEN", "a-token-of-16-characters-and-more")];

/// A program with this line is also run without it.
const LOG: &str = "let _log = rxd::log::init()?;";

fn all_blocks() -> Vec<Block> {
    let blocks = DOCUMENTS.iter().flat_map(|path| blocks(&document(path)));
    blocks.filter(|block| block.has_main() && !block.is("compile_fail")).collect()
}

/// The file name of a program.
fn file(place: &str) -> String {
    place.replace('/', "-")
}

/// The programs of the documents, and each that sets up a log once more without it.
pub(crate) fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    for block in all_blocks() {
        let Some(Entry(place, package, _)) = PROGRAMS.iter().find(|entry| entry.0 == block.place) else { continue };
        let mut add = |name: String, text: String| {
            sources.push(Source { package: (*package).to_owned(), path: format!("src/bin/{name}.rs"), text });
        };
        if block.code.contains(LOG) {
            add(format!("{}-silent", file(place)), block.code.replace(LOG, ""));
        }
        add(file(place), block.code);
    }
    sources
}

/// The names of all programs that end this way, and of their versions without a log.
fn each(ends: Ends) -> Vec<String> {
    let mut names = Vec::new();
    for Entry(place, ..) in PROGRAMS.iter().filter(|entry| entry.2 == ends) {
        names.push(file(place));
        names.extend(sources().iter().find_map(|source| {
            let silent = format!("{}-silent", file(place));
            source.path.ends_with(&format!("/{silent}.rs")).then_some(silent)
        }));
    }
    names
}

/// Calls `what` for each item, four at a time, because the programs mostly wait.
fn in_parallel(work: Vec<String>, what: impl Fn(&str) + Sync) {
    let work = Mutex::new(work);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(next) = work.lock().expect("no thread panics while it holds the lock").pop() else {
                        return;
                    };
                    what(&next);
                }
            });
        }
    });
}

/// Runs a program that needs a port of a document, while no other such program runs.
pub(crate) fn with_ports<T>(run: impl FnOnce() -> T) -> T {
    static PORTS: Mutex<()> = Mutex::new(());
    let _ports = PORTS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    run()
}

fn names_a_port(name: &str) -> bool {
    let sources = sources();
    let source = sources.iter().find(|source| source.path.ends_with(&format!("/{name}.rs")));
    source.is_none_or(|source| source.text.contains("127.0.0.1:") || source.text.contains("0.0.0.0:"))
}

/// Starts a program of the documents with its environment, and an upstream for the template.
fn start(name: &str, place: Place, upstream: &str) -> Program {
    Program::start(&program(name), place, &[ENV[0], ("MY_AGENT_UPSTREAM", upstream)])
}

#[test]
fn g61_programs_of_the_documents_are_all_in_the_table() {
    let written: BTreeSet<_> = all_blocks().into_iter().map(|block| block.place).chain(["my-agent".into()]).collect();
    let known: BTreeSet<_> = PROGRAMS.iter().map(|entry| entry.0.to_owned()).collect();
    let new: Vec<_> = written.difference(&known).collect();
    let gone: Vec<_> = known.difference(&written).collect();
    assert!(new.is_empty(), "programs of the documents that PROGRAMS does not have: {new:?}");
    assert!(gone.is_empty(), "programs that PROGRAMS has and the documents do not: {gone:?}");
    assert_eq!((written.len(), all_blocks().len() + 1), (PROGRAMS.len(), PROGRAMS.len()), "one place has two programs");
    let guide = std::fs::read_dir(document("rxd/src/docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let missing: Vec<_> = guide
        .map(|name| format!("rxd/src/docs/{}", name.to_string_lossy()))
        .filter(|path| path.ends_with(".md") && !DOCUMENTS.contains(&&**path))
        .collect();
    assert!(missing.is_empty(), "chapters that DOCUMENTS does not have: {missing:?}");
}

#[test]
fn g61_programs_of_the_documents_are_never_ignored() {
    let blocks = DOCUMENTS.iter().flat_map(|path| blocks(&document(path)));
    let ignored: Vec<_> = blocks.filter(|block| block.is("ignore")).map(|block| block.place).collect();
    assert!(ignored.is_empty(), "these are never compiled: {ignored:?}");
}

#[test]
fn g61_suite_with_default_features_builds_without_ansi() {
    let _ = program("");
    for package in ["plain", "web", "mains", "health"] {
        let features = workspace::features(package, "tracing-subscriber");
        assert!(
            features.contains("fmt") && !features.contains("ansi"),
            "{package} would hide a missing `ansi`: {features}"
        );
    }
}

#[test]
fn g61_daemons_of_the_documents_everywhere_start_and_end_by_a_signal_with_status_0() {
    let upstream = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let upstream = upstream.local_addr().expect("it is bound").to_string();
    let run = |name: &str| {
        for (place, signal) in Place::ALL.into_iter().flat_map(|place| [(place, "TERM"), (place, "INT")]) {
            let mut program = start(name, place, &upstream);
            assert!(program.handles_signals(), "{name} ({place:?}) ended by itself: {}", program.output());
            if place == Place::Manager {
                program.until_notified("READY=1");
            }
            program.signal(signal);
            let status = program.ended_within(LIMIT);
            let output = program.output();
            assert_eq!(status, 0, "{name} ({place:?}), SIG{signal}: {output}");
            assert!(!output.contains("panicked"), "{name} ({place:?}): {output}");
            assert!(
                place != Place::PlainTerminal || !output.contains('\x1b'),
                "{name}: colours in spite of NO_COLOR: {output}"
            );
        }
    };
    in_parallel(each(BySignal), |name| match names_a_port(name) {
        true => with_ports(|| run(name)),
        false => run(name),
    });
}

#[test]
fn g61_jobs_of_the_documents_everywhere_end_by_themselves_with_status_0() {
    in_parallel(each(ByItself), |name| {
        // A program under a service manager runs for long.
        for place in Place::ALL.into_iter().filter(|place| *place != Place::Manager) {
            let mut program = start(name, place, "127.0.0.1:7000");
            let status = program.ended_within(LIMIT);
            assert_eq!(status, 0, "{name} ({place:?}): {}", program.output());
        }
    });
}

/// The programs that are about what only Unix has.
const UNIX_ONLY: [&str; 1] = ["systemd/sockets-that-systemd-opens-and-keeps"];

/// Ctrl-C stops the daemons: a SIGINT to wine is one.
#[test]
#[ignore = "needs wine, and the target x86_64-pc-windows-gnu"]
fn g61_programs_of_the_documents_run_on_windows() {
    let upstream = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let upstream = upstream.local_addr().expect("it is bound").to_string();
    let _ = program("");
    let mut ran = 0;
    for Entry(place, package, ends) in PROGRAMS.iter().filter(|entry| !UNIX_ONLY.contains(&entry.0)) {
        let name = file(place);
        let built = workspace::build_for_windows(package, std::slice::from_ref(&name)).join(format!("{name}.exe"));
        with_ports(|| {
            let mut program = Program::start(&built, Place::Wine, &[ENV[0], ("MY_AGENT_UPSTREAM", &upstream)]);
            if *ends == BySignal {
                assert!(program.handles_signals(), "{name} ended by itself: {}", program.output());
                program.signal("INT");
            }
            let status = program.ended_within(3 * LIMIT);
            let output = program.output();
            assert_eq!(status, 0, "{name}: {output}");
        });
        ran += 1;
    }
    assert_eq!(ran, PROGRAMS.len() - UNIX_ONLY.len());
}

#[test]
fn g61_template_copied_by_its_readme_passes_its_own_tests() {
    let _ = program("");
    let (passed, output) = workspace::test("my-agent");
    assert!(passed, "{output}");
}
