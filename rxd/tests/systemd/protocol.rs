//! F115: one check of the protocol, applied to whatever a daemon has sent in any test with a
//! receiver.
//!
//! A trace is `(ping | status | more time)* READY (ping | status | RELOADING (ping | status | more
//! time)* READY)* (STOPPING (status | more time)*)?`. Every datagram is one line, except that
//! RELOADING has a second one.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Ready,
    Reloading,
    Stopping,
}

/// The first datagram that is not allowed where it comes, if there is one.
pub(crate) fn check_protocol<'a>(datagrams: impl IntoIterator<Item = &'a str>) -> Result<(), String> {
    let (mut phase, mut reloaded, mut triggered) = (Phase::Starting, 0, false);
    for (at, text) in datagrams.into_iter().enumerate() {
        let wrong = |why: &str| Err(format!("datagram {at}, {text:?}, in {phase:?}: {why}"));
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let Some((key, value)) = first.split_once('=') else { return wrong("expected an assignment") };
        let number = value.parse::<u64>().ok();
        let more: Vec<&str> = lines.collect();
        if !more.is_empty() && key != "RELOADING" {
            return wrong("only RELOADING may have a second line");
        }
        match (key, value) {
            ("STATUS", _) => {}
            ("EXTEND_TIMEOUT_USEC", _) if number.is_some_and(|micros| micros > 0) => {
                if phase == Phase::Ready {
                    return wrong("systemd has no timeout to extend");
                }
            }
            ("WATCHDOG", "1" | "trigger") => {
                if phase == Phase::Stopping {
                    return wrong("the watchdog is off once the daemon stops");
                }
                if value == "trigger" && triggered {
                    return wrong("the watchdog was triggered before");
                }
                triggered = value == "trigger";
            }
            ("READY", "1") => match phase {
                Phase::Starting | Phase::Reloading => phase = Phase::Ready,
                Phase::Ready | Phase::Stopping => return wrong("not allowed in this phase"),
            },
            ("RELOADING", "1") => {
                let micros = more.first().and_then(|line| line.strip_prefix("MONOTONIC_USEC="));
                let micros = micros.and_then(|micros| micros.parse::<u64>().ok());
                let Some(micros) = micros.filter(|_| more.len() == 1) else {
                    return wrong("expected MONOTONIC_USEC as the only other line");
                };
                if phase != Phase::Ready || micros <= reloaded {
                    return wrong("not allowed in this phase");
                }
                (phase, reloaded) = (Phase::Reloading, micros);
            }
            ("STOPPING", "1") => {
                if phase == Phase::Stopping {
                    return wrong("sent twice");
                }
                phase = Phase::Stopping;
            }
            _ => return wrong("unknown assignment"),
        }
    }
    Ok(())
}

#[test]
fn f115_protocol_check_accepts_a_whole_life() {
    let datagrams = "STATUS=0/1 running|EXTEND_TIMEOUT_USEC=5000000|WATCHDOG=1|READY=1|WATCHDOG=1|RELOADING=1\nMONOTONIC_USEC=7|\
                EXTEND_TIMEOUT_USEC=1|READY=1|RELOADING=1\nMONOTONIC_USEC=8|READY=1|WATCHDOG=trigger|STOPPING=1|STATUS=x";
    assert_eq!(check_protocol(datagrams.split('|')), Ok(()));
}

#[test]
fn f115_protocol_check_rejects_each_violation() {
    for datagrams in [
        "READY=1|READY=1",
        "READY=1|STOPPING=1|READY=1",
        "STOPPING=1|STOPPING=1",
        "READY=1|STOPPING=1|WATCHDOG=1",
        "READY=1|EXTEND_TIMEOUT_USEC=1",
        "EXTEND_TIMEOUT_USEC=0",
        "RELOADING=1\nMONOTONIC_USEC=1",
        "READY=1|RELOADING=1|MONOTONIC_USEC=1",
        "READY=1|RELOADING=1\nMONOTONIC_USEC=2|READY=1|RELOADING=1\nMONOTONIC_USEC=1",
        "STATUS=a\nREADY=1",
        "WATCHDOG=trigger|WATCHDOG=trigger",
        "WATCHDOG_USEC=1",
        "",
    ] {
        assert!(check_protocol(datagrams.split('|')).is_err(), "{datagrams:?}");
    }
}
