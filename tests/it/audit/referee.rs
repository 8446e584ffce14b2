//! An outside judge: a few lines of Python, with a library of other people's for the signatures, read
//! the same log and must come to the same table.

use std::fs;

use serde_json::Value;

use super::history::release;
use super::story::story;
use crate::support::judge;

const REFEREE: &str = r#"
import base64, hashlib, json, struct, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.hazmat.primitives import serialization
from cryptography.exceptions import InvalidSignature

directory, trust = sys.argv[1:]
checkpoint = open(directory + "/checkpoint").read().split("\n")
size, root = int(checkpoint[1]), base64.b64decode(checkpoint[2])

def path(number, width):
    groups = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03}")
    return "/".join(groups) + ("" if width == 256 else f".p/{width}")

entries = []
for number in range((size + 255) // 256):
    width = min(256, size - number * 256)
    data = open(f"{directory}/tile/entries/{path(number, width)}", "rb").read()
    while data:
        length, = struct.unpack(">H", data[:2])
        entries.append(data[2:2 + length])
        data = data[2 + length:]

def merkle(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + merkle(leaves[:split]) + merkle(leaves[split:])).digest()

assert len(entries) == size and merkle(entries) == root, "the root is another"

document = json.loads(base64.b64decode(json.load(open(trust))["payload"]))
keys = {}
for role, held in document["roles"].items():
    for key in held["keys"]:
        der = base64.b64decode(key["key"])
        keys[hashlib.sha256(der).hexdigest()] = (load_der_public_key(der), role)

table = []
for index, entry in enumerate(entries):
    head, body = entry.split(b"\n", 1)
    envelope = json.loads(body)
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    for signature in envelope["signatures"]:
        found = None
        for id, (key, role) in keys.items():
            try:
                key.verify(base64.b64decode(signature["sig"]), message)
                found = id
            except InvalidSignature:
                pass
        row = {"index": index, "kind": head.split()[1].decode(), "key": found,
               "role": keys[found][1] if found else None,
               "payload_sha256": hashlib.sha256(payload).hexdigest()}
        statement = json.loads(payload)
        if "predicate" in statement:
            row["image"] = statement["predicate"]["name"]
            row["version"] = statement["predicate"]["version"]
            row["serial"] = statement["predicate"]["serial"]
        table.append(row)
print(json.dumps({"size": size, "root": root.hex(), "table": table}))
"#;

#[test]
fn a_referee_of_other_people_comes_to_the_same_table() {
    let Some(python) = judge("python3") else {
        return;
    };
    let has = python
        .command()
        .args(["-c", "import cryptography"])
        .output()
        .unwrap();
    if !has.status.success() {
        return crate::support::skip("python3-cryptography not installed");
    }
    let mut log = story("audit-referee");
    let image = |serial| if serial % 2 == 0 { "web" } else { "db" };
    let more: Vec<_> = (4..300)
        .map(|serial| release(image(serial), "1.0", serial, &[5, 2]))
        .collect();
    log.releases(&more);
    let script = log.path("referee.py");
    fs::write(&script, REFEREE).unwrap();
    let output = python
        .command()
        .arg(&script)
        .args([log.path("log"), log.path("keys/trust.json")])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();

    let report = log.audit();
    assert_eq!(theirs["size"], report.log.tree_size);
    assert_eq!(theirs["root"], report.log.root_sha256.to_string());
    let mut ours = Vec::new();
    for entry in report.entries.iter() {
        let entry = serde_json::to_value(&entry).unwrap();
        for signature in entry["signatures"].as_array().unwrap() {
            let mut row = serde_json::json!({
                "index": entry["index"],
                "kind": entry["kind"],
                "key": signature["key"],
                "role": signature["role"],
                "payload_sha256": entry["payload_sha256"],
            });
            for name in ["image", "version", "serial"] {
                if !entry[name].is_null() {
                    row[name] = entry[name].clone();
                }
            }
            ours.push(row);
        }
    }
    assert_eq!(theirs["table"], Value::Array(ours));
}
