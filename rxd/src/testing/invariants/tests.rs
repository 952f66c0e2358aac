//! Each guarantee has a trace that breaks it, next to one that does not.

use super::check_invariants;
use crate::testing::{DeclaredRules, FakeService, Trace};
use crate::{Action, Backoff, Daemon, Effect, OnFailure, Options, Service, State, When};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn service(name: &'static str) -> Service {
    Service::new(name, FakeService::new())
}

fn brisk(name: &'static str) -> Service {
    service(name).options(Options::DEFAULT.backoff(Backoff::NONE))
}

/// Two services without anything between them.
fn two() -> DeclaredRules {
    DeclaredRules::of(&Daemon::new("d").add(service("a")).add(service("b"))).exact()
}

/// `b` needs `a`.
fn needing() -> DeclaredRules {
    DeclaredRules::of(&Daemon::new("d").add(service("a")).add(service("b").needs(["a"]))).exact()
}

/// One service with these knobs.
fn one(options: Options) -> DeclaredRules {
    DeclaredRules::of(&Daemon::new("d").add(service("a").options(options))).exact()
}

fn steady() -> Options {
    Options::DEFAULT.backoff(Backoff::DEFAULT.base(SECOND).jitter(0.0))
}

/// Every word of `rounds` as a transition of `service`.
fn lines(service: &str, words: &str) -> String {
    words.split_whitespace().map(|word| format!("{service} {}\n", word.replace('/', " "))).collect()
}

const ROUND: &str = "init+ init- idle+ idle- run+ run- stop+ stop-";

#[track_caller]
fn good(rules: &DeclaredRules, text: &str) {
    Trace::parse(text).assert(rules);
}

#[track_caller]
fn broken(guarantee: &str, rules: &DeclaredRules, text: &str) {
    let trace = Trace::parse(text);
    let found = check_invariants(&trace, rules);
    assert!(found.iter().any(|violation| violation.guarantee == guarantee), "not {guarantee}: {found:?}\n{trace}");
}

#[test]
fn a_trace_reads_back_as_it_was_written() {
    let text = "0ns a init+\n1.5s a init- error\n";
    let trace = Trace::parse("0 a init+\n1500ms a init- error");
    assert_eq!(trace.to_string(), text);
}

#[test]
fn g1_states_come_in_pairs_and_in_order() {
    let b = lines("b", "exit+");
    good(&two(), &(lines("a", &format!("{ROUND} exit+")) + &b));
    broken("G1", &two(), &(lines("a", "init+ init- run+ run- stop+ stop- exit+") + &b));
    broken("G1", &two(), &(lines("a", "init+ idle+ idle- stop+ stop- exit+") + &b));
    broken("G1", &two(), &(lines("a", "init+ init- stop+ stop- stop+ stop- exit+") + &b));
    broken("G1", &two(), &(lines("c", "exit+") + &b));
}

#[test]
fn g2_exit_comes_once_last_and_always() {
    let b = lines("b", "exit+");
    broken("G2", &two(), &lines("b", "exit+"));
    broken("G2", &two(), &(lines("a", "exit+ exit+") + &b));
    broken("G2", &two(), &(lines("a", &format!("exit+ {ROUND} exit+")) + &b));
    good(&two().operator("a", 1), &(lines("a", &format!("exit+ {ROUND} exit+")) + &b));
}

#[test]
fn g3_stop_comes_before_exit() {
    let b = lines("b", "exit+");
    broken("G3", &two(), &(lines("a", "init+ init- exit+") + &b));
    broken("G3", &two(), &(lines("a", "init+ init- idle+ idle- run+ run- exit+") + &b));
    good(&two(), &(lines("a", "init+ exit+/abandoned") + &b));
}

#[test]
fn g4_rounds_do_not_overlap() {
    let b = lines("b", "exit+");
    broken("G4", &two(), &(lines("a", "init+ init- init+ init- stop+ stop- exit+") + &b));
    let mut skips = Trace::parse(&(lines("a", &format!("{ROUND} exit+")) + &b));
    skips.steps[3].incarnation = 2;
    assert!(check_invariants(&skips, &two()).iter().any(|violation| violation.guarantee == "G4"));
}

#[test]
fn g9_gates_hold_when_they_are_passed() {
    let (a, b) = (lines("a", "init+ init- idle+ idle- run+"), lines("b", "init+ init- idle+ idle- run+"));
    let (end_a, end_b) = (lines("a", "run- stop+ stop- exit+"), lines("b", "run- stop+ stop- exit+"));
    good(&needing(), &format!("{a}{b}{end_b}{end_a}"));
    broken("G9", &needing(), &format!("{b}{a}{end_b}{end_a}"));

    let early = When::any(Action::Exited, State::Init, ["a"]).then(Effect::GateInit);
    let early = DeclaredRules::of(&Daemon::new("d").add(service("a")).add(service("b").watch(early)));
    good(&early, &format!("{a}{b}{end_b}{end_a}"));
    broken("G9", &early, &format!("a init+\n{b}a init-\n{end_b}{}", lines("a", "stop+ stop- exit+")));

    let edge = When::any(Action::Changing, State::Run, ["a"]);
    let edge = DeclaredRules::of(&Daemon::new("d").add(service("a")).add(service("b").watch(edge)));
    good(&edge, &format!("{a}{b}{end_b}{end_a}"));
    broken("G9", &edge, &format!("{b}{a}{end_b}{end_a}"));

    let again = When::all(Action::Changing, State::Exit, ["a"]).then(Effect::GateInit);
    let again = DeclaredRules::of(&Daemon::new("d").add(service("a")).add(brisk("b").watch(again))).operator("a", 1);
    let (once, twice) = (lines("b", ROUND), lines("a", &format!("{ROUND} exit+")));
    let end = lines("b", "exit+");
    good(&again, &format!("{twice}{once}{}{once}{end}{}", lines("a", "init+"), lines("a", "init- stop+ stop- exit+")));
    broken("G9", &again, &format!("{twice}{once}{once}{end}"));

    let after = DeclaredRules::of(&Daemon::new("d").add(service("a")).add(service("b").after(["a"])));
    let well = lines("a", &format!("{ROUND} exit+"));
    let told = lines("a", "init+ init- idle+ idle- run+ run-/operator stop+ stop- exit+/operator");
    good(&after, &format!("{well}{b}{end_b}"));
    broken("G9", &after, &format!("{told}{b}{end_b}"));
}

#[test]
fn g11_a_fatal_failure_stops_every_other() {
    let fatal = steady().restarts(0, SECOND).on_failure(OnFailure::Shutdown);
    let rules = DeclaredRules::of(&Daemon::new("d").add(service("a").options(fatal)).add(service("b")));
    let a = lines("a", "init+ init-/error stop+/error stop- exit+/error");
    good(&rules, &format!("{}{a}{}", lines("b", "init+ init-"), lines("b", "stop+/shutdown stop- exit+/shutdown")));
    broken("G11", &rules, &format!("{}{a}", lines("b", "init+ init-")));
}

#[test]
fn g12_giving_up_takes_along_those_that_depend_and_nobody_else() {
    let limited = |rules: Service| rules.options(steady().restarts(0, SECOND));
    let rules = |b: Service| DeclaredRules::of(&Daemon::new("d").add(limited(service("a"))).add(b));
    let a = lines("a", "init+ init-/error stop+/error stop- exit+/error");
    let goes = lines("b", "init+ init- idle+ idle-/dependency stop+/dependency stop- exit+/dependency");
    let stays = lines("b", "init+ init- idle+ idle-");
    good(&rules(service("b").needs(["a"])), &format!("{a}{goes}"));
    broken("G12", &rules(service("b").needs(["a"])), &format!("{a}{stays}"));
    broken("G12", &rules(service("b")), &format!("{a}{goes}"));
    broken("G12", &rules(service("b").needs(["a"])), &format!("{goes}{a}"));
    let runs = lines("b", "init+ init- idle+ idle- run+ run- stop+ stop- exit+");
    broken("G12", &rules(service("b").after(["a"])), &format!("{a}{runs}"));
}

#[test]
fn g13_who_is_gated_on_stops_last() {
    let up = lines("a", "init+ init- idle+ idle- run+") + &lines("b", "init+ init- idle+ idle- run+");
    let down = |name| lines(name, "run-/shutdown stop+/shutdown stop- exit+/shutdown");
    good(&needing(), &format!("{up}{}{}", down("b"), down("a")));
    broken("G13", &needing(), &format!("{up}{}{}", down("a"), down("b")));
}

#[test]
fn g17_a_failing_stop_keeps_nobody_from_its_own() {
    let a = lines("a", "init+ init- stop+/shutdown stop-/panic exit+/shutdown");
    good(&two(), &format!("{}{a}{}", lines("b", "init+ init-"), lines("b", "stop+ stop- exit+/shutdown")));
    broken("G17", &two(), &format!("{}{a}", lines("b", "init+ init-")));
}

/// `a` fails in Init, and tries again at each of these seconds.
fn failing_at(seconds: &[u64], end: &str) -> String {
    let round = |second| format!("{second}s a init+\na init- error\na stop+ error\na stop-\n");
    let rounds: String = seconds.iter().map(round).collect();
    format!("{rounds}{end}")
}

#[test]
fn g21_no_more_restarts_than_declared() {
    let limited = |max| one(Options::DEFAULT.backoff(Backoff::NONE).restarts(max, 10 * SECOND));
    good(&limited(2), &failing_at(&[0, 0, 0], "a exit+ error"));
    broken("G21", &limited(2), &failing_at(&[0, 0, 0, 0], "a exit+ error"));
    broken("G21", &limited(3), &failing_at(&[0, 0, 0], "a exit+ error"));
    broken("G21", &one(steady()), &failing_at(&[0], "a exit+ error"));
    // In real time it may have been asked at any instant since Stop was entered.
    let late = failing_at(&[0], "0s a init+\n9s a init- error\na stop+ error\n11s a stop-\na exit+ error");
    broken("G21", &limited(1), &late);
    let real = Options::DEFAULT.backoff(Backoff::NONE).restarts(1, 10 * SECOND);
    good(&DeclaredRules::of(&Daemon::new("d").add(service("a").options(real))), &late);
    // The window slides.
    let spread = Options::DEFAULT.backoff(Backoff::fixed(6 * SECOND)).restarts(1, 10 * SECOND);
    broken("G21", &one(spread), &failing_at(&[0, 6, 12], "a exit+ shutdown"));
    let spread = spread.restarts(1, 5 * SECOND);
    good(&one(spread), &failing_at(&[0, 6, 12], "a exit+ shutdown"));
}

#[test]
fn g22_delays_are_within_their_bounds() {
    good(&one(steady()), &failing_at(&[0, 1, 3, 7, 15], "a exit+ shutdown"));
    broken("G22", &one(steady()), &failing_at(&[0, 1, 2], "a exit+ shutdown"));
    broken("G22", &one(steady()), &failing_at(&[0, 1, 4], "a exit+ shutdown"));
}

/// `a` fails at once twice, then runs for so long and fails again, and waits this long.
fn sustained(run: u64, wait: u64) -> String {
    let round = lines("a", "init+ init- idle+ idle- run+ run-/error stop+ stop-");
    let long = format!(
        "{}{}s a run- error\n{}",
        lines("a", "init+ init- idle+ idle- run+"),
        3 + run,
        lines("a", "stop+ stop-")
    );
    format!(
        "0 {round}1s {round}3s {long}{}s a init+\n{}",
        3 + run + wait,
        lines("a", "init- stop+ stop- exit+/shutdown")
    )
}

#[test]
fn g23_a_sustained_run_makes_the_next_failure_the_first() {
    good(&one(steady()), &sustained(60, 1));
    good(&one(steady()), &sustained(59, 4));
    broken("G23", &one(steady()), &sustained(60, 4));
}

#[test]
fn g24_delays_come_from_own_failures_alone() {
    let rules =
        DeclaredRules::of(&Daemon::new("d").add(service("a").options(steady())).add(service("b").options(steady())));
    let round = |at, name| format!("{at}s {}", lines(name, "init+ init-/error stop+ stop-"));
    let end = "a exit+ shutdown\nb exit+ shutdown";
    let flaps = format!("{}{}{}", round(0, "a"), round(1, "a"), round(3, "a"));
    good(&rules.clone().exact(), &format!("{flaps}{}{}{end}", round(3, "b"), round(4, "b")));
    broken("G24", &rules.exact(), &format!("{flaps}{}{}{end}", round(3, "b"), round(7, "b")));
}

#[test]
fn g25_what_an_operator_does_is_no_failure() {
    let told = lines("a", "init+ init- idle+ idle- run+ run-/operator stop+/operator stop-");
    let end = lines("a", "init- stop+ stop- exit+/shutdown");
    good(&one(steady()).operator("a", 1), &format!("{told}a init+\n{end}"));
    broken("G25", &one(steady()).operator("a", 1), &format!("{told}1s a init+\n{end}"));
    // Nor does it make the next delay longer.
    let fails = lines("a", "init- stop+ stop-");
    good(&one(steady()), &format!("{}a init+\n{fails}1s a init+\n{end}", told.replace("operator", "reaction")));
    broken(
        "G22",
        &one(steady()),
        &format!("{}a init+\n{fails}2s a init+\n{end}", told.replace("operator", "reaction")),
    );
}

#[test]
fn g34_numbers_have_no_gap() {
    let mut gap = Trace::parse(&lines("a", "exit+"));
    gap.steps[0].seq = 2;
    assert_eq!(check_invariants(&gap, &two())[0].guarantee, "G34");
}
