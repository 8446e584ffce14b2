//! Packet sockets, and Unix sockets that listen.

use super::judge::{Breach, Court, place};
use super::{Observations, source};
use crate::appraise::{Effect, Severity};
use crate::expect::Facts;
use crate::path::{Escaped, ImagePath};
use crate::tree::Origin;

pub(super) fn judge(court: &mut Court<'_>, expected: &Facts, seen: &Observations) {
    if let Some(expected) = &expected.packet {
        let absent = "this kernel has no packet sockets";
        if let Some(found) = court.need("packet", source::PACKET, &seen.packet, absent) {
            let mut strangers = Vec::new();
            for socket in found {
                let mut allowed = expected.allow.iter();
                if !allowed.any(|it| it.covers(socket.protocol, &socket.user)) {
                    let user = Escaped(&socket.user);
                    strangers.push(format!(
                        "protocol {:04x}, opened by {user}",
                        socket.protocol
                    ));
                }
            }
            say(court, "packet", source::PACKET, &expected.origin, strangers);
        }
    }
    if let Some(expected) = &expected.unix {
        let absent = "this kernel has no Unix sockets";
        if let Some(found) = court.need("unix", source::UNIX, &seen.unix, absent) {
            let mut strangers = Vec::new();
            for name in found {
                let mut allowed = expected.allow.iter();
                if !is_in_place(court, name) && !allowed.any(|it| it.covers(name)) {
                    strangers.push(Escaped(name).to_string());
                }
            }
            say(court, "unix", source::UNIX, &expected.origin, strangers);
        }
    }
}

/// Whether a socket is bound to a path that the manifest lists, or that may come and go.
///
/// What is not the whole path, or not in its one spelling, is nowhere that could be looked up.
fn is_in_place(court: &Court<'_>, name: &[u8]) -> bool {
    ImagePath::parse(name).is_ok_and(|path| {
        court.manifest.get(&path).is_some() || court.expectations.of(&path).is_some()
    })
}

fn say(court: &mut Court<'_>, name: &str, at: &str, origin: &Origin, strangers: Vec<String>) {
    if strangers.is_empty() {
        court.held();
    }
    for observed in strangers {
        let breach = Breach {
            name: name.to_owned(),
            source: place(at),
            expected: None,
            observed: Some(observed),
            effect: Effect::Network,
            severity: Severity::High,
        };
        court.drift(origin, breach);
    }
}
