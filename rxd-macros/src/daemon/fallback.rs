//! The methods of a daemon that is not valid: code that calls them is not an error, too.

use super::expand::daemon_methods;
use crate::runtime::RuntimePaths;
use crate::syntax::item::TypeItem;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;

/// The methods of a daemon without services. Nothing if the item is not a type.
pub(crate) fn expand(tokens: &TokenStream, rxd: &RuntimePaths) -> TokenStream {
    let Some(item) = TypeItem::parse(tokens.clone()) else { return TokenStream::new() };
    let text = item.ident.unraw().to_string();
    let (params, args, bounds) = item.generics.split_for_impl();
    let (graph, builder) = (rxd.graph(), rxd.daemon());
    let graph = quote!(#graph { daemon: #text, nodes: &[] });
    let daemon_methods = daemon_methods(&item.vis.to_token_stream(), &graph, &quote!(#builder::new(#text)), rxd);
    let ident = &item.ident;
    quote! {
        #[automatically_derived]
        #[allow(dead_code)]
        impl #params #ident #args #bounds {
            #daemon_methods
        }
    }
}
