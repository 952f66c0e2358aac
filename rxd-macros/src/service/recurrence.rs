//! When a service runs again and again: `every` and the keys that go with it.

use crate::errors::Errors;
use crate::runtime::RuntimePaths;
use crate::syntax::duration::DurationValue;
use crate::syntax::keys::{KeyEntry, literal_string};
use crate::syntax::words::{FIRST, MISSED};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};

/// The keys that are read here.
pub(crate) const KEYS: [&str; 5] = ["every", "jitter", "within", "first", "missed"];

/// The runs of a periodic service.
pub(crate) struct RecurrenceModel {
    every: DurationValue,
    jitter: Option<DurationValue>,
    within: Option<DurationValue>,
    first: Option<Ident>,
    missed: Option<Ident>,
    /// The values that only the compiler can evaluate, and has to check: a variant of
    /// `RecurrenceKey`, and the value.
    pub(crate) unchecked: Vec<(&'static str, TokenStream)>,
}

impl RecurrenceModel {
    /// Checks those of the entries that are read here. `None` if the service is not periodic, or
    /// if its period is not valid.
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
        if find("every").is_none() {
            for entry in entries.iter().filter(|entry| KEYS.contains(&entry.name)) {
                report_alone(entry, errors);
            }
        }
        let every = every?;
        if let Some(jitter) = &jitter {
            match (jitter.known(), every.known()) {
                (Some(most), Some(period)) if most >= period => report_jitter(jitter, &every, errors),
                (Some(_), Some(_)) => {}
                _ => unchecked.push(("Jitter", jitter.expression().to_token_stream())),
            }
        }
        Some(RecurrenceModel { every, jitter, within, first, missed, unchecked })
    }

    /// The value of the key that makes the service periodic.
    pub(crate) fn written(&self) -> TokenStream {
        self.every.expression().to_token_stream()
    }

    /// `Recurrence::Every(..)`
    pub(crate) fn constructor(&self, rxd: &RuntimePaths) -> TokenStream {
        let (recurrence, every, period) = (rxd.recurrence(), rxd.every(), &self.every);
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
        quote!(#recurrence::Every(#every::new(#period) #jitter #within #first #missed))
    }
}

/// Reports a key that says something about the runs of a service that has none.
fn report_alone(entry: &KeyEntry, errors: &mut Errors) {
    let key = &entry.key;
    errors.report_with_help(
        key,
        format_args!("`{key}` without `every`"),
        format_args!("write how often the service runs, such as `every = \"5m\"`, or remove `{key}`"),
    );
}

fn report_jitter(jitter: &DurationValue, every: &DurationValue, errors: &mut Errors) {
    let text = |time: &DurationValue| literal_string(time.expression()).map_or_else(String::new, syn::LitStr::value);
    errors.report_with_help(
        jitter.expression(),
        format_args!("`jitter` must be shorter than `every`: it is {}, and `every` is {}", text(jitter), text(every)),
        "each run is later by less than `jitter`: make it shorter, or `every` longer",
    );
}
