//! The options of one service, where they are kept, and the runs of one that is periodic.

use super::Options;
use super::recurrence::Recurrence;
use crate::lifecycle::cadence::Cadence;
use crate::race::Winner;
use std::fmt;
use std::pin::Pin;

/// Where the options of one service are: in its declaration, which all services of its type share,
/// or in a value that the builder was given.
#[derive(Debug)]
pub(crate) enum ServiceOptions {
    Declared(&'static Options),
    Overridden(Box<Options>),
    /// Of a periodic service.
    Recurring(Box<Recurring>),
}

/// The options of a periodic service, and its runs.
//
// The options are first, so that no reader of them has to ask which variant they are in.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Recurring {
    pub(crate) options: Options,
    pub(crate) recurrence: Recurrence,
    /// None before the first time in Run.
    cadence: Option<Cadence>,
    /// The wait for the next run.
    pub(crate) wait: Option<RunWait>,
}

/// A wait of the engine.
pub(crate) struct RunWait(pub(crate) Pin<Box<dyn Future<Output = Winner<(), ()>> + Send>>);

impl fmt::Debug for RunWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunWait")
    }
}

impl Recurring {
    /// The runs. In the first call the limit of each becomes that of Run.
    pub(crate) fn cadence(&mut self) -> &mut Cadence {
        if self.cadence.is_none() {
            self.options = self.limits();
        }
        self.cadence.get_or_insert_with(|| Cadence::new(&self.recurrence))
    }

    /// The options, with the limit of each run as that of Run.
    fn limits(&self) -> Options {
        let mut options = self.options;
        let limit = &mut options.timeouts[2];
        *limit = limit.iter().copied().chain(self.recurrence.within()).min();
        options
    }

    /// Begins anew, as if the service had never been in Run.
    pub(crate) fn forget(&mut self) {
        self.cadence = None;
    }
}

impl ServiceOptions {
    /// What a service declares.
    pub(crate) fn declared(options: &'static Options, recurrence: Option<&'static Recurrence>) -> Self {
        let mut options = ServiceOptions::Declared(options);
        if let Some(recurrence) = recurrence {
            options.recur(recurrence.clone());
        }
        options
    }

    /// Overrides all but the recurrence.
    pub(crate) fn set(&mut self, options: Options) {
        match self {
            ServiceOptions::Recurring(recurring) => recurring.options = options,
            _ => *self = ServiceOptions::Overridden(Box::new(options)),
        }
    }

    /// The options with the limits that apply to the methods.
    pub(crate) fn limits(&self) -> Options {
        match self {
            ServiceOptions::Recurring(recurring) => recurring.limits(),
            _ => **self,
        }
    }

    /// Sets when the service runs again and again.
    #[cold]
    pub(crate) fn recur(&mut self, recurrence: Recurrence) {
        let options = **self;
        *self = ServiceOptions::Recurring(Box::new(Recurring { options, recurrence, cadence: None, wait: None }));
    }
}

impl std::ops::Deref for ServiceOptions {
    type Target = Options;

    fn deref(&self) -> &Options {
        match self {
            ServiceOptions::Declared(options) => options,
            ServiceOptions::Overridden(options) => options,
            ServiceOptions::Recurring(recurring) => &recurring.options,
        }
    }
}
