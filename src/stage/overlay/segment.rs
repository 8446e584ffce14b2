//! `[segment]`: the packet filter, what services may bind and with whom they speak, and who logs in.

use crate::segment::{Ruleset, UnitName};
use crate::template::{LOGINS, Services, Template};
use crate::tree::Mode;

use super::OverlayError;
use super::canvas::{Canvas, Owned, fixed, origin};

/// What loads the packet filter.
const NFT: &str = "/usr/sbin/nft";
/// The unit that does so at boot.
const LOADER: &str = "nftables.service";
/// Who has it lets people in over SSH.
const SSHD: &str = "/etc/ssh/sshd_config";
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
    let Some(ruleset) = template.ruleset() else {
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
    let packaged = |unit: &UnitName| {
        let path = fixed(&format!("/usr/lib/systemd/system/{unit}"));
        canvas.tree().resolve(&path).is_some()
    };
    let confined = template.confined(packaged);
    let own = Owned::root(Mode::FILE);
    let mut drop_in = |unit: &str, name: &str, text: String| {
        let path = fixed(&format!("/etc/systemd/system/{unit}.d/{name}.conf"));
        canvas.put_file(&path, text.into_bytes(), own, &origin)
    };
    drop_in(LOADER, "10-karat", DROP_IN.to_owned())?;
    for (unit, confined) in confined {
        drop_in(unit.as_str(), "40-karat-segment", confined.to_string())?;
    }
    if let (Some(text), Some(_)) = (template.logins(), canvas.tree().resolve(&fixed(SSHD))) {
        canvas.put_file(&fixed(LOGINS), text.into_bytes(), secret, &origin)?;
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
