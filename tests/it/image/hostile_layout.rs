//! OCI layouts that mean harm.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::num::NonZero;

use karat::digest::Digest;
use karat::image::oci::{self, Description, Difference, Document, Files, Image, Layer, OciError};
use karat::image::tar::{self, TarError};
use karat::limits;
use karat::tree::{Blobs, Open, Sealed, Tree};
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};

use super::fixture::{Fixture, assert_same, epoch, origin, path};
use super::hostile_tar::{archive, entry, link};

/// A layout in memory.
#[derive(Clone, Default)]
struct Memory(BTreeMap<String, Vec<u8>>);

impl Files for Memory {
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + Send + '_>> {
        match self.0.get(path) {
            Some(bytes) => Ok(Box::new(Cursor::new(bytes))),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Memory {
    fn put(&mut self, document: Document) {
        self.0.insert(document.path, document.bytes);
    }

    fn blob(&mut self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.0.insert(oci::blob_path(&digest), bytes.to_vec());
        digest
    }

    fn change(&mut self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut value = serde_json::from_slice(&self.0[path]).unwrap();
        change(&mut value);
        self.0
            .insert(path.to_owned(), serde_json::to_vec(&value).unwrap());
    }

    /// Changes the manifest, and the index to fit.
    fn change_manifest(&mut self, change: impl FnOnce(&mut Value)) {
        let mut bytes = Vec::new();
        let index: Value = serde_json::from_slice(&self.0["index.json"]).unwrap();
        let digest = index["manifests"][0]["digest"].as_str().unwrap();
        let path = format!("blobs/{}", digest.replace(':', "/"));
        self.change(&path, change);
        bytes.extend_from_slice(&self.0[&path]);
        let digest = self.blob(&bytes);
        self.change("index.json", |index| {
            index["manifests"][0]["digest"] = json!(format!("sha256:{digest}"));
            index["manifests"][0]["size"] = json!(bytes.len());
        });
    }

    fn read(&self) -> Result<Tree<Open>, OciError> {
        let image = Image::open(self, None)?;
        let mut keep = tar::keep_nothing;
        Ok(image.read(self, epoch(), &origin(), &mut keep)?.0)
    }
}

fn description() -> Description {
    Description {
        name: "web".to_owned(),
        version: "1".to_owned(),
        description: String::new(),
        architecture: "amd64".to_owned(),
        epoch: epoch(),
        command: Vec::new(),
    }
}

/// A layout of these (uncompressed) layers, compressed by our own encoder.
fn layout(layers: &[Vec<u8>]) -> Memory {
    use karat::image::compress::{Compression, Encoder};
    use std::io::Write;
    let mut memory = Memory::default();
    let mut described = Vec::new();
    for archive in layers {
        let one = NonZero::<usize>::MIN;
        let mut encoder = Encoder::new(Compression::Gzip, one, Vec::new()).unwrap();
        encoder.write_all(archive).unwrap();
        let bytes = encoder.finish().unwrap();
        described.push(Layer {
            digest: memory.blob(&bytes),
            size: bytes.len() as u64,
            diff_id: Digest::of(archive),
            created_by: "test".to_owned(),
        });
    }
    for document in oci::layout(&description(), &described).documents {
        memory.put(document);
    }
    memory
}

fn names(memory: &Memory) -> Vec<String> {
    let tree = memory.read().unwrap();
    tree.iter().map(|entry| entry.path.to_string()).collect()
}

/// Writes `tree` as a difference to `base`, reads both layers, and compares.
pub fn two_layers_give_the_tree(
    base: &Tree<Sealed>,
    base_blobs: &dyn Blobs,
    tree: &Tree<Sealed>,
    blobs: &dyn Blobs,
) -> Result<(), TestCaseError> {
    let one = NonZero::<usize>::MIN;
    let difference = Difference::between(base, tree);
    let lower = oci::layer(base, base_blobs, one, "base", Vec::new());
    let upper = oci::difference_layer(&difference, blobs, one, "upper", Vec::new());
    let ((lower_bytes, lower), (upper_bytes, upper)) = match (lower, upper) {
        (Ok(lower), Ok(upper)) => (lower, upper),
        // Names that a layer cannot hold or remove.
        (Err(error), _) | (_, Err(error)) => {
            let known = matches!(error, OciError::Whiteout(_) | OciError::WhiteoutLength(_));
            return known
                .then_some(())
                .ok_or_else(|| TestCaseError::fail(error.to_string()));
        }
    };
    let mut memory = Memory::default();
    memory.blob(&lower_bytes);
    memory.blob(&upper_bytes);
    for document in oci::layout(&description(), &[lower, upper]).documents {
        memory.put(document);
    }
    assert_same(tree, &memory.read().unwrap().seal().unwrap());
    Ok(())
}

fn small() -> Memory {
    layout(&[archive(&[
        &entry(b"d", b'5', b""),
        &entry(b"d/f", b'0', b"x"),
    ])])
}

#[test]
fn a_plain_layout_is_read() {
    assert_eq!(names(&small()), ["/", "/d", "/d/f"]);
}

#[test]
fn whiteouts_remove_what_is_below_and_nothing_else() {
    let lower = archive(&[
        &entry(b"d", b'5', b""),
        &entry(b"d/a", b'0', b""),
        &entry(b"d/b", b'5', b""),
        &entry(b"d/b/c", b'0', b""),
        &entry(b"d-e", b'0', b""),
    ]);
    let upper = |parts: &[&[u8]]| names(&layout(&[lower.clone(), archive(parts)]));
    let gone = upper(&[&entry(b"d/.wh.b", b'0', b"")]);
    assert_eq!(gone, ["/", "/d", "/d-e", "/d/a"]);
    // Opaque directories forget lower layers only, wherever the mark stands.
    let opaque = entry(b"d/.wh..wh..opq", b'0', b"");
    let file = entry(b"d/b/new", b'0', b"");
    for parts in [[opaque.as_slice(), &file], [&file, &opaque]] {
        assert_eq!(upper(&parts), ["/", "/d", "/d-e", "/d/b", "/d/b/new"]);
    }
    assert_eq!(upper(&[&entry(b".wh..wh..opq", b'0', b"")]), ["/"]);
    // A mark for something of the same layer applies to what was below.
    let again = upper(&[&entry(b"d/a", b'0', b"new"), &entry(b"d/.wh.a", b'0', b"")]);
    assert!(again.contains(&"/d/a".to_owned()));
    assert_eq!(upper(&[&entry(b"d/.wh.none", b'0', b"")]).len(), 6);
}

#[test]
fn whiteout_of_the_root_or_of_no_name() {
    for name in [
        b".wh.".as_slice(),
        b".wh..",
        b".wh...",
        b".wh..wh.plnk",
        b"d/.wh..wh..opq/x",
        b".wh.d/x",
    ] {
        let error = layout(&[archive(&[&entry(name, b'0', b"")])])
            .read()
            .unwrap_err();
        let whiteout = matches!(
            error,
            OciError::Layer {
                number: 1,
                source: TarError::Whiteout(_)
            }
        );
        assert!(whiteout, "{error}");
    }
    let full = layout(&[archive(&[&entry(b".wh.x", b'0', b"data")])]).read();
    assert!(matches!(full, Err(OciError::Layer { .. })));
    let directory = layout(&[archive(&[&entry(b".wh.x", b'5', b"")])]).read();
    assert!(matches!(directory, Err(OciError::Layer { .. })));
}

#[test]
fn layer_climbs_out_or_goes_through_a_link() {
    let error = layout(&[archive(&[&entry(b"../f", b'0', b"")])])
        .read()
        .unwrap_err();
    assert!(matches!(
        error,
        OciError::Layer {
            source: TarError::Name { .. },
            ..
        }
    ));
    let error = layout(&[
        archive(&[&link(b"d", b'2', b"/etc")]),
        archive(&[&entry(b"d/passwd", b'0', b"")]),
    ]);
    let error = error.read().unwrap_err();
    assert!(matches!(
        error,
        OciError::Layer {
            number: 2,
            source: TarError::Tree(_)
        }
    ));
}

#[test]
fn name_twice_in_one_layer() {
    let file = entry(b"f", b'0', b"x");
    let once_each = layout(&[archive(&[&file]), archive(&[&file])]);
    assert_eq!(names(&once_each), ["/", "/f"]);
    let error = layout(&[archive(&[&file, &file])]).read().unwrap_err();
    assert!(matches!(
        error,
        OciError::Layer {
            source: TarError::Duplicate(_),
            ..
        }
    ));
}

#[test]
fn blob_with_other_bytes_size_or_none() {
    let whole = small();
    for path in whole.0.keys().filter(|path| path.starts_with("blobs/")) {
        let mut changed = whole.clone();
        *changed.0.get_mut(path).unwrap().last_mut().unwrap() ^= 1;
        let error = changed.read().unwrap_err();
        assert!(
            matches!(&error, OciError::Blob(at) if at == path),
            "{error}"
        );
        let mut longer = whole.clone();
        longer.0.get_mut(path).unwrap().push(b' ');
        let error = longer.read().unwrap_err();
        assert!(
            matches!(&error, OciError::Blob(at) if at == path),
            "{error}"
        );
        let mut gone = whole.clone();
        gone.0.remove(path);
        let error = gone.read().unwrap_err();
        assert!(
            matches!(&error, OciError::Read { path: at, .. } if at == path),
            "{error}"
        );
    }
}

#[test]
fn diff_id_of_other_bytes() {
    let mut memory = small();
    let image = Image::open(&memory, None).unwrap();
    let config = oci::blob_path(&image.manifest.config.digest);
    memory.change(&config, |config| {
        config["rootfs"]["diff_ids"][0] = json!(format!("sha256:{}", Digest::of(b"other")));
    });
    let bytes = memory.0[&config].clone();
    let digest = memory.blob(&bytes);
    memory.change_manifest(|manifest| {
        manifest["config"]["digest"] = json!(format!("sha256:{digest}"));
        manifest["config"]["size"] = json!(bytes.len());
    });
    assert!(matches!(memory.read(), Err(OciError::DiffId(1))));
}

#[test]
fn digest_that_is_a_path() {
    for digest in ["sha256:../../../etc/passwd", "sha512:00", "sha256:ABC", ""] {
        let mut memory = small();
        memory.change("index.json", |index| {
            index["manifests"][0]["digest"] = json!(digest);
        });
        assert!(
            matches!(memory.read(), Err(OciError::Json { .. })),
            "{digest}"
        );
    }
}

#[test]
fn json_that_is_huge_or_none() {
    for path in ["index.json", "oci-layout"] {
        let mut memory = small();
        let huge = vec![b' '; usize::try_from(limits::OCI_JSON_MAX).unwrap() + 1];
        memory.0.insert(path.to_owned(), huge);
        assert!(
            matches!(memory.read(), Err(OciError::TooLarge { .. })),
            "{path}"
        );
        memory.0.insert(path.to_owned(), vec![b'['; 100_000]);
        assert!(
            matches!(memory.read(), Err(OciError::Json { .. })),
            "{path}"
        );
    }
    let mut memory = small();
    memory.change("index.json", |index| {
        index["manifests"][0]["size"] = json!(1_u64 << 40);
    });
    assert!(matches!(memory.read(), Err(OciError::TooLarge { .. })));
}

#[test]
fn other_version_or_media_type() {
    let mut memory = small();
    memory.change("oci-layout", |layout| {
        layout["imageLayoutVersion"] = json!("2.0.0");
    });
    assert!(matches!(memory.read(), Err(OciError::Version(_))));
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let mut memory = small();
    memory.change("index.json", |index| {
        index["manifests"][0]["mediaType"] = json!(docker);
    });
    assert!(matches!(memory.read(), Err(OciError::MediaType { .. })));
    for (place, media_type) in [
        (
            "layers",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        ),
        ("layers", "application/vnd.oci.image.layer.v1.tar+encrypted"),
        ("config", docker),
    ] {
        let mut memory = small();
        memory.change_manifest(|manifest| match place {
            "layers" => manifest["layers"][0]["mediaType"] = json!(media_type),
            _ => manifest["config"]["mediaType"] = json!(media_type),
        });
        assert!(
            matches!(memory.read(), Err(OciError::MediaType { .. })),
            "{media_type}"
        );
    }
}

#[test]
fn layers_that_the_configuration_does_not_know() {
    let mut memory = small();
    memory.change_manifest(|manifest| {
        let layer = manifest["layers"][0].clone();
        manifest["layers"].as_array_mut().unwrap().push(layer);
    });
    let error = memory.read().unwrap_err();
    assert!(
        matches!(
            error,
            OciError::LayerCount {
                manifest: 2,
                config: 1
            }
        ),
        "{error}"
    );
}

#[test]
fn which_image_is_meant() {
    let mut memory = small();
    memory.change("index.json", |index| {
        let manifest = index["manifests"][0].clone();
        index["manifests"].as_array_mut().unwrap().push(manifest);
    });
    assert!(matches!(memory.read(), Err(OciError::Ambiguous(2))));
    assert!(matches!(
        Image::open(&memory, Some("1")),
        Err(OciError::Ambiguous(2))
    ));
    assert!(matches!(
        Image::open(&small(), Some("2")),
        Err(OciError::NotFound(_))
    ));
    assert!(Image::open(&small(), Some("1")).is_ok());
}

#[test]
fn layer_that_is_a_bomb_in_a_small_blob() {
    // A size that lies: the reader stops at what the descriptor says.
    let mut memory = small();
    memory.change_manifest(|manifest| manifest["layers"][0]["size"] = json!(10));
    assert!(matches!(memory.read(), Err(OciError::Blob(_))));
}

#[test]
fn an_envelope_for_another_image_is_not_attached() {
    let memory = small();
    let other = Digest::of(b"other");
    let error = oci::attach(&memory, &other, "text/plain", b"x").unwrap_err();
    assert!(matches!(error, OciError::NotFound(_)));
    assert!(
        oci::attachments(&memory, &other, "text/plain")
            .unwrap()
            .is_empty()
    );
}

#[test]
fn names_that_a_layer_takes_for_whiteouts_are_not_written() {
    let mut fixture = Fixture::new(true);
    fixture.file("/.wh.f", "x");
    let (tree, blobs) = fixture.seal();
    let one = NonZero::<usize>::MIN;
    let error = oci::layer(&tree, &blobs, one, "base", Vec::new()).unwrap_err();
    assert!(matches!(error, OciError::Whiteout(at) if at == path("/.wh.f")));
    let mut fixture = Fixture::new(true);
    fixture.file(format!("/{}", "n".repeat(252)), "x");
    let (base, _) = fixture.seal();
    let (empty, blobs) = Fixture::new(true).seal();
    let difference = Difference::between(&base, &empty);
    let error = oci::difference_layer(&difference, &blobs, one, "upper", Vec::new());
    assert!(matches!(error, Err(OciError::WhiteoutLength(_))));
}
