//! Services that are large values. A service is moved while its daemon starts, on the stack of the
//! caller; no thread of the runtime moves it.

use rxd::{Action, Context, Runner, State};

const KIB: usize = 1024;

/// A service of so many bytes.
#[rxd::service]
struct Large<const N: usize> {
    bytes: [u8; N],
}

impl<const N: usize> Runner for Large<N> {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.bytes[N - 1] += 1;
        cx.cancelled().await;
        Ok(())
    }
}

/// Runs a daemon with a service of so many KiB, started by a thread with a stack of so many MiB.
macro_rules! runs {
    ($test:ident, $kib:literal, $stack:literal) => {
        #[test]
        fn $test() {
            const SIZE: usize = $kib * KIB;
            #[rxd::daemon]
            struct App {
                large: Large<SIZE>,
            }
            let main = std::thread::Builder::new().stack_size($stack * 1024 * KIB).spawn(|| {
                let mut runtime = tokio::runtime::Builder::new_multi_thread();
                let runtime = runtime.worker_threads(1).thread_stack_size(2 * 1024 * KIB).enable_all().build();
                runtime.unwrap().block_on(async {
                    let handle = App { large: Large { bytes: [1; SIZE] } }.start().await.unwrap();
                    let mut runs = handle.watch_any(Action::Entering, State::Run, ["large"]).unwrap();
                    runs.wait().await.unwrap();
                    handle.stop("large").await.unwrap();
                    handle.shutdown();
                    handle.wait().await
                })
            });
            let report = main.unwrap().join().unwrap();
            assert!(report.is_ok(), "{report}");
        }
    };
}

// As the main thread of a program on Linux.
runs!(service_of_256_kib_starts_on_the_main_thread, 256, 8);
// A worker with 2 MiB runs it and drops it.
runs!(service_of_1_mib_is_not_moved_by_a_worker, 1024, 32);
