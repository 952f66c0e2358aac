//! A valid table to tokens.

use super::attr::ManagerInput;
use super::model::ManagerTable;
use crate::runtime::RuntimePaths;
use proc_macro2::TokenStream;
use quote::quote;

/// A type without fields, and its `impl Manager`.
pub(crate) fn expand(written: &ManagerInput, table: &ManagerTable, rxd: &RuntimePaths) -> TokenStream {
    let ManagerInput { attrs, vis, ident, .. } = written;
    let (manager, tables, states) = (rxd.manager_trait(), rxd.table(), rxd.state());
    let rows = table.iter().map(|[ok, failed]| quote!([#states::#ok, #states::#failed]));
    quote! {
        #(#attrs)*
        #[derive(
            ::core::clone::Clone,
            ::core::marker::Copy,
            ::core::fmt::Debug,
            ::core::default::Default,
        )]
        #vis struct #ident;

        #[automatically_derived]
        impl #manager for #ident {
            const TABLE: #tables = #tables::new(#(#rows),*);
        }
    }
}
