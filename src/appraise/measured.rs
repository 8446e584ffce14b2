//! What a verifier in the initrd extends a TPM's register with.

use super::Verdict;

/// The register that karat's initrd extends by the event of [`verdict_event`].
pub const VERDICT_PCR: u8 = 8;

/// The event that stands for a verdict on an image: `karat: match web 1`. Its digest is extended, so
/// that whoever later asks the TPM learns what the initrd found, whatever runs then. Names and
/// versions of images have no blanks.
pub fn verdict_event(verdict: Verdict, name: &str, version: &str) -> String {
    format!("karat: {verdict} {name} {version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_of_each_verdict_is_another() {
        assert_eq!(
            verdict_event(Verdict::Match, "web", "1"),
            "karat: match web 1"
        );
        assert_eq!(
            verdict_event(Verdict::Rollback, "web", "1.2"),
            "karat: rollback web 1.2"
        );
    }
}
