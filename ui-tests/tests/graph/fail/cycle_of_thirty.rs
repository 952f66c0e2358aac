//! A cycle of thirty services.

use rxd::{Context, Runner};

#[rxd::service]
#[needs("s2")]
struct S1;

#[rxd::service]
#[needs("s3")]
struct S2;

#[rxd::service]
#[needs("s4")]
struct S3;

#[rxd::service]
#[needs("s5")]
struct S4;

#[rxd::service]
#[needs("s6")]
struct S5;

#[rxd::service]
#[needs("s7")]
struct S6;

#[rxd::service]
#[needs("s8")]
struct S7;

#[rxd::service]
#[needs("s9")]
struct S8;

#[rxd::service]
#[needs("s10")]
struct S9;

#[rxd::service]
#[needs("s11")]
struct S10;

#[rxd::service]
#[needs("s12")]
struct S11;

#[rxd::service]
#[needs("s13")]
struct S12;

#[rxd::service]
#[needs("s14")]
struct S13;

#[rxd::service]
#[needs("s15")]
struct S14;

#[rxd::service]
#[needs("s16")]
struct S15;

#[rxd::service]
#[needs("s17")]
struct S16;

#[rxd::service]
#[needs("s18")]
struct S17;

#[rxd::service]
#[needs("s19")]
struct S18;

#[rxd::service]
#[needs("s20")]
struct S19;

#[rxd::service]
#[needs("s21")]
struct S20;

#[rxd::service]
#[needs("s22")]
struct S21;

#[rxd::service]
#[needs("s23")]
struct S22;

#[rxd::service]
#[needs("s24")]
struct S23;

#[rxd::service]
#[needs("s25")]
struct S24;

#[rxd::service]
#[needs("s26")]
struct S25;

#[rxd::service]
#[needs("s27")]
struct S26;

#[rxd::service]
#[needs("s28")]
struct S27;

#[rxd::service]
#[needs("s29")]
struct S28;

#[rxd::service]
#[needs("s30")]
struct S29;

#[rxd::service]
#[needs("s1")]
struct S30;

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
    s21: S21,
    s22: S22,
    s23: S23,
    s24: S24,
    s25: S25,
    s26: S26,
    s27: S27,
    s28: S28,
    s29: S29,
    s30: S30,
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
runners!(S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12 S13 S14 S15 S16 S17 S18 S19 S20 S21 S22 S23 S24 S25 S26 S27 S28 S29 S30);

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
        s21: S21,
        s22: S22,
        s23: S23,
        s24: S24,
        s25: S25,
        s26: S26,
        s27: S27,
        s28: S28,
        s29: S29,
        s30: S30,
    };
    drop(daemon.into_daemon());
}
