struct Poller;
::rxd::__private::show! {
    { let _ = ::rxd::__private::editor::service::timeouts; } { let _ = LIMIT; } { let _ =
    ::rxd::__private::editor::service::backoff; } { let _ =
    ::rxd::__private::editor::backoff::base; } { let _ = FIRST; } { let _ =
    ::rxd::__private::editor::backoff::factor; } { let _ =
    ::rxd::__private::editor::service::heartbeat; } { let _ =
    ::rxd::__private::editor::watch::within; } { let _ = LIMIT; }
}
::rxd::__private::show_known! {
    Mode Any Action Entering State Run
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
        .options(const {
            &::rxd::Options::DEFAULT
                .backoff(::rxd::Backoff::DEFAULT.base(FIRST).factor(2 * GROWTH))
                .heartbeat(::core::time::Duration::from_secs(2))
                .timeout_of(::rxd::State::Stop, LIMIT)
        })
        .edges(
            &[
                ::rxd::__private::watch(
                        ::rxd::Mode::Any,
                        ::rxd::Action::Entering,
                        ::rxd::State::Run,
                        &[::rxd::__private::target_name("health")],
                    )
                    .within(const { LIMIT }),
            ],
        );
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
#[allow(deprecated)]
const _: () = (::rxd::__private::check_option)(
    <Poller as ::rxd::__private::Declared>::DECLARATION.options,
    ::rxd::__private::OptionKey::Timeout(::rxd::State::Stop),
);
#[allow(deprecated)]
const _: () = (::rxd::__private::check_option)(
    <Poller as ::rxd::__private::Declared>::DECLARATION.options,
    ::rxd::__private::OptionKey::Factor,
);
#[allow(deprecated)]
const _: () = (::rxd::__private::check_option)(
    <Poller as ::rxd::__private::Declared>::DECLARATION.options,
    ::rxd::__private::OptionKey::Max,
);
#[allow(deprecated)]
const _: () = (::rxd::__private::check_within)(
    <Poller as ::rxd::__private::Declared>::DECLARATION.edges,
    0,
);
struct EdgeAgent {
    poller: Poller,
}
::rxd::__private::show! {
    { let _ = ::rxd::__private::editor::daemon::shutdown_timeout; } { let _ =
    ::rxd::__private::editor::daemon::exit_code; } { let _ = CODE; } { let _ =
    ::rxd::__private::editor::daemon::blocking_threshold; } { let _ = None; } { let _ =
    ::rxd::__private::editor::daemon::prestart; } { let _ = check_disk; } { let _ =
    ::rxd::__private::editor::stage::retry; } { let _ =
    ::rxd::__private::editor::stage::attempts; } { let _ = MOST; } { let _ = reach_db; }
}
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::Graphed for EdgeAgent {
    const ANALYSIS: &'static ::rxd::__private::Analysis<'static> = {
        static GRAPH: ::rxd::Graph<'static> = EdgeAgent::GRAPH;
        static INDEX: ::rxd::__private::Index<{ 1 }> = ::rxd::__private::Index::new(
            &GRAPH,
        );
        static ANALYSIS: ::rxd::__private::Analysis<'static> = INDEX
            .of(&GRAPH)
            .declared_in(::core::module_path!(), &[("poller", false)], &[]);
        &ANALYSIS
    };
    const OPTIONS: ::rxd::__private::DaemonOptions = ::rxd::__private::DaemonOptions::DEFAULT
        .exit_code(CODE)
        .blocking_threshold(
            ::rxd::__private::BlockingThreshold(None).duration_or_none(),
        );
    const STAGES: &'static [::rxd::__private::StageOptions] = &[
        ::rxd::__private::StageOptions::DEFAULT.attempts(MOST),
    ];
}
#[allow(dead_code, deprecated)]
impl EdgeAgent {
    /// The services and their watches, as the compiler has checked them.
    const GRAPH: ::rxd::Graph<'static> = ::rxd::__private::choose! {
        { ::rxd::Graph { daemon : "EdgeAgent", nodes : & [< Poller as
        ::rxd::__private::Field < EdgeAgent >>::NODE,] } } { ::core::unreachable!() }
    };
    /// The daemon as a builder, for what is known only at run time.
    fn into_daemon(self) -> ::rxd::Daemon {
        ::rxd::__private::choose! {
            { ::rxd::__private::daemon("edge-agent", < Self as ::rxd::__private::Graphed
            > ::OPTIONS).shutdown_timeout(::core::time::Duration::from_secs(30))
            .prestart(::rxd::__private::stage(::rxd::__private::Stage::new("check-disk",
            check_disk), < Self as ::rxd::__private::Graphed > ::STAGES[0])
            .retry(::core::time::Duration::from_secs(1)))
            .prestart(::rxd::__private::Stage::new("reach-db", reach_db))
            .add((::rxd::__private::field::< < Poller as ::rxd::__private::Field <
            EdgeAgent >>::Runner, < Poller as ::rxd::__private::Field < EdgeAgent
            >>::Service, EdgeAgent >) (self.poller)) } { ::core::unreachable!() }
        }
    }
    ::rxd::__private::with_systemd! {
        #[doc = r" The systemd unit that matches this declaration."] fn unit(self) ->
        ::rxd::systemd::Unit { self.into_daemon().unit() }
    }
    /// Runs the daemon until it is stopped.
    ///
    /// # Errors
    ///
    /// If it could not start, if a service failed for good, or if one was abandoned.
    async fn run(self) -> ::core::result::Result<(), ::rxd::Error> {
        self.into_daemon().run().await
    }
    /// Runs the daemon until it is stopped, prints its error, and returns its exit status. The
    /// process ends within 1 s, whatever its runtime still waits for.
    async fn main(self) -> ::std::process::ExitCode {
        self.into_daemon().main().await
    }
    /// Starts the daemon, and returns at once.
    ///
    /// # Errors
    ///
    /// If it cannot start.
    async fn start(self) -> ::core::result::Result<::rxd::DaemonHandle, ::rxd::Error> {
        self.into_daemon().start().await
    }
}
::rxd::__private::choose! {
    { #[allow(deprecated)] const _ : () = { #[doc(hidden)] impl
    ::rxd::__private::InDaemon < EdgeAgent, 0 > for Poller {} const _ : () = {
    (::rxd::__private::check_field_without_config::< < Poller as ::rxd::__private::Field
    < EdgeAgent >>::Service, EdgeAgent, _ >) (0); < < Poller as ::rxd::__private::Field <
    EdgeAgent >>::Service as ::rxd::__private::Checked < EdgeAgent >>::OK }; }; } {}
}
const _: () = (::rxd::__private::check_daemon)(
    &<EdgeAgent as ::rxd::__private::Graphed>::OPTIONS,
    ::rxd::__private::DaemonKey::ExitCode,
);
const _: () = (::rxd::__private::check_daemon)(
    &<EdgeAgent as ::rxd::__private::Graphed>::OPTIONS,
    ::rxd::__private::DaemonKey::BlockingThreshold,
);
const _: () = (::rxd::__private::check_stage)(
    <EdgeAgent as ::rxd::__private::Graphed>::STAGES,
    0,
    ::rxd::__private::StageKey::Attempts,
);
