//! What a long operation says while it runs.
//!
//! Operations report [`Event`]s and never print. Who listens decides the form: bars on a terminal,
//! plain lines in a CI log, JSON Lines on `--progress-fd`, nothing in tests.

use serde::Serialize;

/// A step of an operation, as people and machines see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A step began.
    Started {
        /// Which step: `fetch`, `unpack`, `configure` …; a fixed word per step.
        step: &'static str,
        /// How much there is to do, if that is known.
        total: Option<u64>,
        /// What is counted.
        unit: Unit,
    },
    /// A step came further.
    Advanced {
        /// Which step.
        step: &'static str,
        /// How much of `total` is done by now.
        done: u64,
        /// What is being worked on: a package's name, say.
        item: Option<String>,
    },
    /// A step ended well.
    Finished {
        /// Which step.
        step: &'static str,
        /// One line for people: what came of it.
        summary: String,
        /// How long it took, in seconds.
        seconds: f64,
    },
    /// Something that the user should know and that is no error.
    Warning {
        /// One line, or several.
        message: String,
    },
}

/// What a step counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Files, packages, scripts …
    Items,
}

/// A listener for events; called from several threads.
pub trait Progress: Sync {
    /// Takes one event.
    fn event(&self, event: Event);

    /// Reports that `step` began.
    fn started(&self, step: &'static str, total: Option<u64>, unit: Unit) {
        self.event(Event::Started { step, total, unit });
    }

    /// Reports that `done` of `step` is done.
    fn advanced(&self, step: &'static str, done: u64, item: Option<&str>) {
        self.event(Event::Advanced {
            step,
            done,
            item: item.map(str::to_owned),
        });
    }

    /// Reports that `step` ended well.
    fn finished(&self, step: &'static str, summary: String, seconds: f64) {
        self.event(Event::Finished {
            step,
            summary,
            seconds,
        });
    }

    /// Reports something worth knowing.
    fn warning(&self, message: String) {
        self.event(Event::Warning { message });
    }
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _event: Event) {}
}
