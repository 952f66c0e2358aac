//! Functions as services: their arguments, their results, and every attribute.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub)]

use rxd::{Context, State};
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// An argument that is not `Clone`.
#[derive(Debug, Default)]
pub struct Cache(u32);

static RUNS: AtomicU32 = AtomicU32::new(0);

/// Keeps its cache across incarnations.
#[rxd::service(backoff(base = "1ms"), restarts(max = 5, within = "1m"))]
async fn sweeper(cx: &Context, cache: &mut Cache, limits: &[u8; 2], every: Duration, mut tag: String) -> rxd::Result {
    cache.0 += 1;
    tag.push('!');
    assert_eq!(tag, "tag!", "each incarnation has its own");
    assert_eq!((limits, every), (&[1, 2], Duration::from_secs(1)));
    RUNS.fetch_add(1, Ordering::Relaxed);
    if cache.0 < 3 {
        return Err("not yet".into());
    }
    cx.cancelled().await;
    Ok(())
}

#[rxd::service(name = "job", manager = "until_success", timeouts(Run = "5s"))]
#[needs(Sweeper)]
async fn migrate_2(_: &rxd::Context) -> Result<(), std::io::Error> {
    Ok(())
}

#[rxd::watch(any, entering, Exit, "job")]
#[rxd::service]
#[after("job")]
#[watch(all, exited, Run, "sweeper", stream(swept))]
async fn r#loop<T, const N: usize>(cx: &Context, shown: &T, _names: Arc<[&'static str]>, rows: [u8; N]) -> rxd::Result
where
    T: Display + Sync + 'static,
{
    let swept: rxd::Watch = Loop::<T, N>::swept(cx);
    assert_eq!((shown.to_string(), rows.len()), ("7".to_owned(), N));
    cx.cancelled().await;
    drop(swept);
    Ok(())
}

/// Its parameters are in no argument.
#[rxd::service]
async fn counts<T: Default + Into<u64>, const N: u64>(cx: &Context) -> rxd::Result {
    assert_eq!(T::default().into() + N, N);
    cx.cancelled().await;
    Ok(())
}

/// One of its parameters is in the bounds of another one only.
#[rxd::service]
async fn calls<F, Fut>(cx: &Context, call: &mut F, names: &Vec<u8>) -> rxd::Result
where
    F: FnMut(u8) -> Fut,
    Fut: Future<Output = ()> + Send,
{
    call(names[0]).await;
    cx.cancelled().await;
    Ok(())
}

/// A service that is more public than a generic type that it watches.
mod public {
    #[rxd::service]
    struct Pool<T: Send + 'static>(T);

    impl<T: Send + 'static> rxd::Runner for Pool<T> {
        async fn run(&mut self, cx: &rxd::Context) -> rxd::Result {
            let _ = &self.0;
            cx.cancelled().await;
            Ok(())
        }
    }

    #[rxd::service]
    #[needs(Pool<u8>)]
    pub(crate) async fn front(cx: &rxd::Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }

    #[rxd::daemon]
    struct Inner {
        pool: Pool<u8>,
        front: Front,
    }

    pub(crate) fn check() {
        assert!(Inner { pool: Pool(0), front: Front }.into_daemon().check().is_ok());
    }
}

mod inner {
    macro_rules! service {
        ($name:ident, $context:ty, $what:ty, $more:ty) => {
            #[rxd::service]
            pub(crate) async fn $name(cx: &$context, what: $what, more: $more) -> rxd::Result {
                let _ = (what, more);
                cx.cancelled().await;
                Ok(())
            }
        };
    }
    service!(made, rxd::Context, Box<dyn CloneFn>, &mut Vec<u8>);

    pub(crate) trait CloneFn: Send + Sync {
        fn boxed(&self) -> Box<dyn CloneFn>;
    }

    impl Clone for Box<dyn CloneFn> {
        fn clone(&self) -> Self {
            self.boxed()
        }
    }

    pub(crate) struct Nothing;

    impl CloneFn for Nothing {
        fn boxed(&self) -> Box<dyn CloneFn> {
            Box::new(Nothing)
        }
    }
}

#[rxd::daemon]
struct App {
    sweeper: Sweeper,
    job: Migrate2,
    r#loop: Loop<u8, 3>,
    made: Option<inner::Made>,
    counts: Counts<u8, 3>,
    calls: Calls<fn(u8) -> std::future::Ready<()>, std::future::Ready<()>>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> rxd::Result {
    let app = App {
        sweeper: Sweeper::new(Cache::default(), [1, 2], Duration::from_secs(1), "tag".to_owned()),
        job: Migrate2,
        r#loop: Loop::new(7, Arc::new(["a"]), [0; 3]),
        made: Some(inner::Made::new(Box::new(inner::Nothing), vec![1])),
        counts: Counts::new(),
        calls: Calls::new(|_| std::future::ready(()), vec![1]),
    };
    public::check();
    let names: Vec<_> = App::GRAPH.nodes.iter().map(|node| node.name).collect();
    assert_eq!(names, ["sweeper", "job", "loop", "made", "counts", "calls"]);
    let handle = app.start().await?;
    handle.wait_for("loop", State::Run).await?;
    while RUNS.load(Ordering::Relaxed) < 3 {
        tokio::task::yield_now().await;
    }
    handle.shutdown();
    handle.wait().await.into_result()?;
    Ok(())
}
