//! karat
