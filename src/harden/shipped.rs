//! The rule files that karat comes with; `templates/rules/` has the same, which a test compares.

/// Name and bytes, by name.
pub(super) const SHIPPED: &[(&str, &[u8])] = &[
    (
        "accounts.toml",
        include_bytes!("../../templates/rules/accounts.toml"),
    ),
    (
        "banners.toml",
        include_bytes!("../../templates/rules/banners.toml"),
    ),
    (
        "boot.toml",
        include_bytes!("../../templates/rules/boot.toml"),
    ),
    (
        "cron.toml",
        include_bytes!("../../templates/rules/cron.toml"),
    ),
    (
        "crypto.toml",
        include_bytes!("../../templates/rules/crypto.toml"),
    ),
    (
        "files.toml",
        include_bytes!("../../templates/rules/files.toml"),
    ),
    (
        "filesystem.toml",
        include_bytes!("../../templates/rules/filesystem.toml"),
    ),
    (
        "firewall.toml",
        include_bytes!("../../templates/rules/firewall.toml"),
    ),
    (
        "kernel.toml",
        include_bytes!("../../templates/rules/kernel.toml"),
    ),
    (
        "logging.toml",
        include_bytes!("../../templates/rules/logging.toml"),
    ),
    (
        "modules.toml",
        include_bytes!("../../templates/rules/modules.toml"),
    ),
    (
        "network.toml",
        include_bytes!("../../templates/rules/network.toml"),
    ),
    (
        "packages.toml",
        include_bytes!("../../templates/rules/packages.toml"),
    ),
    ("pam.toml", include_bytes!("../../templates/rules/pam.toml")),
    (
        "sources.toml",
        include_bytes!("../../templates/rules/sources.toml"),
    ),
    ("ssh.toml", include_bytes!("../../templates/rules/ssh.toml")),
    (
        "units.toml",
        include_bytes!("../../templates/rules/units.toml"),
    ),
];
