//! Who may become root or has a password.

use super::judge::{Breach, Court, place};
use super::{Observations, Seen, source};
use crate::appraise::{Effect, Severity};
use crate::expect::Facts;
use crate::expect::fact::Account;
use crate::path::Escaped;

pub(super) fn judge(court: &mut Court<'_>, expected: &Facts, seen: &Observations) {
    let Some(expected) = &expected.accounts else {
        return;
    };
    let mut breaches = Vec::new();
    let mut is_checked = true;
    if let Some(allowed) = &expected.root {
        let names = look(court, source::PASSWD, &seen.accounts_root);
        is_checked &= names.is_some();
        for name in names.unwrap_or_default() {
            if !is_allowed(allowed, name) {
                let text = format!("{} has the number 0", Escaped(name));
                breaches.push(breach(source::PASSWD, text, Severity::Critical));
            }
        }
    }
    if let Some(allowed) = &expected.password {
        let accounts = look(court, source::SHADOW, &seen.accounts_password);
        is_checked &= accounts.is_some();
        for account in accounts.unwrap_or_default() {
            if !is_allowed(allowed, &account.name) {
                let (what, severity) = if account.is_empty {
                    ("the empty password opens it", Severity::Critical)
                } else {
                    ("has a password", Severity::High)
                };
                let text = format!("{}: {what}", Escaped(&account.name));
                breaches.push(breach(source::SHADOW, text, severity));
            }
        }
    }
    let records = look(court, source::USERDB, &seen.userdb);
    is_checked &= records.is_some();
    for record in records.unwrap_or_default() {
        if court.manifest.get(&record.path).is_none() {
            let text = "a record that is not of the image".to_owned();
            breaches.push(Breach {
                source: record.path.clone(),
                ..breach(source::USERDB, text, Severity::High)
            });
        }
    }
    if is_checked && breaches.is_empty() {
        court.held();
    }
    for breach in breaches {
        court.drift(&expected.origin, breach);
    }
}

/// What was seen; nothing there is nothing to object to. `None`: not checked, which is then said.
fn look<'s, T>(court: &mut Court<'_>, at: &str, seen: &'s Seen<Vec<T>>) -> Option<&'s [T]> {
    match seen {
        Seen::Value(values) => Some(values),
        Seen::Absent => Some(&[]),
        Seen::Unreadable(why) => {
            court.not_checked("accounts", at, why);
            None
        }
    }
}

fn is_allowed(allowed: &[Account], name: &[u8]) -> bool {
    allowed.iter().any(|it| it.as_str().as_bytes() == name)
}

fn breach(at: &str, observed: String, severity: Severity) -> Breach {
    Breach {
        name: "account".to_owned(),
        source: place(at),
        expected: None,
        observed: Some(observed),
        effect: Effect::Accounts,
        severity,
    }
}
