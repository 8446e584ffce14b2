//! When a rule applies.

use crate::path::name_matches;

use super::{Root, ViewError};

/// What must hold of an image for a rule to apply to it; an empty list asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applies {
    /// Packages that must all be installed (`*` is any run of characters).
    pub packages: Vec<String>,
    /// Packages of which one must be installed.
    pub any_packages: Vec<String>,
    /// Packages of which none may be installed.
    pub without_packages: Vec<String>,
    /// Suites, by code name, of which the image must be one.
    pub suites: Vec<String>,
    /// The oldest kernel, as `MAJOR.MINOR`.
    pub kernel_since: Option<(u32, u32)>,
    /// Service categories of which the image must have one.
    pub category: Vec<String>,
    /// Whether the image must have a kernel of its own; `false`: must not.
    pub kernel: Option<bool>,
    /// Whether it must be a running system; `false`: must not, for it has made what the rule looks for.
    pub instance: Option<bool>,
}

impl Applies {
    /// Why the rule does not apply to `root`; `None` where it does.
    ///
    /// # Errors
    /// The package database, or the image's name, cannot be read.
    pub fn unmet(&self, root: &Root<'_>) -> Result<Option<String>, ViewError> {
        match (self.instance, root.is_instance()) {
            (Some(false), true) => {
                let reason = "it is about images: a running system has made its own by now";
                return Ok(Some(reason.to_owned()));
            }
            (Some(true), false) => return Ok(Some("it is about running systems".to_owned())),
            _ => {}
        }
        let has = |pattern: &str| -> Result<bool, ViewError> {
            let mut names = root.packages()?.keys();
            Ok(names.any(|name| name_matches(pattern.as_bytes(), name.as_bytes())))
        };
        for pattern in &self.packages {
            if !has(pattern)? {
                return Ok(Some(format!("the package {pattern} is not installed")));
            }
        }
        if !self.any_packages.is_empty() {
            let mut any = false;
            for pattern in &self.any_packages {
                any |= has(pattern)?;
            }
            if !any {
                let names = self.any_packages.join(", ");
                return Ok(Some(format!("none of the packages {names} is installed")));
            }
        }
        for pattern in &self.without_packages {
            if has(pattern)? {
                return Ok(Some(format!("the package {pattern} is installed")));
            }
        }
        if !self.suites.is_empty() {
            let suite = root.suite()?;
            if !self.suites.iter().any(|name| Some(name) == suite.as_ref()) {
                let suite = suite.unwrap_or_else(|| "of an unnamed suite".to_owned());
                let names = self.suites.join(", ");
                return Ok(Some(format!(
                    "the image is {suite}, the rule is for {names}"
                )));
            }
        }
        if !self.category.is_empty() {
            let category = root.category();
            if !self
                .category
                .iter()
                .any(|name| Some(name.as_str()) == category)
            {
                let category = category.map_or_else(
                    || "no service category".to_owned(),
                    |name| format!("the category {name}"),
                );
                let names = self.category.join(", ");
                return Ok(Some(format!(
                    "the image has {category}, the rule is for {names}"
                )));
            }
        }
        self.unmet_kernel(root)
    }

    fn unmet_kernel(&self, root: &Root<'_>) -> Result<Option<String>, ViewError> {
        if self.kernel.is_none() && self.kernel_since.is_none() {
            return Ok(None);
        }
        let kernel = root.kernel()?;
        Ok(match (self.kernel, self.kernel_since, kernel) {
            (Some(false), _, Some(_)) => Some("the image has a kernel".to_owned()),
            (_, Some(since), Some(kernel)) if kernel < since => Some(format!(
                "the image's kernel is {}.{}, the rule is for {}.{} and later",
                kernel.0, kernel.1, since.0, since.1
            )),
            (Some(true), _, None) | (_, Some(_), None) => {
                Some("the image has no kernel package".to_owned())
            }
            _ => None,
        })
    }
}
