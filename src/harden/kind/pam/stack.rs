//! A file of `/etc/pam.d`: lines, and the jumps between them (pam.d(5)).

use std::fmt;

/// A file, line by line: comments, includes and what cannot be read stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stack(Vec<Line>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Other(String),
    Module(Module),
}

/// A line that runs a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Module {
    /// Which of the four stacks: `auth`, `account`, `password`, `session`.
    pub(super) stack: String,
    /// `required`, or `[success=1 default=ignore]`.
    pub(super) control: String,
    /// The module's file name, or an absolute path.
    pub(super) name: String,
    /// Its arguments.
    pub(super) args: Vec<String>,
    /// What stood before it: a line that is not changed is written as it was.
    raw: Option<String>,
}

impl Module {
    /// A new line.
    pub(super) fn new(stack: &str, control: &str, name: &str, args: Vec<String>) -> Self {
        Self {
            stack: stack.to_owned(),
            control: control.to_owned(),
            name: name.to_owned(),
            args,
            raw: None,
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let text = line.split('#').next()?.trim();
        let text = text.strip_prefix('-').unwrap_or(text);
        let (stack, rest) = text.split_once(char::is_whitespace)?;
        if !["auth", "account", "password", "session"].contains(&stack) {
            return None;
        }
        let rest = rest.trim_start();
        let (control, rest) = if rest.starts_with('[') {
            let (inside, rest) = rest.split_once(']')?;
            let words: Vec<&str> = inside.trim_start_matches('[').split_whitespace().collect();
            (format!("[{}]", words.join(" ")), rest)
        } else {
            let (word, rest) = rest.split_once(char::is_whitespace)?;
            (word.to_owned(), rest)
        };
        let mut words = rest.split_whitespace();
        let name = words.next()?.to_owned();
        if matches!(control.as_str(), "include" | "substack") {
            return None;
        }
        Some(Self {
            stack: stack.to_owned(),
            control,
            name,
            args: words.map(str::to_owned).collect(),
            raw: Some(line.to_owned()),
        })
    }

    /// Whether this line runs the module `name`.
    pub(super) fn runs(&self, name: &str) -> bool {
        self.name == name || self.name.rsplit('/').next() == Some(name)
    }

    /// Sets an argument; one with the same key (`remember=5`) is replaced.
    pub(super) fn set(&mut self, arg: &str) {
        if self.args.iter().any(|stands| stands == arg) {
            return;
        }
        let key = arg.split_once('=').map_or(arg, |(key, _)| key);
        let same =
            |stands: &String| stands.split_once('=').map_or(stands.as_str(), |it| it.0) == key;
        match self.args.iter_mut().find(|stands| same(stands)) {
            Some(stands) => arg.clone_into(stands),
            None => self.args.push(arg.to_owned()),
        }
        self.raw = None;
    }

    /// Takes an argument away.
    pub(super) fn unset(&mut self, arg: &str) {
        if self.args.iter().any(|stands| stands == arg) {
            self.args.retain(|stands| stands != arg);
            self.raw = None;
        }
    }

    /// How many lines each result jumps over.
    fn jumps(&self) -> Vec<usize> {
        let inside = self.control.trim_matches(['[', ']']);
        let actions = inside.split_whitespace();
        actions
            .filter_map(|word| word.split_once('=')?.1.parse().ok())
            .collect()
    }

    /// Makes jumps that reach beyond `reach` lines one longer.
    fn stretch(&mut self, reach: usize) {
        let inside = self.control.trim_matches(['[', ']']).to_owned();
        let mut changed = false;
        let words = inside.split_whitespace().map(|word| {
            let jump = word
                .split_once('=')
                .and_then(|(result, count)| Some((result, count.parse::<usize>().ok()?)));
            match jump {
                Some((result, count)) if count >= reach => {
                    changed = true;
                    format!("{result}={}", count.saturating_add(1))
                }
                _ => word.to_owned(),
            }
        });
        let words: Vec<String> = words.collect();
        if changed {
            self.control = format!("[{}]", words.join(" "));
            self.raw = None;
        }
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(raw) = &self.raw {
            return f.write_str(raw);
        }
        write!(f, "{}\t{}\t{}", self.stack, self.control, self.name)?;
        for arg in &self.args {
            write!(f, " {arg}")?;
        }
        Ok(())
    }
}

impl Stack {
    /// Reads a file; every text is one.
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().map(|line| {
            Module::parse(line).map_or_else(|| Line::Other(line.to_owned()), Line::Module)
        });
        Self(lines.collect())
    }

    /// The modules of one of the four stacks, in order.
    pub(super) fn modules<'s>(&'s self, stack: &'s str) -> impl Iterator<Item = &'s Module> {
        self.0.iter().filter_map(move |line| match line {
            Line::Module(module) if module.stack == stack => Some(module),
            Line::Module(_) | Line::Other(_) => None,
        })
    }

    /// The same, to change them.
    pub(super) fn modules_mut<'s>(
        &'s mut self,
        stack: &'s str,
    ) -> impl Iterator<Item = &'s mut Module> {
        self.0.iter_mut().filter_map(move |line| match line {
            Line::Module(module) if module.stack == stack => Some(module),
            Line::Module(_) | Line::Other(_) => None,
        })
    }

    /// Puts `module` before the `at`th module of its stack, at the end where there are fewer. What
    /// jumped over that place jumps one line further, so that every jump leads where it led.
    pub(super) fn insert(&mut self, at: usize, module: Module) {
        let stack = module.stack.clone();
        let places: Vec<usize> = self
            .0
            .iter()
            .enumerate()
            .filter(|(_, line)| matches!(line, Line::Module(it) if it.stack == stack))
            .map(|(index, _)| index)
            .collect();
        for (index, earlier) in self.modules_mut(&stack).take(at).enumerate() {
            // Over all that stands between it and the new line, and at least up to what is moved.
            let between = at.saturating_sub(index).saturating_sub(1);
            earlier.stretch(between.max(1));
        }
        // Right after what comes before it: a comment stays with the line that it is about.
        let line = match at.checked_sub(1).and_then(|before| places.get(before)) {
            Some(before) => before.saturating_add(1),
            None => match (at, places.first(), places.last()) {
                (0, Some(first), _) => *first,
                (_, _, Some(last)) => last.saturating_add(1),
                (_, _, None) => self.0.len(),
            },
        };
        self.0.insert(line.min(self.0.len()), Line::Module(module));
    }

    /// What is wrong with the jumps of a stack: one that leads past its end.
    pub(super) fn broken_jump(&self, stack: &str) -> Option<String> {
        let modules: Vec<&Module> = self.modules(stack).collect();
        modules.iter().enumerate().find_map(|(index, module)| {
            let left = modules.len().saturating_sub(index).saturating_sub(1);
            let too_far = module.jumps().into_iter().any(|jump| jump >= left);
            // pam(3) takes a jump to the very end of the stack for an error, too.
            (too_far && left > 0).then(|| module.to_string())
        })
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.0 {
            match line {
                Line::Other(text) => writeln!(f, "{text}")?,
                Line::Module(module) => writeln!(f, "{module}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "# c\nauth\t[success=1 default=ignore]\tpam_unix.so nullok\n\
        # fallback\nauth\trequisite\t\t\tpam_deny.so\nauth\trequired\t\t\tpam_permit.so\n# end\n";

    #[test]
    fn what_is_not_changed_stays_byte_for_byte() {
        assert_eq!(Stack::parse(DEBIAN).to_string(), DEBIAN);
    }

    #[test]
    fn jumps_lead_where_they_led() {
        let mut stack = Stack::parse(DEBIAN);
        stack.insert(
            1,
            Module::new(
                "auth",
                "[default=die]",
                "pam_faillock.so",
                vec!["authfail".into()],
            ),
        );
        stack.insert(
            0,
            Module::new(
                "auth",
                "requisite",
                "pam_faillock.so",
                vec!["preauth".into()],
            ),
        );
        let expected = "# c\nauth\trequisite\tpam_faillock.so preauth\n\
            auth\t[success=2 default=ignore]\tpam_unix.so nullok\n\
            auth\t[default=die]\tpam_faillock.so authfail\n# fallback\n\
            auth\trequisite\t\t\tpam_deny.so\nauth\trequired\t\t\tpam_permit.so\n# end\n";
        assert_eq!(stack.to_string(), expected);
        assert_eq!(stack.broken_jump("auth"), None);
    }

    #[test]
    fn a_jump_that_does_not_reach_the_new_line_stays() {
        let text = "auth [success=1 default=ignore] a.so\nauth required b.so\nauth required c.so\n\
            auth required d.so\n";
        let mut stack = Stack::parse(text);
        stack.insert(3, Module::new("auth", "required", "n.so", Vec::new()));
        assert_eq!(
            stack.modules("auth").next().unwrap().control,
            "[success=1 default=ignore]"
        );
        assert!(
            stack
                .to_string()
                .contains("c.so\nauth\trequired\tn.so\nauth required d.so")
        );
    }

    #[test]
    fn a_jump_past_the_end_is_named() {
        let stack = Stack::parse("auth [success=2 default=ignore] a.so\nauth required b.so\n");
        assert!(stack.broken_jump("auth").unwrap().contains("a.so"));
    }

    #[test]
    fn arguments_with_one_key_replace_each_other() {
        let mut stack = Stack::parse("password requisite pam_pwhistory.so remember=5 x\n");
        for module in stack.modules_mut("password") {
            module.set("remember=24");
            module.set("use_authtok");
            module.unset("x");
        }
        assert_eq!(
            stack.to_string(),
            "password\trequisite\tpam_pwhistory.so remember=24 use_authtok\n"
        );
    }
}
