//! A hundred messages, two workers that share them, and an audit that receives them all.
//!
//! What to watch for: the workers are members of one consumer group, so each message goes to
//! exactly one of them. The audit is another group, and gets every message. The publisher waits in
//! Idle until all three have subscribed. At its end it closes the topic: the subscribers still
//! receive what is buffered, then their subscriptions end, and the daemon ends with status 0.
#![allow(clippy::print_stdout, reason = "the counts are the program's output")]

use clap::Parser;
use rxd::intracom::{Group, StaticTopic, Subscription};
use rxd::{Context, Runner};
use std::time::Duration;

/// The topic, declared once: a typo in its name, or another type of message, does not compile.
static MESSAGES: StaticTopic<u32> = StaticTopic::new("messages");

/// Publishes `count` messages, after all subscribers are in Run.
#[rxd::service(manager = "until_success")]
#[watch(all, entering, Run, "worker-1", "worker-2", "audit")]
struct Publisher {
    count: u32,
}

impl Runner for Publisher {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let messages = MESSAGES.open(&cx.intracom())?;
        let mut published = 0;
        for message in 1..=self.count {
            tokio::select! {
                delivery = messages.publish(message) => delivery?,
                () = cx.cancelled() => break,
            };
            published += 1;
        }
        println!("publisher: {published} messages");
        messages.close();
        Ok(())
    }
}

/// Receives the messages of its group.
#[rxd::service(manager = "until_success")]
struct Listener {
    group: Group<'static>,
    /// How long each message takes.
    work: Duration,
    messages: Option<Subscription<u32>>,
}

impl Runner for Listener {
    /// Subscribes here and not in `run`: services that wait for Run can rely on the subscription.
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        self.messages = Some(MESSAGES.subscribe(&cx.intracom(), self.group)?);
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut messages = self.messages.take().ok_or("run without init")?;
        let (mut count, mut sum) = (0, 0);
        while let Some(message) = messages.recv().await {
            (count, sum) = (count + 1, sum + message);
            tokio::time::sleep(self.work).await;
        }
        println!("{}: {count} messages of the group `{}`, their sum is {sum}", cx.name(), messages.group());
        Ok(())
    }
}

#[rxd::daemon]
struct PubSub {
    publisher: Publisher,
    #[service(name = "worker-1")]
    first: Listener,
    #[service(name = "worker-2")]
    second: Listener,
    #[service(name = "audit")]
    audit: Listener,
}

/// Two members of a group share the messages of a topic. A second group receives them all.
#[derive(Parser)]
struct Args {
    /// How many messages to publish.
    #[arg(long, default_value_t = 100)]
    count: u32,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let Args { count } = Args::parse();
    examples::log_to_stderr();
    let listener = |group: Group<'static>, work| Listener { group, work, messages: None };
    let work = Duration::from_millis(2);
    PubSub {
        publisher: Publisher { count },
        // A small buffer: the publisher waits for its readers.
        first: listener(Group::named("workers").capacity(4), work),
        second: listener(Group::named("workers").capacity(4), work),
        audit: listener(Group::named("audit").capacity(16), Duration::ZERO),
    }
    .run()
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxd::testing::{Harness, Inbox};

    /// A fake replaces the audit, and keeps the messages it receives.
    #[tokio::test(start_paused = true)]
    async fn audit_beside_slow_workers_gets_every_message() {
        let listener =
            || Listener { group: Group::named("workers").capacity(1), work: Duration::from_secs(1), messages: None };
        let daemon =
            PubSub { publisher: Publisher { count: 10 }, first: listener(), second: listener(), audit: listener() };
        let inbox = Inbox::new();
        let audit = inbox.subscriber(MESSAGES, Group::named("audit"));
        let ended = Harness::new(daemon.into_daemon()).fake("audit", audit).start().await.wait().await;
        assert!(ended.report.is_ok());
        assert_eq!(inbox.messages(), (1..=10).collect::<Vec<u32>>());
        assert_eq!(ended.took.as_secs(), 5, "two workers, a second a message");
    }
}
