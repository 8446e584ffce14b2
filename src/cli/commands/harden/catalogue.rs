//! `karat harden list` and `karat harden explain`.

use std::path::PathBuf;

use serde::Serialize;

use super::profile;
use crate::cli::Exit;
use crate::cli::console::{BAD, BOLD, Console, DIM, WARN};
use crate::cli::failure::Failure;
use crate::harden::{Applies, Catalogue, Profile, Refs, Rule, Severity};
use crate::ops::harden::{Answer, Scap, catalogue};
use crate::path::Escaped;
use crate::written::Choice as _;

/// Arguments of `karat harden list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With --scap the list goes by the rules of SCAP scanners (ComplianceAsCode: OpenSCAP with Debian's
content): which rules answer each, with sections of the CIS benchmark, or why none does, or why it
fails although the rule holds. Rules of a scanner that are named get an answer each.

Examples:
  karat harden list --profile server-l1
  karat harden list --scap                                  all that a scanner may ask
  karat harden list --scap sshd_disable_root_login partition_for_tmp

Exit codes: 0 · 10 a scanner's rule that was named has no answer · 1 failed · 2 usage")]
pub(super) struct ListArgs {
    /// Rules of a scanner, by their short names or as its results spell them.
    #[arg(value_name = "RULE", requires = "scap")]
    named: Vec<String>,

    /// By the rules of SCAP scanners.
    #[arg(long)]
    scap: bool,

    /// Rules of this profile only: server-l1, server-l2 or strict.
    #[arg(long, value_name = "PROFILE", value_parser = profile)]
    profile: Option<Profile>,

    /// A template whose own files of rules are listed too.
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
}

/// Arguments of `karat harden explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat harden explain sh.root
  karat harden explain own.rule --template templates/shop.toml")]
pub(super) struct ExplainArgs {
    /// The rule.
    #[arg(value_name = "ID")]
    id: String,

    /// A template whose own files of rules are looked in too.
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
}

/// A rule in a list.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    id: &'a str,
    title: &'a str,
    severity: Severity,
    profile: Profile,
    refs: &'a Refs,
}

/// All about a rule.
#[derive(Debug, Serialize)]
struct Explained<'a> {
    id: &'a str,
    title: &'a str,
    severity: Severity,
    profile: Profile,
    rationale: &'a str,
    breaks: Option<&'a str>,
    file: &'a str,
    applies: Vec<String>,
    sets: Vec<Set>,
    refs: &'a Refs,
}

/// What one setting sets.
#[derive(Debug, Serialize)]
struct Set {
    kind: &'static str,
    wanted: Vec<String>,
}

pub(super) fn list(args: &ListArgs, console: &Console) -> Result<Exit, Failure> {
    let catalogue = catalogue(args.template.as_deref())?;
    let rules = catalogue.rules();
    let rules = rules.filter(|rule| args.profile.is_none_or(|wanted| rule.profile <= wanted));
    let rules: Vec<&Rule> = rules.collect();
    let listed = rules.iter().map(|rule| Listed {
        id: rule.id.as_str(),
        title: &rule.title,
        severity: rule.severity,
        profile: rule.profile,
        refs: &rule.refs,
    });
    let listed: Vec<Listed<'_>> = listed.collect();
    if args.scap {
        return by_scanner(args, &catalogue, &listed, console);
    }
    console.json(&serde_json::json!({
        "catalogue": catalogue.digest(),
        "rules": listed,
    }));
    let width = rules.iter().map(|rule| rule.id.as_str().len()).max();
    let width = width.unwrap_or(0);
    for rule in &rules {
        let (severity, profile) = (rule.severity.word(), rule.profile.word());
        console.line(format_args!(
            "{:<width$}  {severity:<6}  {profile:<9}  {}",
            rule.id.as_str(),
            rule.title
        ));
    }
    console.note(format_args!("{DIM}{} rules{DIM:#}", rules.len()));
    Ok(Exit::Ok)
}

/// The list by the rules of scanners.
fn by_scanner(
    args: &ListArgs,
    catalogue: &Catalogue,
    listed: &[Listed<'_>],
    console: &Console,
) -> Result<Exit, Failure> {
    let is_wanted = |rule: &Rule| args.profile.is_none_or(|wanted| rule.profile <= wanted);
    let scap = Scap::of(catalogue, is_wanted).map_err(|error| Failure::failed(&error))?;
    let answers: Vec<Answer> = if args.named.is_empty() {
        scap.all().cloned().collect()
    } else {
        args.named.iter().map(|name| scap.answer(name)).collect()
    };
    console.json(&serde_json::json!({
        "catalogue": catalogue.digest(),
        "rules": listed,
        "scap": answers,
    }));
    let width = answers.iter().map(|answer| answer.scap.chars().count());
    let width = width.max().unwrap_or(0);
    let mut unanswered = 0_usize;
    for answer in &answers {
        let name = Escaped(answer.scap.as_bytes()).to_string();
        let (rules, cis) = (answer.rules.join(", "), answer.cis.join(", "));
        if !answer.is_some() {
            unanswered = unanswered.saturating_add(1);
            console.line(format_args!(
                "{BAD}{name:<width$}{BAD:#}  no rule asks for it, and nobody said why"
            ));
            continue;
        }
        if answer.rules.is_empty() {
            console.line(format_args!("{name:<width$}  {DIM}no rule{DIM:#}"));
        } else {
            let cis = if cis.is_empty() {
                cis
            } else {
                format!("  CIS {cis}")
            };
            console.line(format_args!("{name:<width$}  {BOLD}{rules}{BOLD:#}{cis}"));
        }
        for reason in &answer.reasons {
            let suites = if reason.suites.is_empty() {
                String::new()
            } else {
                format!(" ({})", reason.suites.join(", "))
            };
            console.line(format_args!("  {DIM}{}{suites}{DIM:#}", reason.reason));
        }
    }
    Ok(if unanswered > 0 {
        Exit::Drift
    } else {
        Exit::Ok
    })
}

pub(super) fn explain(args: &ExplainArgs, console: &Console) -> Result<Exit, Failure> {
    let catalogue = catalogue(args.template.as_deref())?;
    let Some(rule) = catalogue.get(&args.id) else {
        let message = format!("there is no rule {:?}", args.id);
        return Err(Failure::usage(message).hint("`karat harden list` shows all of them"));
    };
    let sets = rule.settings.iter().map(|setting| Set {
        kind: setting.kind(),
        wanted: setting.describe(),
    });
    let explained = Explained {
        id: rule.id.as_str(),
        title: &rule.title,
        severity: rule.severity,
        profile: rule.profile,
        rationale: &rule.rationale,
        breaks: rule.breaks.as_deref(),
        file: &rule.file,
        applies: conditions(&rule.applies),
        sets: sets.collect(),
        refs: &rule.refs,
    };
    console.json(&explained);
    show(&explained, console);
    Ok(Exit::Ok)
}

fn show(rule: &Explained<'_>, console: &Console) {
    console.line(format_args!("{BOLD}{}{BOLD:#}  {}", rule.id, rule.title));
    let style = match rule.severity {
        Severity::High => BAD,
        Severity::Medium | Severity::Low => WARN,
    };
    console.line(format_args!(
        "  severity   {style}{}{style:#}\n  profile    {}, and what contains it\n  stated in  {}",
        rule.severity, rule.profile, rule.file
    ));
    console.line(format_args!("\n  {}", rule.rationale));
    if let Some(breaks) = rule.breaks {
        console.line(format_args!("\n{BOLD}may break{BOLD:#}\n  {breaks}"));
    }
    console.line(format_args!("\n{BOLD}what must hold{BOLD:#}"));
    for set in &rule.sets {
        for (index, wanted) in set.wanted.iter().enumerate() {
            let kind = if index == 0 { set.kind } else { "" };
            console.line(format_args!("  {kind:<9}  {wanted}"));
        }
    }
    if !rule.applies.is_empty() {
        console.line(format_args!("\n{BOLD}where{BOLD:#}"));
        for condition in &rule.applies {
            console.line(format_args!("  {condition}"));
        }
    }
    if !rule.refs.is_empty() {
        console.line(format_args!("\n{BOLD}asked for by{BOLD:#}"));
        for (whose, names) in rule.refs {
            console.line(format_args!("  {whose:<9}  {}", names.join(", ")));
        }
    }
    console.line(format_args!(
        "\n{DIM}To leave it out: [harden] except = {{ \"{}\" = \"the reason\" }}{DIM:#}",
        rule.id
    ));
}

/// When a rule applies, in words.
fn conditions(applies: &Applies) -> Vec<String> {
    let Applies {
        packages,
        any_packages,
        without_packages,
        suites,
        kernel_since,
        category,
        kernel,
        instance,
    } = applies;
    let mut all = Vec::new();
    let lists = [
        ("all of these packages are installed", packages),
        ("one of these packages is installed", any_packages),
        ("none of these packages is installed", without_packages),
        ("the suite is one of", suites),
        ("the service category is one of", category),
    ];
    for (what, names) in lists {
        if !names.is_empty() {
            all.push(format!("{what}: {}", names.join(", ")));
        }
    }
    if let Some((major, minor)) = kernel_since {
        all.push(format!("the image's kernel is {major}.{minor} or later"));
    }
    match kernel {
        Some(true) => all.push("the image has a kernel package".to_owned()),
        Some(false) => all.push("the image has no kernel package".to_owned()),
        None => {}
    }
    match instance {
        Some(true) => all.push("it is a running system".to_owned()),
        Some(false) => all.push("it is an image, and no running system".to_owned()),
        None => {}
    }
    all
}
