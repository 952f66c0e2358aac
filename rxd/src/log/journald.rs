//! Records for the journal, in its native protocol, through a queue.
//!
//! The journal's socket takes a datagram a record. A send blocks for as long as journald hangs, so
//! it is a sink's thread that sends; whoever logs only encodes and hands over.
//!
//! Fields: `MESSAGE`, `PRIORITY` (ERROR 3, WARN 4, INFO 6, DEBUG and TRACE 7), `SYSLOG_IDENTIFIER`,
//! `TARGET`, `CODE_FILE`, `CODE_LINE`, `SERVICE` and `TASK` of the service, `SPAN_NAME` for each span
//! of the user, and whatever else was recorded as `F_NAME`.

use super::format::priority;
use super::writer::{LogSink, RecordOutput};
use std::fmt::{self, Write as _};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Where journald listens.
pub(crate) const JOURNAL_SOCKET: &str = "/run/systemd/journal/socket";

/// What a datagram may hold on any system; what is longer is cut.
const MAX_DATAGRAM_BYTES: usize = 96 << 10;

/// Sends each record as a datagram.
pub(crate) struct JournalOutput {
    socket: Option<UnixDatagram>,
    path: PathBuf,
}

impl JournalOutput {
    pub(crate) fn new(path: PathBuf) -> Self {
        JournalOutput { socket: None, path }
    }

    fn send(&mut self, record: &[u8]) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => UnixDatagram::unbound()?,
        };
        // By path, not connected: journald may be restarted.
        let sent = socket.send_to(record, &self.path);
        self.socket = Some(socket);
        sent.map(drop)
    }
}

impl RecordOutput for JournalOutput {
    fn write_records(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        records.iter().try_for_each(|record| self.send(record))
    }

    fn loss_note(&self, lost: u64) -> Vec<u8> {
        let mut record = b"PRIORITY=4\n".to_vec();
        put(&mut record, "MESSAGE", &format!("{lost} records were lost: the journal did not take them"));
        record
    }
}

/// One field, as the protocol wants it: a value with a newline is preceded by its length.
fn put(to: &mut Vec<u8>, name: &str, value: &str) {
    to.extend(name.as_bytes());
    if value.contains('\n') {
        to.push(b'\n');
        to.extend((value.len() as u64).to_le_bytes());
    } else {
        to.push(b'=');
    }
    to.extend(value.as_bytes());
    to.push(b'\n');
}

/// A layer that sends to the journal.
pub(crate) struct JournalLayer {
    pub(crate) sink: LogSink,
    pub(crate) identifier: Option<String>,
}

/// A span's fields, encoded.
struct EncodedFields(Vec<u8>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JournalLayer {
    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let Some(span) = cx.span(id) else { return };
        let mut visitor = JournalVisitor::new(attrs.metadata().target() == "rxd");
        if !visitor.own {
            put(&mut visitor.to, "SPAN_NAME", span.name());
        }
        attrs.record(&mut visitor);
        span.extensions_mut().insert(EncodedFields(visitor.to));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        let Some(span) = cx.span(id) else { return };
        let mut visitor = JournalVisitor::new(span.metadata().target() == "rxd");
        values.record(&mut visitor);
        if let Some(EncodedFields(fields)) = span.extensions_mut().get_mut() {
            fields.append(&mut visitor.to);
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let meta = event.metadata();
        let mut visitor = JournalVisitor::new(false);
        put(&mut visitor.to, "PRIORITY", &priority(*meta.level()).to_string());
        put(&mut visitor.to, "TARGET", meta.target());
        if let Some(identifier) = &self.identifier {
            put(&mut visitor.to, "SYSLOG_IDENTIFIER", identifier);
        }
        if let Some(file) = meta.file() {
            put(&mut visitor.to, "CODE_FILE", file);
        }
        if let Some(line) = meta.line() {
            put(&mut visitor.to, "CODE_LINE", &line.to_string());
        }
        // The innermost span of rxd says which service and task: the others would say it twice.
        let mut named = false;
        for span in cx.event_scope(event).into_iter().flatten() {
            let own = span.metadata().target() == "rxd";
            if own && std::mem::replace(&mut named, true) {
                continue;
            }
            if let Some(EncodedFields(fields)) = span.extensions().get() {
                visitor.to.extend(fields);
            }
        }
        event.record(&mut visitor);
        self.sink.send(visitor.to);
    }
}

struct JournalVisitor {
    to: Vec<u8>,
    /// Whether the fields are those of a span of rxd, whose names are well known.
    own: bool,
    text: String,
}

impl JournalVisitor {
    fn new(own: bool) -> Self {
        JournalVisitor { to: Vec::with_capacity(256), own, text: String::new() }
    }

    fn put(&mut self, field: &Field, value: &str) {
        let room = MAX_DATAGRAM_BYTES.saturating_sub(self.to.len());
        let value = &value[..value.floor_char_boundary_at(room)];
        match field.name() {
            "message" => put(&mut self.to, "MESSAGE", value),
            name => put(&mut self.to, &journal_name(name, self.own), value),
        }
    }
}

/// A name as the journal takes it: upper case, digits and `_`, and none of the journal's own.
fn journal_name(name: &str, own: bool) -> String {
    let mut upper = String::from(if own { "" } else { "F_" });
    upper.extend(name.trim_start_matches('_').chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
        _ => '_',
    }));
    upper.truncate(64);
    upper
}

impl Visit for JournalVisitor {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        let _ = write!(text, "{value:?}");
        self.put(field, &text);
        self.text = text;
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }
}

/// `str::floor_char_boundary`, which is newer than the oldest compiler this is built with.
trait FloorCharBoundary {
    fn floor_char_boundary_at(&self, at: usize) -> usize;
}

impl FloorCharBoundary for str {
    fn floor_char_boundary_at(&self, at: usize) -> usize {
        let mut at = at.min(self.len());
        while !self.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}
