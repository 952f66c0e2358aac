//! The samples of the guide under what happens to a program in production.

use outside::workspace::Source;

pub(crate) fn sources() -> Vec<Source> {
    Vec::new()
}
