//! A field that is a family of services: `workers: Vec<Worker>`.

use crate::syntax::name;
use proc_macro2::Ident;
use syn::{LitStr, Type};

/// The name of the family of a field.
pub(crate) fn name_of(field: &Ident) -> LitStr {
    LitStr::new(&name::kebab_case(&field.to_string()), field.span())
}

/// What the names of its members begin with, if the field does not say.
pub(crate) fn stem_of(field: &Ident) -> LitStr {
    LitStr::new(without_final_s(&name::kebab_case(&field.to_string())), field.span())
}

/// A name in the singular: `worker` of `workers`, `ingest` of `ingest`.
//
// The builder has a copy of this in `rxd/src/daemon/family.rs`.
fn without_final_s(name: &str) -> &str {
    name.strip_suffix('s').filter(|stem| !stem.is_empty() && !stem.ends_with('s')).unwrap_or(name)
}

/// The `T` of a `Vec<T>`.
pub(crate) fn member_type(ty: &Type) -> Option<&Type> {
    super::model::inner_type(ty, "Vec", "vec")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_macro2::Span;

    #[test]
    fn names_of_members_begin_with_the_name_of_the_field_in_the_singular() {
        for (field, stem) in
            [("workers", "worker"), ("ingest", "ingest"), ("s", "s"), ("access", "access"), ("io_tasks", "io-task")]
        {
            let field = Ident::new(field, Span::call_site());
            assert_eq!(stem_of(&field).value(), stem);
        }
    }
}
