//! The resolver against `apt-get -s`.
