//! How values become bytes in a session: MessagePack with named fields. A request's payload is the method's name and
//! its parameters; a reply's is the reply; an error's is an [`ErrorBody`](crate::ErrorBody).

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A payload that could not be encoded or read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The value does not encode.
    #[error("a value does not encode: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
    /// The bytes are not what they should be.
    #[error("a payload does not decode: {0}")]
    Decode(#[from] rmp_serde::decode::Error),
}

/// A request before its method is known: the name, and the parameters still encoded.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// The method's name.
    pub method: String,
    /// The parameters, encoded as MessagePack.
    #[serde(with = "serde_bytes")]
    pub params: Vec<u8>,
}

/// Encodes a value as MessagePack with named fields.
///
/// # Errors
/// When the value holds something MessagePack cannot.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, WireError> {
    Ok(rmp_serde::to_vec_named(value)?)
}

/// Decodes a value; unknown fields are ignored.
///
/// # Errors
/// When the bytes are not an encoding of `T`.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    Ok(rmp_serde::from_slice(bytes)?)
}

#[cfg(test)]
mod tests;
