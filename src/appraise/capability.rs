//! File capabilities and other attributes as text (capabilities(7), `linux/capability.h`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The attribute that holds file capabilities.
pub(super) const CAPABILITY: &[u8] = b"security.capability";

/// The value of an attribute for people: capabilities by name, everything else in base64.
pub(super) fn describe_xattr(name: &[u8], value: &[u8]) -> String {
    if name == CAPABILITY
        && let Some(text) = describe(value)
    {
        return text;
    }
    STANDARD.encode(value)
}

/// `struct vfs_cap_data` of revision 2 or 3 as `cap_net_raw=ep`.
fn describe(value: &[u8]) -> Option<String> {
    let mut words = value.chunks_exact(4).map(|word| match word {
        [a, b, c, d] => u32::from_le_bytes([*a, *b, *c, *d]),
        _ => 0,
    });
    let magic = words.next()?;
    let (permitted_low, inheritable_low) = (words.next()?, words.next()?);
    let (permitted_high, inheritable_high) = (words.next()?, words.next()?);
    let root = match (magic >> 24, value.len()) {
        (2, 20) => None,
        (3, 24) => Some(words.next()?),
        _ => return None,
    };
    let permitted = u64::from(permitted_low) | u64::from(permitted_high) << 32;
    let inheritable = u64::from(inheritable_low) | u64::from(inheritable_high) << 32;
    let mut names = Vec::new();
    for bit in 0..64_u32 {
        if (permitted | inheritable) >> bit & 1 == 1 {
            let name = usize::try_from(bit).ok().and_then(|bit| NAMES.get(bit));
            names.push(name.map_or_else(|| format!("cap_{bit}"), |name| format!("cap_{name}")));
        }
    }
    let mut flags = String::new();
    for (set, flag) in [
        (magic & 1 == 1, 'e'),
        (inheritable != 0, 'i'),
        (permitted != 0, 'p'),
    ] {
        if set {
            flags.push(flag);
        }
    }
    let names = names.join(",");
    Some(match root {
        Some(root) => format!("{names}={flags} (root of the user namespace: {root})"),
        None => format!("{names}={flags}"),
    })
}

/// Capabilities by number (`linux/capability.h`, Linux 6.12).
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_setcap_writes() {
        let raw = [
            1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(describe_xattr(CAPABILITY, &raw), "cap_net_raw=ep");
        assert_eq!(describe_xattr(CAPABILITY, b"odd"), "b2Rk");
        assert_eq!(describe_xattr(b"user.a", &raw[..1]), "AQ==");
    }
}
