//! Sets a process's logs up: [`Builder`], and the [`LogGuard`] that it returns.
//!
//! The builder turns its options into sinks (queues with threads), layers that format records for
//! them, and one [`ServiceFilter`] before all layers. It is not used after that.

use super::file::SizeLimitedFile;
use super::filter::{ServiceFilter, is_internal};
use super::format::{EscapedFields, LineFormat};
use super::level::Level;
use super::levels::LevelHandle;
use super::line_output::LineOutput;
use super::writer::{FLUSH_TIMEOUT, LogSink, RecordWriters, all_sinks, flush_all};
use crate::error::Error;
use crate::output::{LogOutput, to_stderr};
use crate::panic::emit;
use crate::platform;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;
use tracing::dispatcher::get_default;
use tracing::subscriber::NoSubscriber;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

/// Sets logs up: which records are written, where to, and how. To get one, call [`builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `init` or `layer` is called"]
pub struct Builder {
    levels: LevelHandle,
    level: Level,
    internal_level: Option<Level>,
    services: Vec<(String, Level)>,
    targets: Vec<(String, Level)>,
    spec: Option<String>,
    split_stdout: bool,
    console: bool,
    colours: Option<bool>,
    block_timeout: Duration,
    file: Option<(PathBuf, u64, u32)>,
    #[cfg(feature = "journald")]
    journald: Option<PathBuf>,
}

/// To set logs up differently from [`init`](super::init), start with this builder. It has the same
/// defaults, and reads `RUST_LOG` as `init` does, unless [`levels`](Builder::levels) is called.
///
/// ```no_run
/// use rxd::log::Level;
///
/// # fn main() -> rxd::Result {
/// let _log = rxd::log::builder()
///     .level(Level::Warn)
///     .service("api", Level::Debug)
///     .target("hyper", Level::Warn)
///     .split_stdout(true)
///     .internal_file("/var/log/my-app/rxd.log", 1 << 20, 3)
///     .init()?;
/// # Ok(())
/// # }
/// ```
pub fn builder() -> Builder {
    Builder {
        levels: LevelHandle::global().clone(),
        level: Level::Info,
        internal_level: None,
        services: Vec::new(),
        targets: Vec::new(),
        spec: None,
        split_stdout: false,
        console: true,
        colours: None,
        block_timeout: Duration::ZERO,
        file: None,
        #[cfg(feature = "journald")]
        journald: None,
    }
}

/// The layer that [`Builder::layer`] returns.
pub type BoxedLayer<S> = Box<dyn Layer<S> + Send + Sync>;

impl Builder {
    /// Sets the default level: for every record without a level of its service or target. Default:
    /// [`Level::Info`].
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Sets the level of rxd's own records below WARN. At INFO they say that the daemon stops, what
    /// an operator has requested, and when a service restarts and recovers; at DEBUG, each
    /// transition. Default: INFO, or the [default level](Builder::level) if that is lower; DEBUG
    /// with an [internal file](Builder::internal_file).
    ///
    /// rxd's records at WARN and ERROR report a problem of a service, and use that service's level.
    pub fn internal_level(mut self, level: Level) -> Self {
        self.internal_level = Some(level);
        self
    }

    /// Sets the level of one service and its tasks.
    pub fn service(mut self, name: impl Into<String>, level: Level) -> Self {
        self.services.push((name.into(), level));
        self
    }

    /// Sets the level of a target and of the modules below it, in every service.
    pub fn target(mut self, target: impl Into<String>, level: Level) -> Self {
        self.targets.push((target.into(), level));
        self
    }

    /// Sets levels from a text instead of from `RUST_LOG`: `info,hyper=warn,[api]=debug`.
    ///
    /// The text is a list of:
    ///
    /// * `level`: the default;
    /// * `target=level`;
    /// * `[service]=level`;
    /// * `rxd=level`: the [`internal_level`](Builder::internal_level).
    ///
    /// It wins over the setters, whatever the order. [`init`](Builder::init) and
    /// [`layer`](Builder::layer) return an error if it cannot be read.
    ///
    /// `RUST_LOG` has the same form. There a target alone stands for `target=trace`, and what
    /// cannot be read is a warning.
    pub fn levels(mut self, text: impl Into<String>) -> Self {
        self.spec = Some(text.into());
        self
    }

    /// Sets whether only WARN and ERROR go to standard error, and all else to standard output.
    /// Default: no, everything goes to standard error.
    pub fn split_stdout(mut self, split_stdout: bool) -> Self {
        self.split_stdout = split_stdout;
        self
    }

    /// Sets whether standard error (and output, if [split](Builder::split_stdout)) are written to.
    /// Default: yes.
    pub fn console(mut self, console: bool) -> Self {
        self.console = console;
        self
    }

    /// Sets whether levels are coloured. Default: yes if the console is a terminal and `NO_COLOR`
    /// is unset or empty. If the console is the journal, nothing is coloured.
    pub fn colours(mut self, colours: bool) -> Self {
        self.colours = Some(colours);
        self
    }

    /// Has records of user code wait for up to `limit` when a log has no room, instead of being
    /// dropped. Default: zero, which is not at all.
    ///
    /// * The wait blocks the thread that logs. rxd's own records never wait.
    /// * Records that have found no room within `limit` are dropped and
    ///   [counted](super::dropped_records). After that no record waits until the log has been
    ///   written again, so an output that is blocked for ever delays a thread once.
    pub fn block_timeout(mut self, limit: Duration) -> Self {
        self.block_timeout = limit;
        self
    }

    /// Writes rxd's own records to a separate file, and those below WARN to no other place.
    ///
    /// A file that would grow beyond `size` bytes becomes `path.1`, `path.1` becomes `path.2`, and
    /// so on; `keep` full files are kept.
    pub fn internal_file(mut self, path: impl Into<PathBuf>, size: u64, keep: u32) -> Self {
        self.file = Some((path.into(), size, keep));
        self
    }

    /// Sends records to systemd's journal, with their fields.
    ///
    /// * If standard error leads to the journal already (`$JOURNAL_STREAM`), it is not written to,
    ///   so no record appears twice.
    /// * While the journal's socket does not exist, records go to standard error, even if
    ///   [`console`](Builder::console) is off. The socket is looked for once a second, and used from
    ///   then on.
    /// * A field `severity` sets the priority, by its name in syslog:
    ///   `tracing::error!(severity = "alert", "..")`. `journalctl -p alert` finds the record. The
    ///   same holds for a console that leads to the journal.
    /// * On Windows, [`init`](Builder::init) and [`layer`](Builder::layer) return an error.
    #[cfg(feature = "journald")]
    pub fn journald(self) -> Self {
        self.journald_at(super::journald::JOURNAL_SOCKET)
    }

    /// As [`journald`](Builder::journald), for a journal that listens on another socket.
    #[cfg(feature = "journald")]
    pub fn journald_at(mut self, socket: impl Into<PathBuf>) -> Self {
        self.journald = Some(socket.into());
        self
    }

    /// Uses these levels instead of those of the process ([`level_handle`](super::level_handle)).
    pub fn level_handle(mut self, levels: LevelHandle) -> Self {
        self.levels = levels;
        self
    }

    /// Sets logs up as the process's `tracing` subscriber. Keep the guard until `main` ends.
    ///
    /// # Errors
    ///
    /// If the process has a subscriber already, if the [levels](Builder::levels) cannot be read, if
    /// a file or a standard stream cannot be opened, or if a thread cannot be started.
    pub fn init(self) -> Result<LogGuard, Error> {
        let LogParts { filter, layer, guard, begin, warning } = self.parts()?;
        let subscriber = tracing_subscriber::registry().with(filter).with(layer);
        tracing::subscriber::set_global_default(subscriber).map_err(|_| {
            Error::msg("failed to set up logs: the process already has a `tracing` subscriber\nhelp: add `rxd::log::builder().layer()` to that subscriber")
        })?;
        begin.begin();
        // Fails if the process has another logger, which then keeps the records of `log`.
        let _ = tracing_log::LogTracer::init();
        super::levels::max_level_changed();
        if let Some(warning) = warning {
            emit!(WARN, target: "rxd", "{warning}");
        }
        Ok(guard)
    }

    /// To combine logs with layers of your own, call this instead of [`init`](Builder::init), and
    /// add the layer to your subscriber. Keep the guard until `main` ends.
    ///
    /// ```no_run
    /// use tracing_subscriber::prelude::*;
    ///
    /// # fn main() -> rxd::Result {
    /// # let my_layer = tracing_subscriber::fmt::layer();
    /// let (logs, _log) = rxd::log::builder().layer()?;
    /// tracing_subscriber::registry().with(logs).with(my_layer).init();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the [levels](Builder::levels) cannot be read, if a file or a standard stream cannot be
    /// opened, or if a thread cannot be started.
    pub fn layer<S>(self) -> Result<(BoxedLayer<S>, LogGuard), Error>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let LogParts { filter, layer, guard, begin, warning } = self.parts()?;
        begin.begin();
        if let Some(warning) = warning {
            // There is no subscriber yet.
            to_stderr(format!("rxd: {warning}")).wait(FLUSH_TIMEOUT);
        }
        Ok((layer.with_filter(filter).boxed(), guard))
    }

    /// Makes the parts of the log, and changes nothing yet.
    fn parts<S>(mut self) -> Result<LogParts<S>, Error>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let warning = match self.spec.take() {
            Some(spec) => {
                self.read_levels(&spec)?;
                None
            }
            None => self.read_environment(),
        };
        let mut filter = self.levels.filter();
        for (target, level) in &self.targets {
            filter = filter.target(target, *level);
        }
        let mut sinks = Vec::new();
        let mut layers: Vec<BoxedLayer<S>> = Vec::new();
        let uses_console = self.console && !self.console_repeats_journal();
        if uses_console {
            let (line, writers) = self.console_output(&mut sinks)?;
            layers.push(line_layer(line, writers));
        }
        #[cfg(feature = "journald")]
        if let Some(path) = self.journald.take() {
            let probe = super::journal_probe::JournalProbe::new(path.clone());
            // Before the journal's layer: a record that finds the journal is written twice rather
            // than to no place.
            if !uses_console && !probe.is_up() {
                let (line, writers) = self.console_output(&mut sinks)?;
                layers.push(line_layer(line, RecordWriters { until: Some(probe.clone()), ..writers }));
            }
            let journal = super::journald::JournalOutput::new(path)
                .map_err(|error| Error::with_cause(format!("failed to send logs to the journal: {error}"), error))?;
            let sink = LogSink::new("journald", Box::new(journal))?;
            sinks.push(sink.clone());
            let (identifier, block_timeout) = (identifier(), self.block_timeout);
            layers.push(Box::new(super::journald::JournalLayer { sink, identifier, block_timeout, probe }));
        }
        let (layer, internal_level) = match self.file.take() {
            None => (layers.boxed(), self.level.min(Level::Info)),
            Some((path, size, keep)) => {
                let sink = LogSink::new("internal-file", Box::new(SizeLimitedFile::new(path, size, keep)?))?;
                sinks.push(sink.clone());
                let file = line_layer(LineFormat::default(), RecordWriters::new(sink, Duration::ZERO));
                let others = filtered(layers.boxed(), |meta| {
                    meta.is_span() || *meta.level() <= tracing::Level::WARN || !is_internal(meta)
                });
                let file = filtered(file, |meta| meta.is_span() || is_internal(meta));
                (vec![others, file].boxed(), Level::Debug)
            }
        };
        let begin = LogBegin {
            levels: self.levels,
            default: self.level,
            internal: self.internal_level.unwrap_or(internal_level),
            services: self.services,
        };
        Ok(LogParts { filter, layer, guard: LogGuard { sinks }, begin, warning })
    }

    /// How and where the console is written.
    fn console_output(&self, sinks: &mut Vec<LogSink>) -> Result<(LineFormat, RecordWriters), Error> {
        // Not through the handles of `std`: the sink's thread would hold their lock while the
        // terminal is blocked, and every `println!` of the process would wait for it.
        let err = stream_sink("stderr", platform::stderr())?;
        sinks.push(err.clone());
        let mut writers = RecordWriters::new(err, self.block_timeout);
        let mut is_terminal = io::stderr().is_terminal();
        if self.split_stdout {
            let sink = stream_sink("stdout", platform::stdout())?;
            sinks.push(sink.clone());
            writers.err = Some(std::mem::replace(&mut writers.out, sink));
            is_terminal &= io::stdout().is_terminal();
        }
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let mut line = LineFormat::default().colours(self.colours.unwrap_or(is_terminal && !no_color));
        if platform::stderr_is_journal() {
            line.priorities = true;
            line.colours = false;
        }
        Ok((line, writers))
    }

    /// Whether the console leads to the journal, which gets the records by its own sink.
    fn console_repeats_journal(&self) -> bool {
        #[cfg(feature = "journald")]
        return self.journald.is_some() && platform::stderr_is_journal();
        #[cfg(not(feature = "journald"))]
        false
    }

    /// Adds the levels of a text: see [`levels`](Builder::levels).
    fn read_levels(&mut self, spec: &str) -> Result<(), Error> {
        for part in parts_of(spec) {
            self.read_part(part)
                .map_err(|error| Error::msg(format_args!("failed to read the log levels `{spec}`: {error}")))?;
        }
        Ok(())
    }

    /// Adds the levels of `RUST_LOG`, if it is set. Returns a warning about what cannot be read.
    fn read_environment(&mut self) -> Option<String> {
        let spec = std::env::var_os("RUST_LOG")?;
        let Some(spec) = spec.to_str() else { return Some("RUST_LOG is ignored: it is not UTF-8".into()) };
        let mut ignored = Vec::new();
        for part in parts_of(spec) {
            if self.read_part(part).is_err() {
                match is_target(part) {
                    true => self.targets.push((part.to_owned(), Level::Trace)),
                    false => ignored.push(format!("`{}`", part.escape_debug())),
                }
            }
        }
        (!ignored.is_empty()).then(|| {
            format!(
                "RUST_LOG: {} is ignored; write `level`, `target=level` or `[service]=level`, with commas between them",
                ignored.join(", ")
            )
        })
    }

    fn read_part(&mut self, part: &str) -> Result<(), Error> {
        let Some((what, level)) = part.rsplit_once('=') else {
            let level: Result<Level, Error> = part.parse();
            self.level = level.map_err(|error| match is_target(part) {
                true => Error::msg(format_args!("{error}\nhelp: to log all of a target, write `{part}=trace`")),
                false => error,
            })?;
            return Ok(());
        };
        let level = level.trim().parse()?;
        match what.trim() {
            "" => return Err(Error::msg(format_args!("`{part}` has no target before the `=`"))),
            "rxd" => self.internal_level = Some(level),
            name if name.starts_with('[') && name.ends_with(']') => {
                self.services.push((name[1..name.len() - 1].to_owned(), level));
            }
            target if is_target(target) => self.targets.push((target.to_owned(), level)),
            other => {
                return Err(Error::msg(format_args!(
                    "`{other}` is not a target\nhelp: a target is a path such as `hyper` or `my_app::db`; a service is written in brackets: `[api]=debug`"
                )));
            }
        }
        Ok(())
    }
}

/// What the options of a builder come to.
struct LogParts<S> {
    filter: ServiceFilter,
    /// The layers behind the filter.
    layer: BoxedLayer<S>,
    guard: LogGuard,
    begin: LogBegin,
    /// What is wrong with `RUST_LOG`.
    warning: Option<String>,
}

/// What changes for the process once its log is set up.
struct LogBegin {
    levels: LevelHandle,
    default: Level,
    internal: Level,
    services: Vec<(String, Level)>,
}

impl LogBegin {
    fn begin(self) {
        self.levels.begin(self.default, self.internal);
        for (name, level) in self.services {
            self.levels.set(name, level);
        }
        crate::output::set_log(LogOutput { is_open, write: write_errors, flush: super::flush });
        crate::panic::note_locations();
    }
}

/// The parts of a list of levels.
fn parts_of(spec: &str) -> impl Iterator<Item = &str> {
    spec.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// Whether a text can be the target of a record: the path of a module, or a name such as
/// `my-app.audit`.
fn is_target(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | ':' | '-' | '.'))
}

/// The layer that formats records as lines, and sends each to its sink.
fn line_layer<S>(line: LineFormat, out: RecordWriters) -> BoxedLayer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // `LineFormat` writes its colours itself. `with_ansi(true)` panics (or, in a release build,
    // prints an error) unless something else in the build enables the feature `ansi` of
    // tracing-subscriber.
    let layer = tracing_subscriber::fmt::layer().fmt_fields(EscapedFields).event_format(line).with_ansi(false);
    layer.with_writer(out).boxed()
}

/// A layer that gets only some of the records.
fn filtered<S>(layer: BoxedLayer<S>, filter: fn(&Metadata<'_>) -> bool) -> BoxedLayer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    layer.with_filter(filter_fn(filter)).boxed()
}

/// Whether any log of the process has not ended.
fn is_open() -> bool {
    !all_sinks().is_empty()
}

/// Writes records of ERROR. The code that panicked may hold a lock of the subscriber, so a thread
/// of a sink makes the records.
fn write_errors(records: Vec<String>) {
    let count = records.len();
    let write = move || {
        // The log may be one of another thread only: `tracing` has scoped subscribers.
        let has_subscriber = !get_default(|dispatch| dispatch.is::<NoSubscriber>());
        for record in records {
            match has_subscriber {
                // A layer that panics here is not reported again.
                true => drop(crate::panic::catch_silently(|| tracing::error!(target: "rxd", "{record}"))),
                false => {
                    to_stderr(format!("rxd: {}", crate::escape::one_line(&record))).wait(Duration::MAX);
                }
            }
        }
    };
    if let Some(sink) = all_sinks().first() {
        sink.call(count, write);
    }
}

/// A sink that writes lines to a standard stream.
fn stream_sink(name: &'static str, stream: io::Result<Box<dyn Write + Send>>) -> Result<LogSink, Error> {
    let stream = stream.map_err(|error| {
        Error::with_cause(format!("failed to duplicate a standard stream for logs: {error}"), error)
    })?;
    LogSink::new(name, Box::new(LineOutput::new(stream)))
}

#[cfg(feature = "journald")]
fn identifier() -> Option<String> {
    Some(std::env::current_exe().ok()?.file_name()?.to_string_lossy().into_owned())
}

/// Writes the rest of the log when it is dropped. Keep it until `main` ends:
/// `let _log = rxd::log::init()?;`
///
/// Dropping it waits until all records sent so far have been written, for at most a second. Records
/// made after that are still written while the process runs, but nothing waits for them.
#[must_use = "records may be lost at the end of the process if the guard is dropped earlier"]
pub struct LogGuard {
    sinks: Vec<LogSink>,
}

impl LogGuard {
    /// Waits until every record made so far has been written, for at most `limit`. Returns whether
    /// all were.
    pub fn flush(&self, limit: Duration) -> bool {
        flush_all(&self.sinks, limit)
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.flush(FLUSH_TIMEOUT);
    }
}

impl fmt::Debug for LogGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogGuard").finish_non_exhaustive()
    }
}
