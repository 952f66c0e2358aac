struct Poller {
    client: Client,
}
::rxd::__private::show! {
    { let _ = ::rxd::__private::editor::service::nmae; } { let _ =
    ::rxd::__private::editor::service::delay; } { let _ = ::rxd::State::Rum; } { let _ =
    ::rxd::__private::editor::watch::stream; }
}
::rxd::__private::show_known! {
    Mode Any Action Entering
}
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::Declared for Poller {
    type Kind = ::rxd::__private::TaskKind;
    const SERVICE_TYPE: ::rxd::__private::ServiceType = (::rxd::__private::service_type::<
        Self,
    >)(::core::module_path!(), "Poller");
    const DECLARATION: ::rxd::__private::Declaration = ::rxd::__private::declaration(
            "poller",
        )
        .edges(&[::rxd::__private::needs(&[::rxd::__private::target_name("db")])]);
}
#[doc(hidden)]
#[allow(deprecated)]
impl<__D: ::rxd::__private::Graphed> ::rxd::__private::Checked<__D> for Poller {
    type Runner = Self;
    const OK: () = {
        let edge = ::rxd::__private::check_edge;
        let target = ::rxd::__private::check_target;
        let fields = (::rxd::__private::check_service::<Self>)(__D::ANALYSIS);
        (edge)(fields, 0);
        (target)(fields, 0, 0);
    };
}
#[automatically_derived]
#[allow(deprecated)]
impl Poller {
    ::rxd::__private::choose! {
        { #[doc = "The watch that `stream(health)` declares."] fn health(cx : &
        ::rxd::Context) -> ::rxd::Watch { ::rxd::__private::stream(cx, const { &
        ::rxd::__private::Edge::needs(& []) }) } } { #[doc =
        "The watch that `stream(health)` declares."] fn health(cx : & ::rxd::Context) ->
        ::rxd::Watch { ::rxd::__private::stream(cx, const { &
        ::rxd::__private::Edge::needs(& []) }) } }
    }
}
::core::compile_error! {
    "unknown key `nmae`\nhelp: did you mean `name`?"
}
::core::compile_error! {
    "`delay` is a number without a unit\nhelp: write `\"250ms\"` or `\"250s\"`"
}
::core::compile_error! {
    "unknown state `Rum`\nhelp: did you mean `Run`?"
}
