//! From a file's name to a resolved template: the chain of `extends` is read, merged, checked.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use toml::de::DeTable;

use crate::limits;
use crate::segment::Statement;

use super::diagnostic::{Code, Diagnostics, Location};
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
    let mut loader = Loader::new(files, &sink);
    let chain = loader.chain(path);
    let merged = chain.and_then(|chain| loader.merged(&chain));
    let template = merged.and_then(|(chain, raw)| finish(raw, chain, files, &sink));
    match template {
        Some(template) if sink.is_clean() => Ok(template),
        _ => Err(sink.into_diagnostics()),
    }
}

/// Templates that were read together, and their texts.
#[derive(Debug)]
pub struct Loaded {
    /// The templates, in the order of the paths.
    pub templates: Vec<Template>,
    sink: Sink,
}

impl Loaded {
    /// Where a template states something; the template as a whole where it does not.
    pub fn location(&self, template: &Template, statement: &Statement) -> Location {
        let places = &template.places;
        let stated = places.get(statement);
        if let Some(span) = stated.or_else(|| places.get(&Statement::Table)) {
            self.sink.location(span)
        } else {
            let file = template.chain.first().map(|path| path.to_string_lossy());
            Location::file(&file.unwrap_or_default())
        }
    }
}

/// Reads many templates, each file once. Of those that `wanted` refuses only what they extend and
/// state is looked at: they may be parts that others extend.
///
/// # Errors
/// Every rule that the templates break, each with its place.
pub fn load_all(
    paths: &[PathBuf],
    files: &dyn Files,
    wanted: &dyn Fn(&Path, bool) -> bool,
) -> Result<Loaded, Diagnostics> {
    let sink = Sink::default();
    let mut loader = Loader::new(files, &sink);
    let mut templates = Vec::new();
    for path in paths {
        let chain = loader.chain(path);
        let Some((chain, raw)) = chain.and_then(|chain| loader.merged(&chain)) else {
            continue;
        };
        if !wanted(path, raw.segment.category.is_some()) {
            continue;
        }
        templates.extend(finish(raw, chain, files, &sink));
    }
    if sink.is_clean() {
        Ok(Loaded { templates, sink })
    } else {
        Err(sink.into_diagnostics())
    }
}

/// A template file as written, with its number.
type Read = Rc<(usize, Raw)>;

/// Reads and merges each file once, however many templates extend it.
struct Loader<'a> {
    files: &'a dyn Files,
    sink: &'a Sink,
    /// Files that were read; `None`: not TOML, which is reported.
    read: BTreeMap<PathBuf, Option<Read>>,
    /// What a parent and all that it extends state together.
    merged: BTreeMap<PathBuf, Raw>,
}

impl<'a> Loader<'a> {
    fn new(files: &'a dyn Files, sink: &'a Sink) -> Self {
        Self {
            files,
            sink,
            read: BTreeMap::new(),
            merged: BTreeMap::new(),
        }
    }

    /// What the chain states together, with its files' numbers.
    fn merged(&mut self, chain: &[(PathBuf, Read)]) -> Option<(Vec<(usize, PathBuf)>, Raw)> {
        let ((_, first), parents) = chain.split_first()?;
        // From the farthest parent to the template itself: later ones override.
        let mut below = Raw::nothing();
        for (path, read) in parents.iter().rev() {
            below = if let Some(raw) = self.merged.get(path) {
                raw.clone()
            } else {
                let raw = merge::over(below, read.1.clone(), self.sink);
                self.merged.insert(path.clone(), raw.clone());
                raw
            };
        }
        let raw = merge::over(below, first.1.clone(), self.sink);
        let numbers = chain
            .iter()
            .map(|(path, read)| (read.0, path.clone()))
            .collect();
        Some((numbers, raw))
    }

    /// The chain, nearest first.
    fn chain(&mut self, path: &Path) -> Option<Vec<(PathBuf, Read)>> {
        let sink = self.sink;
        let mut chain: Vec<(PathBuf, Read)> = Vec::new();
        let mut next = normal(path);
        let mut stated: Option<(Span, String)> = None;
        loop {
            let read = match self.read(&next) {
                Ok(read) => read?,
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
            let parent = read.1.extends.clone();
            chain.push((next.clone(), read));
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

    /// One file; why it cannot be read, or `None` where it is not TOML.
    fn read(&mut self, path: &Path) -> Result<Option<Read>, String> {
        if let Some(read) = self.read.get(path) {
            return Ok(read.clone());
        }
        let text = read_text(path, self.files)?;
        let read = read_one(path, &text, self.sink).map(Rc::new);
        self.read.insert(path.to_owned(), read.clone());
        Ok(read)
    }
}

pub(super) fn read_text(path: &Path, files: &dyn Files) -> Result<String, String> {
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

fn read_one(path: &Path, text: &str, sink: &Sink) -> Option<(usize, Raw)> {
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
    let reader = Reader::new(Some(table.get_ref()), "the template", whole, sink);
    Some((file, parse::read(reader)))
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
