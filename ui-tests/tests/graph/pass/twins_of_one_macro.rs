//! Two local types of one name that one macro call declares: the compiler takes them for one, and
//! the start tells them apart.
use rxd::{Context, Daemon, Runner, Service};

trait Declares {
    type Worker: Runner + rxd::Declared;
    const WORKER: Self::Worker;
}

macro_rules! declares {
    ($($module:ident)*) => {$(
        struct $module;
        const _: () = {
            #[rxd::service]
            #[derive(Clone, Copy)]
            pub struct Worker;

            impl Runner for Worker {
                async fn run(&mut self, cx: &Context) -> rxd::Result {
                    cx.cancelled().await;
                    Ok(())
                }
            }

            impl Declares for $module {
                type Worker = Worker;
                const WORKER: Worker = Worker;
            }
        };
    )*};
}
declares!(First Second);

#[rxd::service]
#[rxd::needs(<First as Declares>::Worker)]
struct Api;

impl Runner for Api {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

fn main() {
    let right = Daemon::new("D").add(Service::declared(First::WORKER)).add(Service::declared(Api));
    assert!(right.check().is_ok(), "{:?}", right.check());
    let wrong = Daemon::new("D").add(Service::declared(Second::WORKER)).add(Service::declared(Api));
    let error = wrong.check().expect_err("a type of another function");
    assert_eq!(error.rule(), Some("unknown-type"));
    assert!(error.to_string().contains("its `Worker` is another type"), "{error}");
}
