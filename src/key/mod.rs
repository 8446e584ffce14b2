//! Keys, signatures, the trust root and the one threshold loop.
