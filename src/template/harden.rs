//! `[harden]`: which rules the image keeps.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::diagnostic::Code;
use super::model::Template;
use super::raw::{Items, RawHarden};
use super::reader::{At, Item, Sink};
use super::source::SourceFile;
use crate::harden::{Catalogue, Filter, Profile, RuleId, Selection, Stated};
use crate::limits;
use crate::path::ImagePath;
use crate::segment::Ruleset;
use crate::written::Choice;
use crate::written::nearest::nearest;

/// `[harden]` of a template that has it: the rules of a profile are applied and must hold.
#[derive(Clone, Debug)]
pub struct Harden {
    /// Which rules are wanted.
    pub profile: Profile,
    /// Rules that are left out, each with its reason.
    pub except: BTreeMap<RuleId, String>,
    /// Files of rules that the template brings along, in the order stated, inherited ones first.
    pub files: Vec<SourceFile>,
    /// The shipped rules and those of `files`.
    pub catalogue: Arc<Catalogue>,
}

impl PartialEq for Harden {
    fn eq(&self, other: &Self) -> bool {
        self.profile == other.profile
            && self.except == other.except
            && self.catalogue.digest() == other.catalogue.digest()
    }
}

impl Eq for Harden {}

impl Template {
    /// The rules that the image keeps; `None` where the template asks for none.
    pub fn selection(&self) -> Option<Selection> {
        let harden = self.harden.as_ref()?;
        Some(Selection {
            catalogue: Arc::clone(&harden.catalogue),
            profile: harden.profile,
            except: harden.except.clone(),
            stated: Some(self.stated()),
            ceilings: self.segment.exposure.clone(),
        })
    }

    /// Whether a rule that the image keeps lets nothing out that is not stated.
    pub(super) fn closes_output(&self) -> bool {
        self.harden.as_ref().is_some_and(|harden| {
            let mut rules = harden.catalogue.rules();
            rules.any(|rule| {
                let is_kept =
                    rule.profile <= harden.profile && !harden.except.contains_key(&rule.id);
                is_kept && rule.closes_output()
            })
        })
    }

    /// What rules compare the image with that its own files do not show.
    pub fn stated(&self) -> Stated {
        let listen = self.verify.facts.listen.as_ref();
        let filter = self.compiled_ruleset().and_then(|ruleset| {
            let path = |text| ImagePath::parse(text).ok();
            Some(Filter {
                path: path(Ruleset::PATH)?,
                text: ruleset.to_text(),
                included: [Ruleset::INPUT, Ruleset::OUTPUT]
                    .into_iter()
                    .filter_map(path)
                    .collect(),
            })
        });
        Stated {
            category: self.segment.category.map(|it| it.word().to_owned()),
            listen: listen.map(|it| it.allow.clone()),
            filter,
        }
    }
}

/// Something is wrong, and was reported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported;

/// What the merged statements come to; `read` reads a file of rules that a template names.
pub(super) fn finish(
    raw: RawHarden,
    read: impl Fn(At<String>) -> Option<SourceFile>,
    sink: &Sink,
) -> Result<Option<Harden>, Reported> {
    let stated = raw.rules.first().map(|at| at.span.clone());
    let stated = stated.or_else(|| raw.except.first().map(|(id, _)| id.span.clone()));
    let profile = match (raw.profile, stated) {
        (Some(at), _) => at.value,
        (None, Some(span)) => {
            if !sink.is_wrong("[harden]", "profile") {
                let message = "[harden] needs profile".to_owned();
                let words: Vec<&str> = Profile::WORDS.iter().map(|(word, _)| *word).collect();
                let help = format!("profile is one of {}", words.join(", "));
                sink.report(Code::T005, &span, message, Some(help));
            }
            return Err(Reported);
        }
        (None, None) => return Ok(None),
    };
    let files = files(raw.rules, read, sink).ok_or(Reported)?;
    let texts = files.iter().map(|file| {
        let text = String::from_utf8_lossy(&file.body.bytes).into_owned();
        (file.source.clone(), text)
    });
    let texts: Vec<(String, String)> = texts.collect();
    let before = sink.is_clean();
    let catalogue = Catalogue::read(&texts, sink);
    if before && !sink.is_clean() {
        return Err(Reported);
    }
    let mut except = BTreeMap::new();
    for (id, reason) in raw.except {
        let Some(rule) = catalogue.get(&id.value) else {
            let ids: Vec<&str> = catalogue.rules().map(|rule| rule.id.as_str()).collect();
            let help = nearest(&id.value, &ids).map_or_else(
                || "'karat harden list' shows all rules".to_owned(),
                |id| format!("did you mean {id:?}?"),
            );
            let message = format!("there is no rule {:?}", id.value);
            sink.report(Code::T018, &id.span, message, Some(help));
            continue;
        };
        // A rule of a stricter profile may be excepted, too: templates that extend this one may ask for it.
        let text = reason.value.trim();
        if text.len() < 8 || text.len() > 1024 || text.chars().any(char::is_control) {
            let message = format!("the reason for leaving out {} says nothing", rule.id);
            let help =
                "one line of 8 to 1024 bytes: why it cannot hold, and what stands in its place";
            sink.report(Code::T006, &reason.span, message, Some(help.to_owned()));
            continue;
        }
        // A template further down overrides.
        except.insert(rule.id.clone(), text.to_owned());
    }
    Ok(Some(Harden {
        profile,
        except,
        files,
        catalogue: Arc::new(catalogue),
    }))
}

fn files(
    rules: Items<String>,
    read: impl Fn(At<String>) -> Option<SourceFile>,
    sink: &Sink,
) -> Option<Vec<SourceFile>> {
    let mut files = Vec::new();
    for at in rules {
        if let Item::Add(value) = at.value {
            let span = at.span.clone();
            let file = read(At { value, span })?;
            if file.body.content.size > limits::RULES_FILE_MAX {
                let max = limits::RULES_FILE_MAX;
                let message = format!("{} is larger than {max} bytes", file.source);
                sink.report(Code::T016, &at.span, message, None);
                return None;
            }
            files.push(file);
        }
    }
    Some(files)
}

/// `[harden]` as a template shows it. The digest of the catalogue stands for all rules.
pub(super) fn json(harden: &Harden) -> Value {
    let Harden {
        profile,
        except,
        files,
        catalogue,
    } = harden;
    let except: serde_json::Map<String, Value> = except
        .iter()
        .map(|(id, reason)| (id.to_string(), json!(reason)))
        .collect();
    let rules: Vec<&str> = files.iter().map(|file| file.source.as_str()).collect();
    json!({
        "profile": profile.word(),
        "except": except,
        "rules": rules,
        "catalogue": catalogue.digest(),
    })
}
