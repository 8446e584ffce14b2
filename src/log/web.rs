//! A log on a web server: plain files below one address, as C2SP tlog-tiles lays them out.

use std::io;

use super::{Names, Source};
use crate::archive::{FetchError, Location, Network};
use crate::sys::fs::IoError;
use crate::tlog::Tile;

/// The files below an address.
#[derive(Debug)]
pub struct Web {
    network: Network,
    base: Location,
}

impl Web {
    /// The log at `base`.
    pub fn new(network: Network, base: Location) -> Self {
        Self { network, base }
    }
}

impl Source for Web {
    fn read(&self, path: &str, cap: u64) -> Result<Option<Vec<u8>>, IoError> {
        let place = self.base.join(path);
        let error = match self.network.get(&place, cap) {
            Ok(bytes) => return Ok(Some(bytes)),
            Err(FetchError::NotFound(_)) => return Ok(None),
            // Object stores that do not let everybody list answer so where nothing is there; and a
            // beginning of a tile may be gone at any time.
            Err(FetchError::Status { status: 403, .. })
                if Tile::parse(path).is_some_and(|tile| !tile.is_full()) =>
            {
                return Ok(None);
            }
            Err(FetchError::TooLarge { .. }) => io::Error::from(io::ErrorKind::FileTooLarge),
            Err(error) => io::Error::other(error.to_string()),
        };
        Err(IoError::new("read", place.to_string(), error))
    }

    fn list(&self, _path: &str) -> Result<Names, IoError> {
        Ok(Names::Untold)
    }
}
