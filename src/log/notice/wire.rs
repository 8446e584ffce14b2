//! The bytes of a notice; each has one spelling.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{Notice, NoticeError, Retirement, Revocation};
use crate::baseline::{ImageName, Serial};
use crate::json;
use crate::key::{PublicKey, Signed};
use crate::limits;

impl Notice {
    /// The media type of the payload of a notice.
    pub const PAYLOAD_TYPE: &str = "application/vnd.karat.notice+json";
    /// The name of this format.
    pub const SPEC: &str = "karat-notice/1";

    /// The notice for the log called `log`, as a payload to sign.
    ///
    /// # Errors
    /// It breaks a rule of its format.
    pub fn to_signed(&self, log: &str) -> Result<Signed, NoticeError> {
        self.check()?;
        let payload = json::canonical(&Raw::of(self, log))?;
        Ok(Signed::new(Self::PAYLOAD_TYPE, payload))
    }

    /// Reads a payload, whoever signed it: for showing it. Nothing may be judged by it.
    ///
    /// # Errors
    /// The payload breaks a rule of its format.
    pub fn unverified(signed: &Signed) -> Result<Self, NoticeError> {
        read(signed).map(|(_, notice)| notice)
    }

    fn check(&self) -> Result<(), NoticeError> {
        if let Self::Retire(Retirement { from, through, .. }) = self
            && from > through
        {
            return Err(NoticeError::Serials {
                from: from.get(),
                through: through.get(),
            });
        }
        let reason = self.reason();
        let length = reason.len();
        if length == 0 || length > limits::REASON_MAX || reason.contains(char::is_control) {
            return Err(NoticeError::Reason);
        }
        Ok(())
    }
}

/// The fields; exactly one of `revoke` and `retire` is there.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    log: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retire: Option<RawRetirement>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoke: Option<RawRevocation>,
    spec: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRevocation {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    key: String,
    reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRetirement {
    from: u64,
    image: String,
    reason: String,
    through: u64,
}

impl Raw {
    fn of(notice: &Notice, log: &str) -> Self {
        let mut raw = Self {
            log: log.to_owned(),
            retire: None,
            revoke: None,
            spec: Notice::SPEC.to_owned(),
        };
        match notice {
            Notice::Revoke(Revocation { key, from, reason }) => {
                raw.revoke = Some(RawRevocation {
                    from: *from,
                    key: STANDARD.encode(key.to_der()),
                    reason: reason.clone(),
                });
            }
            Notice::Retire(Retirement {
                image,
                from,
                through,
                reason,
            }) => {
                raw.retire = Some(RawRetirement {
                    from: from.get(),
                    image: image.to_string(),
                    reason: reason.clone(),
                    through: through.get(),
                });
            }
        }
        raw
    }
}

/// The log's name and the notice of a payload, whoever signed it.
pub(super) fn read(signed: &Signed) -> Result<(String, Notice), NoticeError> {
    if signed.payload_type != Notice::PAYLOAD_TYPE {
        return Err(NoticeError::PayloadType(signed.payload_type.clone()));
    }
    let raw: Raw = json::read(&signed.payload, limits::NOTICE_MAX)?;
    if raw.spec != Notice::SPEC {
        return Err(NoticeError::Spec(raw.spec));
    }
    let notice = match (raw.revoke, raw.retire) {
        (Some(raw), None) => {
            let der = STANDARD.decode(&raw.key).or(Err(NoticeError::KeyBase64))?;
            Notice::Revoke(Revocation {
                key: PublicKey::from_der(&der)?,
                from: raw.from,
                reason: raw.reason,
            })
        }
        (None, Some(raw)) => {
            let (Ok(from), Ok(through)) = (Serial::new(raw.from), Serial::new(raw.through)) else {
                return Err(NoticeError::Serials {
                    from: raw.from,
                    through: raw.through,
                });
            };
            Notice::Retire(Retirement {
                image: ImageName::parse(&raw.image)?,
                from,
                through,
                reason: raw.reason,
            })
        }
        _ => return Err(NoticeError::NotOne),
    };
    notice.check()?;
    if json::canonical(&Raw::of(&notice, &raw.log))? != signed.payload {
        return Err(NoticeError::NotCanonical);
    }
    Ok((raw.log, notice))
}
