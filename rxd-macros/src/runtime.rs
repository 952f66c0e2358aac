//! The paths of the items of `rxd` that generated code names. `paths!` lists all of them.
//!
//! Paths are absolute, so nothing that a user has in scope changes their meaning.

use proc_macro2::{Ident, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Expr, Path};

use crate::errors::Errors;
use crate::syntax::args::{Arg, ArgList};
use crate::syntax::keys::{KeyEntry, literal_string};
use crate::syntax::tables::CRATE;

/// Paths below the root of `rxd`: the path in `crate = path`; otherwise the one before the attribute,
/// `renamed` of `#[renamed::service]`; otherwise `::rxd`.
#[derive(Clone)]
pub(crate) struct RuntimePaths(Vec<TokenTree>);

impl Default for RuntimePaths {
    fn default() -> Self {
        RuntimePaths::new(quote!(::rxd))
    }
}

/// The path of an item of `rxd`.
///
/// It is a list of tokens and no `TokenStream`: the compiler owns streams, and each clone or
/// concatenation of one is a call into it. Generated code consists of paths for the most part.
pub(crate) struct ItemPath(Vec<TokenTree>);

impl ItemPath {
    pub(crate) fn of(tokens: Vec<TokenTree>) -> Self {
        ItemPath(tokens)
    }

    /// The same path, at `span`: as [`respan`](crate::syntax::span::respan).
    pub(crate) fn at(mut self, span: Span) -> Self {
        self.0.iter_mut().for_each(|token| token.set_span(span));
        self
    }
}

impl ToTokens for ItemPath {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.0.iter().cloned());
    }
}

impl IntoIterator for ItemPath {
    type Item = TokenTree;
    type IntoIter = std::vec::IntoIter<TokenTree>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl RuntimePaths {
    /// With `rxd` at this path.
    pub(crate) fn new(path: TokenStream) -> Self {
        RuntimePaths(path.into_iter().collect())
    }

    /// With `rxd` at the path that `value` is; `None` if it is not a path.
    fn from_value(value: &Expr) -> Option<Self> {
        let path = match value {
            Expr::Path(path) if path.qself.is_none() => Some(path.path.clone()),
            other => literal_string(other).and_then(|text| text.parse::<Path>().ok()),
        };
        // `Self` is a type, not a crate or a module.
        let path = path.filter(|path| path.segments.iter().all(|segment| segment.ident != "Self"))?;
        Some(RuntimePaths::new(path.to_token_stream()))
    }

    /// Reports a `crate = ..` whose value is not a path.
    pub(crate) fn check_entry(entry: &KeyEntry, errors: &mut Errors) {
        if entry.as_expr().and_then(RuntimePaths::from_value).is_none() {
            entry.report_wrong_value("a path", errors);
        }
    }

    /// With `rxd` at the path in `crate = path`. The other arguments may be invalid: what is
    /// generated for them names `rxd`, too.
    pub(crate) fn from_arguments(list: &ArgList) -> Self {
        let mut args = list.slots.iter().filter_map(|slot| slot.arg.as_ref());
        let value = args.find_map(|arg| match arg {
            Arg::Value { key, value } if key == CRATE.name => Some(Some(value)),
            Arg::List { key, .. } if key == CRATE.name => Some(None),
            _ => None,
        });
        value.flatten().and_then(RuntimePaths::from_value).or_else(RuntimePaths::of_attribute).unwrap_or_default()
    }

    /// With `rxd` at the path that the attribute itself is written with. `None` if that is `rxd`,
    /// for which `::rxd` is safer, or if it is not known.
    fn of_attribute() -> Option<Self> {
        let text = Span::call_site().source_text()?;
        let path = text.trim_start_matches(['#', '[', ' ']).split(['(', ']']).next()?;
        if path.starts_with("rxd::") {
            return None;
        }
        let mut path = syn::parse_str::<Path>(path).ok()?;
        path.segments.pop();
        path.segments.pop_punct();
        let is_known = path.segments.is_empty() || path.is_ident("rxd");
        (!is_known).then(|| RuntimePaths::new(path.to_token_stream()))
    }

    /// `::rxd::__private::$name`
    fn private(&self, name: &str) -> ItemPath {
        self.path([Ident::new("__private", Span::call_site()), Ident::new(name, Span::call_site())])
    }

    /// `::rxd::$name`
    fn public(&self, name: &str) -> ItemPath {
        self.path([Ident::new(name, Span::call_site())])
    }

    /// `::rxd::manager::$manager`, with the user's own token.
    pub(crate) fn manager(&self, manager: &Ident) -> ItemPath {
        self.path([Ident::new("manager", Span::call_site()), manager.clone()])
    }

    fn path<const N: usize>(&self, segments: [Ident; N]) -> ItemPath {
        let mut tokens = self.0.clone();
        for segment in segments {
            let colon = |spacing| TokenTree::from(Punct::new(':', spacing));
            tokens.extend([colon(Spacing::Joint), colon(Spacing::Alone), segment.into()]);
        }
        ItemPath(tokens)
    }
}

macro_rules! paths {
    ($($access:ident $method:ident $name:literal;)*) => {
        impl RuntimePaths {$(
            #[doc = concat!("`::rxd::..::", $name, "`")]
            pub(crate) fn $method(&self) -> ItemPath {
                self.$access($name)
            }
        )*}
    };
}

paths! {
    public state "State";
    public action "Action";
    public mode "Mode";
    public effect "Effect";
    public options "Options";
    public backoff "Backoff";
    public on_failure "OnFailure";
    public readiness "Readiness";
    public every "Every";
    public first_run "FirstRun";
    public missed_run "MissedRun";
    public on_stale "OnStale";
    public runner "Runner";
    public configure "Configure";
    public config_part "ConfigPart";
    public service "Service";
    public local_runner "LocalRunner";
    public context "Context";
    public watch "Watch";
    public graph "Graph";
    public daemon "Daemon";
    public handle "DaemonHandle";
    public error "Error";
    public result "Result";
    public signal "Signal";
    public manager_trait "Manager";
    public systemd "systemd";
    public provides "Provides";
    private provided "provided";
    private provided_by "provided_by";
    private with_systemd "with_systemd";
    private stage "Stage";
    private editor "editor";
    private show "show";
    private choose "choose";
    private table "Table";
    private declared "Declared";
    private declaration "Declaration";
    private checked "Checked";
    private field "Field";
    private of_field "field";
    private of_optional_field "optional_field";
    private of_generic_type "OfGenericType";
    private of_generic_local "OfGenericLocal";
    private of_generic_blocking "OfGenericBlocking";
    private on_thread "OnThread";
    private task_kind "TaskKind";
    private local_kind "LocalKind";
    private blocking_kind "BlockingKind";
    private local_service "local_service";
    private blocking_service "blocking_service";
    private watched "Watched";
    private graphed "Graphed";
    private service_type "ServiceType";
    private edge "Edge";
    private target "Target";
    private node "Node";
    private analysis "Analysis";
    private index "Index";
    private stream "stream";
    private cloned "cloned";
    private function_result "function_result";
    private check_field "check_field";
    private check_field_without_config "check_field_without_config";
    private configured_kind "ConfiguredKind";
    private configured_service "configured_service";
    private declared_config "DeclaredConfig";
    private of_configured "OfConfigured";
    private takes_from "TakesFrom";
    private daemon_config "DaemonConfig";
    private add_part "add_part";
    private config_source "config_source";
    private with_config "with_config";
    private check_service "check_service";
    private check_edge "check_edge";
    private check_target "check_target";
    private option_key "OptionKey";
    private check_option "check_option";
    private check_within "check_within";
    private check_lasts "check_lasts";
    private in_daemon "InDaemon";
    private watches_in "WatchesIn";
    private field_index "FieldIndex";
    private check_on_failure "check_on_failure";
    private recurrence "Recurrence";
    private schedule "Schedule";
    private recurrence_key "RecurrenceKey";
    private check_recurrence "check_recurrence";
    private daemon_options "DaemonOptions";
    private daemon_key "DaemonKey";
    private check_daemon "check_daemon";
    private check_name "check_name";
    private stage_options "StageOptions";
    private stage_key "StageKey";
    private check_stage "check_stage";
    private blocking_threshold "BlockingThreshold";
    private daemon_of "daemon";
    private stage_of "stage";
}
