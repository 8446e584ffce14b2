//! What the initrd is told: its own `/boot.json`.

use serde::{Deserialize, Serialize};

use super::partition::{self, PartitionIdError};
use super::place::{self, Place, PlaceError, PlaceKind, Places};
use crate::baseline::{ImageName, ImageVersion, NameError};
use crate::digest::{Digest, DigestError};
use crate::json::{self, JsonError};
use crate::layout::Uuid;
use crate::limits;
use crate::path::ImagePath;

/// What the initrd is told. It lies in the initrd itself, and is thus measured and signed with it;
/// nothing of it comes from the kernel's command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The image's name: an Envelope for another one is not trusted.
    pub name: ImageName,
    /// The image's version: `NAME_VERSION` names its files on the EFI system partition.
    pub version: ImageVersion,
    /// The root.
    pub root: Root,
    /// The whole command line of the kernel, as in the `.cmdline` of the unified kernel image:
    /// visible ASCII and single blanks.
    pub cmdline: String,
    /// The kernel modules to load, in this order: paths in the initrd.
    pub modules: Vec<ImagePath>,
    /// Where the running system may write.
    pub writable: Places,
    /// Whether it may write to `/etc`.
    pub etc: Etc,
    /// The partition that keeps what is written; `None`: nothing is kept.
    pub state: Option<Uuid>,
    /// What happens where the machine is not what was signed.
    pub on_failure: OnFailure,
    /// What the kernel does where a block of the root turns out to be another than was signed.
    pub on_corruption: OnCorruption,
}

/// The root: an EROFS image under dm-verity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// The root of its hash tree.
    pub hash: Digest,
    /// The partition with the file system.
    pub data: Uuid,
    /// The partition with the hash tree.
    pub tree: Uuid,
}

/// Whether the running system may write to `/etc`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Etc {
    /// It may, and what it writes is kept on the state partition.
    OverlayState,
    /// It may, and what it writes is gone with the next boot.
    OverlayTmpfs,
    /// It may not.
    #[default]
    ReadOnly,
}

/// What happens where the machine is not what was signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// It stops, with the reason on its console, until somebody switches it off.
    Emergency,
    /// It is switched off.
    #[default]
    Poweroff,
    /// It starts again, so that the boot loader's count of attempts leads to the slot before.
    Previous,
}

/// What the kernel does where a block of the root is not what was signed (dm-verity's options).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnCorruption {
    /// It panics.
    #[default]
    Panic,
    /// It restarts the machine.
    Restart,
}

/// Why bytes are no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not JSON, or not the keys of a plan.
    #[error("boot.json: {0}")]
    Json(#[from] JsonError),
    /// A later format.
    #[error("boot.json: version {0} is none that this karat knows")]
    Version(u64),
    /// No name or version of an image.
    #[error("boot.json: {0}")]
    Name(#[from] NameError),
    /// No root hash.
    #[error("boot.json: root_hash: {0}")]
    Digest(#[from] DigestError),
    /// No id of a partition.
    #[error("boot.json: {0}")]
    Partition(#[from] PartitionIdError),
    /// One partition is named for two purposes.
    #[error("boot.json: one partition is named for two purposes")]
    SamePartition,
    /// No command line.
    #[error(
        "boot.json: cmdline: it is visible ASCII with single blanks, of at most {} bytes",
        limits::BOOT_CMDLINE_MAX
    )]
    Cmdline,
    /// No list of modules.
    #[error(
        "boot.json: modules: at most {} different paths below /lib/modules, of visible ASCII",
        limits::BOOT_MODULES_MAX
    )]
    Modules,
    /// No places.
    #[error("boot.json: writable: {0}")]
    Place(#[from] PlaceError),
    /// A size where nothing is held in memory.
    #[error("boot.json: writable: only places of kind tmpfs have a size")]
    Size,
    /// Something is to be kept, and there is nowhere to keep it.
    #[error("boot.json: something is to be kept, and no state partition is named")]
    NoState,
    /// Another spelling.
    #[error("boot.json: it is not canonical JSON, or no line feed ends it")]
    NotCanonical,
}

/// The version that is read and written.
const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    cmdline: String,
    etc: Etc,
    image: RawImage,
    modules: Vec<String>,
    on_corruption: OnCorruption,
    on_failure: OnFailure,
    root: RawRoot,
    state: Option<String>,
    version: u64,
    writable: Vec<RawPlace>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawImage {
    name: String,
    version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRoot {
    data: String,
    hash: String,
    root_hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlace {
    kind: RawKind,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawKind {
    State,
    Tmpfs,
}

impl Plan {
    /// The file's path in the initrd.
    pub const PATH: &str = "/boot.json";
    /// The path of the pinned trust root in the initrd.
    pub const TRUST: &str = "/trust.json";

    /// Reads the one spelling of a plan.
    ///
    /// # Errors
    /// The rule that `bytes` break.
    pub fn parse(bytes: &[u8]) -> Result<Self, PlanError> {
        let raw: Raw = json::read(bytes, limits::BOOT_PLAN_MAX)?;
        if raw.version != VERSION {
            return Err(PlanError::Version(raw.version));
        }
        let mut modules = Vec::new();
        for path in &raw.modules {
            modules.push(ImagePath::parse(path).ok().ok_or(PlanError::Modules)?);
        }
        let mut places = Vec::new();
        for place in &raw.writable {
            places.push(place.parse()?);
        }
        let state = raw.state.as_deref().map(partition::parse).transpose()?;
        let plan = Self {
            name: ImageName::parse(&raw.image.name)?,
            version: ImageVersion::parse(&raw.image.version)?,
            root: Root {
                hash: raw.root.root_hash.parse()?,
                data: partition::parse(&raw.root.data)?,
                tree: partition::parse(&raw.root.hash)?,
            },
            cmdline: raw.cmdline,
            modules,
            writable: Places::new(places)?,
            etc: raw.etc,
            state,
            on_failure: raw.on_failure,
            on_corruption: raw.on_corruption,
        };
        if plan.to_bytes()? != bytes {
            return Err(PlanError::NotCanonical);
        }
        Ok(plan)
    }

    /// The canonical bytes.
    ///
    /// # Errors
    /// A rule that the types alone do not keep: of the command line, of modules, of what is kept.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PlanError> {
        self.check()?;
        let raw = Raw {
            cmdline: self.cmdline.clone(),
            etc: self.etc,
            image: RawImage {
                name: self.name.as_str().to_owned(),
                version: self.version.as_str().to_owned(),
            },
            modules: texts(&self.modules).ok_or(PlanError::Modules)?,
            on_corruption: self.on_corruption,
            on_failure: self.on_failure,
            root: RawRoot {
                data: self.root.data.to_string(),
                hash: self.root.tree.to_string(),
                root_hash: self.root.hash.to_string(),
            },
            state: self.state.map(|id| id.to_string()),
            version: VERSION,
            writable: self.writable.iter().filter_map(RawPlace::of).collect(),
        };
        let mut bytes = json::canonical(&raw)?;
        bytes.push(b'\n');
        if u64::try_from(bytes.len()).map_or(true, |length| length > limits::BOOT_PLAN_MAX) {
            return Err(JsonError::TooLarge(limits::BOOT_PLAN_MAX).into());
        }
        Ok(bytes)
    }

    /// `NAME_VERSION`: what the image's files on the EFI system partition start with.
    pub fn stem(&self) -> String {
        format!("{}_{}", self.name, self.version)
    }

    fn check(&self) -> Result<(), PlanError> {
        let letters = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        let is_line = self.cmdline.len() <= limits::BOOT_CMDLINE_MAX
            && self.cmdline.bytes().all(letters)
            && (self.cmdline.is_empty() || self.cmdline.split(' ').all(|word| !word.is_empty()));
        if !is_line {
            return Err(PlanError::Cmdline);
        }
        let is_module = |path: &ImagePath| {
            place::text(path).is_ok_and(|text| text.starts_with("/lib/modules/"))
        };
        let mut sorted: Vec<&ImagePath> = self.modules.iter().collect();
        crate::order::sort(&mut sorted);
        let is_twice = sorted.windows(2).any(|pair| pair.first() == pair.last());
        if self.modules.len() > limits::BOOT_MODULES_MAX
            || is_twice
            || !self.modules.iter().all(is_module)
        {
            return Err(PlanError::Modules);
        }
        let is_kept = self.writable.keep() || self.etc == Etc::OverlayState;
        if is_kept && self.state.is_none() {
            return Err(PlanError::NoState);
        }
        let Root { data, tree, .. } = self.root;
        if data == tree || self.state == Some(data) || self.state == Some(tree) {
            return Err(PlanError::SamePartition);
        }
        Ok(())
    }
}

impl RawPlace {
    fn of(place: &Place) -> Option<Self> {
        let (kind, size) = match place.kind {
            PlaceKind::State => (RawKind::State, None),
            PlaceKind::Tmpfs { size } => (RawKind::Tmpfs, size),
        };
        let path = place::text(&place.path).ok()?.to_owned();
        Some(Self { kind, path, size })
    }

    fn parse(&self) -> Result<Place, PlanError> {
        let path = ImagePath::parse(&self.path).map_err(PlaceError::from)?;
        let kind = match self.kind {
            RawKind::State if self.size.is_some() => return Err(PlanError::Size),
            RawKind::State => PlaceKind::State,
            RawKind::Tmpfs => PlaceKind::Tmpfs { size: self.size },
        };
        Ok(Place { path, kind })
    }
}

fn texts(paths: &[ImagePath]) -> Option<Vec<String>> {
    paths
        .iter()
        .map(|path| place::text(path).ok().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = concat!(
        "{\"cmdline\":\"console=ttyS0 quiet\",\"etc\":\"read-only\",",
        "\"image\":{\"name\":\"base\",\"version\":\"1\"},",
        "\"modules\":[\"/lib/modules/virtio_blk.ko\",\"/lib/modules/dm-verity.ko\"],",
        "\"on_corruption\":\"panic\",\"on_failure\":\"poweroff\",",
        "\"root\":{\"data\":\"b94d27b9-934d-3e08-a52e-52d7da7dabfa\",",
        "\"hash\":\"c484efe3-7a53-80ee-9088-f7ace2efcde9\",\"root_hash\":",
        "\"b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9\"},",
        "\"state\":\"0fc63daf-8483-4772-8e79-3d69d8477de4\",\"version\":1,\"writable\":",
        "[{\"kind\":\"tmpfs\",\"path\":\"/tmp\",\"size\":67108864},",
        "{\"kind\":\"state\",\"path\":\"/var\"}]}\n"
    );

    #[test]
    fn one_spelling() {
        let plan = Plan::parse(TEXT.as_bytes()).unwrap();
        assert_eq!(plan.to_bytes().unwrap(), TEXT.as_bytes());
        assert_eq!(plan.stem(), "base_1");
        for (other, rule) in [
            (TEXT.trim_end().to_owned(), "not canonical"),
            (TEXT.replace("1,\"w", "1, \"w"), "not canonical"),
            (TEXT.replace("\"base\"", "\"Base\""), "image name"),
            (TEXT.replace("\"version\":1", "\"version\":2"), "version 2"),
            (TEXT.replace("\"panic\"", "\"ignore\""), "unknown variant"),
            (TEXT.replace("poweroff", "shrug"), "unknown variant"),
            (TEXT.replace("read-only", "read-write"), "unknown variant"),
            (TEXT.replace("0 quiet", "0  quiet"), "cmdline"),
            (TEXT.replace("0 quiet", "0 quiet\\n"), "cmdline"),
            (TEXT.replace("/lib/modules/v", "/tmp/v"), "modules"),
            (TEXT.replace("virtio_blk", "dm-verity"), "modules"),
            (TEXT.replace("/lib/modules/v", "lib/modules/v"), "modules"),
            (TEXT.replace("de9\"},", "DE9\"},"), "root_hash"),
            (TEXT.replace("\"/var\"", "\"/usr\""), "never made writable"),
            (TEXT.replace("\"/tmp\"", "\"/xmp\""), "does not come after"),
            (
                TEXT.replace("\"/var\"", "\"/var\",\"size\":1"),
                "only places",
            ),
            (
                TEXT.replace("\"0fc63daf-8483-4772-8e79-3d69d8477de4\"", "null"),
                "nowhere",
            ),
            (
                TEXT.replace(
                    "0fc63daf-8483-4772-8e79-3d69d8477de4",
                    "b94d27b9-934d-3e08-a52e-52d7da7dabfa",
                ),
                "two purposes",
            ),
            (TEXT.replacen('{', "{\"also\":1,", 1), "unknown field"),
            (TEXT.replacen('{', "{\"etc\":1,", 1), "twice"),
            ("x".repeat(70_000), "larger"),
            (String::new(), "not JSON"),
        ] {
            let error = Plan::parse(other.as_bytes()).unwrap_err().to_string();
            let rule = rule.replace("nowhere", "no state partition");
            assert!(error.contains(&rule), "{rule}: {other:.80}: {error}");
        }
    }

    #[test]
    fn the_example_of_the_format_is_one() {
        let page = include_str!("../../docs/formats/boot.md");
        assert!(page.contains(&format!("```json\n{TEXT}```")));
    }
}
