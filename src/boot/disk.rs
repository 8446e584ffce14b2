//! Which disk the image lies on.

use super::Plan;
use crate::appraise::{Finding, Verdict};
use crate::layout::Uuid;
use crate::layout::gpt::{Kind, Partition};

/// A disk with a partition table: hostile, and named by the kernel for messages alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The kernel's name, such as `vda`.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<Partition>,
}

/// The partitions that the plan names, all of one disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Which of the disks.
    pub disk: usize,
    /// With the file system of the root.
    pub data: Partition,
    /// With its hash tree.
    pub tree: Partition,
    /// The EFI system partition.
    pub esp: Partition,
    /// What keeps what is written, where the plan names one.
    pub state: Option<Partition>,
}

/// The partitions of the plan among `disks`.
///
/// Two disks that both have a partition of the plan are refused: nobody can tell which of them is
/// the image's, and which one's state would be believed. A clone is looked at from another machine.
///
/// # Errors
/// No disk has them all yet (`incomplete`), or more than one has some (`untrusted`).
pub fn choose(plan: &Plan, disks: &[Disk]) -> Result<Chosen, Finding> {
    let wanted = [Some(plan.root.data), Some(plan.root.tree), plan.state];
    let wanted: Vec<Uuid> = wanted.into_iter().flatten().collect();
    let claims = |disk: &&Disk| disk.partitions.iter().any(|it| wanted.contains(&it.id));
    let mut claimants = disks.iter().filter(claims);
    let (first, second) = (claimants.next(), claimants.next());
    if let (Some(first), Some(second)) = (first, second) {
        return Err(refuse(
            Verdict::Untrusted,
            format!(
                "both {} and {} have partitions of this image",
                first.name, second.name
            ),
            "detach the disk that is a copy",
        ));
    }
    let disk = disks.iter().position(|disk| claims(&disk));
    let (Some(place), Some(disk)) = (disk, first) else {
        return Err(refuse(
            Verdict::Incomplete,
            format!("no disk has the partition {}", plan.root.data),
            "attach the image's disk; a driver that the initrd lacks is named in the template",
        ));
    };
    let one = |what: &str, is: &dyn Fn(&Partition) -> bool| {
        let mut found = disk.partitions.iter().filter(|it| is(it));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one.clone()),
            (None, _) => Err(refuse(
                Verdict::Incomplete,
                format!("{} has no {what}", disk.name),
                "write the image to the disk again",
            )),
            (Some(_), Some(_)) => Err(refuse(
                Verdict::Untrusted,
                format!("{} has more than one {what}", disk.name),
                "write the image to the disk again",
            )),
        }
    };
    let named = |id: Uuid| one(&format!("partition {id}"), &|it| it.id == id);
    Ok(Chosen {
        disk: place,
        data: named(plan.root.data)?,
        tree: named(plan.root.tree)?,
        esp: one("EFI system partition", &|it| it.kind == Kind::Esp)?,
        state: plan.state.map(named).transpose()?,
    })
}

fn refuse(verdict: Verdict, message: String, hint: &str) -> Finding {
    Finding {
        verdict,
        message,
        hint: Some(hint.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::testing::plan;
    use crate::layout::gpt::Attributes;

    fn disk(name: &str, partitions: &[(Uuid, Kind)]) -> Disk {
        let partitions = partitions
            .iter()
            .zip(1..)
            .map(|((id, kind), number)| Partition {
                id: *id,
                kind: *kind,
                number,
                start: 1 << 20,
                size: 1 << 20,
                attributes: Attributes::default(),
                name: String::new(),
            });
        Disk {
            name: name.to_owned(),
            partitions: partitions.collect(),
        }
    }

    #[test]
    fn one_disk_and_no_other() {
        let plan = plan();
        let [other, esp] = [1, 2].map(|byte| Uuid::from_bytes([byte; 16]));
        let (data, tree, state) = (plan.root.data, plan.root.tree, plan.state.unwrap());
        let linux = Kind::Linux;
        let whole = [
            (esp, Kind::Esp),
            (data, linux),
            (tree, linux),
            (state, linux),
        ];
        let blank = disk("vda", &[(other, linux)]);
        let good = disk("vdb", &whole);
        let chosen = choose(&plan, &[blank.clone(), good.clone()]).unwrap();
        assert_eq!((chosen.disk, chosen.esp.number), (1, 1));
        assert_eq!(chosen.state.unwrap().number, 4);

        let fails = |disks: &[Disk]| {
            let finding = choose(&plan, disks).unwrap_err();
            (finding.verdict, finding.message)
        };
        let says = |disks: &[Disk], verdict, text: &str| {
            let (found, message) = fails(disks);
            assert_eq!(found, verdict, "{message}");
            assert!(message.contains(text), "{message}");
        };
        says(&[], Verdict::Incomplete, "no disk has the partition");
        says(&[blank], Verdict::Incomplete, "no disk has the partition");
        let twin = disk("vdc", &whole);
        says(
            &[good.clone(), twin],
            Verdict::Untrusted,
            "both vdb and vdc",
        );
        // A second disk with nothing but a state partition would have its floors believed.
        let lure = disk("vdc", &[(state, linux)]);
        says(&[good, lure], Verdict::Untrusted, "both vdb and vdc");
        let twice = disk("vdb", &[whole[0], whole[1], whole[1], whole[2], whole[3]]);
        says(&[twice], Verdict::Untrusted, "more than one partition");
        let two = disk(
            "vdb",
            &[whole[0], (other, Kind::Esp), whole[1], whole[2], whole[3]],
        );
        says(
            &[two],
            Verdict::Untrusted,
            "more than one EFI system partition",
        );
        says(
            &[disk("vdb", &whole[..3])],
            Verdict::Incomplete,
            "has no partition",
        );
        says(
            &[disk("vdb", &whole[1..])],
            Verdict::Incomplete,
            "has no EFI",
        );
    }
}
