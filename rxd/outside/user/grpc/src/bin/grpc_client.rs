//! Follows the health of the server at `GRPC`, until the server ends that.

use futures_util::StreamExt;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let addr = std::env::var("GRPC")?;
    let mut client = HealthClient::new(Endpoint::from_shared(format!("http://{addr}"))?.connect().await?);
    let request = HealthCheckRequest { service: String::new() };
    let status = client.check(request.clone()).await?.into_inner().status();
    println!("check: {status:?}");
    let mut statuses = client.watch(request).await?.into_inner();
    while let Some(status) = statuses.next().await {
        println!("watch: {:?}", status?.status());
    }
    println!("watch ended");
    Ok(())
}
