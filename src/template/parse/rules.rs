//! Rules that several tables share.

use crate::path::ImagePath;
use crate::template::diagnostic::Code;
use crate::template::model::Owner;
use crate::template::names::AccountName;
use crate::template::reader::{At, Reader};
use crate::tree::Mode;

pub(super) const PATH_RULE: &str = "a path is absolute and has no empty, '.' or '..' component";
const SOURCE_RULE: &str = "a source is a path below the template's own directory";
pub(super) const LINE_RULE: &str = "it is one line without control characters";

pub(super) fn mode(table: &Reader<'_>) -> Option<At<Mode>> {
    let wanted = "octal digits in a string, as in \"0644\"";
    let at = table.text_or_integer("mode", wanted)?;
    let (text, radix) = &at.value;
    let octal = *radix == 0 || *radix == 8;
    let digits =
        (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let mode = u32::from_str_radix(text, 8)
        .ok()
        .filter(|_| octal && digits)
        .and_then(|bits| Mode::new(bits).ok());
    if mode.is_none() {
        let message = "a mode is three or four octal digits".to_owned();
        let help = format!("write mode = \"{text:0>4}\"");
        let help = digits.then_some(help);
        table.sink().report(Code::T006, &at.span, message, help);
    }
    Some(At {
        value: mode?,
        span: at.span,
    })
}

/// A user or group, by name or number.
pub(super) fn owner_of(table: &Reader<'_>, key: &'static str) -> Option<At<Owner>> {
    let at = table.text_or_integer(key, "a name or a number")?;
    let (text, radix) = &at.value;
    let owner = if *radix == 0 {
        AccountName::new(text).map(Owner::Name)
    } else {
        text.parse()
            .ok()
            .filter(|id| *radix == 10 && *id != u32::MAX)
            .map(Owner::Id)
    };
    if owner.is_none() {
        let message = format!("{text:?} is not allowed: {}", AccountName::RULE);
        table.sink().report(Code::T006, &at.span, message, None);
    }
    Some(At {
        value: owner?,
        span: at.span,
    })
}

/// Whether a text is a path below the template's own directory.
pub(super) fn source_item(text: &str) -> bool {
    // ImagePath knows what is normal: relative paths are those that a leading slash makes absolute.
    image_path(&format!("/{text}")).is_some_and(|path| !path.is_root())
}

/// A path below the template's own directory; a broken rule is reported.
pub(super) fn source_path(table: &Reader<'_>, key: &'static str) -> Option<At<String>> {
    let at = table.string(key)?;
    if source_item(&at.value) {
        return Some(at);
    }
    let message = format!("{:?} is not allowed: {SOURCE_RULE}", at.value);
    let help = "copy the file beside the template and name it without '..' and leading '/'";
    table
        .sink()
        .report(Code::T013, &at.span, message, Some(help.to_owned()));
    None
}

pub(super) fn image_path(text: &str) -> Option<ImagePath> {
    ImagePath::parse(text)
        .ok()
        .filter(|_| !text.chars().any(char::is_control))
}

pub(in crate::template) fn line(text: &str) -> Option<String> {
    (text.len() <= 4096 && !text.chars().any(char::is_control)).then(|| text.to_owned())
}
