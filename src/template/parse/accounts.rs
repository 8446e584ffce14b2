//! `[[groups]]` and `[[users]]`.

use super::rules::{PATH_RULE, image_path, line, owner_of};
use crate::path::ImagePath;
use crate::template::diagnostic::Code;
use crate::template::names::{AccountName, SshKey};
use crate::template::raw::{RawGroup, RawUser};
use crate::template::reader::{At, Reader};

pub(super) fn group(table: Reader<'_>) -> Option<RawGroup> {
    let name = table.parsed("name", AccountName::RULE, AccountName::new);
    if !table.has("name") {
        table.missing("name", None);
    }
    let gid = id(&table, "gid");
    let system = table.boolean("system");
    table.finish();
    Some(RawGroup {
        name: name?,
        gid,
        system,
    })
}

pub(super) fn user(table: Reader<'_>) -> Option<RawUser> {
    let name = table.parsed("name", AccountName::RULE, AccountName::new);
    if !table.has("name") {
        table.missing("name", None);
    }
    let uid = id(&table, "uid");
    let comment_rule = "a comment is one line without ':' and control characters";
    let raw = (
        owner_of(&table, "group"),
        table.list("groups", AccountName::RULE, AccountName::new),
        table.parsed("comment", comment_rule, |text| {
            line(text).filter(|text| !text.contains(':'))
        }),
        table.parsed("shell", PATH_RULE, account_path),
        table.parsed("home", PATH_RULE, account_path),
        table.list("ssh_keys", SshKey::RULE, SshKey::new),
        table.boolean("locked"),
        table.boolean("system"),
    );
    table.finish();
    let (group, groups, comment, shell, home, ssh_keys, locked, system) = raw;
    Some(RawUser {
        name: name?,
        uid,
        group,
        groups,
        comment,
        shell,
        home,
        ssh_keys,
        locked,
        system,
    })
}

fn id(table: &Reader<'_>, key: &'static str) -> Option<At<u32>> {
    let at = table.integer(key, 1, 4_294_967_293)?;
    if at.value == 65_535 {
        let message = format!("{key} 65535 stands for 'none' in 16 bits");
        table.sink().report(Code::T006, &at.span, message, None);
        return None;
    }
    let value = u32::try_from(at.value).ok()?;
    Some(at.map(|_| value))
}

/// A path that may stand in passwd(5).
fn account_path(text: &str) -> Option<ImagePath> {
    image_path(text).filter(|_| !text.contains(':'))
}
