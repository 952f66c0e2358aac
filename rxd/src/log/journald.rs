//! Sends records to systemd's journal in its native protocol.
//!
//! Each record is one datagram. The thread that logs only encodes it; the thread of a
//! [`LogSink`] sends it, since a send blocks while journald hangs.
//!
//! Fields: `MESSAGE`, `PRIORITY` (ERROR 3, WARN 4, INFO 6, DEBUG and TRACE 7, or that of the field
//! `severity`), `SYSLOG_IDENTIFIER`, `TARGET`, `CODE_FILE`, `CODE_LINE`, `DAEMON`, `SERVICE` and
//! `TASK` of the service, `SPAN_NAME` for each span of user code, and every other recorded field as
//! `F_NAME`.
//!
//! Where the journal's socket does not exist, a [`JournalProbe`] looks for it about once a second.
//! Until it is there, records go to the console.

use super::format::{is_added_by_log, priority};
use super::journal_probe::JournalProbe;
use super::writer::{LogSink, RecordOutput, send_wait};
use crate::platform::JournalSocket;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Where journald listens.
pub(crate) const JOURNAL_SOCKET: &str = "/run/systemd/journal/socket";

/// What a datagram holds on any system. A longer value is cut.
const MAX_DATAGRAM_BYTES: usize = 96 << 10;

/// How much of a datagram the fields of all spans may take, and those of one span. The rest is for
/// the record itself.
const MAX_SPANS_BYTES: usize = 64 << 10;
const MAX_SPAN_BYTES: usize = 16 << 10;

/// The output of a sink that sends each record as a datagram.
pub(crate) struct JournalOutput {
    socket: JournalSocket,
    path: PathBuf,
}

impl JournalOutput {
    /// # Errors
    ///
    /// If this system has no journal.
    pub(crate) fn new(path: PathBuf) -> io::Result<Self> {
        Ok(JournalOutput { socket: JournalSocket::new()?, path })
    }
}

impl RecordOutput for JournalOutput {
    /// A record that the journal refuses does not prevent the next one.
    fn write_records(&mut self, records: &[Vec<u8>]) -> usize {
        records.iter().filter(|record| self.socket.send(record, &self.path).is_err()).count()
    }

    fn loss_note(&self, dropped: u64) -> Vec<u8> {
        let mut record = b"PRIORITY=4\n".to_vec();
        put_field(&mut record, "MESSAGE", &format!("{dropped} log records dropped: the journal did not accept them"));
        record
    }
}

/// Appends one field as the protocol wants it: a value with a newline is preceded by its length.
fn put_field(to: &mut Vec<u8>, name: &str, value: &str) {
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

/// A layer that encodes each record and sends it to the journal's sink.
pub(crate) struct JournalLayer {
    pub(crate) sink: LogSink,
    pub(crate) identifier: Option<String>,
    pub(crate) block_timeout: Duration,
    pub(crate) probe: JournalProbe,
}

/// The extension of a span: its fields, already encoded.
struct EncodedFields(Vec<u8>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JournalLayer {
    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let Some(span) = cx.span(id) else { return };
        let mut visitor = JournalVisitor::new(attrs.metadata().target() == "rxd", MAX_SPAN_BYTES);
        if !visitor.of_rxd {
            put_field(&mut visitor.to, "SPAN_NAME", span.name());
        }
        visitor.collect(|visitor| attrs.record(visitor));
        span.extensions_mut().insert(EncodedFields(visitor.to));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        let Some(span) = cx.span(id) else { return };
        let mut visitor = JournalVisitor::new(span.metadata().target() == "rxd", MAX_SPAN_BYTES);
        visitor.collect(|visitor| values.record(visitor));
        if let Some(EncodedFields(fields)) = span.extensions_mut().get_mut() {
            if fields.len() + visitor.to.len() <= MAX_SPAN_BYTES {
                fields.append(&mut visitor.to);
            }
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        if !self.probe.is_up() {
            return;
        }
        // A record of the `log` crate has its own target, file and line.
        let normalized = event.normalized_metadata();
        let meta = normalized.as_ref().unwrap_or_else(|| event.metadata());
        let mut visitor = JournalVisitor::new(false, MAX_DATAGRAM_BYTES);
        put_field(&mut visitor.to, "PRIORITY", &priority(event).to_string());
        put_field(&mut visitor.to, "TARGET", meta.target());
        if let Some(identifier) = &self.identifier {
            put_field(&mut visitor.to, "SYSLOG_IDENTIFIER", identifier);
        }
        if let Some(file) = meta.file() {
            put_field(&mut visitor.to, "CODE_FILE", file);
        }
        if let Some(line) = meta.line() {
            put_field(&mut visitor.to, "CODE_LINE", &line.to_string());
        }
        // Only the innermost span of rxd: it has the service and the task, the outer ones repeat
        // the service.
        let mut named = false;
        for span in cx.event_scope(event).into_iter().flatten() {
            let of_rxd = span.metadata().target() == "rxd";
            if of_rxd && std::mem::replace(&mut named, true) {
                continue;
            }
            if let Some(EncodedFields(fields)) = span.extensions().get() {
                // Innermost first: what does not fit is the context that is farthest away.
                if visitor.to.len() + fields.len() <= MAX_SPANS_BYTES {
                    visitor.to.extend(fields);
                }
            }
        }
        visitor.collect(|visitor| event.record(visitor));
        self.sink.send(visitor.to, send_wait(meta, self.block_timeout));
    }
}

/// Encodes fields as they are recorded.
struct JournalVisitor {
    to: Vec<u8>,
    /// Whether the fields are those of a span of rxd. They keep their names: `SERVICE`, `TASK`.
    of_rxd: bool,
    /// How long `to` may become.
    max_bytes: usize,
    /// Reused for every value that is formatted.
    text: String,
}

impl JournalVisitor {
    fn new(of_rxd: bool, max_bytes: usize) -> Self {
        JournalVisitor { to: Vec::with_capacity(256), of_rxd, max_bytes, text: String::new() }
    }

    /// Has fields recorded. A value that panics must neither end the service nor poison the span.
    fn collect(&mut self, record: impl FnOnce(&mut Self)) {
        if let Err(caught) = crate::panic::catch(|| record(self)) {
            put_field(&mut self.to, "F_UNPRINTABLE", &format!("printing a value panicked: {caught}"));
        }
    }

    fn put(&mut self, field: &Field, value: &str) {
        if is_added_by_log(field) {
            return;
        }
        let room = self.max_bytes.saturating_sub(self.to.len());
        let value = &value[..value.floor_char_boundary_at(room)];
        match field.name() {
            "message" => put_field(&mut self.to, "MESSAGE", value),
            name => put_field(&mut self.to, &journal_name(name, self.of_rxd), value),
        }
    }
}

/// A field name as the journal accepts it: upper case, digits and `_`, at most 64 characters. The
/// prefix keeps a user's field from taking the place of one of the journal's, such as `PRIORITY`.
fn journal_name(name: &str, of_rxd: bool) -> String {
    let mut upper = String::from(if of_rxd { "" } else { "F_" });
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

/// `str::floor_char_boundary`, which the oldest supported compiler does not have.
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
