//! The component definition: who does what for each control.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::document::{CATALOGUE, Names, control_id, file, line, metadata, property};
use crate::responsibility::report::{ControlFacts, Report};

/// The duties of both sides as an OSCAL component definition: a file.
///
/// It does not depend on how evidence stands: its date is that of the newest image.
pub fn component_definition(report: &Report) -> String {
    let matrix = report.matrix.sha256.to_string();
    let statements: Vec<String> = report
        .images
        .iter()
        .filter_map(|image| Some(image.statement_sha256?.to_string()))
        .collect();
    let mut seed = vec![
        "component-definition",
        &matrix,
        report.provider.as_str(),
        report.model.as_str(),
    ];
    seed.extend(statements.iter().map(String::as_str));
    let names = Names::of(&seed);
    let at = report.images.iter().filter_map(|image| image.epoch).max();
    let mut definition = json!({
        "uuid": names.uuid(&["definition"]),
        "metadata": metadata(
            "Shared responsibility: who does what",
            at.unwrap_or(0),
            &report.matrix.sha256,
        ),
    });
    let components = components(report, &names);
    if let (Some(members), false) = (definition.as_object_mut(), components.is_empty()) {
        members.insert("components".to_owned(), Value::Array(components));
    }
    file(&json!({ "component-definition": definition }))
}

fn components(report: &Report, names: &Names) -> Vec<Value> {
    let provider = side(
        report,
        |control| control.provider_part.as_deref(),
        |control| Some(("provider-report", control.provider_report.as_deref()?)),
    );
    let customer = side(
        report,
        |control| control.customer_duty.as_deref(),
        |control| Some(("not-shown", control.gap.as_deref()?)),
    );
    let service = format!("{} ({})", report.provider.title(), report.model.title());
    let about = "The provider's part, which the provider's own auditors report on.";
    let mut components: Vec<Value> =
        component(names, ["provider", "service", &service], about, &provider)
            .into_iter()
            .collect();
    let mut seen = Vec::new();
    for image in &report.images {
        let (Some(name), Some(digest)) = (&image.name, image.statement_sha256) else {
            continue;
        };
        // One statement may be given twice.
        if seen.contains(&digest) {
            continue;
        }
        seen.push(digest);
        let about = format!(
            "The customer's part for the image {name}: {}, statement SHA-256 {digest}.",
            image.standing
        );
        let (key, title) = (digest.to_string(), format!("Image {name}"));
        components.extend(component(
            names,
            [&key, "software", &title],
            &about,
            &customer,
        ));
    }
    components
}

/// What one side does, by control of NIST: duties, and what else is to be said.
type Side = BTreeMap<String, (Vec<String>, Vec<Value>)>;

fn side(
    report: &Report,
    part: impl Fn(&ControlFacts) -> Option<&str>,
    more: impl Fn(&ControlFacts) -> Option<(&'static str, &str)>,
) -> Side {
    let mut side = Side::new();
    let mut controls: Vec<&ControlFacts> = report.controls.iter().collect();
    controls.sort_by(|a, b| a.id.cmp(&b.id));
    for control in controls {
        let Some(duty) = part(control) else {
            continue;
        };
        for nist in &control.nist {
            let (duties, properties) = side.entry(control_id(nist)).or_default();
            duties.push(format!("{}: {duty}", control.title));
            properties.push(property("control", &control.id));
            properties.push(property("owner", control.owner.as_str()));
            if let Some((name, text)) = more(control) {
                properties.push(property(name, &line(text)));
            }
        }
    }
    for (_, properties) in side.values_mut() {
        properties.sort_by_key(ToString::to_string);
        properties.dedup();
    }
    side
}

/// A component; none where it does nothing, as OSCAL wants no empty lists.
fn component(names: &Names, named: [&str; 3], about: &str, side: &Side) -> Option<Value> {
    let [key, kind, title] = named;
    let requirements: Vec<Value> = side
        .iter()
        .map(|(control, (duties, properties))| {
            json!({
                "uuid": names.uuid(&["requirement", key, control]),
                "control-id": control,
                "description": duties.join("\n\n"),
                "props": properties,
            })
        })
        .collect();
    (!requirements.is_empty()).then(|| {
        json!({
            "uuid": names.uuid(&["component", key]),
            "type": kind,
            "title": line(title),
            "description": about,
            "control-implementations": [{
                "uuid": names.uuid(&["implementation", key]),
                "source": CATALOGUE,
                "description": "NIST SP 800-53, revision 5.",
                "implemented-requirements": requirements,
            }],
        })
    })
}
