//! Intracom where it is meant to be used: between the services of a daemon.

use rxd::intracom::{Group, Subscription};
use rxd::{Context, Daemon, Runner, Service, State, manager};
use std::sync::{Arc, Mutex};

struct Reader {
    kept: Arc<Mutex<Option<Subscription<u32>>>>,
    rounds: u32,
}

impl Runner for Reader {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.rounds += 1;
        let mut numbers = cx.intracom().subscribe::<u32>("numbers", Group::named("reader")).await?;
        assert_eq!(numbers.next().await, Some(7));
        *self.kept.lock().unwrap() = Some(numbers);
        Ok(())
    }
}

struct Writer;

impl Runner for Writer {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let topic = cx.intracom().topic::<u32>("numbers")?;
        topic.publish(7).await?;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_ends_with_its_round_and_the_registry_with_the_daemon() {
    let kept = Arc::new(Mutex::new(None));
    let daemon = Daemon::new("d")
        .add(Service::new("reader", Reader { kept: kept.clone(), rounds: 0 }).manager(manager::until_success))
        .add(Service::new("writer", Writer).manager(manager::until_success).after(["reader"]));
    let handle = daemon.signals([]).start().await.unwrap();
    let outside = handle.intracom();
    handle.wait_for("reader", State::Run).await.unwrap();
    let topic = outside.topic::<u32>("numbers").unwrap();
    while topic.publish(7).await.unwrap().delivered() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(handle.wait().await.is_ok());
    let mut numbers = kept.lock().unwrap().take().unwrap();
    assert_eq!(numbers.next().await, None, "it was of a round that is over");
    assert!(outside.is_closed());
}
