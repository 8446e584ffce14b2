//! What lies on a disk that was verified, for both forms of the report.

use serde::Serialize;

use super::comparison::{ComparisonJson, ExplanationJson};
use super::page::{BOLD, Page};
use crate::appraise::{DiskFacts, SlotFacts, Verdict};
use crate::path::Escaped;

/// The member `disk` of the report.
#[derive(Serialize)]
pub(super) struct DiskJson {
    container: &'static str,
    size: u64,
    partitions: Vec<PartitionJson>,
    files: Vec<FileJson>,
    slots: Vec<SlotJson>,
    not_covered: Vec<String>,
}

#[derive(Serialize)]
struct PartitionJson {
    number: usize,
    role: &'static str,
    id: String,
    label: String,
    start: u64,
    size: u64,
}

#[derive(Serialize)]
struct FileJson {
    path: String,
    role: &'static str,
    size: u64,
}

#[derive(Serialize)]
struct SlotJson {
    image: String,
    verdict: &'static str,
    serial: Option<u64>,
    root_hash: Option<String>,
    partitions: Option<[usize; 2]>,
    kernel_image: Option<String>,
    drifts: Option<u64>,
    /// Not there where the report as a whole has it, or there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<ComparisonJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<ExplanationJson>,
}

impl From<&DiskFacts> for DiskJson {
    fn from(disk: &DiskFacts) -> Self {
        let escaped = |text: &str| Escaped(text.as_bytes()).to_string();
        let partitions = disk.partitions.iter().map(|it| PartitionJson {
            number: it.number,
            role: it.role.name(),
            id: it.id.clone(),
            label: escaped(&it.label),
            start: it.start,
            size: it.size,
        });
        let files = disk.files.iter().map(|it| FileJson {
            path: escaped(&it.path),
            role: it.role,
            size: it.size,
        });
        let slots = disk.slots.iter().map(|it| SlotJson {
            image: escaped(&it.image),
            verdict: it.verdict.name(),
            serial: it.serial,
            root_hash: it.root_hash.map(|digest| digest.to_string()),
            partitions: it.partitions,
            kernel_image: it.kernel_image.as_deref().map(escaped),
            drifts: it.drifts,
            comparison: it
                .compared
                .as_ref()
                .map(|it| ComparisonJson::of(&it.report, &it.groups, &it.lines)),
            explanation: it.compared.as_ref().and_then(|it| {
                let explanation = it.explanation.as_ref()?;
                Some(ExplanationJson::of(explanation, &it.lines))
            }),
        });
        Self {
            container: disk.container,
            size: disk.size,
            partitions: partitions.collect(),
            files: files.collect(),
            slots: slots.collect(),
            not_covered: disk.not_covered.clone(),
        }
    }
}

impl<'a> Page<'a> {
    /// What lies on it, in a few lines.
    pub(super) fn disk(&mut self, disk: &DiskFacts) {
        self.line(format_args!(
            "  disk       {}, {} bytes, {} partitions, {} files on the EFI system partition",
            disk.container,
            disk.size,
            disk.partitions.len(),
            disk.files.len()
        ));
        for slot in &disk.slots {
            let image = Escaped(slot.image.as_bytes());
            let place = place(slot);
            let root = slot
                .root_hash
                .map(|it| format!(", root hash {}", it.short()));
            let root = root.unwrap_or_default();
            let verdict = match slot.verdict {
                Verdict::Match => "as signed",
                verdict => verdict.name(),
            };
            self.line(format_args!(
                "  slot       {image}: {verdict}, {place}{root}"
            ));
        }
        for text in &disk.not_covered {
            self.line(format_args!("  not covered: {text}"));
        }
    }

    /// Which slot the report as a whole is about, where there are several.
    pub(super) fn slot_of_report(&mut self, disk: &DiskFacts) {
        let is_main = |slot: &&SlotFacts| slot.compared.is_none() && slot.drifts.is_some();
        if let Some(slot) = disk
            .slots
            .iter()
            .find(is_main)
            .filter(|_| disk.slots.len() > 1)
        {
            self.slot(slot);
        }
    }

    /// What drifted in the other slots; of a path that was asked about, all that is known there.
    pub(super) fn other_slots(&mut self, disk: &'a DiskFacts) {
        for slot in &disk.slots {
            let Some(compared) = &slot.compared else {
                continue;
            };
            self.lines = &compared.lines;
            if let Some(explanation) = &compared.explanation {
                self.slot(slot);
                self.explanation(explanation, &compared.groups);
            } else if compared.report.verdict() != Verdict::Match {
                self.slot(slot);
                self.report(&compared.report, &compared.groups);
            }
        }
    }

    fn slot(&mut self, slot: &SlotFacts) {
        let image = format!("slot {}", Escaped(slot.image.as_bytes()));
        let head = self.paint(&image, BOLD);
        self.line(format_args!(""));
        self.line(format_args!("{head}, {}:", place(slot)));
    }
}

fn place(slot: &SlotFacts) -> String {
    match slot.partitions {
        Some([root, tree]) => format!("partitions {root} and {tree}"),
        None => "no partitions".to_owned(),
    }
}
