//! What nearly every service bears.

/// The directives of `preset = "service"`, by name. No capability, no address family and no path to
/// write is named: those differ from service to service.
pub(super) const SERVICE: &[(&str, &str)] = &[
    ("LockPersonality", "yes"),
    ("MemoryDenyWriteExecute", "yes"),
    ("NoNewPrivileges", "yes"),
    ("PrivateDevices", "yes"),
    ("PrivateTmp", "yes"),
    ("ProtectClock", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectHome", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("ProtectProc", "invisible"),
    ("ProtectSystem", "strict"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("SystemCallArchitectures", "native"),
    // A refused call is an error to the program, not its end.
    ("SystemCallErrorNumber", "EPERM"),
    ("SystemCallFilter", "@system-service"),
];
