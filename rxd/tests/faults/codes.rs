//! The table of the guarantees and faults whose tests do not have the number in their names, and of
//! all faults that programs outside the workspace have found.
//!
//! | codes | what |
//! |---|---|
//! | G, F | guarantees, and faults to inject |
//! | A to U | found at run time by daemons made from the guide, in real processes |
//! | `gap-..` | what such daemons needed and rxd did not have |
//! | X1 to X28 | found by breaking it: hostile values, clients, limits and clocks |
//! | U1 to U15, `u-..` | found by using it for the first time |
//! | S1 to S17 | found beside other daemons and systems of this kind |
//!
//! Each code has its tests, or a reason why there is none, or is open: then the row names what is
//! to come. The tests of this file hold the table complete: each code is in it once, and each test
//! in it exists.

use Shown::{By, Open, Partly, Without};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

enum Shown {
    /// By these tests, wherever they are. A `*` at the end stands for all tests that begin so. A
    /// name with a `/` is a file, from the root of the workspace.
    By(&'static [&'static str]),
    /// In part by these tests; the rest is open.
    Partly(&'static [&'static str], &'static str),
    /// Not yet: what is to come.
    Open(&'static str),
    /// By no test, for this reason.
    Without(&'static str),
}

const ADMIN: Shown = Open("admin and rxdctl: hostile peers, a nested router, an API client");
const PAGE: Shown = Open("operator's page: trouble first, at any number of services");
const DYNAMIC: Shown = Open("dynamic services");
const WINDOWS: Shown = Open("Windows");
const TELEMETRY: Shown = Open("OpenTelemetry");
const READY: Shown = Open("readiness: in Run for some time, services that stand by, draining");

const TABLE: &[(&str, Shown)] = &[
    // ---- guarantees and faults whose tests have other names --------------------------------------
    ("G35", By(&["f51_sleeping_reader_delays_no_other_and_gets_lagged", "f59_unread_stream_delays_nobody"])),
    (
        "G36",
        By(&[
            "f50_g36_wait_dropped_after_any_poll_leaves_its_twin_unaffected",
            "f50_g36_waiting_task_aborted_leaves_other_watches_unaffected",
        ]),
    ),
    ("G41", By(&["f98_*", "f99_*", "f101_*", "f103_*", "f104_requests_of_any_form_are_answered_as_described"])),
    (
        "G45",
        By(&[
            "g45_why_follows_a_chain_to_its_root",
            "g45_why_of_a_cycle_visits_each_service_once",
            "g45_graph_route_has_four_formats",
        ]),
    ),
    ("G46", Without("it is measured: `cargo bench -p rxd`, the peers, and the baseline of instructions")),
    ("G47", Without("it is measured beside bare tokio: the peers")),
    ("G48", By(&["g48_transition_updates_only_watches_of_its_service"])),
    ("G49", Without("no guarantee has this number")),
    ("G50", By(&["g50_*"])),
    ("G51", By(&["g51_*"])),
    ("G52", By(&["g52_*"])),
    ("G53", By(&["g53_*", "f40_f110_chaos_in_paused_time_breaks_no_guarantee"])),
    ("G54", By(&["g54_*"])),
    ("G55", By(&["g55_*", "f40_f110_chaos_in_paused_time_breaks_no_guarantee"])),
    (
        "G56",
        By(&[
            "g56_*",
            "f70_reload_of_nothing_ends_at_once",
            "f72_reload_that_fails_ends_with_ready_and_its_error_in_the_status",
        ]),
    ),
    ("G57", By(&["g57_*", "f40_f110_chaos_in_paused_time_breaks_no_guarantee"])),
    ("G58", By(&["c_g58_*", "d_g58_*", "e_g58_*"])),
    ("G59", By(&["g59_*", "f40_f110_chaos_on_real_threads_breaks_no_guarantee"])),
    ("G60", By(&["g60_*"])),
    ("G61", By(&["g61_*"])),
    ("G62", By(&["g62_*", "u6_*", "u7_*"])),
    (
        "F37",
        By(&["watch_of_an_unknown_name_is_refused_with_a_suggestion", "ui-tests/tests/graph/fail/unknown_name.rs"]),
    ),
    ("F38", By(&["two_services_of_one_name_are_refused", "ui-tests/tests/graph/fail/name_twice.rs"])),
    ("F44", Without("no fault has this number")),
    ("F50", By(&["f50_g36_wait_dropped_after_any_poll_leaves_its_twin_unaffected"])),
    (
        "F111",
        By(&[
            "f60_million_transitions_have_no_gap_and_take_no_memory",
            "f31_failures_beyond_the_history_keep_the_longest_delay",
        ]),
    ),
    ("F113", By(&["loom_*"])),
    ("F114", Without("it takes hours: `cargo bench -p rxd --bench soak`")),
    // ---- at run time ------------------------------------------------------------------------------
    ("A", By(&["g61_log_in_a_terminal_is_coloured_and_elsewhere_is_not"])),
    (
        "B",
        By(&[
            "g50_x1_signal_after_run_has_returned_ends_the_process",
            "g50_resolver_that_hangs_does_not_delay_the_exit",
        ]),
    ),
    ("C", By(&["c_g58_*", "g50_x1_main_ends_the_process_without_a_further_signal"])),
    ("D", By(&["d_g58_*"])),
    ("E", By(&["e_g58_*"])),
    (
        "F",
        By(&[
            "f_unit_never_gives_up_and_its_delay_grows_where_systemd_can",
            "generated_unit_recovers_after_any_number_of_failed_starts",
        ]),
    ),
    ("G", By(&["g56_reload_in_the_back_off_is_called_and_restarts_at_once"])),
    ("H", By(&["h_records_of_the_crate_log_have_their_target_and_follow_the_levels"])),
    ("I", By(&["g61_server_whose_port_is_taken_is_ready_once_it_listens"])),
    ("J", By(&["g61_server_without_file_descriptors_accepts_again_once_there_are_some"])),
    ("K", By(&["g61_server_with_half_a_request_stops_within_its_grace_with_status_0", "k_*"])),
    ("L", By(&["l_error*"])),
    ("M", By(&["g57_*"])),
    ("N", By(&["n_probe_of_http_1_0_without_a_host_is_answered"])),
    ("O", By(&["o_*"])),
    ("P", By(&["p_level_that_the_build_does_not_contain_is_said_once_and_in_the_setting"])),
    ("Q", By(&["q_f96_processes_that_start_at_once_on_one_path_one_listens"])),
    ("R", By(&["r_*"])),
    ("S", By(&["s_journald_*"])),
    ("T", By(&["t_log_environment_is_read_alike_and_what_is_wrong_in_it_is_one_warning", "t_list_of_levels_*"])),
    ("U", By(&["x12_program_is_a_path_without_prefix_and_its_dollar_stays"])),
    (
        "gap-lossless-log",
        By(&["record_that_may_wait_is_written_once_there_is_room", "record_that_has_waited_in_vain_*"]),
    ),
    ("gap-why-cancelled", By(&["cause_of_*", "server_lingers_at_a_shutdown_and_not_at_a_reload"])),
    ("gap-in-run-for-some-time", READY),
    ("gap-host-list", By(&["gap_host_*"])),
    ("gap-late-journal", By(&["journal_that_comes_up_later_is_used_from_then_on"])),
    ("gap-blocked-signal", By(&["gap_blocked_signal_*"])),
    // ---- by breaking it ---------------------------------------------------------------------------
    ("X1", By(&["g50_x1_*"])),
    ("X2", By(&["g53_x2_*", "g55_x2_*"])),
    ("X3", By(&["g59_x3_*"])),
    ("X3b", By(&["g59_x3b_*"])),
    ("X3c", By(&["g59_x3c_*"])),
    ("X4", By(&["g51_x4_u9_method_blocking_its_thread_observes_its_cancellation"])),
    ("X5", By(&["g54_x5_user_code_is_called_without_a_lock_held"])),
    ("X6", By(&["x6_socket_with_a_full_backlog_is_alive_and_start_does_not_hang"])),
    ("X7", By(&["x7_*"])),
    ("X8", Without("it is measured: SIGHUP over 2,500, 10,000 and 40,000 services takes 7, 22 and 70 ms")),
    ("X9", By(&["x9_*"])),
    ("X10", By(&["x10_*"])),
    ("X11", By(&["x11_*"])),
    ("X12", By(&["x12_*"])),
    ("X13", By(&["g57_*"])),
    ("X14", By(&["x14_socket_under_any_umask_is_never_open_to_other_users"])),
    ("X15", By(&["g50_x15_exit_handler_that_blocks_does_not_delay_the_exit"])),
    ("X16", By(&["x16_*"])),
    ("X17", By(&["x17_*"])),
    (
        "X18",
        Without(
            "one lock over all services makes gates hold at one instant; it is held for each watch on the service that \
             moves. 1,000, 10,000 and 100,000 on one that restarts without a pause make the restart of another take \
             0.2, 0.8 and 18 ms (without them: 0.07)",
        ),
    ),
    ("X19", By(&["x19_resumed_panic_does_not_name_the_location_of_another"])),
    ("X20", By(&["x20_daemon_refused_for_exit_code_zero_exits_with_one", "g60_*"])),
    ("X21", By(&["g55_x21_*", "g51_x21_*"])),
    ("X22", By(&["x22_*"])),
    ("X23", By(&["x23_*"])),
    ("X24", By(&["x24_runtime_without_a_driver_fails_the_start"])),
    ("X25", By(&["x25_*"])),
    ("X26", By(&["x26_*"])),
    ("X27", By(&["x27_*"])),
    ("X28", By(&["x28_*"])),
    // ---- by first use -----------------------------------------------------------------------------
    (
        "U1",
        By(&[
            "g61_log_in_a_terminal_is_coloured_and_elsewhere_is_not",
            "g61_template_copied_by_its_readme_passes_its_own_tests",
        ]),
    ),
    ("U2", By(&["u2_question_mark_converts_errors_in_both_directions"])),
    ("U3", By(&["u3_*"])),
    ("U4", By(&["u4_*", "g61_health_check_over_a_database_that_hangs_stops_at_once"])),
    ("U5", By(&["from_fn_*"])),
    ("U6", By(&["u6_*"])),
    ("U7", By(&["u7_*"])),
    ("U8", By(&["k_u8_*", "u8_*"])),
    (
        "U9",
        By(&[
            "g51_x4_u9_method_blocking_its_thread_observes_its_cancellation",
            "g50_x1_main_ends_the_process_without_a_further_signal",
        ]),
    ),
    ("U10", By(&["g56_service_reloads_after_those_it_depends_on"])),
    ("U11", By(&["u11_*"])),
    ("U12", By(&["u12_*"])),
    ("U13", By(&["u13_*"])),
    ("U14", By(&["s17_u14_*"])),
    ("U15", DYNAMIC),
    ("u-builder-without-rust-log", By(&["t_log_environment_is_read_alike_and_what_is_wrong_in_it_is_one_warning"])),
    ("u-names-of-fakes", By(&["u_names_of_fakes_*"])),
    ("u-all-fakes", By(&["u_all_fakes_*"])),
    ("u-runtime-without-io-driver", By(&["x24_runtime_without_a_driver_fails_the_start"])),
    ("u-what-comes-next", By(&["log_says_what_comes_after_a_failure_and_when_the_service_has_recovered"])),
    (
        "u-transitions-in-words",
        Without(
            "programs read the fields of a transition where they stand; at INFO the log says in words what \
             restarts, runs again, stops and waits",
        ),
    ),
    ("u-raw-panics", By(&["e_g58_*"])),
    ("u-re-export", By(&["ui-tests/tests/service/pass/renamed.rs"])),
    (
        "u-metrics",
        Partly(
            &[
                "metrics_have_every_service_in_prometheus_format",
                "g62_service_that_fails_shows_restarts_last_error_and_next_attempt",
                "metrics_count_every_message_by_topic_and_group",
            ],
            "a count of published messages, which each publish would pay for, and of closed groups by their names",
        ),
    ),
    ("u-status-on-the-page", PAGE),
    (
        "u-back-off-after-a-short-run",
        Without("as documented: a Run has to last for `reset` before the back-off starts anew"),
    ),
    ("u-two-daemons-in-one-log", By(&["services_of_a_second_daemon_are_written_with_its_name"])),
    ("u-windows", WINDOWS),
    // ---- beside others ----------------------------------------------------------------------------
    ("S1", By(&["g52_*"])),
    ("S2", WINDOWS),
    ("S3", By(&["s3_*"])),
    ("S4", By(&["s4_*"])),
    ("S5", By(&["g60_watchdog_interval_of_zero_sends_nothing", "g60_invalid_name_has_the_message_of_the_macros"])),
    ("S6", By(&["context_with_a_token_ends_with_either_and_leaves_nothing_behind"])),
    ("S7", ADMIN),
    ("S8", Without("it is text: the names in the guide are those of v1.4.6 of the Go package")),
    ("S9", Open("prestart: a pipeline that begins again")),
    ("S10", By(&["s10_*"])),
    ("S11", By(&["time_left_*"])),
    ("S12", By(&["s12_graph_error_names_its_rule"])),
    ("S13", TELEMETRY),
    ("S14", By(&["s14_*"])),
    ("S15", READY),
    ("S16", READY),
    ("S17", By(&["s17_u14_*"])),
];

/// All codes that the table must have.
fn codes() -> Vec<String> {
    let numbers = |letter: &str, numbers: std::ops::RangeInclusive<u32>| {
        numbers.map(|number| format!("{letter}{number}")).collect::<Vec<_>>()
    };
    let letters = ('A'..='U').map(|letter| letter.to_string());
    let words = [
        "X3b",
        "X3c",
        "gap-lossless-log",
        "gap-why-cancelled",
        "gap-in-run-for-some-time",
        "gap-host-list",
        "gap-late-journal",
        "gap-blocked-signal",
        "u-builder-without-rust-log",
        "u-names-of-fakes",
        "u-all-fakes",
        "u-runtime-without-io-driver",
        "u-what-comes-next",
        "u-transitions-in-words",
        "u-raw-panics",
        "u-re-export",
        "u-metrics",
        "u-status-on-the-page",
        "u-back-off-after-a-short-run",
        "u-two-daemons-in-one-log",
        "u-windows",
    ];
    let all = [numbers("G", 50..=62), numbers("X", 1..=28), numbers("U", 1..=15), numbers("S", 1..=17)];
    all.concat().into_iter().chain(letters).chain(words.map(str::to_owned)).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names of all functions in the workspace's sources.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut todo = vec![root()];
    while let Some(path) = todo.pop() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with(".g") {
            todo.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let after_fn = text.split("fn ").skip(1);
            let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            names.extend(after_fn.map(|text| text.split(|letter| !is_of_name(letter)).next().unwrap_or("").to_owned()));
        }
    }
    names
}

#[test]
fn table_has_each_code_once() {
    let mut codes_in_table: Vec<&str> = TABLE.iter().map(|(code, _)| *code).collect();
    codes_in_table.sort_unstable();
    let twice: Vec<_> = codes_in_table.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "in the table twice: {twice:?}");
    let missing: Vec<_> = codes().into_iter().filter(|code| !codes_in_table.contains(&&**code)).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
}

#[test]
fn table_names_only_tests_that_exist() {
    let functions = functions();
    let exists = |test: &str| match test.strip_suffix('*') {
        _ if test.contains('/') => root().join(test).exists(),
        Some(prefix) => functions.iter().any(|name| name.starts_with(prefix)),
        None => functions.contains(test),
    };
    for (code, shown) in TABLE {
        match shown {
            By(tests) | Partly(tests, _) => {
                let missing: Vec<_> = tests.iter().filter(|test| !exists(test)).collect();
                assert!(!tests.is_empty() && missing.is_empty(), "{code}: there is no {missing:?}");
            }
            Open(_) | Without(_) => {}
        }
        if let Partly(_, what) | Open(what) | Without(what) = shown {
            assert!(!what.is_empty(), "{code}: no reason is given");
        }
    }
}

#[test]
fn guarantee_and_fault_numbers_all_have_a_test_or_a_reason() {
    let functions = functions();
    let in_names: BTreeSet<&str> = functions.iter().flat_map(|name| name.split('_')).collect();
    let in_table: BTreeSet<String> = TABLE.iter().map(|(code, _)| code.to_lowercase()).collect();
    // The rows of this target's own tables: `| G27 to G32 |`, `| F36-F39 |`, `| F32, F33 |`.
    let text = include_str!("main.rs").to_lowercase();
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | ")?.split('|').next());
    let mut in_rows = BTreeSet::new();
    for row in rows {
        let numbers: Vec<u32> =
            row.split(|letter: char| !letter.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
        let letter = row.chars().next().unwrap_or_default();
        match (&numbers[..], row.contains(" to ") || row.contains('-')) {
            (&[first, last], true) => in_rows.extend((first..=last).map(|number| format!("{letter}{number}"))),
            (numbers, _) => in_rows.extend(numbers.iter().map(|number| format!("{letter}{number}"))),
        }
    }
    let all = (1..=62).map(|number| format!("g{number}")).chain((1..=114).map(|number| format!("f{number}")));
    let is_shown = |code: &String| in_names.contains(&**code) || in_table.contains(code) || in_rows.contains(code);
    let missing: Vec<_> = all.filter(|code| !is_shown(code)).collect();
    assert!(missing.is_empty(), "no test and no row of the table is about {missing:?}");
}
