use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use ractor_supervisor::{
    ChildSpec, Restart, SpawnFn, Supervisor, SupervisorArguments, SupervisorOptions, SupervisorStrategy,
};
use std::time::Duration;

struct Body;

#[ractor::async_trait]
impl Actor for Body {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

async fn spawn(cell: ActorCell, name: String) -> Result<ActorCell, SpawnErr> {
    Ok(Supervisor::spawn_linked(name, Body, (), cell).await?.0.get_cell())
}

#[tokio::main]
async fn main() {
    let child_specs = ["a", "b", "c"].map(|name| ChildSpec {
        id: name.into(),
        restart: Restart::Permanent,
        spawn_fn: SpawnFn::new(spawn),
        backoff_fn: None,
        reset_after: None,
    });
    let options = SupervisorOptions {
        strategy: SupervisorStrategy::OneForOne,
        max_restarts: 5,
        max_window: Duration::from_secs(10),
        reset_after: None,
    };
    let arguments = SupervisorArguments { child_specs: child_specs.into(), options };
    let (supervisor, handle) = Supervisor::spawn("root".into(), arguments).await.unwrap();
    tokio::signal::ctrl_c().await.unwrap();
    supervisor.stop(None);
    handle.await.unwrap();
}
