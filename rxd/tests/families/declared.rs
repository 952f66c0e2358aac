//! Families as the attributes declare them.

use crate::kit::{is_in, names, settle, stop};
use rxd::{Context, FromIndex, Runner, State};

#[rxd::service]
#[needs("db")]
struct Worker {
    queue: usize,
}

impl FromIndex for Worker {
    fn from_index(index: usize) -> Self {
        Worker { queue: index }
    }
}

/// Named by its type, and not made from an index.
#[rxd::service]
struct Prober;

#[rxd::service]
struct Db;

#[rxd::service]
#[needs("workers", Prober)]
#[watch(any, entering, Run, "ingest-pipes")]
struct Api;

#[rxd::service]
struct Pipe;

macro_rules! idle {
    ($($service:ty),*) => {$(
        impl Runner for $service {
            async fn run(&mut self, cx: &Context) -> rxd::Result {
                cx.cancelled().await;
                Ok(())
            }
        }
    )*};
}

idle!(Prober, Db, Api, Pipe);

impl Runner for Worker {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        assert_eq!(cx.name(), format!("worker-{}", self.queue));
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon(signals())]
struct Works {
    api: Api,
    workers: Vec<Worker>,
    probe: std::vec::Vec<Prober>,
    db: Db,
    #[service(name = "pipe")]
    ingest_pipes: Vec<Pipe>,
}

fn works(workers: usize) -> Works {
    Works {
        api: Api,
        workers: (0..workers).map(Worker::from_index).collect(),
        probe: vec![Prober],
        db: Db,
        ingest_pipes: vec![Pipe, Pipe],
    }
}

#[tokio::test(start_paused = true)]
async fn f1_members_are_named_after_the_field_and_numbered() {
    let handle = works(2).start().await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    assert_eq!(names(&handle), ["api", "db", "pipe-0", "pipe-1", "probe-0", "worker-0", "worker-1"]);
    assert!(stop(&handle).await.is_ok());
}

#[test]
fn f2_family_is_one_node_of_the_graph_with_the_name_of_its_field() {
    let nodes: Vec<(&str, Option<&str>)> = Works::GRAPH.nodes.iter().map(|node| (node.name, node.family)).collect();
    let expected = [
        ("api", None),
        ("workers", Some("worker")),
        ("probe", Some("probe")),
        ("db", None),
        ("ingest-pipes", Some("pipe")),
    ];
    assert_eq!(nodes, expected);
}

#[tokio::test(start_paused = true)]
async fn f3_family_grows_if_its_type_is_from_index_and_stays_as_it_is_otherwise() {
    let handle = works(1).start().await.unwrap();
    handle.scale("workers", 4).await.unwrap();
    handle.wait_for("worker-3", State::Run).await.unwrap();
    let error = handle.scale("probe", 2).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "failed to scale `probe`: nothing makes members of it\nhelp: write `impl rxd::FromIndex for Prober`"
    );
    // Fewer need nothing that makes them.
    handle.scale("probe", 0).await.unwrap();
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f4_members_wait_for_what_their_type_needs_and_others_wait_for_all_of_them() {
    let handle = works(2).start().await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    handle.stop("db").await.unwrap();
    settle().await;
    assert!(is_in(&handle, "worker-0", State::Idle) && is_in(&handle, "api", State::Idle));
    handle.start("db").await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    assert!(stop(&handle).await.is_ok());
    let ended: Vec<String> =
        handle.history().iter().filter(|event| event.is_in(State::Exit)).map(|event| event.name.to_string()).collect();
    let place = |name: &str| ended.iter().rposition(|other| other == name).unwrap();
    for worker in ["worker-0", "worker-1"] {
        assert!(place("api") < place(worker) && place(worker) < place("db"), "{ended:?}");
    }
}
