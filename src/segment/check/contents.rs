//! Packages, units, sockets, exposure.

use std::net::{IpAddr, Ipv4Addr};

use super::code::Rule;
use super::finding::{Finding, Report as _};
use crate::expect::fact::{Address, Listener, Protocol};
use crate::path::name_matches;
use crate::segment::flow::SSH_PORT;
use crate::segment::member::{Fleet, Member};
use crate::segment::peer::Audience;
use crate::segment::port::{Exposure, Port, Proto};
use crate::segment::value::{Category, Segment, Statement};

/// Servers that keep data.
const DATABASES: &[&str] = &[
    "cassandra",
    "default-mysql-server*",
    "elasticsearch",
    "influxdb",
    "mariadb",
    "mariadb-server*",
    "memcached",
    "mongod",
    "mongodb*",
    "mysql",
    "mysql-server*",
    "opensearch",
    "postgresql*",
    "redis",
    "redis-server*",
    "slapd",
    "valkey*",
];
/// Servers of mail, files and the like.
const SERVERS: &[&str] = &[
    "cups*",
    "dovecot*",
    "exim4*",
    "nfs-kernel-server",
    "nfs-server",
    "postfix*",
    "proftpd*",
    "samba",
    "sendmail*",
    "smbd",
    "vsftpd",
];
/// Servers of the web.
const WEB: &[&str] = &[
    "apache2", "caddy", "haproxy", "lighttpd", "nginx*", "tomcat*", "varnish",
];
/// What makes programs.
const COMPILERS: &[&str] = &[
    "build-essential",
    "cargo",
    "clang*",
    "g++*",
    "gcc",
    "golang*",
    "make",
    "rustc",
];
/// What runs programs of others.
const INTERPRETERS: &[&str] = &["gunicorn", "nodejs", "php*", "python3", "ruby", "uwsgi*"];
/// What people manage or probe other machines with.
const TOOLS: &[&str] = &[
    "ansible*",
    "docker.io",
    "kubectl",
    "nmap",
    "podman",
    "tcpdump",
    "wireshark*",
];

/// What an image of a category has nothing of.
const fn forbidden(category: Category) -> &'static [&'static [&'static str]] {
    match category {
        Category::Frontend => &[DATABASES, SERVERS, COMPILERS, TOOLS],
        Category::Internal => &[DATABASES, COMPILERS, TOOLS],
        Category::Data => &[WEB, SERVERS, COMPILERS, INTERPRETERS, TOOLS],
        Category::Management => &[DATABASES, SERVERS],
        Category::Legacy => &[COMPILERS, TOOLS],
    }
}

/// The highest ceiling that a category allows, in tenths.
const fn ceiling(category: Category) -> u8 {
    match category {
        Category::Frontend | Category::Legacy => 50,
        Category::Internal | Category::Data | Category::Management => 70,
    }
}

pub(super) fn check(fleet: &Fleet, found: &mut Vec<Finding>) {
    for (index, member) in fleet.members.iter().enumerate() {
        packages(index, member, found);
        exposure(index, member, found);
        sockets(index, member, found);
    }
}

/// Why an image of this segment must not have a package; `None` where it may.
pub fn refused_package(segment: &Segment, package: &str) -> Option<String> {
    if let Some(category) = by_category(segment, package) {
        return Some(format!("a {category} image has no {package}"));
    }
    let mut own = segment.forbid_packages.iter();
    let glob = own.find(|glob| glob.covers(package))?;
    Some(format!("forbid_packages has {glob}, and {package} is one"))
}

/// The segment's category, where it forbids what goes by this name.
fn by_category(segment: &Segment, name: &str) -> Option<Category> {
    segment.category.filter(|category| {
        let lists = forbidden(*category).iter().copied().flatten();
        lists
            .into_iter()
            .any(|glob| name_matches(glob.as_bytes(), name.as_bytes()))
    })
}

fn packages(index: usize, member: &Member, found: &mut Vec<Finding>) {
    for package in &member.packages {
        let Some(reason) = refused_package(&member.segment, package) else {
            continue;
        };
        found.add(
            Rule::KS113,
            index,
            Statement::Package(package.clone()),
            reason,
            "remove it (\"!NAME\" where it is inherited), or build it into an image of its own category",
        );
    }
    for unit in &member.enabled {
        let stem = unit
            .rsplit_once('.')
            .map_or(unit.as_str(), |(stem, _)| stem);
        if let Some(category) = by_category(&member.segment, stem) {
            found.add(
                Rule::KS113,
                index,
                Statement::Unit(unit.clone()),
                format!("a {category} image does not run {unit}"),
                "leave it to an image of its own category",
            );
        }
    }
}

fn exposure(index: usize, member: &Member, found: &mut Vec<Finding>) {
    let segment = &member.segment;
    let Some(category) = segment.category else {
        return;
    };
    let Some(most) = Exposure::from_tenths(ceiling(category)) else {
        return;
    };
    for (unit, stated) in &segment.exposure {
        if *stated > most {
            found.add(
                Rule::KS114,
                index,
                Statement::Exposure(unit.clone()),
                format!("{unit} may be exposed up to {stated}; a {category} image allows {most}"),
                "put the unit into a tighter sandbox: karat harden exposure says what is open, and what would help",
            );
        }
    }
    for (number, it) in segment.provides.iter().enumerate() {
        let faces = it.audience == Audience::Public || category == Category::Legacy;
        let Some(unit) = it.unit.as_ref().filter(|_| faces) else {
            if faces {
                found.add(
                    Rule::KS114,
                    index,
                    Statement::Provides(number),
                    format!("{} does not say which unit it is", it.name),
                    "state unit = \"NAME.service\", and its ceiling in exposure",
                );
            }
            continue;
        };
        if !segment.exposure.contains_key(unit) {
            found.add(
                Rule::KS114,
                index,
                Statement::Provides(number),
                format!("{unit} faces others and has no ceiling"),
                "state exposure = { \"UNIT\" = 3.0 } in [segment]",
            );
        }
    }
}

fn sockets(index: usize, member: &Member, found: &mut Vec<Finding>) {
    let segment = &member.segment;
    for (number, it) in segment.provides.iter().enumerate() {
        if let Some(unit) = &it.unit
            && member.disabled.iter().any(|off| off == unit.as_str())
        {
            found.add(
                Rule::KS115,
                index,
                Statement::Provides(number),
                format!("{} is {unit}, which is disabled or masked", it.name),
                "enable the unit, or provide nothing",
            );
        }
    }
    let (Some(listen), Some(_)) = (&member.listen, segment.category) else {
        return;
    };
    for (number, it) in segment.provides.iter().enumerate() {
        if !listen
            .iter()
            .any(|socket| listens(socket, it.proto, it.port))
        {
            found.add(
                Rule::KS115,
                index,
                Statement::Provides(number),
                format!(
                    "{} is at {}/{}, and listen of [verify.facts] has no such socket",
                    it.name, it.proto, it.port
                ),
                "add it to listen, as in \"tcp *:443\"",
            );
        }
    }
    for socket in listen {
        // Clients' own sockets answer over UDP; a port that accepts connections is a service.
        if socket.protocol != Protocol::Tcp || !is_reached(socket) {
            continue;
        }
        let Some(ports) = Port::new(socket.ports.first(), socket.ports.last()) else {
            continue;
        };
        let ssh = Port::one(SSH_PORT) == Some(ports);
        let stated = segment
            .provides
            .iter()
            .any(|it| it.proto == Proto::Tcp && it.port.common(ports).is_some());
        if !ssh && !stated {
            found.add(
                Rule::KS115,
                index,
                Statement::Table,
                format!(
                    "{} listens at tcp/{ports}, which it does not provide",
                    member.image
                ),
                "state it in [[segment.provides]], or let it listen on loopback alone",
            );
        }
    }
}

/// Whether others can reach the socket at all.
fn is_reached(socket: &Listener) -> bool {
    match socket.address {
        Address::Any => true,
        Address::Loopback => false,
        Address::Only(address) => !address.to_canonical().is_loopback(),
    }
}

fn listens(socket: &Listener, proto: Proto, port: Port) -> bool {
    let address = match socket.address {
        Address::Only(address) => address,
        Address::Any | Address::Loopback => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    let protocol = match proto {
        Proto::Tcp => Protocol::Tcp,
        Proto::Udp => Protocol::Udp,
    };
    is_reached(socket)
        && [port.first(), port.last()]
            .into_iter()
            .all(|port| socket.covers(protocol, address, port))
}
