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
        let mut out = String::from("#![allow(dead_code)]\nuse rxd::__private::*;\n");
        for i in 0..self.services {
            self.service(&mut out, i);
        }
        if daemon {
            self.daemon(&mut out);
        }
        out.push_str("fn main() {}\n");
        out
    }

    fn service(&self, out: &mut String, i: usize) {
        let edges: Vec<_> = self.targets(i);
        let mut text = String::new();
        let mut checks = String::from("check_service(&D::ANALYSIS, ME);");
        for (e, target) in edges.iter().enumerate() {
            let _ = write!(
                text,
                "Edge::watch(Mode::Any, rxd::Action::Entering, rxd::State::Run, &[Target::name(\"service-{target}\")]),"
            );
            let _ = write!(checks, "check_edge(&D::ANALYSIS, ME, {e}); check_target(&D::ANALYSIS, ME, {e}, 0);");
        }
        let _ = write!(
            out,
            "struct S{i};\n\
             impl Declared for S{i} {{\n\
                 const KIND: Kind = Kind::new(concat!(module_path!(), \"::S{i}\"), \"S{i}\");\n\
                 const DECLARATION: Declaration = Declaration::new(\"service-{i}\").edges(&[{text}]);\n\
             }}\n\
             impl<D: Graphed, const ME: usize> Checked<D, ME> for S{i} {{\n\
                 const OK: () = {{ {checks} }};\n\
             }}\n"
        );
    }

    fn daemon(&self, out: &mut String) {
        let n = self.services;
        let _ = write!(out, "struct Daemon {{");
        for i in 0..n {
            let _ = write!(out, "s{i}: S{i},");
        }
        let _ = write!(
            out,
            "}}\nimpl Graphed for Daemon {{\n\
                 const ANALYSIS: Analysis<'static> = {{\n\
                     static GRAPH: Graph<'static> = Graph {{ daemon: \"Daemon\", nodes: &["
        );
        for i in 0..n {
            let _ = write!(
                out,
                "Node {{ name: <S{i} as Declared>::DECLARATION.name, kind: Some(<S{i} as Declared>::KIND), \
                 table: <S{i} as Declared>::DECLARATION.table, edges: <S{i} as Declared>::DECLARATION.edges, optional: false }},"
            );
        }
        let _ = write!(out, "] }};\nstatic INDEX: Index<{n}> = Index::new(&GRAPH);\nINDEX.of(&GRAPH)\n}};\n}}\n");
        for i in 0..n {
            let _ = writeln!(out, "const _: () = <S{i} as Checked<Daemon, {i}>>::OK;");
        }
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
