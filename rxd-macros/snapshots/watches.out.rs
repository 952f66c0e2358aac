struct Poller {
    client: Client,
}
::rxd::__private::show! {
    { let _ = ::rxd::__private::editor::service::name; } { let _ =
    ::rxd::__private::editor::service::manager; } { let _ =
    ::rxd::__private::editor::service::startup_delay; } { use
    ::rxd::__private::editor::watch:: *; let _ : Health; } { let _ =
    ::rxd::__private::editor::watch::then; } { let _ =
    ::rxd::__private::editor::watch::within; }
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::Declared for Poller {
    type GenericTargets = ();
    type Configured = ();
    type Kind = ::rxd::__private::TaskKind;
    const SERVICE_TYPE: ::rxd::__private::ServiceType = (::rxd::__private::ServiceType::of::<
        Self,
    >)(::core::module_path!(), "Poller");
    const DECLARATION: ::rxd::__private::Declaration = ::rxd::__private::Declaration::new(
            "poller",
        )
        .manager::<::rxd::manager::until_success>()
        .options(const {
            &::rxd::Options::DEFAULT
                .startup_delay(::core::time::Duration::from_millis(100))
        })
        .edges(
            &[
                ::rxd::__private::Edge::watch(
                    ::rxd::Mode::Any,
                    ::rxd::Action::Entering,
                    ::rxd::State::Run,
                    &[::rxd::__private::Target::name("health")],
                ),
                ::rxd::__private::Edge::watch(
                        ::rxd::Mode::Any,
                        ::rxd::Action::Exited,
                        ::rxd::State::Run,
                        &[
                            ::rxd::__private::Target::of_type(
                                <Health as ::rxd::__private::Watched>::SERVICE_TYPE,
                            ),
                        ],
                    )
                    .then(::rxd::Effect::Stop),
                ::rxd::__private::Edge::needs(
                        &[
                            ::rxd::__private::Target::name("db"),
                            ::rxd::__private::Target::name("cache"),
                        ],
                    )
                    .within(const { ::core::time::Duration::from_secs(30) }),
                ::rxd::__private::Edge::after(
                    &[::rxd::__private::Target::name("migrate")],
                ),
            ],
        );
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl<__D: ::rxd::__private::Graphed> ::rxd::__private::Checked<__D> for Poller {
    type Runner = Self;
    const OK: () = {
        let (fields, edge, target) = (
            (::rxd::__private::check_service::<Self>)(__D::ANALYSIS),
            ::rxd::__private::check_edge,
            ::rxd::__private::check_target,
        );
        (edge)(fields, 0);
        (target)(fields, 0, 0);
        (edge)(fields, 1);
        (target)(fields, 1, 0);
        (edge)(fields, 2);
        (target)(fields, 2, 0);
        (target)(fields, 2, 1);
        (edge)(fields, 3);
        (target)(fields, 3, 0);
    };
}
