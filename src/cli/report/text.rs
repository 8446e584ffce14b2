//! The report for people: the verdict first, then what drifted by owner, then what to do.

use super::canonical;
use super::drifts::owner_event;
use super::page::{BOLD, Detail, GREEN, Page, RED, Style, YELLOW};
use crate::appraise::fact::FactCounts;
use crate::appraise::{Facts, Report, Verdict, Verification};
use crate::path::Escaped;

/// Facts named of those that do not apply for one reason.
const FACTS_SHOWN: usize = 3;
/// The report as text, each line ended by a line feed.
pub fn text(verification: &Verification, style: Style, detail: Detail) -> String {
    let mut page = Page::new(style, detail, &verification.lines);
    page.headline(verification);
    if let Some(facts) = &verification.baseline {
        page.facts(facts);
    }
    if let Some(disk) = &verification.disk {
        page.disk(disk);
    }
    if let Some(report) = &verification.report {
        page.counts(report);
    }
    if let Some(nonce) = &verification.nonce {
        let digest = canonical::digest(verification);
        page.line(format_args!("  answers    nonce {nonce}"));
        page.line(format_args!(
            "             with sha256 {digest}, of the canonical report"
        ));
    }
    page.circumstances(verification);
    for finding in &verification.findings {
        let (name, colour) = match finding.verdict {
            Verdict::Match => ("warning", YELLOW),
            verdict => (verdict.name(), RED),
        };
        let name = page.paint(name, colour);
        page.line(format_args!(
            "{name}: {}",
            Escaped(finding.message.as_bytes())
        ));
    }
    if let Some(artefact) = &verification.artefact
        && !artefact.is_as_signed()
    {
        let (expected, observed) = (artefact.expected, artefact.observed);
        page.line(format_args!(
            "{} as a whole is not as signed: sha256 {expected} -> {observed}",
            Escaped(artefact.name.as_bytes())
        ));
        if verification
            .report
            .as_ref()
            .is_some_and(|report| report.drifts.is_empty())
        {
            page.line(format_args!(
                "  every path in it matches: what differs is the archive around them (order, times, layers)"
            ));
        }
    }
    match (&verification.explanation, &verification.report) {
        (Some(explanation), _) => page.explanation(explanation, &verification.groups),
        (None, Some(report)) => page.report(report, &verification.groups),
        (None, None) => {}
    }
    for hint in hints(verification) {
        let next = page.paint("next:", BOLD);
        page.line(format_args!("{next} {hint}"));
    }
    page.text
}

impl Page<'_> {
    fn headline(&mut self, verification: &Verification) {
        let verdict = verification.verdict();
        let name = verdict.name().to_uppercase();
        let colour = match verdict {
            Verdict::Match => GREEN,
            Verdict::Incomplete => YELLOW,
            Verdict::Drift | Verdict::Rollback | Verdict::Untrusted => RED,
        };
        let name = self.paint(&name, colour);
        let also: Vec<&str> = verification
            .verdicts()
            .into_iter()
            .skip(1)
            .map(Verdict::name)
            .collect();
        let also = if also.is_empty() {
            String::new()
        } else {
            format!(" (also {})", also.join(", "))
        };
        let path = Escaped(verification.target.path.as_bytes());
        let what = match &verification.baseline {
            Some(facts) => format!(
                "{path} against {} {}, serial {}",
                Escaped(facts.name.as_bytes()),
                Escaped(facts.version.as_bytes()),
                facts.serial
            ),
            None => path.to_string(),
        };
        self.line(format_args!("{name}{also}  {what}"));
    }

    fn facts(&mut self, facts: &Facts) {
        let keys = facts.signed_by.join(", ");
        self.line(format_args!(
            "  signed by  {keys} ({} needed; trust root version {})",
            facts.threshold, facts.trust_root
        ));
        if let Some(log) = &facts.log {
            let witnesses = match log.cosigned_by.as_slice() {
                [] => "no witness".to_owned(),
                names => Escaped(names.join(", ").as_bytes()).to_string(),
            };
            self.line(format_args!(
                "  logged     as entry {} of {} in {} (cosigned by {witnesses})",
                log.index,
                log.size,
                Escaped(log.origin.as_bytes())
            ));
        }
        self.line(format_args!("  epoch      {}", facts.epoch.rfc3339()));
    }

    fn circumstances(&mut self, verification: &Verification) {
        let circumstances = &verification.circumstances;
        let assurance = circumstances.assurance;
        self.line(format_args!(
            "  assurance: {assurance}; {}",
            assurance.meaning()
        ));
        if let Some(booted) = &circumstances.booted {
            self.line(format_args!(
                "  booted: its initrd matched, and the kernel checks the root by {}; secure boot {}, {}",
                booted.root_hash.short(),
                match booted.secure_boot {
                    Some(true) => "on",
                    Some(false) => "off",
                    None => "unknown",
                },
                if booted.tpm { "a TPM was told" } else { "no TPM" }
            ));
        }
        if let Some(remembered) = &circumstances.remembered {
            let floor = |floor: Option<u64>| {
                floor.map_or_else(|| "none yet".to_owned(), |it| it.to_string())
            };
            self.line(format_args!(
                "  rollback: {}; lowest serial {}, lowest trust root {}",
                remembered.protection.name(),
                floor(remembered.serial),
                floor(remembered.trust_root)
            ));
        }
    }

    fn counts(&mut self, report: &Report) {
        let checked = report.checked;
        self.line(format_args!(
            "  checked    {} paths, {} files with {} bytes",
            checked.paths, checked.files, checked.bytes
        ));
        if !report.exempted.is_empty() {
            let list: Vec<String> = report
                .exempted
                .iter()
                .map(|(class, count)| format!("{count} {class}"))
                .collect();
            self.line(format_args!("  exempted   {}", list.join(", ")));
        }
        self.facts_counts(&report.facts);
    }

    fn facts_counts(&mut self, facts: &FactCounts) {
        if *facts == FactCounts::default() {
            return;
        }
        let not_applicable: usize = facts.not_applicable.values().map(Vec::len).sum();
        self.line(format_args!(
            "  facts      {} held, {} drifted, {} not checked, {not_applicable} not applicable",
            facts.held, facts.drifted, facts.not_checked
        ));
        for (reason, names) in &facts.not_applicable {
            let shown: Vec<&str> = names.iter().take(FACTS_SHOWN).map(String::as_str).collect();
            let more = match names.len().saturating_sub(FACTS_SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            self.line(format_args!(
                "             not applicable: {reason} ({}{more})",
                shown.join(", ")
            ));
        }
    }
}

fn hints(verification: &Verification) -> Vec<String> {
    let mut hints: Vec<String> = verification
        .findings
        .iter()
        .filter_map(|finding| finding.hint.clone())
        .collect();
    // One step may answer several findings.
    hints.dedup();
    let Some(report) = &verification.report else {
        return hints;
    };
    if let (Some(event), _) = owner_event(&report.drifts)
        && event.owner.0 != 0
    {
        hints.push(
            "owners are lost where an ordinary user unpacks an image: unpack as root with \
             'tar --numeric-owner --xattrs --xattrs-include=* -p', or check the archive with --tar"
                .to_owned(),
        );
    }
    if verification.explanation.is_none()
        && let Some(drift) = report.drifts.iter().max_by_key(|drift| drift.severity)
    {
        hints.push(format!(
            "--explain '{}' tells all about one path",
            drift.path
        ));
    }
    if !report.not_checked.is_empty() {
        hints.push(
            "run as root to read what could not be read, with nothing mounted inside".to_owned(),
        );
    }
    hints
}
