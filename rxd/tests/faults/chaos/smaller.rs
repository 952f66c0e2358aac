//! Makes a plan that fails smaller.

use super::deed::{Deed, OnDrop};
use super::plan::Plan;
use rxd::testing::{Behavior, Trace};
use rxd::{Backoff, Options};
use std::time::Duration;

/// Every plan that is a step simpler.
fn simpler(plan: &Plan) -> Vec<Plan> {
    let mut plans = Vec::new();
    let mut add = |change: &dyn Fn(&mut Plan)| {
        let mut other = plan.clone();
        change(&mut other);
        plans.push(other);
    };
    for gone in (0..plan.services.len()).rev().filter(|_| plan.services.len() > 1) {
        add(&move |plan| without(plan, gone));
    }
    for at in 0..plan.operators.len() {
        add(&move |plan| plan.operators.truncate(at));
        add(&move |plan| _ = plan.operators.remove(at));
    }
    for at in 0..plan.pauses.len() {
        add(&move |plan| _ = plan.pauses.remove(at));
    }
    if plan.layer.is_some() {
        add(&|plan| plan.layer = None);
    }
    for (at, part) in plan.services.iter().enumerate() {
        for edge in 0..part.edges.len() {
            add(&move |plan| drop(plan.services[at].edges.remove(edge)));
        }
        for (method, deeds) in part.deeds.iter().enumerate() {
            if deeds.len() > 1 {
                add(&move |plan| drop(plan.services[at].deeds[method].pop()));
                add(&move |plan| drop(plan.services[at].deeds[method].remove(0)));
            }
            let simple = Deed::Behavior(if method == 2 { Behavior::UntilCancelled } else { Behavior::Ok });
            if deeds.len() == 1 && !matches!(deeds[0], Deed::Behavior(Behavior::Ok | Behavior::UntilCancelled)) {
                add(&move |plan| plan.services[at].deeds[method] = vec![simple.clone()]);
            }
        }
        if part.on_drop != OnDrop::Nothing {
            add(&move |plan| plan.services[at].on_drop = OnDrop::Nothing);
        }
        if part.tasks.is_some() {
            add(&move |plan| plan.services[at].tasks = None);
        }
        let plain = Options::DEFAULT.backoff(Backoff::fixed(Duration::from_millis(100)));
        if part.options != plain {
            add(&move |plan| plan.services[at].options = plain);
        }
    }
    plans
}

fn without(plan: &mut Plan, gone: usize) {
    plan.services.remove(gone);
    for part in &mut plan.services {
        for edge in &mut part.edges {
            let targets = edge.targets();
            targets.retain(|&target| target != gone);
            targets.iter_mut().filter(|target| **target > gone).for_each(|target| *target -= 1);
        }
        part.edges.retain_mut(|edge| !edge.targets().is_empty());
    }
    for deed in plan.services.iter_mut().flat_map(|part| part.deeds.iter_mut().flatten()) {
        if let Deed::Asks(after, whom, command) = *deed {
            *deed = match whom.cmp(&gone) {
                std::cmp::Ordering::Less => Deed::Asks(after, whom, command),
                std::cmp::Ordering::Equal => Deed::Behavior(Behavior::Ok.after(after)),
                std::cmp::Ordering::Greater => Deed::Asks(after, whom - 1, command),
            };
        }
    }
    plan.operators.retain(|&(_, service, _)| service != gone);
    plan.operators.iter_mut().filter(|(_, service, _)| *service > gone).for_each(|(_, service, _)| *service -= 1);
}

/// Leaves out of a plan that fails whatever it fails without, in the same way.
pub(super) fn shrink(
    mut plan: Plan,
    mut error: String,
    run: impl Fn(&Plan) -> Result<Trace, String>,
) -> (Plan, String) {
    let kind = |error: &str| error.split(['\n', ' ']).find(|word| word.starts_with('G')).map(str::to_owned);
    let first = kind(&error);
    'smaller: loop {
        for other in simpler(&plan) {
            match run(&other) {
                Err(found) if kind(&found) == first => {
                    (plan, error) = (other, found);
                    continue 'smaller;
                }
                _ => {}
            }
        }
        return (plan, error);
    }
}
