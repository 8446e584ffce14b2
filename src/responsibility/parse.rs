//! Reading a file of controls: TOML, strict.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::value::{Control, Ids, Kind, Model, Need, Owner, Owners, Provider};
use crate::limits;
use crate::path::Escaped;

/// Why a file of controls is refused. `file` is its name, `control` the id that it concerns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// Larger than [`limits::CONTROLS_FILE_MAX`].
    #[error("{file}: it is larger than {} bytes", limits::CONTROLS_FILE_MAX)]
    TooLarge {
        /// Which file.
        file: String,
    },
    /// Not TOML of this shape; says where.
    #[error("{file}: {message}")]
    Form {
        /// Which file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// A rule about one control is broken.
    #[error("{file}: control {control}: {message}")]
    Control {
        /// Which file.
        file: String,
        /// Which control.
        control: String,
        /// What is wrong.
        message: String,
    },
    /// More controls than a matrix may have.
    #[error("{file}: there are more than {} controls", limits::CONTROLS_MAX)]
    TooMany {
        /// Which file.
        file: String,
    },
}

/// The longest id, in bytes.
const ID_MAX: usize = 64;
/// The longest sentence, in bytes.
const TEXT_MAX: usize = 600;
/// Most ids or pieces of evidence of one control.
const ITEMS_MAX: usize = 32;
/// The oldest that evidence may be allowed to be: ten years.
const FRESH_MAX: u64 = 3660;

/// Reads a file called `file`.
///
/// # Errors
/// The rule that it breaks.
pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Vec<Control>, ControlError> {
    let file = Escaped(file.as_bytes()).to_string();
    if u64::try_from(bytes.len()).map_or(true, |length| length > limits::CONTROLS_FILE_MAX) {
        return Err(ControlError::TooLarge { file });
    }
    let form = |message: String| ControlError::Form {
        file: file.clone(),
        message,
    };
    let text = str::from_utf8(bytes).map_err(|error| form(error.to_string()))?;
    let raw: RawFile = toml::from_str(text).map_err(|error| form(place(text, &error)))?;
    if raw.control.len() > limits::CONTROLS_MAX {
        return Err(ControlError::TooMany { file });
    }
    let mut controls = Vec::new();
    for raw in raw.control {
        let id = Escaped(raw.id.as_bytes()).to_string();
        let control = raw.check().map_err(|message| ControlError::Control {
            file: file.clone(),
            control: id,
            message,
        })?;
        controls.push(control);
    }
    Ok(controls)
}

/// What is wrong with text, and in which line. The line itself is not shown: it may hold anything.
fn place(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let newlines = before.unwrap_or_default().matches('\n').count();
    let message = Escaped(error.message().as_bytes());
    format!("line {}: {message}", newlines.saturating_add(1))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    control: Vec<RawControl>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawControl {
    id: String,
    title: String,
    ids: RawIds,
    owner: RawOwners,
    provider: Option<String>,
    #[serde(default)]
    notes: BTreeMap<Provider, String>,
    report: Option<String>,
    customer: Option<String>,
    gap: Option<String>,
    #[serde(default)]
    evidence: Vec<RawNeed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIds {
    #[serde(default)]
    nist: Vec<String>,
    #[serde(default)]
    ccm: Vec<String>,
    #[serde(default)]
    cis: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOwners {
    iaas: Owner,
    paas: Owner,
    saas: Owner,
    #[serde(default)]
    aws: BTreeMap<Model, Owner>,
    #[serde(default)]
    azure: BTreeMap<Model, Owner>,
    #[serde(default)]
    gcp: BTreeMap<Model, Owner>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNeed {
    kind: Kind,
    fresh: Option<u64>,
    #[serde(default)]
    nist: Vec<String>,
    #[serde(default)]
    rules: Vec<String>,
}

impl RawControl {
    fn check(self) -> Result<Control, String> {
        word("id", &self.id)?;
        sentence("title", &self.title)?;
        let optional = [
            ("provider", &self.provider),
            ("report", &self.report),
            ("customer", &self.customer),
            ("gap", &self.gap),
        ];
        for (name, text) in optional {
            text.as_ref().map_or(Ok(()), |text| sentence(name, text))?;
        }
        for text in self.notes.values() {
            sentence("notes", text)?;
        }
        let ids = self.ids.check()?;
        let owner = self.owner.into_owners();
        if owner.all().any(Owner::has_customer) && self.customer.is_none() {
            return Err("the customer has a part in it: say what, as `customer`".to_owned());
        }
        if owner.all().any(Owner::has_provider) && self.provider.is_none() {
            return Err("the provider has a part in it: say what, as `provider`".to_owned());
        }
        if self.evidence.len() > ITEMS_MAX {
            return Err(format!("evidence has more than {ITEMS_MAX} items"));
        }
        let evidence: Result<Vec<Need>, String> =
            self.evidence.into_iter().map(RawNeed::check).collect();
        Ok(Control {
            id: self.id,
            title: self.title,
            ids,
            owner,
            provider: self.provider,
            notes: self.notes,
            report: self.report,
            customer: self.customer,
            gap: self.gap,
            evidence: evidence?,
        })
    }
}

impl RawIds {
    fn check(self) -> Result<Ids, String> {
        each("nist", &self.nist, is_nist, "CM-6 or SI-7(1)")?;
        each("ccm", &self.ccm, is_ccm, "IVS-04")?;
        each("cis", &self.cis, is_cis, "4.1")?;
        if self.nist.is_empty() && self.ccm.is_empty() && self.cis.is_empty() {
            return Err("ids: name the control in one public catalogue at least".to_owned());
        }
        Ok(Ids {
            nist: self.nist,
            ccm: self.ccm,
            cis: self.cis,
        })
    }
}

impl RawOwners {
    fn into_owners(self) -> Owners {
        let mut at = BTreeMap::from([
            (Provider::Aws, self.aws),
            (Provider::Azure, self.azure),
            (Provider::Gcp, self.gcp),
        ]);
        at.retain(|_, models| !models.is_empty());
        Owners {
            base: BTreeMap::from([
                (Model::Iaas, self.iaas),
                (Model::Paas, self.paas),
                (Model::Saas, self.saas),
            ]),
            at,
        }
    }
}

impl RawNeed {
    fn check(self) -> Result<Need, String> {
        let kind = self.kind.as_str();
        each("nist", &self.nist, is_nist, "CM-6 or SI-7(1)")?;
        each("rules", &self.rules, is_pattern, "sh.root or sh.*")?;
        let selects = !(self.nist.is_empty() && self.rules.is_empty());
        if selects != (self.kind == Kind::Rules) {
            return Err(format!(
                "evidence of kind {kind}: `nist` and `rules` say which rules count, for the kind rules alone and always"
            ));
        }
        if self.fresh.is_some_and(|days| days == 0 || days > FRESH_MAX) {
            return Err(format!(
                "evidence of kind {kind}: fresh is a number of days from 1 to {FRESH_MAX}"
            ));
        }
        if self.fresh.is_some() && self.kind == Kind::History {
            return Err(
                "evidence of kind history is made anew each time: it has no `fresh`".to_owned(),
            );
        }
        Ok(Need {
            kind: self.kind,
            fresh: self.fresh,
            nist: self.nist,
            rules: self.rules,
        })
    }
}

fn word(name: &str, text: &str) -> Result<(), String> {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
    if text.is_empty() || text.len() > ID_MAX || !text.bytes().all(fits) {
        return Err(format!("{name} is 1 to {ID_MAX} of a-z 0-9 . -"));
    }
    Ok(())
}

/// One line that shows as it is.
fn sentence(name: &str, text: &str) -> Result<(), String> {
    if text.trim().is_empty() || text.len() > TEXT_MAX {
        return Err(format!("{name} has 1 to {TEXT_MAX} bytes"));
    }
    if text.contains('\\') || Escaped(text.as_bytes()).to_string() != text {
        return Err(format!(
            "{name} is one line, without control characters and backslashes"
        ));
    }
    Ok(())
}

fn each(name: &str, list: &[String], fits: fn(&str) -> bool, example: &str) -> Result<(), String> {
    if list.len() > ITEMS_MAX {
        return Err(format!("{name} has more than {ITEMS_MAX} items"));
    }
    match list.iter().find(|text| !fits(text)) {
        Some(text) => {
            let text = Escaped(text.as_bytes());
            Err(format!("{name}: \"{text}\" is not written as {example}"))
        }
        None => Ok(()),
    }
}

/// One or two digits that begin with none too many.
fn is_number(text: &str) -> bool {
    (1..=2).contains(&text.len())
        && !text.starts_with('0')
        && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_nist(text: &str) -> bool {
    let Some((family, rest)) = text.split_once('-') else {
        return false;
    };
    let (number, enhancement) = match rest.split_once('(') {
        Some((number, rest)) => (number, rest.strip_suffix(')')),
        None => (rest, Some("1")),
    };
    family.len() == 2
        && family.bytes().all(|byte| byte.is_ascii_uppercase())
        && is_number(number)
        && enhancement.is_some_and(is_number)
}

fn is_ccm(text: &str) -> bool {
    let Some((domain, number)) = text.split_once('-') else {
        return false;
    };
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte == b'&';
    domain.len() == 3
        && domain.bytes().all(is_letter)
        && number.len() == 2
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_cis(text: &str) -> bool {
    text.split_once('.')
        .is_some_and(|(one, two)| is_number(one) && is_number(two))
}

fn is_pattern(text: &str) -> bool {
    text == "*" || word("rules", text.strip_suffix('*').unwrap_or(text)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[control]]
id = "ivs.hardening"
title = "Hardening of the guest"
ids = { nist = ["CM-6", "SI-7(1)"], ccm = ["IVS-04"], cis = ["4.1"] }
owner = { iaas = "customer", paas = "provider", saas = "provider", gcp = { paas = "shared" } }
provider = "Runs the host."
customer = "Hardens the guest."
evidence = [{ kind = "rules", nist = ["CM-6"], fresh = 90 }, { kind = "manifest" }]
"#;

    #[test]
    fn a_control_is_read_as_it_stands_there() {
        let controls = parse("x.toml", GOOD.as_bytes()).unwrap();
        let control = controls.first().unwrap();
        assert_eq!(control.domain(), "IVS");
        let owner = |model, provider| control.owner.of(model, provider);
        assert_eq!(owner(Model::Iaas, Provider::Gcp), Owner::Customer);
        assert_eq!(owner(Model::Paas, Provider::Gcp), Owner::Shared);
        assert_eq!(owner(Model::Paas, Provider::Aws), Owner::Provider);
        assert_eq!(control.evidence.len(), 2);
    }

    #[test]
    fn each_rule_is_held() {
        for (from, to, rule) in [
            ("id = \"ivs.hardening\"", "id = \"IVS\"", "id is 1 to 64"),
            (
                "\"CM-6\", \"SI",
                "\"CM-06\", \"SI",
                "\"CM-06\" is not written as",
            ),
            ("SI-7(1)", "SI-7(1", "is not written as CM-6"),
            ("IVS-04", "IVS-4", "is not written as IVS-04"),
            ("\"4.1\"", "\"4\"", "is not written as 4.1"),
            (
                "customer = \"Hardens the guest.\"",
                "",
                "say what, as `customer`",
            ),
            (
                "provider = \"Runs the host.\"",
                "",
                "say what, as `provider`",
            ),
            ("fresh = 90", "fresh = 0", "a number of days"),
            (
                "kind = \"rules\", nist = [\"CM-6\"], fresh = 90",
                "kind = \"rules\"",
                "always",
            ),
            (
                "{ kind = \"manifest\" }",
                "{ kind = \"manifest\", nist = [\"CM-6\"] }",
                "alone",
            ),
            (
                "{ kind = \"manifest\" }",
                "{ kind = \"history\", fresh = 3 }",
                "no `fresh`",
            ),
            (
                "{ kind = \"manifest\" }",
                "{ kind = \"luck\" }",
                "unknown variant",
            ),
            ("Hardening of the guest", "a\\u202eb", "one line"),
            ("Hardening of the guest", " ", "title has 1 to"),
            ("title =", "titel =", "unknown field"),
            ("iaas = \"customer\", ", "", "missing field `iaas`"),
            (
                "iaas = \"customer\"",
                "iaas = \"nobody\"",
                "unknown variant",
            ),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let error = parse("x.toml", text.as_bytes()).unwrap_err().to_string();
            assert!(
                error.starts_with("x.toml: ") && error.contains(rule),
                "{error}"
            );
        }
    }

    #[test]
    fn size_comes_first() {
        let bytes = vec![b'#'; usize::try_from(limits::CONTROLS_FILE_MAX).unwrap() + 1];
        let error = parse("x.toml", &bytes).unwrap_err();
        assert!(matches!(error, ControlError::TooLarge { .. }), "{error}");
        assert!(parse("x.toml", b"\xff").is_err());
    }
}
