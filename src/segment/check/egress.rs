//! What is let out.

use super::code::Rule;
use super::finding::{Finding, Report as _};
use crate::segment::member::Fleet;
use crate::segment::peer::Peer;
use crate::segment::value::Statement;

/// Networks with fewer fixed bits are as good as everything: two halves make a whole.
const V4_BITS: u8 = 8;
const V6_BITS: u8 = 16;

pub(super) fn check(fleet: &Fleet, found: &mut Vec<Finding>) {
    for (index, member) in fleet.members.iter().enumerate() {
        for (number, it) in member.segment.egress.iter().enumerate() {
            let wide = match &it.to {
                Peer::Any => true,
                Peer::Net(net) if net.is_v4() => net.length() < V4_BITS,
                Peer::Net(net) => net.length() < V6_BITS,
                Peer::Infrastructure(_) | Peer::Segment(_) => false,
            };
            let reason = it.reason.as_deref().unwrap_or_default();
            if wide && reason.trim().is_empty() {
                found.add(
                    Rule::KS116,
                    index,
                    Statement::Egress(number),
                    format!(
                        "{} may connect to {}, and nobody says why",
                        member.image, it.to
                    ),
                    "state reason = \"WHY\", or narrower destinations",
                );
            }
        }
    }
}
