//! What may reach what, in the languages of others.
//!
//! | file | what |
//! |---|---|
//! | `addresses` | which networks a node is |
//! | `csv` | flows as a table, reachability as a matrix |
//! | `drawing` | Graphviz and Mermaid |
//! | `terraform` | AWS security groups |
//! | `kubernetes` | what both kinds of network policies share |
//! | `networkpolicy` | `networking.k8s.io/v1` |
//! | `cilium` | `cilium.io/v2` |
//!
//! Each is made of [`super::Graph`] alone: a flow is let through where both ends state it.

mod addresses;
mod cilium;
mod csv;
mod drawing;
mod kubernetes;
mod networkpolicy;
mod terraform;

pub use cilium::cilium;
pub use csv::{flows, matrix};
pub use drawing::{dot, mermaid};
pub use kubernetes::Policies;
pub use networkpolicy::network_policies;
pub use terraform::terraform_aws;

use super::name::SegmentName;

/// Why a fleet cannot be said in another language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// A network outside has no addresses.
    #[error("the network outside {0} has no addresses")]
    NoAddresses(SegmentName),
    /// A name that Kubernetes does not take.
    #[error("{0}: a label's value has at most 63 characters and ends with a letter or digit")]
    Label(SegmentName),
}
