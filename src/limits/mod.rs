//! Every cap on hostile input, each with its reason.
//!
//! A cap is checked before the bytes are held or parsed. None of them is a format constant: those
//! live with their format.

/// Longest path, in bytes: Linux' `PATH_MAX` less its NUL.
pub const PATH_MAX: usize = 4095;
/// Longest component of a path, in bytes: Linux' `NAME_MAX`.
pub const NAME_MAX: usize = 255;
/// Largest value of one extended attribute: Linux' `XATTR_SIZE_MAX`.
pub const XATTR_VALUE_MAX: usize = 65_536;
/// Most extended attributes of one inode; real systems have up to five.
pub const XATTRS_MAX: usize = 64;
/// Most paths of one image; a desktop has about 250,000.
pub const TREE_ENTRIES_MAX: usize = 4_000_000;
/// Largest manifest: [`TREE_ENTRIES_MAX`] lines of ordinary length.
pub const MANIFEST_MAX: u64 = 1 << 30;
/// Largest statement; its PAE stays below 4096 bytes because KMS signers cap messages there.
pub const STATEMENT_MAX: usize = 4095;
/// Largest envelope: a statement in base64 and [`SIGNATURES_MAX`] signatures.
pub const ENVELOPE_MAX: u64 = 65_535;
/// Most signatures on one envelope.
pub const SIGNATURES_MAX: usize = 64;
/// Deepest nesting of a JSON document that karat reads; its own need six levels.
pub const JSON_DEPTH_MAX: usize = 32;
/// Most keys of one role of a trust root.
pub const ROLE_KEYS_MAX: usize = 64;
/// Longest name of an image, and longest version: two of them and a suffix make one file name.
pub const IMAGE_NAME_MAX: usize = 64;
/// Longest key name or log origin; C2SP leaves it open.
pub const KEY_NAME_MAX: usize = 255;
/// Longest reason for the end of a key: a sentence.
pub const REASON_MAX: usize = 256;
/// Most signatures of a signed note; C2SP demands 16.
pub const NOTE_SIGNATURES_MAX: usize = 64;
/// Largest signed note: [`NOTE_SIGNATURES_MAX`] signatures, which grow to 5 kB after quantum computers.
pub const NOTE_MAX: usize = 512 << 10;
/// Most hashes of a proof in a tree of less than 2^63 leaves.
pub const PROOF_HASHES_MAX: usize = 64;
/// Largest Receipt: a signed note, a proof, and extra bytes of whoever wrote it.
pub const RECEIPT_MAX: u64 = 1 << 20;
/// Largest tlog-policy: some 200 bytes for each of its items.
pub const TLOG_POLICY_MAX: u64 = 256 << 10;
/// Most logs, witnesses, and groups of a tlog-policy; C2SP asks for 32 of each at least.
pub const TLOG_POLICY_ITEMS_MAX: usize = 256;
/// Largest payload of a document of peers: with [`SIGNATURES_MAX`] signatures it fits an envelope.
pub const PEERS_MAX: u64 = 40 << 10;
/// Most segments of a document of peers: those that one image talks to.
pub const PEERS_SETS_MAX: usize = 64;
/// Most networks of a document of peers, all segments together; nft(8) is told them in words of less
/// than the 128 KiB that Linux lets a word have.
pub const PEERS_NETWORKS_MAX: usize = 1024;
/// Largest file that remembers a document of peers: one line.
pub const PEERS_SEEN_MAX: u64 = 256;
/// Most hashes of a proof that a witness takes (C2SP tlog-witness).
pub const WITNESS_PROOF_MAX: usize = 63;
/// Largest request to a witness: a signed note, and a proof.
pub const WITNESS_REQUEST_MAX: usize = NOTE_MAX + (4 << 10);
/// Largest answer of a witness: some cosignatures.
pub const WITNESS_ANSWER_MAX: u64 = 64 << 10;
/// Largest file of what a monitor remembers: some 70 bytes for each of 200,000 images and keys.
pub const MONITOR_MAX: u64 = 16 << 20;
/// Largest evidence of a fork: two signed notes and a proof.
pub const FORK_MAX: u64 = (1 << 20) + (8 << 10);
/// Largest entry of a log: a bundle holds its length in two bytes (C2SP tlog-tiles).
pub const LOG_ENTRY_MAX: usize = 65_535;
/// Most bytes of the entries that are added at once: 100,000 envelopes, held in memory and in one file.
pub const LOG_APPEND_MAX: usize = 256 << 20;
/// Largest payload of a notice; its PAE stays below 4096 bytes because KMS signers cap messages there.
pub const NOTICE_MAX: u64 = 2048;
/// Most findings of one code that an audit lists; the rest is counted.
pub const AUDIT_FINDINGS_MAX: u64 = 10_000;
/// Largest file of acknowledged findings: some 200 bytes for each of 5,000.
pub const ACKNOWLEDGEMENTS_MAX: u64 = 1 << 20;
/// Most files that an audit looks at outside of the log: a release takes some ten.
pub const AUDIT_FILES_MAX: usize = 1_000_000;
/// Most pairs of baselines that an audit compares: each takes seconds.
pub const AUDIT_CHANGES_MAX: usize = 256;
/// Most packages that an audit lists of one change.
pub const AUDIT_PACKAGES_MAX: usize = 200;
/// Largest file of controls: some 600 bytes for each of [`CONTROLS_MAX`].
pub const CONTROLS_FILE_MAX: u64 = 2 << 20;
/// Most controls of a responsibility matrix; NIST SP 800-53 has 1,189 with all enhancements.
pub const CONTROLS_MAX: usize = 2000;
/// Most images of one responsibility report: each is weighed against each control.
pub const RESPONSIBILITY_IMAGES_MAX: usize = 500;
/// Most reports of verifications that one responsibility report takes.
pub const RESPONSIBILITY_VERDICTS_MAX: usize = 10_000;
/// Largest trust root file.
pub const TRUST_ROOT_MAX: u64 = 1 << 20;
/// Largest policy of an image; real ones have 70 bytes.
pub const POLICY_MAX: u64 = 65_535;
/// Largest plan of an initrd: some 60 bytes for each of its modules.
pub const BOOT_PLAN_MAX: u64 = 65_535;
/// Most kernel modules of an initrd; those of all clouds together are some 60.
pub const BOOT_MODULES_MAX: usize = 512;
/// Longest command line: what Linux takes on x86, `COMMAND_LINE_SIZE` less its NUL.
pub const BOOT_CMDLINE_MAX: usize = 2047;
/// Most places where a running system may write.
pub const BOOT_PLACES_MAX: usize = 64;
/// Longest address of updates: what web servers and proxies take for sure.
pub const UPDATES_ADDRESS_MAX: usize = 1024;
/// Largest report of an initrd: some 300 bytes for each of its findings.
pub const BOOT_REPORT_MAX: u64 = 256 << 10;
/// Largest file of what an instance remembers.
pub const STATE_MAX: u64 = 65_535;
/// Most images that an instance remembers: it is one of them at a time.
pub const STATE_IMAGES_MAX: usize = 256;
/// Largest report of a verification that is read again: one drift takes some 300 bytes.
pub const REPORT_MAX: u64 = 256 << 20;
/// Most drifts of one severity that a report lists; the rest is counted. Upgrades of whole systems stay
/// below it, code scanning takes no more results of one run, and all reports stay below
/// [`REPORT_MAX`].
pub const DRIFTS_MAX: u64 = 25_000;
/// Most envelopes in the directory where an instance looks for its own.
pub const ENVELOPES_MAX: usize = 64;
/// Most trust roots beside an envelope: one for each change of keys since the image was built.
pub const NEWER_ROOTS_MAX: usize = 256;
/// Largest expectations file.
pub const EXPECTATIONS_MAX: u64 = 16 << 20;
/// Largest file of the kernel with one value: a command line has at most a few KiB.
pub const FACT_VALUE_MAX: u64 = 64 << 10;
/// Largest table of the kernel: some 150 bytes for each of 400,000 sockets.
pub const FACT_TABLE_MAX: u64 = 64 << 20;
/// Largest environment of the first process; the kernel allows a quarter of its stack, 2 MiB.
pub const FACT_ENVIRON_MAX: u64 = 2 << 20;
/// Most names in one directory that a fact looks at, and most units; a desktop has about 1,000.
pub const FACT_NAMES_MAX: usize = 100_000;
/// Largest program, loader or library that is run to observe a fact; glibc has 2 MB.
pub const PROGRAM_FILE_MAX: u64 = 64 << 20;
/// Most libraries of such a program; `nft` has eleven.
pub const PROGRAM_LIBRARIES_MAX: usize = 64;
/// Largest ruleset of the packet filter, as JSON.
pub const RULESET_MAX: u64 = 16 << 20;
/// Largest `/etc/passwd` or `/etc/shadow`: 100,000 accounts of 160 bytes.
pub const ACCOUNTS_FILE_MAX: u64 = 16 << 20;
/// Largest key file, private or public.
pub const KEY_FILE_MAX: u64 = 16 << 10;
/// Longest answer of an ssh-agent: what OpenSSH's own clients take.
pub const SSH_AGENT_MAX: usize = 256 << 10;
/// Longest URI of a key on a token.
pub const TOKEN_URI_MAX: usize = 4096;
/// Largest file of a workspace that says where its keys are.
pub const SIGNERS_MAX: u64 = 64 << 10;
/// Longest passphrase, with its line end.
pub const PASSPHRASE_MAX: u64 = 4096;
/// Largest template file.
pub const TEMPLATE_MAX: u64 = 1 << 20;
/// Longest chain of `extends`.
pub const TEMPLATE_DEPTH_MAX: usize = 16;
/// Most items of one list of a template.
pub const TEMPLATE_ITEMS_MAX: usize = 10_000;
/// Most templates of one fleet.
pub const FLEET_MAX: usize = 10_000;
/// Most bytes that all files of a template have together: they are held in memory.
pub const TEMPLATE_FILES_MAX: u64 = 1 << 30;
/// Largest file of hardening rules: some 700 bytes for each of 1,000.
pub const RULES_FILE_MAX: u64 = 1 << 20;
/// Most rules of one image.
pub const RULES_MAX: usize = 2_000;
/// Most settings of one rule.
pub const RULE_SETTINGS_MAX: usize = 64;
/// Largest file of the rules' results: some 1,000 bytes for each of [`RULES_MAX`], and long reasons.
pub const RULE_RESULTS_MAX: u64 = 16 << 20;
/// Most reasons that one rule gives; the rest is counted.
pub const RULE_REASONS_MAX: usize = 100;
/// Most directives that are named as what would lower the exposure of a service.
pub const ADVICE_MAX: usize = 10;
/// Largest file of an image that karat edits or interprets: account databases, units.
pub const OVERLAY_EDIT_MAX: u64 = 16 << 20;
/// Largest file that a template adds to an image.
pub const TEMPLATE_FILE_MAX: u64 = 256 << 20;
/// Largest lock file: some 300 bytes for each of [`LOCKED_PACKAGES_MAX`] packages.
pub const LOCKFILE_MAX: u64 = 16 << 20;
/// Most packages of one image.
pub const LOCKED_PACKAGES_MAX: usize = 20_000;
/// Largest list of further outputs: some 150 bytes for each of [`FURTHER_FILES_MAX`].
pub const FURTHER_MAX: u64 = 1 << 20;
/// Most further outputs of one build: an SBOM, and each kind of disk that there is.
pub const FURTHER_FILES_MAX: usize = 256;
/// Largest further output that is hashed whenever an image is verified: an SBOM has some 700 bytes for
/// each of [`LOCKED_PACKAGES_MAX`] packages. Of larger ones the size is compared.
pub const FURTHER_HASHED_MAX: u64 = 64 << 20;
/// Largest `InRelease`; Debian's are below 300 KiB.
pub const RELEASE_MAX: u64 = 8 << 20;
/// How far ahead of this machine's clock an archive's may be, in seconds.
pub const CLOCK_SKEW: u64 = 3600;
/// Largest file of apt's sources on the machine; real ones have a few lines.
pub const APT_SOURCES_MAX: u64 = 1 << 20;
/// Most memory that decompressing an index may take: xz -9 needs 65 MiB.
pub const XZ_MEMORY_MAX: u64 = 256 << 20;
/// Largest keyring; Debian's are below 100 KiB.
pub const KEYRING_MAX: u64 = 4 << 20;
/// Largest `Packages` file after decompression; Debian main has 55 MB.
pub const PACKAGES_INDEX_MAX: u64 = 512 << 20;
/// Largest stanza of a control file; the longest in Debian main has about 60 KiB.
pub const STANZA_MAX: usize = 1 << 20;
/// Most stanzas of all `Packages` files of one request; Debian main has about 65,000.
pub const INDEX_RECORDS_MAX: usize = 1_000_000;
/// Largest `.deb` file; the largest in Debian has about 1.5 GB.
pub const DEB_MAX: u64 = 4 << 30;
/// Largest `control.tar` after decompression.
pub const DEB_CONTROL_MAX: u64 = 64 << 20;
/// Largest `data.tar` after decompression: a bomb ends here.
pub const DEB_DATA_MAX: u64 = 16 << 30;
/// Most entries of one `data.tar`.
pub const DEB_ENTRIES_MAX: usize = 1_000_000;
/// Largest PAX or GNU long-name header of a tar entry.
pub const TAR_EXTENSION_MAX: u64 = 1 << 20;
/// Largest JSON document of an OCI layout.
pub const OCI_JSON_MAX: u64 = 4 << 20;
/// Most layers of an OCI image; container engines stop at 127.
pub const OCI_LAYERS_MAX: usize = 128;
/// Largest tar of an image, or of one layer, after decompression: a bomb ends here.
pub const IMAGE_TAR_MAX: u64 = 256 << 30;
/// Most bytes of an image's own manifest, expectations and package database that a comparison
/// holds; those of a desktop with 250,000 paths have some 100 MB.
pub const DIFF_DATABASE_MAX: u64 = 256 << 20;
/// Largest text file whose lines a comparison looks at; files of configuration are far smaller.
pub const DIFF_TEXT_MAX: u64 = 256 << 10;
/// Most bytes of text files that a comparison holds of each side.
pub const DIFF_TEXTS_MAX: u64 = 64 << 20;
/// Most lines of two versions of a file between what both begin and end with: comparing takes more
/// than linear time.
pub const DIFF_LINES_MAX: usize = 20_000;
/// Most such lines of all files of one comparison: some seconds' work at worst.
pub const DIFF_ALL_LINES_MAX: usize = 1_000_000;
/// Most bytes of all differences of lines that one comparison gives.
pub const DIFF_OUTPUT_MAX: usize = 4 << 20;
/// Most blocks of a file system under dm-verity, of 4096 bytes: 16 TiB.
pub const VERITY_BLOCKS_MAX: u64 = 1 << 32;
/// Most clusters of an EFI system partition: 1 GiB of 512 bytes, 8 GiB of 4 KiB.
pub const FAT_CLUSTERS_MAX: usize = 1 << 21;
/// Most files and directories of an EFI system partition; real ones have some ten.
pub const FAT_ENTRIES_MAX: usize = 4096;
/// Deepest directory of an EFI system partition; boot loaders are two below the root.
pub const FAT_DEPTH_MAX: usize = 8;
/// Most bytes of all its directories: [`FAT_ENTRIES_MAX`] of one cluster of 4 KiB, and room for long names.
pub const FAT_DIRECTORIES_MAX: usize = 32 << 20;
/// Most bytes of one directory that single files are looked for in: the 65,536 entries of the specification.
pub const FAT_DIRECTORY_MAX: u64 = 2 << 20;
/// Largest table of mounts: some 200 bytes for each of 100,000, the kernel's own limit.
pub const MOUNTINFO_MAX: u64 = 32 << 20;
/// Largest file of a directory tree that is read to be compared: a sparse one costs nothing to make.
pub const DIFF_FILE_MAX: u64 = 64 << 30;
/// Largest status file of dpkg that is read to name versions; those of desktops have some 10 MB.
pub const DPKG_STATUS_MAX: u64 = 64 << 20;
/// The same on an instance: whoever changes files shall not make its verifier take much memory.
pub const STATUS_MAX: u64 = 16 << 20;
/// Largest PE image: a unified kernel image with an initrd of all modules and firmware has 200 MB.
pub const PE_MAX: u64 = 1 << 30;
/// Most sections of a PE image: what Windows loads.
pub const PE_SECTIONS_MAX: u16 = 96;
/// Largest certificate table of a PE image: a signature with its certificates has some 2 to 10 kB.
pub const PE_CERTIFICATES_MAX: u64 = 1 << 20;
/// Largest file of predicted measurements: some ten sections and registers.
pub const MEASURE_MAX: u64 = 1 << 20;
/// Largest kernel module, compressed or plain; the largest of Debian's, amdgpu, has some 30 MB.
pub const MODULE_MAX: u64 = 128 << 20;
/// Most bytes that the modules of one initrd have: those of a generic kernel have some 8 MB.
pub const INITRD_MODULES_MAX: u64 = 256 << 20;
/// Most bytes of an initrd once it is unpacked: the agent, and modules up to [`INITRD_MODULES_MAX`].
pub const INITRD_MAX: u64 = 320 << 20;
/// Most files and directories of an initrd: real ones have a hundred.
pub const INITRD_ENTRIES_MAX: usize = 16_384;
/// Largest list of a kernel's modules, or configuration; `modules.alias` has some 1.5 MB.
pub const MODULES_LIST_MAX: u64 = 16 << 20;
/// Most modules that wait for each other in a row; real rows have up to ten.
pub const MODULE_DEPTH_MAX: usize = 64;
/// Largest disk: tables of its container are held in memory, some 8 bytes for each 64 KiB.
pub const DISK_MAX: u64 = 4 << 40;
/// Most entries of the first of a container's tables of clusters: 64 MiB of them.
pub const DISK_TABLE_MAX: u64 = 8 << 20;
/// Most clusters of a container's file: [`DISK_MAX`] in clusters of 16 KiB.
pub const DISK_CLUSTERS_MAX: u64 = 256 << 20;
