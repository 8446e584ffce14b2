//! What is given as the agent, and would not run in the image.

use std::fs;

use super::workshop::Workshop;
use crate::support::{skip, toolbox};

#[test]
fn an_agent_that_would_not_run_is_refused_before_anything_is_built() {
    if std::env::consts::ARCH != "x86_64" {
        skip("the agent of this machine is another processor's");
        return;
    }
    let Some(shop) = Workshop::new("build-agent") else {
        return;
    };
    let template = "workspace/templates/small.toml";
    let text = fs::read_to_string(shop.path(template)).unwrap();
    let text = text + "\n[verify]\nagent = true\n";
    fs::write(shop.path(template), text).unwrap();
    let own = env!("CARGO_BIN_EXE_karat-agent");
    let mut other = fs::read(own).unwrap();
    // ELF's number of arm64, in the place of that of x86-64.
    other[18] = 183;
    fs::write(shop.path("other"), other).unwrap();
    fs::write(shop.path("script"), "#!/bin/sh\n").unwrap();
    let mut cases = vec![
        (
            "tar",
            "other",
            "other: the agent of an image for amd64 is a program",
        ),
        ("disk", "other", "and this one is for arm64"),
        (
            "tar",
            "script",
            "script: the agent of an image is a program, and this is none",
        ),
    ];
    // One that tests are built with is not static, unless they are built so.
    if !toolbox::libraries(own.as_ref()).is_empty() {
        cases.push(("disk", own, "it must be static, and this one loads /"));
    }
    for (format, agent, reason) in cases {
        let out = ["build", template, "-o", "out", "--format", format];
        let (code, text) = shop.run(out.iter().chain(&["--agent", agent]));
        assert_eq!(code, 1, "{text}");
        for word in [reason, "with --agent FILE"] {
            assert!(text.contains(word), "no {word:?} in {text}");
        }
        assert!(!shop.path("out").exists(), "{text}");
    }
}
