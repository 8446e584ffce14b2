//! What others say about what is written: OSCAL by compliance-trestle, HTML by tidy and Chromium, CSV.

use std::fs;
use std::process::Command;

use super::desk::{Desk, HOLD, Image, NOW};
use crate::support::judge;

const CONTROLS: &str = r#"
[[control]]
id = "own.formula"
title = "=1+1 <script>alert(1)</script>"
ids = { nist = ["PM-1"], ccm = ["GRC-05"] }
owner = { iaas = "customer", paas = "customer", saas = "customer" }
customer = "@SUM(A1) & more"
"#;

/// All outputs of a report with a failing image, a draft, and a control that wants to be markup.
fn written(name: &str) -> Desk {
    let desk = Desk::with_web(name);
    let mut rules = HOLD.to_vec();
    rules[5] = ("sh.root", "fail");
    desk.signed(&Image {
        name: "api",
        rules: &rules,
    });
    desk.draft(&Image {
        name: "db",
        rules: HOLD,
    });
    fs::write(desk.path("own.toml"), CONTROLS).unwrap();
    desk.report(10, &everything(""));
    desk
}

fn everything(again: &str) -> String {
    format!(
        "out --log log --segments templates --controls own.toml --html {again}page.html --csv {again}all.csv \
         --oscal-component {again}component.json --oscal-results {again}results.json"
    )
}

#[test]
fn the_same_evidence_gives_the_same_bytes() {
    let desk = written("duty-same");
    desk.report(10, &everything("again-"));
    for name in ["page.html", "all.csv", "component.json", "results.json"] {
        let read = |name: String| fs::read_to_string(desk.path(&name)).unwrap();
        assert!(
            read(name.to_owned()) == read(format!("again-{name}")),
            "{name}"
        );
    }
}

#[test]
fn fields_are_no_formulas() {
    let desk = written("duty-csv");
    let text = fs::read_to_string(desk.path("all.csv")).unwrap();
    assert!(text.starts_with("state,control,title,"));
    assert!(text.contains(",'=1+1 <script>"), "the title is defused");
    assert!(text.contains(",'@SUM(A1) & more,"));
    for line in text.lines() {
        for field in line.split(',') {
            assert!(
                !field.trim_start_matches('"').starts_with(['=', '@', '+']),
                "{field}"
            );
        }
    }
    // The worst first.
    assert!(text.lines().nth(1).unwrap().starts_with("not-met,"));
}

#[test]
fn the_page_is_html_to_others() {
    let desk = written("duty-page");
    let page = fs::read_to_string(desk.path("page.html")).unwrap();
    assert!(!page.contains("<script>alert"));
    assert!(page.contains("=1+1 &lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("evidence of the builder only"));
    if let Some(tidy) = judge("tidy") {
        let output = tidy
            .command()
            .args(["-q", "-e", "--drop-empty-elements", "no"])
            .arg(desk.path("page.html"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
    }
    if let Some(chromium) = judge("chromium") {
        let output = chromium
            .command()
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
            .arg(format!(
                "--user-data-dir={}",
                desk.path("browser").display()
            ))
            .arg(format!("file://{}", desk.path("page.html").display()))
            .output()
            .unwrap();
        let dom = String::from_utf8_lossy(&output.stdout);
        // Its own script ran, and the policy let nothing else.
        assert!(dom.contains("96 of 96 rows"), "{dom}");
        assert!(!dom.contains("<script>alert"));
    }
}

#[test]
fn trestle_takes_both_documents() {
    let Some(trestle) = judge("trestle") else {
        return;
    };
    let desk = written("duty-oscal");
    let root = desk.path("trestle");
    for (from, to) in [
        (
            "component.json",
            "component-definitions/k/component-definition.json",
        ),
        (
            "results.json",
            "assessment-results/k/assessment-results.json",
        ),
    ] {
        let to = root.join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(desk.path(from), to).unwrap();
    }
    let run = |arguments: &[&str]| {
        let mut command: Command = trestle.command();
        let output = command.args(arguments).current_dir(&root).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    };
    run(&["init", "--local"]);
    let said = run(&["validate", "-a"]);
    assert_eq!(said.matches("VALID: ").count(), 2, "{said}");
    // It is no rubber stamp: a finding without its target is refused.
    let path = root.join("assessment-results/k/assessment-results.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"target\":", "\"aim\":")).unwrap();
    let output = trestle
        .command()
        .args(["validate", "-a"])
        .current_dir(&root)
        .output()
        .unwrap();
    assert!(!output.status.success());
}

#[test]
fn an_image_alone_and_no_image_with_a_name_are_documents_too() {
    let Some(trestle) = judge("trestle") else {
        return;
    };
    let desk = Desk::with_web("duty-oscal-untrusted");
    let other = Desk::new("duty-oscal-untrusted-other");
    let trust = other.path("keys/trust.json");
    let root = desk.path("trestle");
    fs::create_dir_all(root.join("assessment-results/k")).unwrap();
    fs::create_dir_all(root.join("component-definitions/k")).unwrap();
    let (code, out, err) = desk.run(&format!(
        "responsibility report out --trust {} --provider gcp --model saas --at {NOW} \
         --oscal-results trestle/assessment-results/k/assessment-results.json \
         --oscal-component trestle/component-definitions/k/component-definition.json",
        trust.display()
    ));
    assert_eq!(code, 11, "{out}{err}");
    for arguments in [&["init", "--local"][..], &["validate", "-a"]] {
        let output = trestle
            .command()
            .args(arguments)
            .current_dir(&root)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
    }
}
