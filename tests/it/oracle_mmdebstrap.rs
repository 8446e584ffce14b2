//! The image tree against mmdebstrap.
