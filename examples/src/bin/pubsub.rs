//! A hundred messages, two workers that share them, and an audit that gets them all.
//!
//! What to watch for: the workers are members of one consumer group, so each message goes to
//! exactly one of them, while the audit is a group of its own. The publisher is held back until all
//! three listen, and closes the topic when it is done: the others still get what is buffered, see
//! their streams end, and so does the daemon, by itself and with status 0.
#![allow(clippy::print_stdout, reason = "the counts are the program's output")]

use clap::Parser;
use rxd::intracom::{Group, StaticTopic, Subscription};
use rxd::{Context, Runner};
use std::time::Duration;

/// The topic, declared once: a typo in its name, or another type of message, does not compile.
static MESSAGES: StaticTopic<u32> = StaticTopic::new("messages");

/// Publishes so many messages, once everybody listens.
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

/// Takes messages from the group it is in.
#[rxd::service(manager = "until_success")]
struct Listener {
    group: Group<'static>,
    /// How long it takes over each message.
    work: Duration,
    messages: Option<Subscription<u32>>,
}

impl Runner for Listener {
    /// Subscribes already here: whoever waits for this service to be in Run knows that it listens.
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

/// Two members of a group share the messages of a topic; a second group gets them all.
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

    /// A fake in place of the audit keeps what it gets.
    #[tokio::test(start_paused = true)]
    async fn the_audit_gets_every_message() {
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
