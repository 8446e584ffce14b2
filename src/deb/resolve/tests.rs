//! Rules of the resolver, one by one.
