//! How a record is written: as one line, whatever it holds.
//!
//! ```text
//! 2026-11-22T10:58:56.123456Z  INFO api/worker request{id=7}: my_app::api: listening addr=[::1]:80
//! ```
//!
//! The service and its task come first (of a further daemon in the process, `service@daemon`), then the spans of user code, the target, the message and
//! the fields. Some characters could end the line, begin another, or reverse how it reads: control
//! characters, line separators, changes of direction. They are written as escapes wherever they
//! come from, so a value cannot forge a record.

use crate::escape::LineWriter;
use std::fmt::{self, Write};
use std::sync::OnceLock;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_log::NormalizeEvent;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats each record as one line.
///
/// To use it in a layer of your own, call `tracing_subscriber::fmt::layer().event_format(..)`, and
/// set [`EscapedFields`] by `fmt_fields`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LineFormat {
    /// Whether levels are coloured. Default: no.
    pub colours: bool,
    /// Whether a line begins with `<priority>` instead of the time. The journal reads it so from
    /// the standard error of a service: see `sd-daemon(3)`. Default: no.
    pub priorities: bool,
}

/// Formats the fields of records and spans, and escapes what could forge a record.
#[derive(Clone, Copy, Debug, Default)]
pub struct EscapedFields;

/// The field of a record that sets its syslog priority.
const SEVERITY: &str = "severity";

/// The syslog priority of a record, as the journal and `<n>` prefixes use it: that of its field
/// `severity`, if it has one that names a priority; otherwise that of its level.
pub(crate) fn priority(event: &Event<'_>) -> u8 {
    struct SeverityField(Option<u8>);
    impl Visit for SeverityField {
        fn record_str(&mut self, field: &Field, value: &str) {
            if field.name() == SEVERITY {
                self.0 = super::level::syslog_priority(value);
            }
        }
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if field.name() == SEVERITY {
                let mut text = String::new();
                let _ = write!(text, "{value:?}");
                self.0 = super::level::syslog_priority(&text);
            }
        }
    }
    let meta = event.metadata();
    if meta.fields().field(SEVERITY).is_some() {
        let mut severity = SeverityField(None);
        let _ = crate::panic::catch_silently(|| event.record(&mut severity));
        if let Some(priority) = severity.0 {
            return priority;
        }
    }
    match *meta.level() {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// Whether a field is one that `tracing-log` adds to the records of the `log` crate. They repeat
/// what the record's metadata says.
pub(crate) fn is_added_by_log(field: &Field) -> bool {
    field.name().starts_with("log.")
}

impl LineFormat {
    /// Sets whether levels are coloured.
    #[must_use]
    pub fn colours(mut self, colours: bool) -> Self {
        self.colours = colours;
        self
    }

    fn level(&self, to: &mut Writer<'_>, level: Level) -> fmt::Result {
        if !self.colours {
            return write!(to, "{level:>5} ");
        }
        let colour = match level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            Level::DEBUG => 34,
            Level::TRACE => 35,
        };
        write!(to, "\x1b[{colour}m{level:>5}\x1b[0m ")
    }
}

impl<S, N> FormatEvent<S, N> for LineFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, cx: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        // First into a text of its own: a value that panics while it is printed must leave nothing
        // of this record in the buffer that the thread's next record is written into.
        let mut line = String::with_capacity(256);
        self.write_record(cx, Writer::new(&mut line), event)?;
        to.write_str(&line)
    }
}

impl LineFormat {
    fn write_record<S, N>(&self, cx: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
        N: for<'a> FormatFields<'a> + 'static,
    {
        // A record of the `log` crate has its own target.
        let normalized = event.normalized_metadata();
        let meta = normalized.as_ref().unwrap_or_else(|| event.metadata());
        if self.priorities {
            write!(to, "<{}>", priority(event))?;
        } else {
            SystemTime.format_time(&mut to)?;
            to.write_char(' ')?;
            self.level(&mut to, *meta.level())?;
        }
        write_scope(cx, &mut to)?;
        write!(LineWriter(&mut to), "{}: ", meta.target())?;
        cx.format_fields(to.by_ref(), event)?;
        to.write_char('\n')
    }
}

/// Notes the name of a daemon that starts. The services of the first are written without it. Those
/// of another daemon of the process may have the same names: they are written as `service@daemon`.
pub(crate) fn daemon_starts(name: &str) {
    FIRST_DAEMON.get_or_init(|| name.into());
}

static FIRST_DAEMON: OnceLock<Box<str>> = OnceLock::new();

/// Writes the service and task of the record, and the spans of user code:
/// `api/worker request{id=7}: `.
fn write_scope<S, N>(cx: &FmtContext<'_, S, N>, to: &mut Writer<'_>) -> fmt::Result
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    let Some(scope) = cx.event_scope() else { return Ok(()) };
    let spans: Vec<_> = scope.from_root().collect();
    let of_rxd = |span: &&tracing_subscriber::registry::SpanRef<'_, S>| span.metadata().target() == "rxd";
    let mut any = false;
    // The innermost span of rxd names both the service and its task.
    if let Some(span) = spans.iter().rev().find(of_rxd) {
        let extensions = span.extensions();
        let fields = extensions.get::<FormattedFields<N>>().map_or("", |fields| &fields.fields);
        match fields.strip_prefix("service=") {
            Some(rest) => {
                let (service, rest) = rest.split_once(" daemon=").unwrap_or((rest, ""));
                let (daemon, task) = rest.split_once(" task=").unwrap_or((rest, ""));
                to.write_str(service)?;
                if !daemon.is_empty() && FIRST_DAEMON.get().is_some_and(|first| **first != *daemon) {
                    write!(to, "@{daemon}")?;
                }
                write!(to, "{}{task}", if task.is_empty() { "" } else { "/" })?;
                any = true;
            }
            // A daemon's own span adds nothing: its records name the daemon where it matters.
            None if span.name() == "daemon" => {}
            None => {
                write!(to, "{}{{{fields}}}", span.name())?;
                any = true;
            }
        }
    }
    for span in spans.iter().filter(|span| !of_rxd(span)) {
        let extensions = span.extensions();
        let fields = extensions.get::<FormattedFields<N>>().map_or("", |fields| &fields.fields);
        to.write_str(if any { " " } else { "" })?;
        to.write_str(span.name())?;
        if !fields.is_empty() {
            write!(to, "{{{fields}}}")?;
        }
        any = true;
    }
    to.write_str(if any { ": " } else { "" })
}

impl<'w> FormatFields<'w> for EscapedFields {
    fn format_fields<R: RecordFields>(&self, to: Writer<'w>, fields: R) -> fmt::Result {
        write_fields(to, &|visitor| fields.record(visitor))
    }
}

fn write_fields(to: Writer<'_>, record: &dyn Fn(&mut dyn Visit)) -> fmt::Result {
    let mut visitor = LineVisitor { to: LineWriter(to), any: false, result: Ok(()) };
    // A value that panics must neither end the service nor poison the span it is recorded in.
    if let Err(caught) = crate::panic::catch(|| record(&mut visitor)) {
        visitor.result = write!(visitor.to, "(printing this value panicked: {caught})");
    }
    visitor.result
}

/// Follows what a `Display` or `Debug` has written before it returned an error.
const UNPRINTABLE: &str = "(printing this value failed)";

/// Writes fields as `name=value`, and the message without its name.
struct LineVisitor<W> {
    to: LineWriter<W>,
    any: bool,
    result: fmt::Result,
}

impl<W: Write> LineVisitor<W> {
    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if self.result.is_err() || is_added_by_log(field) {
            return;
        }
        let gap = if std::mem::replace(&mut self.any, true) { " " } else { "" };
        let written = match field.name() {
            "message" => write!(self.to, "{gap}{value}"),
            name => write!(self.to, "{gap}{}={value}", name.strip_prefix("r#").unwrap_or(name)),
        };
        self.result = written.or_else(|fmt::Error| self.to.write_str(UNPRINTABLE));
    }
}

impl<W: Write> Visit for LineVisitor<W> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.put(field, format_args!("{value}")),
            _ => self.put(field, format_args!("{value:?}")),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, format_args!("{value}"));
        // Each cause goes through the same escapes.
        let mut source = value.source();
        while let (Some(error), Ok(())) = (source, self.result) {
            self.result = write!(self.to, ": {error}").or_else(|fmt::Error| self.to.write_str(UNPRINTABLE));
            source = error.source();
        }
    }
}
