//! Two functions have a type of one name. The watch means one, the daemon has the other.

use rxd::{Context, Runner};

trait Named {
    type Worker: Runner;
}

struct First;

fn first() {
    #[rxd::service]
    pub struct Worker;

    impl Runner for Worker {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            cx.cancelled().await;
            Ok(())
        }
    }

    impl Named for First {
        type Worker = Worker;
    }
}

fn second() {
    #[rxd::service]
    struct Worker;

    impl Runner for Worker {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            cx.cancelled().await;
            Ok(())
        }
    }

    #[rxd::service]
    #[rxd::needs(<First as Named>::Worker)]
    struct Api;

    impl Runner for Api {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            cx.cancelled().await;
            Ok(())
        }
    }

    #[rxd::daemon]
    struct D {
        worker: Worker,
        api: Api,
    }
}

fn main() {
    first();
    second();
}
