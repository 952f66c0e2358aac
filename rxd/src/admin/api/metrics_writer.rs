//! The text format of Prometheus.

use crate::escape;
use std::fmt::{self, Write};

/// Writes lines of the format. Writing to a `String` cannot fail.
pub(super) struct MetricsWriter<'a> {
    out: &'a mut String,
}

impl<'a> MetricsWriter<'a> {
    pub(super) fn new(out: &'a mut String) -> Self {
        MetricsWriter { out }
    }

    pub(super) fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    pub(super) fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl fmt::Display) {
        let _ = write!(self.out, "{name}{{");
        for (at, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.out, "{}{label}=\"{}\"", if at > 0 { "," } else { "" }, escape::metric_label(text));
        }
        let _ = writeln!(self.out, "}} {value}");
    }

    pub(super) fn single(&mut self, name: &str, kind: &str, help: &str, value: impl fmt::Display) {
        self.head(name, kind, help);
        let _ = writeln!(self.out, "{name} {value}");
    }
}
