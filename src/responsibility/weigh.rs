//! One need of a control against one image.

use super::facts::{Attestation, Fleet, Image, Known, Rules, Said, Standing};
use super::report::{Evidence, Holds, RuleLine};
use super::value::{Kind, Need};
use crate::digest::Digest;
use crate::harden::{Outcome, ResultOf};
use crate::path::Escaped;
use crate::tree::Epoch;

const DAY: u64 = 86_400;
/// Most rules that one piece of evidence lists; the rest is counted.
const RULES_MAX: usize = 200;

/// What a piece of evidence says before its age is looked at.
struct Raw {
    holds: Holds,
    text: String,
    subject: Option<(String, Option<Digest>)>,
    date: Option<Epoch>,
    next: Option<&'static str>,
    rules: Vec<RuleLine>,
    signed_by: Vec<String>,
}

/// The evidence that `image` has for `need`: several pieces where several reports speak.
pub(super) fn weigh(need: &Need, image: &Image, fleet: Option<&Fleet>, at: Epoch) -> Vec<Evidence> {
    let Some(said) = &image.said else {
        let text = "its statement is not trusted, so that nothing in it counts";
        let raw = Raw::new(Holds::Missing, text);
        return vec![raw.finish(need, image.file.clone())];
    };
    let name = format!("{} {}", said.name, said.version);
    let mut raws = match need.kind {
        Kind::Attestation => attestations(said),
        Kind::History => vec![history(said)],
        Kind::Lock => vec![lock(said)],
        Kind::Manifest => vec![manifest(said)],
        Kind::Provenance => vec![provenance(said)],
        Kind::Rules => vec![rules(need, said)],
        Kind::Sbom => vec![sbom(said)],
        Kind::Segment => vec![segment(said, fleet)],
    };
    for raw in &mut raws {
        raw.age(need, said, at);
        raw.stand(&image.standing);
    }
    raws.into_iter()
        .map(|raw| raw.finish(need, name.clone()))
        .collect()
}

impl Raw {
    fn new(holds: Holds, text: impl Into<String>) -> Self {
        Self {
            holds,
            text: text.into(),
            subject: None,
            date: None,
            next: None,
            rules: Vec::new(),
            signed_by: Vec::new(),
        }
    }

    fn of(self, name: impl Into<String>, sha256: Option<Digest>) -> Self {
        Self {
            subject: Some((name.into(), sha256)),
            ..self
        }
    }

    fn dated(self, date: Epoch) -> Self {
        Self {
            date: Some(date),
            ..self
        }
    }

    fn next(self, next: &'static str) -> Self {
        Self {
            next: Some(next),
            ..self
        }
    }

    /// Evidence that speaks for something does so for a time.
    fn age(&mut self, need: &Need, said: &Said, at: Epoch) {
        if !matches!(self.holds, Holds::Yes | Holds::InPart) {
            return;
        }
        if let Some(date) = self.date {
            if date > at {
                self.holds = Holds::Unclear;
                self.add(&format!("its date, {}, lies ahead", date.rfc3339()));
                self.next = Some("set the clock, or give the time with --at");
                return;
            }
            let days = at.seconds().saturating_sub(date.seconds()) / DAY;
            if need.fresh.is_some_and(|fresh| days > fresh) {
                let fresh = need.fresh.unwrap_or(0);
                self.holds = Holds::Stale;
                self.add(&format!("{days} days old, and {fresh} are allowed"));
                self.next = Some(match need.kind {
                    Kind::Attestation => "verify the instance again",
                    Kind::Lock => "lock, build, sign and deploy again",
                    _ => "build and sign again",
                });
                return;
            }
        }
        if said.expires.is_some_and(|expires| expires < at) {
            self.holds = Holds::Stale;
            self.add("the statement has expired");
            self.next = Some("build and sign again");
        }
    }

    /// What nobody signed is the builder's word.
    fn stand(&mut self, standing: &Standing) {
        let speaks_for = matches!(self.holds, Holds::Yes | Holds::InPart | Holds::Stale);
        if *standing == Standing::Unsigned && speaks_for {
            self.holds = Holds::Unsigned;
            self.add("unsigned: evidence of the builder only");
            self.next = Some("sign the statement: `karat sign`");
        }
    }

    fn add(&mut self, text: &str) {
        self.text.push_str("; ");
        self.text.push_str(text);
    }

    fn finish(self, need: &Need, image: String) -> Evidence {
        let (subject, sha256) = self.subject.unzip();
        Evidence {
            kind: need.kind,
            image,
            holds: self.holds,
            text: self.text,
            subject,
            sha256: sha256.flatten(),
            date: self.date.map(Epoch::seconds),
            fresh_days: need.fresh,
            next: self.next.map(str::to_owned),
            rules: self.rules,
            signed_by: self.signed_by,
        }
    }
}

fn manifest(said: &Said) -> Raw {
    let Some(digest) = said.manifest else {
        return Raw::new(Holds::Missing, "the statement names no manifest");
    };
    let name = format!("{}_{}.mtree", said.name, said.version);
    let serial = said.serial.map(|serial| format!(", serial {serial}"));
    let text = format!(
        "the list of every path of the image{}",
        serial.unwrap_or_default()
    );
    Raw::new(Holds::Yes, text)
        .of(name, Some(digest))
        .dated(said.epoch)
}

fn provenance(said: &Said) -> Raw {
    let text = format!(
        "built by {} from template {} and lock {}",
        said.builder,
        short(&said.template),
        short(&said.lock)
    );
    let name = format!("statement of {}_{}", said.name, said.version);
    Raw::new(Holds::Yes, text)
        .of(name, Some(said.statement))
        .dated(said.epoch)
}

fn lock(said: &Said) -> Raw {
    let locked = match &said.locked {
        Known::Here(locked) => locked,
        Known::Missing(why) => {
            return Raw::new(Holds::Missing, why.clone())
                .next("put the lock beside the statement: NAME_VERSION.lock");
        }
        Known::Broken(why) => return Raw::new(Holds::Unclear, why.clone()),
    };
    let Some(newest) = locked.newest else {
        let text = "the lock names no Release, so that nothing tells how old its packages are";
        return Raw::new(Holds::Unclear, text).of(&locked.file.name, Some(locked.file.sha256));
    };
    let text = format!(
        "{} packages by digest, vouched for by {} signed Release files, the newest of {}",
        locked.packages,
        locked.releases,
        day(newest)
    );
    Raw::new(Holds::Yes, text)
        .of(&locked.file.name, Some(locked.file.sha256))
        .dated(newest)
}

fn sbom(said: &Said) -> Raw {
    let sbom = match &said.sbom {
        Known::Here(sbom) => sbom,
        Known::Missing(why) => {
            return Raw::new(Holds::Missing, why.clone()).next(
                "keep NAME_VERSION.outputs.json and NAME_VERSION.spdx.json beside the statement",
            );
        }
        Known::Broken(why) => return Raw::new(Holds::Unclear, why.clone()),
    };
    let listed = format!(
        "{} packages with version, digest and package URL",
        sbom.packages
    );
    let raw = match sbom.other_than_lock {
        Some(0) => Raw::new(Holds::Yes, format!("{listed}, those of the lock")),
        None => Raw::new(Holds::Yes, format!("{listed}; the lock is not at hand")),
        Some(other) => Raw::new(
            Holds::No,
            format!("{listed}; {other} stand in it or in the lock alone"),
        )
        .next("find out who wrote it: a build lists what its lock names"),
    };
    raw.of(&sbom.file.name, Some(sbom.file.sha256))
        .dated(said.epoch)
}

fn rules(need: &Need, said: &Said) -> Raw {
    let rules = match &said.rules {
        Known::Here(rules) => rules,
        Known::Missing(why) => {
            return Raw::new(Holds::Missing, why.clone())
                .next("build with [harden], and keep NAME_VERSION.rules.json beside the envelope");
        }
        Known::Broken(why) => return Raw::new(Holds::Unclear, why.clone()),
    };
    let mut raw = selected(need, rules)
        .of(&rules.file.name, Some(rules.file.sha256))
        .dated(said.epoch);
    raw.text = format!("{}; profile {}", raw.text, rules.results.profile);
    raw
}

/// The rules that a need asks for.
fn selected(need: &Need, rules: &Rules) -> Raw {
    let (mut counts, mut lines, mut left_out) = ([0_u64; 5], Vec::new(), 0_u64);
    let all = &rules.results.results;
    let chosen = all.iter().filter(|result| is_asked_for(need, result));
    for result in chosen {
        let place = match result.outcome {
            Outcome::Fail => 0,
            Outcome::Unknown => 1,
            Outcome::Excepted => 2,
            Outcome::NotApplicable => 3,
            Outcome::Pass => 4,
        };
        if let Some(count) = counts.get_mut(place) {
            *count = count.saturating_add(1);
        }
        if result.outcome == Outcome::Pass {
            continue;
        }
        if lines.len() >= RULES_MAX {
            left_out = left_out.saturating_add(1);
            continue;
        }
        lines.push(RuleLine {
            id: result.id.as_str().to_owned(),
            outcome: result.outcome,
            reason: shown(&result.reasons.join("; ")),
        });
    }
    lines.sort_by(|a, b| (a.outcome, &a.id).cmp(&(b.outcome, &b.id)));
    let [failed, unknown, excepted, apart, passed] = counts;
    let (holds, next) = if failed > 0 {
        let next = "mend what fails, or except it in the template with a reason";
        (Holds::No, Some(next))
    } else if unknown > 0 {
        (
            Holds::Unclear,
            Some("find out why a rule could not be told"),
        )
    } else if passed == 0 && excepted == 0 {
        let next = "choose a profile that has such rules: [harden] profile";
        (Holds::Missing, Some(next))
    } else if passed == 0 || excepted > 0 {
        (Holds::InPart, None)
    } else {
        (Holds::Yes, None)
    };
    let words = [
        (failed, "fail"),
        (unknown, "unknown"),
        (excepted, "excepted"),
        (passed, "hold"),
        (apart, "do not apply"),
    ];
    let said: Vec<String> = words
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let mut text = if said.is_empty() {
        "no rule speaks about it".to_owned()
    } else {
        said.join(", ")
    };
    if left_out > 0 {
        text = format!("{text} ({left_out} of them not listed)");
    }
    Raw {
        next,
        rules: lines,
        ..Raw::new(holds, text)
    }
}

/// Whether a need asks for a rule: by its id, or by what it refers to.
fn is_asked_for(need: &Need, result: &ResultOf) -> bool {
    let by_id = need
        .rules
        .iter()
        .any(|pattern| fits(pattern, result.id.as_str()));
    let refers = result.refs.get("nist").into_iter().flatten();
    by_id || refers.map(|id| nist(id)).any(|id| need.nist.contains(&id))
}

/// Text of a file, which may quote anything: as it is, or escaped where it would steer a reader.
fn shown(text: &str) -> String {
    let escaped = Escaped(text.as_bytes()).to_string();
    if escaped == text.replace('\\', "\\\\") {
        text.to_owned()
    } else {
        escaped
    }
}

/// Whether a pattern stands for an id.
fn fits(pattern: &str, id: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => id.starts_with(start),
        None => pattern == id,
    }
}

/// An id of NIST as this matrix writes it: scanners write `SI-7.1` for `SI-7(1)`.
fn nist(id: &str) -> String {
    match id.split_once('.') {
        Some((control, enhancement)) => format!("{control}({enhancement})"),
        None => id.to_owned(),
    }
}

fn segment(said: &Said, fleet: Option<&Fleet>) -> Raw {
    let placement = &said.placement;
    let (Some(category), Some(segment)) = (&placement.category, &placement.segment) else {
        return Raw::new(
            Holds::Missing,
            "the statement names no segment and category",
        )
        .next("say in the template where the image belongs: [segment]");
    };
    let placed = format!("placed in {segment}, category {category}");
    let Some(fleet) = fleet else {
        let text = format!("{placed}; the fleet was not checked");
        return Raw::new(Holds::Missing, text).next("give the templates with --segments DIR");
    };
    let raw = |holds, text: String| {
        Raw::new(holds, format!("{placed}; {text}"))
            .of("templates of the fleet", Some(fleet.sha256))
            .dated(said.epoch)
    };
    match fleet.placements.get(&said.name) {
        None => raw(
            Holds::Missing,
            "the templates that were checked do not have this image".to_owned(),
        )
        .next("give the templates of the whole fleet with --segments DIR"),
        Some(other) if other != placement => raw(
            Holds::No,
            "its template says another place than the signed statement".to_owned(),
        )
        .next("build and sign again from the template"),
        Some(_) if !fleet.problems.is_empty() => {
            let count = fleet.problems.len();
            let first = fleet.problems.first().map_or("", String::as_str);
            raw(
                Holds::No,
                format!("{count} problems between segments, the first: {first}"),
            )
            .next("`karat segment check` shows each")
        }
        Some(_) => raw(
            Holds::Yes,
            format!(
                "the flows of {} templates agree with each other",
                fleet.templates
            ),
        ),
    }
}

fn history(said: &Said) -> Raw {
    let Some(history) = &said.history else {
        return Raw::new(Holds::Missing, "no log was named").next("name the log with --log");
    };
    let log = &history.log;
    let next = "`karat audit` says what, and what to do";
    let raw = |holds, text: String| {
        let place = match history.entry {
            Some(entry) => format!("{} entry {}", log.origin, entry.index),
            None => log.origin.clone(),
        };
        let text = format!("{text}, in a log of {} entries", log.tree_size);
        Raw::new(holds, text).of(place, Some(log.root_sha256))
    };
    match (log.verdict, history.entry) {
        ("untrusted", _) => {
            raw(Holds::No, "the audit finds the log untrusted".to_owned()).next(next)
        }
        (_, None) => raw(Holds::No, "the log does not have this statement".to_owned())
            .next("log it: `karat log append`"),
        (_, Some(entry)) if !entry.counts => {
            raw(Holds::No, "its signatures count no more".to_owned()).next(next)
        }
        ("incomplete", _) => raw(
            Holds::Unclear,
            "not all of the log could be checked".to_owned(),
        )
        .next(next),
        ("clean", Some(entry)) if log.witnessed => {
            let text = format!(
                "entry {}, cosigned by witnesses, nothing found",
                entry.index
            );
            raw(Holds::Yes, text)
        }
        ("clean", Some(entry)) => {
            let text = format!(
                "entry {}, nothing found, vouched for by nobody besides the log",
                entry.index
            );
            raw(Holds::InPart, text)
        }
        _ => raw(
            Holds::No,
            format!("the audit has {} findings", log.open_findings),
        )
        .next(next),
    }
}

fn attestations(said: &Said) -> Vec<Raw> {
    if said.attestations.is_empty() {
        let raw = Raw::new(Holds::Missing, "no report of a verification was given").next(
            "give reports of `karat verify --json` with --verdict, or signed summaries with --summary",
        );
        return vec![raw];
    }
    said.attestations.iter().map(attestation).collect()
}

/// What nobody signed is worth as much as the place where it was kept: it shows a part.
fn attestation(report: &Attestation) -> Raw {
    let is_signed = !report.signed_by.is_empty();
    let (holds, next) = match report.verdict.as_str() {
        "match" if is_signed => (Holds::Yes, None),
        "match" => (Holds::InPart, None),
        "incomplete" => (Holds::Unclear, Some("see what the report could not check")),
        _ => (Holds::No, Some("see what the verifier found")),
    };
    let mut text = format!("verdict {} of {}", report.verdict, day(report.at));
    if let Some(assurance) = &report.assurance {
        text = format!("{text}, assurance {assurance}");
    }
    let keys: Vec<String> = report.signed_by.iter().map(|id| first(id)).collect();
    let signed = if is_signed {
        format!("signed by keys of the role fleet: {}", keys.join(", "))
    } else {
        "the report itself is not signed".to_owned()
    };
    text = format!("{text}; {signed}");
    Raw {
        next,
        signed_by: report.signed_by.clone(),
        ..Raw::new(holds, text)
            .of(&report.file.name, Some(report.file.sha256))
            .dated(report.at)
    }
}

fn short(digest: &Digest) -> String {
    first(&digest.to_string())
}

/// The beginning of a digest or id, for people.
fn first(text: &str) -> String {
    text.chars().take(12).collect()
}

fn day(at: Epoch) -> String {
    at.rfc3339().chars().take(10).collect()
}
