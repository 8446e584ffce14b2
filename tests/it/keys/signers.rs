//! Keys that somebody else holds: ssh-agent, a program, settings of a workspace.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use karat::envelope::Envelope;
use karat::key::{PublicKey, Signer as _, SigningKey};
use karat::sys::signer::{AgentError, AgentSigner};

use super::bench::Bench;
use super::fixture::{baseline, key};
use crate::support::{Judge, Scratch, judge};

/// OpenSSH's own agent, stopped at the end of a test.
struct Agent {
    socket: PathBuf,
    pid: String,
}

impl Agent {
    fn start(program: &Judge, directory: &Path) -> Self {
        let socket = directory.join("agent");
        let output = program.command().arg("-a").arg(&socket).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        // SSH_AGENT_PID=123; export SSH_AGENT_PID;
        let pid = text.split("SSH_AGENT_PID=").nth(1).unwrap();
        let pid = pid.split(';').next().unwrap().to_owned();
        Self { socket, pid }
    }

    fn add(&self, directory: &Path, kind: &str, name: &str) {
        let file = directory.join(name);
        let make =
            format!("ssh-keygen -q -t {kind} -N '' -C {name} -f \"$0\" && ssh-add -q \"$0\"");
        let output = std::process::Command::new("sh")
            .args(["-c", &make])
            .arg(file)
            .env("SSH_AUTH_SOCK", &self.socket)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let kill = std::process::Command::new("kill").arg(&self.pid).status();
        drop(kill);
    }
}

fn fingerprint(file: &Path) -> String {
    let output = std::process::Command::new("ssh-keygen")
        .arg("-lf")
        .arg(file)
        .output()
        .unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    line.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn openssh_agent_signs_statements_and_trust_roots() {
    let (Some(program), Some(_), Some(_)) =
        (judge("ssh-agent"), judge("ssh-add"), judge("ssh-keygen"))
    else {
        return;
    };
    let bench = Bench::new();
    let agent = Agent::start(&program, bench.scratch.path());
    let run = |arguments: &str| {
        let mut command = bench.command(arguments);
        command.env("SSH_AUTH_SOCK", &agent.socket);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), said)
    };
    let (code, said) = run("trust update --expires 2030-01-01 --key agent:");
    assert_eq!(code, 1);
    assert!(
        said.contains("it holds none") && said.contains("ssh-add -l"),
        "{said}"
    );

    agent.add(bench.scratch.path(), "ed25519", "release");
    bench.ok("trust update --add-key baseline=release.pub,images=*");
    bench.draft("web.statement.json", baseline("web", "1.0"));
    let one = fingerprint(&bench.scratch.join("release.pub"));
    let id = bench.json("key show release.pub")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for which in ["", &one, &id, &id[..8], "release.pub"] {
        let (code, said) = run(&format!("sign web.statement.json --key agent:{which}"));
        assert_eq!(code, 0, "{which}: {said}");
    }
    let statement = bench.statement("web_1.0.dsse.json");
    assert_eq!(statement.serial().get(), 1, "deterministic: one signature");
    let envelope = Envelope::parse(&bench.read("web_1.0.dsse.json")).unwrap();
    assert_eq!(envelope.signed().claims.len(), 1);

    let (code, said) = run(&format!("key show agent:{one} --public held.pub.pem"));
    assert_eq!(code, 0, "{said}");
    assert_eq!(bench.json("key show held.pub.pem")["id"], *id);

    // A root key in the agent.
    agent.add(bench.scratch.path(), "ed25519", "root");
    bench.ok("trust update --add-key root=root.pub");
    let (code, said) = run("trust update --expires 2030-01-01 --key agent:root.pub");
    assert_eq!(code, 0, "{said}");
    assert_eq!(bench.root().version(), 4);

    // Of several keys one must be named; of another algorithm none will do.
    let (code, said) = run("sign web_1.0.dsse.json --key agent:");
    assert_eq!(code, 1);
    assert!(said.contains("holds several Ed25519 keys"), "{said}");
    agent.add(bench.scratch.path(), "ecdsa", "other");
    let other = fingerprint(&bench.scratch.join("other.pub"));
    let (_, said) = run(&format!("sign web_1.0.dsse.json --key agent:{other}"));
    assert!(
        said.contains("is a key for ecdsa-sha2-nistp256, not for ssh-ed25519"),
        "{said}"
    );
    let (_, said) = run("sign web_1.0.dsse.json --key agent:SHA256:nobody");
    assert!(said.contains("holds no key SHA256:nobody"), "{said}");
    let output = bench
        .command("sign web_1.0.dsse.json --key agent:")
        .env_remove("SSH_AUTH_SOCK")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("SSH_AUTH_SOCK is not set"), "{said}");

    // The workspace may say that its key is there.
    let settings = "keys/private/signers.toml";
    bench.write(settings, format!("baseline = \"agent:{one}\"\n").as_bytes());
    bench.draft("next.statement.json", baseline("db", "1.0"));
    let (code, said) = run("sign next.statement.json");
    assert_eq!(code, 0, "{said}");
    assert!(
        bench
            .fails("sign next.statement.json")
            .1
            .contains("SSH_AUTH_SOCK")
    );
    let path = bench.write(settings, b"baselin = \"agent:\"\n");
    let (_, said) = run("sign next.statement.json");
    assert!(said.contains("\"baselin\" is no role"), "{said}");
    bench.write(settings, b"baseline = \"agent:\"\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(path, mode).unwrap();
    let (_, said) = run("sign next.statement.json");
    assert!(said.contains("lets others change it"), "{said}");
    // Where a repository could put it, it says nothing.
    std::fs::remove_file(bench.scratch.join(settings)).unwrap();
    bench.write("keys/signers.toml", b"baselin = 1\n");
    bench.ok("sign next.statement.json");
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn framed(body: &[u8]) -> Vec<u8> {
    string(body)
}

fn list(keys: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(keys.len()).unwrap().to_be_bytes();
    let keys = keys.iter().map(|key| [string(key), string(b"c")].concat());
    framed(&[[12].as_slice(), &count, &keys.collect::<Vec<_>>().concat()].concat())
}

fn blob(algorithm: &str, raw: &[u8]) -> Vec<u8> {
    [string(algorithm.as_bytes()), string(raw)].concat()
}

/// An agent that answers each connection with the next of `answers`, whatever it is asked.
fn liar(scratch: &Scratch, answers: Vec<Vec<u8>>) -> PathBuf {
    let socket = scratch.join("liar");
    drop(std::fs::remove_file(&socket));
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut length = [0; 4];
            stream.read_exact(&mut length).unwrap();
            let mut request = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
            stream.read_exact(&mut request).unwrap();
            drop(stream.write_all(&answer));
        }
    });
    socket
}

#[test]
fn an_agent_that_lies_gets_nothing_signed() {
    let scratch = Scratch::new("liar");
    let honest = key(1);
    let good = blob("ssh-ed25519", honest.public_key().as_bytes());
    let any = |_: &str, _: Option<&PublicKey>| true;
    let find = |answer: Vec<u8>| {
        let socket = liar(&scratch, vec![answer]);
        AgentSigner::find(Some(&socket), "any", any).map(drop)
    };
    find(list(std::slice::from_ref(&good))).unwrap();
    for answer in [
        Vec::new(),
        vec![0, 0, 0, 0],
        vec![0xff; 16],
        vec![0, 4, 0, 1],
        framed(&[12]),
        framed(&[12, 0, 0, 0, 2]),
        framed(&[12, 0xff, 0xff, 0xff, 0xff]),
        framed(&[14, 0, 0, 0, 0]),
        framed(&[5]),
        list(std::slice::from_ref(&good))[..40].to_vec(),
    ] {
        let error = find(answer.clone()).unwrap_err();
        assert!(
            matches!(error, AgentError::Protocol { .. } | AgentError::Io { .. }),
            "{answer:?}: {error}"
        );
    }
    let fido = blob("sk-ssh-ed25519@openssh.com", honest.public_key().as_bytes());
    let said = find(list(&[fido])).unwrap_err().to_string();
    assert!(
        said.contains("is a FIDO key") && said.contains("a counter"),
        "{said}"
    );
    let mut identity = [0; 32];
    identity[0] = 1;
    let weak = find(list(&[blob("ssh-ed25519", &identity)])).unwrap_err();
    assert!(weak.to_string().contains("weak key"), "{weak}");
    let strange = find(list(&[b"\x1b[2J".to_vec()])).unwrap_err();
    assert!(!strange.to_string().contains('\x1b'), "{strange}");

    // Signatures: somebody else's, over something else, of another form.
    let answer = |signature: &[u8]| {
        let inner = blob("ssh-ed25519", signature);
        framed(&[[14].as_slice(), &string(&inner)].concat())
    };
    let signed = |signer: &SigningKey, message: &[u8]| *signer.sign(message).unwrap().as_bytes();
    let sign = |reply: Vec<u8>| {
        let keys = list(std::slice::from_ref(&good));
        let socket = liar(&scratch, vec![keys, reply]);
        let agent = AgentSigner::find(Some(&socket), "any", any).unwrap();
        agent.sign(b"message")
    };
    assert!(sign(answer(&signed(&honest, b"message"))).is_ok());
    for reply in [
        answer(&signed(&key(2), b"message")),
        answer(&signed(&honest, b"another")),
        answer(&[0; 64]),
        answer(&[0; 63]),
        framed(&[5]),
        Vec::new(),
    ] {
        assert!(sign(reply.clone()).is_err(), "{reply:?}");
    }
}

#[test]
fn a_program_signs_wherever_a_key_is_asked_for() {
    let Some(_) = judge("openssl") else { return };
    let bench = Bench::new();
    bench.ok("key new --out secret.pem --public service.pub.pem");
    bench.ok("trust update --add-key baseline=service.pub.pem,images=*");
    // A key service as far as karat can tell: the message in, base64 out. openssl wants a file.
    bench.write(
        "service",
        b"#!/bin/sh\nset -e\ntest -z \"$KARAT_KEY_PASSPHRASE\"\ncat > message\n\
          openssl pkeyutl -sign -rawin -inkey \"$1\" -in message -out signature\n\
          openssl base64 -A -in signature\n",
    );
    let service = bench.scratch.join("service");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&service, mode).unwrap();
    bench.draft("web.statement.json", baseline("web", "1.0"));
    bench.draft("db.statement.json", baseline("db", "1.0"));
    let sign = |image: &str, spec: &str| {
        let mut command = bench.command(&format!("sign {image}.statement.json --key"));
        let command = command.arg(spec).env("KARAT_KEY_PASSPHRASE", "secret");
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), said)
    };
    let (code, said) = sign("web", "command:service.pub.pem:./service secret.pem");
    assert_eq!(code, 0, "{said}");
    assert_eq!(bench.statement("web_1.0.dsse.json").serial().get(), 1);

    // Another key signs, none does, or the public half is no public key.
    let (code, said) = sign(
        "db",
        "command:service.pub.pem:./service keys/private/log.pem",
    );
    assert_eq!(code, 1);
    assert!(said.contains("does not verify under its own key"), "{said}");
    let (_, said) = sign("db", "command:service.pub.pem:./service nothing.pem");
    assert!(
        said.contains("the signer refused: ./service: it failed"),
        "{said}"
    );
    let (_, said) = sign("db", "command:service:./service secret.pem");
    assert!(said.contains("no Ed25519 public key file"), "{said}");
    let (code, said) = sign("db", "command:service.pub.pem");
    assert_eq!(code, 2, "{said}");
}
