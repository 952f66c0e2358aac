//! What the journal makes of a daemon's records, by `journalctl -o json`.

use super::manager::Manager;
use serde_json::Value;

/// Every level, and how syslog(3) counts it.
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

/// The records of a daemon that logs one of each level, once all are there.
fn records(name: &str, how: &str) -> Vec<Value> {
    let Some(manager) = Manager::get() else { return Vec::new() };
    let unit = manager.unit(name, "a logs", &format!("Environment=RXD_LOG={how}"));
    unit.start();
    unit.until_journal("a trace");
    unit.main_log("json").lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// The only record with this message.
fn only<'a>(records: &'a [Value], message: &str) -> &'a Value {
    let found: Vec<&Value> = records.iter().filter(|record| text(record, "MESSAGE").contains(message)).collect();
    assert_eq!(found.len(), 1, "{message:?}: {records:#?}");
    found[0]
}

#[test]
fn a_record_has_its_fields_and_its_priority_and_comes_once() {
    let records = records("journal", "journald");
    if records.is_empty() {
        return;
    }
    for (message, priority) in RECORDS {
        let record = only(&records, message);
        assert_eq!(text(record, "MESSAGE"), message, "nothing before it and nothing after");
        assert_eq!(text(record, "PRIORITY"), priority, "{record:#}");
        assert_eq!((text(record, "SERVICE"), text(record, "SYSLOG_IDENTIFIER")), ("a", "subject"), "{record:#}");
        assert_eq!(text(record, "_TRANSPORT"), "journal", "{record:#}");
        assert!(text(record, "CODE_FILE").ends_with("subject.rs"), "{record:#}");
    }
    assert_eq!(text(only(&records, "an information"), "F_ANSWER"), "42");
}

/// What a daemon prints goes to the journal too: each line is one record, of the priority that it begins with.
#[test]
fn a_line_on_standard_error_has_its_priority_and_comes_once() {
    let records = records("stderr", "stderr");
    if records.is_empty() {
        return;
    }
    for (message, priority) in RECORDS {
        let message = message.lines().next().unwrap();
        let record = only(&records, message);
        assert_eq!(text(record, "PRIORITY"), priority, "{record:#}");
        assert_eq!(text(record, "_TRANSPORT"), "stdout", "{record:#}");
        assert!(text(record, "MESSAGE").contains('a') && !text(record, "MESSAGE").starts_with('<'), "{record:#}");
    }
}
