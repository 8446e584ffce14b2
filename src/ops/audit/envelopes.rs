//! Envelopes outside of the log: signed and never logged, or of a retired baseline.

use std::collections::BTreeMap;
use std::path::Path;

use super::collect::Findings;
use super::files::below;
use super::judge::shown;
use super::lineage::Lineage;
use super::notices::Notices;
use super::scan::Reader;
use super::{Code, Entries, EntryKind};
use crate::baseline::Statement;
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::key::{Candidates, Signature};
use crate::limits;
use crate::log::{Log, LogError, Source};
use crate::path::Escaped;
use crate::sys::fs::{self, IoError};
use crate::sys::material::ENVELOPE_SUFFIX;
use crate::tlog::Entry;

/// What an envelope outside of the log is compared with.
pub(super) struct Known<'a, S> {
    pub(super) log: &'a Log<S>,
    pub(super) entries: &'a Entries,
    pub(super) lineage: &'a Lineage,
    pub(super) notices: &'a Notices,
    pub(super) keys: &'a Candidates,
}

impl<S: Source> Known<'_, S> {
    /// Looks at every envelope below `directory`; gives how many there are.
    ///
    /// # Errors
    /// The directory, or an entry of the log, cannot be read.
    pub(super) fn look(
        &self,
        directory: &Path,
        findings: &mut Findings,
    ) -> Result<u64, super::failure::Outside> {
        let files = below(directory, ENVELOPE_SUFFIX)?;
        if files.is_empty() {
            return Ok(0);
        }
        let mut logged: BTreeMap<Digest, Vec<u32>> = BTreeMap::new();
        for (place, row) in (0_u32..).zip(self.entries.rows()) {
            if row.kind == EntryKind::Signed && row.has_payload {
                logged.entry(row.payload).or_default().push(place);
            }
        }
        let mut reader = Reader::new(self.log);
        for file in &files {
            let shown = Escaped(file.as_os_str().as_encoded_bytes()).to_string();
            match read(file) {
                Ok(envelope) => self.envelope(&shown, &envelope, &logged, &mut reader, findings)?,
                Err(text) => findings.add(Code::UnreadableEnvelope, None, || (shown, text)),
            }
        }
        Ok(u64::try_from(files.len()).unwrap_or(u64::MAX))
    }

    fn envelope(
        &self,
        file: &str,
        envelope: &Envelope,
        logged: &BTreeMap<Digest, Vec<u32>>,
        reader: &mut Reader<'_, S>,
        findings: &mut Findings,
    ) -> Result<(), LogError> {
        let signed = envelope.signed();
        if signed.payload_type != Statement::PAYLOAD_TYPE {
            return Ok(());
        }
        let statement = Statement::parse(&signed.payload);
        let name = match &statement {
            Ok(it) => format!("{} {}", it.baseline().name, it.serial()),
            Err(error) => error.to_string(),
        };
        let places = logged.get(&Digest::of(&signed.payload));
        if let Some(places) = places {
            let mut there: Vec<Signature> = Vec::new();
            for place in places {
                let bytes = reader.entry(u64::from(*place))?;
                let entry = Entry::parse(&bytes);
                if let Some(Ok(entry)) = entry.map(|it| Envelope::parse(it.envelope)) {
                    there.extend(entry.signed().claims.iter().map(|claim| claim.signature));
                }
            }
            let claims = signed.claims.iter();
            let more = claims.filter(|claim| !there.contains(&claim.signature));
            let more = more.count();
            if more > 0 {
                findings.add(Code::MoreSignatures, None, || {
                    let text = format!("{name}: {more} of its signatures are not logged");
                    (file.to_owned(), text)
                });
            }
        } else {
            findings.add(Code::Unlogged, None, || {
                let by = self.keys.attribute(&signed.message(), &signed.claims);
                let people: Vec<String> = self.lineage.makers(&by).iter().map(shown).collect();
                let text = format!("{name}, signed by {}", people.join(", "));
                (file.to_owned(), text)
            });
        }
        if let Ok(statement) = &statement {
            let serial = statement.serial().get();
            let retired = self.notices.retired(statement.baseline().name.as_str());
            let retired = retired
                .iter()
                .find(|it| (it.first_serial..=it.last_serial).contains(&serial));
            if let Some(retired) = retired {
                findings.add(Code::RetiredInUse, None, || {
                    let (index, reason) = (retired.index, &retired.reason);
                    let text = format!("entry {index} retired {name}: {reason}");
                    (file.to_owned(), text)
                });
            }
        }
        Ok(())
    }
}

fn read(file: &Path) -> Result<Envelope, String> {
    let bytes = fs::read(file, limits::ENVELOPE_MAX);
    let bytes = bytes.map_err(|error: IoError| error.to_string())?;
    Envelope::parse(&bytes).map_err(|error| error.to_string())
}
