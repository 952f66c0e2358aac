//! Services of one name in two functions are two types. A generic service is named by its name.
use rxd::{Action, Context, Runner, State};

fn other() {
    #[rxd::service]
    struct Worker;

    impl Runner for Worker {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            cx.cancelled().await;
            Ok(())
        }
    }
    let _ = Worker;
}

#[rxd::service]
struct Pool<T: Send + 'static>(T);

impl<T: Send + 'static> Runner for Pool<T> {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> rxd::Result {
    other();

    #[rxd::service]
    struct Worker;

    impl Runner for Worker {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            cx.cancelled().await;
            Ok(())
        }
    }

    #[rxd::service]
    #[rxd::needs(Worker, "bytes")]
    struct Api;

    impl Runner for Api {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            // At run time a type with parameters is exact.
            let mut bytes = cx.watch_any(Action::Entering, State::Run, rxd::by_type::<Pool<u8>>())?;
            let event = bytes.wait().await?;
            assert_eq!(event.services.iter().map(|service| &*service.name).collect::<Vec<_>>(), ["bytes"]);
            assert!(cx.watch_any(Action::Entering, State::Run, rxd::by_type::<Pool<u32>>()).is_err());
            cx.cancelled().await;
            Ok(())
        }
    }

    #[rxd::daemon]
    struct App {
        worker: Worker,
        #[service(name = "words")]
        words: Pool<u16>,
        #[service(name = "bytes")]
        bytes: Pool<u8>,
        api: Api,
    }

    let app = App { worker: Worker, words: Pool(0), bytes: Pool(0), api: Api };
    let handle = app.start().await?;
    handle.wait_for("api", State::Run).await?;
    handle.shutdown();
    handle.wait().await.into_result()?;
    Ok(())
}
