//! One slot: what was signed for it, and all of it that lies on the disk.

use super::pair::{Pair, digest};
use super::trouble::{Trouble as _, WRITE_AGAIN, finding};
use super::verify::{Outside, Question, Told};
use super::{BootName, Survey, programs, root};
use crate::appraise::{
    Artefact, Evidence, Explanation, Facts, Finding, Inputs, Material, Neighbour, Opened, Report,
    SlotFacts, Verdict, appraise, fact,
};
use crate::baseline::{Statement, Verified};
use crate::digest::Digest;
use crate::layout::pe::Image;
use crate::layout::{Source, SourceError};
use crate::limits;
use crate::manifest::{Manifest, Parts, RESERVED};
use crate::path::ImagePath;

/// A unified kernel image on the EFI system partition, for looking into it.
#[derive(Clone, Copy)]
pub struct KernelImage<'a> {
    /// Its headers.
    pub image: &'a Image,
    /// Its bytes.
    pub bytes: &'a dyn Source,
    /// What was signed.
    pub statement: &'a Statement,
    /// What lies in the root; `None`: that is not known.
    pub manifest: Option<&'a Manifest>,
}

/// A root that was compared with what was signed, for telling more about what drifted.
#[derive(Clone, Copy)]
pub struct ComparedRoot<'a> {
    /// Its EROFS image.
    pub bytes: &'a dyn Source,
    /// What was signed.
    pub statement: &'a Statement,
    /// What was to lie in it.
    pub manifest: &'a Manifest,
    /// What drifted.
    pub report: &'a Report,
}

/// What came of a slot.
#[derive(Debug)]
pub(super) struct Judged {
    /// `NAME_VERSION`.
    pub(super) stem: String,
    pub(super) facts: SlotFacts,
    pub(super) baseline: Option<Facts>,
    pub(super) findings: Vec<Finding>,
    pub(super) artefact: Option<Artefact>,
    pub(super) report: Option<Report>,
    pub(super) explanation: Option<Explanation>,
    pub(super) inputs: Inputs,
    pub(super) statement: Option<Verified<Statement>>,
    /// Where root and tree lie; `None`: not on this disk, or nobody knows.
    pub(super) pair: Option<Pair>,
    /// The digests of the boot loaders in its root; `None` where they are not known.
    pub(super) loaders: Option<Vec<(&'static str, Digest)>>,
    /// Whether nothing of it is there but its Envelope.
    pub(super) is_stale: bool,
}

impl Judged {
    /// Judges the image `stem` by what was delivered on the disk, or by `outside`.
    ///
    /// # Errors
    /// This machine cannot read the disk.
    pub(super) fn of(
        survey: &Survey<'_>,
        stem: String,
        outside: Option<&Outside>,
        question: &Question<'_>,
    ) -> Result<Self, SourceError> {
        let mut material = material(survey, &stem, outside, question)?;
        let inputs = material.inputs();
        let kernels = survey.kernels(&stem);
        let kernel_image = kernels.first().map(|file| file.path.clone());
        let mut judged = Self::new(stem, kernel_image, inputs);
        if material.envelope.is_absent() {
            judged.add(
                Verdict::Incomplete,
                format!(
                    "{} is not there: {} has no envelope",
                    material.envelope.path, judged.stem
                ),
                "put it on the disk (karat attach), or name it: --baseline NAME_VERSION.dsse.json",
            );
            return Ok(judged.done());
        }
        let mut first = Vec::new();
        let Some((_, statement)) = material.trusted(&mut first) else {
            judged.findings = first;
            return Ok(judged.done());
        };
        if statement.baseline().stem() != judged.stem {
            let (path, stem) = (&material.envelope.path, statement.baseline().stem());
            let message = format!(
                "{path}: it is well signed, and for {stem}, not for {}",
                judged.stem
            );
            let hint = "deliver the envelope that was signed for this very image";
            judged.add(Verdict::Untrusted, message, hint);
            return Ok(judged.done());
        }
        judged.place(survey, &statement);
        if let Some(pair) = &judged.pair {
            carried(&pair.root(survey)?, &mut material)?;
        }
        if judged.is_stale {
            return Ok(judged.done());
        }
        let opened = material.open();
        judged.findings.extend(opened.findings.iter().cloned());
        judged.baseline.clone_from(&opened.facts);
        judged.compare(survey, &opened, question)?;
        judged.statement = opened.statement;
        Ok(judged.done())
    }

    /// Judges by an Envelope that does not say which image it is for: none of its signatures is trusted.
    pub(super) fn refused(stem: String, findings: Vec<Finding>, inputs: Inputs) -> Self {
        let mut judged = Self::new(stem, None, inputs);
        judged.findings = findings;
        judged.done()
    }

    fn new(stem: String, kernel_image: Option<String>, inputs: Inputs) -> Self {
        Self {
            facts: SlotFacts {
                image: stem.clone(),
                serial: None,
                root_hash: None,
                partitions: None,
                kernel_image,
                drifts: None,
                compared: None,
                verdict: Verdict::Incomplete,
            },
            stem,
            baseline: None,
            findings: Vec::new(),
            artefact: None,
            report: None,
            explanation: None,
            inputs,
            statement: None,
            pair: None,
            loaders: None,
            is_stale: false,
        }
    }

    fn add(&mut self, verdict: Verdict, message: String, hint: &str) {
        self.findings.push(finding(verdict, message, hint));
    }

    /// Where its root and tree lie.
    fn place(&mut self, survey: &Survey<'_>, statement: &Statement) {
        self.facts.serial = Some(statement.serial().get());
        let Some(verity) = statement.baseline().verity else {
            let message = format!("the envelope of {} names no root hash", self.stem);
            let hint = "sign a build with --format disk";
            return self.add(Verdict::Untrusted, message, hint);
        };
        self.facts.root_hash = Some(verity.root());
        let mut findings = Vec::new();
        self.pair = Pair::find(survey, &self.stem, verity, &mut findings);
        let ids = verity.partitions();
        let is_gone = self.facts.kernel_image.is_none()
            && !survey.disk.partitions.iter().any(|it| ids.contains(&it.id));
        if is_gone {
            self.is_stale = true;
            return;
        }
        self.findings.extend(findings);
        let numbers = self.pair.as_ref();
        self.facts.partitions = numbers.map(|pair| [pair.root.number, pair.tree.number]);
    }

    /// Compares kernel image, tree and root with what was signed.
    fn compare(
        &mut self,
        survey: &Survey<'_>,
        opened: &Opened,
        question: &Question<'_>,
    ) -> Result<(), SourceError> {
        let Some(statement) = opened.statement.as_deref() else {
            return Ok(());
        };
        let manifest = opened.expected.as_ref().map(|(manifest, _)| manifest);
        self.loaders = manifest.map(programs::listed);
        let kernel = programs::kernel(survey, statement, manifest, question.inside)?;
        self.findings.extend(kernel);
        let Some(pair) = self.pair.clone() else {
            return Ok(());
        };
        let told = Told::new(pair.root(survey)?, "verity", question.told);
        let checked = pair.check(survey, &told, statement, question.threads)?;
        self.findings.extend(checked);
        let Some((manifest, expectations)) = &opened.expected else {
            return Ok(());
        };
        let evidence = self.look(survey, &pair, statement, question)?;
        let Some(evidence) = evidence else {
            return Ok(());
        };
        let report = appraise(manifest, expectations, &evidence);
        let report = fact::judge(report, expectations, manifest, &fact::Scene::Snapshot);
        let explained = question.explain.clone();
        self.explanation =
            explained.map(|path| Explanation::of(path, manifest, expectations, &evidence, &report));
        if let Some(further) = question.further {
            further(&ComparedRoot {
                bytes: &pair.root(survey)?,
                statement,
                manifest,
                report: &report,
            });
        }
        self.facts.drifts = Some(report.drift_count());
        self.report = Some(report);
        Ok(())
    }

    /// All files of the root, and its digest as a whole: both read all of it, and what one has read the
    /// other finds in memory.
    fn look(
        &mut self,
        survey: &Survey<'_>,
        pair: &Pair,
        statement: &Statement,
        question: &Question<'_>,
    ) -> Result<Option<Evidence>, SourceError> {
        let whole = pair.root(survey)?;
        let told = Told::new(pair.root(survey)?, "root", question.told);
        let (evidence, digest) = std::thread::scope(|scope| {
            let digest = scope.spawn(|| digest(&told));
            let evidence = root::evidence(&whole, question.threads);
            let digest = digest.join();
            (
                evidence,
                digest.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            )
        });
        self.artefact = Pair::artefact(statement, digest?);
        match evidence {
            Ok(evidence) => Ok(Some(evidence)),
            Err(error) => {
                let number = pair.root.number;
                let words = error.about_the_disk()?;
                let message = format!("partition {number} is no root that a build writes: {words}");
                self.add(Verdict::Drift, message, WRITE_AGAIN);
                let message = format!("the paths in partition {number} could not be compared");
                self.findings.push(Finding {
                    verdict: Verdict::Incomplete,
                    message,
                    hint: None,
                });
                Ok(None)
            }
        }
    }

    /// With the worst verdict that applies.
    fn done(mut self) -> Self {
        self.facts.verdict = self.verdict();
        self
    }

    fn verdict(&self) -> Verdict {
        let is_as_signed = self.artefact.as_ref().is_none_or(Artefact::is_as_signed);
        let mut found: Vec<Verdict> = self.findings.iter().map(|it| it.verdict).collect();
        found.extend(self.report.iter().flat_map(Report::verdicts));
        found.extend((!is_as_signed).then_some(Verdict::Drift));
        found.extend((self.report.is_none() && !self.is_stale).then_some(Verdict::Incomplete));
        let order = [
            Verdict::Untrusted,
            Verdict::Rollback,
            Verdict::Drift,
            Verdict::Incomplete,
        ];
        let worst = order.into_iter().find(|it| found.contains(it));
        worst.unwrap_or(Verdict::Match)
    }
}

/// What was delivered for `stem`; manifest and expectations are still missing, unless they lie outside.
pub(super) fn material(
    survey: &Survey<'_>,
    stem: &str,
    outside: Option<&Outside>,
    question: &Question<'_>,
) -> Result<Material, SourceError> {
    let newer = outside.map(|it| it.newer_roots.clone());
    let newer_roots = match newer.filter(|roots| !roots.is_empty()) {
        Some(roots) => roots,
        None => survey.newer_roots()?,
    };
    let (envelope, receipt, manifest, expectations) = match outside {
        Some(it) => (
            it.envelope.clone(),
            it.receipt.clone(),
            it.manifest.clone(),
            it.expectations.clone(),
        ),
        None => (
            survey.neighbour(&BootName::envelope_path(stem), limits::ENVELOPE_MAX)?,
            survey.neighbour(&BootName::receipt_path(stem), limits::RECEIPT_MAX)?,
            missing(RESERVED[0]),
            missing(RESERVED[1]),
        ),
    };
    Ok(Material {
        trust: question.trust.clone(),
        newer_roots,
        envelope,
        manifest,
        expectations,
        receipt,
        terms: question.terms.clone(),
        threads: question.threads,
    })
}

/// Takes manifest and expectations out of the root, where they are not there already: hostile bytes, whose
/// digests are signed.
fn carried(root: &dyn Source, material: &mut Material) -> Result<(), SourceError> {
    if !material.manifest.is_absent() || !material.expectations.is_absent() {
        return Ok(());
    }
    let [manifest, expectations] = RESERVED;
    let read = |path: &str, cap| -> Result<Neighbour, SourceError> {
        let mut found = missing(path);
        let Ok(path) = ImagePath::parse(path) else {
            return Ok(found);
        };
        match root::file(root, &path, cap) {
            Ok(bytes) => found.bytes = bytes,
            Err(error) => found.unread = Some(error.about_the_disk()?),
        }
        Ok(found)
    };
    let found = read(manifest, limits::MANIFEST_MAX)?;
    material.manifest = Neighbour {
        path: found.path,
        bytes: found.bytes.map(Parts::from),
        unread: found.unread,
    };
    material.expectations = read(expectations, limits::EXPECTATIONS_MAX)?;
    Ok(())
}

fn missing<Bytes>(path: &str) -> Neighbour<Bytes> {
    Neighbour {
        path: path.to_owned(),
        bytes: None,
        unread: None,
    }
}

impl std::fmt::Debug for ComparedRoot<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ComparedRoot").field(self.report).finish()
    }
}

impl std::fmt::Debug for KernelImage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KernelImage").field(self.image).finish()
    }
}
