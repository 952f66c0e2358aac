//! The one call that sets it all up, and its choices.

use super::file::SizeLimitedFile;
use super::filter::{ServiceFilter, is_internal};
use super::format::{EscapedFields, LineFormat};
use super::level::Level;
use super::levels::LevelHandle;
use super::writer::{FLUSH_TIMEOUT, LogSink, RecordWriters, StreamOutput};
use crate::error::Error;
use std::fmt;
use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

/// Where logs go and how much is logged; see [`builder`].
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
    file: Option<(PathBuf, u64, u32)>,
    #[cfg(feature = "journald")]
    journald: Option<PathBuf>,
}

/// A builder with the defaults of [`init`](super::init), to choose otherwise.
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
        file: None,
        #[cfg(feature = "journald")]
        journald: None,
    }
}

/// What [`Builder::layer`] makes.
pub type BoxedLayer<S> = Box<dyn Layer<S> + Send + Sync>;

impl Builder {
    /// The level where no other is set. Default: [`Level::Info`].
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// The level of what rxd itself says below WARN: transitions at DEBUG, in the main. Default:
    /// off; with a [file](Builder::internal_file) of its own, DEBUG. What rxd says at WARN and ERROR is
    /// about a service's trouble and goes by that service's level.
    pub fn internal_level(mut self, level: Level) -> Self {
        self.internal_level = Some(level);
        self
    }

    /// The level of one service.
    pub fn service(mut self, name: impl Into<String>, level: Level) -> Self {
        self.services.push((name.into(), level));
        self
    }

    /// The level of a target and what is below it, whichever service it works for.
    pub fn target(mut self, target: impl Into<String>, level: Level) -> Self {
        self.targets.push((target.into(), level));
        self
    }

    /// Levels as a text, over what was set so far: a list of `level`, `target=level`, `rxd=level` (for
    /// [`own`](Builder::internal_level)) and `[service]=level`, as in `info,hyper=warn,[api]=debug`.
    /// [`init`](super::init) reads `RUST_LOG` so.
    pub fn levels(mut self, text: impl Into<String>) -> Self {
        self.spec = Some(text.into());
        self
    }

    /// Whether only WARN and ERROR go to standard error, and the rest to standard output.
    /// Default: no, all goes to standard error.
    pub fn split_stdout(mut self, split_stdout: bool) -> Self {
        self.split_stdout = split_stdout;
        self
    }

    /// Whether standard error (and output) are written to at all. Default: yes.
    pub fn console(mut self, console: bool) -> Self {
        self.console = console;
        self
    }

    /// Whether levels are coloured. Default: yes if the console is a terminal and `NO_COLOR` is unset or empty;
    /// a console that is the journal is never coloured.
    pub fn colours(mut self, colours: bool) -> Self {
        self.colours = Some(colours);
        self
    }

    /// Writes rxd's own records (and no others) to a file of their own, and those below WARN only
    /// there. A file that would grow beyond `size` bytes becomes `path.1`, and so on; `keep` full
    /// ones are kept.
    pub fn internal_file(mut self, path: impl Into<PathBuf>, size: u64, keep: u32) -> Self {
        self.file = Some((path.into(), size, keep));
        self
    }

    /// Sends records to the journal, with their fields. Where standard error is the journal already
    /// (`$JOURNAL_STREAM`), it is not written to then, so no line comes twice. Where there is no
    /// journal, records go to standard error, also if [`console`](Builder::console) is off.
    #[cfg(feature = "journald")]
    pub fn journald(self) -> Self {
        self.journald_at(super::journald::JOURNAL_SOCKET)
    }

    /// As [`journald`](Builder::journald), for a journal that listens elsewhere.
    #[cfg(feature = "journald")]
    pub fn journald_at(mut self, socket: impl Into<PathBuf>) -> Self {
        self.journald = Some(socket.into());
        self
    }

    /// A dial of its own, in place of the process's.
    pub fn level_handle(mut self, levels: LevelHandle) -> Self {
        self.levels = levels;
        self
    }

    /// Sets it all up as the process's subscriber.
    ///
    /// # Errors
    ///
    /// If there is one already, if the levels cannot be read, or a file cannot be opened.
    pub fn init(self) -> Result<LogGuard, Error> {
        let (filter, layer, guard) = self.parts()?;
        let subscriber = tracing_subscriber::registry().with(filter).with(layer);
        tracing::subscriber::set_global_default(subscriber).map_err(|_| {
            Error::msg("failed to set up logs: the process has a subscriber already; add `layer()` to it")
        })?;
        Ok(guard)
    }

    /// The same as a layer, for a subscriber that holds others.
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
    /// If the levels cannot be read, or a file cannot be opened.
    pub fn layer<S>(self) -> Result<(BoxedLayer<S>, LogGuard), Error>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let (filter, layer, guard) = self.parts()?;
        Ok((layer.with_filter(filter).boxed(), guard))
    }

    /// The levels, and what is written where.
    fn parts<S>(mut self) -> Result<(ServiceFilter, BoxedLayer<S>, LogGuard), Error>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        if let Some(spec) = self.spec.take() {
            self.read(&spec)?;
        }
        let mut filter = self.levels.filter();
        for (target, level) in &self.targets {
            filter = filter.target(target, *level);
        }
        #[cfg(feature = "journald")]
        if self.journald.as_ref().is_some_and(|path| !path.exists()) {
            self.journald = None;
            self.console = true;
        }
        let mut sinks = Vec::new();
        let mut layers: Vec<BoxedLayer<S>> = Vec::new();
        if self.console && !self.doubles() {
            layers.push(self.console_layer(&mut sinks)?);
        }
        #[cfg(feature = "journald")]
        if let Some(path) = self.journald.take() {
            let sink = LogSink::new("journald", super::journald::JournalOutput::new(path))?;
            sinks.push(sink.clone());
            layers.push(Box::new(super::journald::JournalLayer { sink, identifier: identifier() }));
        }
        let (layer, own) = match self.file.take() {
            None => (layers.boxed(), Level::Off),
            Some((path, size, keep)) => {
                let sink = LogSink::new("internal-file", SizeLimitedFile::new(path, size, keep)?)?;
                sinks.push(sink.clone());
                let others = layers.with_filter(filter_fn(|meta| {
                    meta.is_span() || *meta.level() <= tracing::Level::WARN || !is_internal(meta)
                }));
                let file = lines(LineFormat::default(), RecordWriters { out: sink, err: None });
                let file = file.with_filter(filter_fn(|meta| meta.is_span() || is_internal(meta)));
                (others.and_then(file).boxed(), Level::Debug)
            }
        };
        self.levels.begin(self.level, self.internal_level.unwrap_or(own));
        for (name, level) in self.services {
            self.levels.set(name, level);
        }
        Ok((filter, layer, LogGuard { sinks }))
    }

    fn console_layer<S>(&self, sinks: &mut Vec<LogSink>) -> Result<BoxedLayer<S>, Error>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
        // Not through `std`'s own handles: their lock would be held while the end is blocked, and
        // every `println!` of the process with it.
        let err = LogSink::new("stderr", StreamOutput(twin(&stderr)?))?;
        sinks.push(err.clone());
        let mut out = RecordWriters { out: err, err: None };
        let mut terminal = stderr.is_terminal();
        if self.split_stdout {
            let sink = LogSink::new("stdout", StreamOutput(twin(&stdout)?))?;
            sinks.push(sink.clone());
            out = RecordWriters { err: Some(out.out), out: sink };
            terminal &= stdout.is_terminal();
        }
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let mut line = LineFormat::default().colours(self.colours.unwrap_or(terminal && !plain));
        if is_journal(&stderr) {
            line.priorities = true;
            line.colours = false;
        }
        Ok(lines(line, out))
    }

    /// Whether the console is the journal, which gets the records already.
    fn doubles(&self) -> bool {
        #[cfg(feature = "journald")]
        return self.journald.is_some() && is_journal(&std::io::stderr());
        #[cfg(not(feature = "journald"))]
        false
    }

    fn read(&mut self, spec: &str) -> Result<(), Error> {
        for part in spec.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let fault = |error: Error| Error::msg(format_args!("failed to read the log levels `{spec}`: {error}"));
            let Some((what, level)) = part.rsplit_once('=') else {
                self.level = part.parse().map_err(fault)?;
                continue;
            };
            let level = level.trim().parse().map_err(fault)?;
            match what.trim() {
                "" => return Err(fault(Error::msg(format_args!("`{part}` names nothing")))),
                "rxd" => self.internal_level = Some(level),
                name if name.starts_with('[') && name.ends_with(']') => {
                    self.services.push((name[1..name.len() - 1].to_owned(), level));
                }
                target => self.targets.push((target.to_owned(), level)),
            }
        }
        Ok(())
    }
}

fn lines<S>(line: LineFormat, out: RecordWriters) -> BoxedLayer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // `LineFormat` writes its colours itself. `with_ansi(true)` panics, or prints an error in a release build, unless
    // something else in the build enables the feature `ansi` of tracing-subscriber.
    let layer = tracing_subscriber::fmt::layer().fmt_fields(EscapedFields).event_format(line).with_ansi(false);
    layer.with_writer(out).boxed()
}

/// The same open file, under a number of its own.
fn twin(of: &impl AsFd) -> Result<File, Error> {
    let fd = of.as_fd().try_clone_to_owned();
    fd.map(File::from)
        .map_err(|error| Error::with_cause(format!("failed to open the standard streams for logs: {error}"), error))
}

/// Whether this stream leads to the journal: `$JOURNAL_STREAM` has its device and inode.
fn is_journal(stream: &impl AsFd) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(known) = std::env::var("JOURNAL_STREAM") else { return false };
    let Some(meta) = twin(stream).ok().and_then(|file| file.metadata().ok()) else { return false };
    known == format!("{}:{}", meta.dev(), meta.ino())
}

#[cfg(feature = "journald")]
fn identifier() -> Option<String> {
    Some(std::env::current_exe().ok()?.file_name()?.to_string_lossy().into_owned())
}

/// Keeps the logs open. When it is dropped, what is still on its way is written, for a second at
/// most: keep it in `main` to its end.
#[must_use = "dropped, it says that the logs are over"]
pub struct LogGuard {
    sinks: Vec<LogSink>,
}

impl LogGuard {
    /// Waits until everything logged so far is written, for `limit` at most; whether it is.
    pub fn flush(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let left = || end.saturating_duration_since(Instant::now());
        // Each of them gets its turn, whatever became of the one before.
        self.sinks.iter().filter(|sink| !sink.flush(left())).count() == 0
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
