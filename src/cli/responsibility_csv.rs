//! A responsibility report as CSV (RFC 4180): a line for each control and piece of evidence, what is
//! open first. Fields are harmless to spreadsheets, as in `audit_csv`.

use std::io::{self, Write};

use super::audit_csv::quoted;
use crate::responsibility::{ControlFacts, Evidence, Report};
use crate::tree::Epoch;

/// The first line.
const HEADER: &str = "state,control,title,domain,nist,ccm,cis,owner,customer_duty,provider_part,\
                      provider_report,not_shown,image,evidence,holds,says,subject,sha256,date,fresh_days,next";

/// Writes all of it: of a control without evidence one line.
///
/// # Errors
/// `out` takes no more.
pub(super) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    write!(out, "{HEADER}\r\n")?;
    for control in &report.controls {
        for evidence in &control.evidence {
            line(control, Some(evidence), out)?;
        }
        if control.evidence.is_empty() {
            line(control, None, out)?;
        }
    }
    Ok(())
}

fn line(
    control: &ControlFacts,
    evidence: Option<&Evidence>,
    out: &mut impl Write,
) -> io::Result<()> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let of = |get: &dyn Fn(&Evidence) -> String| evidence.map(get).unwrap_or_default();
    let fields = [
        control.state.as_str().to_owned(),
        control.id.clone(),
        control.title.clone(),
        control.domain.clone(),
        control.nist.join(" "),
        control.ccm.join(" "),
        control.cis.join(" "),
        control.owner.as_str().to_owned(),
        text(&control.customer_duty),
        text(&control.provider_part),
        text(&control.provider_report),
        text(&control.gap),
        of(&|it| it.image.clone()),
        of(&|it| it.kind.as_str().to_owned()),
        of(&|it| it.holds.as_str().to_owned()),
        of(&|it| it.text.clone()),
        of(&|it| text(&it.subject)),
        of(&|it| {
            it.sha256
                .map(|sha256| sha256.to_string())
                .unwrap_or_default()
        }),
        of(&|it| it.date.map(date).unwrap_or_default()),
        of(&|it| {
            it.fresh_days
                .map(|days| days.to_string())
                .unwrap_or_default()
        }),
        of(&|it| text(&it.next)),
    ];
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            out.write_all(b",")?;
        }
        out.write_all(quoted(field).as_bytes())?;
    }
    out.write_all(b"\r\n")
}

fn date(seconds: u64) -> String {
    Epoch::saturating(seconds).rfc3339()
}
