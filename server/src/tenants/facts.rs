//! What a host remembers of itself: its address, and the TLS key it made.

use super::Host;
use crate::error::{Error, Result};
use crate::{files, kms};
use rusqlite::OptionalExtension;
use std::path::PathBuf;
use std::sync::PoisonError;
use thechatapp_seal::{Context, open, seal};
use zeroize::Zeroizing;

impl Host {
    /// The address in invites: the one configured or served now, else the one last served.
    ///
    /// # Errors
    /// When the database fails.
    pub fn base_url(&self) -> Result<String> {
        if let Some(base) = self.base.read().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(base);
        }
        let last = self.fact("base_url")?.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(last.unwrap_or_else(|| "https://localhost:8443".to_owned()))
    }

    /// Sets the address, and remembers it, as soon as the host is open.
    ///
    /// # Errors
    /// When the database fails.
    pub fn set_base_url(&self, base: &str) -> Result<()> {
        *self.base.write().unwrap_or_else(PoisonError::into_inner) = Some(base.to_owned());
        if self.closed().is_some() { Ok(()) } else { self.remember_base_url() }
    }

    pub(super) fn remember_base_url(&self) -> Result<()> {
        let base = self.base.read().unwrap_or_else(PoisonError::into_inner).clone();
        base.map_or(Ok(()), |base| self.set_fact("base_url", base.as_bytes()))
    }

    /// The TLS key this host made for itself, PKCS #8; made when there is none.
    ///
    /// # Errors
    /// When the database or the file fails, or the key does not open.
    pub fn tls_key(&self) -> Result<Zeroizing<Vec<u8>>> {
        if kms::may_be_away(&*self.kms()) {
            return self.tls_key_in_file();
        }
        if let Some(der) = self.sealed_tls_key()? {
            let _ = std::fs::remove_file(self.tls_key_file());
            return Ok(der);
        }
        // A host that moved from a service that may be away has it in a file.
        let der = match std::fs::read(self.tls_key_file()) {
            Ok(der) => Zeroizing::new(der),
            Err(_) => make_tls_key()?,
        };
        let sealed = seal(&self.db()?.opened.key, &tls_context(), &der)?;
        self.set_fact("tls_key", &sealed)?;
        let _ = std::fs::remove_file(self.tls_key_file());
        Ok(der)
    }

    fn sealed_tls_key(&self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let Some(sealed) = self.fact("tls_key")? else { return Ok(None) };
        Ok(Some(open(&self.db()?.opened.key, &tls_context(), &sealed)?))
    }

    /// Puts the TLS key where it has to lie under another key service, before the host changes to it.
    pub(super) fn place_tls_key(&self, may_be_away: bool) -> Result<()> {
        if !may_be_away || self.tls_key_file().exists() {
            return Ok(());
        }
        let Some(der) = self.sealed_tls_key()? else { return Ok(()) };
        Ok(files::write_private(&self.tls_key_file(), &der)?)
    }

    /// Unsealed, as the key of any certificate is: without it a server whose key service is away could tell nobody why.
    /// Sessions are sealed once more inside TLS, by keys that the key service does guard.
    fn tls_key_in_file(&self) -> Result<Zeroizing<Vec<u8>>> {
        let path = self.tls_key_file();
        match std::fs::read(&path) {
            Ok(der) => Ok(Zeroizing::new(der)),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
                let der = make_tls_key()?;
                files::write_private(&path, &der)?;
                Ok(der)
            }
            Err(why) => Err(why.into()),
        }
    }

    fn tls_key_file(&self) -> PathBuf {
        self.dir.join("keys").join("tls.key")
    }

    /// Forgets the TLS key this host made for itself, so that the next start makes another.
    ///
    /// # Errors
    /// When the database fails.
    pub fn drop_tls_key(&self) -> Result<()> {
        let _ = std::fs::remove_file(self.tls_key_file());
        self.db()?.execute("DELETE FROM facts WHERE name = 'tls_key'", [])?;
        Ok(())
    }

    pub(super) fn fact(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.db()?.query_row("SELECT value FROM facts WHERE name = ?1", [name], |row| row.get(0)).optional()?)
    }

    pub(super) fn set_fact(&self, name: &str, value: &[u8]) -> Result<()> {
        if self.fact(name)?.as_deref() != Some(value) {
            self.db()?.execute(
                "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
                (name, value),
            )?;
        }
        Ok(())
    }
}

fn tls_context() -> Context {
    Context::new("host").part(b"tls key")
}

fn make_tls_key() -> Result<Zeroizing<Vec<u8>>> {
    let made = rcgen::KeyPair::generate().map_err(|why| Error::internal("No TLS key could be made", why))?;
    Ok(Zeroizing::new(made.serialize_der()))
}
