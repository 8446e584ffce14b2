//! The record of what was signed.

use super::{ImageName, Serial};
use crate::envelope::Envelope;

/// An append-only record of Envelopes, by image name and serial.
///
/// One payload per name and serial, for ever; signatures may be added to it.
pub trait Ledger {
    /// What can go wrong.
    type Error: std::error::Error;

    /// The serials that were given to the image `name`, ascending.
    ///
    /// # Errors
    /// The record cannot be read.
    fn serials(&self, name: &ImageName) -> Result<Vec<Serial>, Self::Error>;

    /// The Envelope under a name and serial; `None` where there is none.
    ///
    /// # Errors
    /// The record cannot be read.
    fn envelope(&self, name: &ImageName, serial: Serial) -> Result<Option<Envelope>, Self::Error>;

    /// Records an Envelope for ever. One that is there, with the same payload, gets the further
    /// signatures; the whole is returned.
    ///
    /// # Errors
    /// Another payload has that name and serial, the Envelope holds no statement, or the record
    /// cannot be written.
    fn record(&mut self, envelope: &Envelope) -> Result<Envelope, Self::Error>;
}
