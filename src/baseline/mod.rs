//! The signed statement about an image.
