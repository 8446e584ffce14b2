//! Secure Boot Advanced Targeting: which generation of each component an image has, so that a
//! generation can be revoked without naming each image.

use super::UkiError;

/// What a section begins with: the format itself is a component.
const FIRST: &str = "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n";
/// Components that karat adds: an image of this kind, and one that karat assembled. The
/// generations go up when all images before are to be revoked.
const OWN: &str = "uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_kernel_image/\n\
    karat,1,karat,karat,1,docs/formats/uki.md\n";
/// Most bytes of one list: a page, as shim reserves for its own.
pub(super) const SBAT_MAX: u16 = 4096;

/// The lines of stub, kernel and template, each once, behind the format's own; `place` of an error
/// says whose they are.
pub(super) fn merge(lists: &[(&'static str, &[u8])]) -> Result<Vec<u8>, UkiError> {
    let mut merged = FIRST.to_owned();
    for (place, list) in lists.iter().chain(&[("karat's own lines", OWN.as_bytes())]) {
        let place = *place;
        let fails = |rule| UkiError::Sbat { place, rule };
        let end = list.iter().rposition(|byte| *byte != 0);
        let list = end.and_then(|end| list.get(..=end)).unwrap_or_default();
        let text = std::str::from_utf8(list).map_err(|_utf8| fails("it is not ASCII"))?;
        for line in text.lines().filter(|line| !line.starts_with("sbat,")) {
            check(line).map_err(fails)?;
            let known = merged.lines().any(|before| before == line);
            if !known {
                merged.push_str(line);
                merged.push('\n');
            }
        }
    }
    if merged.len() > usize::from(SBAT_MAX) {
        return Err(UkiError::Sbat {
            place: "the image's SBAT",
            rule: "it has more than 4096 bytes",
        });
    }
    Ok(merged.into_bytes())
}

/// `component,generation,vendor,package,version,address`.
fn check(line: &str) -> Result<(), &'static str> {
    if !line
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic())
    {
        return Err("it is not printable ASCII");
    }
    let fields: Vec<&str> = line.split(',').collect();
    let [component, generation, _, _, _, _] = fields.as_slice() else {
        return Err("a line has not six fields, separated by commas");
    };
    let generation: u16 = generation
        .parse()
        .map_err(|_number| "a generation is no number below 65536")?;
    if component.is_empty() || generation == 0 {
        return Err("a line has no component, or its generation is 0");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lists: &[(&'static str, &[u8])]) -> Result<String, String> {
        merge(lists)
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn lines_are_merged_once() {
        let stub = b"sbat,1,SBAT Version,sbat,1,x\nsystemd,1,a,systemd,252,https://a\n\0\0";
        let merged = text(&[("the stub", stub), ("the kernel", stub)]).unwrap();
        let rest = merged.strip_prefix(FIRST).unwrap();
        assert_eq!(rest, format!("systemd,1,a,systemd,252,https://a\n{OWN}"));
        assert_eq!(text(&[("the stub", b"")]).unwrap(), format!("{FIRST}{OWN}"));
    }

    #[test]
    fn lines_that_are_none_are_refused() {
        for (list, rule) in [
            (&b"a,1,b,c,d\n"[..], "six fields"),
            (b"a,0,b,c,d,e\n", "generation is 0"),
            (b",1,b,c,d,e\n", "no component"),
            (b"a,x,b,c,d,e\n", "no number"),
            (b"a,65536,b,c,d,e\n", "no number"),
            (b"a,1,b,c\x1b,d,e\n", "printable"),
            (b"a,1,b,c\0,d,e\n", "printable"),
            (b"\xff", "ASCII"),
        ] {
            let error = text(&[("the stub", list)]).unwrap_err();
            assert!(
                error.starts_with("the stub: ") && error.contains(rule),
                "{error}"
            );
        }
        let long = "a,1,b,c,d,".to_owned() + &"e".repeat(4096);
        assert!(
            text(&[("the stub", long.as_bytes())])
                .unwrap_err()
                .contains("4096")
        );
    }
}
