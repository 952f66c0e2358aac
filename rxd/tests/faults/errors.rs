//! Errors: `?` converts them into a method's result and out of rxd, with all their causes, even if
//! their own code panics.

use crate::kit::*;
use rxd::prestart::Stage;
use rxd::{AnyError, Daemon, Service, State};
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// An error with a cause, as most libraries have them.
#[derive(Debug)]
struct Writing(std::io::Error);

impl fmt::Display for Writing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("writing the beat")
    }
}

impl StdError for Writing {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

fn disk() -> AnyError {
    Writing(std::io::Error::other("disk")).into()
}

/// Fails in Run, until its restart limit is reached.
fn failing(error: impl Fn() -> AnyError + Send + 'static) -> Service {
    let options = no_backoff().restarts(2, SECOND);
    Service::new("a", RunFn(move |_| std::future::ready(Err(error())))).options(options)
}

#[tokio::test]
async fn u2_question_mark_converts_errors_in_both_directions() {
    #[derive(Debug)]
    struct Mine(rxd::Error);
    impl From<rxd::Error> for Mine {
        fn from(error: rxd::Error) -> Self {
            Mine(error)
        }
    }
    async fn boxed() -> Result<(), Box<dyn StdError>> {
        Ok(Daemon::new("d").run().await?)
    }
    async fn mine() -> Result<(), Mine> {
        Ok(Daemon::new("d").start().await.map(drop)?)
    }
    async fn any() -> rxd::Result {
        let handle = Daemon::new("d").add(plain("a")).start().await?;
        handle.shutdown();
        handle.wait().await.into_result()?;
        Daemon::new("d").run().await?;
        Ok(())
    }
    let text = "daemon `d` has no services";
    assert!(boxed().await.unwrap_err().to_string().starts_with(text));
    assert!(mine().await.unwrap_err().0.to_string().starts_with(text));
    let error = any().await.unwrap_err();
    assert!(error.to_string().starts_with(text));
    assert!(error.is::<rxd::Error>());
}

#[tokio::test]
async fn s12_graph_error_names_its_rule() {
    let error = Daemon::new("d").add(plain("a")).add(plain("a")).check().unwrap_err();
    assert_eq!((error.is_graph(), error.rule()), (true, Some("duplicate-name")));
    let error = Daemon::new("d").add(plain("a")).start().await.unwrap().why("b").unwrap_err();
    assert_eq!(error.rule(), None, "not an error of the graph");
}

#[tokio::test(start_paused = true)]
async fn u3_failure_with_a_source_shows_all_causes_in_states_why_and_report() {
    let whole = "writing the beat: disk";
    let running = start(daemon([failing(disk).options(no_backoff().delay_of(State::Init, SECOND))])).await;
    running.until("a", State::Stop).await;
    settle().await;
    assert_eq!(running.handle.states()["a"].last_error.as_deref(), Some(whole));
    let why = running.handle.why("a").unwrap().to_string();
    assert!(why.contains(whole), "{why}");
    running.stop().await;

    let ran = run_to_end(daemon([failing(disk)])).await;
    assert_eq!(ran.error("a"), whole);
    let error = ran.report.into_result().unwrap_err();
    assert!(error.to_string().contains(whole), "{error}");
    assert!(error.report().is_some());
}

#[tokio::test]
async fn u3_failed_stage_shows_all_causes_in_its_error() {
    let stage = Stage::new("beat", async || Err(disk()));
    let error = Daemon::new("d").add(plain("a")).prestart(stage).run().await.unwrap_err();
    assert_eq!(error.to_string(), "prestart stage `beat` failed: writing the beat: disk");
    assert!(error.is_prestart());
    assert!(error.find::<Writing>().is_some() && error.find::<std::io::Error>().is_some());
    assert!(error.source().is_none(), "the text has the causes already");
}

/// An error whose own code fails or panics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bad {
    DisplayFails,
    DisplayPanics,
    SourcePanics,
    DropPanics,
}

#[derive(Debug)]
pub(crate) struct BadError(pub(crate) Bad);

impl fmt::Display for BadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Bad::DisplayFails => f.write_str("half").and(Err(fmt::Error)),
            Bad::DisplayPanics => panic!("scripted panic in Display"),
            _ => f.write_str("bad"),
        }
    }
}

impl StdError for BadError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.0 {
            Bad::SourcePanics => panic!("scripted panic in source"),
            _ => None,
        }
    }
}

impl Drop for BadError {
    fn drop(&mut self) {
        if self.0 == Bad::DropPanics && !std::thread::panicking() {
            panic!("scripted panic in drop");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g53_x2_error_whose_own_code_panics_is_handled_like_any_error() {
    for (bad, text) in [
        (Bad::DisplayFails, "half (incomplete: its Display returned an error)"),
        (Bad::DisplayPanics, "an error that cannot be printed: printing it panicked: scripted panic in Display"),
        (Bad::SourcePanics, "bad (incomplete: printing it panicked: scripted panic in source"),
        (Bad::DropPanics, "bad (and dropping the error panicked: scripted panic in drop"),
    ] {
        let ran = run_to_end(daemon([failing(move || BadError(bad).into())])).await;
        assert_eq!(
            ran.states("a"),
            format!("{INCARNATION} {INCARNATION} {INCARNATION} exit+"),
            "{bad:?}: Stop, and restarted twice"
        );
        assert!(ran.error("a").starts_with(text), "{bad:?}: {}", ran.error("a"));
        assert!(!ran.report.is_ok());
    }
}

/// An error that is its own source.
#[derive(Debug)]
struct Circular;

impl fmt::Display for Circular {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("circular")
    }
}

impl StdError for Circular {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self)
    }
}

#[tokio::test(start_paused = true)]
async fn g53_error_that_is_its_own_source_is_printed_once() {
    let ran = run_to_end(daemon([failing(|| Circular.into())])).await;
    assert_eq!(ran.error("a"), "circular");
    assert!(AnyError::from(Circular).find::<std::io::Error>().is_none());
}

#[tokio::test(start_paused = true)]
async fn g53_error_of_a_method_is_formatted_once() {
    #[derive(Debug)]
    struct Counting(Arc<AtomicU32>);
    impl fmt::Display for Counting {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fetch_add(1, Ordering::Relaxed);
            f.write_str("counted")
        }
    }
    impl StdError for Counting {}
    let times = Arc::new(AtomicU32::new(0));
    let inner = times.clone();
    let ran = run_to_end(daemon([failing(move || Counting(inner.clone()).into())])).await;
    assert_eq!((&*ran.error("a"), times.load(Ordering::Relaxed)), ("counted", 3), "it has failed three times");
}

#[tokio::test(start_paused = true)]
async fn g53_x2_stage_with_an_unprintable_error_fails_the_start() {
    let stage = Stage::new("beat", async || Err(BadError(Bad::DisplayPanics).into()));
    let error = Daemon::new("d").add(plain("a")).prestart(stage).start().await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.starts_with("prestart stage `beat` failed: an error that cannot be printed"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn g53_x2_unprintable_error_after_cancellation_is_no_failure() {
    let a = Service::new(
        "a",
        RunFn(|cx: rxd::Context| async move {
            cx.cancelled().await;
            Err(BadError(Bad::DisplayPanics).into())
        }),
    );
    let ran = run_until(daemon([a]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"));
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn x19_resumed_panic_does_not_name_the_location_of_another() {
    type Body = fn() -> rxd::Result;
    let resumed: Body = || {
        let _ = std::panic::catch_unwind(|| panic!("scripted panic: one"));
        std::panic::resume_unwind(Box::new("two"))
    };
    let of_another_type: Body = || {
        let _ = std::panic::catch_unwind(|| std::panic::panic_any(7));
        std::panic::resume_unwind(Box::new("two"))
    };
    // The same panic is resumed, so its location is known.
    let passed_on: Body = || match std::panic::catch_unwind(|| panic!("scripted panic: {}", 1)) {
        Ok(()) => Ok(()),
        Err(payload) => std::panic::resume_unwind(payload),
    };
    for (body, text) in [(resumed, "panicked: two"), (of_another_type, "panicked: two")] {
        let a = Service::new("a", RunFn(move |_| async move { body() })).options(no_backoff().restarts(0, SECOND));
        assert_eq!(run_to_end(daemon([a])).await.error("a"), text);
    }
    let a = Service::new("a", RunFn(move |_| async move { passed_on() })).options(no_backoff().restarts(0, SECOND));
    let error = run_to_end(daemon([a])).await.error("a");
    assert!(error.starts_with("panicked: scripted panic: 1 (at ") && error.contains("errors.rs:"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn g53_x2_tracing_layer_that_panics_once_stops_nothing() {
    use std::sync::atomic::{AtomicU32, Ordering};
    // At the first call of each kind, at the second, and so on.
    for call in [LayerCall::Event, LayerCall::Span, LayerCall::Enter, LayerCall::Exit] {
        for nth in 0..20 {
            silence_scripted_panics();
            let calls = AtomicU32::new(0);
            let layer = PanickingLayer::new(move |now, target| {
                let counts = now == call && (now != LayerCall::Event || target == "rxd::state");
                counts && calls.fetch_add(1, Ordering::Relaxed) == nth
            });
            let _guard = tracing::subscriber::set_default(layer);
            let options = no_backoff().on_failure(rxd::OnFailure::Shutdown).restarts(1, 60 * SECOND);
            let a = fake("a", State::Run, [rxd::testing::Behavior::Fail, rxd::testing::Behavior::UntilCancelled])
                .options(options);
            let running = start(daemon([a, plain("b")])).await;
            tokio::time::sleep(SECOND).await;
            let case = format!("{call:?} {nth}");
            assert!(running.handle.states()["a"].is_in(State::Run), "{case}: restarted after it has failed");
            running.handle.restart("a").await.expect(&case);
            running.handle.stop("b").await.expect(&case);
            running.handle.start("b").await.expect(&case);
            let ran = running.stop().await;
            assert_eq!(ran.states("a").matches("init+").count(), 3, "{case}");
            assert_eq!(ran.states("a").matches("stop+").count(), 3, "{case}: Stop is called");
            assert!(ran.report.is_ok() && ran.took < 2 * SECOND, "{case}: {}", ran.report);
        }
    }
}
