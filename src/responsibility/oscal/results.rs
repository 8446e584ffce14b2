//! The assessment results: what evidence says, and what is open.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::document::{Names, control_id, date, file, line, metadata, property};
use crate::digest::Digest;
use crate::json::canonical;
use crate::responsibility::report::{ControlFacts, Evidence, Report, State};

/// The state of the customer's controls as OSCAL assessment results: a file.
pub fn assessment_results(report: &Report) -> String {
    // Text and lists of text always have a JSON form.
    let seed = Digest::of(&canonical(report).unwrap_or_default()).to_string();
    let names = Names::of(&["assessment-results", &seed]);
    let is_wanted =
        |control: &&ControlFacts| !control.nist.is_empty() && control.owner.has_customer();
    let mut controls: Vec<&ControlFacts> = report.controls.iter().filter(is_wanted).collect();
    controls.sort_by(|a, b| a.id.cmp(&b.id));

    let mut made = Made::default();
    for control in controls {
        made.add(&names, report, control);
    }
    let plan = names.uuid(&["plan"]);
    let mut resources = vec![json!({
        "uuid": plan,
        "title": "The matrix of controls",
        "description": "There is no assessment plan besides the matrix: each control says which evidence it asks for.",
        "props": [property("sha256", &report.matrix.sha256.to_string())],
    })];
    resources.extend(std::mem::take(&mut made.sources).into_values());
    file(&json!({
        "assessment-results": {
            "uuid": names.uuid(&["results"]),
            "metadata": metadata("Shared responsibility: evidence", report.at, &report.matrix.sha256),
            "import-ap": { "href": format!("#{plan}") },
            "results": [made.result(&names, report)],
            "back-matter": { "resources": resources },
        }
    }))
}

/// What stands in the results.
#[derive(Default)]
struct Made {
    controls: BTreeSet<String>,
    observations: Vec<Value>,
    findings: Vec<Value>,
    /// What observations are of, by identifier.
    sources: BTreeMap<String, Value>,
}

impl Made {
    fn add(&mut self, names: &Names, report: &Report, control: &ControlFacts) {
        let mut seen = Vec::new();
        for (place, evidence) in control.evidence.iter().enumerate() {
            let id = names.uuid(&["observation", &control.id, &place.to_string()]);
            let observation = self.observation(names, report, control, evidence, &id);
            self.observations.push(Value::Object(observation));
            seen.push(json!({ "observation-uuid": id }));
        }
        for nist in &control.nist {
            self.controls.insert(control_id(nist));
            if State::OPEN.contains(&control.state) {
                let finding = finding(names, control, nist, &seen);
                self.findings.push(Value::Object(finding));
            }
        }
    }

    /// An observation; the file that it is of becomes a resource.
    fn observation(
        &mut self,
        names: &Names,
        report: &Report,
        control: &ControlFacts,
        evidence: &Evidence,
        id: &str,
    ) -> Map<String, Value> {
        let title = format!("{}: {}", evidence.image, evidence.kind.as_str());
        let collected = date(evidence.date.unwrap_or(report.at));
        let mut observation = Map::from_iter([
            ("uuid".to_owned(), json!(id)),
            ("title".to_owned(), json!(line(&title))),
            ("description".to_owned(), json!(evidence.text)),
            ("methods".to_owned(), json!(["EXAMINE"])),
            ("collected".to_owned(), json!(collected)),
            (
                "props".to_owned(),
                json!([
                    property("control", &control.id),
                    property("holds", evidence.holds.as_str()),
                ]),
            ),
        ]);
        if let (Some(subject), Some(sha256)) = (&evidence.subject, evidence.sha256) {
            let digest = sha256.to_string();
            let resource = names.uuid(&["resource", subject, &digest]);
            let link = json!([{ "href": format!("#{resource}"), "description": line(subject) }]);
            observation.insert("relevant-evidence".to_owned(), link);
            let source = json!({
                "uuid": resource,
                "title": line(subject),
                "description": "A file, statement or log, by its SHA-256.",
                "props": [property("sha256", &digest)],
            });
            self.sources.insert(resource, source);
        }
        let rules: Vec<String> = evidence
            .rules
            .iter()
            .map(|rule| format!("- {} {}: {}", rule.id, rule.outcome.word(), rule.reason))
            .collect();
        if !rules.is_empty() {
            observation.insert("remarks".to_owned(), json!(rules.join("\n")));
        }
        observation
    }

    fn result(self, names: &Names, report: &Report) -> Value {
        let about = format!(
            "Evidence for the customer's part on {} ({}), weighed for {}. Controls with evidence have \
             observations and no finding: whether they are satisfied is for an assessor to say.",
            report.provider.title(),
            report.model.title(),
            date(report.at)
        );
        let controls: Vec<Value> = self
            .controls
            .iter()
            .map(|control| json!({ "control-id": control }))
            .collect();
        // OSCAL takes no empty list.
        let selection = if controls.is_empty() {
            json!({ "include-all": {} })
        } else {
            json!({ "include-controls": controls })
        };
        let mut result = Map::from_iter([
            ("uuid".to_owned(), json!(names.uuid(&["result"]))),
            ("title".to_owned(), json!("Evidence by control")),
            ("description".to_owned(), json!(about)),
            ("start".to_owned(), json!(date(report.at))),
            ("end".to_owned(), json!(date(report.at))),
            (
                "reviewed-controls".to_owned(),
                json!({ "control-selections": [selection] }),
            ),
        ]);
        for (name, list) in [
            ("observations", self.observations),
            ("findings", self.findings),
        ] {
            if !list.is_empty() {
                result.insert(name.to_owned(), Value::Array(list));
            }
        }
        Value::Object(result)
    }
}

fn finding(
    names: &Names,
    control: &ControlFacts,
    nist: &str,
    seen: &[Value],
) -> Map<String, Value> {
    let id = control_id(nist);
    let title = format!("{}: {}", control.title, control.state.title());
    let duty = control.customer_duty.as_deref().unwrap_or_default();
    let failed = control.state == State::NotMet;
    let status = json!({
        "state": "not-satisfied",
        "reason": if failed { "fail" } else { "other" },
        "remarks": reason(control.state),
    });
    let target = json!({
        "type": "statement-id",
        "target-id": format!("{id}_smt"),
        "status": status,
    });
    let mut finding = Map::from_iter([
        (
            "uuid".to_owned(),
            json!(names.uuid(&["finding", &control.id, &id])),
        ),
        ("title".to_owned(), json!(line(&title))),
        (
            "description".to_owned(),
            json!(format!("The customer's duty: {duty}")),
        ),
        (
            "props".to_owned(),
            json!([
                property("control", &control.id),
                property("state", control.state.as_str()),
            ]),
        ),
        ("target".to_owned(), target),
    ]);
    if !seen.is_empty() {
        finding.insert("related-observations".to_owned(), json!(seen));
    }
    finding
}

fn reason(state: State) -> &'static str {
    match state {
        State::NotMet => "Evidence speaks against it.",
        State::Unclear => "Evidence could not be read, or could not tell.",
        State::Stale => "Evidence is older than it may be.",
        State::Unproven => "Evidence was not given, or nobody signed it.",
        State::Uncovered => "No evidence of karat's speaks about it: show it otherwise.",
        State::InPart | State::Evidenced | State::Provider | State::None => "It is not open.",
    }
}
