//! Services that a macro generates, with all parts from its arguments.

use rxd::{Context, Declared, Runner};

macro_rules! service {
    ($vis:vis $ident:ident, $name:literal, $manager:path, $delay:expr, needs $by_type:ty, watches $by_name:literal in $state:ident) => {
        #[rxd::service(name = $name, manager($manager), delay = $delay, startup_delay = "1s")]
        #[needs($by_type)]
        #[watch(any, entering, $state, $by_name, $by_type, then(init))]
        $vis struct $ident;

        impl Runner for $ident {
            async fn run(&mut self, _: &Context) -> rxd::Result {
                Ok(())
            }
        }
    };
}

#[rxd::service]
struct Base<T = u8>(T);

impl<T: Send + 'static> Runner for Base<T> {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

service!(pub(crate) Top, "the.top", rxd::manager::until_success, std::time::Duration::from_secs(1), needs Base<u8>, watches "base" in Init);

// A raw identifier gives the same name as the plain one.
#[rxd::service]
#[watch(any, exited, Run, "the.top", stream(r#type))]
struct r#Raw;

impl Runner for r#Raw {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let _ = Self::r#type(cx);
        Ok(())
    }
}

fn main() {
    assert_eq!(Top::DECLARATION.name, "the.top");
    assert_eq!(Top::DECLARATION.edges.len(), 2);
    assert_eq!(Top::DECLARATION.edges[1].targets[0].text, "base");
    assert_eq!(Top::DECLARATION.edges[1].targets[1].text, "Base");
    assert_eq!(Raw::DECLARATION.name, "raw");
    assert_eq!(Raw::DECLARATION.edges[0].stream, "type");
    let _ = (Top, Base(1), Raw);
}
