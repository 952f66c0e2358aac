//! Services that are switched off at the start.

use rxd::{Context, Runner, State};

struct Job;

impl Runner for Job {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

macro_rules! job {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        struct $name;

        impl Runner for $name {
            async fn run(&mut self, cx: &Context) -> rxd::Result {
                Job.run(cx).await
            }
        }
    };
}

job!(
    #[rxd::service]
    Cache
);
job!(
    #[rxd::service]
    #[watch(any, exited, Run, Cache, then(stop))]
    Api
);
job!(
    #[rxd::service]
    #[needs("cache")]
    Strict
);

#[rxd::daemon]
struct Loose {
    cache: Option<Cache>,
    api: Api,
}

#[rxd::daemon]
struct Needy {
    cache: Option<Cache>,
    strict: Option<Strict>,
    api: Api,
}

#[tokio::test(start_paused = true)]
async fn f93_service_switched_off_delays_no_other() {
    let handle = Loose { cache: None, api: Api }.start().await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    assert!(handle.states().get("cache").is_none());
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn dependent_of_a_service_switched_off_is_refused() {
    let error = Needy { cache: None, strict: Some(Strict), api: Api }.start().await.unwrap_err();
    assert!(error.is_graph());
    assert_eq!(
        error.to_string(),
        "service `strict` waits for `cache`, which is switched off\n\
         help: switch `strict` off too, or give `cache` a value"
    );
    let handle = Needy { cache: None, strict: None, api: Api }.start().await.unwrap();
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}
