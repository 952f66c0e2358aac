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
