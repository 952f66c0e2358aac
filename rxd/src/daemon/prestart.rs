//! Prestart stages: named steps that must succeed before any service starts.
//!
//! A daemon runs its stages inside [`Daemon::start`](crate::Daemon::start), one after another, and
//! starts its services once the last has passed.
//!
//! * In a daemon with a [configuration](crate::Daemon::config), loading it is the first stage,
//!   `config`.
//! * A stage that fails is tried again if it has a [`retry`](Stage::retry). Otherwise it fails the
//!   start, with an error that names it; with
//!   [`prestart_restart`](crate::Daemon::prestart_restart) all stages begin again from the first.
//! * A signal that stops the daemon drops the running stage at its next `.await`, and so does
//!   dropping the start. No service has entered Init then.
//!
//! ```
//! use rxd::prestart::Stage;
//! use rxd::{Context, Daemon, Runner, Service};
//! use std::time::Duration;
//!
//! # struct Serve;
//! # impl Runner for Serve {
//! #     async fn run(&mut self, _: &Context) -> rxd::Result { Ok(()) }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> rxd::Result {
//! # let dir = std::env::temp_dir();
//! Daemon::new("agent")
//!     .prestart(Stage::new("directory", move || {
//!         let dir = dir.clone();
//!         async move { Ok(std::fs::create_dir_all(dir)?) }
//!     }))
//!     .prestart(
//!         Stage::new("server", async || server_answers().await)
//!             .timeout(Duration::from_secs(5))
//!             .retry(Duration::from_secs(1)),
//!     )
//!     .add(Service::new("serve", Serve).manager(rxd::manager::until_success))
//!     .run()
//!     .await?;
//! Ok(())
//! # }
//! # async fn server_answers() -> rxd::Result { Ok(()) }
//! ```

use crate::core::Core;
use crate::error::{AnyError, Error, Result, text_of};
use crate::lifecycle::options::daemon::StageOptions;
use crate::panic;
use crate::panic::emit;
use crate::systemd::Systemd;
use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// What a daemon does before its services start: a [`Stage`], or steps of your own.
///
/// Implement it where stages in order are not enough, for example to run several at once. A panic
/// in it is contained, and fails the start.
///
/// ```
/// use rxd::prestart::Pipeline;
///
/// /// Checks both at once.
/// struct Reach;
///
/// impl Pipeline for Reach {
///     fn name(&self) -> &str {
///         "reach"
///     }
///
///     async fn run(&mut self) -> rxd::Result {
///         tokio::try_join!(database(), cache())?;
///         Ok(())
///     }
/// }
/// # async fn database() -> rxd::Result { Ok(()) }
/// # async fn cache() -> rxd::Result { Ok(()) }
///
/// let daemon = rxd::Daemon::new("agent").prestart(Reach);
/// # let _ = daemon;
/// ```
pub trait Pipeline: Send + 'static {
    /// The name in messages.
    fn name(&self) -> &str;

    /// The longest time that [`run`](Pipeline::run) takes, if it is known. A service manager is
    /// then asked to wait for that long. Default: unknown.
    fn limit(&self) -> Option<Duration> {
        None
    }

    /// The options of a [`Stage`].
    #[doc(hidden)]
    fn options(&self) -> Option<&StageOptions> {
        None
    }

    /// Returns once the services may start.
    ///
    /// # Errors
    ///
    /// If they may not. The start then fails with this error.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the daemon is to stop; see the [module](self).
    fn run(&mut self) -> impl Future<Output = Result> + Send;
}

type StageFn = Box<dyn FnMut() -> Pin<Box<dyn Future<Output = Result> + Send>> + Send>;

/// A named step that must succeed.
///
/// ```
/// use rxd::Daemon;
/// use rxd::prestart::Stage;
/// use std::time::Duration;
///
/// let port = Stage::new("port", async || {
///     std::net::TcpListener::bind("127.0.0.1:0")?;
///     Ok(())
/// });
/// let database = Stage::new("database", async || {
///     tokio::net::lookup_host("db.example:5432").await?;
///     Ok(())
/// });
/// let daemon = Daemon::new("agent").prestart(port).prestart(
///     database.retry(Duration::from_secs(1)).attempts(10).timeout(Duration::from_secs(5)),
/// );
/// # let _ = daemon;
/// ```
#[must_use = "a stage does nothing until it is given to a daemon"]
pub struct Stage {
    name: Cow<'static, str>,
    step: StageFn,
    options: StageOptions,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Stage {
    /// A stage that is tried once, without a limit.
    pub fn new<F, Fut>(name: impl Into<Cow<'static, str>>, mut step: F) -> Self
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result> + Send + 'static,
    {
        Stage { name: name.into(), step: Box::new(move || Box::pin(step())), options: StageOptions::DEFAULT }
    }

    /// Tries again after this delay when the stage fails. Default: a failure fails the start.
    pub fn retry(mut self, delay: Duration) -> Self {
        self.options.retry = Some(delay);
        self
    }

    /// Limits the number of attempts. At least 1; 0 is an error of the start. Default: no limit,
    /// with [`retry`](Stage::retry).
    pub fn attempts(mut self, most: u32) -> Self {
        self.options = self.options.attempts(most);
        self
    }

    /// Limits the time of one attempt; exceeding it is a failure. Zero is an error of the start.
    /// Default: no limit.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options = self.options.timeout(limit);
        self
    }

    /// Sets the constants of `#[rxd::daemon]`.
    pub(crate) fn with_options(self, options: StageOptions) -> Self {
        Stage { options, ..self }
    }

    async fn attempt(&mut self) -> Result {
        // Making the future runs code of the user's too.
        let step = panic::catch(|| (self.step)());
        let step = step.map_err(|caught| AnyError::msg(format_args!("panicked: {caught}")))?;
        let ended = match self.options.timeout {
            None => panic::contain(step).await,
            Some(limit) => match tokio::time::timeout(limit, panic::contain(step)).await {
                Ok(ended) => ended,
                Err(_) => return Err(AnyError::msg(format_args!("did not return within {limit:?}"))),
            },
        };
        ended.map_err(|caught| AnyError::msg(format_args!("panicked: {caught}")))?
    }
}

impl Pipeline for Stage {
    fn name(&self) -> &str {
        &self.name
    }

    fn limit(&self) -> Option<Duration> {
        let StageOptions { retry, attempts, timeout } = self.options;
        let attempts = if retry.is_some() { attempts? } else { 1 };
        let between = retry.unwrap_or_default().saturating_mul(attempts.saturating_sub(1));
        Some(timeout?.saturating_mul(attempts).saturating_add(between))
    }

    fn options(&self) -> Option<&StageOptions> {
        Some(&self.options)
    }

    async fn run(&mut self) -> Result {
        for attempt in 1_u32.. {
            let Err(error) = self.attempt().await else { return Ok(()) };
            match self.options.retry {
                Some(delay) if self.options.attempts.is_none_or(|most| attempt < most) => {
                    emit!(WARN, target: "rxd", stage = &*self.name, attempt, "failed, next attempt in {delay:?}: {}", text_of(&error));
                    if !delay.is_zero() {
                        tokio::time::sleep(delay).await;
                    } else {
                        tokio::task::yield_now().await;
                    }
                }
                _ => return Err(error),
            }
        }
        Ok(())
    }
}

/// A [`Pipeline`] with its type erased.
pub(crate) trait ErasedPipeline: Send {
    fn about(&self) -> (&str, Option<Duration>);

    fn options(&self) -> Option<&StageOptions>;

    fn pass(&mut self) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>>;
}

impl<P: Pipeline> ErasedPipeline for P {
    fn about(&self) -> (&str, Option<Duration>) {
        (self.name(), self.limit())
    }

    fn options(&self) -> Option<&StageOptions> {
        Pipeline::options(self)
    }

    fn pass(&mut self) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>> {
        Box::pin(async {
            let ended = match panic::contain(self.run()).await {
                Ok(ended) => ended,
                Err(caught) => Err(AnyError::msg(format_args!("panicked: {caught}"))),
            };
            ended.map_err(|error| {
                let text = format!("prestart stage `{}` failed: {}", self.name(), text_of(&error));
                Error::with_cause(text, StageError(error))
            })
        })
    }
}

/// Runs the stages in order; with a `restart` delay again, until all have passed.
pub(crate) async fn pass(
    stages: &mut [Box<dyn ErasedPipeline>],
    restart: Option<Duration>,
    systemd: &Systemd,
    core: &Core,
) -> Result<(), Error> {
    loop {
        let passed = pass_once(stages, systemd, core).await;
        let (Err(error), Some(delay)) = (&passed, restart) else { return passed };
        emit!(WARN, target: "rxd", "prestart begins again in {delay:?}: {error}");
        systemd.prestart_restarts(error, delay);
        if delay.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(delay).await;
        }
    }
}

async fn pass_once(stages: &mut [Box<dyn ErasedPipeline>], systemd: &Systemd, core: &Core) -> Result<(), Error> {
    for stage in stages {
        let (name, limit) = stage.about();
        systemd.prestart_stage(name, limit);
        let name = name.to_owned();
        core.watched(None, &name, stage.pass()).await?;
    }
    Ok(())
}

/// The error of a failed stage.
#[derive(Debug)]
struct StageError(AnyError);

impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a prestart stage failed")
    }
}

impl StdError for StageError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.0.as_std())
    }
}

impl Error {
    /// Whether a prestart stage failed, so that no service was started.
    #[must_use]
    pub fn is_prestart(&self) -> bool {
        self.is::<StageError>()
    }
}
