//! The ar container: `!<arch>\n`, then members with a 60-byte header, each at an even offset.

use std::io::{Read, Seek, SeekFrom, Take};

use super::DebError;

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER: usize = 60;
/// A `.deb` has three members and seldom one more.
const MEMBERS_MAX: usize = 16;

/// A member: its name and where its bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// All members; each lies inside the file and has a name of its own.
pub(super) fn members(reader: &mut (impl Read + Seek)) -> Result<Vec<Member>, DebError> {
    let length = reader.seek(SeekFrom::End(0)).map_err(read_error)?;
    reader.rewind().map_err(read_error)?;
    let mut magic = [0; 8];
    reader
        .read_exact(&mut magic)
        .map_err(|_error| DebError::Ar("it is too short".to_owned()))?;
    if &magic != MAGIC {
        return Err(DebError::Ar("its first bytes are not '!<arch>'".to_owned()));
    }
    let mut members: Vec<Member> = Vec::new();
    let mut offset = 8;
    while offset < length {
        let mut header = [0; HEADER];
        reader.seek(SeekFrom::Start(offset)).map_err(read_error)?;
        reader
            .read_exact(&mut header)
            .map_err(|_error| DebError::Ar("a member header ends early".to_owned()))?;
        let (name, size) = parse(&header)?;
        let start = offset.saturating_add(60);
        let end = start.saturating_add(size);
        if end > length {
            return Err(DebError::Ar(format!("member '{name}' ends early")));
        }
        if members.iter().any(|member| member.name == name) {
            return Err(DebError::Members(format!("'{name}' occurs twice")));
        }
        if members.len() >= MEMBERS_MAX {
            return Err(DebError::Members(format!("count is over {MEMBERS_MAX}")));
        }
        members.push(Member {
            name,
            offset: start,
            size,
        });
        // A last member of odd length may lack its padding.
        offset = end.saturating_add(end % 2);
    }
    Ok(members)
}

/// The bytes of a member.
pub(super) fn section<'a, R: Read + Seek>(
    reader: &'a mut R,
    member: &Member,
) -> Result<Take<&'a mut R>, DebError> {
    reader
        .seek(SeekFrom::Start(member.offset))
        .map_err(read_error)?;
    Ok(reader.take(member.size))
}

/// The first bytes of a member, at most `cap`.
pub(super) fn bytes(
    reader: &mut (impl Read + Seek),
    member: &Member,
    cap: u64,
) -> Result<Vec<u8>, DebError> {
    let mut bytes = Vec::new();
    section(reader, member)?
        .take(cap)
        .read_to_end(&mut bytes)
        .map_err(read_error)?;
    Ok(bytes)
}

fn parse(header: &[u8; HEADER]) -> Result<(String, u64), DebError> {
    let field = |from: usize, to: usize| {
        let bytes = header.get(from..to).unwrap_or_default();
        std::str::from_utf8(bytes)
            .ok()
            .filter(|text| text.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
            .map(|text| text.trim_end_matches(' '))
            .ok_or_else(|| DebError::Ar("a member header is no text".to_owned()))
    };
    if !header.ends_with(b"`\n") {
        return Err(DebError::Ar("a member header has no end mark".to_owned()));
    }
    // GNU ar puts a slash after the name, Debian's own writer does not.
    let name = field(0, 16)?;
    let name = name.strip_suffix('/').unwrap_or(name);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(DebError::Ar("a member has an odd name".to_owned()));
    }
    let size = field(48, 58)?;
    if size.is_empty() || !size.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DebError::Ar(format!("member '{name}' has no size")));
    }
    let size = size
        .parse()
        .map_err(|_error| DebError::Ar(format!("member '{name}' has no size")))?;
    Ok((name.to_owned(), size))
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn read_error(error: std::io::Error) -> DebError {
    DebError::Read(error.to_string())
}
