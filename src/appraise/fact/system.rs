//! Internet sockets, mounts, preloading, credentials, units, and what starts by itself.

use super::judge::{Breach, Court, place};
use super::{Entry, Listening, Observations, Seen, source};
use crate::appraise::{Effect, Severity};
use crate::expect::Facts;
use crate::expect::fact::{Allowed, Credentials, Listen, Mount, Preload, Startup, Units};
use crate::path::{Escaped, Glob, ImagePath};

pub(super) fn judge(court: &mut Court<'_>, expected: &Facts, seen: &Observations) {
    for entry in &expected.mounts {
        mount(court, entry, seen);
    }
    if let Some(expected) = &expected.listen {
        listen(court, expected, seen);
    }
    if let Some(expected) = &expected.preload {
        preload(court, expected, seen);
    }
    if let Some(expected) = &expected.credentials {
        credentials(court, expected, seen);
    }
    if let Some(expected) = &expected.units {
        units(court, expected, seen);
    }
    if let Some(expected) = &expected.startup {
        startup(court, expected, seen);
    }
}

fn mount(court: &mut Court<'_>, entry: &Mount, seen: &Observations) {
    let name = format!("mount {}", entry.point);
    let absent = "the system does not list its mounts";
    let Some(mounts) = court.need(&name, source::MOUNTS, &seen.mounts, absent) else {
        return;
    };
    let expected = {
        let fstype = entry.fstype.iter().map(ToString::to_string);
        let options = entry.options.iter().map(ToString::to_string);
        let all: Vec<String> = fstype.chain(options).collect();
        format!("mounted: {}", all.join(" "))
    };
    // The last mount on a point covers those before it.
    let found = mounts.iter().rev().find(|mount| mount.point == entry.point);
    let fits = found.is_some_and(|found| {
        let option = |name: &str| found.options.iter().any(|it| it == name.as_bytes());
        entry
            .fstype
            .as_ref()
            .is_none_or(|fstype| fstype.as_str().as_bytes() == found.fstype)
            && entry.options.iter().all(|name| option(name.as_str()))
    });
    if fits {
        return court.held();
    }
    let observed = found.map(|found| {
        let mut text = Escaped(&found.fstype).to_string();
        for option in &found.options {
            text.push(' ');
            text.push_str(&Escaped(option).to_string());
        }
        text
    });
    let breach = Breach {
        name,
        source: place(source::MOUNTS),
        expected: Some(expected),
        observed: Some(observed.unwrap_or_else(|| "not mounted".to_owned())),
        effect: Effect::Mount,
        severity: Severity::Medium,
    };
    court.drift(&entry.origin, breach);
}

fn listen(court: &mut Court<'_>, expected: &Listen, seen: &Observations) {
    let mut is_held = true;
    let mut any = false;
    for (at, sockets) in &seen.sockets {
        match sockets {
            Seen::Value(sockets) => {
                any = true;
                for socket in sockets {
                    if !is_allowed(expected, socket) {
                        is_held = false;
                        stranger(court, expected, at, socket);
                    }
                }
            }
            // This kernel has no such protocol: nothing can listen with it.
            Seen::Absent => {}
            Seen::Unreadable(why) => {
                is_held = false;
                any = true;
                court.not_checked("listen", at, why);
            }
        }
    }
    if !any {
        court.not_applicable("listen".to_owned(), "this kernel has no network");
    } else if is_held {
        court.held();
    }
}

fn is_allowed(expected: &Listen, socket: &Listening) -> bool {
    let mut allowed = expected.allow.iter();
    allowed.any(|listener| listener.covers(socket.protocol, socket.address, socket.port))
}

fn stranger(court: &mut Court<'_>, expected: &Listen, at: &str, socket: &Listening) {
    let Listening {
        protocol,
        address,
        port,
        uid,
    } = socket;
    let breach = Breach {
        name: format!("listen {protocol}"),
        source: place(at),
        expected: None,
        observed: Some(format!(
            "{}, opened by user {uid}",
            std::net::SocketAddr::new(*address, *port)
        )),
        effect: Effect::Network,
        severity: Severity::High,
    };
    court.drift(&expected.origin, breach);
}

fn preload(court: &mut Court<'_>, expected: &Preload, seen: &Observations) {
    let mut breaches = Vec::new();
    let mut is_checked = true;
    let breach = |at: &str, observed: String| Breach {
        name: "preload".to_owned(),
        source: place(at),
        expected: None,
        observed: Some(observed),
        effect: Effect::LoadedEverywhere,
        severity: Severity::Critical,
    };
    match &seen.preload.file {
        Seen::Value(()) => {
            // One that the manifest lists is compared with it, byte by byte, as any file.
            let listed = ImagePath::parse(source::PRELOAD)
                .is_ok_and(|path| court.manifest.get(&path).is_some());
            if !listed {
                breaches.push(breach(source::PRELOAD, "there is one".to_owned()));
            }
        }
        Seen::Absent => {}
        Seen::Unreadable(why) => {
            is_checked = false;
            court.not_checked("preload", source::PRELOAD, why);
        }
    }
    match &seen.preload.variables {
        Seen::Value(variables) => breaches.extend(variables.iter().map(|variable| {
            let text = [&variable.name, b"=".as_slice(), &variable.value].concat();
            breach(source::ENVIRON, Escaped(&text).to_string())
        })),
        Seen::Absent => {}
        Seen::Unreadable(why) => {
            is_checked = false;
            court.not_checked("preload", source::ENVIRON, why);
        }
    }
    if is_checked && breaches.is_empty() {
        court.held();
    }
    for breach in breaches {
        court.drift(&expected.origin, breach);
    }
}

fn credentials(court: &mut Court<'_>, expected: &Credentials, seen: &Observations) {
    let absent = "nothing can pass credentials here";
    let Some(found) = court.need(
        "credentials",
        source::CREDENTIALS[0],
        &seen.credentials,
        absent,
    ) else {
        return;
    };
    let mut is_held = true;
    for entry in found {
        let allowed = expected
            .allow
            .iter()
            .any(|name| name.as_str().as_bytes() == entry.name);
        if !allowed {
            is_held = false;
            let breach = Breach {
                name: "credential".to_owned(),
                source: entry.path.clone(),
                expected: None,
                observed: Some(Escaped(&entry.name).to_string()),
                effect: Effect::Accounts,
                severity: Severity::High,
            };
            court.drift(&expected.origin, breach);
        }
    }
    if is_held {
        court.held();
    }
}

fn units(court: &mut Court<'_>, expected: &Units, seen: &Observations) {
    let absent = "there is no systemd here";
    if let Some(found) = court.need("units", source::UNITS, &seen.units, absent) {
        strangers(court, "unit", expected, found, |_| Effect::Service);
    }
}

fn startup(court: &mut Court<'_>, expected: &Startup, seen: &Observations) {
    let absent = "there are no accounts here";
    if let Some(found) = court.need("startup", source::STARTUP, &seen.startup, absent) {
        strangers(court, "startup", expected, found, |path| {
            // The others of sshd's run a program after the login.
            let lets_in: [&[u8]; 4] = [
                b"authorized_keys",
                b"authorized_keys2",
                b".rhosts",
                b".shosts",
            ];
            let is_key = path.name().is_some_and(|name| lets_in.contains(&name));
            if is_key {
                Effect::RemoteLogin
            } else {
                Effect::Service
            }
        });
    }
}

/// What is found must be of the image, or be expected.
fn strangers(
    court: &mut Court<'_>,
    name: &str,
    expected: &Allowed<Glob>,
    found: &[Entry],
    effect: fn(&ImagePath) -> Effect,
) {
    let mut is_held = true;
    for entry in found {
        let is_known = court.manifest.get(&entry.path).is_some()
            || expected.allow.iter().any(|glob| glob.matches(&entry.path));
        if is_known {
            continue;
        }
        is_held = false;
        if !court.has_drifted(&entry.path) {
            let breach = Breach {
                name: name.to_owned(),
                source: entry.path.clone(),
                expected: None,
                observed: Some("not of the image".to_owned()),
                effect: effect(&entry.path),
                severity: Severity::High,
            };
            court.drift(&expected.origin, breach);
        }
    }
    if is_held {
        court.held();
    }
}
