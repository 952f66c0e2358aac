//! What the journal gets, seen from the other end of its socket.

use rxd::log::{Level, LevelHandle, builder};
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tracing_subscriber::prelude::*;

struct FakeJournal(UnixDatagram, PathBuf);

impl FakeJournal {
    fn new(name: &str) -> Self {
        crate::capture::keep_callsites();
        let path = std::env::temp_dir().join(format!("rxd-journal-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        FakeJournal(socket, path)
    }

    /// Receives one record, as its fields.
    fn receive(&self) -> Vec<(String, String)> {
        let mut bytes = vec![0; 1 << 20];
        let count = loop {
            match self.0.recv(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other.unwrap(),
            }
        };
        let mut left = &bytes[..count];
        let mut fields = Vec::new();
        while let Some(end) = left.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&left[..end], &left[end + 1..]);
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            left = match line.iter().position(|byte| *byte == b'=') {
                Some(at) => {
                    fields.push((text(&line[..at]), text(&line[at + 1..])));
                    rest
                }
                None => {
                    let size = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
                    fields.push((text(line), text(&rest[8..8 + size])));
                    assert_eq!(rest[8 + size], b'\n');
                    &rest[8 + size + 1..]
                }
            };
        }
        assert!(left.is_empty());
        fields
    }
}

impl Drop for FakeJournal {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.1);
    }
}

fn get<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = fields.iter().filter(|(other, _)| other == name).map(|(_, value)| &value[..]);
    let value = values.next();
    assert_eq!(values.next(), None, "{name} comes once");
    value
}

#[test]
fn journald_record_keeps_its_fields_and_has_its_priority() {
    let journal = FakeJournal::new("fields");
    let made = builder()
        .level_handle(LevelHandle::new(Level::Info))
        .level(Level::Trace)
        .console(false)
        .journald_at(&journal.1);
    let (layer, _log) = made.layer().unwrap();
    let _guard = tracing_subscriber::registry().with(layer).set_default();
    tracing::error!("e");
    tracing::warn!("w");
    tracing::info!("i");
    tracing::debug!("d");
    tracing::trace!("t");
    for (message, priority) in [("e", "3"), ("w", "4"), ("i", "6"), ("d", "7"), ("t", "7")] {
        let fields = journal.receive();
        assert_eq!((get(&fields, "MESSAGE"), get(&fields, "PRIORITY")), (Some(message), Some(priority)));
    }
    let service = tracing::error_span!(target: "rxd", "service", service = %"api");
    service.in_scope(|| {
        let task = tracing::error_span!(target: "rxd", "task", service = %"api", task = %"worker");
        let request = task.in_scope(|| tracing::info_span!("request", id = 7));
        task.in_scope(|| {
            request.in_scope(|| tracing::info!(user.name = "a\nMESSAGE=forged", ok = true, _hidden = 1, "two\nlines"));
        });
    });
    let fields = journal.receive();
    let expected = [
        ("SERVICE", "api"),
        ("TASK", "worker"),
        ("SPAN_NAME", "request"),
        ("F_ID", "7"),
        ("F_USER_NAME", "a\nMESSAGE=forged"),
        ("F_OK", "true"),
        ("MESSAGE", "two\nlines"),
        ("TARGET", "log::journald"),
    ];
    for (name, value) in expected {
        assert_eq!(get(&fields, name), Some(value), "{fields:?}");
    }
}

#[test]
fn journald_record_of_a_megabyte_is_cut_and_arrives() {
    let journal = FakeJournal::new("huge");
    let made = builder().level_handle(LevelHandle::new(Level::Info)).console(false).journald_at(&journal.1);
    let (layer, _log) = made.layer().unwrap();
    let _guard = tracing_subscriber::registry().with(layer).set_default();
    tracing::info!("{}", "ä".repeat(1 << 20));
    let message = journal.receive();
    let length = get(&message, "MESSAGE").unwrap().len();
    assert!(length > 90_000 && length < 100_000, "{length}");
}

#[test]
fn s_journald_record_in_large_spans_is_cut_and_arrives() {
    let journal = FakeJournal::new("spans");
    let made = builder().level_handle(LevelHandle::new(Level::Info)).console(false).journald_at(&journal.1);
    let (layer, log) = made.layer().unwrap();
    let _guard = tracing_subscriber::registry().with(layer).set_default();
    let large = "x".repeat(90_000);
    let mut spans = vec![tracing::info_span!("outermost", outermost = large)];
    for _ in 0..7 {
        spans.push(spans[spans.len() - 1].in_scope(|| tracing::info_span!("inner", field = large)));
    }
    spans[0].record("outermost", &large);
    spans[7].in_scope(|| tracing::info!("{large}"));
    let record = journal.receive();
    let size: usize = record.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(size < 100_000, "{size}");
    let length_of = |name: &str| record.iter().find(|(other, _)| other == name).map_or(0, |(_, value)| value.len());
    assert!(length_of("MESSAGE") > 25_000 && length_of("F_FIELD") > 10_000, "{}", length_of("MESSAGE"));
    assert!(log.flush(Duration::from_secs(60)));
}

#[test]
fn s_journald_record_that_is_refused_does_not_prevent_the_next() {
    let journal = FakeJournal::new("refused");
    let made = builder().level_handle(LevelHandle::new(Level::Info)).console(false).journald_at(&journal.1);
    let (layer, log) = made.layer().unwrap();
    let _guard = tracing_subscriber::registry().with(layer).set_default();
    let dropped = || {
        let all = rxd::log::dropped_records();
        all.iter().filter(|(name, _)| name == "journald").map(|(_, dropped)| dropped).max().copied()
    };
    tracing::info!("first");
    assert_eq!(get(&journal.receive(), "MESSAGE"), Some("first"));
    // While the journal is away its records are counted, and no others.
    let away = journal.1.with_extension("away");
    std::fs::rename(&journal.1, &away).unwrap();
    (0..3).for_each(|n| tracing::info!(n, "away"));
    assert!(log.flush(Duration::from_secs(60)));
    std::fs::rename(&away, &journal.1).unwrap();
    tracing::info!("last");
    assert!(dropped() >= Some(3));
    let note = journal.receive();
    assert_eq!(get(&note, "MESSAGE"), Some("3 log records dropped: the journal did not accept them"));
    assert_eq!(get(&journal.receive(), "MESSAGE"), Some("last"));
}

#[test]
fn s4_severity_of_a_record_is_its_priority() {
    let journal = FakeJournal::new("severity");
    let made = builder().level_handle(LevelHandle::new(Level::Info)).console(false).journald_at(&journal.1);
    let (layer, _log) = made.level(Level::Debug).layer().unwrap();
    let _guard = tracing_subscriber::registry().with(layer).set_default();
    for (number, severity) in
        ["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"].iter().enumerate()
    {
        tracing::error!(severity, "e");
        assert_eq!(get(&journal.receive(), "PRIORITY"), Some(&*number.to_string()), "{severity}");
    }
    tracing::info!(severity = %"NOTICE", "by Display");
    assert_eq!(get(&journal.receive(), "PRIORITY"), Some("5"));
    struct Unprintable;
    impl std::fmt::Debug for Unprintable {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            Err(std::fmt::Error)
        }
    }
    tracing::warn!(severity = ?Unprintable, "by a value that cannot be printed");
    assert_eq!(get(&journal.receive(), "PRIORITY"), Some("4"));
    struct Panics;
    impl std::fmt::Debug for Panics {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("in Debug")
        }
    }
    tracing::warn!(value = ?Panics, "a value that panics loses no record");
    let record = journal.receive();
    assert!(get(&record, "F_UNPRINTABLE").is_some_and(|text| text.contains("in Debug")), "{record:?}");
    tracing::info!(severity = "dire", "no priority is called so");
    assert_eq!(get(&journal.receive(), "PRIORITY"), Some("6"));
}

#[test]
fn journal_that_comes_up_later_is_used_from_then_on() {
    let path = std::env::temp_dir().join(format!("rxd-journal-late-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let made = builder().level_handle(LevelHandle::new(Level::Info)).console(false).journald_at(&path);
    let (layer, log) = made.layer().unwrap();
    let _guard = tracing_subscriber::registry().with(layer).set_default();
    let journal = FakeJournal::new("late");
    journal.0.set_nonblocking(true).unwrap();
    let mut bytes = [0; 4096];
    let end = Instant::now() + Duration::from_secs(60);
    while journal.0.recv(&mut bytes).is_err() {
        assert!(Instant::now() < end, "the journal gets nothing");
        tracing::info!("is it there?");
        assert!(log.flush(Duration::from_secs(60)));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(String::from_utf8_lossy(&bytes).contains("MESSAGE=is it there?"));
}

#[test]
fn g44_journald_that_hangs_delays_no_record() {
    // The test never receives: the socket's queue fills, and a send to it blocks.
    let journal = FakeJournal::new("hung");
    let made = builder().level_handle(LevelHandle::new(Level::Info)).console(false).journald_at(&journal.1);
    let (layer, log) = made.layer().unwrap();
    let guard = tracing_subscriber::registry().with(layer).set_default();
    let begun = Instant::now();
    for n in 0..30_000 {
        tracing::info!(n, "hello");
    }
    assert!(begun.elapsed() < Duration::from_secs(10));
    drop(guard);
    let dropped: u64 =
        rxd::log::dropped_records().iter().filter(|(name, _)| name == "journald").map(|(_, dropped)| dropped).sum();
    assert!(dropped > 10_000, "{dropped}");
    drop(log);
}
