//! Which key service guards a host's keys.
//!
//! A service behind a network or in a device may be away for a while and come back, so whatever it fails with closes a
//! workspace and no more. The local one is a file and a passphrase: what is wrong with it stays wrong until somebody acts.

#[cfg(feature = "aws-kms")]
mod aws;
pub(crate) mod ending;
mod other_file;
pub(crate) mod own;
mod pkcs11;
mod remote;
mod uri;
mod vault;
pub(crate) mod watch;

pub use ending::PENDING_DAYS;
pub(crate) use uri::{credential, place};

use crate::error::{Error, Kind, Result};
use crate::files;
use crate::metrics::{Figures, Watched};
use ending::EndsKeys;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thechatapp_seal::{KeyService, KmsError, LocalKeyService, WrapContext};
use zeroize::Zeroizing;

/// The provider's name of the local key service.
const LOCAL: &str = "local";

/// What opens a host's keys.
pub enum KeySource {
    /// The local key service: a key file, by default the host's own, and its passphrase.
    Local {
        /// Another key file than `keys/local.json`.
        file: Option<PathBuf>,
        /// Its passphrase.
        passphrase: Zeroizing<String>,
    },
    /// One that may be away.
    Remote(Remote),
}

/// A key service as a host has it. A local one also has its file.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) kms: Arc<dyn KeyService>,
    pub(crate) file: Option<(PathBuf, Arc<LocalKeyService>)>,
    /// What ends its key, where that is not a file.
    pub(crate) ends: Option<Arc<dyn EndsKeys>>,
    /// As it is named in `--kms`.
    pub(crate) uri: String,
}

impl Service {
    pub(crate) fn local(path: PathBuf, service: LocalKeyService) -> Self {
        let service = Arc::new(service);
        let uri = local_uri(&path);
        Self { kms: service.clone(), file: Some((path, service)), ends: None, uri }
    }

    /// The same, with its calls counted.
    pub(crate) fn watched(self, figures: &Arc<Figures>) -> Self {
        Self { kms: Watched::new(self.kms, figures.clone()), ..self }
    }
}

/// A key file, as it is named from any folder.
pub(crate) fn local_uri(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    format!("local:{}", path.display())
}

/// Where the key file lies that is about to take another one's place.
pub(crate) fn next_file(path: &Path) -> PathBuf {
    path.with_extension("next.json")
}

/// What is left of the replacing of a key file: where the key in use lies only beside its place, it takes that. From then on there
/// may be another successor.
///
/// # Errors
/// When the key in use is in neither file, and when the file cannot be renamed.
pub(crate) fn settle_file(path: &Path, key_id: &str) -> Result<()> {
    let has = |file: &Path| key_of(file).is_ok_and(|key| key.as_deref() == Some(key_id));
    if has(path) {
        return Ok(());
    }
    let next = next_file(path);
    if has(&next) {
        std::fs::rename(&next, path)?;
        return Ok(files::sync_parent(path)?);
    }
    Err(Error::new(
        Kind::KeyMissing,
        "The key file in use is not there",
        format!("{} does not hold the key {key_id}", path.display()),
        "put it back from a copy before anything else: without it nothing opens after the next start",
    ))
}

/// The name of the key in a key file, as far as that can be read.
pub(crate) fn key_of(file: &Path) -> std::io::Result<Option<String>> {
    #[derive(serde::Deserialize)]
    struct Named {
        key_id: String,
    }
    Ok(serde_json::from_slice::<Named>(&std::fs::read(file)?).ok().map(|named| named.key_id))
}

/// Where a key service is that may be away, and what it wants to see.
pub struct Remote {
    place: Where,
    patience: Duration,
    uri: String,
}

enum Where {
    Vault(vault::Address),
    Pkcs11(pkcs11::Address),
    #[cfg(feature = "aws-kms")]
    Aws(aws::Address),
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local { .. } => "KeySource::Local",
            Self::Remote(_) => "KeySource::Remote",
        })
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remote(..)")
    }
}

impl Remote {
    /// Nothing is asked yet: whether the service answers shows with its first key.
    fn connect(&self) -> Result<Service> {
        let patience = self.patience;
        Ok(match &self.place {
            Where::Vault(address) => self.service(vault::Vault::new(address.clone(), patience)?),
            Where::Pkcs11(address) => self.service(pkcs11::Pkcs11::new(address.clone(), patience)?),
            #[cfg(feature = "aws-kms")]
            Where::Aws(address) => self.service(aws::Aws::new(address.clone(), patience)?),
        })
    }

    fn service<S: KeyService + EndsKeys + 'static>(&self, service: S) -> Service {
        let service = Arc::new(service);
        Service { kms: service.clone(), file: None, ends: Some(service), uri: self.uri.clone() }
    }
}

impl KeySource {
    fn path(file: Option<&PathBuf>, data: &Path) -> PathBuf {
        file.cloned().unwrap_or_else(|| data.join("keys").join("local.json"))
    }

    /// The provider's name.
    pub(crate) fn provider(&self) -> &'static str {
        match self {
            Self::Local { .. } => LOCAL,
            Self::Remote(remote) => match &remote.place {
                Where::Vault(_) => "vault",
                Where::Pkcs11(_) => "pkcs11",
                #[cfg(feature = "aws-kms")]
                Where::Aws(_) => "aws-kms",
            },
        }
    }

    /// The service for a new host: a local key file is made.
    ///
    /// # Errors
    /// When there is a key file already.
    pub(crate) fn make(&self, data: &Path) -> Result<Service> {
        match self {
            Self::Local { file, passphrase } => {
                let path = Self::path(file.as_ref(), data);
                Ok(Service::local(path.clone(), LocalKeyService::create(&path, passphrase.as_bytes())?))
            }
            Self::Remote(remote) => remote.connect(),
        }
    }

    /// The service. One behind a network is not asked yet.
    ///
    /// # Errors
    /// When a key file does not open, or a module is not there.
    pub fn open(&self, data: &Path) -> Result<Arc<dyn KeyService>> {
        Ok(self.service(data)?.kms)
    }

    /// The same, as a host has it.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn service(&self, data: &Path) -> Result<Service> {
        match self {
            Self::Local { file, passphrase } => {
                let path = Self::path(file.as_ref(), data);
                let opened = LocalKeyService::open(&path, passphrase.as_bytes()).map_err(|why| match (why, file) {
                    (KmsError::NotAKeyFile, Some(_)) => other_file::named(&path),
                    // In its own place it was one.
                    (why, _) => {
                        let failed = Error::from(why);
                        Error { why: format!("{}: {}", path.display(), failed.why), ..failed }
                    }
                })?;
                Ok(Service::local(path, opened))
            }
            Self::Remote(remote) => remote.connect(),
        }
    }

    /// The service that has a key of this name: a key file that is just being replaced has its successor beside it.
    ///
    /// # Errors
    /// The same, and bad input for another key file than the host's.
    pub(crate) fn service_of(&self, data: &Path, key_id: &str) -> Result<Service> {
        let service = self.service(data)?;
        let (Self::Local { passphrase, .. }, Some((path, _))) = (self, &service.file) else { return Ok(service) };
        let next = next_file(path);
        if service.kms.key_id() == key_id {
            let _ = std::fs::remove_file(next);
            return Ok(service);
        }
        if next.exists() {
            let successor = LocalKeyService::open(&next, passphrase.as_bytes())?;
            if successor.key_id() == key_id {
                std::fs::rename(&next, path)?;
                files::sync_parent(path)?;
                return Ok(Service::local(path.clone(), successor));
            }
        }
        Err(Error::new(
            Kind::WrongKey,
            "This is not the key file of this host",
            format!(
                "its keys are guarded by the local key {key_id}, as keys/host.json says, and {} holds another",
                path.display()
            ),
            "give --kms local:PATH with the key file in use",
        ))
    }

    /// A service that a host is to move to: a local key file is made when there is none.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn open_or_create(&self, data: &Path) -> Result<Service> {
        if let Self::Local { file, .. } = self
            && !Self::path(file.as_ref(), data).exists()
        {
            return self.make(data);
        }
        self.service(data)
    }
}

/// Whether a service may be away and come back.
pub(crate) fn may_be_away(service: &dyn KeyService) -> bool {
    service.provider() != LOCAL
}

/// What a service's failure means for a host.
pub(crate) fn failed(service: &dyn KeyService, why: KmsError) -> Error {
    if may_be_away(service) { away(&why.to_string()) } else { why.into() }
}

/// The key service gives no key, for this reason.
pub(crate) fn away(why: &str) -> Error {
    Error::new(
        Kind::KeyService,
        "The key service gives no key",
        why,
        "it is tried again by itself; see whether the service runs and allows this host",
    )
}

/// A secret that a service wants to see.
#[derive(Clone)]
pub(crate) enum Secret {
    /// As it is.
    Text(Zeroizing<String>),
    /// The first line of a file, read anew each time: an agent may renew it.
    File(PathBuf),
}

impl Secret {
    fn read(&self) -> std::result::Result<Zeroizing<String>, KmsError> {
        let path = match self {
            Self::Text(text) => return Ok(text.clone()),
            Self::File(path) => path,
        };
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|why| std::io::Error::new(why.kind(), format!("{}: {why}", path.display())))?;
        Ok(Zeroizing::new(text.lines().next().unwrap_or_default().trim_end().to_owned()))
    }
}

/// What a wrapped key is bound to, as bytes.
fn associated(context: &WrapContext) -> Vec<u8> {
    context.to_context().as_bytes().to_vec()
}
