//! Keys on a PKCS#11 token: `SoftHSM2` is the judge. `cargo test --features pkcs11 --test it token`.

use std::process::Command;

use super::bench::Bench;
use super::fixture::baseline;
use crate::support::{judge, skip};

const MODULES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
];

#[test]
fn a_token_signs_statements_and_trust_roots() {
    let Some(program) = judge("softhsm2-util") else {
        return;
    };
    let Some(module) = MODULES.iter().find(|path| std::fs::exists(path).unwrap()) else {
        skip("libsofthsm2.so not installed");
        return;
    };
    let bench = Bench::new();
    let conf = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\n",
        bench.scratch.join("tokens").display()
    );
    std::fs::create_dir(bench.scratch.join("tokens")).unwrap();
    let conf = bench.write("softhsm.conf", conf.as_bytes());
    let softhsm = |arguments: &str| {
        let mut command: Command = program.command();
        let output = command
            .args(arguments.split_whitespace())
            .current_dir(bench.scratch.path())
            .env("SOFTHSM2_CONF", &conf)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments}: {said}");
    };
    softhsm("--init-token --free --label release --pin 1234 --so-pin 5678");
    for (name, id) in [("baseline", "01"), ("root", "02")] {
        bench.ok(&format!("key new --out {name}.pem --public {name}.pub.pem"));
        softhsm(&format!(
            "--import {name}.pem --token release --pin 1234 --label {name} --id {id}"
        ));
    }
    bench.ok(
        "trust update --add-key root=root.pub.pem --add-key baseline=baseline.pub.pem,images=*",
    );
    bench.draft("web.statement.json", baseline("web", "1.0"));
    let run = |arguments: &str, pin: &str| {
        let output = bench
            .command(arguments)
            .env("SOFTHSM2_CONF", &conf)
            .env("KARAT_PKCS11_MODULE", module)
            .env("KARAT_KEY_PASSPHRASE", pin)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), said)
    };
    let sign = |uri: &str| {
        run(
            &format!("sign web.statement.json --key pkcs11:{uri}"),
            "1234",
        )
    };
    for uri in [
        "token=release;object=baseline",
        "id=%01",
        &format!("token=release;object=baseline;type=private?module-path={module}"),
    ] {
        let (code, said) = sign(uri);
        assert_eq!(code, 0, "{uri}: {said}");
    }
    assert_eq!(bench.statement("web_1.0.dsse.json").serial().get(), 1);
    let (code, said) = run("key show pkcs11:object=root --public held.pub.pem", "1234");
    assert_eq!(code, 0, "{said}");
    assert_eq!(bench.read("held.pub.pem"), bench.read("root.pub.pem"));
    // Two keys of one token in one run, and a root key there.
    let both = "trust update --expires 2030-01-01 --key pkcs11:object=root --key pkcs11:id=%02";
    let (code, said) = run(both, "1234");
    assert_eq!(code, 0, "{said}");
    assert_eq!(bench.root().version(), 3);

    for (uri, rule) in [
        ("object=nobody", "0 private Ed25519 keys on the token fit"),
        ("token=other;object=baseline", "0 tokens fit"),
        (
            "object=baseline?module-path=/nothing.so",
            "loading the library",
        ),
        (
            "object=baseline?module-path=/usr/lib/os-release",
            "loading the library",
        ),
    ] {
        let (code, said) = sign(uri);
        assert_eq!(code, 1, "{uri}");
        assert!(said.contains(rule), "{uri}: {said}");
    }
    let (code, said) = run(
        "sign web.statement.json --key pkcs11:object=baseline",
        "9999",
    );
    assert_eq!(code, 1);
    assert!(said.contains("logging in: PinIncorrect"), "{said}");
    let (code, said) = sign("object=baseline?pin-value=1234");
    assert_eq!(code, 2);
    assert!(said.contains("does not belong on a command line"), "{said}");
}
