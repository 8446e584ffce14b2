//! What a machine says on its console, as far as it tells how a boot went.
//!
//! Two programs of an image speak there. The initrd is silent unless it refuses to go on:
//! ```text
//! karat: NAME_VERSION is not started
//! karat: untrusted: what was found
//! ```
//! The running system's own verification prints the report, behind the name of the unit's process;
//! its first line has the verdict:
//! ```text
//! [    7.123456] karat-agent[345]: MATCH  / against NAME VERSION, serial 7
//! ```
//! Behind it stands what the initrd took:
//! ```text
//! [    7.123458] karat-agent[345]: initrd: 611.5 ms: 31.4 its own, 402.1 the kernel's for it, 177.9 waiting
//! ```
//! systemd says which units failed, and getty(8) asks for a login once the machine is up. All of it is
//! only as true as the machine that says it: `karat boot --check` is for those who made the image.

use std::collections::VecDeque;

use crate::appraise::Verdict;
use crate::boot::Share;

/// Longest line; the rest is dropped.
const LINE_MAX: usize = 4096;
/// How many of the last lines are kept.
const LINES_KEPT: usize = 40;
/// Most troubles that are kept.
const TROUBLES_MAX: usize = 100;

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// systemd gave up and asks for root's password.
    Emergency,
    /// A unit failed, as systemd says it.
    FailedUnit(String),
    /// The kernel stopped.
    Panic(String),
    /// The initrd did not go on, and why.
    Refused(String),
    /// The root is not what was signed: the kernel's own words.
    Verity(String),
}

/// Listens to a console.
#[derive(Debug, Default)]
pub struct Watch {
    line: Vec<u8>,
    /// What began with ESC and has not ended.
    sequence: Vec<u8>,
    last: VecDeque<String>,
    verdict: Option<Verdict>,
    initrd: Option<Share>,
    is_up: bool,
    troubles: Vec<Trouble>,
}

impl Watch {
    /// Takes what the machine says next.
    pub fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match (*byte, self.sequence.len()) {
                (b'\x1b', _) => self.sequence = vec![b'\x1b'],
                (b'\n', 0) => self.end_line(),
                (b'\r', 0) => {}
                (byte, 0) => {
                    if self.line.len() < LINE_MAX {
                        self.line.push(byte);
                    }
                    // A question has no line end.
                    if byte == b' ' && self.line.ends_with(b" login: ") {
                        self.is_up = true;
                    }
                }
                // `ESC [` … and a letter; any other sequence of two.
                (b'[', 1) => self.sequence.push(b'['),
                (b'@'..=b'~', 2) | (_, 1) => self.sequence.clear(),
                (_, _) => {}
            }
        }
    }

    /// The worst verdict so far.
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// What its initrd took.
    pub fn initrd(&self) -> Option<Share> {
        self.initrd
    }

    /// Whether it has come up: a login is asked for, or systemd has reached where it wanted to.
    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// What went wrong so far, in the order in which it was said.
    pub fn troubles(&self) -> &[Trouble] {
        &self.troubles
    }

    /// Whether it will not come up any more.
    pub fn is_lost(&self) -> bool {
        let lost = |trouble: &Trouble| !matches!(trouble, Trouble::FailedUnit(_));
        self.troubles.iter().any(lost)
    }

    /// The last lines that it said.
    pub fn last_lines(&self) -> impl Iterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }

    fn end_line(&mut self) {
        let text = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        self.look(text.trim());
        if self.last.len() >= LINES_KEPT {
            self.last.pop_front();
        }
        self.last.push_back(text);
    }

    fn look(&mut self, line: &str) {
        // What journald forwards has the process before it.
        let said = line.rsplit_once("]: ").map_or(line, |(_, said)| said);
        if let Some(verdict) = reported(said) {
            self.judged(verdict);
        }
        if let Some(share) = Share::of_line(said) {
            self.initrd = Some(share);
        }
        if let Some(refusal) = said.strip_prefix("karat: ") {
            let found = refusal.split_once(": ");
            let found = found.and_then(|(name, _)| of_name(name));
            if let Some(verdict) = found.filter(|verdict| *verdict != Verdict::Match) {
                self.judged(verdict);
                self.trouble(Trouble::Refused(refusal.to_owned()));
            } else if refusal.ends_with(" is not started") {
                self.trouble(Trouble::Refused(refusal.to_owned()));
            }
            return;
        }
        if let Some(failed) = after(line, "[FAILED] ") {
            // On the way down: what is in use until the end is unmounted once all else is gone.
            if failed.starts_with("Failed unmounting ") {
                return;
            }
            self.trouble(Trouble::FailedUnit(failed.to_owned()));
        } else if let Some(failed) = after(line, "[DEPEND] ") {
            self.trouble(Trouble::FailedUnit(failed.to_owned()));
        } else if let Some(panic) = after(line, "Kernel panic - not syncing: ") {
            // The kernel says it once more where its message ends: `---[ end Kernel panic - … ]---`.
            let panic = panic.strip_suffix(" ]---").unwrap_or(panic);
            self.trouble(Trouble::Panic(panic.to_owned()));
        } else if line.contains("You are in emergency mode") {
            self.trouble(Trouble::Emergency);
        } else if let Some(verity) = after(line, "device-mapper: verity: ") {
            if verity.contains(" is corrupted") {
                self.judged(Verdict::Untrusted);
                self.trouble(Trouble::Verity(verity.to_owned()));
            }
        } else if let Some(target) = after(line, "Reached target ") {
            let wanted = ["multi-user.target", "graphical.target"];
            self.is_up |= wanted.iter().any(|name| target.starts_with(name));
        }
    }

    fn judged(&mut self, verdict: Verdict) {
        if self.verdict.is_none_or(|known| rank(verdict) > rank(known)) {
            self.verdict = Some(verdict);
        }
    }

    fn trouble(&mut self, trouble: Trouble) {
        if self.troubles.len() < TROUBLES_MAX && !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
    }
}

const VERDICTS: [Verdict; 5] = [
    Verdict::Match,
    Verdict::Incomplete,
    Verdict::Drift,
    Verdict::Rollback,
    Verdict::Untrusted,
];

/// Which of two verdicts is worse: the contract of the exit codes.
fn rank(verdict: Verdict) -> usize {
    let found = VERDICTS.iter().position(|each| *each == verdict);
    found.unwrap_or(VERDICTS.len())
}

fn of_name(name: &str) -> Option<Verdict> {
    VERDICTS.into_iter().find(|verdict| verdict.name() == name)
}

/// The verdict in the first line of a report: its name in capitals, perhaps others in brackets, two
/// blanks, and what was verified.
fn reported(line: &str) -> Option<Verdict> {
    let (name, rest) = line.split_once(' ')?;
    let follows = rest.starts_with(' ') || rest.starts_with("(also ");
    let verdict = of_name(&name.to_lowercase())?;
    (follows && name == name.to_uppercase()).then_some(verdict)
}

fn after<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.split_once(start).map(|(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str) -> Watch {
        let mut watch = Watch::default();
        // As it comes: in pieces that fit no line.
        for piece in text.as_bytes().chunks(7) {
            watch.hear(piece);
        }
        watch
    }

    #[test]
    fn a_good_boot() {
        let watch = heard(
            "BdsDxe: starting Boot0001\r\n[    0.000000] Linux version 6.1\r\n\
             [\x1b[0;32m  OK  \x1b[0m] Reached target \x1b[0;1;39mlocal-fs.target\x1b[0m - Local File Systems.\r\n\
             [    7.1] karat-agent[345]: MATCH  / against web 1, serial 7\r\n\
             [    7.1] karat-agent[345]:   signed by  abc\r\n\
             [    7.1] karat-agent[345]: initrd: 611.5 ms: 31.4 its own, 402.1 the kernel's for it, 178.0 waiting\r\n\r\nDebian GNU/Linux 13 web ttyS0\r\n\r\nweb login: ",
        );
        assert_eq!(watch.verdict(), Some(Verdict::Match));
        let initrd = Share {
            took: 611_500,
            own: 31_400,
            kernel: 402_100,
        };
        assert_eq!(watch.initrd(), Some(initrd));
        assert!(watch.is_up() && !watch.is_lost());
        assert_eq!(watch.troubles(), []);
        assert!(watch.last_lines().any(|line| line.starts_with("[  OK  ]")));
    }

    #[test]
    fn what_systemd_reached_is_up_as_well() {
        assert!(heard("[  OK  ] Reached target multi-user.target - Multi-User System.\n").is_up());
        assert!(!heard("[  OK  ] Reached target basic.target - Basic System.\n").is_up());
    }

    #[test]
    fn the_worst_verdict_counts() {
        let watch = heard(
            "MATCH  / against web 1, serial 7\nDRIFT (also incomplete)  / against web 1, serial 7\n\
             INCOMPLETE  /\nMATCH  / against web 1, serial 7\n",
        );
        assert_eq!(watch.verdict(), Some(Verdict::Drift));
        for noise in [
            "MATCH of the day",
            "match  / against",
            "REMATCH  /",
            "  DRIFTS  /",
        ] {
            assert_eq!(heard(&format!("{noise}\n")).verdict(), None, "{noise}");
        }
    }

    #[test]
    fn what_is_in_use_until_the_end_is_no_trouble() {
        let watch = heard("[FAILED] Failed unmounting var.mount - /var.\n");
        assert_eq!(watch.troubles(), []);
    }

    #[test]
    fn troubles_are_named() {
        for (line, verdict, trouble) in [
            (
                "[\x1b[0;1;31mFAILED\x1b[0m] Failed to start ssh.service - OpenBSD Secure Shell server.",
                None,
                Trouble::FailedUnit(
                    "Failed to start ssh.service - OpenBSD Secure Shell server.".to_owned(),
                ),
            ),
            (
                "karat: untrusted: both vda and vdb have partitions of this image",
                Some(Verdict::Untrusted),
                Trouble::Refused(
                    "untrusted: both vda and vdb have partitions of this image".to_owned(),
                ),
            ),
            (
                "karat: web_1 is not started",
                None,
                Trouble::Refused("web_1 is not started".to_owned()),
            ),
            (
                "[    2.5] device-mapper: verity: 254:2: data block 17 is corrupted",
                Some(Verdict::Untrusted),
                Trouble::Verity("254:2: data block 17 is corrupted".to_owned()),
            ),
            (
                "[    2.5] Kernel panic - not syncing: dm-verity device corrupted",
                None,
                Trouble::Panic("dm-verity device corrupted".to_owned()),
            ),
            (
                "You are in emergency mode. After logging in, type \"journalctl -xb\"",
                None,
                Trouble::Emergency,
            ),
        ] {
            let watch = heard(&format!("{line}\n{line}\n"));
            assert_eq!(watch.verdict(), verdict, "{line}");
            assert_eq!(watch.troubles(), [trouble], "{line}");
            assert!(!watch.is_up());
        }
    }

    #[test]
    fn a_panic_is_one_trouble_to_its_end() {
        let watch = heard(
            "[    2.5] Kernel panic - not syncing: dm-verity device corrupted\n\
             [    2.6] ---[ end Kernel panic - not syncing: dm-verity device corrupted ]---\n",
        );
        let trouble = Trouble::Panic("dm-verity device corrupted".to_owned());
        assert_eq!(watch.troubles(), [trouble]);
    }

    #[test]
    fn a_machine_that_says_too_much_is_cut() {
        let mut watch = Watch::default();
        watch.hear(&vec![b'x'; 1 << 20]);
        for number in 0..1000 {
            watch.hear(format!("\n[FAILED] Failed to start {number}\n").as_bytes());
        }
        assert_eq!(watch.troubles().len(), TROUBLES_MAX);
        assert_eq!(watch.last_lines().count(), LINES_KEPT);
        assert!(watch.last_lines().all(|line| line.len() <= LINE_MAX));
    }
}
