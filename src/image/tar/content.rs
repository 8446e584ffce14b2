//! The bytes of files on their way into an archive: checked, and read ahead of the writer.

use std::io::{self, ErrorKind, Read as _};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, Scope};

use super::TarError;
use crate::digest::Hasher;
use crate::path::ImagePath;
use crate::tree::{Blobs, Content};

/// Large enough that system calls do not matter, small enough for the processor's cache.
pub(super) const BUFFER: usize = 128 << 10;

/// How many buffers are read ahead: 4 MiB of files.
const AHEAD: usize = 32;

/// Takes bytes, in order.
pub(super) type Take<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), TarError>;

/// Gives all bytes of `content`, through `buffer`.
///
/// # Errors
/// They cannot be read, or are not those that the digest names; then some were given already.
pub(super) fn copy(
    path: &ImagePath,
    content: &Content,
    blobs: &dyn Blobs,
    buffer: &mut [u8],
    take: Take<'_>,
) -> Result<(), TarError> {
    let unreadable = |source| TarError::ContentRead {
        path: path.clone(),
        source,
    };
    let mut reader = blobs
        .open(content)
        .map_err(unreadable)?
        .take(content.size.saturating_add(1));
    let mut hasher = Hasher::new();
    loop {
        let count = match reader.read(buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        hasher.update(bytes);
        if hasher.length() > content.size {
            break;
        }
        take(bytes)?;
    }
    if hasher.length() != content.size || hasher.finish() != content.digest {
        return Err(TarError::Content(path.clone()));
    }
    Ok(())
}

/// Files read and checked by a thread of its own, while the archive's own digest is made and its
/// bytes are written or compressed: two hashes of the same bytes cost the time of one.
pub(super) struct ReadAhead {
    pieces: Receiver<Piece>,
    spare: Sender<Vec<u8>>,
}

enum Piece {
    /// So many bytes at the start of the buffer are the file's next ones.
    Bytes(Vec<u8>, usize),
    /// The file is whole, and was what its digest says.
    End,
    Failed(TarError),
}

impl ReadAhead {
    /// Reads these files, in this order.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        files: Vec<(&'scope ImagePath, Content)>,
        blobs: &'scope dyn Blobs,
    ) -> io::Result<Self> {
        let (sender, pieces) = sync_channel(AHEAD);
        let (spare, emptied) = channel();
        Builder::new()
            .name("read ahead".to_owned())
            .spawn_scoped(scope, move || read(&files, blobs, &sender, &emptied))?;
        Ok(Self { pieces, spare })
    }

    /// Gives all bytes of the next file.
    ///
    /// # Errors
    /// As [`copy`].
    pub(super) fn next(&self, take: Take<'_>) -> Result<(), TarError> {
        loop {
            match self.pieces.recv() {
                Ok(Piece::Bytes(buffer, count)) => {
                    take(buffer.get(..count).unwrap_or_default())?;
                    // The reader may have come to its end already.
                    drop(self.spare.send(buffer));
                }
                Ok(Piece::End) => return Ok(()),
                Ok(Piece::Failed(error)) => return Err(error),
                Err(_) => return Err(io::Error::other("the reading thread is gone").into()),
            }
        }
    }
}

/// Ends early where nobody takes the pieces any more.
fn read(
    files: &[(&ImagePath, Content)],
    blobs: &dyn Blobs,
    sender: &SyncSender<Piece>,
    emptied: &Receiver<Vec<u8>>,
) {
    let mut buffer = vec![0; BUFFER];
    for (path, content) in files {
        let mut given = true;
        let copied = copy(path, content, blobs, &mut buffer, &mut |bytes| {
            let mut piece = emptied.try_recv().unwrap_or_else(|_| vec![0; BUFFER]);
            if let Some(start) = piece.get_mut(..bytes.len()) {
                start.copy_from_slice(bytes);
            }
            given &= sender.send(Piece::Bytes(piece, bytes.len())).is_ok();
            Ok(())
        });
        let last = copied.map_or_else(Piece::Failed, |()| Piece::End);
        let failed = matches!(last, Piece::Failed(_));
        if sender.send(last).is_err() || failed || !given {
            return;
        }
    }
}
