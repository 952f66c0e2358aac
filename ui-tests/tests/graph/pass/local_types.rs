//! Services of one name in two functions are two types, and so are generic ones with other
//! parameters.
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
#[derive(Default)]
struct Pool<T: Send + 'static>(T);

#[rxd::service]
struct Queue<T: Send + 'static>(T);

#[rxd::service]
struct Batch<T: Send + 'static>(T);

type Number = u64;

macro_rules! runners {
    ($($service:ident)*) => {$(
        impl<T: Send + 'static> Runner for $service<T> {
            async fn run(&mut self, cx: &Context) -> rxd::Result {
                let _ = &self.0;
                cx.cancelled().await;
                Ok(())
            }
        }
    )*};
}
runners!(Pool Queue Batch);

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

    type Numbers = Pool<u64>;

    #[rxd::service]
    #[rxd::needs(Worker, "bytes", Queue<u64>, Batch<Pool<Number>>)]
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
        queue: Queue<u64>,
        batches: Option<Batch<Numbers>>,
        #[cfg(all())]
        api: Api,
    }

    let app = App { worker: Worker, words: Pool(0), bytes: Pool(0), queue: Queue(Numbers::default().0), batches: Some(Batch(Pool(1))), api: Api };
    let handle = app.start().await?;
    handle.wait_for("api", State::Run).await?;
    handle.shutdown();
    handle.wait().await.into_result()?;
    Ok(())
}
