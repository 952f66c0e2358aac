//! Shrinks a plan that fails.

use super::plan::{EdgePlan, Form, Plan};
use super::scripted::{OnDrop, ScriptedCall};
use rxd::testing::{Behavior, Trace};
use rxd::{Backoff, Options};
use std::time::Duration;

/// Every plan that is one step simpler.
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
            if let EdgePlan::Lasting(inner, _) = &part.edges[edge] {
                add(&move |plan| plan.services[at].edges[edge] = (**inner).clone());
            }
        }
        for (method, calls) in part.calls.iter().enumerate() {
            if calls.len() > 1 {
                add(&move |plan| drop(plan.services[at].calls[method].pop()));
                add(&move |plan| drop(plan.services[at].calls[method].remove(0)));
            }
            let simple = ScriptedCall::Behavior(if method == 2 { Behavior::UntilCancelled } else { Behavior::Ok });
            if calls.len() == 1 && !matches!(calls[0], ScriptedCall::Behavior(Behavior::Ok | Behavior::UntilCancelled))
            {
                add(&move |plan| plan.services[at].calls[method] = vec![simple.clone()]);
            }
        }
        if part.on_drop != OnDrop::Nothing {
            add(&move |plan| plan.services[at].on_drop = OnDrop::Nothing);
        }
        if part.form != Form::Runner {
            add(&move |plan| plan.services[at].form = Form::Runner);
        }
        if part.recurs.is_some() {
            add(&move |plan| plan.services[at].recurs = None);
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
    for call in plan.services.iter_mut().flat_map(|part| part.calls.iter_mut().flatten()) {
        match call.whom() {
            Some(whom) if *whom > gone => *whom -= 1,
            Some(whom) if *whom == gone => *call = ScriptedCall::Behavior(Behavior::Ok),
            _ => {}
        }
    }
    plan.operators.retain(|&(_, service, _)| service != gone);
    plan.operators.iter_mut().filter(|(_, service, _)| *service > gone).for_each(|(_, service, _)| *service -= 1);
}

/// Removes from a plan that fails everything without which it still fails in the same way.
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
