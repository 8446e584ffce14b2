//! One target for each parser that takes hostile bytes: what must hold for any bytes at all.
//!
//! A target is a function that panics where a property is broken: what is accepted is written back as
//! it came, what was signed is never another thing, caps hold. The list stands here once. The test
//! `fuzz::smoke` runs each target over its seeds and some thousands of their mutations; the package
//! in `fuzz/` runs the same functions under libFuzzer for as long as one likes.

mod archive;
mod block;
mod build;
mod evidence;
mod harden;
mod history;
mod image;
mod instance;
mod log;
mod pe;
mod seeds;
mod signed;

pub use seeds::found;

/// A parser under test.
pub struct Target {
    pub name: &'static str,
    /// Panics where the bytes break a property.
    pub run: fn(&[u8]),
    /// Good inputs and bad ones, made by code.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How many mutations the smoke test tries: fewer where one takes long.
    pub rounds: u32,
}

/// Gives the names of all targets to a macro.
macro_rules! each_target {
    ($use:ident) => {
        $use! {
            agent_answers, apt_sources, boot_plan, bundle, checkpoint, compressed, consistency, control, controls,
            cosignature, cpio, deb, deb_tar, disk, dpkg_sources, draft, elf, entry, envelope, erofs, expectations,
            fact_rules, fat, fleet, fork, further, glob, gpt, image_tar, inclusion, inrelease, json, kernel_tables,
            keyring, lock, manifest, monitor_memory, note, notice, oci, packages, pe, peers, policy, private_key,
            public_key, receipt, relation, release, report, rule_results, rules, ruleset, state, statement,
            successor, summary, sums, template, tile, tlog_policy, tpm_answer, trust_root, units, verity, version,
            vkey, witness_request,
        }
    };
}
pub(crate) use each_target;

/// The target called `name`.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

const fn of(
    name: &'static str,
    rounds: u32,
    run: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
) -> Target {
    Target {
        name,
        run,
        seeds,
        rounds,
    }
}

/// All targets, sorted by name.
pub const TARGETS: &[Target] = &[
    of(
        "agent_answers",
        20000,
        instance::agent_answers,
        instance::agent_answer_seeds,
    ),
    of(
        "apt_sources",
        20000,
        build::apt_sources,
        build::apt_source_seeds,
    ),
    of(
        "boot_plan",
        10000,
        instance::boot_plan,
        instance::boot_plan_seeds,
    ),
    of("bundle", 20000, log::bundle, log::bundle_seeds),
    of("checkpoint", 20000, log::checkpoint, log::checkpoint_seeds),
    of(
        "compressed",
        5000,
        image::compressed,
        image::compressed_seeds,
    ),
    of("consistency", 10000, log::consistency, log::proof_seeds),
    of("control", 10000, archive::control, archive::control_seeds),
    of(
        "controls",
        1000,
        evidence::controls,
        evidence::controls_seeds,
    ),
    of(
        "cosignature",
        20000,
        log::cosignature,
        log::cosignature_seeds,
    ),
    of("cpio", 3000, image::cpio, image::cpio_seeds),
    of("deb", 5000, archive::deb, archive::deb_seeds),
    of("deb_tar", 10000, archive::deb_tar, archive::deb_tar_seeds),
    of("disk", 3000, image::disk, image::disk_seeds),
    of(
        "dpkg_sources",
        10000,
        evidence::dpkg_sources,
        evidence::dpkg_source_seeds,
    ),
    of("draft", 10000, signed::draft, signed::draft_seeds),
    of("elf", 10000, instance::elf, instance::elf_seeds),
    of("entry", 10000, log::entry, log::entry_seeds),
    of("envelope", 5000, signed::envelope, signed::envelope_seeds),
    of("erofs", 1500, image::erofs, image::erofs_seeds),
    of(
        "expectations",
        10000,
        instance::expectations,
        instance::expectation_seeds,
    ),
    of(
        "fact_rules",
        20000,
        instance::fact_rules,
        instance::fact_rule_seeds,
    ),
    of("fat", 1000, block::fat, block::fat_seeds),
    of("fleet", 1500, build::fleet, build::fleet_seeds),
    of("fork", 10000, history::fork, history::fork_seeds),
    of("further", 20000, evidence::further, evidence::further_seeds),
    of("glob", 20000, instance::glob, instance::glob_seeds),
    of("gpt", 400, block::gpt, block::gpt_seeds),
    of("image_tar", 5000, image::image_tar, image::tar_seeds),
    of("inclusion", 10000, log::inclusion, log::proof_seeds),
    of(
        "inrelease",
        1500,
        archive::inrelease,
        archive::inrelease_seeds,
    ),
    of("json", 20000, signed::json, signed::json_seeds),
    of(
        "kernel_tables",
        20000,
        instance::kernel_tables,
        instance::kernel_table_seeds,
    ),
    of("keyring", 2500, archive::keyring, archive::keyring_seeds),
    of("lock", 5000, build::lock, build::lock_seeds),
    of(
        "manifest",
        10000,
        instance::manifest,
        instance::manifest_seeds,
    ),
    of(
        "monitor_memory",
        5000,
        history::monitor_memory,
        history::monitor_memory_seeds,
    ),
    of("note", 20000, log::note, log::note_seeds),
    of("notice", 10000, history::notice, history::notice_seeds),
    of("oci", 2500, image::oci, image::oci_seeds),
    of("packages", 10000, archive::packages, archive::package_seeds),
    of("pe", 10000, pe::pe, pe::pe_seeds),
    of("peers", 5000, evidence::peers, evidence::peers_seeds),
    of("policy", 10000, instance::policy, instance::policy_seeds),
    of(
        "private_key",
        10000,
        signed::private_key,
        signed::private_key_seeds,
    ),
    of(
        "public_key",
        10000,
        signed::public_key,
        signed::public_key_seeds,
    ),
    of("receipt", 5000, log::receipt, log::receipt_seeds),
    of(
        "relation",
        20000,
        archive::relation,
        archive::relation_seeds,
    ),
    of("release", 1500, archive::release, archive::release_seeds),
    of("report", 5000, instance::report, instance::report_seeds),
    of(
        "rule_results",
        3000,
        harden::rule_results,
        harden::rule_results_seeds,
    ),
    of("rules", 40, harden::rules, harden::rules_seeds),
    of("ruleset", 10000, instance::ruleset, instance::ruleset_seeds),
    of("state", 10000, instance::state, instance::state_seeds),
    of(
        "statement",
        2500,
        signed::statement,
        signed::statement_seeds,
    ),
    of(
        "successor",
        1500,
        signed::successor,
        signed::trust_root_seeds,
    ),
    of("summary", 2500, evidence::summary, evidence::summary_seeds),
    of("sums", 20000, image::sums, image::sums_seeds),
    of("template", 1500, build::template, build::template_seeds),
    of("tile", 20000, log::tile, log::tile_seeds),
    of(
        "tlog_policy",
        20000,
        history::tlog_policy,
        history::tlog_policy_seeds,
    ),
    of(
        "tpm_answer",
        20000,
        instance::tpm_answer,
        instance::tpm_answer_seeds,
    ),
    of(
        "trust_root",
        1500,
        signed::trust_root,
        signed::trust_root_seeds,
    ),
    of("units", 200, harden::units, harden::units_seeds),
    of("verity", 3000, block::verity, block::verity_seeds),
    of("version", 20000, archive::version, archive::version_seeds),
    of("vkey", 10000, log::vkey, log::vkey_seeds),
    of(
        "witness_request",
        20000,
        history::witness_request,
        history::witness_request_seeds,
    ),
];
