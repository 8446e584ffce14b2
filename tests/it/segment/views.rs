//! The graph and its changes, in each form.

use karat::segment::{Node, SegmentName, export};

use super::{changed, karat, loaded, sound, text, written};

fn name(text: &str) -> SegmentName {
    SegmentName::new(text).unwrap()
}

#[test]
fn a_flow_is_there_where_both_ends_state_it() {
    let loaded = loaded(&sound()).unwrap();
    let graph = &loaded.fleet.graph;
    let flows = export::flows(graph);
    let lines: Vec<&str> = flows
        .lines()
        .skip(1)
        .filter(|line| !line.contains(",dns,"))
        .collect();
    assert_eq!(
        lines,
        [
            "public,,web,frontend,tcp,443,443,https,service",
            "office,,bastion,management,tcp,22,22,ssh,admin",
            "api,internal,db,data,tcp,5432,5432,postgres,service",
            "api,internal,erp,legacy,tcp,8080,8080,soap,service",
            "bastion,management,api,internal,tcp,22,22,ssh,admin",
            "bastion,management,db,data,tcp,22,22,ssh,admin",
            "bastion,management,web,frontend,tcp,22,22,ssh,admin",
            "web,frontend,api,internal,tcp,8000,8000,http,service",
        ]
    );
    // One end alone is nothing.
    for (file, from, to) in [
        (
            "web.toml",
            "service = \"http\"\nsegment = \"api\"\nport = 8000",
            "service = \"http\"\nsegment = \"api\"\nport = 8001",
        ),
        ("api.toml", "[\"web\"]\nunit", "[\"db\"]\nunit"),
    ] {
        let fewer = super::loaded(&changed(&[(file, from, to)])).unwrap();
        assert!(!export::flows(&fewer.fleet.graph).contains("web,frontend,api"));
    }
}

#[test]
fn egress_to_everywhere_reaches_whatever_accepts() {
    let wide = changed(&[(
        "db.toml",
        "[[segment.provides]]",
        "[[segment.egress]]\nto = \"any\"\nreason = \"x\"\n[[segment.provides]]",
    )]);
    let flows = export::flows(&loaded(&wide).unwrap().fleet.graph);
    // The public service, at its port; not what is offered to others.
    assert!(
        flows.contains("db,data,web,frontend,tcp,443,443,https,service"),
        "{flows}"
    );
    assert!(flows.contains("db,data,public,,tcp,1,65535,any,egress"));
    assert!(!flows.contains("db,data,api"));
    // Addresses count where fleet.toml has them.
    let net = changed(&[
        (
            "web.toml",
            "service = \"http\"\nsegment = \"api\"\nport = 8000\n[verify",
            "service = \"http\"\nsegment = \"api\"\nport = 8000\n[[segment.egress]]\nto = \"10.1.0.0/16\"\nport = 5432\n[verify",
        ),
        ("db.toml", "[\"api\"]", "\"public\""),
        (
            "fleet.toml",
            "office = [",
            "db = [\"10.1.2.0/24\"]\noffice = [",
        ),
    ]);
    let flows = export::flows(&loaded(&net).unwrap().fleet.graph);
    assert!(
        flows.contains("web,frontend,db,data,tcp,5432,5432,postgres,service"),
        "{flows}"
    );
}

#[test]
fn what_falls_with_a_segment() {
    let loaded = loaded(&sound()).unwrap();
    let graph = &loaded.fleet.graph;
    let falls = |from: Node| -> Vec<String> {
        graph.blast(&from).keys().map(ToString::to_string).collect()
    };
    assert_eq!(falls(Node::Segment(name("web"))), ["api", "db", "erp"]);
    assert_eq!(falls(Node::Segment(name("db"))), [""; 0]);
    assert_eq!(falls(Node::Public), ["api", "db", "erp", "web"]);
    assert_eq!(
        falls(Node::Outside(name("office"))),
        ["api", "bastion", "db", "erp", "web"]
    );
    let way = &graph.blast(&Node::Segment(name("web")))[&name("db")];
    assert_eq!(way.len(), 2);
}

#[test]
fn a_difference_says_flows_and_reach() {
    let before = written(&sound());
    let after = written(&changed(&[
        (
            "api.toml",
            "segment = \"db\"\nport = 5432",
            "segment = \"db\"\nport = 5433",
        ),
        (
            "db.toml",
            "[[segment.provides]]",
            "[[segment.consumes]]\nservice = \"https\"\nsegment = \"web\"\nport = 443\n[[segment.provides]]",
        ),
    ]));
    let (a, b) = (
        before.path().to_str().unwrap(),
        after.path().to_str().unwrap(),
    );
    let said = karat(&before, &["diff", a, b, "--exit-code"]);
    assert_eq!(said.status.code(), Some(10));
    assert_eq!(
        text(said.stdout),
        "+ db -> web  tcp/443 (https)\n\
         - api -> db  tcp/5432 (postgres)\n\
         - public reaches db no more\n\
         - api reaches db no more\n\
         + db now reaches api by way of web\n\
         + db now reaches erp by way of web, api\n\
         + db now reaches web\n\
         - web reaches db no more\n"
    );
    let markdown = text(karat(&before, &["diff", a, b, "--format", "markdown"]).stdout);
    assert!(
        markdown.contains("| - | `api` | `db` | `tcp/5432` | `postgres` | service |"),
        "{markdown}"
    );
    assert!(
        markdown.contains("- `db` **now reaches** `web`\n"),
        "{markdown}"
    );
    let same = karat(&before, &["diff", a, a, "--exit-code"]);
    assert_eq!(same.status.code(), Some(0));
    assert!(text(same.stdout).starts_with("No flow changed"));
}

#[test]
fn each_form_is_the_same_each_time_and_whole_in_a_file() {
    let scratch = written(&sound());
    for format in ["text", "json", "csv", "dot", "mermaid", "svg", "html"] {
        let once = karat(
            &scratch,
            &["graph", ".", "--format", format, "--at", "2027-01-01"],
        );
        assert_eq!(once.status.code(), Some(0), "{once:?}");
        let file = format!("out.{format}");
        let again = karat(
            &scratch,
            &[
                "graph",
                ".",
                "--format",
                format,
                "--at",
                "2027-01-01",
                "-o",
                &file,
            ],
        );
        assert_eq!(again.status.code(), Some(0));
        assert_eq!(
            std::fs::read(scratch.join(&file)).unwrap(),
            once.stdout,
            "{format}"
        );
        assert!(!once.stdout.is_empty());
    }
    let matrix = std::fs::read_to_string(scratch.join("out.csv")).unwrap();
    assert!(
        matrix.starts_with("from,api,bastion,db,erp,web,dns\r\npublic,,,,,tcp/443,\r\n"),
        "{matrix}"
    );
    let page = std::fs::read_to_string(scratch.join("out.html")).unwrap();
    for part in [
        "<strong>Sound</strong>",
        "id=\"s-web\"",
        "href=\"#s-web\"",
        "tcp/8080",
        "Legacy, apart",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "it fetches nothing"
    );
}

#[test]
fn many_segments_are_drawn_by_category() {
    let mut files = sound();
    let names: Vec<&'static str> = (0..70)
        .map(|number| &*Box::leak(format!("n{number}.toml").into_boxed_str()))
        .collect();
    for file in &names {
        let name = file.trim_end_matches(".toml");
        files.insert(
            file,
            format!("extends = \"base\"\n[image]\nname = \"{name}\"\n[segment]\ncategory = \"internal\"\nsegment = \"{name}\"\nadmin_from = []\n"),
        );
    }
    let scratch = written(&files);
    let page = text(karat(&scratch, &["graph", ".", "--format", "html"]).stdout);
    assert!(
        page.contains("71 segments, 71 images"),
        "internal ones in one box"
    );
    assert!(page.contains("too many segments"));
}

#[test]
fn one_fault_of_many_templates_stands_once_with_all_its_places() {
    let mut files = sound();
    let names = [
        "n0.toml", "n1.toml", "n2.toml", "n3.toml", "n4.toml", "n5.toml", "n6.toml",
    ];
    for file in names {
        let name = file.trim_end_matches(".toml");
        files.insert(
            file,
            format!("extends = \"base\"\n[image]\nname = \"{name}\"\n[segment]\ncategory = \"internal\"\nsegment = \"{name}\"\nadmin_from = [\"bastion\"]\n"),
        );
    }
    let scratch = written(&files);
    let page = text(karat(&scratch, &["graph", ".", "--format", "html"]).stdout);
    assert!(
        page.contains("<strong>7 faults</strong>"),
        "all are counted"
    );
    let subject = "<span class=\"subject\">bastion may reach SSH and does not</span>";
    assert_eq!(page.matches(subject).count(), 1);
    assert!(page.contains("<summary>3 more places</summary>"));
    for file in names {
        assert_eq!(
            page.matches(&format!("{file}:7</code>")).count(),
            1,
            "{file}"
        );
    }
}

/// An arrow that passes behind a box looks like two of that box, and hides the flow that matters most.
#[test]
fn a_flow_past_a_category_goes_around_its_boxes() {
    let consumes = "[[segment.consumes]]\nservice = \"postgres\"\nsegment = \"db\"\nport = 5432\n[verify.facts]";
    let files = changed(&[
        ("web.toml", "[verify.facts]", consumes),
        (
            "db.toml",
            "audience = [\"api\"]",
            "audience = [\"api\", \"web\"]",
        ),
    ]);
    let scratch = written(&files);
    let drawing = text(karat(&scratch, &["graph", ".", "--format", "svg"]).stdout);
    let attribute = |line: &str, name: &str| -> String {
        let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let number = |line: &str, name: &str| attribute(line, name).parse::<i64>().unwrap();
    let of = |start: &str| drawing.lines().find(|it| it.starts_with(start)).unwrap();
    let path = of("<path class=\"way\" data-from=\"web\" data-to=\"db\"");
    // Lines along and up, and small corners: no curve across.
    let path = attribute(path, "d");
    assert!(!path.contains('C'), "{path}");
    let api = of("<g class=\"box internal\" data-name=\"api\"");
    let (_, api) = api.split_once("<rect").unwrap();
    let (left, top) = (number(api, "x"), number(api, "y"));
    let (right, bottom) = (left + number(api, "width"), top + number(api, "height"));
    // No piece of it touches the box of those between.
    let letters = ["M", "H", "V", "Q"];
    let pieces = letters.iter().fold(path.clone(), |path, letter| {
        path.replace(letter, &format!("\n{letter} "))
    });
    let mut at = (0, 0);
    for piece in pieces.lines().filter(|it| !it.is_empty()) {
        let (letter, rest) = piece.split_once(' ').unwrap();
        let to: Vec<i64> = rest.split(' ').map(|it| it.parse().unwrap()).collect();
        let to = match (letter, to.as_slice()) {
            ("H", [x]) => (*x, at.1),
            ("V", [y]) => (at.0, *y),
            ("M", [x, y]) | ("Q", [_, _, x, y]) => (*x, *y),
            other => panic!("{other:?} in {path}"),
        };
        let beside = at.0.max(to.0) < left || at.0.min(to.0) > right;
        let apart = beside || at.1.max(to.1) < top || at.1.min(to.1) > bottom;
        assert!(apart || letter == "M", "{piece} in {path}");
        at = to;
    }
}
