//! Files: their keys and permissions travel here, in the session; their sealed bytes travel over HTTPS (see
//! [`crate::http`]). A file is sealed by the device that uploads it, and the stored bytes are those that a device gets.

use crate::event::FileRow;
use crate::id::{ChannelId, FileId};
use crate::method::{Access, Scope, methods};
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Longest file name, in bytes of UTF-8.
pub const FILE_NAME_MAX: usize = 255;
/// Longest media type, in bytes.
pub const MEDIA_TYPE_MAX: usize = 127;

/// A file's key, 32 bytes; wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct FileKey(
    #[serde(with = "serde_bytes")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<u8>"))]
    pub Vec<u8>,
);

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey(..)")
    }
}

/// Permission for requests over HTTPS for one file, for some minutes, of use only with the device's signing key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileToken {
    /// What the requests carry, 32 bytes.
    #[serde(with = "serde_bytes")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<u8>"))]
    pub token: Vec<u8>,
    /// How long it counts.
    pub seconds: u64,
}

impl fmt::Debug for FileToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileToken").field("seconds", &self.seconds).finish_non_exhaustive()
    }
}

/// Parameters of [`BeginUpload`]. The same file again goes on with what was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BeginUploadParams {
    /// The file's id (UUID version 7).
    pub file: FileId,
    /// The channel it is for.
    pub channel: ChannelId,
    /// Its name.
    pub name: String,
    /// Its media type, as the uploader takes it to be.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Its size in bytes, before it is sealed.
    pub size: u64,
}

/// Reply of [`BeginUpload`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UploadGrant {
    /// For the requests.
    pub token: FileToken,
    /// How many sealed bytes the server has.
    pub offset: u64,
}

/// Parameters of [`FinishUpload`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FinishUploadParams {
    /// The channel it is for.
    pub channel: ChannelId,
    /// The file.
    pub file: FileId,
    /// Its key. The server opens the file once, to see that it is what it says.
    pub key: FileKey,
}

/// Parameters of [`OpenFile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenFileParams {
    /// Its channel.
    pub channel: ChannelId,
    /// The file.
    pub file: FileId,
    /// Whether a part of it is wanted: the header comes with the answer, so that the part is one request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub part: bool,
}

/// Reply of [`OpenFile`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileGrant {
    /// What it is.
    pub file: FileRow,
    /// Its key.
    pub key: FileKey,
    /// For the requests.
    pub token: FileToken,
    /// The first bytes of the sealed file, which any part of it is opened with.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<u8>>"))]
    pub header: Option<Vec<u8>>,
    /// How many bytes its thumbnail has before it is sealed, where there is one: under the same key, fetched with the same
    /// token (see [`crate::http::thumbnail_path`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<u64>,
}

methods! {
    /// Begins an upload, or goes on with one.
    BeginUpload = "files.begin_upload", Access::Member, BeginUploadParams => UploadGrant, |p| Scope::Channel(p.channel);
    /// Ends an upload: what the server has is opened, looked at, and kept.
    FinishUpload = "files.finish_upload", Access::Member, FinishUploadParams => FileRow, |p| Scope::Channel(p.channel);
    /// The key of a file that one may read, and permission to fetch its sealed bytes.
    OpenFile = "files.open", Access::Reader, OpenFileParams => FileGrant, |p| Scope::Channel(p.channel);
}
