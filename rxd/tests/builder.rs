//! What the builder refuses before anything starts, and in which words.

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
    let error = daemon.signals([]).start().await.expect_err("it cannot work");
    assert!(error.is_graph(), "{error}");
    error.to_string()
}

#[tokio::test]
async fn no_services() {
    assert!(refused(Daemon::new("d")).await.contains("daemon `d` has no services"));
}

#[tokio::test]
async fn duplicate_and_empty_names() {
    let text = refused(Daemon::new("d").add(quiet("a")).add(quiet("a")).add(quiet(""))).await;
    assert!(text.contains("`a`") && text.contains("a name cannot be empty"), "{text}");
}

#[tokio::test]
async fn an_unknown_name_with_the_nearest() {
    let poller = quiet("poller").watch(When::any(Action::Entering, State::Run, ["helth"]));
    let text = refused(Daemon::new("d").add(quiet("health")).add(poller)).await;
    assert_eq!(
        text,
        "service `poller` watches `helth`, but daemon `d` has no service of that name\n\
         help: did you mean `health`? it has: `health`, `poller`"
    );
}

#[tokio::test]
async fn a_cycle_with_its_path() {
    let daemon =
        Daemon::new("d").add(quiet("a").needs(["b"])).add(quiet("b").needs(["c"])).add(quiet("c").needs(["a"]));
    let text = refused(daemon).await;
    for name in ["`a`", "`b`", "`c`"] {
        assert!(text.contains(name), "{text}");
    }
}

#[tokio::test]
async fn a_name_that_is_asked_for_while_it_runs() {
    let handle = Daemon::new("d").add(quiet("health")).signals([]).start().await.unwrap();
    let error = handle.wait_for("helth", State::Run).await.unwrap_err();
    assert_eq!(error.to_string(), "daemon `d` has no service `helth`\nhelp: did you mean `health`? it has: `health`");
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}

#[test]
fn no_runtime() {
    let waker = std::task::Waker::noop();
    let mut start = Box::pin(Daemon::new("d").add(quiet("a")).start());
    let std::task::Poll::Ready(Err(error)) = start.as_mut().poll(&mut std::task::Context::from_waker(waker)) else {
        panic!("it is refused at once");
    };
    assert!(error.to_string().contains("no tokio runtime"), "{error}");
}
