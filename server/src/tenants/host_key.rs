//! `keys/host.json`: the key of `host.db`, wrapped by the key service.

use crate::error::{Error, Kind, Result};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use thechatapp_seal::{Context, Key, KeyService, open, seal};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostKey {
    pub(super) provider: String,
    pub(super) key_id: String,
    wrapped: String,
    /// Counts changes of the key service: with this file written, the host has changed.
    #[serde(default)]
    pub(super) generation: u64,
    /// Nothing, sealed by the host's key for a context of everything else here: what was changed shows once that key came.
    /// An earlier release wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) check: Option<String>,
}

impl HostKey {
    pub(super) fn path(dir: &Path) -> PathBuf {
        dir.join("keys").join("host.json")
    }

    pub(super) fn new(kms: &dyn KeyService, key: &Key, wrapped: &[u8], generation: u64) -> Result<Self> {
        let (provider, key_id) = (kms.provider().to_owned(), kms.key_id());
        let mut file = Self { provider, key_id, wrapped: HEXLOWER.encode(wrapped), generation, check: None };
        file.check = Some(HEXLOWER.encode(&seal(key, &file.context(), b"")?));
        Ok(file)
    }

    fn context(&self) -> Context {
        Context::new("host key file")
            .part(self.provider.as_bytes())
            .part(self.key_id.as_bytes())
            .part(self.wrapped.as_bytes())
            .part(&self.generation.to_be_bytes())
    }

    fn damaged(why: &str) -> Error {
        let advice = "restore it from a copy, or the host from a backup";
        Error::new(Kind::Corrupt, "A key file is damaged", format!("keys/host.json: {why}"), advice)
    }

    pub(super) fn read(dir: &Path) -> Result<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(dir))?).map_err(|_| Self::damaged("it cannot be read"))
    }

    pub(super) fn wrapped(&self) -> Result<Vec<u8>> {
        HEXLOWER.decode(self.wrapped.as_bytes()).map_err(|_| Self::damaged("the wrapped key in it is none"))
    }

    /// Whether it is as it was written, as the key that it wraps tells.
    pub(super) fn prove(&self, key: &Key) -> Result<()> {
        let Some(check) = &self.check else { return Ok(()) };
        let sealed = HEXLOWER.decode(check.as_bytes()).unwrap_or_default();
        open(key, &self.context(), &sealed).map(drop).map_err(|_| Self::damaged("it was changed"))
    }

    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let text = serde_json::to_vec(self).map_err(|why| Error::internal("A key file could not be written", why))?;
        Ok(crate::files::write_private(&Self::path(dir), &text)?)
    }
}
