//! A candidate is never printed.

use crate::kit::SECOND;
use rxd::{Configure, Context, Daemon, Runner, Service, State};
use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

const SECRET: &str = "hunter2";

struct Secret {
    password: String,
    at: u32,
}

/// Its `Debug` and `Display` would show the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.password, self.at)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

struct Vault;

impl Configure<Secret> for Vault {
    fn check(new: &Secret) -> rxd::Result {
        if new.at == 1 { Err("`password` is too short".into()) } else { Ok(()) }
    }

    async fn apply(&mut self, new: &Secret, _: &Context) -> rxd::Result {
        match new.at {
            2 => Err("`password` is not accepted".into()),
            3 => panic!("scripted panic of apply"),
            _ => Ok(()),
        }
    }
}

impl Runner for Vault {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<u8>>>);

impl Write for Records {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Records {
    type Writer = Records;

    fn make_writer(&self) -> Records {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn secret_of_a_candidate_is_in_no_record_and_no_message() {
    let records = Records::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(records.clone());
    // For the whole process: tests beside this one would change what a scoped one gets.
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let at = Arc::new(AtomicU32::new(0));
    let next = at.clone();
    let load = move || -> rxd::Result<Secret> {
        let at = next.fetch_add(1, Ordering::Relaxed);
        Ok(Secret { password: SECRET.to_owned(), at })
    };
    let vault = Service::configured::<Secret>("vault", Vault);
    let daemon = Daemon::new("agent").signals([]).config(load).add(vault);
    let mut said = format!("{daemon:?}");
    let handle = daemon.start().await.unwrap();
    handle.wait_for("vault", State::Run).await.unwrap();
    for _ in 0..3 {
        let error = handle.reload_all().await.unwrap_err();
        said += &format!("{error} {error:?} {}", handle.why("vault").unwrap());
    }
    handle.reload_all().await.unwrap();
    tokio::time::sleep(SECOND).await;
    handle.shutdown();
    said += &format!("{:?}", handle.wait().await);
    let records = String::from_utf8(records.0.lock().unwrap().clone()).unwrap();
    let expected = ["`password` is too short", "`password` is not accepted", "scripted panic of apply", "reloaded"];
    for expected in expected {
        assert!(records.contains(expected), "{expected}: {records}");
    }
    assert!(!records.contains(SECRET) && !said.contains(SECRET), "{records}\n{said}");
}
