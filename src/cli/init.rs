//! `karat-agent init`: the first process of an initrd.
//!
//! It finds the image's disk, judges what it finds, and only then uses any of it. Nothing is said,
//! unless something is wrong.

use std::convert::Infallible;
use std::fmt::{Display, Write as _};

use crate::appraise::{Finding, Verdict};
use crate::boot::tpm::{ENTER_INITRD, LEAVE_INITRD, PCR_BOOT, PCR_VERDICT, TpmFloor};
use crate::boot::{Chosen, Judgement, Machine, Memory, OnFailure, Plan, Report, Seen, choose};
use crate::limits;
use crate::path::Escaped;
use crate::sys::fs::{self, IoError};
use crate::sys::init::{self, Device, Devices, Modules, NewRoot, Steps, Tpm, Wait};

/// Why a boot ends here.
struct Failure {
    /// The image, as far as it is known.
    image: String,
    /// What the plan wants then.
    end: OnFailure,
    findings: Vec<Finding>,
}

/// The image's disk, and what lies on it.
struct Found {
    disk: Device,
    chosen: Chosen,
    seen: Seen,
}

/// Whether this process is to do what `init` does: it is the first, and was started as `/init`.
pub(super) fn is_asked(name: Option<&std::ffi::OsStr>) -> bool {
    name.is_some_and(|name| name == "/init") && init::is_first()
}

/// Boots the image, or ends the boot. It comes back where it is not the first process.
pub(super) fn run() -> Result<(), &'static str> {
    if !init::is_first() {
        return Err("init is for the first process of an initrd, and for nobody else");
    }
    let failure = boot();
    super::agent::print(std::io::stdout(), &told(&failure));
    init::drained();
    init::end(failure.end)
}

/// Does it all; gives why not.
fn boot() -> Failure {
    let mut steps = Steps::default();
    steps.reached("start");
    let plan = match plan() {
        Ok(plan) => plan,
        Err(message) => {
            let judgement = Judgement::without(broken(&message));
            return Failure::of("this image".to_owned(), OnFailure::default(), &judgement);
        }
    };
    let modules = Modules::load(&plan.modules);
    steps.reached("modules");
    let judgement = judged(&plan, &modules, &mut steps);
    Failure::of(plan.stem(), plan.on_failure, &judgement)
}

fn plan() -> Result<Plan, String> {
    init::mount_kernel().map_err(|error| error.to_string())?;
    let bytes = fs::read(Plan::PATH, limits::BOOT_PLAN_MAX).map_err(|error| error.to_string())?;
    Plan::parse(&bytes).map_err(|error| error.to_string())
}

/// From the plan to the image's first process; comes back with what is wrong.
fn judged(plan: &Plan, modules: &Modules, steps: &mut Steps) -> Judgement {
    let mut tpm = match Tpm::open() {
        Ok(tpm) => tpm,
        Err(error) => return Judgement::without(broken(&error)),
    };
    let entered = measure(&mut tpm, PCR_BOOT, ENTER_INITRD);
    let floor = tpm
        .as_mut()
        .map_or(Ok(TpmFloor::NoTpm), |tpm| tpm.floor(&plan.name));
    let (floor, unread) = match floor {
        Ok(floor) => (floor, None),
        Err(error) => (TpmFloor::Foreign("it does not say"), Some(error)),
    };
    let mut found = found(plan, modules, floor, steps);
    let mut judgement = match &mut found {
        Ok(found) => Judgement::of(plan, &mut found.seen),
        Err(finding) => Judgement::without(finding.clone()),
    };
    steps.reached("judged");
    for error in [entered.err(), unread].into_iter().flatten() {
        judgement.add(broken(&error));
    }
    let root = match (&mut found, judgement.cleared()) {
        (Ok(found), Some(cleared)) => match &found.seen.superblock {
            Ok(superblock) => {
                match NewRoot::mount(&cleared, plan, &found.disk, &found.chosen, superblock) {
                    Ok(root) => {
                        if let Err(error) = grow(found) {
                            judgement.add(warning(&error));
                        }
                        if let Err(error) = hold(plan, &judgement, found, tpm.as_mut()) {
                            judgement.add(warning(&error));
                        }
                        Some(root)
                    }
                    Err(error) => {
                        judgement.add(broken(&error));
                        None
                    }
                }
            }
            Err(error) => {
                judgement.add(broken(&error));
                None
            }
        },
        _ => None,
    };
    steps.reached("root");
    let machine = Machine {
        secure_boot: init::secure_boot(),
        tpm: tpm.is_some(),
    };
    let report = Report::of(plan, &judgement, machine);
    if let Err(error) = measure(&mut tpm, PCR_VERDICT, report.event().as_bytes()) {
        judgement.add(broken(&error));
    }
    steps.reached("measured");
    let (Ok(found), Some(root)) = (found, root) else {
        return judgement;
    };
    if judgement.verdict() != Verdict::Match {
        return judgement;
    }
    let Err(error) = over(plan, &found, root, &report, &mut tpm, steps);
    judgement.add(broken(&error));
    judgement
}

/// Has the TPM hold what was accepted, where no boot below that is to start.
fn hold(
    plan: &Plan,
    judgement: &Judgement,
    found: &Found,
    tpm: Option<&mut Tpm>,
) -> Result<(), IoError> {
    match (tpm, judgement.floor()) {
        (Some(tpm), Some(floor)) => tpm.hold(&plan.name, &found.seen.floor, floor),
        _ => Ok(()),
    }
}

/// Lets the state partition take what its disk has more than the tables knew.
fn grow(found: &mut Found) -> Result<(), IoError> {
    if let Some(state) = &found.chosen.state
        && let Some(grown) = init::grow(&found.disk, state)?
    {
        found.chosen.state = Some(grown);
    }
    Ok(())
}

/// The disk, waited for; and what lies on it, read.
fn found(
    plan: &Plan,
    modules: &Modules,
    floor: TpmFloor,
    steps: &mut Steps,
) -> Result<Found, Finding> {
    let wait = Wait::begin();
    let mut is_mended = false;
    let (disk, chosen) = loop {
        let mut devices = Devices::look().map_err(|error| broken(&error))?;
        // Once: a disk that does not keep what is written to it would be mended for ever.
        if !is_mended && devices.mend(plan) {
            is_mended = true;
            continue;
        }
        let mut finding = match choose(plan, &devices.disks) {
            Ok(chosen) => {
                let disk = devices.open.swap_remove(chosen.disk);
                let named = [
                    Some(&chosen.data),
                    Some(&chosen.tree),
                    chosen.state.as_ref(),
                ];
                let named = named.into_iter().flatten();
                // The kernel may not have read the table yet.
                let unseen = named.map(|it| disk.partition(it)).find_map(Result::err);
                match unseen {
                    None => break (disk, chosen),
                    Some(error) => broken(&error),
                }
            }
            Err(finding) => finding,
        };
        if finding.verdict != Verdict::Incomplete || !wait.next() {
            for refused in &devices.refused {
                let _ = write!(finding.message, "; {}", Escaped(refused.as_bytes()));
            }
            finding.message += &modules.told();
            return Err(finding);
        }
    };
    steps.reached("disk");
    let (material, untidy) = init::material(plan, &disk, &chosen.esp);
    let seen = Seen {
        cmdline: init::cmdline().map_err(|error| broken(&error))?,
        extras: init::extras().map_err(|error| broken(&error))?,
        material,
        untidy,
        superblock: init::superblock(&disk, &chosen.tree),
        memory: init::memory(&disk, chosen.state.as_ref()),
        floor,
    };
    steps.reached("read");
    Ok(Found { disk, chosen, seen })
}

/// Goes over to the root.
fn over(
    plan: &Plan,
    found: &Found,
    root: NewRoot,
    report: &Report,
    tpm: &mut Option<Tpm>,
    steps: &mut Steps,
) -> Result<Infallible, IoError> {
    let state = found.chosen.state.as_ref();
    let state = state.map(|state| found.disk.partition(state)).transpose()?;
    let esp = found.disk.partition(&found.chosen.esp)?;
    init::hand_over(report, &found.seen.material, &esp)?;
    root.enter(plan)?;
    init::prepare(plan, state.as_deref(), &found.seen.memory)?;
    // What was formatted now is as large as its partition.
    if let (Some(state), Memory::Kept(_)) = (&found.chosen.state, &found.seen.memory)
        && let Err(error) = init::fill(&found.disk, state)
    {
        super::agent::print(std::io::stdout(), &format!("karat: warning: {error}\n"));
    }
    steps.reached("places");
    measure(tpm, PCR_BOOT, LEAVE_INITRD)?;
    steps.reached("end");
    steps.write()?;
    Err(init::leave())
}

fn measure(tpm: &mut Option<Tpm>, pcr: u8, event: &[u8]) -> Result<(), IoError> {
    tpm.as_mut().map_or(Ok(()), |tpm| tpm.extend(pcr, event))
}

/// Something that did not work, and that nothing depends on.
fn warning(error: &dyn Display) -> Finding {
    Finding {
        verdict: Verdict::Match,
        ..broken(error)
    }
}

/// Something that should have worked, and did not.
fn broken(error: &dyn Display) -> Finding {
    Finding {
        verdict: Verdict::Incomplete,
        message: error.to_string(),
        hint: None,
    }
}

impl Failure {
    fn of(image: String, end: OnFailure, judgement: &Judgement) -> Self {
        let findings = judgement.findings().iter();
        let findings = findings.filter(|finding| finding.verdict != Verdict::Match);
        Self {
            image,
            end,
            findings: findings.cloned().collect(),
        }
    }
}

/// What the console says: the rules broken, what was found, what to do, and what happens now.
fn told(failure: &Failure) -> String {
    let mut text = format!("\nkarat: {} is not started\n", failure.image);
    for finding in &failure.findings {
        let _ = writeln!(
            text,
            "karat: {}: {}",
            finding.verdict.name(),
            // What was found may be in its own words: those of hostile documents.
            Escaped(finding.message.as_bytes())
        );
        if let Some(hint) = &finding.hint {
            let _ = writeln!(text, "karat:   {hint}");
        }
    }
    text + match failure.end {
        OnFailure::Emergency => "karat: nothing runs any more; switch the machine off\n",
        OnFailure::Poweroff => "karat: the machine is switched off\n",
        OnFailure::Previous => "karat: the machine starts again, to try the slot before\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_says_what_and_why_and_what_now() {
        let mut judgement = Judgement::without(Finding {
            verdict: Verdict::Untrusted,
            message: "both vda and vdb have partitions of this image".to_owned(),
            hint: Some("detach the disk that is a copy".to_owned()),
        });
        judgement.add(Finding {
            verdict: Verdict::Match,
            message: "only a warning".to_owned(),
            hint: None,
        });
        let failure = Failure::of("base_1".to_owned(), OnFailure::Previous, &judgement);
        assert_eq!(
            told(&failure),
            "\nkarat: base_1 is not started\n\
             karat: untrusted: both vda and vdb have partitions of this image\n\
             karat:   detach the disk that is a copy\n\
             karat: the machine starts again, to try the slot before\n"
        );
        assert!(
            !is_asked(Some("/init".as_ref())),
            "tests are no first process"
        );
        assert!(run().is_err());
    }

    #[test]
    fn what_was_found_steers_no_console() {
        // A document's own words: a key that it must not have.
        let text = "{\"\\u001b[2J\\nMATCH  / against base 1\":1}";
        let error = Plan::parse(text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains('\u{1b}'), "{error}");
        let failure = Failure::of(
            "base_1".to_owned(),
            OnFailure::Poweroff,
            &Judgement::without(broken(&error)),
        );
        let told = told(&failure);
        assert!(told.contains("\\x1b[2J\\nMATCH  /"), "{told}");
        assert!(!told.contains('\u{1b}'), "{told}");
        assert_eq!(told.lines().count(), 4, "{told}");
    }
}
