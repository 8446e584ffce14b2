//! OSCAL 1.1.3 (<https://pages.nist.gov/OSCAL-Reference/models/v1.1.3/>): a component definition, and
//! assessment results.
//!
//! OSCAL has no released model for shared responsibility, so that each side is a component of its own:
//! the provider's service, and the images. What evidence says are observations. A control that is open
//! has a finding, `not-satisfied`; there is no finding that says `satisfied`, as a report states
//! evidence and a person judges. Only controls with ids of NIST SP 800-53 can be named in it.
//!
//! Identifiers are made of digests, and dates of what was weighed: the same input gives the same bytes.

mod component;
mod document;
mod results;

pub use component::component_definition;
pub use results::assessment_results;
