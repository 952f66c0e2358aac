//! Without `name`, a service has the name of its type in kebab-case.

use rxd::{Context, Declared, Runner};

macro_rules! services {
    ($($(#[$attr:meta])* $ident:ident is $name:literal;)*) => {
        $(
            #[rxd::service]
            $(#[$attr])*
            struct $ident;

            impl Runner for $ident {
                async fn run(&mut self, _: &Context) -> rxd::Result {
                    Ok(())
                }
            }
        )*

        fn main() {
            $(
                let _ = $ident;
                assert_eq!($ident::DECLARATION.name, $name);
            )*
        }
    };
}

services! {
    Health is "health";
    #[derive(Debug)]
    HTTPServer is "http-server";
    #[watch(any, entering, Run, "health")]
    EdgeAgent is "edge-agent";
    S3Sync is "s3-sync";
    Worker2 is "worker2";
    MyDB is "my-db";
}
