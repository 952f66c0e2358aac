//! Names, numbers and places are used again: what comes and goes leaves nothing behind.

use crate::kit::{daemon, service, stop};
use allocation_counter::measure;
use rxd::{DaemonHandle, State};

/// Adds some services that need each other, and removes them.
async fn turn(handle: &DaemonHandle, number: usize) {
    let names = [format!("a-{number:06}"), format!("b-{number:06}"), format!("c-{number:06}")];
    handle.add(service(&*names[0]).needs(["db"])).await.unwrap();
    handle.add(service(&*names[1]).needs([names[0].clone(), "cache".to_owned()])).await.unwrap();
    let grace = std::time::Duration::from_secs(60);
    handle.add(service(&*names[2]).needs_with_grace(names[..2].to_vec(), grace)).await.unwrap();
    handle.wait_for(names[2].clone(), State::Run).await.unwrap();
    handle.remove_with_dependents(&names[0]).await.unwrap();
}

#[test]
fn d21_memory_after_many_services_is_where_it_was() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let turns = |handle: &DaemonHandle, from: usize| {
        runtime.block_on(async {
            for number in from..from + 4_000 {
                turn(handle, number).await;
            }
        });
    };
    let mut handle = None;
    // Until what is recorded for the checks of the tests is full: some 35 transitions a turn.
    let before = measure(|| {
        let daemon = handle.insert(runtime.block_on(daemon()));
        turns(daemon, 0);
    });
    let handle = handle.unwrap();
    let after = measure(|| turns(&handle, 4_000));
    let (live, more) = (before.bytes_current, after.bytes_current);
    assert!(more.abs() * 100 <= live, "{more} more bytes than the {live} that were live");
    runtime.block_on(async {
        assert_eq!(handle.states().len(), 2);
        assert!(stop(&handle).await.is_ok());
    });
}
