//! What the declaration of a daemon tells about a name that is not one of its services.

use super::model::Target;
use super::table::{Analysis, same_text};

/// The service whose field the target seems to mean: of a field `database: Db` it is called `db`.
pub(super) const fn field_called(analysis: &Analysis<'_>, target: &Target<'_>) -> Option<usize> {
    let fields = analysis.source.fields;
    let mut i = 0;
    while i < fields.len() && !target.by_type {
        if is_field_name(fields[i].0, target.text) {
            return Some(i);
        }
        i += 1;
    }
    None
}

/// Whether the target is a service whose field has a `#[cfg]` that is off.
pub(super) const fn is_configured_out(analysis: &Analysis<'_>, target: &Target<'_>) -> bool {
    let out = analysis.source.configured_out;
    let mut i = 0;
    while i < out.len() {
        let (name, ty) = out[i];
        if if target.by_type { same_text(ty, target.text) } else { is_field_name(name, target.text) } {
            return true;
        }
        i += 1;
    }
    false
}

/// Whether a field's identifier, or a name, is the text, in kebab-case or as it is.
const fn is_field_name(field: &str, text: &str) -> bool {
    let (field, text) = (field.as_bytes(), text.as_bytes());
    if field.len() != text.len() {
        return false;
    }
    let mut i = 0;
    while i < field.len() {
        if field[i] != text[i] && !(field[i] == b'_' && text[i] == b'-') {
            return false;
        }
        i += 1;
    }
    true
}
