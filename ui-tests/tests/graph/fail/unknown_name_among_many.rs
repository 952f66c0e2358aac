//! A daemon with more names than the error lists.

use rxd::{Context, Runner};

#[rxd::service]
struct S1;

#[rxd::service]
struct S2;

#[rxd::service]
struct S3;

#[rxd::service]
struct S4;

#[rxd::service]
struct S5;

#[rxd::service]
struct S6;

#[rxd::service]
struct S7;

#[rxd::service]
struct S8;

#[rxd::service]
struct S9;

#[rxd::service]
struct S10;

#[rxd::service]
struct S11;

#[rxd::service]
struct S12;

#[rxd::service]
struct S13;

#[rxd::service]
struct S14;

#[rxd::service]
struct S15;

#[rxd::service]
struct S16;

#[rxd::service]
struct S17;

#[rxd::service]
struct S18;

#[rxd::service]
struct S19;

#[rxd::service]
struct S20;

#[rxd::service]
#[needs("s77")]
struct Api;

#[rxd::daemon]
struct D {
    s1: S1,
    s2: S2,
    s3: S3,
    s4: S4,
    s5: S5,
    s6: S6,
    s7: S7,
    s8: S8,
    s9: S9,
    s10: S10,
    s11: S11,
    s12: S12,
    s13: S13,
    s14: S14,
    s15: S15,
    s16: S16,
    s17: S17,
    s18: S18,
    s19: S19,
    s20: S20,
    api: Api,
}

macro_rules! runners {
    ($($service:ident)*) => {
        $(impl Runner for $service {
            async fn run(&mut self, _: &Context) -> rxd::Result {
                Ok(())
            }
        })*
    };
}
runners!(S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12 S13 S14 S15 S16 S17 S18 S19 S20 Api);

fn main() {
    let daemon = D {
        s1: S1,
        s2: S2,
        s3: S3,
        s4: S4,
        s5: S5,
        s6: S6,
        s7: S7,
        s8: S8,
        s9: S9,
        s10: S10,
        s11: S11,
        s12: S12,
        s13: S13,
        s14: S14,
        s15: S15,
        s16: S16,
        s17: S17,
        s18: S18,
        s19: S19,
        s20: S20,
        api: Api,
    };
    drop(daemon.into_daemon());
}
