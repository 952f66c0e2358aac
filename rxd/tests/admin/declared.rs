//! The key `admin` of `#[rxd::daemon]`.

use crate::client::get;
use crate::daemon::at;
use rxd::admin::Admin;
use rxd::{Context, Runner, State};

#[rxd::service]
struct Api;

impl Runner for Api {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon(admin = "127.0.0.1:0", signals(terminate))]
struct Here {
    api: Api,
}

#[rxd::daemon(admin = Admin::new("127.0.0.1:0").token("0123456789abcdef"), signals(terminate))]
struct WithToken {
    api: Api,
}

#[tokio::test]
async fn admin_key_with_an_address_listens_there() {
    let handle = Here { api: Api }.start().await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    let answer = get(&at(&handle), "/services").await;
    assert!(answer.body.contains("\"api\""), "{}", answer.body);
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}

#[tokio::test]
async fn admin_key_with_an_expression_sets_a_token() {
    let handle = WithToken { api: Api }.start().await.unwrap();
    get(&at(&handle), "/services").await.problem(401);
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}
