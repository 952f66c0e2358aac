//! F115: one judge of everything a service manager is told, used by every test with a peer.
//!
//! A trace is `(pings, statuses, more time)* READY (pings, statuses, (RELOADING more-time* READY)?)* (STOPPING
//! (status, more time)*)?`, each datagram one of the few that there are.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Ready,
    ReloadingFake,
    Stopping,
}

/// What is wrong with what was told, if anything is.
pub(crate) fn judge<'a>(told: impl IntoIterator<Item = &'a str>) -> Result<(), String> {
    let (mut phase, mut reloaded, mut triggered) = (Phase::Starting, 0, false);
    for (at, text) in told.into_iter().enumerate() {
        let wrong = |why: &str| Err(format!("datagram {at}, {text:?}, in {phase:?}: {why}"));
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let Some((key, value)) = first.split_once('=') else { return wrong("it is no assignment") };
        let number = value.parse::<u64>().ok();
        let more: Vec<&str> = lines.collect();
        if !more.is_empty() && key != "RELOADING" {
            return wrong("it has a second line");
        }
        match (key, value) {
            ("STATUS", _) => {}
            ("EXTEND_TIMEOUT_USEC", _) if number.is_some_and(|micros| micros > 0) => {
                if phase == Phase::Ready {
                    return wrong("there is nothing to wait for");
                }
            }
            ("WATCHDOG", "1" | "trigger") => {
                if phase == Phase::Stopping {
                    return wrong("the watchdog is off");
                }
                if value == "trigger" && triggered {
                    return wrong("it was triggered before");
                }
                triggered = value == "trigger";
            }
            ("READY", "1") => match phase {
                Phase::Starting | Phase::ReloadingFake => phase = Phase::Ready,
                Phase::Ready | Phase::Stopping => return wrong("it is not expected"),
            },
            ("RELOADING", "1") => {
                let micros = more.first().and_then(|line| line.strip_prefix("MONOTONIC_USEC="));
                let micros = micros.and_then(|micros| micros.parse::<u64>().ok());
                let Some(micros) = micros.filter(|_| more.len() == 1) else {
                    return wrong("it does not say when, and nothing else");
                };
                if phase != Phase::Ready || micros <= reloaded {
                    return wrong("it is not expected");
                }
                (phase, reloaded) = (Phase::ReloadingFake, micros);
            }
            ("STOPPING", "1") => {
                if phase == Phase::Stopping {
                    return wrong("it was told before");
                }
                phase = Phase::Stopping;
            }
            _ => return wrong("nobody knows it"),
        }
    }
    Ok(())
}

#[test]
fn f115_the_judge_accepts_a_whole_life() {
    let told = "STATUS=0/1 running|EXTEND_TIMEOUT_USEC=5000000|WATCHDOG=1|READY=1|WATCHDOG=1|RELOADING=1\nMONOTONIC_USEC=7|\
                EXTEND_TIMEOUT_USEC=1|READY=1|RELOADING=1\nMONOTONIC_USEC=8|READY=1|WATCHDOG=trigger|STOPPING=1|STATUS=x";
    assert_eq!(judge(told.split('|')), Ok(()));
}

#[test]
fn f115_the_judge_knows_what_is_wrong() {
    for told in [
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
        assert!(judge(told.split('|')).is_err(), "{told:?}");
    }
}
