//! What the builder refuses before anything starts, and its messages.

use rxd::{Action, Context, Daemon, Runner, Service, State, When};

struct Quiet;

impl Runner for Quiet {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

fn quiet(name: &'static str) -> Service {
    Service::new(name, Quiet)
}

async fn refused(daemon: Daemon) -> String {
    let error = daemon.signals([]).start().await.expect_err("the daemon is refused");
    assert!(error.is_graph(), "{error}");
    error.to_string()
}

#[tokio::test]
async fn builder_without_services_is_refused() {
    assert!(refused(Daemon::new("d")).await.contains("daemon `d` has no services"));
}

#[tokio::test]
async fn builder_with_duplicate_and_empty_names_is_refused() {
    let text = refused(Daemon::new("d").add(quiet("a")).add(quiet("a")).add(quiet(""))).await;
    assert!(text.contains("`a`") && text.contains("a name cannot be empty"), "{text}");
}

#[tokio::test]
async fn builder_with_an_unknown_name_suggests_the_nearest() {
    let poller = quiet("poller").watch(When::any(Action::Entering, State::Run, ["helth"]));
    let text = refused(Daemon::new("d").add(quiet("health")).add(poller)).await;
    assert_eq!(
        text,
        "service `poller` watches `helth`, but daemon `d` has no service of that name\n\
         help: did you mean `health`? it has: `health`, `poller`"
    );
}

#[tokio::test]
async fn builder_with_a_cycle_names_its_path() {
    let daemon =
        Daemon::new("d").add(quiet("a").needs(["b"])).add(quiet("b").needs(["c"])).add(quiet("c").needs(["a"]));
    let text = refused(daemon).await;
    for name in ["`a`", "`b`", "`c`"] {
        assert!(text.contains(name), "{text}");
    }
}

#[tokio::test]
async fn wait_for_an_unknown_name_suggests_the_nearest() {
    let handle = Daemon::new("d").add(quiet("health")).signals([]).start().await.unwrap();
    let error = handle.wait_for("helth", State::Run).await.unwrap_err();
    assert_eq!(error.to_string(), "daemon `d` has no service `helth`\nhelp: did you mean `health`? it has: `health`");
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}

#[test]
fn builder_started_without_a_runtime_is_an_error() {
    let waker = std::task::Waker::noop();
    let mut start = Box::pin(Daemon::new("d").add(quiet("a")).start());
    let std::task::Poll::Ready(Err(error)) = start.as_mut().poll(&mut std::task::Context::from_waker(waker)) else {
        panic!("the start is not refused at once");
    };
    assert!(error.to_string().contains("no tokio runtime"), "{error}");
}
