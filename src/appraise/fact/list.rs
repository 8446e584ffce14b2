//! What was observed, as a list for people and machines.

use super::{Observations, Seen, source};
use crate::path::Escaped;

/// One thing that was observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is called.
    pub name: String,
    /// What it is; hostile bytes are escaped. `None`: it is not there, or could not be read.
    pub value: Option<String>,
    /// Where it was observed.
    pub source: String,
    /// Why there is no value, where it could not be read.
    pub error: Option<String>,
}

impl Observations {
    /// All that was observed, kind by kind, each in order.
    pub fn lines(&self) -> Vec<Line> {
        let Self {
            accounts_root,
            accounts_password,
            cmdline,
            credentials,
            firewall,
            lockdown,
            modules,
            mounts,
            packet,
            peers: _,
            preload,
            release,
            sockets,
            startup,
            sysctl,
            taint,
            units,
            unix,
            userdb,
        } = self;
        let mut list = List(Vec::new());
        list.one("kernel release", source::RELEASE, release, |it| {
            escaped(it.as_bytes())
        });
        list.one("taint", source::TAINT, taint, u64::to_string);
        list.one("lockdown", source::LOCKDOWN, lockdown, ToString::to_string);
        list.each("cmdline", source::CMDLINE, cmdline, |word| escaped(word));
        list.each("module", source::MODULES, modules, |it| {
            escaped(it.as_bytes())
        });
        for (name, value) in sysctl {
            let place = format!("{}/{}", source::SYSCTL, name.relative());
            list.one(&format!("sysctl {name}"), &place, value, |it| {
                escaped(it.as_bytes())
            });
        }
        list.each("mount", source::MOUNTS, mounts, |mount| {
            let options: Vec<String> = mount.options.iter().map(|it| escaped(it)).collect();
            let fstype = Escaped(&mount.fstype);
            format!("{} {fstype} {}", mount.point, options.join(","))
        });
        for (place, sockets) in sockets {
            list.each("listen", place, sockets, |socket| {
                let address = std::net::SocketAddr::new(socket.address, socket.port);
                format!("{} {address} user {}", socket.protocol, socket.uid)
            });
        }
        list.each("packet", source::PACKET, packet, |socket| {
            format!("{:04x} {}", socket.protocol, escaped(&socket.user))
        });
        list.each("unix", source::UNIX, unix, |name| escaped(name));
        list.one("preload", source::PRELOAD, &preload.file, |()| {
            "there is one".to_owned()
        });
        list.each("preload", source::ENVIRON, &preload.variables, |variable| {
            escaped(&[&variable.name, b"=".as_slice(), &variable.value].concat())
        });
        list.each("credential", source::CREDENTIALS[0], credentials, |entry| {
            format!("{} at {}", escaped(&entry.name), entry.path)
        });
        list.each("account 0", source::PASSWD, accounts_root, |it| escaped(it));
        list.each("password", source::SHADOW, accounts_password, |it| {
            escaped(&it.name)
        });
        list.each("userdb", source::USERDB, userdb, |it| it.path.to_string());
        if let Some(rules) = firewall {
            list.each("firewall", source::FIREWALL, rules, |it| {
                escaped(it.as_bytes())
            });
        }
        list.each("startup", source::STARTUP, startup, |entry| {
            entry.path.to_string()
        });
        list.each("unit", source::UNITS, units, |entry| entry.path.to_string());
        list.0
    }
}

fn escaped(bytes: &[u8]) -> String {
    Escaped(bytes).to_string()
}

struct List(Vec<Line>);

impl List {
    fn one<T>(&mut self, name: &str, place: &str, seen: &Seen<T>, show: impl Fn(&T) -> String) {
        let (value, error) = match seen {
            Seen::Value(value) => (Some(show(value)), None),
            Seen::Absent => (None, None),
            Seen::Unreadable(why) => (None, Some(escaped(why.as_bytes()))),
        };
        self.0.push(Line {
            name: name.to_owned(),
            value,
            source: place.to_owned(),
            error,
        });
    }

    /// One line for each item; one without a value where there is no such place.
    fn each<T>(
        &mut self,
        name: &str,
        place: &str,
        seen: &Seen<Vec<T>>,
        show: impl Fn(&T) -> String,
    ) {
        match seen {
            Seen::Value(items) => {
                for item in items {
                    self.one(name, place, &Seen::Value(item), |item| show(item));
                }
            }
            Seen::Absent => self.one(name, place, &Seen::<T>::Absent, &show),
            Seen::Unreadable(why) => {
                self.one(name, place, &Seen::<T>::Unreadable(why.clone()), &show);
            }
        }
    }
}
