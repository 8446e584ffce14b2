//! The domains of the Cloud Controls Matrix, version 4.0.

/// What a domain is called; a code that is none of theirs is the user's own.
pub fn domain_title(code: &str) -> &'static str {
    match code {
        "A&A" => "Audit and assurance",
        "AIS" => "Application and interface security",
        "BCR" => "Business continuity and resilience",
        "CCC" => "Change control and configuration",
        "CEK" => "Cryptography and keys",
        "DCS" => "Datacenter security",
        "DSP" => "Data security and privacy",
        "GRC" => "Governance, risk, compliance",
        "HRS" => "Human resources",
        "IAM" => "Identity and access",
        "IPY" => "Interoperability and portability",
        "IVS" => "Infrastructure and virtualization",
        "LOG" => "Logging and monitoring",
        "SEF" => "Incidents and forensics",
        "STA" => "Supply chain and transparency",
        "TVM" => "Threats and vulnerabilities",
        "UEM" => "Endpoints",
        _ => "The organisation\u{2019}s own",
    }
}
