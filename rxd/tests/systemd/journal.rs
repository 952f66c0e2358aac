//! A daemon's records as the journal has them, read by `journalctl -o json`.

use super::manager::Manager;
use serde_json::Value;

/// A record of each level, and its priority by syslog(3).
const RECORDS: [(&str, &str); 5] = [
    ("an error\nof two lines", "3"),
    ("a warning", "4"),
    ("an information", "6"),
    ("a debugging aid", "7"),
    ("a trace", "7"),
];

fn text<'a>(record: &'a Value, field: &str) -> &'a str {
    record[field].as_str().unwrap_or_default()
}

/// The journal's records of a daemon that logs one of each level; empty where there is no systemd.
fn records(name: &str, how: &str) -> Vec<Value> {
    let Some(manager) = Manager::get() else { return Vec::new() };
    let unit = manager.unit(name, "a logs", &format!("Environment=RXD_LOG={how}"));
    unit.start();
    unit.until_journal("a trace");
    unit.main_log("json").lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// The only record with this message.
fn only_record<'a>(records: &'a [Value], message: &str) -> &'a Value {
    let found: Vec<&Value> = records.iter().filter(|record| text(record, "MESSAGE").contains(message)).collect();
    assert_eq!(found.len(), 1, "{message:?}: {records:#?}");
    found[0]
}

#[test]
fn record_in_the_journal_has_its_fields_and_priority_once() {
    let records = records("journal", "journald");
    if records.is_empty() {
        return;
    }
    for (message, priority) in RECORDS {
        let record = only_record(&records, message);
        assert_eq!(text(record, "MESSAGE"), message, "the message and nothing else");
        assert_eq!(text(record, "PRIORITY"), priority, "{record:#}");
        assert_eq!((text(record, "SERVICE"), text(record, "SYSLOG_IDENTIFIER")), ("a", "subject"), "{record:#}");
        assert_eq!(text(record, "_TRANSPORT"), "journal", "{record:#}");
        assert!(text(record, "CODE_FILE").ends_with("subject.rs"), "{record:#}");
    }
    assert_eq!(text(only_record(&records, "an information"), "F_ANSWER"), "42");
}

/// systemd writes what a daemon prints to the journal: each line is a record, and its prefix the
/// priority.
#[test]
fn line_on_standard_error_has_its_priority_once() {
    let records = records("stderr", "stderr");
    if records.is_empty() {
        return;
    }
    for (message, priority) in RECORDS {
        let message = message.lines().next().unwrap();
        let record = only_record(&records, message);
        assert_eq!(text(record, "PRIORITY"), priority, "{record:#}");
        assert_eq!(text(record, "_TRANSPORT"), "stdout", "{record:#}");
        assert!(text(record, "MESSAGE").contains('a') && !text(record, "MESSAGE").starts_with('<'), "{record:#}");
    }
}
