//! Rules of the resolver, one by one.

use std::fmt::Write as _;

use super::*;
use crate::deb::{Source, Universe};

/// A stanza for each line of `name[=version]` and its other fields, separated by semicolons.
fn index(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        let mut fields = line.split(';').map(str::trim);
        let package = fields.next().unwrap();
        let (name, version) = package.split_once('=').unwrap_or((package, "1"));
        let digest = crate::digest::Digest::of(line.as_bytes());
        let fields: Vec<_> = fields.collect();
        let architecture = if fields.iter().any(|field| field.starts_with("Architecture")) {
            ""
        } else {
            "Architecture: amd64\n"
        };
        let fields = fields.join("\n");
        write!(
            text,
            "Package: {name}\nVersion: {version}\n{architecture}Filename: pool/{name}.deb\nSize: 1\n\
             SHA256: {digest}\n{fields}\n\n",
        )
        .unwrap();
    }
    text
}

fn universe(sources: &[(&str, i16, &[&str])]) -> Universe {
    let mut universe = Universe::new();
    for (name, priority, lines) in sources {
        let source = Source {
            priority: *priority,
            codename: (*name).to_owned(),
            ..Source::named(name)
        };
        universe.add(source, index(lines)).unwrap();
    }
    universe
}

fn request(roots: &[&str]) -> Request {
    let mut request = Request::new("amd64".parse().unwrap());
    request.roots = roots.iter().map(|root| root.parse().unwrap()).collect();
    request
}

/// What `request` chooses, as `name=version`, without `=1`.
fn choose(universe: &Universe, request: &Request) -> Result<Vec<String>, ResolveError> {
    let resolution = resolve(universe, request)?;
    let chosen = resolution.packages.iter().map(|chosen| {
        let record = universe.record(chosen.record).unwrap();
        match record.version() {
            "1" => record.name().to_owned(),
            version => format!("{}={version}", record.name()),
        }
    });
    Ok(chosen.collect())
}

/// What `roots` choose from one source.
fn from(lines: &[&str], roots: &[&str]) -> Result<Vec<String>, ResolveError> {
    choose(&universe(&[("main", 500, lines)]), &request(roots))
}

macro_rules! chosen {
    ($lines:expr, $roots:expr, $expected:expr) => {{
        let expected: &[&str] = &$expected;
        assert_eq!(from(&$lines, &$roots).unwrap(), expected);
    }};
}

#[test]
fn dependencies_and_pre_dependencies_are_followed() {
    chosen!(
        [
            "aa; Depends: bb; Pre-Depends: cc",
            "bb; Depends: dd",
            "cc",
            "dd",
            "ee"
        ],
        ["aa"],
        ["aa", "bb", "cc", "dd"]
    );
}

#[test]
fn cycles_are_fine() {
    chosen!(["aa; Depends: bb", "bb; Depends: aa"], ["aa"], ["aa", "bb"]);
}

#[test]
fn essential_and_required_packages_are_always_chosen() {
    chosen!(
        [
            "aa; Essential: yes; Depends: lib",
            "bb; Priority: required",
            "cc; Priority: important",
            "lib"
        ],
        [],
        ["aa", "bb", "lib"]
    );
}

#[test]
fn a_base_package_that_pins_forbid_is_refused() {
    let universe = universe(&[("main", 500, &["aa; Priority: required", "bb"])]);
    let mut request = request(&["bb"]);
    request.pins.push(Pin::new("aa", "version *", -1).unwrap());
    assert!(matches!(
        choose(&universe, &request),
        Err(ResolveError::NoCandidate { name, .. }) if name == "aa"
    ));
}

#[test]
fn the_first_alternative_is_preferred() {
    chosen!(["aa; Depends: cc | bb", "bb", "cc"], ["aa"], ["aa", "cc"]);
    chosen!(
        ["aa; Depends: cc (>= 2) | bb", "bb", "cc"],
        ["aa"],
        ["aa", "bb"]
    );
    chosen!(["aa; Depends: zz | bb", "bb"], ["aa"], ["aa", "bb"]);
}

#[test]
fn an_alternative_that_is_wanted_anyway_is_preferred() {
    chosen!(
        ["aa; Depends: cc | bb", "bb", "cc"],
        ["aa", "bb"],
        ["aa", "bb"]
    );
    chosen!(
        ["aa; Depends: cc | bb", "bb", "cc"],
        ["bb", "aa"],
        ["aa", "bb"]
    );
}

#[test]
fn an_alternative_that_cannot_be_installed_is_passed_over_with_all_it_brought() {
    chosen!(
        [
            "aa; Depends: bb | cc",
            "bb; Depends: ok, dd",
            "cc",
            "dd; Depends: zz",
            "ok"
        ],
        ["aa"],
        ["aa", "cc"]
    );
}

#[test]
fn a_package_goes_before_those_that_provide_its_name() {
    chosen!(
        ["aa; Depends: bb", "bb", "cc; Provides: bb"],
        ["aa"],
        ["aa", "bb"]
    );
    chosen!(
        ["aa; Depends: bb", "cc; Provides: bb"],
        ["aa"],
        ["aa", "cc"]
    );
}

#[test]
fn providers_are_chosen_by_priority_then_by_apt_s_numbers() {
    chosen!(
        [
            "aa; Depends: vv",
            "bb; Provides: vv; Priority: optional",
            "cc; Provides: vv; Priority: standard",
            "dd; Provides: vv; Priority: optional"
        ],
        ["aa"],
        ["aa", "cc"]
    );
    // The one that the index mentions last.
    chosen!(
        ["aa; Depends: vv", "bb; Provides: vv", "cc; Provides: vv"],
        ["aa"],
        ["aa", "cc"]
    );
    chosen!(
        [
            "a0; Suggests: cc",
            "aa; Depends: vv",
            "bb; Provides: vv",
            "cc; Provides: vv"
        ],
        ["aa"],
        ["aa", "bb"]
    );
}

#[test]
fn only_versioned_provides_meet_versioned_relations() {
    chosen!(
        [
            "aa; Depends: vv (>= 2) | dd",
            "bb; Provides: vv",
            "cc; Provides: vv (= 1)",
            "dd"
        ],
        ["aa"],
        ["aa", "dd"]
    );
    chosen!(
        ["aa; Depends: vv (>= 2)", "cc=1; Provides: vv (= 2)"],
        ["aa"],
        ["aa", "cc"]
    );
}

#[test]
fn any_needs_a_package_that_allows_it() {
    chosen!(
        ["aa; Depends: bb:any", "bb; Multi-Arch: allowed"],
        ["aa"],
        ["aa", "bb"]
    );
    chosen!(
        [
            "aa; Depends: vv:any",
            "bb; Provides: vv; Multi-Arch: allowed"
        ],
        ["aa"],
        ["aa", "bb"]
    );
    assert!(from(&["aa; Depends: bb:any", "bb; Multi-Arch: foreign"], &["aa"]).is_err());
    chosen!(["aa; Depends: bb:amd64", "bb"], ["aa"], ["aa", "bb"]);
    assert!(from(&["aa; Depends: bb:arm64", "bb"], &["aa"]).is_err());
}

#[test]
fn packages_of_other_architectures_do_not_count() {
    let lines = [
        "aa; Depends: bb | cc",
        "bb; Architecture: arm64",
        "cc; Architecture: all",
    ];
    chosen!(lines, ["aa"], ["aa", "cc"]);
    assert_eq!(
        from(&lines, &["bb"]),
        Err(ResolveError::Unknown("bb".into()))
    );
}

#[test]
fn recommended_packages_are_chosen_where_they_are_wanted() {
    let universe = universe(&[(
        "main",
        500,
        &[
            "aa; Recommends: bb, zz, cc | dd; Suggests: ee",
            "bb",
            "cc; Depends: zz",
            "dd",
            "ee",
        ],
    )]);
    let mut request = request(&["aa"]);
    assert_eq!(choose(&universe, &request).unwrap(), ["aa"]);
    request.recommends = true;
    assert_eq!(choose(&universe, &request).unwrap(), ["aa", "bb", "dd"]);
}

#[test]
fn conflicts_between_wanted_packages_are_refused_with_the_chain() {
    let lines = [
        "aa; Depends: bb",
        "bb; Conflicts: cc (<< 2)",
        "dd; Depends: ee | cc",
        "cc",
    ];
    let error = from(&lines, &["aa", "dd"]).unwrap_err().to_string();
    for part in [
        "dd 1 depends on ee | cc",
        "ee: there is no such package, and nothing provides it",
        "cc 1 cannot be chosen beside bb 1: conflicts with cc (<< 2)",
        "bb 1, because aa depends on bb",
        "aa 1 was asked for",
        "wanted: dd 1 was asked for",
    ] {
        assert!(error.contains(part), "{part:?} is not in:\n{error}");
    }
}

#[test]
fn conflicts_and_breaks_steer_the_choice_of_alternatives() {
    chosen!(
        ["aa; Depends: bb | cc", "bb; Conflicts: dd", "cc", "dd"],
        ["aa", "dd"],
        ["aa", "cc", "dd"]
    );
    chosen!(
        ["aa; Depends: bb | cc", "bb; Breaks: dd", "cc", "dd"],
        ["aa", "dd"],
        ["aa", "cc", "dd"]
    );
    chosen!(
        ["aa; Depends: bb | cc", "bb; Breaks: dd (<< 1)", "cc", "dd"],
        ["aa", "dd"],
        ["aa", "bb", "dd"]
    );
}

#[test]
fn a_package_does_not_conflict_with_itself() {
    chosen!(["aa; Provides: vv; Conflicts: vv, aa"], ["aa"], ["aa"]);
    assert!(
        from(
            &["aa; Provides: vv; Conflicts: vv", "bb; Provides: vv"],
            &["aa", "bb"]
        )
        .is_err()
    );
}

#[test]
fn replaces_chooses_and_forbids_nothing() {
    chosen!(["aa; Replaces: bb", "bb"], ["aa", "bb"], ["aa", "bb"]);
}

#[test]
fn unmet_relations_are_refused_with_what_there_is() {
    let lines = ["aa; Depends: bb", "bb; Depends: cc (>= 2), dd", "cc"];
    let error = from(&lines, &["aa"]).unwrap_err().to_string();
    assert!(error.contains("bb 1 depends on cc (>= 2)"), "{error}");
    assert!(
        error.contains("wanted: bb 1, because aa depends on bb"),
        "{error}"
    );
    let error = from(&["aa; Depends: bb (>= 2), cc", "bb"], &["aa"])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("bb (>= 2): there is only 1 (main)"),
        "{error}"
    );
    assert!(
        error.contains("cc: there is no such package, and nothing provides it"),
        "{error}"
    );
}

#[test]
fn the_highest_version_of_equal_priority_wins() {
    let universe = universe(&[
        ("old", 500, &["aa=1", "bb=2"]),
        ("new", 500, &["aa=2", "bb=1"]),
        ("experimental", 1, &["aa=3", "cc=1"]),
    ]);
    assert_eq!(
        choose(&universe, &request(&["aa", "bb"])).unwrap(),
        ["aa=2", "bb=2"]
    );
    assert_eq!(choose(&universe, &request(&["cc"])).unwrap(), ["cc"]);
}

#[test]
fn pins_set_priorities() {
    let universe = universe(&[
        ("old", 500, &["aa=1", "ab=1", "bb=1"]),
        ("new", 500, &["aa=2", "ab=2", "bb=2"]),
    ]);
    let pinned = |pins: &[(&str, &str, i16)]| {
        let mut request = request(&["aa", "ab", "bb"]);
        let pins = pins
            .iter()
            .map(|(packages, pin, priority)| Pin::new(packages, pin, *priority));
        request.pins = pins.collect::<Result<_, _>>().unwrap();
        choose(&universe, &request)
    };
    assert_eq!(
        pinned(&[("aa", "version 1*", 501)]).unwrap(),
        ["aa", "ab=2", "bb=2"]
    );
    assert_eq!(
        pinned(&[("a?", "release n=old", 501)]).unwrap(),
        ["aa", "ab", "bb=2"]
    );
    assert_eq!(
        pinned(&[("*", "release n=new", 499)]).unwrap(),
        ["aa", "ab", "bb"]
    );
    // The first pin of a kind wins, and one for packages beats one for sources.
    assert_eq!(
        pinned(&[("aa", "version 2", -1), ("aa", "version 2", 900)]).unwrap(),
        ["aa", "ab=2", "bb=2"]
    );
    assert_eq!(
        pinned(&[("*", "release n=new", -1), ("bb", "release n=new", 500)]).unwrap(),
        ["aa", "ab", "bb=2"]
    );
    assert_eq!(
        pinned(&[("bb", "version *", -1)]),
        Err(ResolveError::NoCandidate {
            name: "bb".into(),
            versions: vec!["2 (new)".into(), "1 (old)".into()]
        })
    );
}

#[test]
fn a_version_can_be_asked_for() {
    let universe = universe(&[("old", 500, &["aa=1"]), ("new", 500, &["aa=2"])]);
    assert_eq!(choose(&universe, &request(&["aa=1"])).unwrap(), ["aa"]);
    assert_eq!(choose(&universe, &request(&["aa=0:2"])).unwrap(), ["aa=2"]);
    assert_eq!(
        choose(&universe, &request(&["aa=3"])),
        Err(ResolveError::NoVersion {
            name: "aa".into(),
            version: "3".into(),
            available: vec!["2 (new)".into(), "1 (old)".into()]
        })
    );
    assert!(matches!(
        choose(&universe, &request(&["aa=1", "aa=2"])),
        Err(ResolveError::TwoVersions { .. })
    ));
    assert!(matches!(
        "aa/new".parse::<Wanted>(),
        Err(WantedError::Suite { .. })
    ));
}

#[test]
fn two_files_of_one_version_are_refused_unless_a_pin_prefers_one() {
    let universe = universe(&[
        ("one", 500, &["aa=1"]),
        ("two", 500, &["aa=1; Depends: bb", "bb"]),
    ]);
    let mut request = request(&["aa"]);
    assert_eq!(
        choose(&universe, &request),
        Err(ResolveError::Ambiguous {
            package: "aa 1".into(),
            sources: vec!["one".into(), "two".into()]
        })
    );
    request
        .pins
        .push(Pin::new("*", "release n=two", 600).unwrap());
    assert_eq!(choose(&universe, &request).unwrap(), ["aa", "bb"]);
}

#[test]
fn a_name_that_is_only_provided_stands_for_its_only_provider() {
    let lines = ["bb; Provides: vv, ww", "cc; Provides: ww"];
    chosen!(lines, ["vv"], ["bb"]);
    assert_eq!(
        from(&lines, &["ww"]),
        Err(ResolveError::Virtual {
            name: "ww".into(),
            providers: vec!["bb".into(), "cc".into()]
        })
    );
}

#[test]
fn what_counts_as_installed_is_not_chosen() {
    let universe = universe(&[(
        "main",
        500,
        &[
            "kernel; Depends: generator | initrd-tool",
            "generator; Provides: initrd-tool",
            "rival; Conflicts: initrd-tool",
        ],
    )]);
    let mut request = request(&["kernel"]);
    assert_eq!(
        choose(&universe, &request).unwrap(),
        ["generator", "kernel"]
    );
    let dummy = |name: &str| Provided {
        name: name.parse().unwrap(),
        version: "1".parse().unwrap(),
        provides: vec!["initrd-tool".parse().unwrap()],
    };
    request.provided = vec![dummy("karat-initrd")];
    assert_eq!(choose(&universe, &request).unwrap(), ["kernel"]);
    request.roots.push("rival".parse().unwrap());
    assert!(matches!(
        choose(&universe, &request),
        Err(ResolveError::ProvidedConflict { .. })
    ));
    request.provided = vec![dummy("generator")];
    assert_eq!(
        choose(&universe, &request),
        Err(ResolveError::ProvidedIsPackage("generator".into()))
    );
}

#[test]
fn bad_relations_are_refused_where_they_are_reached() {
    let lines = ["aa; Depends: bb", "bb; Depends: ../cc", "dd"];
    chosen!(lines, ["dd"], ["dd"]);
    assert!(matches!(
        from(&lines, &["aa"]),
        Err(ResolveError::Relation { package, field: "Depends", .. }) if package == "bb 1"
    ));
}

#[test]
fn every_choice_has_a_reason() {
    let universe = universe(&[(
        "main",
        500,
        &[
            "aa; Depends: bb",
            "bb; Pre-Depends: cc",
            "cc",
            "ee; Essential: yes",
        ],
    )]);
    let resolution = resolve(&universe, &request(&["aa"])).unwrap();
    let chain: Vec<_> = resolution
        .why("cc")
        .iter()
        .map(|chosen| chosen.name.as_str())
        .collect();
    assert_eq!(chain, ["cc", "bb", "aa"]);
    let reasons: Vec<_> = ["aa", "ee"]
        .map(|name| &resolution.why(name)[0].reason)
        .into();
    assert_eq!(reasons, [&Reason::Requested, &Reason::Essential]);
    assert!(resolution.why("zz").is_empty());
}

#[test]
fn an_endless_chain_is_refused_without_exhausting_the_stack() {
    let lines: Vec<String> = (0..5000)
        .map(|n| format!("p{n}; Depends: p{}", n + 1))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert!(from(&lines, &["p0"]).is_err());
    let ring: Vec<String> = (0..2000)
        .map(|n| format!("p{n}; Depends: p{}", (n + 1) % 2000))
        .collect();
    let ring: Vec<&str> = ring.iter().map(String::as_str).collect();
    assert_eq!(from(&ring, &["p0"]).unwrap().len(), 2000);
}

#[test]
fn a_maze_of_alternatives_ends() {
    // Each package needs two of the next layer, and the last layer cannot be installed.
    let mut lines: Vec<String> = (0..30)
        .flat_map(|n| {
            ["a", "b"]
                .map(|side| format!("{side}{n}; Depends: a{m} | b{m}, b{m} | a{m}", m = n + 1))
        })
        .collect();
    lines.push("a30; Depends: nothing".to_owned());
    lines.push("b30; Depends: nothing".to_owned());
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert!(matches!(
        from(&lines, &["a0"]),
        Err(ResolveError::Unsolvable(_))
    ));
}
