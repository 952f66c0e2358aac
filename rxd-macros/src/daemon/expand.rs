//! A valid daemon to tokens.

use super::fields::{AsField, configured_out, field_positions, field_table, field_types};
use super::model::{DaemonField, DaemonModel};
use super::settings::{DaemonSetting, PrestartStage};
use super::unix_only::{is_unix_only, report_unix_only};
use crate::code::{Code, call_site_ident};
use crate::runtime::RuntimePaths;
use crate::syntax::span::{call_at, compiled, outer_spans, respan};
use proc_macro2::{Delimiter, Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ItemStruct;
use syn::ext::IdentExt as _;

/// All impls and checks of a daemon.
pub(crate) fn expand<'a>(item: &ItemStruct, daemon: &DaemonModel, rxd: &'a RuntimePaths) -> Code<'a> {
    let ident = &item.ident;
    let text = ident.unraw().to_string();
    let places = field_positions(daemon);
    let fields: Vec<AsField<'_>> = daemon.fields.iter().map(|field| AsField::new(ident, field, rxd)).collect();
    let ConstValues { new, graphed: consts, checks: const_checks, stages } = ConstValues::of(ident, daemon, rxd);
    // An editor runs nothing, and needs only the types.
    let unreachable = quote!(::core::unreachable!());
    let mut code = Code::new(rxd);
    graphed(&mut code, daemon, ident, &places, &consts, rxd);
    // In one constant, which has the attribute for all of them.
    let mut checks = Code::new(rxd);
    checks.text("#[allow(deprecated)] const _: () =");
    checks.group(Delimiter::Brace, |code| {
        field_types(code, ident, daemon, &places, rxd);
        let checked = fields.iter().zip(&places).filter(|(this, _)| !this.field.name_is_taken);
        checked.for_each(|(this, place)| this.checks(code, daemon, place));
    });
    checks.text(";");
    let mut value = Code::new(rxd);
    value.format(format_args!("{}", rxd.graph()));
    value.group(Delimiter::Brace, |code| {
        code.format(format_args!("daemon: {text:?}, nodes: &"));
        code.group(Delimiter::Bracket, |code| fields.iter().for_each(|this| this.node(code)));
    });
    let value = compiled(value.into_token_stream(), unreachable.clone(), rxd);
    let build = compiled(builder(daemon, &fields, new, &stages, rxd), unreachable, rxd);
    let methods = daemon_methods(&item.vis.to_token_stream(), &value, &build, rxd);
    code.tokens(quote! {
        #[allow(dead_code, deprecated)]
        impl #ident {
            #methods
        }
    });
    code.tokens(compiled(checks.into_token_stream(), TokenStream::new(), rxd));
    const_checks.into_iter().for_each(|check| code.tokens(check));
    code.tokens(report_no_services(ident, daemon));
    daemon.settings.iter().flat_map(report_unix_only).for_each(|report| code.tokens(report));
    code
}

/// `impl Graphed`: the graph, and what the compiler has found in it.
fn graphed(
    code: &mut Code<'_>,
    daemon: &DaemonModel,
    ident: &Ident,
    places: &[TokenStream],
    consts: &TokenStream,
    rxd: &RuntimePaths,
) {
    let (graphed, analysis, index, graph) = (rxd.graphed(), rxd.analysis(), rxd.index(), rxd.graph());
    let count = places.last();
    code.text("#[doc(hidden)] #[allow(deprecated)]");
    code.format(format_args!("impl {graphed} for"));
    code.tree(ident.clone());
    code.group(Delimiter::Brace, |code| {
        code.format(format_args!("const ANALYSIS: &'static {analysis}<'static> ="));
        code.group(Delimiter::Brace, |code| {
            code.tokens(quote! {
                static GRAPH: #graph<'static> = #ident::GRAPH;
                static INDEX: #index<{ #count }> = #index::new(&GRAPH);
            });
            code.format(format_args!("static ANALYSIS: {analysis}<'static> = INDEX.of(&GRAPH).declared_in"));
            code.group(Delimiter::Parenthesis, |code| {
                code.text("::core::module_path!(), &");
                code.group(Delimiter::Bracket, |code| field_table(code, daemon));
                code.text(", &");
                code.group(Delimiter::Bracket, |code| configured_out(code, daemon));
            });
            code.text("; &ANALYSIS");
        });
        code.text(";");
        code.tokens(consts);
    });
}

/// The expression that makes the builder of the daemon.
fn builder(
    daemon: &DaemonModel,
    fields: &[AsField<'_>],
    new: TokenStream,
    stages: &[(&PrestartStage, TokenStream)],
    rxd: &RuntimePaths,
) -> TokenStream {
    let settings = daemon.settings.iter().map(|setting| builder_call(setting, stages, rxd));
    let (source, new) = config_source(daemon, fields, new, rxd);
    let has_cfgs = daemon.has_cfgs();
    let mut code = Code::new(rxd);
    code.tokens(&source);
    // `#[cfg]` can switch off a statement, but not a call in a chain.
    code.text(if has_cfgs { "let daemon =" } else { "" });
    code.tokens(quote!(#new #(#settings)*));
    code.text(if has_cfgs { ";" } else { "" });
    for this in fields {
        if has_cfgs {
            this.field.cfgs.iter().for_each(|cfg| code.tokens(cfg));
            code.text("let daemon = daemon");
        }
        this.add(&mut code);
        code.text(if has_cfgs { ";" } else { "" });
    }
    code.text(if has_cfgs { "daemon" } else { "" });
    let code = code.into_token_stream();
    if has_cfgs || !source.is_empty() { quote!({ #code }) } else { code }
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
    for this in services {
        let (cfgs, service) = (&this.field.cfgs, this.service());
        let at = Span::call_site().located_at(this.spans.0);
        let taken = quote_spanned!(at=> config.for_service::<#service>());
        statements.extend(quote!(#(#cfgs)* let config = #taken;));
    }
    let with_config = rxd.with_config();
    (statements, quote!(#with_config(#new, config)))
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
            let new = TokenStream::from_iter(new.at(start));
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
