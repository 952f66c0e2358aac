//! A valid daemon to tokens.

use super::model::{DaemonField, DaemonModel};
use super::settings::{DaemonSetting, PrestartStage};
use crate::runtime::{ItemPath, RuntimePaths};
use crate::syntax::item::last_segment;
use crate::syntax::span::{call_at, compiled, outer_spans, respan};
use crate::syntax::words::SIGNALS;
use proc_macro2::{Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use std::collections::HashSet;
use syn::ext::IdentExt as _;
use syn::{Expr, ExprLit, ItemStruct, Lit, LitStr, Type};

/// All impls and checks of a daemon.
pub(crate) fn expand(item: &ItemStruct, daemon: &DaemonModel, rxd: &RuntimePaths) -> TokenStream {
    let ident = &item.ident;
    let text = ident.unraw().to_string();
    let (graphed, analysis, index, graph) = (rxd.graphed(), rxd.analysis(), rxd.index(), rxd.graph());
    let places = field_positions(daemon);
    let count = places.last().cloned().unwrap_or_default();
    let services: Vec<AsField<'_>> = daemon.fields.iter().map(|field| AsField::new(ident, field, rxd)).collect();
    let nodes = daemon.fields.iter().zip(&services).map(|(field, service)| graph_node(field, service, rxd));
    let ConstValues { new, graphed: consts, checks: const_checks, stages } = ConstValues::of(ident, daemon, rxd);
    let settings = daemon.settings.iter().map(|setting| builder_call(setting, &stages, rxd));
    let adds = daemon.fields.iter().zip(&services).map(|(field, service)| add_call(field, service, rxd));
    let checks = daemon
        .fields
        .iter()
        .zip(services.iter().zip(&places))
        .filter(|(field, _)| !field.name_is_taken)
        .map(|(field, (service, place))| field_checks(field, daemon, service, place, rxd));
    let types = field_types(ident, daemon, &places, rxd);
    // In one constant, which has the attribute for all of them.
    let checks = quote!(#[allow(deprecated)] const _: () = { #types #(#checks)* };);
    let checks = compiled(checks, TokenStream::new(), rxd);
    let (fields, configured_out) = field_tables(daemon);
    let no_services = report_no_services(ident, daemon);
    let unix_only = daemon.settings.iter().flat_map(report_unix_only);
    let (source, new) = config_source(daemon, &services, new, rxd);
    // `#[cfg]` can switch off a statement, but not a call in a chain.
    let build = if daemon.has_cfgs() {
        let steps = daemon.fields.iter().zip(adds).map(|(field, add)| {
            let cfgs = &field.cfgs;
            quote!(#(#cfgs)* let daemon = daemon #add;)
        });
        quote! {{
            #source
            let daemon = #new #(#settings)*;
            #(#steps)*
            daemon
        }}
    } else {
        let build = quote!(#new #(#settings)* #(#adds)*);
        if source.is_empty() { build } else { quote!({ #source #build }) }
    };
    // An editor runs nothing, and needs only the types.
    let unreachable = quote!(::core::unreachable!());
    let build = compiled(build, unreachable.clone(), rxd);
    let value = compiled(quote!(#graph { daemon: #text, nodes: &[#(#nodes),*] }), unreachable, rxd);
    let methods = daemon_methods(&item.vis.to_token_stream(), &value, &build, rxd);
    quote! {
        #[automatically_derived]
        #[doc(hidden)]
        #[allow(deprecated)]
        impl #graphed for #ident {
            const ANALYSIS: &'static #analysis<'static> = {
                static GRAPH: #graph<'static> = #ident::GRAPH;
                static INDEX: #index<{ #count }> = #index::new(&GRAPH);
                static ANALYSIS: #analysis<'static> =
                    INDEX.of(&GRAPH).declared_in(::core::module_path!(), &[#fields], &[#configured_out]);
                &ANALYSIS
            };
            #consts
        }
        #[automatically_derived]
        #[allow(dead_code, deprecated)]
        impl #ident {
            #methods
        }
        #checks
        #(#const_checks)*
        #no_services
        #(#unix_only)*
    }
}

/// The checks of one field and its service, as one constant.
fn field_checks(
    field: &DaemonField,
    model: &DaemonModel,
    this: &AsField<'_>,
    place: &TokenStream,
    rxd: &RuntimePaths,
) -> TokenStream {
    let (cfgs, daemon) = (&field.cfgs, this.daemon);
    // What can be mended only here is reported here, at the name that the field gives.
    let at = field.name.as_ref().map_or(this.spans, |name| (name.span(), name.span()));
    // With a configuration, `config_source` has the bound on what the service takes.
    let check_field = if model.has_config { rxd.check_field() } else { rxd.check_field_without_config() };
    let service = this.service();
    let check = call_at(at, quote!(#check_field::<#service, #daemon, _>), place.clone());
    // Spanned at the field: the compiler names it as the place where it evaluates the checks.
    let ok = this.checked("OK", rxd);
    quote!(#(#cfgs)* const _: () = { #check; #ok };)
}

/// The statements that make the configuration of the daemon, and the builder with it. Each field has
/// one, spanned at its type: the compiler reports a service there that takes something else.
fn config_source(
    daemon: &DaemonModel,
    services: &[AsField<'_>],
    new: TokenStream,
    rxd: &RuntimePaths,
) -> (TokenStream, TokenStream) {
    let load = daemon.settings.iter().find_map(|setting| match setting {
        DaemonSetting::Config(load) => Some(load),
        _ => None,
    });
    let Some(load) = load else { return (TokenStream::new(), new) };
    // Spanned at the path: the compiler reports there what is not such a function.
    let source = call_at(outer_spans(load), rxd.config_source(), load.clone());
    let mut statements = quote!(let config = #source;);
    for (field, this) in daemon.fields.iter().zip(services) {
        let (cfgs, service) = (&field.cfgs, this.service());
        let at = Span::call_site().located_at(this.spans.0);
        let taken = quote_spanned!(at=> config.for_service::<#service>());
        statements.extend(quote!(#(#cfgs)* let config = #taken;));
    }
    let with_config = rxd.with_config();
    (statements, quote!(#with_config(#new, config)))
}

/// `impl InDaemon` for the type of each field, once where two fields have one type.
fn field_types(daemon: &Ident, model: &DaemonModel, places: &[TokenStream], rxd: &RuntimePaths) -> TokenStream {
    let in_daemon = rxd.in_daemon();
    let mut known = HashSet::new();
    let impls = model.fields.iter().zip(places).filter_map(|(field, place)| {
        let (ty, cfgs, place) = (&field.ty, &field.cfgs, const_argument(field, place));
        // A field with a `#[cfg]` may be off while another one of its type is on.
        let is_new = known.insert(ty.to_token_stream().to_string()) || !cfgs.is_empty();
        is_new.then(|| {
            quote! {
                #(#cfgs)*
                #[doc(hidden)]
                impl #in_daemon<#daemon, #place> for #ty {}
            }
        })
    });
    impls.collect()
}

/// What messages need to know of the fields: of each service its field and whether that gives its
/// name; of each service that is configured out its name and its type.
fn field_tables(daemon: &DaemonModel) -> (TokenStream, TokenStream) {
    let (mut fields, mut configured_out) = (TokenStream::new(), TokenStream::new());
    for field in &daemon.fields {
        let (cfgs, is_named) = (&field.cfgs, field.name.is_some());
        let text = field.ident.unraw().to_string();
        fields.extend(quote!(#(#cfgs)* (#text, #is_named),));
        if let Some(condition) = field.condition() {
            let name = field.name.as_ref().map_or(text, LitStr::value);
            let ty = match &field.ty {
                Type::Path(path) => last_segment(&path.path).map(ToString::to_string).unwrap_or_default(),
                _ => String::new(),
            };
            configured_out.extend(quote!(#[cfg(not(#condition))] (#name, #ty),));
        }
    }
    (fields, configured_out)
}

/// The error about a daemon whose services are all configured out.
fn report_no_services(ident: &Ident, daemon: &DaemonModel) -> Option<TokenStream> {
    let conditions: Vec<TokenStream> = daemon.fields.iter().filter_map(DaemonField::condition).collect();
    if conditions.is_empty() || conditions.len() < daemon.fields.len() {
        return None;
    }
    let text = format!(
        "daemon `{ident}` has no services: all of them are configured out\nhelp: keep one, or put a `#[cfg(..)]` on the daemon, too"
    );
    let error = quote_spanned!(ident.span()=> ::core::compile_error! { #text });
    Some(quote!(#[cfg(not(any(#(#conditions),*)))] #error))
}

/// The errors about what a setting asks for and only Unix has. This macro runs on the machine that
/// compiles, and only the compiler knows what it compiles for.
fn report_unix_only(setting: &DaemonSetting) -> Vec<TokenStream> {
    let report = |span: Span, what: &str, help: &str| {
        let text = format!("{what} on this system\nhelp: {help}");
        let error = quote_spanned!(span=> ::core::compile_error! { #text });
        quote!(#[cfg(not(unix))] #error)
    };
    match setting {
        DaemonSetting::Admin(address) => match &**address {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if text.value().starts_with("unix:") => {
                vec![report(text.span(), "there are no Unix sockets", "write `127.0.0.1:1337`")]
            }
            _ => Vec::new(),
        },
        DaemonSetting::Signals(signals) => {
            let signals = signals.iter().filter(|signal| is_unix_only(signal));
            let help = "write `interrupt` or `terminate`; for a list that depends on the system, call \
                        `Daemon::signals` of the builder";
            signals
                .map(|signal| report(signal.span(), &format!("there is no signal `{}`", SIGNALS.word_of(signal)), help))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a constant of `Signal` exists on Unix only.
fn is_unix_only(signal: &Ident) -> bool {
    !["INTERRUPT", "TERMINATE"].iter().any(|everywhere| signal == everywhere)
}

/// The values that only the compiler can evaluate. Each is written into one constant, and checked
/// there by a call that is spanned at the value.
struct ConstValues<'a> {
    /// The builder, with these values set.
    new: TokenStream,
    /// The constants `OPTIONS` and `STAGES` of `Graphed`, if there are such values.
    graphed: TokenStream,
    checks: Vec<TokenStream>,
    /// The stages with a row in `STAGES`, and the path of the row.
    stages: Vec<(&'a PrestartStage, TokenStream)>,
}

impl<'a> ConstValues<'a> {
    fn of(ident: &Ident, daemon: &'a DaemonModel, rxd: &RuntimePaths) -> Self {
        let written = &daemon.name;
        let (graphed, options, key) = (rxd.graphed(), rxd.daemon_options(), rxd.daemon_key());
        let (mut checks, mut consts) = (Vec::new(), TokenStream::new());
        let mut name = written.clone();
        if daemon.name_is_constant {
            consts.extend(quote!(const NAME: &'static str = #written;));
            checks.push(free_constant(call_at(
                outer_spans(written),
                rxd.check_name(),
                quote!(<#ident as #graphed>::NAME),
            )));
            name = quote!(<Self as #graphed>::NAME);
        }
        let mut setters = Vec::new();
        for setting in &daemon.settings {
            let DaemonSetting::Const(setter, variant, value) = setting else { continue };
            let (setter_name, variant) = (call_site_ident(setter), call_site_ident(variant));
            let limit = (*setter == "blocking_threshold").then(|| {
                // The value may be a duration or `None`: `BlockingThreshold` takes both. The method
                // is spanned at the value, so a value of another type is an error there.
                let (limit, get) = (rxd.blocking_threshold(), quote!(.duration_or_none()));
                let get = respan(get, outer_spans(value).1);
                quote!(#limit(#value) #get)
            });
            let given = limit.unwrap_or_else(|| value.clone());
            setters.push(quote!(.#setter_name(#given)));
            let args = quote!(&<#ident as #graphed>::OPTIONS, #key::#variant);
            checks.push(free_constant(call_at(outer_spans(value), rxd.check_daemon(), args)));
        }
        let builder = rxd.daemon();
        let mut new = quote!(#builder::new(#name));
        if !setters.is_empty() {
            consts.extend(quote!(const OPTIONS: #options = #options::DEFAULT #(#setters)*;));
            let daemon = rxd.daemon_of();
            new = quote!(#daemon(#name, <Self as #graphed>::OPTIONS));
        }
        let (mut stages, mut rows) = (Vec::new(), Vec::new());
        let (options, key) = (rxd.stage_options(), rxd.stage_key());
        for setting in &daemon.settings {
            let DaemonSetting::Stage(stage) = setting else { continue };
            // A stage without such values has no row: its setters are called on the builder.
            if stage.consts.is_empty() {
                continue;
            }
            let i = Literal::usize_unsuffixed(rows.len());
            let setters = stage.consts.iter().map(|(setter, _, value)| {
                let setter = call_site_ident(setter);
                quote!(.#setter(#value))
            });
            rows.push(quote!(#options::DEFAULT #(#setters)*));
            for (_, variant, value) in &stage.consts {
                let variant = call_site_ident(variant);
                let args = quote!(<#ident as #graphed>::STAGES, #i, #key::#variant);
                checks.push(free_constant(call_at(outer_spans(value), rxd.check_stage(), args)));
            }
            stages.push((stage, quote!(<Self as #graphed>::STAGES[#i])));
        }
        if !rows.is_empty() {
            consts.extend(quote!(const STAGES: &'static [#options] = &[#(#rows),*];));
        }
        ConstValues { new, graphed: consts, checks, stages }
    }
}

/// An ident of generated code.
fn call_site_ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

/// A free constant: the compiler evaluates it whether or not it is used.
fn free_constant(check: TokenStream) -> TokenStream {
    quote!(const _: () = #check;)
}

/// The constant and the methods of a daemon.
pub(crate) fn daemon_methods(
    vis: &TokenStream,
    value: &TokenStream,
    build: &TokenStream,
    rxd: &RuntimePaths,
) -> TokenStream {
    let (graph, builder, error, handle) = (rxd.graph(), rxd.daemon(), rxd.error(), rxd.handle());
    let (with_systemd, systemd) = (rxd.with_systemd(), rxd.systemd());
    quote! {
        /// The services and their watches, as the compiler has checked them.
        #vis const GRAPH: #graph<'static> = #value;

        /// The daemon as a builder, for what is known only at run time.
        #vis fn into_daemon(self) -> #builder {
            #build
        }

        #with_systemd! {
            /// The systemd unit that matches this declaration.
            #vis fn unit(self) -> #systemd::Unit {
                self.into_daemon().unit()
            }
        }

        /// Runs the daemon until it is stopped.
        ///
        /// # Errors
        ///
        /// If it could not start, if a service failed for good, or if one was abandoned.
        #vis async fn run(self) -> ::core::result::Result<(), #error> {
            self.into_daemon().run().await
        }

        /// Runs the daemon until it is stopped, prints its error, and returns its exit status. The
        /// process ends within 1 s, whatever its runtime still waits for.
        #vis async fn main(self) -> ::std::process::ExitCode {
            self.into_daemon().main().await
        }

        /// Starts the daemon, and returns at once.
        ///
        /// # Errors
        ///
        /// If it cannot start.
        #vis async fn start(self) -> ::core::result::Result<#handle, #error> {
            self.into_daemon().start().await
        }
    }
}

/// The position of each field in the graph, and at the end the number of fields. The compiler
/// counts the fields with a `#[cfg]`.
fn field_positions(daemon: &DaemonModel) -> Vec<TokenStream> {
    let mut places = Vec::new();
    let mut fixed = 0_usize;
    let mut counted = TokenStream::new();
    for field in &daemon.fields {
        let place = Literal::usize_unsuffixed(fixed);
        places.push(quote!(#place #counted));
        if field.cfgs.is_empty() {
            fixed += 1;
        } else {
            let condition = field.condition();
            counted.extend(quote!(+ ::core::cfg!(#condition) as usize));
        }
    }
    let count = Literal::usize_unsuffixed(fixed);
    places.push(quote!(#count #counted));
    places
}

/// `<Health as Field<EdgeAgent>>`, spanned at the field's type. All code about a field uses this one
/// bound, so a type that is not a service is one error.
struct AsField<'a> {
    daemon: &'a Ident,
    tokens: Vec<TokenTree>,
    /// The spans of the first and the last token of the field's type.
    spans: (Span, Span),
}

impl<'a> AsField<'a> {
    fn new(daemon: &'a Ident, field: &DaemonField, rxd: &RuntimePaths) -> Self {
        let ty: Vec<TokenTree> = field.ty.to_token_stream().into_iter().collect();
        let span = |token: Option<&TokenTree>| token.map_or_else(Span::call_site, TokenTree::span);
        let mut this = AsField { daemon, tokens: Vec::new(), spans: (span(ty.first()), span(ty.last())) };
        this.tokens = this.qualified(ty, rxd.field());
        this
    }

    /// `<Health as Field<EdgeAgent>>::Service`
    fn service(&self) -> ItemPath {
        self.item_of(self.tokens.clone(), "Service")
    }

    /// `<Health as Field<EdgeAgent>>::NODE`
    fn node(&self) -> ItemPath {
        self.item_of(self.tokens.clone(), "NODE")
    }

    /// An item of its service in the daemon: `<<Health as ..>::Service as Checked<EdgeAgent>>::OK`.
    fn checked(&self, item: &str, rxd: &RuntimePaths) -> ItemPath {
        self.item_of(self.qualified(self.service(), rxd.checked()), item)
    }

    /// `<ty as path<EdgeAgent>>`
    fn qualified(&self, ty: impl IntoIterator<Item = TokenTree>, path: ItemPath) -> Vec<TokenTree> {
        let (start, end) = self.spans;
        let mut tokens = vec![punct('<', Spacing::Alone, start)];
        tokens.extend(ty);
        tokens.push(Ident::new("as", end).into());
        tokens.extend(path.at(end));
        tokens.extend([punct('<', Spacing::Alone, end), self.daemon.clone().into()]);
        tokens.extend([punct('>', Spacing::Joint, end), punct('>', Spacing::Alone, end)]);
        tokens
    }

    fn item_of(&self, mut tokens: Vec<TokenTree>, name: &str) -> ItemPath {
        let end = self.spans.1;
        tokens.extend([punct(':', Spacing::Joint, end), punct(':', Spacing::Alone, end), Ident::new(name, end).into()]);
        ItemPath::of(tokens)
    }
}

fn punct(char: char, spacing: Spacing, span: Span) -> TokenTree {
    let mut punct = Punct::new(char, spacing);
    punct.set_span(span);
    punct.into()
}

/// The position of a field as the argument of a parameter.
fn const_argument(field: &DaemonField, place: &TokenStream) -> TokenStream {
    if field.cfgs.is_empty() && place.clone().into_iter().count() == 1 { place.clone() } else { quote!({ #place }) }
}

/// The node of one field in the graph.
fn graph_node(field: &DaemonField, service: &AsField<'_>, rxd: &RuntimePaths) -> TokenStream {
    let (node, cfgs) = (rxd.node(), &field.cfgs);
    let name = field.name.as_ref().map(|name| quote!(name: #name,));
    let optional = field.is_optional.then(|| quote!(optional: true,));
    let declared = service.node();
    if name.is_none() && optional.is_none() {
        return quote!(#(#cfgs)* #declared);
    }
    quote!(#(#cfgs)* #node { #name #optional ..#declared })
}

/// The call of the builder for one setting.
fn builder_call(setting: &DaemonSetting, consts: &[(&PrestartStage, TokenStream)], rxd: &RuntimePaths) -> TokenStream {
    match setting {
        DaemonSetting::Plain(name, value) => {
            let name = call_site_ident(name);
            quote!(.#name(#value))
        }
        // Part of `OPTIONS`, or of `config_source`.
        DaemonSetting::Const(..) | DaemonSetting::Config(_) => TokenStream::new(),
        DaemonSetting::OnStale(variant) => {
            let on_stale = rxd.on_stale();
            quote!(.on_stale(#on_stale::#variant))
        }
        DaemonSetting::Admin(address) => quote!(.admin(#address)),
        DaemonSetting::WatchConfig(path) => quote!(.watch_config(#path)),
        DaemonSetting::Stage(stage) => {
            let (new, name, path) = (rxd.stage(), &stage.name, &stage.path);
            // Spanned at the path: the compiler reports a function that is not async there.
            let (start, end) = outer_spans(path);
            let new = new.at(start);
            let mut new = quote_spanned!(end=> #new::new(#name, #path));
            // Two stages may be equal, so their addresses identify them.
            if let Some((_, options)) = consts.iter().find(|(other, _)| std::ptr::eq(*other, stage)) {
                let with = rxd.stage_of();
                new = quote!(#with(#new, #options));
            }
            let plain = stage.plain.iter().map(|(setter, value)| {
                let setter = call_site_ident(setter);
                quote!(.#setter(#value))
            });
            quote!(.prestart(#new #(#plain)*))
        }
        DaemonSetting::Signals(signals) => {
            let kind = rxd.signal();
            // An error is reported already where there is no such constant.
            let signals = signals.iter().map(|signal| {
                let only = is_unix_only(signal).then(|| quote!(#[cfg(unix)]));
                quote!(#only #kind::#signal)
            });
            quote!(.signals([#(#signals),*]))
        }
    }
}

/// The call `.add(..)` for one field, spanned at the type, as all code about a field.
fn add_call(field: &DaemonField, this: &AsField<'_>, rxd: &RuntimePaths) -> TokenStream {
    let (ident, daemon) = (&field.ident, this.daemon);
    let named = field.name.as_ref().map(|name| quote!(.named(#name)));
    let of = if field.is_optional { rxd.of_optional_field() } else { rxd.of_field() };
    let (service, runner) = (this.service(), this.checked("Runner", rxd));
    let value = call_at(this.spans, quote!(#of::<#runner, #service, #daemon>), quote!(self.#ident));
    quote!(.add(#value #named))
}
