//! Which networks a node is.

use super::ExportError;
use crate::segment::graph::Node;
use crate::segment::member::Charter;
use crate::segment::peer::Cidr;

/// The networks of a node that is no segment, sorted. The outside is everything, and so is a common
/// service of which `fleet.toml` has no addresses.
///
/// # Errors
/// A network outside of which it has none: everything would be far too much.
pub(super) fn networks(node: &Node, charter: &Charter) -> Result<Vec<Cidr>, ExportError> {
    let known = |name: &str| {
        charter
            .addresses
            .get(name)
            .filter(|nets| !nets.is_empty())
            .cloned()
    };
    match node {
        Node::Public => Ok(everything()),
        Node::Net(net) => Ok(vec![*net]),
        Node::Infrastructure(it) => Ok(known(it.word()).unwrap_or_else(everything)),
        Node::Outside(name) => {
            known(name.as_str()).ok_or_else(|| ExportError::NoAddresses(name.clone()))
        }
        Node::Segment(name) => Ok(known(name.as_str()).unwrap_or_default()),
    }
}

fn everything() -> Vec<Cidr> {
    ["0.0.0.0/0", "::/0"]
        .into_iter()
        .filter_map(Cidr::parse)
        .collect()
}
