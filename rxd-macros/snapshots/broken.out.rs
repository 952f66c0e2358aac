struct Poller {
    client: Client,
}
::rxd::__private::show! {
    { let _ = ::rxd::__private::editor::service::nmae; } { let _ =
    ::rxd::__private::editor::service::delay; } { let _ = ::rxd::State::Rum; } { let _ =
    ::rxd::__private::editor::watch::stream; }
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::Declared for Poller {
    const SERVICE_TYPE: ::rxd::__private::ServiceType = (::rxd::__private::ServiceType::of::<
        Self,
    >)(::core::concat!(::core::module_path!(), "::Poller"), "Poller");
    const DECLARATION: ::rxd::__private::Declaration = ::rxd::__private::Declaration::new(
            "poller",
        )
        .edges(const {
            &[
                ::rxd::__private::Edge::needs(const {
                    &[::rxd::__private::Target::name("db")]
                }),
            ]
        });
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl<
    __D: ::rxd::__private::Graphed,
    const __ME: usize,
> ::rxd::__private::Checked<__D, __ME> for Poller {
    type Itself = Self;
    const MODULE: &'static str = ::core::module_path!();
    const OK: () = {
        if ::rxd::__private::is_in_crate_of(__D::ANALYSIS, ::core::module_path!()) {
            (::rxd::__private::check_service)(__D::ANALYSIS, __ME);
            (::rxd::__private::check_edge)(__D::ANALYSIS, __ME, 0);
            (::rxd::__private::check_target)(__D::ANALYSIS, __ME, 0, 0);
        }
    };
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::IntoService for Poller {
    type Itself = Self;
    fn service(this: ::core::option::Option<Self>) -> ::rxd::Service {
        ::rxd::__private::service::<Self>(this)
    }
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl<__D> ::rxd::__private::WatchesIn<__D, ()> for Poller {}
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
