//! Settings, command line, modules, taint and lockdown of the kernel.

use super::judge::{Breach, Court, Kernel, place};
use super::{MountPoint, Observations, Seen, source};
use crate::appraise::{Effect, Severity};
use crate::expect::Facts;
use crate::expect::fact::{CmdlineWord, Lockdown, ModuleName, Modules, Sysctl, WordRule};
use crate::path::{Escaped, ImagePath};
use crate::tree::Origin;

const NO_SETTING: &str = "this kernel has no such setting";
const READ_ONLY: &str = "/proc/sys is read-only here and the image brings no kernel: the platform \
                         decides about its settings";
const NO_KERNEL: &str = "the image brings no kernel: the platform booted one";

pub(super) fn judge(court: &mut Court<'_>, expected: &Facts, seen: &Observations) {
    let kernel = court.own_kernel(seen);
    for entry in &expected.sysctl {
        sysctl(court, entry, seen, &kernel);
    }
    for entry in &expected.cmdline {
        cmdline(court, entry, seen, &kernel);
    }
    if let Some(expected) = &expected.modules {
        modules(court, expected, seen, &kernel);
    }
    if let Some(expected) = &expected.kernel {
        if let Some(allowed) = expected.taint {
            taint(court, allowed, &expected.origin, seen);
        }
        if let Some(least) = expected.lockdown {
            lockdown(court, least, &expected.origin, seen);
        }
    }
}

fn sysctl(court: &mut Court<'_>, entry: &Sysctl, seen: &Observations, kernel: &Kernel) {
    let name = format!("sysctl {}", entry.name);
    let path = format!("{}/{}", source::SYSCTL, entry.name.relative());
    let unasked = Seen::Unreadable("it was not observed".to_owned());
    let observed = seen.sysctl.get(&entry.name).unwrap_or(&unasked);
    let Some(observed) = court.need(&name, &path, observed, NO_SETTING) else {
        return;
    };
    let (expected, observed) = (words(&entry.value), words(observed));
    if expected == observed {
        court.held();
    } else if matches!(kernel, Kernel::Platform) && is_read_only(&seen.mounts, &path) {
        court.not_applicable(name, READ_ONLY);
    } else {
        let breach = Breach {
            name,
            effect: if entry.name.relative().starts_with("net/") {
                Effect::Network
            } else {
                Effect::Kernel
            },
            source: place(&path),
            expected: Some(expected),
            observed: Some(Escaped(observed.as_bytes()).to_string()),
            severity: Severity::High,
        };
        court.drift(&entry.origin, breach);
    }
}

/// The kernel prints tabs between numbers that are written with blanks.
fn words(value: &str) -> String {
    let words: Vec<&str> = value.split_whitespace().collect();
    words.join(" ")
}

/// Whether the mount that holds `place` cannot be written to.
fn is_read_only(mounts: &Seen<Vec<MountPoint>>, place: &str) -> bool {
    let (Seen::Value(mounts), Ok(place)) = (mounts, ImagePath::parse(place)) else {
        return false;
    };
    // Of mounts on one point the last one counts, which `max_by_key` gives.
    let mount = mounts
        .iter()
        .filter(|mount| place.is_within(&mount.point) || mount.point == place)
        .max_by_key(|mount| mount.point.as_bytes().len());
    mount.is_some_and(|mount| mount.options.iter().any(|option| option == b"ro"))
}

fn cmdline(court: &mut Court<'_>, entry: &CmdlineWord, seen: &Observations, kernel: &Kernel) {
    let name = format!("cmdline {}", entry.word);
    if matches!(kernel, Kernel::Platform) {
        return court.not_applicable(name, NO_KERNEL);
    }
    let absent = "there is no /proc/cmdline";
    let Some(words) = court.need(&name, source::CMDLINE, &seen.cmdline, absent) else {
        return;
    };
    let word = entry.word.as_str().as_bytes();
    let found = words.iter().find(|seen| match entry.rule {
        WordRule::Present => seen.as_slice() == word,
        WordRule::Absent => {
            let rest = seen.strip_prefix(word);
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.starts_with(b"=") && !word.contains(&b'=')
            })
        }
    });
    let (expected, observed) = match (entry.rule, found) {
        (WordRule::Present, Some(_)) | (WordRule::Absent, None) => return court.held(),
        (WordRule::Present, None) => (Some(entry.word.to_string()), None),
        (WordRule::Absent, Some(found)) => (None, Some(Escaped(found).to_string())),
    };
    let breach = Breach {
        name,
        source: place(source::CMDLINE),
        expected,
        observed,
        effect: Effect::Kernel,
        severity: Severity::High,
    };
    court.drift(&entry.origin, breach);
}

fn modules(court: &mut Court<'_>, expected: &Modules, seen: &Observations, kernel: &Kernel) {
    let absent = "this kernel loads no modules";
    let Some(loaded) = court.need("modules", source::MODULES, &seen.modules, absent) else {
        return;
    };
    let directory = match kernel {
        Kernel::Own(directory) => Some(directory),
        Kernel::Platform => None,
        Kernel::Other(release) => {
            let breach = Breach {
                name: "kernel release".to_owned(),
                source: place(source::RELEASE),
                expected: Some("a kernel of the image".to_owned()),
                observed: Some(Escaped(release.as_bytes()).to_string()),
                effect: Effect::Kernel,
                severity: Severity::High,
            };
            return court.drift(&expected.origin, breach);
        }
        Kernel::Unknown => {
            let why = "the release of the running kernel cannot be read";
            return court.not_checked("modules", source::RELEASE, why);
        }
    };
    let own = directory.map(|directory| own_modules(court, directory));
    let mut is_held = true;
    for module in loaded {
        let listed = |list: &[ModuleName]| list.iter().any(|name| name.as_str() == module);
        let denied = listed(&expected.deny);
        let foreign = own.as_ref().is_some_and(|own| !own.contains(module));
        if denied || foreign && !listed(&expected.allow) {
            is_held = false;
            let breach = Breach {
                name: format!("module {}", Escaped(module.as_bytes())),
                source: place(source::MODULES),
                expected: None,
                observed: Some(if denied {
                    "loaded, and denied".to_owned()
                } else {
                    "loaded, and not a file of the image".to_owned()
                }),
                effect: Effect::Kernel,
                severity: if denied {
                    Severity::High
                } else {
                    Severity::Critical
                },
            };
            court.drift(&expected.origin, breach);
        }
    }
    if own.is_none() && is_held {
        // The deny list was looked at; that the rest are the platform's business is said.
        court.not_applicable("modules".to_owned(), NO_KERNEL);
    } else if is_held {
        court.held();
    }
}

/// Names of the modules that the image has for one kernel, as `/proc/modules` spells them.
fn own_modules(court: &Court<'_>, directory: &ImagePath) -> Vec<String> {
    let entries = court.manifest.entries();
    let start = entries.partition_point(|entry| entry.path <= *directory);
    let below = entries
        .get(start..)
        .unwrap_or_default()
        .iter()
        .take_while(|entry| entry.path.is_within(directory));
    below
        .filter_map(|entry| {
            let name = std::str::from_utf8(entry.path.name()?).ok()?;
            let stem = [".ko", ".ko.xz", ".ko.zst", ".ko.gz"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix))?;
            Some(stem.replace('-', "_"))
        })
        .collect()
}

fn taint(court: &mut Court<'_>, allowed: u64, origin: &Origin, seen: &Observations) {
    let absent = "this kernel does not tell its taint";
    let Some(bits) = court.need("taint", source::TAINT, &seen.taint, absent) else {
        return;
    };
    let extra = bits & !allowed;
    if extra == 0 {
        return court.held();
    }
    let breach = Breach {
        name: "taint".to_owned(),
        source: place(source::TAINT),
        expected: Some(format!("no bits but those of {allowed}")),
        observed: Some(format!("{bits} ({})", tainted_by(extra))),
        effect: Effect::Kernel,
        severity: Severity::High,
    };
    court.drift(origin, breach);
}

/// What bits of the taint mean (the kernel's `admin-guide/tainted-kernels.rst`).
const TAINTS: [&str; 20] = [
    "proprietary module",
    "forced load of a module",
    "processor out of specification",
    "forced unload of a module",
    "machine check",
    "bad page",
    "asked for by user space",
    "died recently",
    "ACPI table overridden",
    "warning",
    "staging driver",
    "firmware workaround",
    "module from outside of the kernel's source",
    "unsigned module",
    "soft lockup",
    "live patched",
    "of the distribution",
    "structure randomisation",
    "in-kernel test",
    "fwctl debugging",
];

fn tainted_by(bits: u64) -> String {
    let words: Vec<String> = (0..64)
        .filter(|bit| bits & (1 << bit) != 0)
        .map(|bit| {
            let known = usize::try_from(bit).ok().and_then(|bit| TAINTS.get(bit));
            known.map_or_else(|| format!("bit {bit}"), |text| (*text).to_owned())
        })
        .collect();
    words.join(", ")
}

fn lockdown(court: &mut Court<'_>, least: Lockdown, origin: &Origin, seen: &Observations) {
    let absent = "this kernel has no lockdown, or securityfs is not mounted";
    let Some(found) = court.need("lockdown", source::LOCKDOWN, &seen.lockdown, absent) else {
        return;
    };
    if *found >= least {
        return court.held();
    }
    let breach = Breach {
        name: "lockdown".to_owned(),
        source: place(source::LOCKDOWN),
        expected: Some(least.to_string()),
        observed: Some(found.to_string()),
        effect: Effect::Kernel,
        severity: Severity::High,
    };
    court.drift(origin, breach);
}
