use supervised::{Context, ServiceExt, SupervisorBuilder, service_fn};

#[tokio::main]
async fn main() -> Result<(), supervised::Error> {
    let mut builder = SupervisorBuilder::new(()).shutdown_on_ctrl_c();
    for name in ["a", "b", "c"] {
        let service = service_fn(name, |_: Context<()>| std::future::pending::<()>());
        builder = builder.add(service.until_cancelled());
    }
    builder.build().run().await.map(drop)
}
