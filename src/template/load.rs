//! From a file's name to a resolved template: the chain of `extends` is read, merged, checked.

use std::io;
use std::path::{Component, Path, PathBuf};

use toml::de::DeTable;

use crate::limits;

use super::diagnostic::{Code, Diagnostics};
use super::finish::finish;
use super::merge;
use super::model::Template;
use super::parse;
use super::raw::Raw;
use super::reader::{Reader, Sink, Span};

/// How a template reaches files; the disk is `ops`' business, a map in memory a test's.
pub trait Files {
    /// All bytes of the template file at `path`, at most `cap`.
    ///
    /// # Errors
    /// It cannot be read, or is larger (`FileTooLarge`).
    fn template(&self, path: &Path, cap: u64) -> io::Result<Vec<u8>>;

    /// All bytes, at most `cap`, of the regular file `relative` below `directory`, the directory of
    /// the template that names it. Symbolic links must not lead out of `directory`.
    ///
    /// # Errors
    /// It cannot be read, lies outside, or is larger (`FileTooLarge`).
    fn beneath(&self, directory: &Path, relative: &Path, cap: u64) -> io::Result<Vec<u8>>;
}

impl<F: Fn(&Path, u64) -> io::Result<Vec<u8>>> Files for F {
    fn template(&self, path: &Path, cap: u64) -> io::Result<Vec<u8>> {
        self(path, cap)
    }

    fn beneath(&self, directory: &Path, relative: &Path, cap: u64) -> io::Result<Vec<u8>> {
        self(&directory.join(relative), cap)
    }
}

/// Reads the template at `path` with all that it extends and all files that it brings along.
///
/// # Errors
/// Every rule that the templates break, each with its place.
pub fn load(path: &Path, files: &dyn Files) -> Result<Template, Diagnostics> {
    let sink = Sink::default();
    let template = read_chain(path, files, &sink).and_then(|chain| {
        let paths: Vec<PathBuf> = chain.iter().map(|(path, _)| path.clone()).collect();
        // From the farthest parent to the template itself: later ones override.
        let merged = chain
            .into_iter()
            .rev()
            .fold(Raw::nothing(), |parent, (_, child)| {
                merge::over(parent, child, &sink)
            });
        finish(merged, paths, files, &sink)
    });
    match template {
        Some(template) if sink.is_clean() => Ok(template),
        _ => Err(sink.into_diagnostics()),
    }
}

/// The chain, nearest first; each file's number is its place in it.
fn read_chain(path: &Path, files: &dyn Files, sink: &Sink) -> Option<Vec<(PathBuf, Raw)>> {
    let mut chain: Vec<(PathBuf, Raw)> = Vec::new();
    let mut next = normal(path);
    let mut stated: Option<(Span, String)> = None;
    loop {
        let text = match read_text(&next, files) {
            Ok(text) => text,
            Err(reason) => {
                let shown = next.display();
                match &stated {
                    None => {
                        let message = format!("{shown} cannot be read: {reason}");
                        sink.report_file(Code::T001, &shown.to_string(), message, None);
                    }
                    Some((span, name)) => {
                        let message =
                            format!("the parent {name:?} cannot be read: {shown}: {reason}");
                        let help = "extends names NAME.toml in this template's directory, or a relative path";
                        sink.report(Code::T009, span, message, Some(help.to_owned()));
                    }
                }
                return None;
            }
        };
        let raw = read_one(&next, &text, sink)?;
        let parent = raw.extends.clone();
        chain.push((next.clone(), raw));
        let Some(extends) = parent else {
            return Some(chain);
        };
        let path = parent_path(&next, &extends.value);
        if chain.iter().any(|(seen, _)| *seen == path) {
            let message = format!("{:?} is extended already: a circle", extends.value);
            sink.report(Code::T007, &extends.span, message, None);
            return None;
        }
        if chain.len() >= limits::TEMPLATE_DEPTH_MAX {
            let message = format!(
                "more than {} templates in a row",
                limits::TEMPLATE_DEPTH_MAX
            );
            sink.report(Code::T008, &extends.span, message, None);
            return None;
        }
        next = path;
        stated = Some((extends.span, extends.value));
    }
}

fn read_text(path: &Path, files: &dyn Files) -> Result<String, String> {
    let bytes = files
        .template(path, limits::TEMPLATE_MAX)
        .map_err(|error| reason(&error))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > limits::TEMPLATE_MAX) {
        return Err(format!("it is larger than {} bytes", limits::TEMPLATE_MAX));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("it is not UTF-8 (byte {at})")
    })
}

/// Why reading failed, in the same words on every system.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

fn read_one(path: &Path, text: &str, sink: &Sink) -> Option<Raw> {
    let file = sink.add_file(&path.to_string_lossy(), text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let range = error.span().unwrap_or(0..0);
        let message = error.message().trim().replace('\n', "; ");
        sink.report(Code::T002, &Span { file, range }, message, None);
    }
    if !errors.is_empty() {
        return None;
    }
    // Where a whole file lacks a key, its first line is the place.
    let whole = Span { file, range: 0..0 };
    Some(parse::read(Reader::new(
        Some(table.get_ref()),
        "the template",
        whole,
        sink,
    )))
}

/// `base` is `base.toml` beside the template; anything with a slash or `.toml` is a path.
fn parent_path(child: &Path, extends: &str) -> PathBuf {
    let directory = child.parent().unwrap_or_else(|| Path::new(""));
    let suffix = Path::new(extends).extension();
    let is_path = extends.contains('/') || suffix.is_some_and(|suffix| suffix == "toml");
    let relative = if is_path {
        extends.to_owned()
    } else {
        format!("{extends}.toml")
    };
    normal(&directory.join(relative))
}

/// The path without `.` and without `name/..`, so that one file has one name in the chain.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(out.components().next_back(), Some(Component::Normal(_))) =>
            {
                out.pop();
            }
            Component::ParentDir
            | Component::Normal(_)
            | Component::RootDir
            | Component::Prefix(_) => out.push(component),
        }
    }
    out
}
