//! What a process writes.

use crate::*;
use rxd::process::Output;

/// The records of a process that ends, and of its restarts.
async fn records_of(process: Process, last: &str) -> String {
    let (records, _guard) = Records::capture();
    let handle = start(process).await;
    records.until(last).await;
    stop(handle).await;
    records.text()
}

fn line<'a>(text: &'a str, part: &str) -> &'a str {
    text.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("no `{part}` in {text}"))
}

#[tokio::test]
async fn lines_are_records_of_the_service_with_their_level() {
    let text = records_of(shell(&mark(), "echo outside; echo inside >&2; sleep 1000"), "inside").await;
    let out = line(&text, "outside");
    assert!(
        out.starts_with(" INFO service{service=child") && out.contains(" process: outside stream=\"stdout\""),
        "{out}"
    );
    let err = line(&text, "inside");
    assert!(
        err.starts_with(" WARN service{service=child") && err.contains(" process: inside stream=\"stderr\""),
        "{err}"
    );
}

#[tokio::test]
async fn levels_are_those_that_are_set_and_discarded_output_is_none() {
    let process = shell(&mark(), "echo gone; echo kept >&2; sleep 1000").stdout(Output::Discard).stderr(Output::Debug);
    let text = records_of(process, "kept").await;
    assert!(!text.contains("gone"), "{text}");
    assert!(line(&text, "kept").starts_with("DEBUG"), "{text}");
}

#[tokio::test]
async fn binary_output_is_escaped() {
    let script = r"printf 'a\033[31mred\000\377\n\r\ninjected\rline\n'; echo last; sleep 1000";
    let text = records_of(shell(&mark(), script), "last").await;
    assert!(text.contains("a\\u{1b}[31mred\\u{0}\u{fffd} "), "{text}");
    assert!(text.contains("injected\\rline"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\r') && !text.contains('\0'), "{text:?}");
}

#[tokio::test]
async fn long_line_is_cut_and_the_next_is_whole() {
    let script = "head -c 1000000 /dev/zero | tr '\\0' x; echo; echo whole; sleep 1000";
    let text = records_of(shell(&mark(), script), "whole").await;
    let long = line(&text, "xxx");
    assert!(long.contains(".. (cut after 64 KiB)") && long.len() < 66_000, "{}", long.len());
    assert!(text.contains(" process: whole "));
}

#[tokio::test]
async fn process_that_closes_its_output_goes_on() {
    let mark = mark();
    let handle = start(shell(&mark, "echo bye; exec >&- 2>&-; while :; do sleep 0.05; done")).await;
    until_run(&handle).await;
    tokio::time::sleep(300 * MS).await;
    assert!(handle.states()["child"].is_in(State::Run));
    assert_eq!(handle.states()["child"].last_error, None);
    stop(handle).await;
    assert_gone(&mark, &[]);
}

#[tokio::test]
async fn output_that_a_stranger_holds_open_holds_up_no_stop() {
    let mark = mark();
    // It leaves the group, as a daemon does, and is not ours any more.
    if std::process::Command::new("setsid").arg("true").status().is_err() {
        return;
    }
    let handle = start(shell(&mark, "setsid sleep 5 & sleep 1000")).await;
    until_run(&handle).await;
    until_marked(&mark, 3).await;
    let begun = Instant::now();
    stop(handle).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    for pid in marked(&mark) {
        kill("KILL", pid);
    }
}
