//! For each guarantee, a trace that breaks it and one that does not.

mod families;

use super::check_invariants;
use crate::testing::{DeclaredRules, FakeService, Trace};
use crate::{Action, Backoff, Daemon, Effect, OnFailure, Options, Service, State, When};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn service(name: &'static str) -> Service {
    Service::new(name, FakeService::new())
}

fn without_backoff(name: &'static str) -> Service {
    service(name).options(Options::DEFAULT.backoff(Backoff::NONE))
}

/// Two independent services.
fn two() -> DeclaredRules {
    DeclaredRules::of(&Daemon::new("d").add(service("a")).add(service("b"))).exact()
}

/// `b` needs `a`.
fn dependent() -> DeclaredRules {
    DeclaredRules::of(&Daemon::new("d").add(service("a")).add(service("b").needs(["a"]))).exact()
}

/// One service with these options.
fn one(options: Options) -> DeclaredRules {
    DeclaredRules::of(&Daemon::new("d").add(service("a").options(options))).exact()
}

fn steady() -> Options {
    Options::DEFAULT.backoff(Backoff::DEFAULT.base(SECOND).jitter(0.0))
}

/// Each word as a transition of `service`; `/` precedes the cause.
fn lines(service: &str, words: &str) -> String {
    words.split_whitespace().map(|word| format!("{service} {}\n", word.replace('/', " "))).collect()
}

const INCARNATION: &str = "init+ init- idle+ idle- run+ run- stop+ stop-";

#[track_caller]
fn assert_valid(rules: &DeclaredRules, text: &str) {
    Trace::parse(text).assert(rules);
}

#[track_caller]
fn assert_broken(guarantee: &str, rules: &DeclaredRules, text: &str) {
    let trace = Trace::parse(text);
    let found = check_invariants(&trace, rules);
    assert!(
        found.iter().any(|violation| violation.guarantee == guarantee),
        "{guarantee} is not broken, but: {found:?}\n{trace}"
    );
}

#[test]
fn trace_written_as_text_reads_back_equal() {
    let text = "0ns a init+\n1.5s a init- error\n";
    let trace = Trace::parse("0 a init+\n1500ms a init- error");
    assert_eq!(trace.to_string(), text);
}

#[test]
fn g1_states_not_in_pairs_or_order_are_a_violation() {
    let b = lines("b", "exit+");
    assert_valid(&two(), &(lines("a", &format!("{INCARNATION} exit+")) + &b));
    assert_broken("G1", &two(), &(lines("a", "init+ init- run+ run- stop+ stop- exit+") + &b));
    assert_broken("G1", &two(), &(lines("a", "init+ idle+ idle- stop+ stop- exit+") + &b));
    assert_broken("G1", &two(), &(lines("a", "init+ init- stop+ stop- stop+ stop- exit+") + &b));
    assert_broken("G1", &two(), &(lines("c", "exit+") + &b));
}

#[test]
fn g2_exit_missing_or_repeated_is_a_violation() {
    let b = lines("b", "exit+");
    assert_broken("G2", &two(), &lines("b", "exit+"));
    assert_broken("G2", &two(), &(lines("a", "exit+ exit+") + &b));
    assert_broken("G2", &two(), &(lines("a", &format!("exit+ {INCARNATION} exit+")) + &b));
    assert_valid(&two().operator("a", 1), &(lines("a", &format!("exit+ {INCARNATION} exit+")) + &b));
}

#[test]
fn g3_exit_without_stop_is_a_violation() {
    let b = lines("b", "exit+");
    assert_broken("G3", &two(), &(lines("a", "init+ init- exit+") + &b));
    assert_broken("G3", &two(), &(lines("a", "init+ init- idle+ idle- run+ run- exit+") + &b));
    assert_valid(&two(), &(lines("a", "init+ exit+/abandoned") + &b));
}

#[test]
fn g4_overlapping_incarnations_are_a_violation() {
    let b = lines("b", "exit+");
    assert_broken("G4", &two(), &(lines("a", "init+ init- init+ init- stop+ stop- exit+") + &b));
    let mut skips = Trace::parse(&(lines("a", &format!("{INCARNATION} exit+")) + &b));
    skips.steps[3].incarnation = 2;
    assert!(check_invariants(&skips, &two()).iter().any(|violation| violation.guarantee == "G4"));
}

#[test]
fn g9_gate_passed_before_its_condition_holds_is_a_violation() {
    let (a, b) = (lines("a", "init+ init- idle+ idle- run+"), lines("b", "init+ init- idle+ idle- run+"));
    let (end_a, end_b) = (lines("a", "run- stop+ stop- exit+"), lines("b", "run- stop+ stop- exit+"));
    assert_valid(&dependent(), &format!("{a}{b}{end_b}{end_a}"));
    assert_broken("G9", &dependent(), &format!("{b}{a}{end_b}{end_a}"));

    let early = When::any(Action::Exited, State::Init, ["a"]).then(Effect::GateInit);
    let early = DeclaredRules::of(&Daemon::new("d").add(service("a")).add(service("b").watch(early)));
    assert_valid(&early, &format!("{a}{b}{end_b}{end_a}"));
    assert_broken("G9", &early, &format!("a init+\n{b}a init-\n{end_b}{}", lines("a", "stop+ stop- exit+")));

    let edge = When::any(Action::Changing, State::Run, ["a"]);
    let edge = DeclaredRules::of(&Daemon::new("d").add(service("a")).add(service("b").watch(edge)));
    assert_valid(&edge, &format!("{a}{b}{end_b}{end_a}"));
    assert_broken("G9", &edge, &format!("{b}{a}{end_b}{end_a}"));

    let again = When::all(Action::Changing, State::Exit, ["a"]).then(Effect::GateInit);
    let again =
        DeclaredRules::of(&Daemon::new("d").add(service("a")).add(without_backoff("b").watch(again))).operator("a", 1);
    let (once, twice) = (lines("b", INCARNATION), lines("a", &format!("{INCARNATION} exit+")));
    let end = lines("b", "exit+");
    assert_valid(
        &again,
        &format!("{twice}{once}{}{once}{end}{}", lines("a", "init+"), lines("a", "init- stop+ stop- exit+")),
    );
    assert_broken("G9", &again, &format!("{twice}{once}{once}{end}"));

    let after = DeclaredRules::of(&Daemon::new("d").add(service("a")).add(service("b").after(["a"])));
    let well = lines("a", &format!("{INCARNATION} exit+"));
    let by_operator = lines("a", "init+ init- idle+ idle- run+ run-/operator stop+ stop- exit+/operator");
    assert_valid(&after, &format!("{well}{b}{end_b}"));
    assert_broken("G9", &after, &format!("{by_operator}{b}{end_b}"));
}

#[test]
fn g11_service_outliving_a_fatal_failure_is_a_violation() {
    let fatal = steady().restarts(0, SECOND).on_failure(OnFailure::Shutdown);
    let rules = DeclaredRules::of(&Daemon::new("d").add(service("a").options(fatal)).add(service("b")));
    let a = lines("a", "init+ init-/error stop+/error stop- exit+/error");
    assert_valid(
        &rules,
        &format!("{}{a}{}", lines("b", "init+ init-"), lines("b", "stop+/shutdown stop- exit+/shutdown")),
    );
    assert_broken("G11", &rules, &format!("{}{a}", lines("b", "init+ init-")));
}

#[test]
fn g12_final_failure_ending_other_than_the_dependents_is_a_violation() {
    let limited = |service: Service| service.options(steady().restarts(0, SECOND));
    let rules = |b: Service| DeclaredRules::of(&Daemon::new("d").add(limited(service("a"))).add(b));
    let a = lines("a", "init+ init-/error stop+/error stop- exit+/error");
    let goes = lines("b", "init+ init- idle+ idle-/dependency stop+/dependency stop- exit+/dependency");
    let stays = lines("b", "init+ init- idle+ idle-");
    assert_valid(&rules(service("b").needs(["a"])), &format!("{a}{goes}"));
    assert_broken("G12", &rules(service("b").needs(["a"])), &format!("{a}{stays}"));
    assert_broken("G12", &rules(service("b")), &format!("{a}{goes}"));
    assert_broken("G12", &rules(service("b").needs(["a"])), &format!("{goes}{a}"));
    let runs = lines("b", "init+ init- idle+ idle- run+ run- stop+ stop- exit+");
    assert_broken("G12", &rules(service("b").after(["a"])), &format!("{a}{runs}"));
}

#[test]
fn g13_dependency_stopped_before_its_dependent_is_a_violation() {
    let up = lines("a", "init+ init- idle+ idle- run+") + &lines("b", "init+ init- idle+ idle- run+");
    let down = |name| lines(name, "run-/shutdown stop+/shutdown stop- exit+/shutdown");
    assert_valid(&dependent(), &format!("{up}{}{}", down("b"), down("a")));
    assert_broken("G13", &dependent(), &format!("{up}{}{}", down("a"), down("b")));
}

#[test]
fn g17_stop_missing_after_a_failing_stop_is_a_violation() {
    let a = lines("a", "init+ init- stop+/shutdown stop-/panic exit+/shutdown");
    assert_valid(&two(), &format!("{}{a}{}", lines("b", "init+ init-"), lines("b", "stop+ stop- exit+/shutdown")));
    assert_broken("G17", &two(), &format!("{}{a}", lines("b", "init+ init-")));
}

/// `a` fails in Init at each of these seconds.
fn failing_at(seconds: &[u64], end: &str) -> String {
    let incarnation = |second| format!("{second}s a init+\na init- error\na stop+ error\na stop-\n");
    let incarnations: String = seconds.iter().map(incarnation).collect();
    format!("{incarnations}{end}")
}

#[test]
fn g21_restarts_beyond_or_end_before_the_limit_are_a_violation() {
    let limited = |max| one(Options::DEFAULT.backoff(Backoff::NONE).restarts(max, 10 * SECOND));
    assert_valid(&limited(2), &failing_at(&[0, 0, 0], "a exit+ error"));
    assert_broken("G21", &limited(2), &failing_at(&[0, 0, 0, 0], "a exit+ error"));
    assert_broken("G21", &limited(3), &failing_at(&[0, 0, 0], "a exit+ error"));
    assert_broken("G21", &one(steady()), &failing_at(&[0], "a exit+ error"));
    // In real time the engine may have decided at any instant since it entered Stop.
    let late = failing_at(&[0], "0s a init+\n9s a init- error\na stop+ error\n11s a stop-\na exit+ error");
    assert_broken("G21", &limited(1), &late);
    let real = Options::DEFAULT.backoff(Backoff::NONE).restarts(1, 10 * SECOND);
    assert_valid(&DeclaredRules::of(&Daemon::new("d").add(service("a").options(real))), &late);
    // The window slides.
    let spread = Options::DEFAULT.backoff(Backoff::fixed(6 * SECOND)).restarts(1, 10 * SECOND);
    assert_broken("G21", &one(spread), &failing_at(&[0, 6, 12], "a exit+ shutdown"));
    let spread = spread.restarts(1, 5 * SECOND);
    assert_valid(&one(spread), &failing_at(&[0, 6, 12], "a exit+ shutdown"));
}

#[test]
fn g22_delay_out_of_bounds_is_a_violation() {
    assert_valid(&one(steady()), &failing_at(&[0, 1, 3, 7, 15], "a exit+ shutdown"));
    assert_broken("G22", &one(steady()), &failing_at(&[0, 1, 2], "a exit+ shutdown"));
    assert_broken("G22", &one(steady()), &failing_at(&[0, 1, 4], "a exit+ shutdown"));
}

/// `a` fails twice at once, then fails after `run` seconds in Run, and waits `wait` seconds.
fn sustained(run: u64, wait: u64) -> String {
    let short = lines("a", "init+ init- idle+ idle- run+ run-/error stop+ stop-");
    let long = format!(
        "{}{}s a run- error\n{}",
        lines("a", "init+ init- idle+ idle- run+"),
        3 + run,
        lines("a", "stop+ stop-")
    );
    format!(
        "0 {short}1s {short}3s {long}{}s a init+\n{}",
        3 + run + wait,
        lines("a", "init- stop+ stop- exit+/shutdown")
    )
}

#[test]
fn g23_long_delay_after_a_sustained_run_is_a_violation() {
    assert_valid(&one(steady()), &sustained(60, 1));
    assert_valid(&one(steady()), &sustained(59, 4));
    assert_broken("G23", &one(steady()), &sustained(60, 4));
}

#[test]
fn g24_delay_caused_by_another_service_is_a_violation() {
    let rules =
        DeclaredRules::of(&Daemon::new("d").add(service("a").options(steady())).add(service("b").options(steady())));
    let failure = |at, name| format!("{at}s {}", lines(name, "init+ init-/error stop+ stop-"));
    let end = "a exit+ shutdown\nb exit+ shutdown";
    let failures = format!("{}{}{}", failure(0, "a"), failure(1, "a"), failure(3, "a"));
    assert_valid(&rules.clone().exact(), &format!("{failures}{}{}{end}", failure(3, "b"), failure(4, "b")));
    assert_broken("G24", &rules.exact(), &format!("{failures}{}{}{end}", failure(3, "b"), failure(7, "b")));
}

#[test]
fn g25_back_off_after_an_operator_request_is_a_violation() {
    let by_operator = lines("a", "init+ init- idle+ idle- run+ run-/operator stop+/operator stop-");
    let end = lines("a", "init- stop+ stop- exit+/shutdown");
    assert_valid(&one(steady()).operator("a", 1), &format!("{by_operator}a init+\n{end}"));
    assert_broken("G25", &one(steady()).operator("a", 1), &format!("{by_operator}1s a init+\n{end}"));
    // A reaction does not make the next delay longer.
    let fails = lines("a", "init- stop+ stop-");
    assert_valid(
        &one(steady()),
        &format!("{}a init+\n{fails}1s a init+\n{end}", by_operator.replace("operator", "reaction")),
    );
    assert_broken(
        "G22",
        &one(steady()),
        &format!("{}a init+\n{fails}2s a init+\n{end}", by_operator.replace("operator", "reaction")),
    );
}

#[test]
fn g25_eviction_without_its_pause_is_a_violation() {
    let evicts = When::any(Action::Entering, State::Run, ["b"]).then(Effect::Stop);
    let evicted = |a: Service| {
        let a = a.options(steady()).watch(evicts.clone());
        DeclaredRules::of(&Daemon::new("d").add(a).add(service("b"))).exact()
    };
    let (plain, dependent) = (evicted(service("a")), evicted(service("a").needs(["b"])));
    // Run lasts this long, and the next Init comes after that wait.
    let trace = |lasted: u64, wait: u64| {
        let out = lines("a", "run-/reaction stop+/reaction stop-");
        let (begin, end) = (lines("a", "init+ init- idle+ idle- run+"), lines("a", "init- stop+ stop- exit+/shutdown"));
        let (left, next) = (1000 + lasted, 1000 + lasted + wait);
        format!(
            "{}1000ms {begin}{left}ms {out}{next}ms a init+\n{end}{}",
            lines("b", "init+ init- idle+ idle- run+"),
            lines("b", "run- stop+ stop- exit+/shutdown")
        )
    };
    assert_valid(&plain, &trace(500, 1000));
    assert_broken("G25", &plain, &trace(500, 0));
    assert_broken("G25", &plain, &trace(500, 1500));
    assert_valid(&plain, &trace(1500, 0));
    assert_broken("G25", &plain, &trace(1500, 1000));
    assert_valid(&plain.clone().operator("a", 1), &trace(500, 0));
    // The reaction may have been that of `needs`.
    assert_valid(&dependent, &trace(500, 0));
    assert_valid(&dependent, &trace(500, 1000));
    assert_broken("G25", &dependent, &trace(500, 1500));
}

#[test]
fn g34_gap_in_sequence_numbers_is_a_violation() {
    let mut gap = Trace::parse(&lines("a", "exit+"));
    gap.steps[0].seq = 2;
    assert_eq!(check_invariants(&gap, &two())[0].guarantee, "G34");
}

#[test]
fn g9_gate_or_reaction_before_its_condition_has_lasted_is_a_violation() {
    let gate = When::all(Action::Entering, State::Run, ["a"]).lasts(3 * SECOND);
    let gated = DeclaredRules::of(&Daemon::new("d").add(service("a")).add(service("b").watch(gate)));
    let b = |at: &str| format!("{at} b init+\n{at} b init-\n{at} b idle+\n{at} b idle-\n{at} b run+\n");
    let a = |at: &str| format!("{at} a init+\n{at} a init-\n{at} a idle+\n{at} a idle-\n{at} a run+\n");
    let ends = |name: &str, at: &str, cause: &str| {
        format!("{at} {name} run- {cause}\n{at} {name} stop+ {cause}\n{at} {name} stop-\n")
    };
    let stop = |at: &str| {
        format!("{}{at} b exit+ shutdown\n", ends("b", at, "shutdown"))
            + &format!("{}{at} a exit+ shutdown\n", ends("a", at, "shutdown"))
    };
    assert_valid(&gated, &(a("1s") + &b("4s") + &stop("9s")));
    assert_broken("G9", &gated, &(a("1s") + &b("3900ms") + &stop("9s")));
    // A break begins the time anew.
    let again = a("1s") + &ends("a", "2s", "error") + &a("2100ms");
    assert_valid(&gated, &(again.clone() + &b("5100ms") + &stop("9s")));
    assert_broken("G9", &gated, &(again + &b("4500ms") + &stop("9s")));

    // `b` may be without `a` for 3 s.
    for lasting in [
        service("b").watch(When::any(Action::Exited, State::Run, ["a"]).then(Effect::Stop).lasts(3 * SECOND)),
        service("b").needs_with_grace(["a"], 3 * SECOND),
    ] {
        let rules = DeclaredRules::of(&Daemon::new("d").add(service("a")).add(lasting));
        let leaves = |at: &str| {
            a("1s")
                + &b("2s")
                + &ends("a", "5s", "error")
                + &ends("b", at, "reaction")
                + &format!("{at} b exit+ shutdown\n")
                + "20s a exit+ shutdown\n"
        };
        assert_valid(&rules, &leaves("8s"));
        assert_broken("G9", &rules, &leaves("7900ms"));
    }
}
