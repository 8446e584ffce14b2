//! `[[files]]`.

use super::rules::{PATH_RULE, image_path, mode, owner_of, source_path};
use crate::template::diagnostic::Code;
use crate::template::raw::{RawFile, RawKind};
use crate::template::reader::{At, Reader};

pub(super) fn file(table: Reader<'_>) -> Option<RawFile> {
    let path = table.parsed("path", PATH_RULE, image_path);
    if !table.has("path") {
        table.missing("path", None);
    }
    if let Some(path) = &path
        && path.value.is_root()
    {
        let message = "/ itself cannot be an entry of [[files]]".to_owned();
        table.sink().report(Code::T006, &path.span, message, None);
    }
    let mut kinds: Vec<At<RawKind>> = Vec::new();
    kinds.extend(source_path(&table, "source").map(|at| at.map(RawKind::Source)));
    kinds.extend(table.string("content").map(|at| at.map(RawKind::Content)));
    let target_rule = "a link's target has 1 to 4095 bytes and no NUL";
    let target = table.parsed("link", target_rule, |text| {
        ((1..=4095).contains(&text.len()) && !text.contains('\0')).then(|| text.to_owned())
    });
    kinds.extend(target.map(|at| at.map(RawKind::Link)));
    for (key, kind) in [
        ("directory", RawKind::Directory),
        ("absent", RawKind::Absent),
    ] {
        if let Some(at) = table.boolean(key) {
            if at.value {
                kinds.push(at.map(|_| kind));
            } else {
                let message = format!("{key} is true or not stated");
                table.sink().report(Code::T006, &at.span, message, None);
            }
        }
    }
    if let Some(second) = kinds.get(1) {
        let message =
            "[[files]] has exactly one of source, content, link, directory and absent".to_owned();
        table.sink().report(Code::T012, &second.span, message, None);
    }
    let mode = mode(&table);
    let owner = owner_of(&table, "owner");
    let group = owner_of(&table, "group");
    let kind = kinds.into_iter().next();
    let stated = ["source", "content", "link", "directory", "absent"];
    let wrong = kind.is_none() && stated.iter().any(|key| table.has(key));
    if let Some(RawKind::Link(_) | RawKind::Absent) = kind.as_ref().map(|kind| &kind.value)
        && let Some(mode) = &mode
    {
        let message = "a link has no mode of its own, and what is absent has none".to_owned();
        table.sink().report(Code::T012, &mode.span, message, None);
    }
    let span = table.span().clone();
    table.finish();
    if wrong {
        return None;
    }
    Some(RawFile {
        path: path?,
        kind,
        mode,
        owner,
        group,
        span,
    })
}
