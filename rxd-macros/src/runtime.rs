//! The paths of the items of `rxd` that generated code names. `paths!` lists all of them.
//!
//! Paths are absolute, so nothing that a user has in scope changes their meaning.

use proc_macro2::{Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;
use std::fmt::{self, Display};
use syn::{Expr, Path};

use crate::code::call_site_ident;
use crate::errors::Errors;
use crate::syntax::args::{Arg, ArgList};
use crate::syntax::keys::{KeyEntry, literal_string};
use crate::syntax::tables::CRATE;

/// Paths below the root of `rxd`: the path in `crate = path`; otherwise the one before the attribute,
/// `renamed` of `#[renamed::service]`; otherwise `::rxd`, which is `None`.
#[derive(Clone, Default)]
pub(crate) struct RuntimePaths(Option<Vec<TokenTree>>);

/// What stands in text for a root that is written by the user.
const ROOT: &str = "__rxd_root";

/// The path of an item of `rxd`.
///
/// It is text or a list of tokens and no `TokenStream`: the compiler owns streams, and each clone or
/// concatenation of one is a call into it. Generated code consists of paths for the most part.
#[derive(Clone, Copy)]
pub(crate) struct ItemPath<'a> {
    rxd: &'a RuntimePaths,
    is_private: bool,
    name: &'static str,
}

impl ItemPath<'_> {
    /// The tokens of the path, at `span`: as [`respan`](crate::syntax::span::respan).
    pub(crate) fn at(self, span: Span) -> Vec<TokenTree> {
        let mut tokens = self.tokens();
        tokens.iter_mut().for_each(|token| token.set_span(span));
        tokens
    }

    fn tokens(self) -> Vec<TokenTree> {
        let private = self.is_private.then_some("__private");
        self.rxd.below_root(private.into_iter().chain([self.name]).map(call_site_ident))
    }
}

/// As text of [`Code`](crate::code::Code).
impl Display for ItemPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.rxd.0.is_none() { "::rxd" } else { ROOT })?;
        f.write_str(if self.is_private { "::__private::" } else { "::" })?;
        f.write_str(self.name)
    }
}

impl ToTokens for ItemPath<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.tokens());
    }
}

impl RuntimePaths {
    /// With `rxd` at this path.
    pub(crate) fn new(path: TokenStream) -> Self {
        RuntimePaths(Some(path.into_iter().collect()))
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

    /// The same tokens of parsed text, with the root in them.
    pub(crate) fn with_root(&self, tokens: TokenStream) -> TokenStream {
        let Some(root) = &self.0 else { return tokens };
        let replace = |token: TokenTree| match token {
            TokenTree::Ident(word) if word == ROOT => root.clone(),
            TokenTree::Group(group) => {
                vec![Group::new(group.delimiter(), self.with_root(group.stream())).into()]
            }
            other => vec![other],
        };
        tokens.into_iter().flat_map(replace).collect()
    }

    /// `::rxd::manager::$manager`, with the user's own token.
    pub(crate) fn manager(&self, manager: &Ident) -> TokenStream {
        self.below_root([call_site_ident("manager"), manager.clone()]).into_iter().collect()
    }

    fn below_root(&self, segments: impl IntoIterator<Item = Ident>) -> Vec<TokenTree> {
        let colons = || [Spacing::Joint, Spacing::Alone].map(|spacing| TokenTree::from(Punct::new(':', spacing)));
        let mut tokens = match &self.0 {
            Some(root) => root.clone(),
            None => Vec::from_iter(colons().into_iter().chain([call_site_ident("rxd").into()])),
        };
        for segment in segments {
            tokens.extend(colons());
            tokens.push(segment.into());
        }
        tokens
    }
}

macro_rules! is_private {
    (private) => {
        true
    };
    (public) => {
        false
    };
}

macro_rules! paths {
    ($($access:ident $method:ident $name:literal;)*) => {
        impl RuntimePaths {$(
            #[doc = concat!("`::rxd::..::", $name, "`")]
            pub(crate) fn $method(&self) -> ItemPath<'_> {
                ItemPath { rxd: self, is_private: is_private!($access), name: $name }
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
    private show_known "show_known";
    private choose "choose";
    private table "Table";
    private declared "Declared";
    private declaration "Declaration";
    private declaration_of "declaration";
    private checked "Checked";
    private field "Field";
    private of_field "field";
    private of_optional_field "optional_field";
    private of_family_field "family_field";
    private maker_of "MakerOf";
    private by_index "ByIndex";
    private by_nothing "ByNothing";
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
    private service_type_of "service_type";
    private edge "Edge";
    private edge_watch "watch";
    private edge_needs "needs";
    private edge_after "after";
    private target_name "target_name";
    private target_of_type "target_of_type";
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
