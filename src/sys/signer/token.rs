//! A PKCS#11 token (OASIS PKCS #11 version 3.0): `CKM_EDDSA` with a key on edwards25519.

use std::fmt;
use std::path::PathBuf;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::RawAuthPin;

use crate::key::{KeyError, Passphrase, PublicKey, Signature, Signer, SignerError};

/// Which key on which token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The library that talks to the token.
    pub module: Option<PathBuf>,
    /// The token's label.
    pub token: Option<String>,
    /// The token's serial number.
    pub serial: Option<String>,
    /// The key's label (`CKA_LABEL`).
    pub object: Option<String>,
    /// The key's id (`CKA_ID`).
    pub id: Option<Vec<u8>>,
}

/// A key on a token.
pub struct TokenSigner {
    session: Session,
    private: ObjectHandle,
    key: PublicKey,
    // Last, so that the library outlives the session.
    _library: Pkcs11,
}

/// Why no key of a token can be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Nobody says which library to load.
    #[error("neither module-path nor KARAT_PKCS11_MODULE names the token's library")]
    NoModule,
    /// The library or the token answers with an error.
    #[error("{doing}: {answer}")]
    Answer {
        /// What was tried.
        doing: &'static str,
        /// What it says.
        answer: String,
    },
    /// No token, or more than one, fits.
    #[error("{0} tokens fit")]
    Tokens(usize),
    /// No private key, or more than one, fits.
    #[error("{0} private Ed25519 keys on the token fit")]
    Keys(usize),
    /// There is no public key with the private key's id.
    #[error("the token has no public key beside the private one")]
    NoPublic,
    /// The public key is of another form.
    #[error("the public key on the token is not one of Ed25519")]
    Public,
    /// The public key is refused.
    #[error("the public key on the token: {0}")]
    Refused(#[from] KeyError),
    /// The token wants a PIN.
    #[error(
        "the token wants a PIN: by --passphrase-fd FD, by KARAT_KEY_PASSPHRASE, or on a terminal"
    )]
    NoPin,
}

impl TokenSigner {
    /// Finds the key, logging in with what `pin` gives.
    ///
    /// # Errors
    /// There is not exactly one such token and key, or the token refuses.
    pub fn open(
        lookup: &Lookup,
        pin: impl FnOnce() -> Option<Passphrase>,
    ) -> Result<Self, TokenError> {
        let module = lookup.module.as_ref().ok_or(TokenError::NoModule)?;
        let library = Pkcs11::new(module).map_err(at("loading the library"))?;
        let flags = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        match library.initialize(flags) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(at("starting the library")(error)),
        }
        let slot = slot(&library, lookup)?;
        let session = library
            .open_ro_session(slot)
            .map_err(at("opening a session"))?;
        let pin = pin().ok_or(TokenError::NoPin)?;
        let pin = RawAuthPin::new(Box::new(pin.as_bytes().to_vec()));
        match session.login_with_raw(UserType::User, &pin) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => return Err(at("logging in")(error)),
        }
        let mut wanted = vec![
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::KeyType(KeyType::EC_EDWARDS),
        ];
        let label = lookup.object.as_ref();
        wanted.extend(label.map(|label| Attribute::Label(label.clone().into_bytes())));
        wanted.extend(lookup.id.clone().map(Attribute::Id));
        let found = session
            .find_objects(&wanted)
            .map_err(at("looking for the key"))?;
        let [private] = found.as_slice() else {
            return Err(TokenError::Keys(found.len()));
        };
        let key = public(&session, *private)?;
        Ok(Self {
            private: *private,
            session,
            key,
            _library: library,
        })
    }
}

impl Signer for TokenSigner {
    fn public_key(&self) -> PublicKey {
        self.key
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let bytes = self
            .session
            .sign(&mechanism, self.private, message)
            .map_err(|error| SignerError::Refused(at("signing")(error).to_string()))?;
        let bytes = bytes.try_into().or(Err(SignerError::Wrong))?;
        let signature = Signature::from_bytes(bytes);
        self.key.verify(message, &signature)?;
        Ok(signature)
    }
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenSigner({:?})", self.key)
    }
}

fn slot(library: &Pkcs11, lookup: &Lookup) -> Result<Slot, TokenError> {
    let slots = library
        .get_slots_with_initialized_token()
        .map_err(at("listing tokens"))?;
    let mut fitting = Vec::new();
    for slot in slots {
        let token = library
            .get_token_info(slot)
            .map_err(at("looking at a token"))?;
        let same = |wanted: Option<&String>, found: &str| {
            wanted.is_none_or(|wanted| wanted == found.trim_end())
        };
        if same(lookup.token.as_ref(), token.label())
            && same(lookup.serial.as_ref(), token.serial_number())
        {
            fitting.push(slot);
        }
    }
    match fitting.as_slice() {
        [slot] => Ok(*slot),
        other => Err(TokenError::Tokens(other.len())),
    }
}

/// The public key with the id of `private`.
fn public(session: &Session, private: ObjectHandle) -> Result<PublicKey, TokenError> {
    let read = |object, kind| {
        session
            .get_attributes(object, &[kind])
            .map_err(at("reading an attribute"))
    };
    let mut wanted = vec![
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::KeyType(KeyType::EC_EDWARDS),
    ];
    wanted.extend(read(private, AttributeType::Id)?);
    let found = session
        .find_objects(&wanted)
        .map_err(at("looking for the public key"))?;
    let Some(public) = found.first() else {
        return Err(TokenError::NoPublic);
    };
    let point = read(*public, AttributeType::EcPoint)?;
    let Some(Attribute::EcPoint(point)) = point.first() else {
        return Err(TokenError::Public);
    };
    // An OCTET STRING in DER, as the standard has it; some tokens leave the frame away.
    let raw = point.strip_prefix(&[0x04, 0x20]).unwrap_or(point);
    let raw = raw.try_into().or(Err(TokenError::Public))?;
    Ok(PublicKey::from_bytes(raw)?)
}

fn at(doing: &'static str) -> impl Fn(Error) -> TokenError {
    move |error| TokenError::Answer {
        doing,
        answer: match error {
            // The library's own words fill a paragraph.
            Error::Pkcs11(code, _) => format!("{code:?}"),
            other => other.to_string(),
        },
    }
}
