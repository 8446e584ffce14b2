//! What the running system shows, as text and as JSON: `docs/schemas/facts.schema.json`.

use std::fmt::Write as _;

use serde::Serialize;

use crate::appraise::fact::{Line, Observations};

/// What was observed, as a JSON document.
pub fn document(observations: &Observations) -> impl Serialize {
    Document {
        schema: "facts/1",
        facts: observations.lines().into_iter().map(Fact::from).collect(),
    }
}

/// What was observed, a line each: `NAME = VALUE (SOURCE)`.
pub fn text(observations: &Observations) -> String {
    let mut text = String::new();
    for line in observations.lines() {
        let value = match (&line.value, &line.error) {
            (Some(value), _) => format!(" = {value}"),
            (None, Some(error)) => format!(": not readable: {error}"),
            (None, None) => ": not there".to_owned(),
        };
        // Writing to a string cannot fail.
        let _: std::fmt::Result = writeln!(text, "{}{value} ({})", line.name, line.source);
    }
    text
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    facts: Vec<Fact>,
}

#[derive(Serialize)]
struct Fact {
    name: String,
    value: Option<String>,
    source: String,
    error: Option<String>,
}

impl From<Line> for Fact {
    fn from(line: Line) -> Self {
        Self {
            name: line.name,
            value: line.value,
            source: line.source,
            error: line.error,
        }
    }
}
