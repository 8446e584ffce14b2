//! `karat-agent verify`: finds what an instance was given, and checks it.

use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::agent::Options;
use super::instance_disk;
use super::peers;
use crate::appraise::{
    Assurance, Booted, Choice, Circumstances, Drift, Explanation, Finding, Group, Inputs, Material,
    Neighbour, NewerRoot, Opened, Opening, Protection, Target, Terms, Verdict, Verification,
    Within, appraise, choose, fact, groups, newest_root,
};
use crate::baseline::ImageName;
use crate::boot::Report;
use crate::instance::{LogSeen, Policy, State};
use crate::limits;
use crate::manifest::{Manifest, Parts, RESERVED};
use crate::path::Escaped;
use crate::sys::fs::{self, IoError};
use crate::sys::material::{self, ENVELOPE_SUFFIX};
use crate::sys::scan::{Bounds, Wanted, scan_while_opening};
use crate::sys::{boot, clock, cpu, facts, packages, state};

/// The trust root that an image carries, for its own verifier.
pub(super) const OWN_TRUST: &str = "/usr/lib/karat/trust.json";
/// What the image's template decided.
const POLICY: &str = "/usr/lib/karat/policy.json";
/// Where Envelopes and newer trust roots are delivered, below the root that is checked.
const DELIVERED: &str = "var/lib/karat/baseline";
/// Where the initrd of a disk image hands them on.
const HANDED_ON: &str = "/run/karat/baseline";
/// Where an instance remembers.
pub(super) const STATE: &str = "/var/lib/karat/state";

/// Why nothing could be verified at all.
#[derive(Debug)]
pub(super) enum Fault {
    /// The command line makes no sense.
    Usage(String),
    /// What is to be checked cannot be read.
    Io(IoError),
}

impl From<IoError> for Fault {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

/// Checks trust first, then what was accepted before, then compares.
pub(super) fn verify(options: &Options) -> Result<Verification, Fault> {
    if let Some(disk) = &options.disk {
        return instance_disk::verify(options, disk);
    }
    let root = options.root.as_deref().unwrap_or_else(|| Path::new("/"));
    let itself = fs::same(root, "/")?;
    let mut findings = Vec::new();
    let asked = Asked::new(options, root, itself, &mut findings)?;
    let Some((stem, material)) = asked.material(&mut findings)? else {
        return Ok(asked.answer(findings, Inputs::default()));
    };
    let inputs = material.inputs();
    let mut verification = asked.answer(findings, inputs);
    let mut is_rolled_back = false;
    let opening = Opening::new(material);
    let bounds = Bounds {
        threads: cpu::count(),
        max_bytes: options.max_bytes,
        until: clock::Deadline::after(options.max_time),
    };
    let evidence = scan_while_opening(root, &opening, bounds, |opened| {
        verification
            .findings
            .extend(opened.findings.iter().cloned());
        verification.baseline.clone_from(&opened.facts);
        is_rolled_back = recall(options, itself, opened, &mut verification);
        if is_rolled_back {
            Wanted::No
        } else {
            Wanted::Yes
        }
    })?;
    // The program ends soon: giving a manifest back piece by piece would be work for nobody.
    let opened = ManuallyDrop::new(opening.into_opened());
    if let (Some((manifest, expectations)), false) = (&opened.expected, is_rolled_back) {
        let mut scene = facts::scene(root, expectations.facts(), manifest)?;
        if let fact::Scene::Running(seen) = &mut scene {
            let findings = &mut verification.findings;
            seen.peers = peers::expected(options, &opened, &asked.terms, findings);
        }
        let report = appraise(manifest, expectations, &evidence);
        let within = Within::new(manifest, options.max_bytes);
        let report = within.note(report, expectations, &evidence);
        let report = fact::judge(report, expectations, manifest, &scene);
        verification.explanation = options
            .explain
            .clone()
            .map(|path| Explanation::of(path, manifest, expectations, &evidence, &report));
        verification.groups = packages(root, &stem, &opened, manifest, &report.drifts);
        verification.report = Some(report);
    }
    Ok(verification)
}

/// Opens what this machine was given, and looks at nothing else of it.
pub(super) fn opened(
    options: &Options,
    findings: &mut Vec<Finding>,
) -> Result<(Opened, Terms), Fault> {
    let asked = Asked::new(options, Path::new("/"), true, findings)?;
    let mut opened = match asked.material(findings)? {
        Some((_, material)) => material.open(),
        None => Opened::default(),
    };
    findings.append(&mut opened.findings);
    Ok((opened, asked.terms))
}

/// What is asked, with all that the command line left open decided.
struct Asked<'a> {
    options: &'a Options,
    root: &'a Path,
    itself: bool,
    trust: PathBuf,
    terms: Terms,
    booted: Option<Booted>,
}

impl<'a> Asked<'a> {
    fn new(
        options: &'a Options,
        root: &'a Path,
        itself: bool,
        findings: &mut Vec<Finding>,
    ) -> Result<Self, Fault> {
        let trust = options.trust.clone().unwrap_or_else(|| OWN_TRUST.into());
        if !itself && fs::absolute(&trust)?.starts_with(fs::absolute(root)?) {
            return Err(Fault::Usage(format!(
                "--trust {}: it lies inside of the tree that is checked, where whoever tampered \
                 with that could replace it",
                Escaped(trust.as_os_str().as_bytes())
            )));
        }
        // What another tree says about itself is not what is expected of it.
        let policy = if itself { policy(findings) } else { None };
        let image = options.image.clone();
        let image = image.or_else(|| policy.as_ref().map(|policy| policy.image.clone()));
        if !itself && image.is_none() && options.baseline.is_none() {
            return Err(Fault::Usage(
                "--root: which image is it? name it with --image, or its envelope with --baseline"
                    .to_owned(),
            ));
        }
        let expiry = options
            .expiry
            .or_else(|| policy.map(|policy| policy.expiry));
        Ok(Self {
            options,
            root,
            itself,
            trust,
            booted: if itself { booted(findings) } else { None },
            terms: Terms {
                image,
                expiry: expiry.unwrap_or_default(),
                now: clock::now(),
            },
        })
    }

    /// An answer that knows nothing yet but `findings`.
    fn answer(&self, findings: Vec<Finding>, inputs: Inputs) -> Verification {
        Verification {
            target: Target {
                kind: "root",
                path: Escaped(self.root.as_os_str().as_bytes()).to_string(),
            },
            circumstances: Circumstances {
                assurance: if self.itself {
                    Assurance::Machine
                } else {
                    Assurance::Snapshot
                },
                clock: self.terms.now,
                expiry: self.terms.expiry,
                // Without /proc there is no telling; the verdict is then not fit to be blessed.
                boot: self.itself.then(boot::id).and_then(Result::ok),
                booted: self.booted,
                remembered: None,
            },
            baseline: None,
            findings,
            artefact: None,
            report: None,
            disk: None,
            explanation: None,
            inputs,
            nonce: self.options.nonce.clone(),
            groups: Vec::new(),
            lines: std::collections::BTreeMap::new(),
        }
    }

    /// The Envelope with all that belongs to it; `None`, said why, where there is none to judge by.
    /// `X` of its name `X.dsse.json` comes first.
    fn material(&self, findings: &mut Vec<Finding>) -> Result<Option<(PathBuf, Material)>, Fault> {
        let mut own = None;
        let named = match &self.options.baseline {
            Some(baseline) => {
                let stem =
                    material::without_suffix(baseline, ENVELOPE_SUFFIX).ok_or_else(|| {
                        Fault::Usage(format!("--baseline: its name ends with {ENVELOPE_SUFFIX}"))
                    })?;
                Some((stem, baseline.parent().map(Path::to_owned)))
            }
            None => None,
        };
        let directory = match &named {
            Some((_, directory)) => directory.clone().unwrap_or_default(),
            None => self.delivered()?,
        };
        let Some(newer_roots) = listed(material::newer_roots(&directory), findings) else {
            return Ok(None);
        };
        let stem = if let Some((stem, _)) = named {
            stem
        } else {
            let copies = self.own();
            let Some(stem) = self.find(&directory, &newer_roots, &copies, findings)? else {
                return Ok(None);
            };
            own = Some(copies);
            stem
        };
        let mut material = material::read(&stem, &self.trust)?;
        if material.manifest.is_absent() && material.expectations.is_absent() {
            // The image's own copies: their digests are signed, so that it does not matter who kept
            // them.
            (material.manifest, material.expectations) = own.unwrap_or_else(|| self.own());
        }
        material.newer_roots = newer_roots;
        material.terms.clone_from(&self.terms);
        Ok(Some((stem, material)))
    }

    /// `X` of the Envelope `X.dsse.json` to judge by, of those in `directory`.
    fn find(
        &self,
        directory: &Path,
        newer_roots: &[NewerRoot],
        (manifest, _): &(Neighbour<Parts>, Neighbour),
        findings: &mut Vec<Finding>,
    ) -> Result<Option<PathBuf>, IoError> {
        let pinned = material::neighbour(&self.trust, limits::TRUST_ROOT_MAX)?;
        let mut about_roots = Vec::new();
        let root = newest_root(&pinned, newer_roots, &self.terms, &mut about_roots);
        let Some(root) = root else {
            findings.extend(about_roots);
            return Ok(None);
        };
        // What else there is to say about the trust root the door says again.
        let manifest = manifest.bytes.as_ref().map(|parts| parts.content().digest);
        let Some(candidates) = listed(material::envelopes(directory), findings) else {
            return Ok(None);
        };
        let (paths, files): (Vec<_>, Vec<_>) = candidates.into_iter().unzip();
        let choice = choose(&root, &self.terms, manifest, &files);
        Ok(self.stem(directory, &paths, choice, findings))
    }

    /// Where Envelopes were delivered: on a disk image its initrd has taken them from the EFI system
    /// partition.
    fn delivered(&self) -> Result<PathBuf, IoError> {
        let is_handed_on = self.itself && fs::exists(HANDED_ON)?;
        Ok(if is_handed_on {
            HANDED_ON.into()
        } else {
            self.root.join(DELIVERED)
        })
    }

    /// The manifest and the expectations that the image carries.
    fn own(&self) -> (Neighbour<Parts>, Neighbour) {
        let [manifest, expectations] =
            RESERVED.map(|path| self.root.join(path.trim_start_matches('/')));
        (
            material::manifest(&manifest),
            material::delivered(&expectations, limits::EXPECTATIONS_MAX),
        )
    }

    /// `X` of the chosen `X.dsse.json`; `None`, said why, where there is none.
    fn stem(
        &self,
        directory: &Path,
        paths: &[PathBuf],
        choice: Choice,
        findings: &mut Vec<Finding>,
    ) -> Option<PathBuf> {
        findings.extend(choice.findings);
        if paths.is_empty() {
            findings.push(Finding {
                verdict: Verdict::Incomplete,
                message: format!(
                    "there is no envelope in {}",
                    Escaped(directory.as_os_str().as_bytes())
                ),
                hint: Some(
                    "put NAME_VERSION.dsse.json of this image there, as 'karat sign' wrote it"
                        .to_owned(),
                ),
            });
        }
        let chosen = paths.get(choice.chosen?)?;
        if self.terms.image.is_none() {
            findings.push(Finding {
                verdict: Verdict::Match,
                message: format!(
                    "no image is expected: {POLICY} is not there, and --image names none"
                ),
                hint: None,
            });
        }
        material::without_suffix(chosen, ENVELOPE_SUFFIX)
    }
}

/// What lies in a place where others put files; `None`, said why, where that cannot be listed.
fn listed<T>(list: Result<T, IoError>, findings: &mut Vec<Finding>) -> Option<T> {
    list.map_err(|error| {
        findings.push(Finding {
            verdict: Verdict::Incomplete,
            message: error.to_string(),
            hint: Some("the guide for instances tells what may lie there".to_owned()),
        });
    })
    .ok()
}

/// The drifts of packages, with what is known of versions.
fn packages(
    root: &Path,
    stem: &Path,
    opened: &Opened,
    manifest: &Manifest,
    drifts: &[Drift],
) -> Vec<Group> {
    let mut groups = groups(drifts, None, None);
    // Files that nobody needs are not read.
    if let (Some(statement), false) = (&opened.statement, groups.is_empty()) {
        let lock = statement.baseline().inputs.lock;
        packages::name_versions(&mut groups, root, stem, lock, manifest);
    }
    groups
}

/// The policy of this machine's own image; `None` where it has none.
fn policy(findings: &mut Vec<Finding>) -> Option<Policy> {
    let file = material::delivered(Path::new(POLICY), limits::POLICY_MAX);
    let error = match (file.bytes, file.unread) {
        (Some(bytes), _) => match Policy::parse(&bytes) {
            Ok(policy) => return Some(policy),
            Err(error) => error.to_string(),
        },
        (None, Some(reason)) => reason,
        (None, None) => return None,
    };
    findings.push(Finding {
        verdict: Verdict::Untrusted,
        message: format!("{POLICY}: {error}"),
        hint: None,
    });
    None
}

/// What the initrd of this boot left word of; `None` where there was none of karat's. Only a match goes
/// on to the running system: anything else was written by somebody else.
fn booted(findings: &mut Vec<Finding>) -> Option<Booted> {
    let file = material::delivered(Path::new(Report::PATH), limits::BOOT_REPORT_MAX);
    let error = match (file.bytes, file.unread) {
        (Some(bytes), _) => match Report::read(&bytes) {
            Ok(booted) => return Some(booted),
            Err(error) => error.to_string(),
        },
        (None, Some(reason)) => reason,
        (None, None) => return None,
    };
    findings.push(Finding {
        verdict: Verdict::Untrusted,
        message: format!("{}: {error}", Report::PATH),
        hint: None,
    });
    None
}

/// Compares with what was accepted before, where that is asked; gives whether this is older.
fn recall(
    options: &Options,
    itself: bool,
    opened: &Opened,
    verification: &mut Verification,
) -> bool {
    let directory = match &options.state {
        Some(directory) => directory.as_path(),
        None if itself => Path::new(STATE),
        None => return false,
    };
    let slots = match state::read(directory) {
        Ok(slots) => slots,
        Err(error) => {
            verification.findings.push(Finding {
                verdict: Verdict::Incomplete,
                message: format!("what was accepted before is not known: {error}"),
                hint: Some(
                    "only root may own and write it; the guide for instances tells how to mend it"
                        .to_owned(),
                ),
            });
            return false;
        }
    };
    let recalled = State::recall(&slots);
    verification.findings.extend(recalled.findings);
    let facts = opened.facts.as_ref();
    let name = facts.and_then(|facts| ImageName::parse(&facts.name).ok());
    let mut remembered = recalled.state.about(name.as_ref());
    // What a TPM holds, the initrd has compared; nobody else is let near it.
    match &verification.circumstances.booted {
        Some(booted) if booted.protection == Protection::StateAndTpm => {
            remembered.protection = booted.protection;
        }
        _ => {}
    }
    verification.circumstances.remembered = Some(remembered);
    let statement = name.as_ref().zip(facts.map(|facts| facts.serial));
    let log = facts.and_then(|facts| facts.log.as_ref()).map(LogSeen::of);
    let rollbacks = recalled
        .state
        .judge(opened.trust_root, statement, log.as_ref());
    let is_rolled_back = !rollbacks.is_empty();
    verification.findings.extend(rollbacks);
    is_rolled_back
}
