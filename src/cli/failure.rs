//! Every error of an operation becomes an exit code, a message and a next step: here, and only
//! here.

use std::error::Error;

use super::Exit;

/// How a command failed, ready to be shown.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// The rule broken and the place, causes included.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Failure {
    /// The operation failed with `error`; its sources are part of the message.
    pub fn failed(error: &dyn Error) -> Self {
        Self {
            exit: Exit::Failed,
            message: chain(error),
            hint: None,
        }
    }

    /// The command line asks for something that makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.into(),
            hint: None,
        }
    }

    /// With another exit code.
    #[must_use]
    pub fn exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// With a next step.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// An error and its sources as one line, without saying anything twice.
fn chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        source = cause.source();
    }
    message
}

impl From<crate::sys::fs::IoError> for Failure {
    fn from(error: crate::sys::fs::IoError) -> Self {
        Self::failed(&error)
    }
}
