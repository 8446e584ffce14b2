//! Ids of other catalogues in the shipped controls and rules: that they exist, as numbers. Looked up in
//! NIST's OSCAL content (SP 800-53 revision 5), CSA's Cloud Controls Matrix 4.0 and the CIS Controls 8.

use std::collections::BTreeMap;

use karat::harden::Catalogue;
use karat::responsibility::{Kind, Matrix};

/// Families of SP 800-53, how many controls each has, and which of them were withdrawn.
const NIST: [(&str, u32, &[u32]); 20] = [
    ("AC", 25, &[13, 15]),
    ("AT", 6, &[5]),
    ("AU", 16, &[15]),
    ("CA", 9, &[4]),
    ("CM", 14, &[]),
    ("CP", 13, &[5]),
    ("IA", 13, &[]),
    ("IR", 10, &[10]),
    ("MA", 7, &[]),
    ("MP", 8, &[]),
    ("PE", 23, &[7]),
    ("PL", 11, &[3, 5, 6]),
    ("PM", 32, &[]),
    ("PS", 9, &[]),
    ("PT", 8, &[]),
    ("RA", 10, &[4]),
    ("SA", 23, &[6, 7, 12, 13, 14, 18, 19]),
    ("SC", 51, &[9, 14, 19, 33]),
    ("SI", 23, &[9]),
    ("SR", 12, &[]),
];

/// Enhancements that were looked up, each of them in force.
const ENHANCEMENTS: [&str; 22] = [
    "AC-6(1)", "AC-6(5)", "AC-6(7)", "AC-17(2)", "CA-2(1)", "CM-2(3)", "CM-4(1)", "CM-7(1)",
    "CP-9(1)", "IA-2(1)", "IA-2(2)", "IA-5(1)", "IA-5(7)", "SA-9(5)", "SA-10(1)", "SC-5(2)",
    "SC-7(5)", "SC-7(21)", "SC-8(1)", "SC-28(1)", "SI-7(1)", "SI-7(15)",
];

/// One more, which is about people's own data.
const PRIVACY: &str = "SI-18(4)";

/// Domains of the matrix, and how many controls each has: 197.
const CCM: [(&str, u32); 17] = [
    ("A&A", 6),
    ("AIS", 7),
    ("BCR", 11),
    ("CCC", 9),
    ("CEK", 21),
    ("DCS", 15),
    ("DSP", 19),
    ("GRC", 8),
    ("HRS", 13),
    ("IAM", 16),
    ("IPY", 4),
    ("IVS", 9),
    ("LOG", 13),
    ("SEF", 8),
    ("STA", 14),
    ("TVM", 10),
    ("UEM", 14),
];

/// How many safeguards each of the 18 controls has: 153.
const CIS: [u32; 18] = [5, 7, 14, 12, 6, 8, 7, 12, 7, 7, 5, 8, 11, 9, 7, 14, 9, 5];

/// Whether a control, or an enhancement, is in force.
fn nist(id: &str) -> bool {
    let (base, enhancement) = match id.split_once('(') {
        Some((base, _)) => (base, true),
        None => (id, false),
    };
    let Some((family, number)) = base.split_once('-') else {
        return false;
    };
    let number: u32 = number.parse().unwrap_or(0);
    let known = NIST.iter().any(|(name, most, withdrawn)| {
        *name == family && (1..=*most).contains(&number) && !withdrawn.contains(&number)
    });
    known && (!enhancement || ENHANCEMENTS.contains(&id) || id == PRIVACY)
}

fn ccm(id: &str) -> bool {
    let (domain, number) = id.rsplit_once('-').unwrap();
    let number: u32 = number.parse().unwrap();
    let most = CCM.iter().find(|(name, _)| *name == domain);
    most.is_some_and(|(_, most)| (1..=*most).contains(&number))
}

fn cis(id: &str) -> bool {
    let (control, safeguard) = id.split_once('.').unwrap();
    let control: usize = control.parse().unwrap();
    let most = CIS.get(control.wrapping_sub(1));
    most.is_some_and(|most| (1..=*most).contains(&safeguard.parse().unwrap()))
}

#[test]
fn the_lists_are_whole() {
    assert_eq!(CCM.iter().map(|(_, count)| count).sum::<u32>(), 197);
    assert_eq!(CIS.iter().sum::<u32>(), 153);
    assert!(nist("CM-6") && nist("SC-7(21)") && nist("SI-18(4)"));
    for other in ["AC-13", "CM-15", "XX-1", "SC-7(99)", "AC-0", "CM"] {
        assert!(!nist(other), "{other}");
    }
    assert!(ccm("CEK-21") && !ccm("CEK-22") && !ccm("IPY-05"));
    assert!(cis("3.14") && !cis("3.15") && !cis("19.1") && !cis("0.1"));
}

#[test]
fn every_id_of_a_shipped_control_exists() {
    let matrix = Matrix::shipped().unwrap();
    let mut used: BTreeMap<&str, u32> = BTreeMap::new();
    for control in matrix.controls() {
        let ids = &control.ids;
        let asked = control.evidence.iter().flat_map(|need| &need.nist);
        for id in ids.nist.iter().chain(asked) {
            assert!(nist(id), "{}: NIST {id}", control.id);
            *used.entry(id).or_default() += 1;
        }
        for id in &ids.ccm {
            assert!(ccm(id), "{}: CCM {id}", control.id);
        }
        for id in &ids.cis {
            assert!(cis(id), "{}: CIS {id}", control.id);
        }
        let once = |ids: &[String]| {
            let mut sorted = ids.to_vec();
            sorted.sort();
            sorted.dedup();
            sorted.len() == ids.len()
        };
        assert!(
            once(&ids.nist) && once(&ids.ccm) && once(&ids.cis),
            "{}",
            control.id
        );
    }
    // What was looked up is used: the list says nothing about others.
    for id in ENHANCEMENTS.iter().chain([&PRIVACY]) {
        assert!(used.contains_key(id), "{id}");
    }
}

#[test]
fn every_domain_of_the_matrix_has_controls() {
    let matrix = Matrix::shipped().unwrap();
    for (domain, _) in CCM {
        assert!(
            matrix.controls().any(|it| it.domain() == domain),
            "{domain}"
        );
    }
}

#[test]
fn rules_refer_to_controls_that_exist() {
    let catalogue = Catalogue::shipped().unwrap();
    for rule in catalogue.rules() {
        for id in rule.refs.get("nist").into_iter().flatten() {
            let id = match id.split_once('.') {
                Some((base, number)) => format!("{base}({number})"),
                None => id.clone(),
            };
            assert!(nist(&id), "{}: NIST {id}", rule.id);
        }
    }
    // And what a control asks for by such an id some rule can give.
    let matrix = Matrix::shipped().unwrap();
    let given: Vec<&String> = catalogue
        .rules()
        .filter_map(|rule| rule.refs.get("nist"))
        .flatten()
        .collect();
    for control in matrix.controls() {
        let rules = control.evidence.iter().filter(|it| it.kind == Kind::Rules);
        for id in rules.flat_map(|need| &need.nist) {
            assert!(
                given.contains(&id),
                "{}: no rule refers to {id}",
                control.id
            );
        }
    }
}
