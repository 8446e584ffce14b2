//! A small web server: bounded in every respect, and nothing of what it is asked is believed.
//!
//! | file | what |
//! |---|---|
//! | `request` | the head of a request (RFC 9112), and what is refused before a body is read |
//! | `connection` | one connection: requests in, answers out, each within its time |
//! | `server` | [`Server`]: connections up to a number; what comes in, one after the other |
//!
//! Answers are given by whoever asks for the next request, in one place and in order: a witness must
//! not answer two at the same time.

mod connection;
mod request;
mod server;

pub use connection::Patience;
pub use request::Request;
pub use server::{Event, Pending, Response, Server};
