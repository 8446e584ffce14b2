//! What is inside of a unified kernel image, against what was signed: which part is another.

use crate::baseline::Statement;
use crate::boot::{Plan, PlanError};
use crate::digest::Digest;
use crate::disk::KernelImage;
use crate::image::compress::Decoder;
use crate::image::cpio::{self, CpioReadError, Packed};
use crate::key::{TrustError, TrustRoot};
use crate::layout::pe::{PeError, Section};
use crate::layout::{Source, SourceError};
use crate::limits;
use crate::manifest::Manifest;
use crate::path::{Escaped, ImagePath};
use crate::tree::Kind;

/// The sections that are put into a stub, in their order; the third last may be missing.
const ORDER: [&str; 6] = [
    ".osrel", ".cmdline", ".uname", ".splash", ".linux", ".initrd",
];
const OPTIONAL: &str = ".splash";
/// All that a stub takes from its image besides, none of which karat puts there (systemd-stub(7)).
const FOREIGN: [&str; 9] = [
    ".dtb", ".dtbauto", ".efifw", ".hwids", ".pcrpkey", ".pcrsig", ".profile", ".ucode", ".addon",
];
/// The agent, where Linux starts it.
const AGENT: &str = "/init";
/// What a root says of its distribution: a copy is in `.osrel`.
const OS_RELEASE: &str = "/usr/lib/os-release";
/// Most files of an initrd that are named one by one; all are counted.
const NAMED_MAX: usize = 8;

/// What of an image is not as signed, each in one sentence without a full stop: sections, command line,
/// kernel, and what its initrd holds. Where the Authenticode digest is the signed one, nothing is.
///
/// # Errors
/// This machine cannot read it.
pub fn inside(kernel: &KernelImage<'_>) -> Result<Vec<String>, SourceError> {
    let mut odd = sections(kernel);
    for look in [command_line_and_initrd, linux, os_release] {
        match look(kernel) {
            Ok(found) => odd.extend(found),
            Err(InsideError::Source(error)) if is_of_this_machine(&error) => return Err(error),
            Err(error) => odd.push(Escaped(error.to_string().as_bytes()).to_string()),
        }
    }
    Ok(odd)
}

/// Why a part cannot be looked at.
#[derive(Debug, thiserror::Error)]
enum InsideError {
    #[error("{0}")]
    Source(SourceError),
    #[error("{0}")]
    Pe(PeError),
    #[error("it has no section {0}")]
    Missing(&'static str),
    #[error("its initrd: {0}")]
    Initrd(#[from] CpioReadError),
    #[error("its initrd has no {0}")]
    File(&'static str),
    #[error("its initrd's {0}")]
    Plan(#[from] PlanError),
    #[error("its initrd's trust root: {0}")]
    Trust(#[from] TrustError),
}

impl From<PeError> for InsideError {
    fn from(error: PeError) -> Self {
        match error {
            PeError::Source(error) => Self::Source(error),
            error => Self::Pe(error),
        }
    }
}

fn is_of_this_machine(error: &SourceError) -> bool {
    matches!(error, SourceError::Io { error, .. } if error.raw_os_error().is_some())
}

/// The payload's sections are those that karat writes, each once and in their order.
fn sections(kernel: &KernelImage<'_>) -> Vec<String> {
    let names = kernel.image.sections().iter();
    let names: Vec<&[u8]> = names.map(|section| section.name.as_bytes()).collect();
    let is = |name: &[u8], list: &[&str]| list.iter().any(|it| it.as_bytes() == name);
    let mut odd: Vec<String> = names
        .iter()
        .filter(|name| is(name, &FOREIGN))
        .map(|name| {
            format!(
                "it has a section {} that karat never puts there",
                Escaped(name)
            )
        })
        .collect();
    let payload: Vec<&&[u8]> = names.iter().filter(|name| is(name, &ORDER)).collect();
    let has_optional = payload.iter().any(|name| **name == OPTIONAL.as_bytes());
    let wanted = ORDER
        .iter()
        .filter(|name| **name != OPTIONAL || has_optional);
    if !payload
        .iter()
        .map(|name| **name)
        .eq(wanted.map(|name| name.as_bytes()))
    {
        let found: Vec<String> = payload
            .iter()
            .map(|name| Escaped(name).to_string())
            .collect();
        odd.push(format!(
            "its sections are not in karat's order: {}",
            found.join(" ")
        ));
    }
    odd
}

fn section<'a>(kernel: &KernelImage<'a>, name: &'static str) -> Result<&'a Section, InsideError> {
    let found = kernel.image.section(name)?;
    found.ok_or(InsideError::Missing(name))
}

/// The kernel is a file of the root.
fn linux(kernel: &KernelImage<'_>) -> Result<Vec<String>, InsideError> {
    let found = section(kernel, ".linux")?.sha256(kernel.bytes)?;
    let Some(manifest) = kernel.manifest.filter(|manifest| !lists(manifest, found)) else {
        return Ok(Vec::new());
    };
    let count = manifest.entries().len();
    Ok(vec![format!(
        "its kernel, sha256 {found}, is none of the {count} paths of the signed manifest"
    )])
}

/// What it says of the distribution is the root's own file, too.
fn os_release(kernel: &KernelImage<'_>) -> Result<Vec<String>, InsideError> {
    let entry = ImagePath::parse(OS_RELEASE)
        .ok()
        .and_then(|path| kernel.manifest?.get(&path));
    let Some(Kind::Regular(signed)) = entry.map(|entry| &entry.kind) else {
        return Ok(Vec::new());
    };
    let found = section(kernel, ".osrel")?.sha256(kernel.bytes)?;
    let is_other = found != signed.digest;
    Ok(is_other
        .then(|| format!("its .osrel, sha256 {found}, is another than {OS_RELEASE} as signed"))
        .into_iter()
        .collect())
}

fn lists(manifest: &Manifest, digest: Digest) -> bool {
    manifest
        .entries()
        .iter()
        .any(|entry| matches!(entry.kind, Kind::Regular(content) if content.digest == digest))
}

/// The initrd's own plan is for this root, and the command line is the plan's; its trust root and its
/// agent are those that the image was built with.
fn command_line_and_initrd(kernel: &KernelImage<'_>) -> Result<Vec<String>, InsideError> {
    let part = section(kernel, ".initrd")?.part(kernel.bytes)?;
    let mut input = Decoder::detect(
        Sequential {
            source: &part,
            at: 0,
        },
        limits::INITRD_MAX,
    )
    .map_err(CpioReadError::Io)?;
    let mut keep = |path: &ImagePath, size| {
        path.as_bytes() == Plan::PATH.as_bytes() && size <= limits::BOOT_PLAN_MAX
            || path.as_bytes() == Plan::TRUST.as_bytes() && size <= limits::TRUST_ROOT_MAX
    };
    let files = cpio::read(&mut input, &mut keep)?;
    let find = |path: &'static str| {
        let found = files
            .iter()
            .find(|it| it.path.as_bytes() == path.as_bytes());
        found.ok_or(InsideError::File(path))
    };
    let plan = find(Plan::PATH)?;
    let plan = Plan::parse(plan.bytes.as_deref().unwrap_or_default())?;
    let mut odd = planned(&plan, kernel.statement);
    odd.extend(strangers(&files, &plan));
    odd.extend(behind(&mut input));
    let line = section(kernel, ".cmdline")?;
    let line = line.bytes(
        kernel.bytes,
        u32::try_from(limits::BOOT_PLAN_MAX).unwrap_or(0),
    )?;
    if line != plan.cmdline.as_bytes() {
        odd.push(format!(
            "its command line is \"{}\"; its initrd expects \"{}\"",
            Escaped(&line),
            Escaped(plan.cmdline.as_bytes())
        ));
    }
    let inputs = &kernel.statement.baseline().inputs;
    // A trust root is named by what was signed, without the signatures.
    let trust = find(Plan::TRUST)?.bytes.as_deref().unwrap_or_default();
    let trust = TrustRoot::parse(trust)?.digest();
    let agent = find(AGENT)?.digest;
    for (what, found, signed) in [
        ("trust root", trust, inputs.trust),
        ("agent", agent, inputs.agent),
    ] {
        if let Some(signed) = signed.filter(|signed| *signed != found) {
            odd.push(format!(
                "the {what} in its initrd is another than the image was built with: sha256 {found}, signed {signed}"
            ));
        }
    }
    Ok(odd)
}

/// Files of an initrd that karat never puts there, and modules that are not there.
fn strangers(files: &[Packed], plan: &Plan) -> Vec<String> {
    let of_karat = [Plan::PATH, Plan::TRUST, AGENT].map(str::as_bytes);
    let is_known = |path: &ImagePath| {
        of_karat.contains(&path.as_bytes()) || plan.modules.iter().any(|module| module == path)
    };
    let all: Vec<&ImagePath> = files.iter().map(|file| &file.path).collect();
    let unknown = all.iter().filter(|path| !is_known(path));
    let unknown: Vec<String> = unknown
        .map(|path| format!("its initrd has {path}, which karat never puts there"))
        .collect();
    let gone = plan.modules.iter().filter(|module| !all.contains(module));
    let gone = gone.map(|module| format!("its initrd has no {module}, which it is to load"));
    let more = unknown.len().saturating_sub(NAMED_MAX);
    let more = (more > 0).then(|| format!("its initrd has {more} more files of that kind"));
    unknown
        .iter()
        .take(NAMED_MAX)
        .cloned()
        .chain(more)
        .chain(gone)
        .collect()
}

/// What follows an archive but zeros; for what cannot be unpacked, the digest answers.
fn behind(input: &mut dyn std::io::Read) -> Option<String> {
    let mut buffer = [0; 4096];
    loop {
        let count = input.read(&mut buffer).ok().filter(|count| *count > 0)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.iter().any(|byte| *byte != 0) {
            let words = "its initrd goes on behind the archive: Linux unpacks that over it";
            return Some(words.to_owned());
        }
    }
}

/// What a plan says otherwise than the statement.
fn planned(plan: &Plan, statement: &Statement) -> Vec<String> {
    let baseline = statement.baseline();
    let mut odd = Vec::new();
    if plan.stem() != baseline.stem() {
        let (plan, signed) = (plan.stem(), baseline.stem());
        odd.push(format!(
            "its initrd is for {plan}, the envelope for {signed}"
        ));
    }
    let Some(verity) = &baseline.verity else {
        return odd;
    };
    let [data, tree] = verity.partitions();
    if plan.root.hash != verity.root() {
        let (plan, signed) = (plan.root.hash, verity.root());
        odd.push(format!(
            "its initrd boots the root hash {plan}; signed is {signed}"
        ));
    } else if (plan.root.data, plan.root.tree) != (data, tree) {
        odd.push("its initrd names other partitions than the root hash does".to_owned());
    }
    odd
}

/// A source from one end to the other.
struct Sequential<'a> {
    source: &'a dyn Source,
    at: u64,
}

impl std::io::Read for Sequential<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.source.size().saturating_sub(self.at);
        let count = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let bytes = buffer.get_mut(..count).unwrap_or_default();
        match self.source.read_at(self.at, bytes) {
            Ok(()) => {}
            Err(SourceError::Io { error, .. }) => return Err(error),
            Err(error) => return Err(std::io::Error::other(error)),
        }
        self.at = self.at.saturating_add(u64::try_from(count).unwrap_or(left));
        Ok(count)
    }
}
