//! Values that a service provides to those that need it.

use rxd::testing::Harness;
use rxd::{Context, Runner, State};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts how many of it are alive.
#[derive(Debug)]
struct Pool {
    generation: usize,
    alive: Arc<AtomicUsize>,
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What the test sees of the provider.
#[derive(Clone, Default)]
struct Seen {
    alive: Arc<AtomicUsize>,
    made: Arc<AtomicUsize>,
    alive_at_stop: Arc<Mutex<Vec<usize>>>,
}

#[rxd::service(provides(Arc<Pool>))]
struct Db {
    seen: Seen,
    fail_idle: usize,
}

impl Runner for Db {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        let Seen { alive, made, .. } = &self.seen;
        alive.fetch_add(1, Ordering::SeqCst);
        let generation = made.fetch_add(1, Ordering::SeqCst) + 1;
        cx.provide::<Self>(Arc::new(Pool { generation, alive: alive.clone() }));
        Ok(())
    }

    async fn idle(&mut self, _: &Context) -> rxd::Result {
        if self.seen.made.load(Ordering::SeqCst) <= self.fail_idle { Err("not yet".into()) } else { Ok(()) }
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }

    async fn stop(&mut self, _: &Context) -> rxd::Result {
        self.seen.alive_at_stop.lock().unwrap().push(self.seen.alive.load(Ordering::SeqCst));
        Ok(())
    }
}

/// Notes the generation of each pool that it was given.
#[rxd::service]
#[needs(Db, value(pool))]
struct Api {
    given: Arc<Mutex<Vec<usize>>>,
}

impl Runner for Api {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let pool: Arc<Pool> = Self::pool(cx)?;
        self.given.lock().unwrap().push(pool.generation);
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon]
struct App {
    db: Db,
    api: Api,
}

fn app(fail_idle: usize) -> (App, Seen, Arc<Mutex<Vec<usize>>>) {
    let (seen, given) = (Seen::default(), Arc::default());
    let app = App { db: Db { seen: seen.clone(), fail_idle }, api: Api { given: Arc::clone(&given) } };
    (app, seen, given)
}

#[tokio::test(start_paused = true)]
async fn a_value_is_there_in_run_and_each_incarnation_has_its_own() {
    let (app, seen, given) = app(0);
    let test = Harness::new(app.into_daemon()).start().await;
    test.until("api", State::Run).await;
    assert_eq!(*given.lock().unwrap(), [1]);

    test.handle().restart("db").await.unwrap();
    test.until("api", State::Run).await;
    assert_eq!(*given.lock().unwrap(), [1, 2]);
    assert!(test.shutdown().await.report.is_ok());
    // Taken back before `stop`: nobody else has it then, since who needs it has stopped before.
    assert_eq!(*seen.alive_at_stop.lock().unwrap(), [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_value_of_a_service_that_does_not_come_to_run_is_dropped() {
    let (app, seen, given) = app(2);
    let test = Harness::new(app.into_daemon()).start().await;
    test.until("api", State::Run).await;
    assert_eq!((seen.alive.load(Ordering::SeqCst), given.lock().unwrap().clone()), (1, vec![3]));
    test.shutdown().await;
    assert_eq!(*seen.alive_at_stop.lock().unwrap(), [0, 0, 0]);
}

#[rxd::service(provides(String))]
async fn silent(cx: &Context) -> rxd::Result {
    cx.cancelled().await;
    Ok(())
}

/// Asks for what nobody has provided, and before the other is in Run.
#[rxd::service(restarts(max = 0, within = "1s"))]
#[needs(Silent, value(text))]
struct Asks {
    in_init: Option<String>,
}

impl Runner for Asks {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        self.in_init = Self::text(cx).err().map(|error| error.to_string());
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        assert_eq!(self.in_init.as_deref(), Some("service `silent` is not in Run, so it provides nothing"));
        Self::text(cx)?;
        Ok(())
    }
}

#[rxd::daemon]
struct Silence {
    #[service(name = "asks")]
    first: Asks,
    silent: Silent,
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_an_error_that_says_why() {
    let silence = Silence { first: Asks { in_init: None }, silent: Silent };
    let test = Harness::new(silence.into_daemon()).start().await;
    test.until("asks", State::Exit).await;
    let error = test.shutdown().await.report.into_result().unwrap_err().to_string();
    assert!(
        error.contains("service `silent` has provided nothing: call `cx.provide::<Silent>(value)` in its `init`"),
        "{error}"
    );
}

/// A value whose drop panics is a record, and the service goes on.
#[derive(Clone)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("dropped");
        }
    }
}

#[rxd::service(provides(Bomb))]
struct Explosive;

impl Runner for Explosive {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.provide::<Self>(Bomb);
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon]
struct Depot {
    explosive: Explosive,
}

#[tokio::test(start_paused = true)]
async fn g53_drop_of_a_value_may_panic() {
    let test = Harness::new(Depot { explosive: Explosive }.into_daemon()).start().await;
    test.until("explosive", State::Run).await;
    test.handle().restart("explosive").await.unwrap();
    test.until("explosive", State::Run).await;
    assert!(test.shutdown().await.report.is_ok());
}

/// A fake of the test provides as the service does.
#[tokio::test(start_paused = true)]
async fn a_stand_in_of_a_test_provides_too() {
    struct FakeDb(Arc<AtomicUsize>);

    impl Runner for FakeDb {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            self.0.fetch_add(1, Ordering::SeqCst);
            cx.provide::<Db>(Arc::new(Pool { generation: 99, alive: self.0.clone() }));
            cx.cancelled().await;
            Ok(())
        }
    }

    let (app, _, given) = app(0);
    let test = Harness::new(app.into_daemon()).replace("db", FakeDb(Arc::default())).start().await;
    test.until("api", State::Run).await;
    assert_eq!(*given.lock().unwrap(), [99]);
    test.shutdown().await;
}

/// Of a type that the daemon has twice, each is named.
#[rxd::service(provides(Cow<'static, str>))]
struct Store(&'static str);

impl Runner for Store {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        cx.provide::<Self>(self.0.into());
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::service]
#[needs("primary", value(primary, Store))]
#[needs("replica", value(replica, Store))]
#[needs("pair", value(wrong, Silent))]
struct Copies(Arc<Mutex<Vec<String>>>);

impl Runner for Copies {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let wrong = Self::wrong(cx).unwrap_err().to_string();
        *self.0.lock().unwrap() = vec![Self::primary(cx)?.into_owned(), Self::replica(cx)?.into_owned(), wrong];
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon]
struct Stores {
    #[service(name = "primary")]
    first: Store,
    #[service(name = "replica")]
    second: Store,
    #[service(name = "pair")]
    third: Store,
    copies: Copies,
}

#[tokio::test(start_paused = true)]
async fn a_value_of_a_named_service() {
    let seen = Arc::default();
    let stores =
        Stores { first: Store("one"), second: Store("two"), third: Store("x"), copies: Copies(Arc::clone(&seen)) };
    let test = Harness::new(stores.into_daemon()).start().await;
    test.until("copies", State::Run).await;
    assert_eq!(*seen.lock().unwrap(), ["one", "two", "service `pair` provides no `alloc::string::String`"]);
    test.shutdown().await;
}

/// Provides in `stop`, and from a context that it has kept from the first incarnation.
#[rxd::service(provides(u32))]
struct Late(Option<Context>);

impl Runner for Late {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        match &self.0 {
            None => self.0 = Some(cx.clone()),
            Some(first) => first.provide::<Self>(1),
        }
        cx.cancelled().await;
        Ok(())
    }

    async fn stop(&mut self, cx: &Context) -> rxd::Result {
        cx.provide::<Self>(2);
        Ok(())
    }
}

#[rxd::service]
#[needs(Late, value(late))]
struct Reads(Arc<Mutex<Vec<Option<u32>>>>);

impl Runner for Reads {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        self.0.lock().unwrap().push(Self::late(cx).ok());
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon]
struct Delays {
    late: Late,
    reads: Reads,
}

#[tokio::test(start_paused = true)]
async fn a_value_of_an_earlier_incarnation_is_not_there() {
    let seen = Arc::default();
    let delays = Delays { late: Late(None), reads: Reads(Arc::clone(&seen)) };
    let test = Harness::new(delays.into_daemon()).start().await;
    for _ in 0..2 {
        test.until("reads", State::Run).await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        test.handle().restart("late").await.unwrap();
    }
    test.shutdown().await;
    assert_eq!(seen.lock().unwrap()[..2], [None, None]);
}

/// Provides the value of another service's type.
#[rxd::service(restarts(max = 0, within = "1s"))]
struct Confused;

impl Runner for Confused {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.provide::<Silent>("from the wrong one".to_owned());
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon]
struct Confusion {
    confused: Confused,
    #[service(name = "asks")]
    last: Asks,
    silent: Silent,
}

#[tokio::test(start_paused = true)]
async fn who_provides_for_another_type_is_told() {
    // With only one subscriber `tracing` may ask another thread about a callsite, and remember that
    // nobody wants it.
    let _other = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let app = Confusion { confused: Confused, last: Asks { in_init: None }, silent: Silent };
    let test = Harness::new(app.into_daemon()).start().await;
    test.until("asks", State::Exit).await;
    test.shutdown().await;
    drop(guard);
    let log = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("provides the value of `Silent`, but is not of that type: nobody gets it"), "{log}");
}

/// What is logged.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
