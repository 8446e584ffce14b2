//! Names that a segment states, each valid by construction.

use crate::path::name_matches;
use crate::written::names::{is_lower_or_digit, is_word, names};

names! {
    /// A day.
    Date: is_date,
        "a day is written as in 2030-06-30";
    /// Names of packages: `*` is any run of characters, `?` any one.
    PackageGlob: |text| is_word(text, 128, |first| is_lower_or_digit(first) || b"*?".contains(&first), |byte| is_lower_or_digit(byte) || b"+.-*?".contains(&byte)),
        "a pattern of package names is of a-z 0-9 + . - with * for any run of characters and ? for any one, as in postgresql*";
    /// The name of a segment.
    SegmentName: |text| is_word(text, 64, is_lower_or_digit, |byte| is_lower_or_digit(byte) || b".-".contains(&byte)) && !RESERVED.contains(&text),
        "a segment name is up to 64 of a-z 0-9 . -, starts with a letter or digit, and is none of any, dns, log, ntp, public, segment and updates, which mean something else";
    /// What a service is called among those of its segment.
    ServiceName: |text| is_word(text, 64, is_lower_or_digit, |byte| is_lower_or_digit(byte) || b".-".contains(&byte)),
        "a service name is up to 64 of a-z 0-9 . - and starts with a letter or digit";
    /// A systemd unit, with its suffix.
    UnitName: is_unit,
        "a unit is a name with its suffix, as in ssh.service or getty@tty1.service";
}

impl PackageGlob {
    /// Whether the package `name` is one of these.
    pub fn covers(&self, name: &str) -> bool {
        name_matches(self.0.as_bytes(), name.as_bytes())
    }
}

/// Words that stand where a segment's name may stand.
const RESERVED: &[&str] = &["any", "dns", "log", "ntp", "public", "segment", "updates"];

fn is_date(text: &str) -> bool {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let number = |range| {
        text.get(range)
            .and_then(|part: &str| part.parse::<u32>().ok())
            .unwrap_or(0)
    };
    shape && number(0..4) >= 1970 && is_day(number(0..4), number(5..7), number(8..10))
}

/// Whether the Gregorian calendar has that day; month and day count from 1.
pub(crate) fn is_day(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=last).contains(&day)
}

/// Suffixes of systemd.unit(5) that an image can enable, disable or mask.
const UNIT_SUFFIXES: &[&str] = &[
    "automount",
    "device",
    "mount",
    "path",
    "scope",
    "service",
    "slice",
    "socket",
    "swap",
    "target",
    "timer",
];

fn is_unit(text: &str) -> bool {
    text.len() <= 255
        && text.rsplit_once('.').is_some_and(|(stem, suffix)| {
            !stem.is_empty()
                && !stem.starts_with(['.', '@'])
                && UNIT_SUFFIXES.contains(&suffix)
                && stem
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_and_what_is_not() {
        type Case = (
            fn(&str) -> bool,
            &'static [&'static str],
            &'static [&'static str],
        );
        let table: &[Case] = &[
            (
                |text| Date::new(text).is_some(),
                &["2028-02-29", "2030-12-31"],
                &[
                    "2027-02-29",
                    "2030-13-01",
                    "2030-00-10",
                    "30-1-1",
                    "2030-1-01",
                    "0000-01-01",
                ],
            ),
            (
                |text| UnitName::new(text).is_some(),
                &[
                    "ssh.service",
                    "getty@tty1.service",
                    "getty@.service",
                    "a-b\\x2dc.mount",
                ],
                &[
                    "ssh",
                    "../a.service",
                    "a/b.service",
                    ".service",
                    "a.conf",
                    "@.service",
                ],
            ),
            (
                |text| SegmentName::new(text).is_some(),
                &["web", "web-1.a", "0"],
                &[
                    "", "Web", "-a", "a_b", "a b", "any", "public", "dns", "segment",
                ],
            ),
            (
                |text| PackageGlob::new(text).is_some(),
                &["postgresql*", "*", "libstdc++6", "python3.?"],
                &["", "A", "[a]", "a/b", "a b"],
            ),
        ];
        for (index, (check, good, bad)) in table.iter().enumerate() {
            for text in *good {
                assert!(check(text), "{index} {text:?}");
            }
            for text in *bad {
                assert!(!check(text), "{index} {text:?}");
            }
        }
        assert!(SegmentName::new(&"a".repeat(65)).is_none());
    }

    #[test]
    fn patterns_cover_whole_names() {
        let glob = PackageGlob::new("postgresql*").unwrap();
        assert!(glob.covers("postgresql") && glob.covers("postgresql-17"));
        assert!(!glob.covers("libpostgresql") && !glob.covers("postgres"));
    }
}
