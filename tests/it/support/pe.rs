//! Small PE32+ images, made by code: stubs, boot loaders and kernels that run nowhere.

/// `IMAGE_FILE_MACHINE_AMD64` and `IMAGE_FILE_MACHINE_ARM64`.
pub const X64: u16 = 0x8664;
pub const AA64: u16 = 0xaa64;

/// Where `PE\0\0` stands, and where the section table begins.
pub const START: usize = 0x40;
pub const TABLE: usize = START + 24 + 240;
/// `SizeOfHeaders`, `FileAlignment` and `SectionAlignment`.
pub const HEADERS: usize = 0x400;
const FILE: usize = 0x200;
const MEMORY: usize = 0x1000;

/// An image in the making.
pub struct Pe {
    machine: u16,
    flags: u16,
    sections: Vec<(String, Vec<u8>, usize)>,
    trailing: Vec<u8>,
}

impl Pe {
    pub fn new(machine: u16) -> Self {
        Self {
            machine,
            flags: 0x0160,
            sections: Vec::new(),
            trailing: Vec::new(),
        }
    }

    /// With these `DllCharacteristics`; else those of a stub of 257.
    pub fn flags(mut self, flags: u16) -> Self {
        self.flags = flags;
        self
    }

    pub fn section(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.section_at(name, bytes, MEMORY)
    }

    /// A section whose place in memory is the next multiple of `align`.
    pub fn section_at(mut self, name: &str, bytes: impl AsRef<[u8]>, align: usize) -> Self {
        let bytes = bytes.as_ref().to_vec();
        self.sections.push((name.to_owned(), bytes, align));
        self
    }

    /// Bytes that belong to no section.
    pub fn trailing(mut self, bytes: &[u8]) -> Self {
        self.trailing = bytes.to_vec();
        self
    }

    pub fn build(&self) -> Vec<u8> {
        let mut image = vec![0; HEADERS];
        put(&mut image, 0, b"MZ");
        put(&mut image, 60, &word(START));
        put(&mut image, START, b"PE\0\0");
        put(&mut image, START + 4, &self.machine.to_le_bytes());
        put(&mut image, START + 6, &word(self.sections.len())[..2]);
        put(&mut image, START + 8, b"time");
        put(&mut image, START + 20, &240_u16.to_le_bytes());
        put(&mut image, START + 22, &0x0206_u16.to_le_bytes());
        let optional = START + 24;
        put(&mut image, optional, &0x20b_u16.to_le_bytes());
        put(&mut image, optional + 16, &word(MEMORY));
        put(&mut image, optional + 32, &word(MEMORY));
        put(&mut image, optional + 36, &word(FILE));
        put(&mut image, optional + 60, &word(HEADERS));
        put(&mut image, optional + 68, &10_u16.to_le_bytes());
        put(&mut image, optional + 70, &self.flags.to_le_bytes());
        put(&mut image, optional + 108, &16_u32.to_le_bytes());
        let mut memory = MEMORY;
        for (number, (name, bytes, align)) in self.sections.iter().enumerate() {
            memory = memory.next_multiple_of(*align);
            let entry = TABLE + number * 40;
            let size = bytes.len().next_multiple_of(FILE);
            put(&mut image, entry, name.as_bytes());
            let offset = image.len();
            for (at, value) in [(8, bytes.len()), (12, memory), (16, size), (20, offset)] {
                put(&mut image, entry + at, &word(value));
            }
            put(&mut image, entry + 36, &0x4000_0040_u32.to_le_bytes());
            image.extend_from_slice(bytes);
            image.resize(offset + size, 0);
            memory += bytes.len();
        }
        let memory = memory.next_multiple_of(MEMORY);
        put(&mut image, optional + 56, &word(memory));
        image.extend_from_slice(&self.trailing);
        image
    }
}

/// A number of a header.
pub fn word(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_le_bytes()
}

fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A stub that says it is of this version, with room behind its `.sbat`.
pub fn stub(machine: u16, version: &str) -> Pe {
    Pe::new(machine)
        .section(".text", "code of a stub")
        .section(".sbat", sbat())
        .section(".sdmagic", magic("stub", version))
}

/// The line in which systemd's programs say who they are.
pub fn magic(program: &str, version: &str) -> String {
    format!("#### LoaderInfo: systemd-{program} {version} ####\0")
}

pub fn sbat() -> String {
    "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n\
     systemd-stub,1,The systemd Developers,systemd,257,https://systemd.io/\n\0"
        .to_owned()
}

/// systemd-boot of this version.
pub fn loader(machine: u16, version: &str) -> Pe {
    Pe::new(machine)
        .section(".text", "code of a boot loader")
        .section(".sdmagic", magic("boot", version))
        .trailing(b"symbols")
}

/// A kernel of this release, as x86 and as arm64 have it.
pub fn kernel(machine: u16, release: &str) -> Vec<u8> {
    let banner = format!("Linux version {release} (somebody@somewhere)");
    let mut image = Pe::new(machine)
        .section(".text", format!("code {banner}"))
        .section(".data", [7; 700])
        .build();
    if machine == X64 {
        put(&mut image, 0x202, b"HdrS");
        put(&mut image, 0x20e, &0x20_u16.to_le_bytes());
        put(
            &mut image,
            0x220,
            format!("{release} (somebody)\0").as_bytes(),
        );
    }
    image
}
