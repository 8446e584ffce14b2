//! Every rule has a fleet that breaks it, and the fault points at its line.

use std::collections::BTreeSet;

use karat::ops::segment::SegmentError;
use karat::segment::{Rule, Segment};
use karat::template::{Code, Template};

use super::{Files, WEB, changed, karat, loaded, sound, text, written};

const DAY: &str = "2027-01-01";

/// Rule, file, and what the line that is pointed at holds.
type Fault = (Rule, &'static str, &'static str);

fn faults(files: &Files) -> Vec<(Rule, String, String)> {
    let loaded = loaded(files).unwrap_or_else(|error| panic!("{error}"));
    let found = loaded.check(DAY).into_iter();
    found
        .map(|it| {
            let file = it.location.file.rsplit('/').next().unwrap().to_owned();
            assert!(it.location.line > 0, "{it}");
            (it.rule, file, it.location.text)
        })
        .collect()
}

fn breaks(what: &str, files: &Files, expected: &[Fault], covered: &mut BTreeSet<Rule>) {
    let found = faults(files);
    let shown = format!("{what}: {found:#?}");
    assert_eq!(found.len(), expected.len(), "{shown}");
    for (rule, file, line) in expected {
        let hit = found
            .iter()
            .any(|(r, f, text)| r == rule && f == file && text.contains(line));
        assert!(hit, "{rule} {file} {line:?} in {shown}");
        covered.insert(*rule);
    }
}

#[test]
fn a_sound_fleet_has_no_faults() {
    assert_eq!(faults(&sound()), []);
}

#[test]
fn every_rule_can_be_broken_and_points_at_its_line() {
    use Rule::{
        KS101, KS102, KS103, KS104, KS105, KS106, KS107, KS108, KS109, KS110, KS111, KS112, KS113,
        KS114, KS115, KS116, KS117, KS118,
    };
    let mut covered = BTreeSet::new();
    let mut check = |what: &str, files: &Files, expected: &[Fault]| {
        breaks(what, files, expected, &mut covered);
    };

    let mut files = sound();
    let lone = "extends = \"base\"\n[image]\nname = \"lone\"\n[segment]\ncategory = \"internal\"\nadmin_from = []\n";
    files.insert("lone.toml", lone.to_owned());
    check(
        "a category alone",
        &files,
        &[(KS101, "lone.toml", "category")],
    );

    let nowhere = changed(&[(
        "api.toml",
        "[\"web\"]\nunit",
        "[\"nowhere\", \"web\"]\nunit",
    )]);
    check(
        "an unknown segment",
        &nowhere,
        &[(KS102, "api.toml", "name = \"http\"")],
    );

    let other = changed(&[("web.toml", "service = \"http\"", "service = \"htpp\"")]);
    let expected = [
        (KS103, "web.toml", "htpp"),
        (KS106, "api.toml", "name = \"http\""),
    ];
    check("another service", &other, &expected);

    let port = changed(&[("web.toml", "port = 8000", "port = 8001")]);
    let expected = [
        (KS104, "web.toml", "service = \"http\""),
        (KS106, "api.toml", "name = \"http\""),
        (KS118, "fleet.toml", "[[must_permit]]"),
    ];
    check("another port", &port, &expected);
    let udp = changed(&[("web.toml", "port = 8000", "port = 8000\nproto = \"udp\"")]);
    check("another transport", &udp, &expected);

    let audience = changed(&[("api.toml", "[\"web\"]\nunit", "\"segment\"\nunit")]);
    let expected = [
        (KS105, "web.toml", "service = \"http\""),
        (KS106, "api.toml", "name = \"http\""),
        (KS118, "fleet.toml", "[[must_permit]]"),
    ];
    check("not in the audience", &audience, &expected);

    let open = changed(&[("api.toml", "[\"web\"]\nunit", "[\"db\", \"web\"]\nunit")]);
    check(
        "open for nobody",
        &open,
        &[(KS106, "api.toml", "name = \"http\"")],
    );
    let admin = changed(&[("erp.toml", "admin_from = []", "admin_from = [\"api\"]")]);
    check(
        "SSH open for nobody",
        &admin,
        &[(KS106, "erp.toml", "admin_from")],
    );

    let mut files = sound();
    let second = "extends = \"base\"\n[image]\nname = \"two\"\n[segment]\ncategory = \"internal\"\nsegment = \"web\"\nadmin_from = [\"bastion\"]\n";
    files.insert("web2.toml", second.to_owned());
    check(
        "two categories",
        &files,
        &[(KS107, "web2.toml", "category")],
    );
    let mixed = changed(&[(
        "db.toml",
        "lifecycle = \"current\"",
        "lifecycle = \"legacy\"",
    )]);
    let expected = [
        (KS107, "db.toml", "lifecycle"),
        (KS108, "db.toml", "category"),
        (KS108, "db.toml", "name = \"postgres\""),
        (KS108, "db.toml", "admin_from"),
    ];
    check("legacy among current", &mixed, &expected);

    let past = changed(&[
        ("erp.toml", "admin_from = []", "admin_from = [\"bastion\"]"),
        (
            "bastion.toml",
            "[[segment.consumes]]",
            "[[segment.consumes]]\nservice = \"ssh\"\nsegment = \"erp\"\nport = 22\n[[segment.consumes]]",
        ),
    ]);
    check(
        "past the gateway",
        &past,
        &[(KS108, "erp.toml", "admin_from")],
    );

    let direct = changed(&[
        ("db.toml", "[\"api\"]", "[\"api\", \"web\"]"),
        (
            "web.toml",
            "[verify.facts]",
            "[[segment.consumes]]\nservice = \"postgres\"\nsegment = \"db\"\nport = 5432\n[verify.facts]",
        ),
    ]);
    let expected = [
        (KS109, "db.toml", "name = \"postgres\""),
        (KS118, "fleet.toml", "[[must_deny]]"),
    ];
    check("a front end at data", &direct, &expected);

    let public = changed(&[("api.toml", "[\"web\"]\nunit", "\"public\"\nunit")]);
    check(
        "public and internal",
        &public,
        &[(KS110, "api.toml", "name = \"http\"")],
    );

    let managed = changed(&[
        (
            "bastion.toml",
            "[[segment.consumes]]",
            "[[segment.provides]]\nname = \"metrics\"\nport = 9090\naudience = [\"api\"]\n[[segment.consumes]]",
        ),
        (
            "api.toml",
            "[[segment.consumes]]",
            "[[segment.consumes]]\nservice = \"metrics\"\nsegment = \"bastion\"\nport = 9090\n[[segment.consumes]]",
        ),
    ]);
    check(
        "reaching management",
        &managed,
        &[(KS111, "bastion.toml", "name = \"metrics\"")],
    );

    let anybody = changed(&[("bastion.toml", "admin_from = [\"office\"]\n", "")]);
    check(
        "SSH for anybody",
        &anybody,
        &[(KS112, "bastion.toml", "[segment]")],
    );

    let package = changed(&[("web.toml", "[\"nginx\"]", "[\"nginx\", \"postgresql-17\"]")]);
    check(
        "a database in a front end",
        &package,
        &[(KS113, "web.toml", "postgresql-17")],
    );
    let unit = changed(&[(
        "web.toml",
        "[\"nginx.service\"]",
        "[\"mariadb.service\", \"nginx.service\"]",
    )]);
    check("its unit", &unit, &[(KS113, "web.toml", "mariadb.service")]);
    let own = changed(&[(
        "api.toml",
        "admin_from",
        "forbid_packages = [\"openssh*\"]\nadmin_from",
    )]);
    check(
        "forbidden by itself",
        &own,
        &[(KS113, "base.toml", "openssh-server")],
    );

    let exposed = changed(&[("web.toml", "= 3.0", "= 9.6")]);
    check("too exposed", &exposed, &[(KS114, "web.toml", "9.6")]);
    let free = changed(&[("web.toml", "exposure = { \"nginx.service\" = 3.0 }\n", "")]);
    check(
        "no ceiling",
        &free,
        &[(KS114, "web.toml", "name = \"https\"")],
    );

    let deaf = changed(&[("web.toml", "\"tcp *:443\"", "\"tcp loopback:443\"")]);
    check(
        "provided, not listening",
        &deaf,
        &[(KS115, "web.toml", "name = \"https\"")],
    );
    let loud = changed(&[("web.toml", "\"tcp *:443\"", "\"tcp *:443\", \"tcp *:8080\"")]);
    check(
        "listening, not provided",
        &loud,
        &[(KS115, "web.toml", "[segment]")],
    );
    let masked = changed(&[("web.toml", "enable", "mask")]);
    check(
        "masked",
        &masked,
        &[(KS115, "web.toml", "name = \"https\"")],
    );

    let any = changed(&[(
        "api.toml",
        "[[segment.consumes]]",
        "[[segment.egress]]\nto = \"any\"\nport = 443\n[[segment.consumes]]",
    )]);
    check(
        "out to anywhere",
        &any,
        &[(KS116, "api.toml", "to = \"any\"")],
    );
    let halves = changed(&[(
        "api.toml",
        "[[segment.consumes]]",
        "[[segment.egress]]\nto = \"0.0.0.0/1\"\n[[segment.egress]]\nto = \"128.0.0.0/1\"\n[[segment.consumes]]",
    )]);
    let expected = [
        (KS116, "api.toml", "0.0.0.0/1"),
        (KS116, "api.toml", "128.0.0.0/1"),
    ];
    check("out by halves", &halves, &expected);

    let old = changed(&[("web.toml", "2028-08-09", "2026-12-31")]);
    check("out of support", &old, &[(KS117, "web.toml", "2026-12-31")]);

    let denied = changed(&[(
        "fleet.toml",
        "[[must_permit]]",
        "[[must_deny]]\nfrom = \"web\"\nto = \"db\"\nindirect = true\n[[must_permit]]",
    )]);
    check(
        "denied by way of others",
        &denied,
        &[(KS118, "fleet.toml", "[[must_deny]]")],
    );
    let ghost = changed(&[("fleet.toml", "from = \"web\"", "from = \"wep\"")]);
    check(
        "a demand about nobody",
        &ghost,
        &[(KS118, "fleet.toml", "[[must_permit]]")],
    );

    let all: BTreeSet<Rule> = Rule::ALL.iter().copied().collect();
    assert_eq!(covered, all);
}

#[test]
fn with_a_reason_and_by_its_day_the_same_is_sound() {
    let reason = changed(&[(
        "api.toml",
        "[[segment.consumes]]",
        "[[segment.egress]]\nto = \"any\"\nport = 443\nreason = \"webhooks\"\n[[segment.consumes]]",
    )]);
    assert_eq!(faults(&reason), []);
    let loaded = loaded(&sound()).unwrap();
    assert_eq!(loaded.check("2028-08-09"), []);
    let late = loaded.check("2028-08-10");
    assert_eq!(late.len(), 1, "{late:?}");
}

#[test]
fn the_command_prints_lines_and_ends_with_ten() {
    let scratch = written(&sound());
    let good = karat(&scratch, &["check", ".", "--at", DAY]);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let broken = written(&changed(&[("web.toml", "= 3.0", "= 9.6")]));
    let bad = karat(&broken, &["check", ".", "--at", DAY]);
    assert_eq!(bad.status.code(), Some(10));
    let said = text(bad.stderr);
    assert!(
        said.contains("error KS114") && said.contains("exposure = {"),
        "{said}"
    );
    assert!(said.contains("^^^") && said.contains("= help:"), "{said}");
    assert_eq!(
        text(bad.stdout),
        "1 fault in 5 templates in 5 segments, 18 flows\n"
    );

    // Faults of a template are faults of the template, and nothing to check is an error.
    let faulty = written(&changed(&[("web.toml", "port = 443", "port = 70000")]));
    let failed = karat(&faulty, &["check", "."]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(failed.stderr).contains("T006"));
    let nobody = karat(&scratch, &["check", "base.toml"]);
    assert_eq!(nobody.status.code(), Some(1), "it has no name");
    let mut none = sound();
    none.retain(|name, _| *name == "base.toml");
    let none = written(&none);
    assert_eq!(karat(&none, &["check", "."]).status.code(), Some(2));
    assert_eq!(
        karat(&scratch, &["check", ".", "--at", "soon"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn a_fault_of_a_parent_is_said_once() {
    let broken = changed(&[("base.toml", "to = \"dns\"", "to = \"DNS\"")]);
    let Err(SegmentError::Template(found)) = loaded(&broken) else {
        panic!("a fault was missed");
    };
    assert_eq!(found.0.len(), 1, "{found}");
    assert_eq!(found.0[0].code, Code::T006);
}

#[test]
fn demands_have_a_grammar() {
    for (from, to) in [
        ("outside", "outsiders"),
        ("[\"office\"]", "[\"Office\"]"),
        ("192.0.2.0/24", "192.0.2.1/24"),
        ("office = [", "Office = ["),
        ("from = \"web\"", "from = \"category:web\""),
        ("port = 8000", "port = 0"),
        ("to = \"api\"\n", ""),
    ] {
        let broken = changed(&[("fleet.toml", from, to)]);
        let found = match loaded(&broken) {
            Err(SegmentError::Template(found)) => found,
            other => panic!("{from}: {other:?}"),
        };
        assert!(found.0[0].location.file.ends_with("fleet.toml"), "{found}");
        assert!(found.0[0].location.line > 0, "{found}");
    }
}

/// A template of `[segment]` alone.
fn segment(text: &str) -> Result<Segment, Vec<Code>> {
    let whole =
        format!("[image]\nname = \"x\"\nversion = \"1\"\n[source]\nsuite = \"trixie\"\n{text}");
    crate::template::resolve(&[("x.toml", &whole)])
        .map(|template: Template| template.segment)
        .map_err(|found| found.0.into_iter().map(|it| it.code).collect())
}

#[test]
fn what_a_segment_may_state_and_what_not() {
    let whole = "[segment]\ncategory = \"legacy\"\nsegment = \"s\"\nlifecycle = \"legacy\"\neol = \"2028-08-09\"\n\
        data_class = \"restricted\"\nadmin_from = [\"b\", \"a\"]\ngateway = \"g\"\nforbid_packages = [\"x*\"]\n\
        exposure.\"a.service\" = 3\n[[segment.provides]]\nname = \"p\"\nport = \"8000-8010\"\nproto = \"udp\"\n\
        audience = [\"c\", \"b\"]\n[[segment.egress]]\nto = \"10.0.0.0/8\"\nport = 443\n";
    let stated = segment(whole).unwrap();
    let admins: Vec<String> = stated
        .admin_from
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(admins, ["a", "b"]);
    assert_eq!(stated.exposure.values().next().unwrap().to_string(), "3.0");
    assert_eq!(stated.provides[0].port.to_string(), "8000-8010");
    assert_eq!(segment("").unwrap(), Segment::default());

    for (bad, code) in [
        ("[segment]\ndata_class = \"secret\"\n", Code::T006),
        ("[segment]\nsegment = \"public\"\n", Code::T006),
        ("[segment]\nadmin_from = \"a\"\n", Code::T004),
        ("[segment]\ngateway = \"a\"\n", Code::T012),
        ("[segment]\nexposure = { a = 3.0 }\n", Code::T006),
        (
            "[segment]\nexposure = { \"a.service\" = 10.1 }\n",
            Code::T006,
        ),
        (
            "[segment]\nexposure = { \"a.service\" = inf }\n",
            Code::T006,
        ),
        (
            "[[segment.provides]]\nname = \"p\"\nport = 1\naudience = \"public\"\n",
            Code::T005,
        ),
        (
            "[segment]\nsegment = \"s\"\n[[segment.provides]]\nname = \"p\"\nport = 1\n",
            Code::T005,
        ),
        (
            "[segment]\nsegment = \"s\"\n[[segment.provides]]\nname = \"p\"\naudience = \"public\"\n",
            Code::T005,
        ),
        (
            "[segment]\nsegment = \"s\"\n[[segment.provides]]\nname = \"ssh\"\nport = 1\naudience = \"public\"\n",
            Code::T006,
        ),
        (
            "[segment]\nsegment = \"s\"\n[[segment.provides]]\nname = \"p\"\nport = 0\naudience = \"public\"\n",
            Code::T006,
        ),
        (
            "[segment]\nsegment = \"s\"\n[[segment.provides]]\nname = \"p\"\nport = 0o17\naudience = \"public\"\n",
            Code::T006,
        ),
        (
            "[segment]\nsegment = \"s\"\n[[segment.provides]]\nname = \"p\"\nport = 1\naudience = []\n",
            Code::T006,
        ),
        (
            "[segment]\nsegment = \"s\"\n[[segment.provides]]\nname = \"p\"\nport = 1\naudience = \"web\"\n",
            Code::T006,
        ),
        (
            "[segment]\nsegment = \"s\"\n[[segment.consumes]]\nservice = \"p\"\nport = 1\n",
            Code::T005,
        ),
        ("[[segment.egress]]\nto = \"10.0.0.1/8\"\n", Code::T006),
        ("[[segment.egress]]\nto = \"web\"\n", Code::T005),
        (
            "[[segment.egress]]\nto = \"any\"\nreason = \" \"\n",
            Code::T006,
        ),
        (
            "[[segment.egress]]\nto = \"dns\"\n[[segment.egress]]\nto = \"dns\"\n",
            Code::T011,
        ),
    ] {
        let found = segment(bad).unwrap_err();
        assert!(found.contains(&code), "{bad}: {found:?}");
    }
}

#[test]
fn a_template_shows_what_its_segment_states_and_digests_it() {
    let resolve = |web: &str| {
        crate::template::resolve(&[("web.toml", web), ("base.toml", super::BASE)]).unwrap()
    };
    let template = resolve(WEB);
    let shown = template.to_toml();
    for line in [
        "[[segment.provides]]",
        "[[segment.egress]]",
        "service = \"http\"",
        "\"nginx.service\" = \"3.0\"",
    ] {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
    for (from, to) in [
        ("port = 443", "port = 444"),
        ("= 3.0", "= 3.1"),
        ("[\"bastion\"]", "[]"),
        ("admin_from = [\"bastion\"]\n", ""),
        ("\"public\"\nunit", "\"segment\"\nunit"),
    ] {
        assert!(WEB.contains(from));
        let other = resolve(&WEB.replacen(from, to, 1));
        assert_ne!(other.digest(), template.digest(), "{from}");
        assert_eq!(other.resolution_digest(), template.resolution_digest());
    }
}
