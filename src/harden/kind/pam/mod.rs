//! `kind = "pam"`: a line of a PAM stack (pam.d(5)).
//!
//! ```toml
//! service = "common-auth"         # the file in /etc/pam.d
//! type = "auth"                   # auth | account | password | session
//! module = "pam_faillock.so"
//! control = "requisite"           # needed where the line may have to be added
//! args = ["preauth"]              # arguments that it has
//! without = ["nullok"]            # arguments that it does not have
//! before = "pam_unix.so"          # where it is added: or after = "…"; else at the end
//! ```
//!
//! A line with the same type, module and control is taken for the one that is meant; without `control`
//! all lines of the module are. Files that pam-auth-update(8) keeps are written as it would have
//! written them: its comments stay, and jumps (`success=1`) lead where they led.

mod stack;

use std::sync::Arc;

use self::stack::{Module, Stack};
use super::{Answer, Setting};
use crate::harden::root::fixed;
use crate::harden::{Edit, EditError, Root, ViewError};
use crate::path::ImagePath;
use crate::written::Choice;
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

/// Where Debian keeps modules, below `/usr/lib` and the machine's triplet.
const MODULES: &str = "/usr/lib/*/security";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pam {
    service: String,
    stack: &'static str,
    module: String,
    control: Option<String>,
    args: Vec<String>,
    without: Vec<String>,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Before(String),
    After(String),
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Type(&'static str);

impl Choice for Type {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("account", Self("account")),
        ("auth", Self("auth")),
        ("password", Self("password")),
        ("session", Self("session")),
    ];
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    for key in ["service", "type", "module"] {
        if !table.has(key) {
            table.missing(key, None);
        }
    }
    let service = table.parsed(
        "service",
        "a service is a file's name of a-z 0-9 -",
        |text| {
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            let fits = (1..=64).contains(&text.len()) && text.bytes().all(plain);
            fits.then(|| text.to_owned())
        },
    );
    let stack = table.choice::<Type>("type");
    let module = table.parsed("module", MODULE_RULE, module_name);
    let rule = "a control is a word, or result=action pairs in brackets";
    let control = table.parsed("control", rule, |text| {
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_= ".contains(&byte);
        let inside = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let is_word = !text.contains([' ', '=']);
        let fits = match inside {
            Some(inside) => inside.contains('=') && inside.bytes().all(plain),
            None => !text.is_empty() && is_word && text.bytes().all(plain),
        };
        (fits && text.len() <= 128).then(|| text.to_owned())
    });
    let args = words(table, "args");
    let without = words(table, "without");
    let before = table.parsed("before", MODULE_RULE, module_name);
    let after = table.parsed("after", MODULE_RULE, module_name);
    let place = match (before, after) {
        (Some(before), None) => Place::Before(before.value),
        (None, Some(after)) => Place::After(after.value),
        (None, None) => Place::End,
        (Some(_), Some(_)) => {
            let message = "a line stands before or after another, not both".to_owned();
            table.sink().report(Code::T012, table.span(), message, None);
            return None;
        }
    };
    if control.is_none() && args.is_empty() && without.is_empty() {
        if !table.has("control") {
            let message = "a pam setting states control, args or without".to_owned();
            table.sink().report(Code::T012, table.span(), message, None);
        }
        return None;
    }
    Some(Arc::new(Pam {
        service: service?.value,
        stack: stack?.value.0,
        module: module?.value,
        control: control.map(|at| at.value),
        args,
        without,
        place,
    }))
}

const MODULE_RULE: &str = "a module is a file's name such as pam_unix.so";

fn module_name(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let fits = text.strip_suffix(".so").is_some() && text.len() <= 64 && text.bytes().all(plain);
    fits.then(|| text.to_owned())
}

fn words(table: &Reader<'_>, key: &'static str) -> Vec<String> {
    let mut words = Vec::new();
    for text in table.strings(key) {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"#[]".contains(&byte);
        let fits = (1..=255).contains(&text.value.len()) && text.value.bytes().all(plain);
        if fits && !words.contains(&text.value) {
            words.push(text.value);
        } else {
            let message = format!("{:?} is no argument, or stated twice", text.value);
            table.sink().report(Code::T006, &text.span, message, None);
        }
    }
    words
}

impl Pam {
    fn path(&self) -> ImagePath {
        let directory = fixed("/etc/pam.d");
        directory.join(&self.service).unwrap_or(directory)
    }

    /// Whether a line is one that is meant. Of two lines of a module with one control, the first
    /// argument tells which (`preauth`, `authfail`).
    fn is_meant(&self, line: &Module) -> bool {
        line.runs(&self.module)
            && self.control.as_ref().is_none_or(|control| {
                line.control == *control || (is_jump(control) && is_jump(&line.control))
            })
    }

    /// What of the line is not as it should be.
    fn wrong(&self, line: &Module) -> Vec<String> {
        let missing = self.args.iter().filter(|arg| !line.args.contains(arg));
        let missing = missing.map(|arg| format!("lacks {arg}"));
        let surplus = self.without.iter().filter(|arg| line.args.contains(arg));
        let surplus = surplus.map(|arg| format!("has {arg}"));
        missing.chain(surplus).collect()
    }

    /// Whether the module's file is there: a stack with one that is missing lets nobody in.
    fn has_module(&self, root: &Root<'_>) -> Result<bool, ViewError> {
        let pattern = crate::path::Glob::parse(&format!("{MODULES}/{}", self.module));
        match pattern {
            Ok(pattern) => Ok(!root.glob(&pattern)?.is_empty()),
            Err(_) => Ok(false),
        }
    }

    fn shown(&self) -> String {
        let mut words = vec![
            self.stack,
            self.control.as_deref().unwrap_or("…"),
            &self.module,
        ];
        words.extend(self.args.iter().map(String::as_str));
        words.join(" ")
    }
}

/// Whether a control jumps: how far depends on what else is in the stack.
fn is_jump(control: &str) -> bool {
    control.starts_with("[success=") && control.contains(|it: char| it.is_ascii_digit())
}

impl Setting for Pam {
    fn kind(&self) -> &'static str {
        "pam"
    }

    fn about(&self) -> Vec<String> {
        let first = self.args.first().or_else(|| self.without.first());
        let first = first.map_or(String::new(), |arg| format!(" {arg}"));
        let (service, stack, module) = (&self.service, self.stack, &self.module);
        vec![format!("pam {service} {stack} {module}{first}")]
    }

    fn describe(&self) -> Vec<String> {
        let file = self.path();
        let mut lines = vec![format!("{} has `{}`", file.display(), self.shown())];
        if !self.without.is_empty() {
            let words = self.without.join(", ");
            lines = vec![format!(
                "{}: {} of {} has no {words}",
                file.display(),
                self.module,
                self.stack
            )];
        }
        lines
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let path = self.path();
        let Some(text) = edit.text(&path)? else {
            return Ok(());
        };
        let mut stack = Stack::parse(&text);
        let mut found = false;
        for line in stack.modules_mut(self.stack) {
            if self.is_meant(line) {
                found = true;
                for arg in &self.args {
                    line.set(arg);
                }
                for arg in &self.without {
                    line.unset(arg);
                }
            }
        }
        if let (false, Some(control)) = (found, &self.control) {
            if !edit.look(|root| self.has_module(root))? {
                return Ok(());
            }
            let named = |name: &str| stack.modules(self.stack).position(|line| line.runs(name));
            let at = match &self.place {
                Place::Before(name) => named(name),
                Place::After(name) => named(name).map(|at| at.saturating_add(1)),
                Place::End => Some(stack.modules(self.stack).count()),
            };
            let Some(at) = at else {
                return Ok(());
            };
            let line = Module::new(self.stack, control, &self.module, self.args.clone());
            stack.insert(at, line);
        }
        if let Some(line) = stack.broken_jump(self.stack) {
            let shown = path.display();
            return Err(EditError::Rule(format!(
                "{shown}: `{line}` would jump past the end"
            )));
        }
        edit.edit(&path, stack.to_string().into_bytes())
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        let path = self.path();
        let shown = path.display();
        let Some(text) = root.text(&path)? else {
            answer.not_applicable(format!("there is no {shown}"));
            return Ok(());
        };
        if (self.control.is_some() || !self.args.is_empty()) && !self.has_module(root)? {
            answer.fail(format!(
                "{}: is not in {MODULES}; add the package that has it to packages of the template",
                self.module
            ));
            return Ok(());
        }
        let stack = Stack::parse(&text);
        let mut meant = stack
            .modules(self.stack)
            .filter(|line| self.is_meant(line))
            .peekable();
        if meant.peek().is_none() && self.control.is_some() {
            answer.fail(format!("{shown}: has no line `{}`; add it", self.shown()));
        }
        for line in meant {
            for wrong in self.wrong(line) {
                let name = &self.module;
                answer.fail(format!(
                    "{shown}: {name} of {} {wrong}; mend the line",
                    self.stack
                ));
            }
        }
        if let (true, Some(line)) = (self.control.is_some(), stack.broken_jump(self.stack)) {
            let line = crate::path::Escaped(line.as_bytes());
            answer.fail(format!("{shown}: `{line}` jumps past the end of the stack"));
        }
        self.check_order(&stack, answer);
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let path = self.path();
        let text = edit.text(&path)?.unwrap_or_default();
        let lines = text.lines().filter_map(|line| {
            let stack = Stack::parse(line);
            let meant = stack.modules(self.stack).any(|it| self.is_meant(it));
            match (meant, self.without.first()) {
                (true, Some(arg)) => Some(format!("{line} {arg}\n")),
                (true, None) => None,
                (false, _) => Some(format!("{line}\n")),
            }
        });
        let text: String = lines.collect();
        edit.edit(&path, text.into_bytes())
    }
}

impl Pam {
    /// A line that comes too late, or too early, does nothing.
    fn check_order(&self, stack: &Stack, answer: &mut Answer) {
        if self.control.is_none() {
            return;
        }
        let position = |fits: &dyn Fn(&Module) -> bool| stack.modules(self.stack).position(fits);
        let own = position(&|line| self.is_meant(line) && self.wrong(line).is_empty());
        let (other, is_right): (_, fn(usize, usize) -> bool) = match &self.place {
            Place::Before(name) => (name, |own, other| own < other),
            Place::After(name) => (name, |own, other| own > other),
            Place::End => return,
        };
        let there = position(&|line| line.runs(other));
        if let (Some(own), Some(there)) = (own, there)
            && !is_right(own, there)
        {
            let word = match self.place {
                Place::Before(_) => "before",
                Place::After(_) | Place::End => "after",
            };
            answer.fail(format!(
                "{}: {} does not stand {word} {other}; move the line",
                self.path().display(),
                self.module
            ));
        }
    }
}
