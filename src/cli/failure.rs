//! Every error of an operation becomes an exit code, a message and a next step: here, and only
//! here; those of keys, trust roots and exports in `failure_keys`.

use std::error::Error;

use super::Exit;
use crate::harden::Outcome;
use crate::template::Code;

/// How a command failed, ready to be shown.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// The rule broken and the place, causes included.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Failure {
    /// The operation failed with `error`; its sources are part of the message.
    pub fn failed(error: &(dyn Error + 'static)) -> Self {
        Self {
            exit: Exit::Failed,
            message: chain(error),
            hint: file_system(error).map(str::to_owned),
        }
    }

    /// The command line asks for something that makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.into(),
            hint: None,
        }
    }

    /// With another exit code.
    #[must_use]
    pub fn exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// With a next step.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// What to do where a file system is at fault, whatever was being written.
fn file_system(error: &(dyn Error + 'static)) -> Option<&'static str> {
    use std::io::ErrorKind as Kind;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return match error.kind() {
                Kind::StorageFull => Some("free some room on that file system, or write elsewhere"),
                Kind::QuotaExceeded => Some("this user's quota there is used up: write elsewhere"),
                Kind::ReadOnlyFilesystem => {
                    Some("that file system is mounted read-only: write elsewhere")
                }
                Kind::NotFound => {
                    Some("check the name; a relative one starts at the working directory")
                }
                Kind::NotADirectory => Some("name a directory"),
                Kind::PermissionDenied => {
                    Some("`ls -ld` shows who may: let this user, or run karat as one who may")
                }
                _ => None,
            };
        }
        next = error.source();
    }
    None
}

/// An error and its sources as one line, without saying anything twice.
fn chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        source = cause.source();
    }
    message
}

impl From<crate::sys::fs::IoError> for Failure {
    fn from(error: crate::sys::fs::IoError) -> Self {
        Self::failed(&error)
    }
}

impl From<crate::template::Diagnostics> for Failure {
    fn from(found: crate::template::Diagnostics) -> Self {
        let count = found.0.len();
        let problems = if count == 1 { "problem" } else { "problems" };
        let mut failure = Self::failed(&found);
        failure.message = format!("the template has {count} {problems}\n\n{found}\n");
        if found.0.iter().all(|one| one.code == Code::T001) {
            return failure.hint(
                "name a template that is there and that this user may read: a file that ends with .toml",
            );
        }
        failure.hint("correct the template; `karat template check FILE` says whether it is valid")
    }
}

impl From<crate::ops::boot_image::BootImageError> for Failure {
    fn from(error: crate::ops::boot_image::BootImageError) -> Self {
        use crate::ops::boot_image::BootImageError as Error;
        let failure = Self::failed(&error);
        match error {
            Error::Io(_) => failure,
            Error::Image { .. } | Error::Measure { .. } => {
                failure.hint("which images are read, and of which stubs: docs/formats/uki.md")
            }
            Error::Sign { .. } | Error::Program(_) => failure
                .hint("which keys and certificates sign for Secure Boot: docs/formats/uki.md"),
        }
    }
}

impl From<crate::stage::overlay::OverlayError> for Failure {
    fn from(error: crate::stage::overlay::OverlayError) -> Self {
        Self::failed(&error)
            .hint("the template does not fit the packages that it names: correct it")
    }
}

impl From<crate::ops::key::KeyFileError> for Failure {
    fn from(error: crate::ops::key::KeyFileError) -> Self {
        use crate::key::PrivateKeyError as Private;
        use crate::ops::key::KeyFileError as Error;
        let failure = Self::failed(&error);
        match &error {
            Error::Private { source, path } => match source {
                Private::Encrypted => failure.hint(
                    "give the passphrase by --passphrase-fd FD, by KARAT_KEY_PASSPHRASE, or on a terminal",
                ),
                Private::OpenSsh => failure.hint(
                    "karat reads PKCS#8; make a key with `karat key new`, or import the .pub file if only the public half is needed",
                ),
                Private::Public => failure.hint(format!(
                    "give the private key; `karat key show {}` shows what this one is",
                    path.display()
                )),
                _ => failure,
            },
            Error::Public { source, .. } => match source {
                crate::key::KeyError::Weak | crate::key::KeyError::NonCanonical => {
                    failure.exit(Exit::Untrusted)
                }
                _ => failure,
            },
            Error::Writable { path, .. } => {
                failure.hint(format!("chmod 600 {}", path.display()))
            }
            Error::Exists(_) => failure.hint("choose another name, or move the file away"),
            Error::Io(_) | Error::Name(_) => failure,
        }
    }
}

impl From<crate::ops::trust::TrustFileError> for Failure {
    fn from(error: crate::ops::trust::TrustFileError) -> Self {
        let failure = Self::failed(&error);
        match error {
            crate::ops::trust::TrustFileError::Io(error) if error.is_not_found() => {
                failure.hint("name a trust root by --trust FILE, or make a workspace: `karat init`")
            }
            crate::ops::trust::TrustFileError::Io(_) => failure,
            crate::ops::trust::TrustFileError::Trust { .. } => failure.exit(Exit::Untrusted),
        }
    }
}

impl From<crate::ops::init::InitError> for Failure {
    fn from(error: crate::ops::init::InitError) -> Self {
        use crate::ops::init::InitError as Error;
        let failure = Self::failed(&error);
        match error {
            Error::Orphaned(path) => failure.hint(format!(
                "put keys/trust.json back, or move {} away and run `karat init` again",
                path.display()
            )),
            Error::Trust(_) => {
                failure.hint("give the log another origin: `karat init --name example.com/images`")
            }
            _ => failure,
        }
    }
}

impl From<crate::ops::sign::SignError> for Failure {
    fn from(error: crate::ops::sign::SignError) -> Self {
        use crate::ops::ledger::LedgerError;
        use crate::ops::sign::SignError as Error;
        let failure = Self::failed(&error);
        match error {
            Error::Json(_) | Error::Statement(_) => failure.hint(
                "sign what `karat build` wrote: NAME_VERSION.statement.json, or an envelope (.dsse.json)",
            ),
            Error::NoSerial => {
                failure.hint("give --serial N, or sign where the workspace's log is")
            }
            Error::Ledger(LedgerError::Taken { .. }) => {
                failure.hint("leave --serial away to get the next one")
            }
            Error::Forbidden(error) => error.into(),
            Error::Ended { .. } => {
                failure.hint("sign with a key that counts: --key; `karat trust show` lists them")
            }
            Error::NotAllowed { .. } => failure.hint(
                "`karat trust show` lists who may sign what; --no-trust signs without asking",
            ),
            Error::Fixed { .. } => failure
                .hint("sign the draft (.statement.json) again to release it under another serial"),
            _ => failure,
        }
    }
}

impl From<crate::ops::attach::AttachError> for Failure {
    fn from(error: crate::ops::attach::AttachError) -> Self {
        use crate::baseline::OpenError;
        use crate::ops::attach::AttachError as Error;
        let failure = Self::failed(&error);
        match error {
            Error::Open { source, .. } => match source {
                OpenError::Rollback { .. } => failure.exit(Exit::Rollback),
                _ => failure.exit(Exit::Untrusted).hint(
                    "`karat trust show` lists who may sign what; `karat sign` adds a signature",
                ),
            },
            Error::Digest { .. } | Error::Further { .. } | Error::FurtherList { .. } => failure
                .exit(Exit::Untrusted)
                .hint("attach to the outputs that were signed, or sign the statement of these"),
            Error::Trust(error) => error.into(),
            Error::Proof { .. } | Error::Envelope { .. } | Error::Statement(_) => {
                failure.exit(Exit::Untrusted)
            }
            Error::Superseded { .. } => failure.exit(Exit::Rollback),
            Error::Missing(_) => failure
                .exit(Exit::Incomplete)
                .hint("keep .mtree and .expect.json beside the outputs"),
            Error::Io(_)
            | Error::Disk(_)
            | Error::Oci { .. }
            | Error::Output(_)
            | Error::OtherImage { .. } => failure,
        }
    }
}

impl From<crate::stage::StageError> for Failure {
    fn from(error: crate::stage::StageError) -> Self {
        use crate::deb::archive::DebError;
        use crate::stage::StageError;
        let failure = Self::failed(&error);
        match &error {
            StageError::Sandbox(sandbox) => failure.hint(sandbox.next_step()),
            StageError::Deb {
                error: DebError::Digest { .. } | DebError::Identity { .. },
                ..
            } => failure.hint("remove it with 'karat cache gc --all' and fetch it again"),
            StageError::Deb { .. } | StageError::Relation { .. } => {
                failure.hint("the package itself is at fault: lock another version of it")
            }
            StageError::Conflict { .. } => {
                failure.hint("leave one of the two packages out of the template")
            }
            StageError::Directory { directory, fault } => {
                failure.hint(staging_directory(directory, fault))
            }
            StageError::Full(_) => failure.hint(ROOM),
            StageError::Script { output, .. } if output.contains("No space left on device") => {
                failure.hint(ROOM)
            }
            StageError::Script { .. } | StageError::NotConfigured(_) => failure.hint(
                "the output above is the script's own; scripts have no network and no services",
            ),
            StageError::TimedOut { .. } => {
                failure.hint("a script that waits for input, a network or a service waits forever")
            }
            StageError::Space { .. } => {
                failure.hint("free some space, or set TMPDIR to a directory with more")
            }
            StageError::Packages(_) | StageError::Place { .. } | StageError::System(_) => failure,
        }
    }
}

/// Where karat stages, caches and writes, for whoever has no room there.
const ROOM: &str = "free some room on that file system, or use others: TMPDIR is where roots are \
                    staged that do not fit into memory, XDG_CACHE_HOME where packages and trees are \
                    kept, -o where outputs go";

fn staging_directory(directory: &str, fault: &crate::stage::DirectoryFault) -> String {
    use crate::stage::DirectoryFault as Fault;
    let other = "set TMPDIR to a directory that can be written and that programs can be run from";
    match fault {
        Fault::Missing => format!("mkdir -p {directory}, or {other}"),
        Fault::NoExec => format!("{other}; or, as root: mount -o remount,exec {directory}"),
        Fault::ReadOnly | Fault::NotADirectory | Fault::Refused(_) => other.to_owned(),
    }
}

impl From<crate::ops::build::BuildError> for Failure {
    fn from(error: crate::ops::build::BuildError) -> Self {
        use crate::ops::build::BuildError as Error;
        match error {
            Error::Cache(error) => error.into(),
            Error::Io(error) => error.into(),
            Error::Lock(error) => error.into(),
            Error::Log(error) => error.into(),
            Error::Overlay(error) => error.into(),
            Error::Sign(error) => error.into(),
            Error::Stage(error) => error.into(),
            Error::Template(error) => error.into(),
            Error::Trust(error) => error.into(),
            error @ Error::Agent(_) => Self::failed(&error).hint(
                "`make` builds the static agent, target/dist/bin/karat-agent, for this machine's processor: name \
                 it, or one for the image's, with --agent FILE or [verify.agent]",
            ),
            error @ Error::NoAgent(_) => Self::failed(&error).hint(
                "build it with `make`, name one with --agent FILE, or say agent = false in [verify]",
            ),
            Error::Rules(ref results) => {
                let exit = if results.count(Outcome::Fail) > 0 {
                    Exit::Drift
                } else {
                    Exit::Incomplete
                };
                Self::failed(&error).exit(exit).hint(
                    "mend what the template states, or leave a rule out with its reason: \
                     [harden] except = { \"ID\" = \"why\" }; `karat harden explain ID` says what it wants",
                )
            }
            error @ Error::Exposed(_) => Self::failed(&error).exit(Exit::Drift).hint(
                "put the unit into a tighter sandbox, by a file of [[files]] in UNIT.d or a rule of kind \
                 sandbox; `karat harden exposure` shows all of them",
            ),
            error @ Error::Epoch(_) => {
                Self::usage(error.to_string()).hint("unset SOURCE_DATE_EPOCH, or set it to seconds")
            }
            error => Self::failed(&error),
        }
    }
}

impl From<crate::archive::CacheError> for Failure {
    fn from(error: crate::archive::CacheError) -> Self {
        use crate::archive::CacheError as Error;
        let failure = Self::failed(&error);
        match &error {
            Error::NotPrivate { .. } => failure
                .hint("set XDG_CACHE_HOME to a directory of your own, or `chmod go-w` this one"),
            Error::Io(io) if io.source.kind() == std::io::ErrorKind::StorageFull => failure
                .hint("`karat cache gc` frees room; XDG_CACHE_HOME moves the cache elsewhere"),
            Error::Mismatch { .. } | Error::Source(_) | Error::Io(_) => failure,
        }
    }
}

impl From<crate::ops::lock::LockFailure> for Failure {
    fn from(error: crate::ops::lock::LockFailure) -> Self {
        use crate::archive::mirror::MirrorError;
        use crate::ops::lock::LockFailure as Error;
        let failure = Self::failed(&error);
        match error {
            Error::Missing(_) | Error::Stale { .. } | Error::Agent(_) => failure.hint(
                "run `karat lock` on the template, look at what it prints, and commit the lock",
            ),
            Error::Invalid { .. } => failure
                .hint("`karat lock TEMPLATE --update` makes a new one from the newest versions"),
            Error::Mirror(MirrorError::NoMirror { .. } | MirrorError::NoSecurityMirror { .. }) => {
                failure.hint(
                    "name one: --mirror URI, KARAT_MIRROR=URI, or mirror = \"URI\" in [source] \
                 (and the same with security)",
                )
            }
            Error::Repository(error) => repository(failure, &error),
            Error::Obtain(error) => obtain(failure, &error),
            Error::NotLocked(_) => {
                failure.hint("add the package to the template, then run `karat lock` on it")
            }
            _ => failure,
        }
    }
}

fn repository(failure: Failure, error: &crate::archive::RepositoryError) -> Failure {
    use crate::archive::RepositoryError as Error;
    use crate::deb::release::ReleaseError;
    match error {
        Error::NoRelease { name, .. } if name.suite().ends_with('/') => failure.hint(
            "check uri and suite of this [[source.extra]]: InRelease must be in that directory; \
             Release and Release.gpg apart do not do",
        ),
        Error::NoRelease { .. } => failure.hint(
            "check suite, pockets and mirror: not every mirror carries every suite; \
             [source] pockets = [] does without the others",
        ),
        Error::Untrusted { .. } => failure.hint(
            "do not go on if this is Debian's own archive: try another mirror; \
             for an archive of your own, name its keys in [source] keyring",
        ),
        Error::Release { source, .. } => match &**source {
            ReleaseError::Expired { .. } | ReleaseError::RolledBack { .. } => {
                failure.hint("the mirror lags behind or is held back: try another one, or later")
            }
            ReleaseError::FromTheFuture(_) => failure.hint("check this machine's clock"),
            _ => failure,
        },
        Error::Fetch(error) => fetch(failure, error),
        Error::NoIndex { source, .. } => fetch(failure, source),
        _ => failure,
    }
}

fn obtain(failure: Failure, error: &crate::archive::ObtainError) -> Failure {
    use crate::archive::{FetchError, ObtainError as Error};
    match error {
        Error::Package {
            source: FetchError::NotFound(_),
            ..
        } => failure.hint(
            "archives drop old packages: `karat lock --update` takes newer ones; \
             `karat lock --vendor DIR` keeps copies while they are there",
        ),
        Error::Package { source, .. } => fetch(failure, source),
        Error::NoMirror { .. } => failure.hint("name a mirror: --mirror URI or KARAT_MIRROR=URI"),
        Error::Vendored { .. } => {
            failure.hint("remove the file; `karat lock TEMPLATE --vendor DIR` copies it anew")
        }
        Error::Cache(_) | Error::Io(_) => failure,
    }
}

fn fetch(failure: Failure, error: &crate::archive::FetchError) -> Failure {
    use crate::archive::FetchError as Error;
    match error {
        Error::Offline(_) => failure.hint("run once without --offline, or use --vendor DIR"),
        Error::Transport { .. } | Error::Status { .. } => {
            failure.hint("check the network and http_proxy, or name another mirror: --mirror URI")
        }
        Error::WrongBytes { .. } => {
            failure.hint("the mirror or something on the way changes files: name another mirror")
        }
        Error::Proxy(_) => failure.hint("set http_proxy and https_proxy to http://HOST:PORT"),
        _ => failure,
    }
}
