//! OpenPGP keys that live for one test, good ones and each kind of bad one.

use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, KeyType, SecretKeyParamsBuilder, SignedKeyDetails,
    SignedPublicKey, SignedPublicSubKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, PublicSubkey, SecretKey, SecretSubkey, Signature, SignatureConfig, SignatureType,
    Subpacket, SubpacketData, UserId,
};
use pgp::ser::Serialize as _;
use pgp::types::{Duration, KeyDetails as _, Password, SigningKey, Tag, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

/// When test keys are made, unless a test says otherwise: 2025-01-01.
pub const MADE: u64 = 1_735_689_600;

/// How a key is made.
#[derive(Clone, Debug)]
pub struct KeySpec {
    /// Another seed gives another key.
    pub seed: u8,
    pub kind: KeyType,
    pub made: u64,
    /// Seconds after `made`.
    pub expires: Option<u64>,
    /// When the primary key was revoked.
    pub revoked: Option<u64>,
    pub can_sign: bool,
    /// The hash of the self-signatures.
    pub hash: HashAlgorithm,
    pub subkey: Option<SubkeySpec>,
}

/// How a signing subkey is made; it then makes the signatures.
#[derive(Clone, Debug)]
pub struct SubkeySpec {
    pub expires: Option<u64>,
    pub revoked: Option<u64>,
    pub can_sign: bool,
    /// Whether the subkey agreed to be bound (type 0x19), as it must.
    pub back_signature: bool,
}

impl Default for SubkeySpec {
    fn default() -> Self {
        Self {
            expires: None,
            revoked: None,
            can_sign: true,
            back_signature: true,
        }
    }
}

impl Default for KeySpec {
    fn default() -> Self {
        Self {
            seed: 1,
            kind: KeyType::Ed25519Legacy,
            made: MADE,
            expires: None,
            revoked: None,
            can_sign: true,
            hash: HashAlgorithm::Sha512,
            subkey: None,
        }
    }
}

/// A key pair.
pub struct Key {
    primary: SecretKey,
    subkey: Option<SecretSubkey>,
    public: SignedPublicKey,
}

impl Key {
    /// A good key; another seed gives another one.
    pub fn new(seed: u8) -> Self {
        Self::of(&KeySpec {
            seed,
            ..KeySpec::default()
        })
    }

    /// The key that `spec` describes.
    pub fn of(spec: &KeySpec) -> Self {
        let (primary, _) = pair(spec, 0);
        let public = primary.public_key();
        let user = UserId::from_str(Default::default(), "Test archive <test@example.org>")
            .expect("a short name");

        let mut certification = config(&primary, SignatureType::CertPositive, spec.hash, spec.made);
        push(
            &mut certification,
            SubpacketData::KeyFlags(flags(spec.can_sign, true)),
        );
        push(&mut certification, SubpacketData::IsPrimary(true));
        if let Some(seconds) = spec.expires {
            push(
                &mut certification,
                SubpacketData::KeyExpirationTime(duration(seconds)),
            );
        }
        let certification = certification
            .sign_certification(&primary, public, &Password::empty(), Tag::UserId, &user)
            .expect("a certification");
        let revocations = spec.revoked.map(|time| {
            config(&primary, SignatureType::KeyRevocation, spec.hash, time)
                .sign_key(&primary, &Password::empty(), public)
                .expect("a revocation")
        });
        let details = SignedKeyDetails::new(
            revocations.into_iter().collect(),
            Vec::new(),
            vec![user.into_signed(certification)],
            Vec::new(),
        );

        let (mut subkey, mut public_subkeys) = (None, Vec::new());
        if let Some(sub) = &spec.subkey {
            let (_, secret) = pair(spec, 1);
            public_subkeys.push(bind(&primary, &secret, spec, sub));
            subkey = Some(secret);
        }
        let public = SignedPublicKey::new(public.clone(), details, public_subkeys);
        Self {
            primary,
            subkey,
            public,
        }
    }

    /// The public half, as in a keyring file.
    pub fn keyring(&self) -> Vec<u8> {
        self.public.to_bytes().expect("memory")
    }

    /// The public half in ASCII armour.
    pub fn armoured(&self) -> String {
        self.public
            .to_armored_string(ArmorOptions::default())
            .expect("memory")
    }

    /// The fingerprint of the key that signs, in upper case.
    pub fn fingerprint(&self) -> String {
        let fingerprint = match &self.subkey {
            Some(subkey) => subkey.fingerprint(),
            None => self.primary.fingerprint(),
        };
        fingerprint.to_string().to_uppercase()
    }

    /// `text`, signed in the clear at `time`.
    pub fn sign(&self, text: &str, time: u64) -> String {
        self.sign_with(text, time, HashAlgorithm::Sha512)
    }

    /// As [`Key::sign`], with another hash.
    pub fn sign_with(&self, text: &str, time: u64, hash: HashAlgorithm) -> String {
        let password = Password::empty();
        match &self.subkey {
            Some(subkey) => {
                let config = config(subkey, SignatureType::Text, hash, time);
                CleartextSignedMessage::new(text, config, subkey, &password)
            }
            None => {
                let config = config(&self.primary, SignatureType::Text, hash, time);
                CleartextSignedMessage::new(text, config, &self.primary, &password)
            }
        }
        .expect("a signature")
        .to_armored_string(ArmorOptions::default())
        .expect("memory")
    }
}

fn pair(spec: &KeySpec, number: u8) -> (SecretKey, SecretSubkey) {
    let mut seed = [spec.seed; 32];
    seed[0] = number;
    let made = timestamp(spec.made);
    let sub = pgp::composed::SubkeyParamsBuilder::default()
        .key_type(spec.kind.clone())
        .created_at(made)
        .can_sign(true)
        .build()
        .expect("subkey parameters");
    let key = SecretKeyParamsBuilder::default()
        .key_type(spec.kind.clone())
        .created_at(made)
        .primary_user_id("x".to_owned())
        .subkey(sub)
        .build()
        .expect("key parameters")
        .generate(ChaCha20Rng::from_seed(seed))
        .expect("a key");
    let sub = key.secret_subkeys.into_iter().next().expect("one subkey");
    (key.primary_key, sub.key)
}

fn bind(
    primary: &SecretKey,
    secret: &SecretSubkey,
    spec: &KeySpec,
    sub: &SubkeySpec,
) -> SignedPublicSubKey {
    let (password, public) = (Password::empty(), secret.public_key());
    let mut binding = config(primary, SignatureType::SubkeyBinding, spec.hash, spec.made);
    push(
        &mut binding,
        SubpacketData::KeyFlags(flags(sub.can_sign, false)),
    );
    if let Some(seconds) = sub.expires {
        push(
            &mut binding,
            SubpacketData::KeyExpirationTime(duration(seconds)),
        );
    }
    if sub.back_signature {
        let back = config(secret, SignatureType::KeyBinding, spec.hash, spec.made)
            .sign_primary_key_binding(secret, public, &password, primary.public_key())
            .expect("a back signature");
        push(
            &mut binding,
            SubpacketData::EmbeddedSignature(Box::new(back)),
        );
    }
    let sign = |config: SignatureConfig| -> Signature {
        config
            .sign_subkey_binding(primary, primary.public_key(), &password, public)
            .expect("a binding")
    };
    let mut signatures = vec![sign(binding)];
    if let Some(time) = sub.revoked {
        let kind = SignatureType::SubkeyRevocation;
        signatures.push(sign(config(primary, kind, spec.hash, time)));
    }
    let public: PublicSubkey = public.clone();
    SignedPublicSubKey::new(public, signatures)
}

fn config(
    key: &impl SigningKey,
    kind: SignatureType,
    hash: HashAlgorithm,
    time: u64,
) -> SignatureConfig {
    let mut config = SignatureConfig::v4(kind, key.algorithm(), hash);
    push(
        &mut config,
        SubpacketData::SignatureCreationTime(timestamp(time)),
    );
    push(
        &mut config,
        SubpacketData::IssuerFingerprint(key.fingerprint()),
    );
    // GnuPG looks keys up by this one alone.
    let issuer = Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()));
    config.unhashed_subpackets = vec![issuer.expect("a subpacket")];
    config
}

fn push(config: &mut SignatureConfig, data: SubpacketData) {
    let subpacket = Subpacket::regular(data).expect("a subpacket");
    config.hashed_subpackets.push(subpacket);
}

fn flags(sign: bool, certify: bool) -> KeyFlags {
    let mut flags = KeyFlags::default();
    flags.set_sign(sign);
    flags.set_certify(certify);
    flags
}

fn timestamp(seconds: u64) -> Timestamp {
    Timestamp::from_secs(u32::try_from(seconds).expect("before 2106"))
}

fn duration(seconds: u64) -> Duration {
    Duration::from_secs(u32::try_from(seconds).expect("less than 136 years"))
}
