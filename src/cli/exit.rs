//! Exit codes: a contract that both binaries keep.

use std::process::ExitCode;

/// How a command ended. Where several apply, the precedence is 2, 1, 11, 12, 10, 13, 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything holds; everything was done.
    Ok = 0,
    /// The operation failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Drift or findings.
    Drift = 10,
    /// A signature, threshold, receipt, key or neighbour is not to be trusted.
    Untrusted = 11,
    /// Older than something already accepted.
    Rollback = 12,
    /// Something that should have been checked could not be.
    Incomplete = 13,
}

impl Exit {
    /// The worse of two ends.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self.rank() <= other.rank() {
            self
        } else {
            other
        }
    }

    /// The number that a shell sees.
    #[expect(clippy::as_conversions, reason = "the discriminants are the codes")]
    pub const fn code(self) -> u8 {
        self as u8
    }

    fn rank(self) -> u8 {
        match self {
            Self::Usage => 0,
            Self::Failed => 1,
            Self::Untrusted => 2,
            Self::Rollback => 3,
            Self::Drift => 4,
            Self::Incomplete => 5,
            Self::Ok => 6,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit::{self, Drift, Failed, Incomplete, Ok, Rollback, Untrusted, Usage};

    #[test]
    fn precedence_is_the_contract() {
        let order: [Exit; 7] = [Usage, Failed, Untrusted, Rollback, Drift, Incomplete, Ok];
        for (rank, worse) in order.iter().enumerate() {
            for better in &order[rank..] {
                assert_eq!(worse.and(*better), *worse);
                assert_eq!(better.and(*worse), *worse);
            }
        }
    }
}
