//! Request and reply.

use crate::{now, poll, topic};
use rxd::intracom::{AskError, Group, Intracom, Policy, Request, Subscription, Topic, TopicOptions};
use rxd::{Action, Context, Daemon, Runner, Service, State, When};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

type Lookup = Request<u32, String>;

fn answers(topic: &Topic<Lookup>) -> Subscription<Lookup> {
    topic.subscribe(Group::named("answers").capacity(1)).unwrap()
}

fn answer_of(poll: Poll<Result<String, AskError>>) -> Result<String, AskError> {
    match poll {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("nobody has answered"),
    }
}

#[test]
fn a_request_is_answered() {
    let topic = topic::<Lookup>();
    let mut requests = answers(&topic);
    let mut ask = pin!(topic.ask(7));
    assert!(poll(ask.as_mut()).is_pending());
    let request = now(requests.recv()).flatten().unwrap();
    assert_eq!((*request.question(), request.is_wanted()), (7, true));
    assert!(request.reply("seven".to_owned()));
    assert_eq!(answer_of(poll(ask.as_mut())).unwrap(), "seven");
}

#[test]
fn a_dropped_request_ends_the_wait() {
    let topic = topic::<Lookup>();
    let mut requests = answers(&topic);
    let (mut received, mut buffered) = (pin!(topic.ask(1)), pin!(topic.ask(2)));
    assert!(poll(received.as_mut()).is_pending());
    drop(now(requests.recv()));
    let error = answer_of(poll(received.as_mut())).unwrap_err();
    assert!(error.is_unanswered());
    assert_eq!(error.to_string(), "no answer from topic `test`: the request was dropped without a reply");

    // One that is still in the buffer ends with the subscription.
    assert!(poll(buffered.as_mut()).is_pending());
    drop(requests);
    assert!(answer_of(poll(buffered.as_mut())).unwrap_err().is_unanswered());
}

#[test]
fn without_anybody_who_answers_it_is_an_error() {
    let topic = topic::<Lookup>();
    let error = now(topic.ask(1)).unwrap().unwrap_err();
    assert!(error.has_no_subscribers(), "{error}");
    topic.close();
    let error = now(topic.ask(1)).unwrap().unwrap_err();
    assert!(error.is_closed(), "{error}");

    let keeps = Intracom::new().topic_with::<Lookup>("keeps", TopicOptions::DEFAULT.keep_last()).unwrap();
    let _requests = answers(&keeps);
    assert!(now(keeps.ask(1)).unwrap().unwrap_err().to_string().contains("open it without `keep_last`"));
}

#[test]
fn requests_are_bounded_by_the_group() {
    let topic = topic::<Lookup>();
    let mut requests = answers(&topic);
    let (mut first, mut second) = (pin!(topic.ask(1)), pin!(topic.ask(2)));
    assert!(poll(first.as_mut()).is_pending());
    // Waits for room: the group has one place.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let _guard = runtime.enter();
    assert!(poll(second.as_mut()).is_pending());
    assert_eq!(requests.stats().queued, 1);
    assert!(now(requests.recv()).flatten().unwrap().reply(String::new()));
    assert!(poll(second.as_mut()).is_pending());
    assert_eq!(*now(requests.recv()).flatten().unwrap().question(), 2);
}

#[test]
fn a_buffer_that_drops_a_request_answers_it_with_an_error() {
    let topic = topic::<Lookup>();
    let _requests = topic.subscribe(Group::named("answers").capacity(1).policy(Policy::DropNewest)).unwrap();
    let mut first = pin!(topic.ask(1));
    assert!(poll(first.as_mut()).is_pending());
    assert!(now(topic.ask(2)).unwrap().unwrap_err().is_unanswered());
}

#[test]
fn the_first_of_several_groups_answers() {
    let topic = topic::<Lookup>();
    let (mut fast, mut slow) = (answers(&topic), topic.subscribe(Group::private()).unwrap());
    let mut ask = pin!(topic.ask(1));
    assert!(poll(ask.as_mut()).is_pending());
    let (fast, slow) = (now(fast.recv()).flatten().unwrap(), now(slow.recv()).flatten().unwrap());
    assert!(fast.reply("fast".to_owned()));
    assert!(!slow.is_wanted());
    assert!(!slow.reply("slow".to_owned()));
    assert_eq!(answer_of(poll(ask.as_mut())).unwrap(), "fast");
}

#[test]
fn nobody_waits_for_the_answer_any_more() {
    let topic = topic::<Lookup>();
    let mut requests = answers(&topic);
    {
        let mut ask = pin!(topic.ask(1));
        assert!(poll(ask.as_mut()).is_pending());
    }
    let request = now(requests.recv()).flatten().unwrap();
    assert!(!request.is_wanted());
    assert!(!request.reply(String::new()));
}

/// Answers each request with its number. At request 13 it fails without an answer.
struct Answers(Option<Subscription<Lookup>>);

impl Runner for Answers {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        self.0 = Some(cx.intracom().topic::<Lookup>("lookup")?.subscribe(Group::named("answers"))?);
        Ok(())
    }

    async fn run(&mut self, _: &Context) -> rxd::Result {
        let mut requests = self.0.take().ok_or("run without init")?;
        while let Some(request) = requests.recv().await {
            match *request.question() {
                13 => return Err("thirteen".into()),
                question => drop(request.reply(question.to_string())),
            }
        }
        Ok(())
    }
}

/// A request ends with the service that was to answer it, and the next one is answered after the
/// restart.
#[tokio::test(start_paused = true)]
async fn a_request_ends_with_the_service() {
    struct Asks;

    impl Runner for Asks {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            let lookup = cx.intracom().topic::<Lookup>("lookup")?;
            assert_eq!(lookup.ask(1).await?, "1");
            assert!(lookup.ask(13).await.unwrap_err().is_unanswered());
            let mut watch = cx.watch_any(Action::Entering, State::Run, "answers")?;
            tokio::time::sleep(Duration::from_secs(10)).await;
            watch.next().await.ok_or("cancelled")?;
            assert_eq!(lookup.ask(2).await?, "2");
            cx.daemon().shutdown();
            Ok(())
        }
    }

    let asks = Service::new("asks", Asks).watch(When::any(Action::Entering, State::Run, ["answers"]));
    Daemon::new("d").add(Service::new("answers", Answers(None))).add(asks).run().await.unwrap();
}
