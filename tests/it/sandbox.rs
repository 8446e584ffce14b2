//! Unpacking and configuring in namespaces.
