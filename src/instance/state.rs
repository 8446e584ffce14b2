//! What an instance remembers: below which serial and trust root nothing is accepted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::LogSeen;
use crate::appraise::{Finding, Protection, Remembered, Verdict};
use crate::baseline::{ImageName, NameError, Serial, SerialError};
use crate::digest::Digest;
use crate::json::{self, JsonError};
use crate::limits;

/// What an instance remembers. It only ever rises: see [`State::raised`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// How often it was written; 0 before the first time.
    generation: u64,
    /// The largest tree of the log by which a boot was verified.
    log: Option<LogSeen>,
    /// The lowest serial that is accepted, by image.
    serials: BTreeMap<ImageName, Serial>,
    /// The lowest version of the trust root that is accepted.
    trust_root: u64,
}

/// One of the two files, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its path, for messages.
    pub path: String,
    /// Its bytes; `None`: it is not there.
    pub bytes: Option<Vec<u8>>,
}

/// What the two files say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recalled {
    /// The newest that is whole; the empty one where none is.
    pub state: State,
    /// What was torn, lost, or never there.
    pub findings: Vec<Finding>,
}

/// Why the bytes of a slot are no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// Larger than a state is.
    #[error("it is larger than {} bytes", limits::STATE_MAX)]
    TooLarge,
    /// No first line that names format and digest, or something is cut off.
    #[error("it does not begin with \"{SPEC} \", a digest and a line feed")]
    Head,
    /// The second line is another than was written.
    #[error("its digest is another: it was torn or changed")]
    Digest,
    /// Not JSON, or not the keys of a state.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// No name of an image.
    #[error("{0}")]
    Name(#[from] NameError),
    /// No serial.
    #[error("{0}")]
    Serial(#[from] SerialError),
    /// More images than an instance has.
    #[error("it names more than {} images", limits::STATE_IMAGES_MAX)]
    TooMany,
    /// Another spelling, or generation 0, which is never written.
    #[error("it is not in its one spelling")]
    NotCanonical,
}

/// The name of this format: the first word of a file.
const SPEC: &str = "karat-state/1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    generation: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log: Option<String>,
    serials: BTreeMap<String, u64>,
    trust_root: u64,
}

impl State {
    /// The names of the two files. Generation N stands in the one that N modulo 2 says, so that
    /// writing one never touches the generation before.
    pub const FILES: [&str; 2] = ["state.0", "state.1"];

    /// The file of this generation.
    pub fn file(&self) -> &'static str {
        let [even, odd] = Self::FILES;
        if self.generation.is_multiple_of(2) {
            even
        } else {
            odd
        }
    }

    /// Reads one file.
    ///
    /// # Errors
    /// The rule that it breaks; every spelling but the one is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, SlotError> {
        if u64::try_from(bytes.len()).map_or(true, |length| length > limits::STATE_MAX) {
            return Err(SlotError::TooLarge);
        }
        let line = bytes.iter().position(|byte| *byte == b'\n');
        let (head, body) = line
            .and_then(|line| bytes.split_at_checked(line.saturating_add(1)))
            .ok_or(SlotError::Head)?;
        let digest: Digest = std::str::from_utf8(head)
            .ok()
            .and_then(|head| head.strip_prefix(SPEC)?.strip_prefix(' '))
            .and_then(|rest| rest.strip_suffix('\n')?.parse().ok())
            .ok_or(SlotError::Head)?;
        if Digest::of(body) != digest {
            return Err(SlotError::Digest);
        }
        let raw: Raw = json::read(body, limits::STATE_MAX)?;
        if raw.serials.len() > limits::STATE_IMAGES_MAX {
            return Err(SlotError::TooMany);
        }
        let mut serials = BTreeMap::new();
        for (name, serial) in &raw.serials {
            serials.insert(ImageName::parse(name)?, Serial::new(*serial)?);
        }
        let state = Self {
            generation: raw.generation,
            log: raw.log.as_deref().and_then(LogSeen::parse),
            serials,
            trust_root: raw.trust_root,
        };
        if state.generation == 0 || state.to_bytes() != bytes {
            return Err(SlotError::NotCanonical);
        }
        Ok(state)
    }

    /// The one spelling.
    pub fn to_bytes(&self) -> Vec<u8> {
        let serials = self.serials.iter();
        let raw = Raw {
            generation: self.generation,
            log: self.log.as_ref().map(LogSeen::to_text),
            serials: serials
                .map(|(name, serial)| (name.as_str().to_owned(), serial.get()))
                .collect(),
            trust_root: self.trust_root,
        };
        // Words and numbers: nothing here can fail to become JSON.
        let mut body = json::canonical(&raw).unwrap_or_default();
        body.push(b'\n');
        let mut bytes = format!("{SPEC} {}\n", Digest::of(&body)).into_bytes();
        bytes.extend(body);
        bytes
    }

    /// What the two files say: the newest whole one counts, and whatever is not whole is said.
    /// Where neither is, this is a first boot for all that anybody can tell.
    pub fn recall(slots: &[Slot; 2]) -> Recalled {
        let mut states = Vec::new();
        let mut findings = Vec::new();
        let mut warn = |message| {
            findings.push(Finding {
                verdict: Verdict::Match,
                message,
                hint: None,
            });
        };
        for (slot, name) in slots.iter().zip(Self::FILES) {
            let Some(bytes) = &slot.bytes else { continue };
            match Self::parse(bytes) {
                Ok(state) if state.file() == name => states.push(state),
                Ok(_) => warn(format!("{}: it has the name of the other file", slot.path)),
                Err(error) => warn(format!("{}: {error}", slot.path)),
            }
        }
        let Some(state) = states.into_iter().max_by_key(|state| state.generation) else {
            warn(
                "this is a first boot, or what was remembered is lost: no older baseline can be \
                 told from a newer one"
                    .to_owned(),
            );
            let state = Self::default();
            return Recalled { state, findings };
        };
        // Both are written the first time, so that one that is missing is always told.
        if let Some(slot) = slots.iter().find(|slot| slot.bytes.is_none()) {
            warn(format!("{} is lost", slot.path));
        }
        if !findings.is_empty() {
            findings.push(Finding {
                verdict: Verdict::Match,
                message: format!(
                    "what is remembered may be one step too old: generation {} is the newest that \
                     is whole",
                    state.generation
                ),
                hint: None,
            });
        }
        Recalled { state, findings }
    }

    /// What it says about the image `name`.
    pub fn about(&self, name: Option<&ImageName>) -> Remembered {
        let serial = name.and_then(|name| self.serials.get(name));
        Remembered {
            serial: serial.map(|serial| serial.get()),
            trust_root: (self.generation > 0).then_some(self.trust_root),
            protection: Protection::State,
        }
    }

    /// Whether a trust root of this version, and a statement for `name` of this serial, are as new
    /// as what was accepted before; and whether the log that has it is the one that was seen before.
    /// A smaller tree is that of an older release; of one size there is one.
    pub fn judge(
        &self,
        trust_root: Option<u64>,
        statement: Option<(&ImageName, u64)>,
        log: Option<&LogSeen>,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut refuse = |message, hint: &str| {
            findings.push(Finding {
                verdict: Verdict::Rollback,
                message,
                hint: Some(hint.to_owned()),
            });
        };
        if let Some(version) = trust_root.filter(|version| *version < self.trust_root) {
            refuse(
                format!(
                    "trust root {version} is older than {}, which this instance has judged by",
                    self.trust_root
                ),
                "deliver the newer trust roots again, as trust/N.json beside the envelope",
            );
        }
        if let Some((name, serial)) = statement
            && let Some(floor) = self.serials.get(name)
            && serial < floor.get()
        {
            refuse(
                format!(
                    "serial {serial} of {name} is below {floor}, the lowest that this instance \
                     accepts since a boot with it was blessed"
                ),
                "boot the newest image; the guide for instances tells how to go back on purpose",
            );
        }
        if let (Some(seen), Some(now)) = (&self.log, log) {
            findings.extend(seen.fork(now));
        }
        findings
    }

    /// What to write so that both files stand: after the first generation the same again, as the
    /// second.
    pub fn writings(self) -> Vec<Self> {
        let second = Self {
            generation: 2,
            ..self.clone()
        };
        if self.generation == 1 {
            vec![self, second]
        } else {
            vec![self]
        }
    }

    /// The next generation, raised to what a blessed boot was verified as; `None` where that says
    /// nothing new. Nothing is ever lowered.
    #[must_use]
    pub fn raised(
        &self,
        name: &ImageName,
        serial: Serial,
        trust_root: u64,
        log: Option<&LogSeen>,
    ) -> Option<Self> {
        let mut next = self.clone();
        let floor = next.serials.entry(name.clone()).or_insert(serial);
        *floor = serial.max(*floor);
        next.trust_root = trust_root.max(self.trust_root);
        if let Some(now) = log
            && self.log.as_ref().is_none_or(|seen| now.replaces(seen))
        {
            next.log = Some(now.clone());
        }
        if next == *self || next.serials.len() > limits::STATE_IMAGES_MAX {
            return None;
        }
        next.generation = self.generation.checked_add(1)?;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ImageName {
        ImageName::parse(text).unwrap()
    }

    fn serial(number: u64) -> Serial {
        Serial::new(number).unwrap()
    }

    fn seen(size: u64, root: &[u8]) -> LogSeen {
        LogSeen {
            origin: "example.com/log".to_owned(),
            root: Digest::of(root),
            size,
        }
    }

    /// Generations 1 and 2, and the two files that hold them.
    fn two() -> (State, State, [Slot; 2]) {
        let one = State::default()
            .raised(&name("base"), serial(5), 1, None)
            .unwrap();
        let two = one
            .raised(&name("base"), serial(7), 2, Some(&seen(9, b"a")))
            .unwrap();
        let slots = [&two, &one].map(|state| Slot {
            path: state.file().to_owned(),
            bytes: Some(state.to_bytes()),
        });
        (one, two, slots)
    }

    #[test]
    fn the_example_of_the_format_is_one() {
        let page = include_str!("../../docs/formats/instance.md");
        let (_, two, _) = two();
        let text = String::from_utf8(two.to_bytes()).unwrap();
        assert!(page.contains(&format!("```text\n{text}```")), "{text}");
        assert_eq!(State::parse(text.as_bytes()), Ok(two));
    }

    #[test]
    fn a_newest_file_torn_at_every_byte_falls_back_and_is_said() {
        let (one, two, slots) = two();
        assert_eq!(
            State::recall(&slots),
            Recalled {
                state: two.clone(),
                findings: vec![]
            }
        );
        let whole = two.to_bytes();
        for length in 0..whole.len() {
            let [mut newest, older] = slots.clone();
            newest.bytes = Some(whole[..length].to_vec());
            let recalled = State::recall(&[newest, older]);
            assert_eq!(recalled.state, one, "{length}");
            let messages: Vec<&str> = recalled
                .findings
                .iter()
                .map(|it| it.message.as_str())
                .collect();
            assert!(messages[0].starts_with("state.0: "), "{messages:?}");
            assert!(messages[1].contains("generation 1"), "{messages:?}");
        }
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            assert!(State::parse(&changed).is_err(), "byte {place}");
        }
    }

    #[test]
    fn lost_files() {
        let (one, two, [newest, older]) = two();
        let gone = |slot: &Slot| Slot {
            bytes: None,
            ..slot.clone()
        };
        let recalled = State::recall(&[newest.clone(), gone(&older)]);
        assert_eq!(recalled.state, two);
        assert_eq!(recalled.findings[0].message, "state.1 is lost");
        let recalled = State::recall(&[gone(&newest), older.clone()]);
        assert_eq!(recalled.state, one);
        assert_eq!(recalled.findings[0].message, "state.0 is lost");
        let recalled = State::recall(&[gone(&newest), gone(&older)]);
        assert_eq!(recalled.state, State::default());
        assert!(recalled.findings[0].message.contains("first boot"));
        // A file under the other's name is not believed.
        let swapped = Slot {
            path: "state.1".to_owned(),
            ..newest
        };
        let recalled = State::recall(&[gone(&older), swapped]);
        assert_eq!(recalled.state, State::default());
    }

    #[test]
    fn the_first_time_both_files_are_written() {
        let (one, two, _) = two();
        let files: Vec<&str> = one.clone().writings().iter().map(State::file).collect();
        assert_eq!(files, ["state.1", "state.0"]);
        assert_eq!(two.clone().writings(), [two]);
        let second = one.writings().pop().unwrap();
        assert_eq!(
            second
                .raised(&name("base"), serial(6), 1, None)
                .unwrap()
                .file(),
            "state.1"
        );
    }

    #[test]
    fn hostile_files() {
        let with =
            |body: &str| format!("{SPEC} {}\n{body}", Digest::of(body.as_bytes())).into_bytes();
        let good = "{\"generation\":1,\"serials\":{\"base\":5},\"trust_root\":1}\n";
        assert!(State::parse(&with(good)).is_ok());
        let with_log =
            |log: &str| good.replace(",\"serials\"", &format!(",\"log\":{log},\"serials\""));
        let root = Digest::of(b"a");
        assert!(State::parse(&with(&with_log(&format!("\"l 9 {root}\"")))).is_ok());
        let many: Vec<String> = (0..=limits::STATE_IMAGES_MAX)
            .map(|n| format!("\"i{n}\":1"))
            .collect();
        for (body, part) in [
            (good.replace(":1,", ":0,"), "one spelling"),
            (good.trim_end().to_owned(), "one spelling"),
            (good.replace(":5", ": 5"), "one spelling"),
            (good.replace("base", "../x"), "image name"),
            (good.replace(":5", ":-5"), "invalid"),
            (
                good.replace("{\"base\":5}", &format!("{{{}}}", many.join(","))),
                "more than",
            ),
            (good.replace("{\"g", "{\"x\":1,\"g"), "unknown field"),
            (with_log("null"), "one spelling"),
            (with_log("9"), "invalid type"),
            (with_log("\"l 9\""), "one spelling"),
            (with_log(&format!("\"l 09 {root}\"")), "one spelling"),
            (with_log(&format!("\"l 9  {root}\"")), "one spelling"),
            (with_log(&format!("\"l 9 {root}0\"")), "one spelling"),
        ] {
            let error = State::parse(&with(&body)).unwrap_err().to_string();
            assert!(error.contains(part), "{body:.60}: {error}");
        }
        assert_eq!(State::parse(&vec![b'x'; 1 << 20]), Err(SlotError::TooLarge));
        assert_eq!(State::parse(b"karat-state/2 \n"), Err(SlotError::Head));
    }

    #[test]
    fn floors_rise_and_never_fall() {
        let (_, two, _) = two();
        assert_eq!(two.raised(&name("base"), serial(7), 2, None), None);
        assert_eq!(two.raised(&name("base"), serial(3), 1, None), None);
        let other = two.raised(&name("web"), serial(1), 1, None).unwrap();
        assert_eq!(other.about(Some(&name("base"))).serial, Some(7));
        assert_eq!(other.about(Some(&name("web"))).serial, Some(1));
        assert_eq!(other.about(None).trust_root, Some(2));
        let base = name("base");
        let judge = |root, serial| {
            let findings = two.judge(Some(root), Some((&base, serial)), None);
            findings.iter().map(|it| it.verdict).collect::<Vec<_>>()
        };
        assert_eq!(judge(2, 7), []);
        assert_eq!(judge(3, 8), []);
        assert_eq!(judge(2, 6), [Verdict::Rollback]);
        assert_eq!(judge(1, 6), [Verdict::Rollback, Verdict::Rollback]);
        assert_eq!(State::default().judge(Some(1), Some((&base, 0)), None), []);
    }

    #[test]
    fn of_one_size_a_log_has_one_tree() {
        let (one, two, _) = two();
        let verdicts = |state: &State, log: &LogSeen| {
            let findings = state.judge(None, None, Some(log));
            findings.iter().map(|it| it.verdict).collect::<Vec<_>>()
        };
        assert_eq!(verdicts(&two, &seen(9, b"a")), []);
        assert_eq!(verdicts(&two, &seen(9, b"b")), [Verdict::Untrusted]);
        // An older release has a smaller one, a newer release a larger one.
        for size in [8, 10] {
            assert_eq!(verdicts(&two, &seen(size, b"b")), []);
        }
        assert_eq!(verdicts(&one, &seen(9, b"b")), [], "nothing was seen");
        let mut other = seen(9, b"b");
        other.origin.push('x');
        assert_eq!(verdicts(&two, &other), [], "of another log");

        let raised = |log: &LogSeen| two.raised(&name("base"), serial(7), 2, Some(log));
        assert_eq!(raised(&seen(8, b"b")), None);
        assert_eq!(raised(&seen(9, b"b")), None);
        let larger = raised(&seen(10, b"b")).unwrap();
        assert_eq!(larger.log, Some(seen(10, b"b")));
        assert_eq!(State::parse(&larger.to_bytes()), Ok(larger));
        assert_eq!(raised(&other).unwrap().log, Some(other));
    }
}
