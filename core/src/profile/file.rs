//! `profile.json`: which slots and wrapped keys a profile has. It holds nothing secret, is replaced atomically, and is
//! refused when a newer release wrote it.

use crate::{Error, Result, WorkspaceId};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use thechatapp_protocol::identity::Pin;
use thechatapp_seal::Argon2Params;

/// The file's name.
pub(super) const NAME: &str = "profile.json";
/// The name of its copy, for a disk that damages the file itself.
pub(super) const GOOD: &str = "profile.json.good";
/// Before the digest of everything before this, at the end of the file. Without one, as older releases wrote it, it says nothing.
const SUM: &[u8] = b",\n  \"sum\": \"";
/// Since 3 a database may have a form of pages that releases before take for damage, so they must not touch the profile. 2 stood there
/// while keys were being replaced, and 1 otherwise.
const VERSION: u64 = 3;
/// Far more than any profile needs.
const MAX: u64 = 4 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProfileFile {
    pub version: u64,
    /// Names this profile inside everything its keys wrap.
    pub id: String,
    /// The secure storage's name, or `passphrase`.
    pub backend: String,
    /// Names the device key, and with it the entry in secure storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    pub slots: Vec<Slot>,
    pub keys: Keys,
    #[serde(default)]
    pub pins: BTreeMap<WorkspaceId, PinCopy>,
}

/// The profile key, wrapped in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum Slot {
    /// Under the device key in secure storage.
    SecretStore {
        #[serde(with = "base64")]
        wrapped: Vec<u8>,
    },
    /// Under a passphrase.
    Passphrase(Stretched),
    /// Under a recovery code.
    Recovery(Stretched),
}

impl Slot {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::SecretStore { .. } => "secret-store",
            Self::Passphrase(_) => "passphrase",
            Self::Recovery(_) => "recovery",
        }
    }
}

/// What a stretched slot needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stretched {
    #[serde(with = "base64")]
    pub salt: Vec<u8>,
    pub params: Argon2Params,
    #[serde(with = "base64")]
    pub wrapped: Vec<u8>,
}

/// Keys wrapped under the profile key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Keys {
    pub local: Wrapped,
    #[serde(default)]
    pub cache: BTreeMap<WorkspaceId, Wrapped>,
    /// Keys that are about to take the place of the others. Which of two a file has, only the file tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coming_local: Option<Wrapped>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub coming_cache: BTreeMap<WorkspaceId, Wrapped>,
}

impl Keys {
    /// Whether a key is being replaced.
    pub(super) fn are_replaced(&self) -> bool {
        self.coming_local.is_some() || !self.coming_cache.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Wrapped(#[serde(with = "base64")] pub Vec<u8>);

/// A pin as `profile.json` remembers it beside the sealed database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinCopy {
    /// `https://host[:port]`.
    pub url: String,
    /// The workspace's short name.
    pub workspace: String,
    /// The pin.
    pub pin: Pin,
}

impl ProfileFile {
    pub(super) fn new(id: String, backend: String, key_id: Option<String>, slot: Slot, local: Vec<u8>) -> Self {
        let keys =
            Keys { local: Wrapped(local), cache: BTreeMap::new(), coming_local: None, coming_cache: BTreeMap::new() };
        Self { version: VERSION, id, backend, key_id, slots: vec![slot], keys, pins: BTreeMap::new() }
    }

    /// Whether older releases leave the profile alone, once the file is written.
    pub(super) fn is_of_this_release(&self) -> bool {
        self.version == VERSION
    }

    /// Puts a slot in the place of those of its kind.
    pub(super) fn set_slot(&mut self, slot: Slot) {
        self.slots.retain(|other| other.kind() != slot.kind());
        self.slots.push(slot);
    }

    /// Drops the slots of a kind. The last slot there is stays.
    pub(super) fn drop_slot(&mut self, kind: &str) -> Result<()> {
        if self.slots.iter().all(|slot| slot.kind() == kind) {
            return Err(Error::bad_input("this is the only way into the profile", "add another one first"));
        }
        self.slots.retain(|slot| slot.kind() != kind);
        Ok(())
    }

    /// The file of a folder; `None` when there is none.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>> {
        Ok(Self::read_bytes(&dir.join(NAME))?.map(|(file, _)| file))
    }

    /// The copy of the file, where there is one and it is whole.
    pub(super) fn read_good(dir: &Path) -> Option<Self> {
        Self::read_bytes(&dir.join(GOOD)).ok().flatten().map(|(file, _)| file)
    }

    fn read_bytes(path: &Path) -> Result<Option<(Self, Vec<u8>)>> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(corrupt(why)),
        };
        let mut bytes = Vec::new();
        let length = Read::by_ref(&mut file).take(MAX + 1).read_to_end(&mut bytes).map_err(corrupt)?;
        if u64::try_from(length).unwrap_or(u64::MAX) > MAX {
            return Err(corrupt("it is far too long"));
        }
        if !is_whole(&bytes) {
            return Err(corrupt("something in it is not as it was written"));
        }
        // The version is read by itself first: a newer file may have another shape.
        #[derive(Deserialize)]
        struct Version {
            version: u64,
        }
        let version: Version = serde_json::from_slice(&bytes).map_err(corrupt)?;
        match version.version {
            1..=VERSION => {
                let file = serde_json::from_slice(&bytes).map_err(corrupt)?;
                Ok(Some((file, bytes)))
            }
            newer if newer > VERSION => Err(Error::Newer { file: NAME.into() }),
            _ => Err(corrupt("its version does not exist")),
        }
    }

    /// Replaces the file as a whole or not at all, and then its copy. It is of this release from then on.
    pub(super) fn write(&mut self, dir: &Path) -> Result<()> {
        self.version = VERSION;
        let text = serde_json::to_vec_pretty(self)
            .map_err(|why| Error::Internal { id: "profile-encode".into(), why: why.to_string() })?;
        let bytes = summed(text);
        // A way in that was taken away stands nowhere from then on, whatever ends this program between the two.
        if Self::read_good(dir).is_none_or(|good| good.slots.iter().any(|slot| !self.slots.contains(slot))) {
            let _ = fs::remove_file(dir.join(GOOD));
        }
        replace(dir, NAME, &bytes).map_err(disk)?;
        keep_good(dir, &bytes);
        Ok(())
    }

    /// Makes the copy of a file that opened anew, where it is another.
    pub(super) fn settle_good(dir: &Path) {
        if let Ok(Some((_, bytes))) = Self::read_bytes(&dir.join(NAME))
            && fs::read(dir.join(GOOD)).ok().as_ref() != Some(&bytes)
        {
            keep_good(dir, &bytes);
        }
    }

    /// Puts the copy in the place of a file that is damaged or gone, and what is left of that one into another folder. Nothing happens
    /// where the file is whole, or there is no copy that is.
    pub(super) fn mend(dir: &Path, aside: &Path) -> Result<()> {
        if !matches!(Self::read(dir), Ok(None) | Err(Error::Corrupt { .. })) {
            return Ok(());
        }
        let Ok(Some((_, good))) = Self::read_bytes(&dir.join(GOOD)) else { return Ok(()) };
        make_dir(aside).map_err(disk)?;
        match fs::copy(dir.join(NAME), aside.join(NAME)) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(disk(why)),
            _ => {}
        }
        replace(dir, NAME, &good).map_err(disk)
    }
}

/// No copy is better than one with a way into the profile that was taken away since.
fn keep_good(dir: &Path, bytes: &[u8]) {
    if let Err(why) = replace(dir, GOOD, bytes) {
        tracing::warn!(%why, "no copy of profile.json could be kept");
        let _ = fs::remove_file(dir.join(GOOD));
    }
}

/// A text in JSON, which ends with its last brace, with its digest.
fn summed(mut text: Vec<u8>) -> Vec<u8> {
    text.truncate(text.len().saturating_sub(b"\n}".len()));
    let sum = HEXLOWER.encode(&Sha256::digest(&text));
    text.extend_from_slice(SUM);
    text.extend_from_slice(sum.as_bytes());
    text.extend_from_slice(b"\"\n}\n");
    text
}

fn is_whole(text: &[u8]) -> bool {
    let Some(at) = text.windows(SUM.len()).rposition(|part| part == SUM) else { return true };
    let (before, sum) = text.split_at(at);
    let sum = sum.get(SUM.len()..).and_then(|rest| rest.split(|byte| *byte == b'"').next());
    sum == Some(HEXLOWER.encode(&Sha256::digest(before)).as_bytes())
}

fn replace(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!(".{name}.new"));
    let mut file = private().create(true).write(true).truncate(true).open(&temporary)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    drop(file);
    let replaced = written.and_then(|()| fs::rename(&temporary, dir.join(name)));
    if replaced.is_err() {
        // Only the copy that did not become the file; the file itself is untouched.
        let _ = fs::remove_file(&temporary);
    }
    replaced?;
    sync_dir(dir)
}

/// A file only its owner may read.
pub(super) fn private() -> OpenOptions {
    #[allow(unused_mut, reason = "only Unix has modes")]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A folder only its owner may enter, with those above it.
pub(super) fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Makes a rename durable. Windows has no such call, and needs none.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(dir)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}

pub(super) fn corrupt(why: impl ToString) -> Error {
    Error::Corrupt { file: NAME.into(), why: why.to_string() }
}

/// A failed write, as far as a person can do something about it.
#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn disk(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull
        | io::ErrorKind::QuotaExceeded
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::PermissionDenied => Error::DiskFull { why: error.to_string() },
        _ => Error::Internal { id: "profile-files".into(), why: error.to_string() },
    }
}

/// Bytes as base64url text.
mod base64 {
    use data_encoding::BASE64URL_NOPAD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(value: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64URL_NOPAD.encode(value))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64URL_NOPAD.decode(text.as_bytes()).map_err(de::Error::custom)
    }
}
