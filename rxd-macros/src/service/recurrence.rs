//! When a service runs again and again: `every`, `schedule`, and the keys that go with them.

use super::calendar;
use crate::errors::Errors;
use crate::runtime::RuntimePaths;
use crate::syntax::duration::DurationValue;
use crate::syntax::keys::{KeyEntry, literal_string};
use crate::syntax::words::{FIRST, MISSED};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::LitStr;

/// The keys that are read here.
pub(crate) const KEYS: [&str; 7] = ["every", "schedule", "zone", "jitter", "within", "first", "missed"];

/// The runs of a periodic or scheduled service.
pub(crate) struct RecurrenceModel {
    times: TimesModel,
    jitter: Option<DurationValue>,
    within: Option<DurationValue>,
    first: Option<Ident>,
    missed: Option<Ident>,
    /// The values that only the compiler can evaluate, and has to check: a variant of
    /// `RecurrenceKey`, and the value.
    pub(crate) unchecked: Vec<(&'static str, TokenStream)>,
}

/// What says when a service runs.
enum TimesModel {
    Every(Box<DurationValue>),
    Schedule { expression: LitStr, zone: Option<LitStr> },
}

impl RecurrenceModel {
    /// Checks those of the entries that are read here. `None` if the service does not run again and
    /// again, or if what says when is not valid.
    pub(crate) fn check(entries: &[KeyEntry], errors: &mut Errors) -> Option<Self> {
        let find = |name: &str| entries.iter().find(|entry| entry.name == name);
        let mut unchecked = Vec::new();
        let mut positive = |name: &str, key: &'static str, errors: &mut Errors| {
            let time = find(name)?.expect_positive_duration(errors)?;
            if time.is_constant_expression() {
                unchecked.push((key, time.expression().to_token_stream()));
            }
            Some(time)
        };
        let every = positive("every", "Every", errors);
        let within = positive("within", "Within", errors);
        let jitter = find("jitter").and_then(|entry| entry.expect_duration(errors));
        let first = find("first").and_then(|entry| entry.expect_word(&FIRST, errors));
        let missed = find("missed").and_then(|entry| entry.expect_word(&MISSED, errors));
        let schedule = find("schedule").and_then(|entry| entry.expect_string(errors));
        let zone = find("zone").and_then(|entry| entry.expect_string(errors));
        report_misplaced(entries, errors);
        let times = match (find("every"), find("schedule")) {
            (Some(_), Some(schedule)) => {
                errors.report_with_help(
                    &schedule.key,
                    "`schedule` and `every` both say when the service runs",
                    "remove one of them",
                );
                return None;
            }
            (Some(_), None) => TimesModel::Every(Box::new(every?)),
            _ => {
                let expression = schedule?;
                calendar::check(&expression, zone.as_ref(), errors).then_some(())?;
                TimesModel::Schedule { expression, zone }
            }
        };
        if let (Some(jitter), TimesModel::Every(every)) = (&jitter, &times) {
            match (jitter.known(), every.known()) {
                (Some(most), Some(period)) if most >= period => report_jitter(jitter, every, errors),
                (Some(_), Some(_)) => {}
                _ => unchecked.push(("Jitter", jitter.expression().to_token_stream())),
            }
        }
        Some(RecurrenceModel { times, jitter, within, first, missed, unchecked })
    }

    /// The value of the key that has the service run again and again.
    pub(crate) fn written(&self) -> TokenStream {
        match &self.times {
            TimesModel::Every(every) => every.expression().to_token_stream(),
            TimesModel::Schedule { expression, .. } => expression.to_token_stream(),
        }
    }

    /// `Recurrence::Every(..)` or `Recurrence::Schedule(..)`
    pub(crate) fn constructor(&self, rxd: &RuntimePaths) -> TokenStream {
        let jitter = self.jitter.as_ref().map(|jitter| quote!(.jitter(#jitter)));
        let within = self.within.as_ref().map(|within| quote!(.within(#within)));
        let first = self.first.as_ref().map(|first| {
            let words = rxd.first_run();
            quote!(.first(#words::#first))
        });
        let missed = self.missed.as_ref().map(|missed| {
            let words = rxd.missed_run();
            quote!(.missed(#words::#missed))
        });
        let recurrence = rxd.recurrence();
        match &self.times {
            TimesModel::Every(period) => {
                let every = rxd.every();
                quote!(#recurrence::Every(#every::new(#period) #jitter #within #first #missed))
            }
            TimesModel::Schedule { expression, zone } => {
                let (schedule, zone) = (rxd.schedule(), zone.as_ref().map_or("UTC".to_owned(), LitStr::value));
                quote!(#recurrence::Schedule(#schedule::declared(#expression, #zone) #jitter #within #missed))
            }
        }
    }
}

/// Reports keys about the runs of a service that has none, or has others.
fn report_misplaced(entries: &[KeyEntry], errors: &mut Errors) {
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    for entry in entries.iter().filter(|entry| KEYS.contains(&entry.name)) {
        let key = &entry.key;
        match entry.name {
            "every" | "schedule" => {}
            "zone" if has("schedule") => {}
            "zone" => errors.report_with_help(
                key,
                "`zone` without `schedule`",
                "write when the service runs, such as `schedule = \"0 3 * * *\"`, or remove `zone`",
            ),
            "first" if has("schedule") && !has("every") => errors.report_with_help(
                key,
                "`first` is for `every`: a schedule says when the first run is due",
                "remove `first`",
            ),
            _ if has("every") || has("schedule") => {}
            _ => errors.report_with_help(
                key,
                format_args!("`{key}` without `every`"),
                format_args!("write how often the service runs, such as `every = \"5m\"`, or remove `{key}`"),
            ),
        }
    }
}

fn report_jitter(jitter: &DurationValue, every: &DurationValue, errors: &mut Errors) {
    let text = |time: &DurationValue| literal_string(time.expression()).map_or_else(String::new, LitStr::value);
    errors.report_with_help(
        jitter.expression(),
        format_args!("`jitter` must be shorter than `every`: it is {}, and `every` is {}", text(jitter), text(every)),
        "each run is later by less than `jitter`: make it shorter, or `every` longer",
    );
}
