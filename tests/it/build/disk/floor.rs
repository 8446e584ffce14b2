//! A floor in a TPM: what the disk alone cannot tell. tpm2-tools read and remove what karat wrote.

use karat::boot::tpm::{Floor, FloorIndex, write};

use super::attacks::refused;
use super::fixture::Disk;
use super::machine::{Start, Tpm, boot};
use crate::build::boot::{has, has_not};
use crate::build::workshop::said;
use crate::support::judge;
use crate::support::schema::published;

#[test]
fn state_partition_put_back() {
    let (Some(disk), Some(swtpm), Some(read), Some(public), Some(undefine)) = (
        Disk::new("disk-floor"),
        judge("swtpm"),
        judge("tpm2_nvread"),
        judge("tpm2_nvreadpublic"),
        judge("tpm2_nvundefine"),
    ) else {
        return;
    };
    let here = disk.path("");
    let place = FloorIndex::of(&disk.plan.name);
    let handle = format!("{:#x}", place.handle());
    let floor = |serial| Floor {
        serial,
        trust_root: 1,
    };
    let started = || {
        let tpm = Tpm::new(&swtpm, &here);
        let start = Start {
            more: tpm.options(),
            ..Start::default()
        };
        boot(&disk, &start)
    };
    let report = |console: &str| {
        let line = console
            .lines()
            .find_map(|line| line.strip_prefix("REPORT "));
        published("boot-report").holds(line.unwrap())
    };
    let lost =
        "the TPM holds no floor of small: this is its first boot of it, or the floor is lost";

    // The machine's first boot with this TPM, of a disk on which serial 6 was blessed. What the running
    // system then writes there is refused: it is locked.
    disk.esp(&[("small_1.dsse.json", &disk.envelope("small", 6, 2))]);
    let lower = write(place.handle(), &place.bytes(floor(1)));
    disk.remembering(6, &[("upper/var/command", lower)]);
    let console = started();
    has(&console, &["ROOT RUNS\n", lost]);
    has(&console, &["ANSWER 80010000000a00000148\n"]);
    assert_eq!(report(&console)["rollback"]["protection"], "state only");
    has_not(&console, &["karat: "]);

    // What tpm2-tools find there.
    let output = Tpm::tell(&swtpm, &here, &read, &["-C", &handle, &handle]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, place.bytes(floor(6)));
    let (code, text) = said(&Tpm::tell(&swtpm, &here, &public, &[&handle]));
    assert_eq!(code, 0, "{text}");
    has(
        &text,
        &[
            "size: 64",
            "authwrite|writeall|write_stclear|ownerread|authread|no_da|written",
        ],
    );

    let console = started();
    has(&console, &["ROOT RUNS\n", "ANSWER 80010000000a00000148\n"]);
    has_not(&console, &["karat: ", "holds no floor"]);
    let rollback = &report(&console)["rollback"];
    assert_eq!(rollback["protection"], "tpm+state");
    assert_eq!(rollback["serial_floor"], 6);

    // The disk as it was before, which the disk cannot tell.
    disk.remembering(5, &[]);
    let tpm = Tpm::new(&swtpm, &here);
    let start = Start {
        more: tpm.options(),
        ..Start::default()
    };
    let put_back = "karat: rollback: the state partition remembers serial 5 and trust root 1 of small, \
                    and the TPM serial 6 and trust root 1: an older state was put there\n";
    refused(&disk, &start, &[put_back]);
    drop(tpm);

    // Whoever has the owner's password can remove the floor; that is said.
    let output = Tpm::tell(&swtpm, &here, &undefine, &["-C", "o", &handle]);
    assert!(output.status.success(), "{output:?}");
    let console = started();
    has(&console, &["ROOT RUNS\n", lost, "\"serial_floor\":5"]);
    assert_eq!(report(&console)["rollback"]["protection"], "state only");
}
