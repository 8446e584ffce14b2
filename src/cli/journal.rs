//! Lines for systemd's journal: each begins with its priority (sd-daemon(3)).

use crate::appraise::Verdict;

/// Something failed.
pub(super) const ERROR: u8 = 3;
/// As it should be.
pub(super) const INFO: u8 = 6;

const CRITICAL: u8 = 2;
const WARNING: u8 = 4;
const NOTICE: u8 = 5;

/// A report as lines for the journal: the first one says how bad it is, and so does each finding.
/// Consoles show what is urgent, and leave out the rest.
pub(super) fn lines(verdict: Verdict, text: &str) -> String {
    let (head, rest) = match verdict {
        Verdict::Match => (INFO, INFO),
        Verdict::Incomplete => (WARNING, NOTICE),
        Verdict::Drift | Verdict::Rollback | Verdict::Untrusted => (CRITICAL, NOTICE),
    };
    text.lines()
        .filter(|text| !text.is_empty())
        .enumerate()
        .map(|(number, text)| {
            let is_bad = ["untrusted: ", "rollback: ", "incomplete: ", "drift: "];
            let priority = if number == 0 || is_bad.iter().any(|start| text.starts_with(start)) {
                head
            } else if text.starts_with("warning: ") {
                WARNING
            } else {
                rest
            };
            line(priority, text) + "\n"
        })
        .collect()
}

/// One line with its priority, as RFC 5424 counts them.
pub(super) fn line(priority: u8, text: &str) -> String {
    format!("<{priority}>{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_a_priority() {
        let text = "DRIFT  / against x\n  epoch\nwarning: y\n\nuntrusted: z\n";
        assert_eq!(
            lines(Verdict::Drift, text),
            "<2>DRIFT  / against x\n<5>  epoch\n<4>warning: y\n<2>untrusted: z\n"
        );
        assert_eq!(lines(Verdict::Match, "MATCH\n  a\n"), "<6>MATCH\n<6>  a\n");
        assert!(lines(Verdict::Incomplete, "INCOMPLETE\n").starts_with("<4>"));
    }
}
