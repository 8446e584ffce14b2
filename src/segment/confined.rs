//! What the services of an image may bind, and with whom they may speak IP, as far as a segment says so
//! before any peer has an address.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::flow::{Direction, Flow};
use super::name::UnitName;
use super::peer::{Cidr, Infrastructure, Peer};
use super::port::{Port, Proto};
use super::value::{Segment, Statement};

/// The limits of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confined {
    /// The ports that it binds; empty: nothing is said of it.
    pub binds: BTreeSet<(Proto, Port)>,
    /// The networks that it speaks with beside this machine; `None`: whoever the packet filter lets
    /// through.
    pub networks: Option<BTreeSet<Cidr>>,
}

impl Segment {
    /// The services that something can be said of.
    ///
    /// A service binds the ports that it provides and no others. One that neither provides nor consumes
    /// speaks with the networks that its egress names, and where it has none with this machine alone:
    /// services of which the segment names a flow, and `own` ones, which no package brought along. That is
    /// only known where each flow names its service; but for `dns` and `ntp`, which are flows of the
    /// system's own services. Peers of other segments have no addresses yet, so that who speaks with them
    /// is left to the packet filter.
    pub fn confined<'s>(
        &'s self,
        own: impl IntoIterator<Item = &'s UnitName>,
    ) -> BTreeMap<&'s UnitName, Confined> {
        let mut services: BTreeMap<&UnitName, Confined> = BTreeMap::new();
        for it in &self.provides {
            // Sockets that systemd opens for a service are not bound by it.
            if let Some(unit) = it.unit.as_ref().filter(|unit| is_service(unit)) {
                let binds = &mut services.entry(unit).or_default().binds;
                binds.insert((it.proto, it.port));
            }
        }
        // Without a category nothing is known of what the image connects to.
        if self.category.is_none() || self.has_flow_of_nobody() {
            return services;
        }
        let named = self.egress.iter().filter_map(|it| it.unit.as_ref());
        for unit in own.into_iter().chain(named) {
            if is_service(unit) && !self.has_peers(unit) {
                services.entry(unit).or_default().networks = Some(self.networks(unit));
            }
        }
        services
    }

    /// Whether some flow may be that of any service.
    fn has_flow_of_nobody(&self) -> bool {
        let flows = self.inbound().into_iter().chain(self.outbound());
        flows
            .filter(|flow| !is_of_the_system(flow))
            .any(|flow| !flow.unit.as_ref().is_some_and(is_service))
    }

    /// Whether a service speaks with somebody who has no address yet.
    fn has_peers(&self, unit: &UnitName) -> bool {
        let flows = self.inbound().into_iter().chain(self.outbound());
        let mut flows = flows.filter(|flow| flow.unit.as_ref() == Some(unit));
        flows.any(|flow| flow.direction == Direction::In || !matches!(flow.peer, Peer::Net(_)))
    }

    fn networks(&self, unit: &UnitName) -> BTreeSet<Cidr> {
        let egress = self.egress.iter();
        let egress = egress.filter(|it| it.unit.as_ref() == Some(unit));
        let networks = egress.filter_map(|it| match &it.to {
            Peer::Net(network) => Some(*network),
            Peer::Any | Peer::Infrastructure(_) | Peer::Segment(_) => None,
        });
        networks.collect()
    }
}

/// Whether it is a flow of systemd's resolver, of what keeps the time, or of sshd.
fn is_of_the_system(flow: &Flow) -> bool {
    let infrastructure = [Infrastructure::Dns, Infrastructure::Ntp].map(Peer::Infrastructure);
    let is_plumbing = flow.unit.is_none() && infrastructure.contains(&flow.peer);
    is_plumbing || flow.statement == Statement::Key("admin_from")
}

fn is_service(unit: &UnitName) -> bool {
    unit.as_str().ends_with(".service")
}

/// As a drop-in of systemd.unit(5).
impl fmt::Display for Confined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("# Written by karat from [segment] of the image's template.\n[Service]\n")?;
        if !self.binds.is_empty() {
            f.write_str("RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\nSocketBindDeny=any\n")?;
        }
        for (proto, port) in &self.binds {
            writeln!(f, "SocketBindAllow={proto}:{port}")?;
        }
        if let Some(networks) = &self.networks {
            f.write_str("IPAddressDeny=any\nIPAddressAllow=localhost")?;
            for network in networks {
                write!(f, " {network}")?;
            }
            f.write_str("\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{
        Audience, Category, Consumes, Egress, Provides, SegmentName, ServiceName,
    };

    fn unit(name: &str) -> UnitName {
        UnitName::new(name).unwrap()
    }

    fn egress(to: &str, unit: Option<&str>) -> Egress {
        Egress {
            to: Peer::parse(to).unwrap(),
            port: Port::one(443),
            proto: None,
            reason: None,
            unit: unit.and_then(UnitName::new),
        }
    }

    fn provides(port: u16, unit: Option<&str>) -> Provides {
        Provides {
            name: ServiceName::new("http").unwrap(),
            port: Port::one(port).unwrap(),
            proto: Proto::Tcp,
            audience: Audience::Public,
            unit: unit.and_then(UnitName::new),
        }
    }

    /// The drop-ins, without what all of them begin with.
    fn said(segment: &Segment, own: &[&str]) -> Vec<String> {
        let own: Vec<UnitName> = own.iter().copied().map(unit).collect();
        let confined = segment.confined(&own);
        let texts = confined.iter().map(|(unit, it)| {
            let text = it.to_string();
            let (_, said) = text.split_once("[Service]\n").unwrap();
            format!("{unit}: {}", said.trim_end().replace('\n', "; "))
        });
        texts.collect()
    }

    #[test]
    fn a_service_binds_what_it_provides_and_speaks_with_whom_it_names() {
        let mut segment = Segment {
            category: Some(Category::Frontend),
            provides: vec![provides(80, Some("web.service"))],
            egress: vec![
                Egress {
                    port: None,
                    ..egress("dns", None)
                },
                egress("10.1.0.0/16", Some("pull.service")),
                egress("2001:db8::/32", Some("pull.service")),
                egress("any", Some("push.service")),
                egress("log", Some("ship.service")),
            ],
            ..Segment::default()
        };
        let web = "web.service: RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6; \
                   SocketBindDeny=any; SocketBindAllow=tcp:80";
        let pull = "pull.service: IPAddressDeny=any; \
                    IPAddressAllow=localhost 10.1.0.0/16 2001:db8::/32";
        let own = "own.service: IPAddressDeny=any; IPAddressAllow=localhost";
        let units = ["own.service", "own.timer", "push.service", "web.service"];
        assert_eq!(said(&segment, &units), [own, pull, web]);

        // What nothing is known of is not guessed.
        let closed = segment.clone();
        segment.egress.push(egress("10.2.0.0/16", None));
        assert_eq!(said(&segment, &units), [web]);
        segment = closed.clone();
        segment.provides.push(provides(81, None));
        assert_eq!(said(&segment, &units), [web]);
        segment = closed.clone();
        segment.provides.push(provides(81, Some("own.socket")));
        assert_eq!(said(&segment, &units), [web]);
        segment = closed.clone();
        segment.category = None;
        assert_eq!(said(&segment, &units), [web]);

        // Peers of a segment have no addresses yet.
        segment = closed;
        segment.consumes.push(Consumes {
            segment: SegmentName::new("api").unwrap(),
            service: ServiceName::new("http").unwrap(),
            port: Port::one(8000).unwrap(),
            proto: Proto::Tcp,
            unit: Some(unit("own.service")),
        });
        assert_eq!(said(&segment, &units), [pull, web]);
    }
}
