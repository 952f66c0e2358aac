use task_supervisor::{CancellationToken, SupervisedTask, SupervisorBuilder, TaskResult};

#[derive(Clone)]
struct Body;

impl SupervisedTask for Body {
    async fn run(self, cancel: CancellationToken) -> TaskResult {
        cancel.cancelled().await;
        Ok(())
    }
}

#[tokio::main]
async fn main() {
    let builder = SupervisorBuilder::new().with_task("a", Body).with_task("b", Body).with_task("c", Body);
    let handle = builder.spawn();
    tokio::signal::ctrl_c().await.unwrap();
    handle.shutdown().await.unwrap();
}
