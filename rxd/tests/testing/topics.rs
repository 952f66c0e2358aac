//! Fake publishers and subscribers.

use rxd::intracom::{Group, Policy, StaticTopic};
use rxd::testing::{Behavior, FakeService, Harness, Inbox};
use rxd::{Context, Daemon, Runner, Service, State};

static NUMBERS: StaticTopic<u32> = StaticTopic::new("numbers");
static SUMS: StaticTopic<u32> = StaticTopic::new("sums").keep_last();

/// Under test: publishes the sum of what it has received.
#[derive(Default)]
struct Sum(u32);

impl Runner for Sum {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut numbers = NUMBERS.subscribe(&cx.intracom(), Group::named("sum"))?;
        let sums = SUMS.open(&cx.intracom())?;
        while let Some(number) = numbers.recv().await {
            self.0 += number;
            sums.publish(self.0).await?;
        }
        Ok(())
    }
}

fn daemon() -> Daemon {
    Daemon::new("d")
        .add(Service::new("numbers", FakeService::new()).needs(["sum"]))
        .add(Service::new("sum", Sum::default()).needs(["screen"]))
        .add(Service::new("screen", FakeService::new()))
}

#[tokio::test(start_paused = true)]
async fn published_messages_pass_through_the_service_under_test() {
    let inbox = Inbox::new();
    let test = Harness::new(daemon())
        .fake("numbers", FakeService::new().on(State::Run, [Behavior::publish(NUMBERS, 1..=4)]))
        .fake("screen", inbox.subscriber(SUMS, Group::private()))
        .start()
        .await;
    test.until("numbers", State::Run).await;
    test.settle().await;
    assert_eq!(inbox.messages(), [1, 3, 6, 10]);
    // The behavior is replaced while it runs.
    test.set_behavior("numbers", Behavior::publish(NUMBERS, [5]));
    test.settle().await;
    assert_eq!(inbox.messages().last(), Some(&15));
    assert!(test.shutdown().await.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn inbox_keeps_messages_of_before_and_after_a_failure() {
    let inbox = Inbox::new();
    let group = Group::named("screen").capacity(1).policy(Policy::DropOldest);
    let test = Harness::new(daemon())
        .fake(
            "numbers",
            FakeService::new().on(State::Run, [Behavior::publish(NUMBERS, [1]), Behavior::publish(NUMBERS, [10])]),
        )
        .fake("screen", inbox.subscriber(SUMS, group))
        .start()
        .await;
    test.until("numbers", State::Run).await;
    test.settle().await;
    test.set_behavior("screen", Behavior::Fail);
    test.until("numbers", State::Idle).await;
    test.until("numbers", State::Run).await;
    test.settle().await;
    assert_eq!(inbox.messages(), [1, 11]);
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn publisher_waiting_for_room_returns_once_it_is_cancelled() {
    let group = Group::named("unread").capacity(1);
    let numbers = FakeService::new().on(State::Run, [Behavior::publish(NUMBERS, 0..100)]);
    let test = Harness::new(Daemon::new("d").add(Service::new("numbers", numbers))).start().await;
    let _subscription = NUMBERS.subscribe(&test.handle().intracom(), group).unwrap();
    test.until("numbers", State::Run).await;
    test.settle().await;
    let ended = test.shutdown().await;
    assert!(ended.took.as_secs() < 1, "{:?}", ended.took);
}
