//! The filter that asks the dial, once for each callsite where it can, else for each record.
//!
//! A record below every level that is set is never made, one above them all always is: both cost
//! what they cost with `tracing`'s own level filter, since `tracing` remembers the answer. Only what
//! lies between asks which service it is of: the one whose span this thread is in.

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
    /// The spans of services that this thread is in: whose filter, which span, which service.
    static ENTERED_SERVICES: RefCell<Vec<(usize, Id, Arc<ServiceLevel>)>> = const { RefCell::new(Vec::new()) };
}

static NEXT_FILTER_ID: AtomicUsize = AtomicUsize::new(0);

/// A level for each service: what [`init`](super::init) puts before its own layers. It goes before
/// one layer, as a [`Filter`], or before all of them, as a [`Layer`].
///
/// ```
/// use rxd::log::{Level, levels};
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
    number: usize,
    rules: Vec<(Box<str>, Level)>,
}

impl LevelHandle {
    /// A filter for a layer that goes by this dial.
    #[must_use]
    pub fn filter(&self) -> ServiceFilter {
        let number = NEXT_FILTER_ID.fetch_add(1, Ordering::Relaxed);
        ServiceFilter { levels: self.clone(), number, rules: Vec::new() }
    }
}

impl ServiceFilter {
    /// Holds the records of a target, and of what is below it, to a level of their own, whichever
    /// service they are of: `target("hyper", Level::Warn)`. The longest target that fits counts.
    #[must_use]
    pub fn target(mut self, target: &str, level: Level) -> Self {
        self.rules.retain(|(other, _)| **other != *target);
        self.rules.push((target.into(), level));
        self.rules.sort_by_key(|(target, _)| std::cmp::Reverse(target.len()));
        self
    }

    fn rule(&self, target: &str) -> Option<Level> {
        self.rules.iter().find(|(rule, _)| is_below(target, rule)).map(|(_, level)| *level)
    }

    /// Whether everything from this callsite is to be made, nothing, or (none) it depends.
    fn verdict(&self, meta: &Metadata<'_>) -> Option<bool> {
        let level = Level::of_record(*meta.level());
        if is_internal(meta) {
            if meta.is_span() && level == Level::Error {
                // It says which service its records are of.
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

    /// The service whose span this thread is in.
    fn here<T>(&self, read: impl FnOnce(Option<&ServiceLevel>) -> T) -> T {
        // At a thread's very end there is nothing to be in any more.
        let mut read = Some(read);
        let told = ENTERED_SERVICES.try_with(|inside| {
            let inside = inside.borrow();
            let slot = inside.iter().rev().find(|(number, ..)| *number == self.number).map(|(.., slot)| &**slot);
            read.take().map(|read| read(slot))
        });
        match (told, read) {
            (Ok(Some(told)), _) => told,
            (_, Some(read)) => read(None),
            (_, None) => unreachable!("read is taken only where it is called"),
        }
    }
}

/// Whether a target is this one, or a module below it.
fn is_below(target: &str, parent: &str) -> bool {
    target.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether rxd itself says it.
pub(crate) fn is_internal(meta: &Metadata<'_>) -> bool {
    is_below(meta.target(), "rxd")
}

/// Of which service a span is, for each filter that knows it.
struct SpanServices(Vec<(usize, Arc<ServiceLevel>)>);

impl SpanServices {
    fn of(&self, number: usize) -> Option<&Arc<ServiceLevel>> {
        self.0.iter().find(|(other, _)| *other == number).map(|(_, slot)| slot)
    }
}

impl ServiceFilter {
    fn lets_through(&self, meta: &Metadata<'_>) -> bool {
        let level = Level::of_record(*meta.level());
        self.verdict(meta).unwrap_or_else(|| self.here(|slot| level <= self.levels.level_in(slot)))
    }

    fn interest(&self, meta: &Metadata<'_>) -> Interest {
        match self.verdict(meta) {
            Some(true) => Interest::always(),
            Some(false) => Interest::never(),
            None => Interest::sometimes(),
        }
    }

    fn highest(&self) -> LevelFilter {
        let (_, high) = self.levels.bounds();
        let rules = self.rules.iter().map(|(_, level)| *level).max().unwrap_or(Level::Off);
        // The spans of services are of ERROR; without them a level set later would find no service.
        high.max(self.levels.internal()).max(rules).max(Level::Error).into()
    }

    fn made<S: Subscriber + for<'a> LookupSpan<'a>>(&self, attrs: &Attributes<'_>, id: &Id, cx: &Context<'_, S>) {
        let Some(span) = cx.span(id) else { return };
        let named = if attrs.metadata().target() == "rxd" { service_of(attrs) } else { None };
        let slot = match named {
            Some(name) => Some(self.levels.slot(&name)),
            None => span.parent().and_then(|parent| {
                parent.extensions().get::<SpanServices>().and_then(|inside| inside.of(self.number).cloned())
            }),
        };
        let Some(slot) = slot else { return };
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<SpanServices>() {
            Some(inside) => inside.0.push((self.number, slot)),
            None => extensions.insert(SpanServices(vec![(self.number, slot)])),
        }
    }

    fn entered<S: Subscriber + for<'a> LookupSpan<'a>>(&self, id: &Id, cx: &Context<'_, S>) {
        let Some(span) = cx.span(id) else { return };
        let slot = span.extensions().get::<SpanServices>().and_then(|inside| inside.of(self.number).cloned());
        if let Some(slot) = slot {
            let _ = ENTERED_SERVICES.try_with(|inside| inside.borrow_mut().push((self.number, id.clone(), slot)));
        }
    }

    fn left(&self, id: &Id) {
        let _ = ENTERED_SERVICES.try_with(|inside| {
            let mut inside = inside.borrow_mut();
            // Guards may be dropped in any order.
            let at = inside.iter().rposition(|(number, other, _)| *number == self.number && other == id);
            at.map(|at| inside.remove(at))
        });
    }
}

/// Before one layer: `layer.with_filter(filter)`.
impl<S: Subscriber + for<'a> LookupSpan<'a>> Filter<S> for ServiceFilter {
    fn enabled(&self, meta: &Metadata<'_>, _cx: &Context<'_, S>) -> bool {
        self.lets_through(meta)
    }

    fn callsite_enabled(&self, meta: &'static Metadata<'static>) -> Interest {
        self.interest(meta)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.highest())
    }

    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        self.made(attrs, id, &cx);
    }

    fn on_enter(&self, id: &Id, cx: Context<'_, S>) {
        self.entered(id, &cx);
    }

    fn on_exit(&self, id: &Id, _cx: Context<'_, S>) {
        self.left(id);
    }
}

/// Before all layers: `registry().with(filter).with(..)`. What it holds back is not even begun, so
/// this is the cheaper way where every layer goes by the same levels.
impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for ServiceFilter {
    fn enabled(&self, meta: &Metadata<'_>, _cx: Context<'_, S>) -> bool {
        self.lets_through(meta)
    }

    fn register_callsite(&self, meta: &'static Metadata<'static>) -> Interest {
        self.interest(meta)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.highest())
    }

    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        self.made(attrs, id, &cx);
    }

    fn on_enter(&self, id: &Id, cx: Context<'_, S>) {
        self.entered(id, &cx);
    }

    fn on_exit(&self, id: &Id, _cx: Context<'_, S>) {
        self.left(id);
    }
}

/// The `service` of a span of rxd.
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
