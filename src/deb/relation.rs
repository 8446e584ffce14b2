//! Relations between packages: `Depends` and its relatives (Debian Policy 7.1), borrowed from the
//! field.
//!
//! ```
//! use karat::deb::relation::{self, Operator};
//!
//! let field = "libc6 (>= 2.38), default-mta | mail-transport-agent, python3:any";
//! let relations = relation::parse(field)?;
//! assert_eq!(relations.len(), 3);
//! let libc = relations[0].alternatives[0];
//! assert_eq!(libc.constraint.map(|c| (c.operator, c.version)), Some((Operator::LaterOrEqual, "2.38")));
//! assert_eq!(relations[1].to_string(), "default-mta | mail-transport-agent");
//! # Ok::<(), karat::deb::RelationError>(())
//! ```

use std::cmp::Ordering;
use std::fmt;

use super::name::excerpt;
use super::version::compare;
use super::{Architecture, PackageName, Version};

/// One relation: at least one alternative, in order of preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation<'a> {
    /// What would do, the best first.
    pub alternatives: Vec<Alternative<'a>>,
}

/// One alternative of a relation: a package name, maybe with a qualifier and a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alternative<'a> {
    /// The name of a package, or of something that packages provide.
    pub name: &'a str,
    /// What stands behind a colon: `any`, or an architecture.
    pub qualifier: Option<&'a str>,
    /// Which versions will do.
    pub constraint: Option<Constraint<'a>>,
}

/// A condition on a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constraint<'a> {
    /// How to compare.
    pub operator: Operator,
    /// With what.
    pub version: &'a str,
}

impl Constraint<'_> {
    /// Whether `version` meets the condition.
    pub fn allows(self, version: &str) -> bool {
        let order = compare(version, self.version);
        match self.operator {
            Operator::Earlier => order == Ordering::Less,
            Operator::EarlierOrEqual => order != Ordering::Greater,
            Operator::Equal => order == Ordering::Equal,
            Operator::LaterOrEqual => order != Ordering::Less,
            Operator::Later => order == Ordering::Greater,
        }
    }
}

/// How a constraint compares versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`; also the obsolete `<`, as dpkg and apt read it
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`; also the obsolete `>`, as dpkg and apt read it
    LaterOrEqual,
    /// `>>`
    Later,
}

impl Operator {
    /// The operator as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        }
    }
}

/// Parses the value of a relation field. An empty value has no relations; empty elements between
/// commas are passed over, as dpkg does.
///
/// Lists of architectures (`[amd64]`) and build profiles (`<!nocheck>`) belong to source packages
/// only and are refused.
pub fn parse(field: &str) -> Result<Vec<Relation<'_>>, RelationError> {
    field
        .split(',')
        .map(str::trim_ascii)
        .filter(|element| !element.is_empty())
        .map(|element| {
            let alternatives = element.split('|').map(parse_alternative);
            Ok(Relation {
                alternatives: alternatives.collect::<Result<_, _>>()?,
            })
        })
        .collect()
}

fn parse_alternative(text: &str) -> Result<Alternative<'_>, RelationError> {
    let text = text.trim_ascii();
    let end = text
        .find(|c: char| c.is_ascii_whitespace() || matches!(c, '(' | '[' | '<'))
        .unwrap_or(text.len());
    let (target, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let (name, qualifier) = match target.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (target, None),
    };
    if !PackageName::is_valid(name) {
        return Err(RelationError::Name(excerpt(text)));
    }
    if qualifier.is_some_and(|qualifier| qualifier != "any" && !Architecture::is_valid(qualifier)) {
        return Err(RelationError::Qualifier(excerpt(text)));
    }
    let rest = rest.trim_ascii();
    if rest.contains(['[', ']']) || rest.starts_with('<') {
        return Err(RelationError::Restriction(excerpt(text)));
    }
    let constraint = if rest.is_empty() {
        None
    } else {
        let constraint = rest
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            .and_then(parse_constraint);
        Some(constraint.ok_or_else(|| RelationError::Constraint(excerpt(text)))?)
    };
    Ok(Alternative {
        name,
        qualifier,
        constraint,
    })
}

fn parse_constraint(text: &str) -> Option<Constraint<'_>> {
    let text = text.trim_ascii();
    let end = text.find(|c| !matches!(c, '<' | '=' | '>'))?;
    let (operator, version) = text.split_at_checked(end)?;
    let operator = match operator {
        "<<" => Operator::Earlier,
        "<=" | "<" => Operator::EarlierOrEqual,
        "=" => Operator::Equal,
        ">=" | ">" => Operator::LaterOrEqual,
        ">>" => Operator::Later,
        _ => return None,
    };
    let version = version.trim_ascii();
    Version::is_valid(version).then_some(Constraint { operator, version })
}

/// What is wrong with a relation; each names the alternative.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelationError {
    /// No package name.
    #[error("{0:?} does not start with a package name")]
    Name(String),
    /// Neither `:any` nor an architecture.
    #[error("{0:?} has a qualifier that is neither 'any' nor an architecture")]
    Qualifier(String),
    /// A constraint that is not `(operator version)`.
    #[error("{0:?} has a constraint that is not '(operator version)'")]
    Constraint(String),
    /// Architectures or build profiles, which only source packages have.
    #[error("{0:?} has a list of architectures or profiles, which binary packages cannot have")]
    Restriction(String),
}

impl fmt::Display for Relation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, alternative) in self.alternatives.iter().enumerate() {
            if at > 0 {
                f.write_str(" | ")?;
            }
            alternative.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Alternative<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(qualifier) = self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        if let Some(constraint) = self.constraint {
            write!(
                f,
                " ({} {})",
                constraint.operator.as_str(),
                constraint.version
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(field: &str) -> Result<Vec<String>, RelationError> {
        Ok(parse(field)?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(
            round_trip(
                "libc6(>=2.38) ,a0|b0  ( << 1:2-3~ ) |c0:any,\n d0:amd64 (= 1), e0 (>> 1),, f0 (<= 1),"
            )
            .unwrap(),
            [
                "libc6 (>= 2.38)",
                "a0 | b0 (<< 1:2-3~) | c0:any",
                "d0:amd64 (= 1)",
                "e0 (>> 1)",
                "f0 (<= 1)"
            ]
        );
        assert_eq!(parse(""), Ok(Vec::new()));
        assert_eq!(
            round_trip("a0 (< 1), b0 (> 1)").unwrap(),
            ["a0 (<= 1)", "b0 (>= 1)"]
        );
    }

    #[test]
    fn other_forms_are_refused() {
        use RelationError as E;
        for (bad, error) in [
            ("a0 |", E::Name(String::new())),
            ("| a0", E::Name(String::new())),
            ("../a0", E::Name("../a0".into())),
            ("A0", E::Name("A0".into())),
            ("a0:", E::Qualifier("a0:".into())),
            ("a0:a:b", E::Qualifier("a0:a:b".into())),
            ("a0:native", E::Qualifier("a0:native".into())),
            ("a0 b0", E::Constraint("a0 b0".into())),
            ("a0 (1)", E::Constraint("a0 (1)".into())),
            ("a0 (== 1)", E::Constraint("a0 (== 1)".into())),
            ("a0 (>= )", E::Constraint("a0 (>= )".into())),
            ("a0 (>= 1", E::Constraint("a0 (>= 1".into())),
            ("a0 (>= 1) (<< 2)", E::Constraint("a0 (>= 1) (<< 2)".into())),
            ("a0 (>= 1/2)", E::Constraint("a0 (>= 1/2)".into())),
            ("a0 [amd64]", E::Restriction("a0 [amd64]".into())),
            (
                "a0 (>= 1) [amd64]",
                E::Restriction("a0 (>= 1) [amd64]".into()),
            ),
            ("a0 <!nocheck>", E::Restriction("a0 <!nocheck>".into())),
        ] {
            assert_eq!(parse(bad), Err(error), "{bad:?}");
        }
    }

    #[test]
    fn constraints_compare_as_versions() {
        let allows = |constraint: &str, version| {
            let field = format!("a0 ({constraint})");
            parse(&field).unwrap()[0].alternatives[0]
                .constraint
                .unwrap()
                .allows(version)
        };
        assert!(allows("<< 1.10", "1.9") && !allows("<< 1.10", "1.10"));
        assert!(allows("<= 1.10", "1.10") && !allows("<= 1.10", "1.11"));
        assert!(allows("= 1.0", "0:1.0-0") && !allows("= 1.0", "1.0-1"));
        assert!(allows(">= 1~rc1", "1") && !allows(">= 1", "1~rc1"));
        assert!(allows(">> 1", "1-1") && !allows(">> 1", "1"));
    }
}
