//! The crate that is generated.

use std::fmt::Write;

/// How services watch each other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Near,
    Chain,
    Far,
}

pub(crate) struct Plan {
    pub(crate) services: usize,
    pub(crate) watches: usize,
    pub(crate) shape: Shape,
}

impl Plan {
    /// The source of the whole crate.
    pub(crate) fn source(&self, daemon: bool) -> String {
        let mut out = String::from("#![allow(dead_code)]\nuse rxd::{Context, Result, Runner};\n");
        for i in 0..self.services {
            self.service(&mut out, i);
        }
        if daemon {
            out.push_str("#[rxd::daemon]\nstruct Daemon {\n");
            for i in 0..self.services {
                let _ = writeln!(out, "    s{i}: S{i},");
            }
            out.push_str("}\n");
        }
        out.push_str("fn main() {}\n");
        out
    }

    fn service(&self, out: &mut String, i: usize) {
        let _ = writeln!(out, "#[rxd::service(name = \"service-{i}\")]");
        for target in self.targets(i) {
            let _ = writeln!(out, "#[watch(any, entering, Run, \"service-{target}\")]");
        }
        let _ = writeln!(
            out,
            "struct S{i};\nimpl Runner for S{i} {{ async fn run(&mut self, _: &Context) -> Result {{ Ok(()) }} }}"
        );
    }

    fn targets(&self, i: usize) -> Vec<usize> {
        let mut targets = Vec::new();
        // A small linear congruential generator: the same crate every time.
        let mut random = i as u64;
        for k in 1..=self.watches {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let target = match self.shape {
                Shape::Near => i.checked_sub(k),
                Shape::Chain => Some(i + k).filter(|&target| target < self.services),
                Shape::Far => (random >> 33).checked_rem(i as u64).map(|target| target as usize),
            };
            targets.extend(target.filter(|target| !targets.contains(target)));
        }
        targets
    }
}
