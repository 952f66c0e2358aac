//! The guarantees about services that watch a family.

use crate::testing::{DeclaredRules, FakeService, Trace};
use crate::trace::invariants::check_invariants;
use crate::trace::rules::{FamilyChange, ServiceRules};
use crate::{Daemon, Family, Service};

/// `api` needs a family, of which `worker-0` is a member from the first transition on until `left`.
fn rules(left: Option<u64>) -> DeclaredRules {
    let worker = Service::new("worker", FakeService::new());
    let api = Service::new("api", FakeService::new()).needs(["workers"]);
    let mut rules = DeclaredRules::of(&Daemon::new("d").add(api).family(Family::new("workers", [worker])));
    assert_eq!((rules.services.len(), rules.families.len()), (1, 1));
    let member = ServiceRules { name: "worker-0".into(), member_of: Some(0), ..rules.families[0].clone() };
    rules.services.push(member);
    let change = |seq, joins| FamilyChange { seq, family: 0, service: 1, joins };
    rules.memberships.push(change(0, true));
    rules.memberships.extend(left.map(|seq| change(seq, false)));
    rules
}

fn lines(service: &str, words: &str) -> String {
    words.split_whitespace().map(|word| format!("{service} {}\n", word.replace('/', " "))).collect()
}

/// The guarantees that the trace breaks.
fn broken(left: Option<u64>, text: &str) -> Vec<&'static str> {
    check_invariants(&Trace::parse(text), &rules(left)).iter().map(|violation| violation.guarantee).collect()
}

const RUNS: &str = "init+ init- idle+ idle- run+";
const ENDS: &str = "run-/shutdown stop+/shutdown stop- exit+/shutdown";

#[test]
fn g9_gate_on_a_family_that_is_passed_before_a_member_runs_is_a_violation() {
    let (worker, api) = (lines("worker-0", RUNS), lines("api", RUNS));
    let ends = lines("api", ENDS) + &lines("worker-0", ENDS);
    assert_eq!(broken(None, &format!("{worker}{api}{ends}")), [""; 0]);
    assert_eq!(broken(None, &format!("{api}{worker}{ends}")), ["G9"]);
    // A member that has left, or has not joined, is not waited for.
    let waits = lines("worker-0", "init+ init- idle+");
    let ends = lines("api", ENDS) + &lines("worker-0", "idle-/operator stop+/operator stop- exit+/operator");
    assert_eq!(broken(None, &format!("{waits}{api}{ends}")), ["G9"]);
    assert_eq!(broken(Some(3), &format!("{waits}{api}{ends}")), [""; 0]);
}

#[test]
fn g12_failure_of_a_member_that_ends_no_dependent_is_a_violation() {
    let worker = lines("worker-0", RUNS) + &lines("worker-0", "run-/error stop+ stop- exit+/error");
    let (late, ends) = (lines("api", RUNS), lines("api", ENDS));
    assert!(broken(None, &format!("{worker}{late}{ends}")).contains(&"G12"));
    assert!(!broken(Some(5), &format!("{worker}{late}{ends}")).contains(&"G12"), "it had left the family");
    let ended = lines("api", "exit+/dependency");
    assert!(!broken(None, &format!("{worker}{ended}")).contains(&"G12"));
    assert!(broken(Some(5), &format!("{worker}{ended}")).contains(&"G12"));
}

#[test]
fn g13_member_that_is_stopped_before_a_dependent_of_the_family_is_a_violation() {
    let begin = lines("worker-0", RUNS) + &lines("api", RUNS);
    let (worker, api) = (lines("worker-0", ENDS), lines("api", ENDS));
    assert_eq!(broken(None, &format!("{begin}{api}{worker}")), [""; 0]);
    assert!(broken(None, &format!("{begin}{worker}{api}")).contains(&"G13"));
    assert_eq!(broken(Some(10), &format!("{begin}{worker}{api}")), [""; 0], "it had left the family");
}
