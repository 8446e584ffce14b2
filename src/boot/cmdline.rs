//! The kernel's command line against the plan's.

use super::Plan;
use crate::appraise::{Finding, Verdict};
use crate::path::Escaped;

/// What is wrong with the command line that the kernel runs with, `/proc/cmdline`.
///
/// It must be the plan's, byte for byte, but for blanks and a line feed at its end, which mean
/// nothing. No word is forgiven: `initrd=` loads more than was measured, `init=` and `systemd.*`
/// decide what runs, and even `BOOT_IMAGE=` tells of a loader that took the kernel without the
/// initrd that was signed with it.
pub(super) fn judge(plan: &Plan, found: &[u8]) -> Option<Finding> {
    let found = found.trim_ascii_end();
    if found == plan.cmdline.as_bytes() {
        return None;
    }
    let expected = plan.cmdline.split_ascii_whitespace().map(str::as_bytes);
    let expected: Vec<&[u8]> = expected.collect();
    let words = found.split(u8::is_ascii_whitespace);
    let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
    let odd = words.iter().find(|word| !expected.contains(word));
    let missing = expected.iter().find(|word| !words.contains(word));
    let what = match (odd, missing) {
        (Some(word), _) => format!("\"{}\" is not of the image", Escaped(word)),
        (None, Some(word)) => format!("\"{}\" is missing", Escaped(word)),
        (None, None) => "its words stand in another order or number".to_owned(),
    };
    Some(Finding {
        verdict: Verdict::Untrusted,
        message: format!("the kernel's command line is not the image's: {what}"),
        hint: Some(
            "start the unified kernel image alone: no options of the firmware, the loader or the \
             hypervisor"
                .to_owned(),
        ),
    })
}
