//! The headers, checked as a whole, and the digest that firmware computes.

use std::ops::Range;

use super::certificates;
use super::field::{array, feed, long, u16_at, u32_at};
use super::section::ENTRY;
use super::{Certificate, PeError, Section};
use crate::digest::{Digest, Hasher};
use crate::layout::Source;
use crate::limits;

/// A PE32+ image whose headers hold together.
#[derive(Clone, Debug)]
pub struct Image {
    headers: Headers,
    sections: Vec<Section>,
    certificates: Vec<Certificate>,
    /// Where the certificate table begins, or the end of the file.
    signed_end: u64,
}

/// Which processors run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// `IMAGE_FILE_MACHINE_AMD64`, 0x8664.
    X64,
    /// `IMAGE_FILE_MACHINE_ARM64`, 0xaa64.
    Aa64,
}

/// What the headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Headers {
    /// Which processors run it.
    pub machine: Machine,
    /// Where `PE\0\0` stands.
    pub start: u32,
    /// `SizeOfOptionalHeader`.
    pub optional_size: u16,
    /// How many data directories the optional header has: at most 16.
    pub directories: u32,
    /// `SectionAlignment`, a power of two.
    pub section_alignment: u32,
    /// `FileAlignment`, a power of two.
    pub file_alignment: u32,
    /// `SizeOfImage`.
    pub image_size: u32,
    /// `SizeOfHeaders`: where the first section's bytes begin.
    pub headers_size: u32,
    /// `CheckSum`, as it is written: firmware does not look at it.
    pub checksum: u32,
    /// `DllCharacteristics`.
    pub dll_characteristics: u16,
}

/// Offsets of fields from `PE\0\0` on: the COFF header has 24 bytes with it, the optional header
/// follows.
pub mod field_offset {
    /// `NumberOfSections`, 2 bytes.
    pub const SECTIONS: usize = 6;
    /// `TimeDateStamp`, 4 bytes.
    pub const TIMESTAMP: usize = 8;
    /// `PointerToSymbolTable` and `NumberOfSymbols`, 4 bytes each.
    pub const SYMBOLS: usize = 12;
    /// `SizeOfOptionalHeader`, 2 bytes.
    pub const OPTIONAL_SIZE: usize = 20;
    /// `Characteristics`, 2 bytes.
    pub const CHARACTERISTICS: usize = 22;
    /// Where the optional header begins, with its magic number, 2 bytes.
    pub const OPTIONAL: usize = 24;
    /// `SizeOfInitializedData`, 4 bytes.
    pub const INITIALIZED_DATA: usize = OPTIONAL + 8;
    /// `SectionAlignment`, 4 bytes.
    pub const SECTION_ALIGNMENT: usize = OPTIONAL + 32;
    /// `FileAlignment`, 4 bytes.
    pub const FILE_ALIGNMENT: usize = OPTIONAL + 36;
    /// `SizeOfImage`, 4 bytes.
    pub const IMAGE_SIZE: usize = OPTIONAL + 56;
    /// `SizeOfHeaders`, 4 bytes.
    pub const HEADERS_SIZE: usize = OPTIONAL + 60;
    /// `CheckSum`, 4 bytes.
    pub const CHECKSUM: usize = OPTIONAL + 64;
    /// `DllCharacteristics`, 2 bytes.
    pub const DLL_CHARACTERISTICS: usize = OPTIONAL + 70;
    /// `NumberOfRvaAndSizes`, 4 bytes.
    pub const DIRECTORIES: usize = OPTIONAL + 108;
    /// The first data directory; each has 8 bytes.
    pub const DIRECTORY: usize = OPTIONAL + 112;
    /// The certificate table's: the fifth.
    pub const CERTIFICATES: usize = DIRECTORY + 4 * 8;
}

/// Most data directories, and the most bytes up to the section table.
const DIRECTORIES_MAX: u32 = 16;
const HEADER_MAX: usize = field_offset::DIRECTORY + 16 * 8;
/// `Magic` of PE32+.
const PE32_PLUS: u16 = 0x20b;

impl Image {
    /// Reads and checks the headers.
    ///
    /// # Errors
    /// The bytes are no PE32+ image for a processor that karat knows, or not of the one shape that
    /// the module's documentation shows.
    pub fn read<S: Source + ?Sized>(source: &S) -> Result<Self, PeError> {
        let (headers, header) = read_headers(source)?;
        let sections = read_sections(source, &headers, u16_at(&header, field_offset::SECTIONS))?;
        let sections_end = sections
            .iter()
            .map(Section::file_end)
            .fold(headers.headers_size.into(), u64::max);
        let table = certificate_table(&headers, &header, sections_end, source.size())?;
        Ok(Self {
            headers,
            sections,
            certificates: certificates::read(source, &table)?,
            signed_end: table.start,
        })
    }

    /// What the headers say.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The sections, in the order of the table, of the file and of memory.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The signatures. Nothing here says whose they are.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Where the certificate table begins; the size of the file where there is none.
    pub fn signed_end(&self) -> u64 {
        self.signed_end
    }

    /// Gives the bytes that the Authenticode digest covers to `take`: all but the checksum, the
    /// certificate table's directory entry, and the table.
    ///
    /// A signer whose file has no multiple of eight bytes first fills it up with zeros, which are
    /// covered, too: see `image::pe`.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn authenticode<S: Source + ?Sized>(
        &self,
        source: &S,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), PeError> {
        let field = |offset: usize, length: u64| {
            let start = u64::from(self.headers.start).saturating_add(long(offset));
            start..start.saturating_add(length)
        };
        let mut left_out = vec![field(field_offset::CHECKSUM, 4)];
        if self.headers.names_certificates() {
            left_out.push(field(field_offset::CERTIFICATES, 8));
        }
        let mut at = 0;
        for hole in left_out {
            feed(source, at, hole.start, take)?;
            at = hole.end;
        }
        feed(source, at, self.signed_end, take)
    }

    /// The Authenticode SHA-256.
    ///
    /// # Errors
    /// As [`Image::authenticode`].
    pub fn authenticode_sha256<S: Source + ?Sized>(&self, source: &S) -> Result<Digest, PeError> {
        let mut hasher = Hasher::new();
        self.authenticode(source, &mut |some| hasher.update(some))?;
        Ok(hasher.finish())
    }
}

impl Headers {
    /// Whether the optional header has a place for the certificate table: the fifth directory.
    pub fn names_certificates(&self) -> bool {
        self.directories > 4
    }

    /// Where the section table begins.
    pub fn table(&self) -> u64 {
        u64::from(self.start)
            .saturating_add(long(field_offset::OPTIONAL))
            .saturating_add(self.optional_size.into())
    }
}

/// Reads up to the section table; gives the bytes from `PE\0\0` on, too, zeros behind them.
fn read_headers<S: Source + ?Sized>(source: &S) -> Result<(Headers, [u8; HEADER_MAX]), PeError> {
    let dos: [u8; 64] = array(source, 0)?;
    if !dos.starts_with(b"MZ") {
        return Err(PeError::Header("it does not begin with \"MZ\""));
    }
    let start = u32_at(&dos, 60);
    let coff: [u8; field_offset::OPTIONAL] = array(source, start.into())?;
    if !coff.starts_with(b"PE\0\0") {
        return Err(PeError::Header("\"PE\" does not stand where it should"));
    }
    let machine = match u16_at(&coff, 4) {
        0x8664 => Machine::X64,
        0xaa64 => Machine::Aa64,
        _ => return Err(PeError::Header("it is neither for x86-64 nor for arm64")),
    };
    let optional_size = u16_at(&coff, field_offset::OPTIONAL_SIZE);
    let mut header = [0; HEADER_MAX];
    let length = field_offset::OPTIONAL.saturating_add(optional_size.into());
    let room = header
        .get_mut(..length)
        .ok_or(PeError::Header("its optional header is too long"))?;
    source.read_at(start.into(), room)?;
    let field = |offset| u32_at(&header, offset);
    if u16_at(&header, field_offset::OPTIONAL) != PE32_PLUS {
        return Err(PeError::Header("its optional header is not that of PE32+"));
    }
    let headers = Headers {
        machine,
        start,
        optional_size,
        directories: field(field_offset::DIRECTORIES),
        section_alignment: field(field_offset::SECTION_ALIGNMENT),
        file_alignment: field(field_offset::FILE_ALIGNMENT),
        image_size: field(field_offset::IMAGE_SIZE),
        headers_size: field(field_offset::HEADERS_SIZE),
        checksum: field(field_offset::CHECKSUM),
        dll_characteristics: u16_at(&header, field_offset::DLL_CHARACTERISTICS),
    };
    check_headers(&headers, source.size())?;
    Ok((headers, header))
}

fn check_headers(headers: &Headers, size: u64) -> Result<(), PeError> {
    let directories = usize::try_from(headers.directories.min(DIRECTORIES_MAX)).unwrap_or(0);
    let expected = (field_offset::DIRECTORY - field_offset::OPTIONAL)
        .saturating_add(directories.saturating_mul(8));
    if headers.directories > DIRECTORIES_MAX || expected != usize::from(headers.optional_size) {
        return Err(PeError::Header(
            "the number of its data directories does not fit its optional header",
        ));
    }
    let (file, memory) = (headers.file_alignment, headers.section_alignment);
    if !file.is_power_of_two() || !memory.is_power_of_two() || file > memory {
        return Err(PeError::Header(
            "its alignments are not powers of two, or that of the file is the larger",
        ));
    }
    if size > limits::PE_MAX {
        return Err(PeError::Header("it is larger than 1 GiB"));
    }
    if u64::from(headers.headers_size) > size {
        return Err(PeError::Header("its headers end behind its end"));
    }
    Ok(())
}

fn read_sections<S: Source + ?Sized>(
    source: &S,
    headers: &Headers,
    count: u16,
) -> Result<Vec<Section>, PeError> {
    if count > limits::PE_SECTIONS_MAX {
        return Err(PeError::Header("it has more than 96 sections"));
    }
    let mut sections = Vec::new();
    let mut at = headers.table();
    let size = u64::from(count).saturating_mul(long(ENTRY));
    if at.saturating_add(size) > u64::from(headers.headers_size) {
        return Err(PeError::Header("its section table leaves its headers"));
    }
    // Where the bytes of the file and the places in memory before a section end.
    let mut file = u64::from(headers.headers_size);
    let mut memory = file;
    for _ in 0..count {
        let section = Section::parse(&array(source, at)?);
        at = at.saturating_add(long(ENTRY));
        if section.file_size > 0 && u64::from(section.file_offset) != file {
            return Err(section.breaks("its bytes do not follow those before it"));
        }
        if section.file_size > 0 {
            file = section.file_end();
        }
        if u64::from(section.address) < memory {
            return Err(section.breaks("it overlaps what lies before it in memory"));
        }
        memory = u64::from(section.address).saturating_add(section.memory_size.into());
        if file > source.size() {
            return Err(section.breaks("its bytes end behind the file's end"));
        }
        sections.push(section);
    }
    if memory > u64::from(headers.image_size) {
        return Err(PeError::Header("its sections leave the image in memory"));
    }
    Ok(sections)
}

/// Where the certificate table lies; empty, at the end of the file, where there is none.
fn certificate_table(
    headers: &Headers,
    header: &[u8],
    sections_end: u64,
    size: u64,
) -> Result<Range<u64>, PeError> {
    if !headers.names_certificates() {
        return Ok(size..size);
    }
    let start = u64::from(u32_at(header, field_offset::CERTIFICATES));
    let length = u64::from(u32_at(header, field_offset::CERTIFICATES + 4));
    if (start, length) == (0, 0) {
        return Ok(size..size);
    }
    if length > limits::PE_CERTIFICATES_MAX {
        return Err(PeError::Certificates("it is larger than 1 MiB"));
    }
    if !start.is_multiple_of(8) || start < sections_end || length == 0 {
        return Err(PeError::Certificates(
            "it does not begin behind the sections, at a multiple of 8",
        ));
    }
    if start.saturating_add(length) != size {
        return Err(PeError::Certificates("it does not end where the file ends"));
    }
    Ok(start..size)
}
