//! `[services]` and `[kernel]`.

use super::rules::{LINE_RULE, line};
use crate::template::diagnostic::Code;
use crate::template::names::{SysctlKey, UnitName, Word};
use crate::template::raw::{RawKernel, RawServices};
use crate::template::reader::Reader;

pub(super) fn services(table: Reader<'_>) -> RawServices {
    let raw = RawServices {
        enable: table.list("enable", UnitName::RULE, UnitName::new),
        disable: table.list("disable", UnitName::RULE, UnitName::new),
        mask: table.list("mask", UnitName::RULE, UnitName::new),
    };
    table.finish();
    raw
}

pub(super) fn kernel(table: Reader<'_>) -> RawKernel {
    let word_rule = "a word of the command line is printable ASCII without blanks";
    let mut sysctl = Vec::new();
    for (key, value) in table.pairs("sysctl") {
        let Some(name) = SysctlKey::new(&key.value) else {
            let message = format!("{:?} is not allowed: {}", key.value, SysctlKey::RULE);
            table.sink().report(Code::T006, &key.span, message, None);
            continue;
        };
        if line(&value.value).is_none() {
            let message = format!("{name}: the value is not allowed: {LINE_RULE}");
            table.sink().report(Code::T006, &value.span, message, None);
            continue;
        }
        sysctl.push((name, value));
    }
    let raw = RawKernel {
        cmdline: table.list("cmdline", word_rule, |text| {
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
            (plain && text.len() <= 1024).then(|| text.to_owned())
        }),
        modules: table.list("modules", Word::RULE, Word::new),
        sysctl,
        initrd: table.choice("initrd"),
        flavour: table.choice("flavour"),
    };
    table.finish();
    raw
}
