//! `[segment]`: the packet filter, and what units may bind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::segment::{Proto, Ruleset, Segment, UnitName};
use crate::template::{Services, Template};
use crate::tree::Mode;

use super::OverlayError;
use super::canvas::{Canvas, Owned, fixed, origin};

/// What loads the packet filter.
const NFT: &str = "/usr/sbin/nft";
/// The unit that does so at boot.
const LOADER: &str = "nftables.service";
/// Makes it load karat's rules.
const DROP_IN: &str = "\
# Written by karat from [segment] of the image's template. The package's own /etc/nftables.conf, which
# accepts everything, is not loaded. Stopping does not open the machine.
[Service]
ExecStart=
ExecStart=/usr/sbin/nft -f /etc/nftables.d/karat.nft
ExecReload=
ExecReload=/usr/sbin/nft -f /etc/nftables.d/karat.nft
ExecStop=
";

/// Writes what follows from the segment; gives the services with the unit that loads it.
pub(super) fn apply(
    canvas: &mut Canvas<'_>,
    template: &Template,
) -> Result<Services, OverlayError> {
    let mut services = template.services.clone();
    let segment = &template.segment;
    let Some(ruleset) = Ruleset::of(segment) else {
        return Ok(services);
    };
    let nft = fixed(NFT);
    if canvas.tree().resolve(&nft).is_none() {
        // Who states a category relies on it; a line about support says nothing about packets.
        return match segment.category {
            Some(_) => Err(OverlayError::NoPacketFilter(nft)),
            None => Ok(services),
        };
    }
    let origin = origin("segment");
    let secret = Owned::root(Mode::of_st_mode(0o600));
    let text = ruleset.to_text().into_bytes();
    canvas.put_file(&fixed(Ruleset::PATH), text, secret, &origin)?;
    for directory in [Ruleset::INPUT, Ruleset::OUTPUT] {
        canvas.put_directory(&fixed(directory), Owned::root(Mode::DIRECTORY), &origin)?;
    }
    let own = Owned::root(Mode::FILE);
    let mut drop_in = |unit: &str, name: &str, text: String| {
        let path = fixed(&format!("/etc/systemd/system/{unit}.d/{name}.conf"));
        canvas.put_file(&path, text.into_bytes(), own, &origin)
    };
    drop_in(LOADER, "10-karat", DROP_IN.to_owned())?;
    for (unit, text) in sockets(segment) {
        drop_in(unit.as_str(), "40-karat-segment", text)?;
    }
    let stated = |list: &[UnitName]| list.iter().any(|unit| unit.as_str() == LOADER);
    if let (false, Some(loader)) = (
        stated(&services.enable) || stated(&services.disable) || stated(&services.mask),
        UnitName::new(LOADER),
    ) {
        services.enable.push(loader);
        services.enable.sort();
    }
    Ok(services)
}

/// For each service that a segment names: it binds the ports that it provides and no others, and talks
/// IP and to this machine. Who its peers are is not known while an image is built, so that it gets no
/// `IPAddressAllow=`: the packet filter knows them once the instance does.
fn sockets(segment: &Segment) -> BTreeMap<&UnitName, String> {
    let mut ports: BTreeMap<&UnitName, BTreeSet<(Proto, String)>> = BTreeMap::new();
    for it in &segment.provides {
        // Sockets that systemd opens for a service are not bound by it.
        if let Some(unit) = it
            .unit
            .as_ref()
            .filter(|it| it.as_str().ends_with(".service"))
        {
            let port = (it.proto, it.port.to_string());
            ports.entry(unit).or_default().insert(port);
        }
    }
    let mut texts = BTreeMap::new();
    for (unit, ports) in ports {
        let mut text = String::from(
            "# Written by karat from [segment] of the image's template.\n[Service]\n\
             RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\nSocketBindDeny=any\n",
        );
        for (proto, port) in ports {
            // Writing to a String cannot fail.
            let _infallible = writeln!(text, "SocketBindAllow={proto}:{port}");
        }
        texts.insert(unit, text);
    }
    texts
}
