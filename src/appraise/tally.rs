//! A count for each severity.

use super::Severity;

/// A count for each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    low: u64,
    medium: u64,
    high: u64,
    critical: u64,
}

impl Tally {
    /// The count of a severity.
    pub const fn of(&self, severity: Severity) -> u64 {
        match severity {
            Severity::Low => self.low,
            Severity::Medium => self.medium,
            Severity::High => self.high,
            Severity::Critical => self.critical,
        }
    }

    /// Counts one more.
    pub const fn add(&mut self, severity: Severity) {
        let count = match severity {
            Severity::Low => &mut self.low,
            Severity::Medium => &mut self.medium,
            Severity::High => &mut self.high,
            Severity::Critical => &mut self.critical,
        };
        *count = count.saturating_add(1);
    }

    /// The severities that were counted at all, the least bad first.
    pub fn counted(&self) -> impl Iterator<Item = (Severity, u64)> {
        let all = [
            (Severity::Low, self.low),
            (Severity::Medium, self.medium),
            (Severity::High, self.high),
            (Severity::Critical, self.critical),
        ];
        all.into_iter().filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_severity_has_its_own_count() {
        let mut tally = Tally::default();
        assert_eq!(tally.counted().count(), 0);
        for severity in [Severity::Critical, Severity::Low, Severity::Critical] {
            tally.add(severity);
        }
        assert_eq!(tally.of(Severity::Critical), 2);
        assert_eq!(tally.of(Severity::High), 0);
        let counted: Vec<_> = tally.counted().collect();
        assert_eq!(counted, [(Severity::Low, 1), (Severity::Critical, 2)]);
    }
}
