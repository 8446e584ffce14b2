//! A PE32+ image as bytes: the stub's headers and sections, and further sections behind.

use super::UkiError;
use crate::layout::pe::{Image, Section, field_offset as at};
use crate::limits;

/// A section that is added.
pub(super) struct Added<'a> {
    /// At most eight bytes.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) bytes: &'a [u8],
    /// Whether it is code: the kernel is, which old ones are entered in place.
    pub(super) code: bool,
}

/// What the writer is given.
pub(super) struct Plan<'a> {
    /// Where the headers and the first sections come from.
    pub(super) stub: &'a Image,
    /// Its bytes.
    pub(super) bytes: &'a [u8],
    /// The section `.sbat`, which stands in the place of the stub's where there is room.
    pub(super) sbat: &'a [u8],
    /// What is added, in order.
    pub(super) added: &'a [Added<'a>],
    /// Flags of `DllCharacteristics` to take away.
    pub(super) without: u16,
}

/// A section on its way: its entry in the table, and its bytes.
struct Out<'a> {
    name: [u8; 8],
    memory_size: u32,
    address: u32,
    characteristics: u32,
    bytes: &'a [u8],
}

/// Places in memory are multiples of a page, also where a stub (252) has a smaller alignment.
const PAGE: u32 = 4096;
/// `IMAGE_SCN_CNT_CODE | IMAGE_SCN_MEM_READ`.
const CODE: u32 = 0x4000_0020;
/// `IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ`.
const DATA: u32 = 0x4000_0040;
/// `IMAGE_FILE_LOCAL_SYMS_STRIPPED`: without a symbol table.
const NO_SYMBOLS: u16 = 0x0008;
/// Length of an entry of the section table.
const ENTRY: usize = 40;
const SBAT: &str = ".sbat";

/// The whole image.
pub(super) fn write(plan: &Plan<'_>) -> Result<Vec<u8>, UkiError> {
    let headers = plan.stub.headers();
    let sections = sections(plan)?;
    let align = |size: u64| {
        size.checked_next_multiple_of(headers.file_alignment.into())
            .filter(|size| *size <= limits::PE_MAX)
            .ok_or(UkiError::TooLarge)
    };
    let table = usize::try_from(headers.table()).unwrap_or(usize::MAX);
    let table_size = sections.len().saturating_mul(ENTRY);
    let needed = align(headers.table().saturating_add(long(table_size)))?;
    let headers_size = needed.max(align(headers.headers_size.into())?);
    let room = sections.first().map_or(0, |first| first.address);
    if headers_size > room.into() {
        return Err(UkiError::NoRoom(sections.len()));
    }

    let mut image = plan.bytes.get(..table).unwrap_or_default().to_vec();
    let (mut offset, mut memory, mut data) = (headers_size, 0, 0_u64);
    for section in &sections {
        let size = align(long(section.bytes.len()))?;
        image.extend_from_slice(&section.entry(number(size)?, number(offset)?));
        offset = align(offset.saturating_add(size))?;
        memory = u64::from(section.address).saturating_add(section.memory_size.into());
        if section.characteristics & DATA == DATA {
            data = data.saturating_add(size);
        }
    }
    image.resize(usize::try_from(headers_size).unwrap_or(0), 0);
    let memory = memory
        .checked_next_multiple_of(headers.section_alignment.into())
        .ok_or(UkiError::TooLarge)?;

    let start = usize::try_from(headers.start).unwrap_or(usize::MAX);
    let mut edit = Edit {
        image: &mut image,
        start,
    };
    edit.u16(
        at::SECTIONS,
        u16::try_from(sections.len()).unwrap_or(u16::MAX),
    );
    edit.u32(at::TIMESTAMP, 0);
    edit.u32(at::SYMBOLS, 0);
    edit.u32(at::SYMBOLS + 4, 0);
    edit.set(at::CHARACTERISTICS, NO_SYMBOLS);
    edit.u32(at::INITIALIZED_DATA, number(data)?);
    edit.u32(at::IMAGE_SIZE, number(memory)?);
    edit.u32(at::HEADERS_SIZE, number(headers_size)?);
    edit.clear(at::DLL_CHARACTERISTICS, plan.without);

    for section in &sections {
        image.extend_from_slice(section.bytes);
        let size = align(long(image.len()))?;
        image.resize(usize::try_from(size).unwrap_or(0), 0);
    }
    set_checksum(&mut image, start);
    Ok(image)
}

/// Writes the checksum of an image whose `PE\0\0` stands at `start`.
pub(in crate::image) fn set_checksum(image: &mut [u8], start: usize) {
    let mut edit = Edit { image, start };
    edit.u32(at::CHECKSUM, 0);
    let sum = checksum(edit.image);
    edit.u32(at::CHECKSUM, sum);
}

/// The checksum of an image whose own field is zero: the sum of all 16-bit words with carries added
/// again, and the length (Microsoft, `CheckSumMappedFile`).
pub fn checksum(image: &[u8]) -> u32 {
    let (words, rest) = image.as_chunks::<2>();
    let last = rest.first().map_or(0, |byte| u64::from(*byte));
    // 2^29 words of 16 bits fit into 64 bits without a carry in between.
    let sum = words.iter().fold(last, |sum, word| {
        sum.saturating_add(u16::from_le_bytes(*word).into())
    });
    let fold = |sum: u64| (sum & 0xffff).saturating_add(sum >> 16);
    let sum = fold(fold(fold(fold(sum))));
    u32::try_from(sum.saturating_add(long(image.len()))).unwrap_or(u32::MAX)
}

/// The stub's sections and those that are added, each with its place in memory.
fn sections<'a>(plan: &Plan<'a>) -> Result<Vec<Out<'a>>, UkiError> {
    let headers = plan.stub.headers();
    let alignment = headers.section_alignment.max(PAGE);
    let mut out = Vec::new();
    let mut end = 0_u32;
    let mut placed = false;
    let stub = plan.stub.sections();
    for (section, next) in stub.iter().zip(nexts(stub)) {
        let mut own = Out::of(section, plan.bytes);
        if section.name.as_bytes() == SBAT.as_bytes() {
            let size = number(long(plan.sbat.len()))?;
            let room = next.map_or(u32::MAX, |next| {
                next.address.saturating_sub(section.address)
            });
            // Else it is left out here, and stands behind the others.
            if placed || size > room {
                continue;
            }
            placed = true;
            (own.bytes, own.memory_size) = (plan.sbat, size);
        }
        end = own.address.saturating_add(own.memory_size);
        out.push(own);
    }
    let sbat = Added {
        name: SBAT,
        bytes: plan.sbat,
        code: false,
    };
    let sbat = (!placed).then_some(&sbat);
    for added in plan.added.iter().chain(sbat) {
        let address = end
            .checked_next_multiple_of(alignment)
            .ok_or(UkiError::TooLarge)?;
        let memory_size = number(long(added.bytes.len()))?;
        end = address.checked_add(memory_size).ok_or(UkiError::TooLarge)?;
        let mut name = [0; 8];
        for (to, from) in name.iter_mut().zip(added.name.bytes()) {
            *to = from;
        }
        out.push(Out {
            name,
            memory_size,
            address,
            characteristics: if added.code { CODE } else { DATA },
            bytes: added.bytes,
        });
    }
    Ok(out)
}

/// Of each section the one that follows it.
fn nexts(sections: &[Section]) -> impl Iterator<Item = Option<&Section>> {
    let following = sections.iter().skip(1).map(Some);
    following.chain([None])
}

impl<'a> Out<'a> {
    /// A section of the stub as it is.
    fn of(section: &Section, bytes: &'a [u8]) -> Self {
        let start = usize::try_from(section.file_offset).unwrap_or(usize::MAX);
        let size = usize::try_from(section.file_size).unwrap_or(usize::MAX);
        let own = start
            .checked_add(size)
            .and_then(|end| bytes.get(start..end));
        Self {
            name: section.name.padded(),
            memory_size: section.memory_size,
            address: section.address,
            characteristics: section.characteristics,
            bytes: own.unwrap_or_default(),
        }
    }

    /// Its entry in the section table.
    fn entry(&self, size: u32, offset: u32) -> [u8; ENTRY] {
        let mut entry = [0; ENTRY];
        let offset = if size == 0 { 0 } else { offset };
        let numbers = [self.memory_size, self.address, size, offset];
        let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
        let bytes = self.name.into_iter().chain(numbers).chain([0; 12]);
        let bytes = bytes.chain(self.characteristics.to_le_bytes());
        for (to, from) in entry.iter_mut().zip(bytes) {
            *to = from;
        }
        entry
    }
}

/// Changes fields behind `PE\0\0`.
struct Edit<'a> {
    image: &'a mut [u8],
    start: usize,
}

impl Edit<'_> {
    fn field<const N: usize>(&mut self, offset: usize) -> Option<&mut [u8; N]> {
        let at = self.start.checked_add(offset)?;
        self.image.get_mut(at..)?.first_chunk_mut()
    }

    fn u32(&mut self, offset: usize, value: u32) {
        if let Some(field) = self.field(offset) {
            *field = value.to_le_bytes();
        }
    }

    fn u16(&mut self, offset: usize, value: u16) {
        if let Some(field) = self.field(offset) {
            *field = value.to_le_bytes();
        }
    }

    fn set(&mut self, offset: usize, flags: u16) {
        if let Some(field) = self.field(offset) {
            *field = (u16::from_le_bytes(*field) | flags).to_le_bytes();
        }
    }

    fn clear(&mut self, offset: usize, flags: u16) {
        if let Some(field) = self.field(offset) {
            *field = (u16::from_le_bytes(*field) & !flags).to_le_bytes();
        }
    }
}

fn long(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

fn number(size: u64) -> Result<u32, UkiError> {
    u32::try_from(size).map_err(|_number| UkiError::TooLarge)
}
