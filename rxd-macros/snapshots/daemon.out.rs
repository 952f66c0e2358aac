pub struct EdgeAgent {
    pub health: Health,
    pub poller: Poller,
}
::rxd::__private::show! {
    { let _ = ::rxd::__private::editor::daemon::name; } { let _ =
    ::rxd::__private::editor::daemon::shutdown_timeout; }
}
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::Graphed for EdgeAgent {
    const ANALYSIS: &'static ::rxd::__private::Analysis<'static> = {
        static GRAPH: ::rxd::Graph<'static> = EdgeAgent::GRAPH;
        static INDEX: ::rxd::__private::Index<{ 2 }> = ::rxd::__private::Index::new(
            &GRAPH,
        );
        static ANALYSIS: ::rxd::__private::Analysis<'static> = INDEX
            .of(&GRAPH)
            .declared_in(
                ::core::module_path!(),
                &[("health", false), ("poller", false)],
                &[],
            );
        &ANALYSIS
    };
}
#[allow(dead_code, deprecated)]
impl EdgeAgent {
    /// The services and their watches, as the compiler has checked them.
    pub const GRAPH: ::rxd::Graph<'static> = ::rxd::__private::choose! {
        { ::rxd::Graph { daemon : "EdgeAgent", nodes : & [< Health as
        ::rxd::__private::Field < EdgeAgent >>::NODE, < Poller as ::rxd::__private::Field
        < EdgeAgent >>::NODE,] } } { ::core::unreachable!() }
    };
    /// The daemon as a builder, for what is known only at run time.
    pub fn into_daemon(self) -> ::rxd::Daemon {
        ::rxd::__private::choose! {
            { ::rxd::Daemon::new("edge-agent")
            .shutdown_timeout(::core::time::Duration::from_secs(30))
            .add((::rxd::__private::field::< < Health as ::rxd::__private::Field <
            EdgeAgent >>::Runner, < Health as ::rxd::__private::Field < EdgeAgent
            >>::Service, EdgeAgent >) (self.health)).add((::rxd::__private::field::< <
            Poller as ::rxd::__private::Field < EdgeAgent >>::Runner, < Poller as
            ::rxd::__private::Field < EdgeAgent >>::Service, EdgeAgent >) (self.poller))
            } { ::core::unreachable!() }
        }
    }
    ::rxd::__private::with_systemd! {
        #[doc = r" The systemd unit that matches this declaration."] pub fn unit(self) ->
        ::rxd::systemd::Unit { self.into_daemon().unit() }
    }
    /// Runs the daemon until it is stopped.
    ///
    /// # Errors
    ///
    /// If it could not start, if a service failed for good, or if one was abandoned.
    pub async fn run(self) -> ::core::result::Result<(), ::rxd::Error> {
        self.into_daemon().run().await
    }
    /// Runs the daemon until it is stopped, prints its error, and returns its exit status. The
    /// process ends within 1 s, whatever its runtime still waits for.
    pub async fn main(self) -> ::std::process::ExitCode {
        self.into_daemon().main().await
    }
    /// Starts the daemon, and returns at once.
    ///
    /// # Errors
    ///
    /// If it cannot start.
    pub async fn start(
        self,
    ) -> ::core::result::Result<::rxd::DaemonHandle, ::rxd::Error> {
        self.into_daemon().start().await
    }
}
::rxd::__private::choose! {
    { #[allow(deprecated)] const _ : () = { #[doc(hidden)] impl
    ::rxd::__private::InDaemon < EdgeAgent, 0 > for Health {} #[doc(hidden)] impl
    ::rxd::__private::InDaemon < EdgeAgent, 1 > for Poller {} const _ : () = {
    (::rxd::__private::check_field_without_config::< < Health as ::rxd::__private::Field
    < EdgeAgent >>::Service, EdgeAgent, _ >) (0); < < Health as ::rxd::__private::Field <
    EdgeAgent >>::Service as ::rxd::__private::Checked < EdgeAgent >>::OK }; const _ : ()
    = { (::rxd::__private::check_field_without_config::< < Poller as
    ::rxd::__private::Field < EdgeAgent >>::Service, EdgeAgent, _ >) (1); < < Poller as
    ::rxd::__private::Field < EdgeAgent >>::Service as ::rxd::__private::Checked <
    EdgeAgent >>::OK }; }; } {}
}
