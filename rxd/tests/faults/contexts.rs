//! A context that outlives its incarnation: it stays cancelled, and the next incarnation has its
//! own.

use crate::kit::*;
use rxd::{Cause, Service, State};
use std::sync::{Arc, Mutex};

#[tokio::test(start_paused = true)]
async fn context_kept_after_its_incarnation_stays_cancelled() {
    let kept: Arc<Mutex<Vec<rxd::Context>>> = Arc::default();
    let keeps = kept.clone();
    let run = RunFn(move |cx: rxd::Context| {
        let mut kept = keeps.lock().unwrap();
        kept.push(cx.clone());
        let first = kept.len() == 1;
        async move {
            if first {
                return Err("scripted failure".into());
            }
            cx.cancelled().await;
            Ok(())
        }
    });
    let running = start(daemon([Service::new("a", run).options(no_backoff())])).await;
    let mut runs = running.handle.watch_any(rxd::Action::Entering, State::Run, "a").unwrap();
    while runs.next().await.unwrap().services[0].incarnation < 2 {}
    settle().await;
    {
        let kept = kept.lock().unwrap();
        assert_eq!(kept.iter().map(rxd::Context::is_cancelled).collect::<Vec<_>>(), [true, false]);
    }
    let ran = running.stop().await;
    assert!(kept.lock().unwrap().iter().all(rxd::Context::is_cancelled));
    assert!(ran.trace.steps.iter().any(|step| step.cause == Cause::Error));
}
