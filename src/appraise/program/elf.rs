//! As much of ELF (elf(5), System V ABI) as says what a program loads: 64 bits, little-endian.

use std::ops::Range;

/// What a program or a library asks its loader for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Elf {
    /// The loader's path (`PT_INTERP`); `None`: it needs none.
    pub(super) interpreter: Option<Vec<u8>>,
    /// Names of libraries (`DT_NEEDED`), in order.
    pub(super) needed: Vec<Vec<u8>>,
    /// The name by which others need it (`DT_SONAME`).
    pub(super) soname: Option<Vec<u8>>,
}

/// What a program needs of the machine that starts it, as its file says; nobody vouches for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The processor: `e_machine`.
    pub machine: u16,
    /// What is loaded before it runs: its loader, then the names of libraries.
    pub loads: Vec<Vec<u8>>,
}

impl Needs {
    /// Reads what the program `bytes` needs.
    ///
    /// # Errors
    /// It is no program: another kind of file, or a malformed one.
    pub fn of(bytes: &[u8]) -> Result<Self, ElfError> {
        let elf = parse(bytes)?;
        let file = File(bytes);
        // ET_EXEC, and ET_DYN: what is loaded anywhere.
        if !matches!(file.u16(16)?, 2 | 3) {
            return Err(ElfError::NoProgram);
        }
        Ok(Self {
            machine: file.u16(18)?,
            loads: elf.interpreter.into_iter().chain(elf.needed).collect(),
        })
    }
}

/// Why a file is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// It is no ELF file, or of another kind of machine.
    #[error("it is no 64-bit little-endian ELF file")]
    Kind,
    /// An object file, a memory dump.
    #[error("it is an ELF file, and no program")]
    NoProgram,
    /// It makes its loader load more than the libraries that it needs (`DT_AUDIT`, `DT_FILTER`).
    #[error("it names auditors or filters, which would be loaded from elsewhere")]
    Loads,
    /// Something in it points outside of it.
    #[error("its headers are malformed")]
    Malformed,
    /// More headers, entries or names than any real program has.
    #[error("it has more headers or names than a program has")]
    TooMany,
}

/// Most program headers; real programs have some fifteen.
const HEADERS_MAX: u16 = 256;
/// Most entries of the dynamic section; real ones have some forty.
const ENTRIES_MAX: usize = 4096;
/// Longest name.
const NAME_MAX: usize = 255;

/// Reads what a program or library asks for.
pub(super) fn parse(bytes: &[u8]) -> Result<Elf, ElfError> {
    if bytes.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Err(ElfError::Kind);
    }
    let file = File(bytes);
    let mut elf = Elf::default();
    let mut loads = Vec::new();
    let mut dynamic = None;
    let count = file.u16(56)?;
    if count > HEADERS_MAX {
        return Err(ElfError::TooMany);
    }
    if file.u16(54)? != 56 {
        return Err(ElfError::Malformed);
    }
    for index in 0..u64::from(count) {
        let at = add(file.u64(32)?, index.saturating_mul(56))?;
        let kind = file.u32(at)?;
        let (offset, address) = (file.u64(add(at, 8)?)?, file.u64(add(at, 16)?)?);
        let size = file.u64(add(at, 32)?)?;
        match kind {
            1 => loads.push((address..add(address, size)?, offset)),
            2 => dynamic = Some(range(offset, size)?),
            3 => {
                let text = file.slice(range(offset, size)?)?;
                elf.interpreter = Some(name(text, 0, true)?);
            }
            _ => {}
        }
    }
    if let Some(dynamic) = dynamic {
        read_dynamic(&file, file.slice(dynamic)?, &loads, &mut elf)?;
    }
    Ok(elf)
}

/// Segments of the file by the addresses at which they are mapped.
type Loads = [(Range<u64>, u64)];

fn read_dynamic(
    file: &File<'_>,
    section: &[u8],
    loads: &Loads,
    elf: &mut Elf,
) -> Result<(), ElfError> {
    let (mut needed, mut soname) = (Vec::new(), None);
    let (mut table, mut size) = (None, None);
    for (index, entry) in section.chunks_exact(16).enumerate() {
        if index >= ENTRIES_MAX {
            return Err(ElfError::TooMany);
        }
        let entry = File(entry);
        let value = entry.u64(8)?;
        match entry.u64(0)? {
            0 => break,
            1 => needed.push(value),
            5 => table = Some(value),
            10 => size = Some(value),
            14 => soname = Some(value),
            // DT_DEPAUDIT, DT_AUDIT, DT_AUXILIARY, DT_FILTER.
            0x6fff_fefb | 0x6fff_fefc | 0x7fff_fffd | 0x7fff_ffff => return Err(ElfError::Loads),
            _ => {}
        }
    }
    if needed.is_empty() && soname.is_none() {
        return Ok(());
    }
    let (Some(address), Some(size)) = (table, size) else {
        return Err(ElfError::Malformed);
    };
    let (mapped, offset) = loads
        .iter()
        .find(|(mapped, _)| mapped.contains(&address))
        .ok_or(ElfError::Malformed)?;
    let start = add(address.saturating_sub(mapped.start), *offset)?;
    let strings = file.slice(range(start, size)?)?;
    for at in needed {
        elf.needed.push(name(strings, at, false)?);
    }
    elf.soname = soname.map(|at| name(strings, at, false)).transpose()?;
    Ok(())
}

/// The name that starts at `at` and ends with a NUL.
fn name(strings: &[u8], at: u64, may_have_slash: bool) -> Result<Vec<u8>, ElfError> {
    let start = usize::try_from(at).map_err(|_error| ElfError::Malformed)?;
    let rest = strings.get(start..).ok_or(ElfError::Malformed)?;
    let length = rest
        .iter()
        .position(|byte| *byte == 0)
        .ok_or(ElfError::Malformed)?;
    let name = rest.get(..length).ok_or(ElfError::Malformed)?;
    if name.is_empty() || length > NAME_MAX || !may_have_slash && name.contains(&b'/') {
        return Err(ElfError::Malformed);
    }
    Ok(name.to_vec())
}

fn add(a: u64, b: u64) -> Result<u64, ElfError> {
    a.checked_add(b).ok_or(ElfError::Malformed)
}

fn range(offset: u64, size: u64) -> Result<Range<u64>, ElfError> {
    Ok(offset..add(offset, size)?)
}

struct File<'b>(&'b [u8]);

impl<'b> File<'b> {
    fn slice(&self, range: Range<u64>) -> Result<&'b [u8], ElfError> {
        let bound = |at| usize::try_from(at).map_err(|_error| ElfError::Malformed);
        let range = bound(range.start)?..bound(range.end)?;
        self.0.get(range).ok_or(ElfError::Malformed)
    }

    fn array<const N: usize>(&self, at: u64) -> Result<[u8; N], ElfError> {
        let length = u64::try_from(N).map_err(|_error| ElfError::Malformed)?;
        let bytes = self.slice(range(at, length)?)?;
        bytes.try_into().map_err(|_error| ElfError::Malformed)
    }

    fn u16(&self, at: u64) -> Result<u16, ElfError> {
        Ok(u16::from_le_bytes(self.array(at)?))
    }

    fn u32(&self, at: u64) -> Result<u32, ElfError> {
        Ok(u32::from_le_bytes(self.array(at)?))
    }

    fn u64(&self, at: u64) -> Result<u64, ElfError> {
        Ok(u64::from_le_bytes(self.array(at)?))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A file that asks for `needed`, with a loader where it is a program.
    pub(crate) fn file(soname: Option<&str>, needed: &[&str], loader: Option<&str>) -> Vec<u8> {
        let mut strings = vec![0];
        let mut put = |text: &str| {
            let at = strings.len();
            strings.extend(text.as_bytes());
            strings.push(0);
            u64::try_from(at).unwrap()
        };
        let mut entries: Vec<(u64, u64)> = needed.iter().map(|name| (1, put(name))).collect();
        entries.extend(soname.map(|name| (14, put(name))));
        let loader_at = loader.map_or(0, &mut put);
        let loader_size = loader.map_or(0, |text| u64::try_from(text.len() + 1).unwrap());
        let strings_at = 64 + 3 * 56;
        let size = u64::try_from(strings.len()).unwrap();
        // The whole file is mapped at 0x1000.
        entries.extend([(5, 0x1000 + strings_at), (10, size), (0, 0)]);
        let dynamic_at = strings_at + size;
        let dynamic_size = u64::try_from(entries.len() * 16).unwrap();
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(32, 0);
        bytes.extend(64u64.to_le_bytes());
        bytes.resize(54, 0);
        bytes.extend(56u16.to_le_bytes());
        bytes.extend((if loader.is_some() { 3u16 } else { 2 }).to_le_bytes());
        bytes.resize(64, 0);
        let mut header = |kind: u32, offset: u64, address: u64, size: u64| {
            bytes.extend(kind.to_le_bytes());
            bytes.extend([0; 4]);
            for number in [offset, address, 0, size, size, 8] {
                bytes.extend(number.to_le_bytes());
            }
        };
        header(1, 0, 0x1000, dynamic_at + dynamic_size);
        header(2, dynamic_at, 0x1000 + dynamic_at, dynamic_size);
        header(3, strings_at + loader_at, 0, loader_size);
        bytes.extend(&strings);
        for (tag, value) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn what_a_program_asks_for() {
        let bytes = file(None, &["libnft.so.1", "libc.so.6"], Some("/lib64/ld.so.2"));
        assert_eq!(
            parse(&bytes),
            Ok(Elf {
                interpreter: Some(b"/lib64/ld.so.2".to_vec()),
                needed: vec![b"libnft.so.1".to_vec(), b"libc.so.6".to_vec()],
                soname: None,
            })
        );
        let library = parse(&file(Some("libc.so.6"), &["ld.so.2"], None)).unwrap();
        assert_eq!(library.soname, Some(b"libc.so.6".to_vec()));
        assert_eq!(library.interpreter, None);
    }

    #[test]
    fn what_a_program_needs() {
        let of = |bytes: &[u8], kind: u8, machine: u8| {
            let mut bytes = bytes.to_vec();
            (bytes[16], bytes[18]) = (kind, machine);
            Needs::of(&bytes)
        };
        let loads = |names: &[&str]| names.iter().map(|it| it.as_bytes().to_vec()).collect();
        let dynamic = file(None, &["libc.so.6"], Some("/lib64/ld.so.2"));
        let needs = Needs {
            machine: 62,
            loads: loads(&["/lib64/ld.so.2", "libc.so.6"]),
        };
        assert_eq!(of(&dynamic, 3, 62), Ok(needs));
        let alone = file(None, &[], None);
        let needs = Needs {
            machine: 183,
            loads: Vec::new(),
        };
        assert_eq!(of(&alone, 2, 183), Ok(needs));
        assert_eq!(of(&alone, 1, 62), Err(ElfError::NoProgram));
        assert_eq!(Needs::of(b"#!/bin/sh\n"), Err(ElfError::Kind));
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_an_answer() {
        let bytes = file(Some("a"), &["b"], Some("/l"));
        for end in 0..bytes.len() {
            assert!(parse(&bytes[..end]).is_err(), "cut at {end}");
        }
        for at in 0..bytes.len() {
            for value in [0, 0x7f, 0xff] {
                let mut bad = bytes.clone();
                bad[at] = value;
                drop(parse(&bad));
            }
        }
    }

    #[test]
    fn each_rule_has_its_error() {
        let with = |at: usize, value: &[u8]| {
            let mut bytes = file(None, &["b"], Some("/l"));
            bytes[at..at + value.len()].copy_from_slice(value);
            parse(&bytes)
        };
        assert_eq!(parse(b"#!/bin/sh\n"), Err(ElfError::Kind));
        // 32 bits; big-endian.
        assert_eq!(with(4, &[1]), Err(ElfError::Kind));
        assert_eq!(with(5, &[2]), Err(ElfError::Kind));
        assert_eq!(with(54, &[55]), Err(ElfError::Malformed));
        assert_eq!(with(56, &[1, 1]), Err(ElfError::TooMany));
        assert_eq!(with(32, &[0xff; 8]), Err(ElfError::Malformed));
        assert_eq!(with(64 + 16, &[0xff; 8]), Err(ElfError::Malformed));
        assert_eq!(
            parse(&file(None, &["../x"], None)),
            Err(ElfError::Malformed)
        );
        assert_eq!(parse(&file(None, &[""], None)), Err(ElfError::Malformed));
        let dynamic = 64 + 3 * 56 + 6;
        assert_eq!(
            with(dynamic, &0x6fff_fefc_u64.to_le_bytes()),
            Err(ElfError::Loads)
        );
        // A name beyond the strings.
        assert_eq!(with(dynamic + 8, &[0xff]), Err(ElfError::Malformed));
    }
}
