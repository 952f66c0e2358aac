//! The filter that holds each service's records to that service's level.
//!
//! `tracing` asks it once for each callsite. A record at or below the lowest level that is set is
//! always made, one above the highest never is, and `tracing` caches both answers: such records
//! cost what they cost behind `tracing`'s own `LevelFilter`. Only for the levels between the two is
//! the filter asked for each record; it then looks which service's span the thread is in.
//!
//! # Invariants
//!
//! 1. A span of a service has that service's [`ServiceLevel`] in its extensions, once for each
//!    filter; a span within it inherits it. So no name is looked up when a span is entered.
//! 2. `ENTERED_SERVICES` holds, for this thread, one entry for each entered span of a service and
//!    each filter. The entry of a span is removed when that span is left, in whatever order spans
//!    are left.
//! 3. Entries carry the number of their filter: several filters, of several subscribers, share a
//!    thread.

use super::level::Level;
use super::levels::{LevelHandle, ServiceLevel};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

thread_local! {
    /// The spans of services that this thread is in, innermost last: the filter's number, the span,
    /// and the service's level.
    static ENTERED_SERVICES: RefCell<Vec<(usize, Id, Arc<ServiceLevel>)>> = const { RefCell::new(Vec::new()) };
}

static NEXT_FILTER_ID: AtomicUsize = AtomicUsize::new(0);

/// Holds the records of each service to that service's level.
///
/// To filter one layer, use it as a [`Filter`]: `layer.with_filter(filter)`. To filter all layers,
/// use it as a [`Layer`] before them: `registry().with(filter).with(layer)`, as
/// [`init`](super::init) does.
///
/// ```
/// use rxd::log::{Level, level_handle};
/// use tracing_subscriber::prelude::*;
///
/// let mine = tracing_subscriber::fmt::layer().with_filter(level_handle().filter());
/// # let _guard =
/// tracing_subscriber::registry().with(mine).set_default();
/// level_handle().set("api", Level::Debug);
/// ```
#[derive(Debug)]
pub struct ServiceFilter {
    levels: LevelHandle,
    /// Tells this filter's entries from those of others: invariant 3.
    number: usize,
    /// The level of each target that has one, the longest target first.
    rules: Vec<(Box<str>, Level)>,
    /// Shows the handle that it has a filter.
    _is_alive: Arc<()>,
}

impl LevelHandle {
    /// A filter that reads these levels, for a layer or a subscriber of your own.
    #[must_use]
    pub fn filter(&self) -> ServiceFilter {
        let number = NEXT_FILTER_ID.fetch_add(1, Ordering::Relaxed);
        ServiceFilter { levels: self.clone(), number, rules: Vec::new(), _is_alive: self.state.filters.clone() }
    }
}

impl ServiceFilter {
    /// Holds the records of a target, and of the modules below it, to a level in every service:
    /// `target("hyper", Level::Warn)`. Of several targets that match, the longest counts.
    #[must_use]
    pub fn target(mut self, target: &str, level: Level) -> Self {
        self.rules.retain(|(other, _)| **other != *target);
        let at = self.rules.partition_point(|(other, _)| other.len() >= target.len());
        self.rules.insert(at, (target.into(), level));
        self
    }

    fn rule(&self, target: &str) -> Option<Level> {
        self.rules.iter().find(|(rule, _)| is_below(target, rule)).map(|(_, level)| *level)
    }

    /// Whether every record of this callsite passes, or none does; `None` if it depends on the
    /// service.
    fn verdict(&self, meta: &Metadata<'_>) -> Option<bool> {
        let level = Level::of_record(*meta.level());
        if is_internal(meta) {
            if meta.is_span() && level == Level::Error {
                // Without the span of a service nothing would say which service a record is of.
                return Some(true);
            }
            if level > Level::Warn {
                return Some(level <= self.levels.internal());
            }
        }
        if let Some(rule) = self.rule(meta.target()) {
            return Some(level <= rule);
        }
        let (low, high) = self.levels.bounds();
        if level <= low {
            Some(true)
        } else if level > high {
            Some(false)
        } else {
            None
        }
    }

    /// The level that counts in the service whose span this thread is in, or outside of all
    /// services.
    fn current_level(&self) -> Level {
        let level = ENTERED_SERVICES.try_with(|entered| {
            let entered = entered.borrow();
            let service = entered.iter().rev().find(|(number, ..)| *number == self.number);
            self.levels.level_in(service.map(|(.., level)| &**level))
        });
        // While a thread ends its locals are gone. Its records are then of no service.
        level.unwrap_or_else(|_| self.levels.level_in(None))
    }
}

/// Whether a target is this one, or a module below it.
fn is_below(target: &str, parent: &str) -> bool {
    target.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether rxd itself makes the record.
pub(crate) fn is_internal(meta: &Metadata<'_>) -> bool {
    is_below(meta.target(), "rxd")
}

/// The extension of a span of a service: the level of that service, for each filter by its number.
struct SpanServices(Vec<(usize, Arc<ServiceLevel>)>);

impl SpanServices {
    fn level_for(&self, number: usize) -> Option<&Arc<ServiceLevel>> {
        self.0.iter().find(|(other, _)| *other == number).map(|(_, level)| level)
    }
}

impl ServiceFilter {
    fn is_enabled(&self, meta: &Metadata<'_>) -> bool {
        let level = Level::of_record(*meta.level());
        self.verdict(meta).unwrap_or_else(|| level <= self.current_level())
    }

    fn interest(&self, meta: &Metadata<'_>) -> Interest {
        match self.verdict(meta) {
            Some(true) => Interest::always(),
            Some(false) => Interest::never(),
            None => Interest::sometimes(),
        }
    }

    fn highest_level(&self) -> LevelFilter {
        let (_, high) = self.levels.bounds();
        let rules = self.rules.iter().map(|(_, level)| *level).max().unwrap_or(Level::Off);
        // At least ERROR, the level of the spans of services: a service whose span was not made
        // because all levels were off could not be given a level later.
        high.max(self.levels.internal()).max(rules).max(Level::Error).into()
    }

    fn record_new_span<S: Subscriber + for<'a> LookupSpan<'a>>(
        &self,
        attrs: &Attributes<'_>,
        id: &Id,
        cx: &Context<'_, S>,
    ) {
        let Some(span) = cx.span(id) else { return };
        let named = if attrs.metadata().target() == "rxd" { service_of(attrs) } else { None };
        let level = match named {
            Some(name) => Some(self.levels.service_level(&name)),
            None => span.parent().and_then(|parent| {
                parent.extensions().get::<SpanServices>().and_then(|services| services.level_for(self.number).cloned())
            }),
        };
        let Some(level) = level else { return };
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<SpanServices>() {
            Some(services) => services.0.push((self.number, level)),
            None => extensions.insert(SpanServices(vec![(self.number, level)])),
        }
    }

    fn record_enter<S: Subscriber + for<'a> LookupSpan<'a>>(&self, id: &Id, cx: &Context<'_, S>) {
        let Some(span) = cx.span(id) else { return };
        let level =
            span.extensions().get::<SpanServices>().and_then(|services| services.level_for(self.number).cloned());
        if let Some(level) = level {
            let _ = ENTERED_SERVICES.try_with(|entered| entered.borrow_mut().push((self.number, id.clone(), level)));
        }
    }

    fn record_exit(&self, id: &Id) {
        let _ = ENTERED_SERVICES.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            // From the end, since spans are mostly left innermost first. Guards may be dropped in
            // any order.
            let at = entered.iter().rposition(|(number, other, _)| *number == self.number && other == id);
            at.map(|at| entered.remove(at))
        });
    }
}

/// Filters one layer: `layer.with_filter(filter)`.
impl<S: Subscriber + for<'a> LookupSpan<'a>> Filter<S> for ServiceFilter {
    fn enabled(&self, meta: &Metadata<'_>, _cx: &Context<'_, S>) -> bool {
        self.is_enabled(meta)
    }

    fn callsite_enabled(&self, meta: &'static Metadata<'static>) -> Interest {
        self.interest(meta)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.highest_level())
    }

    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        self.record_new_span(attrs, id, &cx);
    }

    fn on_enter(&self, id: &Id, cx: Context<'_, S>) {
        self.record_enter(id, &cx);
    }

    fn on_exit(&self, id: &Id, _cx: Context<'_, S>) {
        self.record_exit(id);
    }
}

/// Filters all layers: `registry().with(filter).with(..)`. This is the cheaper way if all layers
/// use the same levels: a record that it refuses is never built.
impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for ServiceFilter {
    fn enabled(&self, meta: &Metadata<'_>, _cx: Context<'_, S>) -> bool {
        self.is_enabled(meta)
    }

    fn register_callsite(&self, meta: &'static Metadata<'static>) -> Interest {
        self.interest(meta)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.highest_level())
    }

    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        self.record_new_span(attrs, id, &cx);
    }

    fn on_enter(&self, id: &Id, cx: Context<'_, S>) {
        self.record_enter(id, &cx);
    }

    fn on_exit(&self, id: &Id, _cx: Context<'_, S>) {
        self.record_exit(id);
    }
}

/// The `service` field of a span of rxd.
pub(crate) fn service_of(attrs: &Attributes<'_>) -> Option<String> {
    struct ServiceField(Option<String>);
    impl Visit for ServiceField {
        fn record_str(&mut self, field: &Field, value: &str) {
            if field.name() == "service" {
                self.0 = Some(value.to_owned());
            }
        }
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            if field.name() == "service" {
                self.0 = Some(format!("{value:?}"));
            }
        }
    }
    attrs.metadata().fields().field("service")?;
    let mut service = ServiceField(None);
    attrs.record(&mut service);
    service.0
}
