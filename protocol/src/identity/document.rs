//! The identity document and its signed form.

use super::root::RootPublic;
use super::{DOCUMENT_MAX, IdentityError};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};
use sha2::{Digest, Sha256};

/// One of a server's X25519 session keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionKey {
    /// The public key.
    #[serde(with = "array")]
    pub public: [u8; 32],
    /// Valid from, Unix seconds.
    pub not_before: u64,
    /// Valid until, Unix seconds.
    pub not_after: u64,
}

/// What a workspace's server says of itself, public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The workspace.
    #[serde(with = "array")]
    pub workspace_id: [u8; 16],
    /// Its short name, as in its address.
    pub workspace: String,
    /// Its name as people read it.
    pub name: String,
    /// Random; a new one after a restore from a backup.
    #[serde(with = "array")]
    pub generation: [u8; 16],
    /// Unix seconds when it was made; higher in every later document.
    pub epoch: u64,
    /// Hash of the signed document before this one.
    #[serde(default, with = "array_option")]
    pub previous: Option<[u8; 32]>,
    /// The root's Ed25519 public key.
    #[serde(with = "array")]
    pub root: [u8; 32],
    /// Current and next session keys.
    pub session_keys: Vec<SessionKey>,
    /// SHA-256 of the `SubjectPublicKeyInfo` of every TLS key it serves.
    #[serde(with = "array_list")]
    pub tls_keys: Vec<[u8; 32]>,
    /// SHA-256 of the public key of the root that may follow, kept offline.
    #[serde(default, with = "array_option")]
    pub successor: Option<[u8; 32]>,
    /// Lowest protocol version it speaks.
    pub protocol_min: u16,
    /// Highest protocol version it speaks.
    pub protocol_max: u16,
    /// Whether a session may come without a binding to TLS (terminating proxies).
    pub allow_unbound: bool,
}

impl Document {
    /// The session key to use now: of those that are valid, the one that began last.
    pub fn session_key(&self, now: u64) -> Option<&[u8; 32]> {
        self.session_keys
            .iter()
            .filter(|key| key.not_before <= now && now < key.not_after)
            .max_by_key(|key| key.not_before)
            .map(|key| &key.public)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, IdentityError> {
        rmp_serde::to_vec_named(self).map_err(|why| IdentityError::Malformed(why.to_string()))
    }
}

/// A signature over a document by a root that was known before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endorsement {
    /// Whose.
    pub by: RootPublic,
    /// Ed25519.
    pub signature: [u8; 64],
}

/// A document as it travels: the exact bytes that were signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedDocument {
    pub(super) bytes: Vec<u8>,
    pub(super) signature: [u8; 64],
    pub(super) endorsement: Option<Endorsement>,
    /// The documents in which each root so far came in, oldest first: whoever was away while several followed each other goes from
    /// one to the next. Not signed as a list; each is proven by itself.
    pub(super) chain: Vec<SignedDocument>,
}

#[derive(Serialize, Deserialize)]
struct Encoded {
    #[serde(with = "serde_bytes")]
    document: Vec<u8>,
    #[serde(with = "array")]
    signature: [u8; 64],
    #[serde(default, with = "array_option")]
    endorser: Option<[u8; 32]>,
    #[serde(default, with = "array_option")]
    endorsement: Option<[u8; 64]>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    chain: Vec<ByteBuf>,
}

impl SignedDocument {
    /// With the documents in which each root so far came in, oldest first. Where they are too many, the newest.
    #[must_use]
    pub fn with_chain(mut self, chain: Vec<Self>) -> Self {
        self.chain = chain.into_iter().map(|link| Self { chain: Vec::new(), ..link }).collect();
        while !self.chain.is_empty() && self.encode().len() > DOCUMENT_MAX {
            self.chain.remove(0);
        }
        self
    }

    /// The bytes that travel: MessagePack with named fields.
    pub fn encode(&self) -> Vec<u8> {
        let encoded = Encoded {
            document: self.bytes.clone(),
            signature: self.signature,
            endorser: self.endorsement.map(|endorsement| endorsement.by.0),
            endorsement: self.endorsement.map(|endorsement| endorsement.signature),
            chain: self.chain.iter().map(|link| ByteBuf::from(link.encode())).collect(),
        };
        // Byte strings only: this cannot fail.
        rmp_serde::to_vec_named(&encoded).unwrap_or_default()
    }

    /// Reads what travelled. Nothing is verified yet.
    ///
    /// # Errors
    /// [`IdentityError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, IdentityError> {
        let (signed, chain) = Self::decode_one(bytes)?;
        let link = |bytes: ByteBuf| match Self::decode_one(&bytes)? {
            (link, further) if further.is_empty() => Ok(link),
            _ => Err(malformed("a chain in a chain")),
        };
        Ok(Self { chain: chain.into_iter().map(link).collect::<Result<_, _>>()?, ..signed })
    }

    fn decode_one(bytes: &[u8]) -> Result<(Self, Vec<ByteBuf>), IdentityError> {
        if bytes.len() > DOCUMENT_MAX {
            return Err(malformed("it is longer than any document may be"));
        }
        let encoded: Encoded = rmp_serde::from_slice(bytes).map_err(|why| IdentityError::Malformed(why.to_string()))?;
        let endorsement = match (encoded.endorser, encoded.endorsement) {
            (Some(by), Some(signature)) => Some(Endorsement { by: RootPublic(by), signature }),
            (None, None) => None,
            _ => return Err(malformed("half an endorsement")),
        };
        let signed = Self { bytes: encoded.document, signature: encoded.signature, endorsement, chain: Vec::new() };
        Ok((signed, encoded.chain))
    }

    /// SHA-256 over the signed bytes and the signature: what names this document.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::new().chain_update(&self.bytes).chain_update(self.signature).finalize().into()
    }

    /// The endorsement, if any.
    pub fn endorsement(&self) -> Option<&Endorsement> {
        self.endorsement.as_ref()
    }

    pub(super) fn document(&self) -> Result<Document, IdentityError> {
        rmp_serde::from_slice(&self.bytes).map_err(|why| IdentityError::Malformed(why.to_string()))
    }
}

fn malformed(why: &str) -> IdentityError {
    IdentityError::Malformed(why.into())
}

/// Fixed arrays as byte strings, not as lists of numbers.
mod array {
    use super::ByteArray;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer, const N: usize>(value: &[u8; N], serializer: S) -> Result<S::Ok, S::Error> {
        ByteArray::new(*value).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<[u8; N], D::Error> {
        ByteArray::deserialize(deserializer).map(ByteArray::into_array)
    }
}

mod array_option {
    use super::ByteArray;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer, const N: usize>(value: &Option<[u8; N]>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(ByteArray::new).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<Option<[u8; N]>, D::Error> {
        Ok(Option::<ByteArray<N>>::deserialize(deserializer)?.map(ByteArray::into_array))
    }
}

mod array_list {
    use super::ByteArray;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &[[u8; 32]], serializer: S) -> Result<S::Ok, S::Error> {
        value.iter().copied().map(ByteArray::new).collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<[u8; 32]>, D::Error> {
        Ok(Vec::<ByteArray<32>>::deserialize(deserializer)?.into_iter().map(ByteArray::into_array).collect())
    }
}
