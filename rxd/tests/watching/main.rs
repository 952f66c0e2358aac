//! Watches of running daemons: their faults by number, `wait_for` and `why`.

mod common;
mod cost;
mod declared;
mod events;
mod f50_dropped;
mod f51_slow;
mod f53_independent;
mod f54_late;
mod f55_inside;
mod f56_panics;
mod f60_many;
mod f64_empty;
mod g52_cancelled;
mod lasting;

mod random;
mod reactions;
mod wait_for;
mod why;
