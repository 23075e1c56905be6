//! The key service of a single workspace. Whatever is wrong with it (no secret for it, a key file that is not there, a passphrase
//! that is another) closes that workspace and no other, and is tried again: it is opened when it is first asked, and until that
//! has come about each time it is asked.

use super::{KeySource, LOCAL, Service, local_uri};
use crate::config::{KeySection, own_variable};
use crate::error::{Error, Kind, Result};
use crate::metrics::{Figures, Watched};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thechatapp_seal::{Key, KeyService, KmsError, WrapContext};

/// A workspace's own key service.
pub(crate) struct Own {
    workspace: String,
    uri: String,
    key_id: String,
    /// The data folder, which key files are named from.
    data: PathBuf,
    section: KeySection,
    /// Whether its key guarded the host before, and may be needed by others still.
    shared: bool,
    opened: Mutex<Option<Service>>,
}

/// It, and how it is asked.
#[derive(Clone)]
pub(crate) struct OwnService {
    pub(crate) own: Arc<Own>,
    pub(crate) kms: Arc<dyn KeyService>,
}

/// Where the key file of a workspace lies, unless another place is named.
pub(crate) fn key_file(data: &Path, workspace: &str) -> PathBuf {
    data.join("keys").join(format!("workspace-{workspace}.json"))
}

/// Where one lies that was replaced, for backups that need it still.
pub(crate) fn former_file(data: &Path, workspace: &str, key_id: &str) -> PathBuf {
    data.join("keys").join(format!("former-{workspace}-{key_id}.json"))
}

/// As it is kept: a key file within the data folder is named from there, so that the folder may be moved.
pub(crate) fn kept_uri(uri: &str, data: &Path) -> String {
    let within = || {
        let file = uri.strip_prefix("local:").filter(|file| !file.is_empty())?;
        let data = std::path::absolute(data).ok()?;
        let file = data.join(file);
        Some(format!("local:{}", file.strip_prefix(&data).ok()?.display()))
    };
    within().unwrap_or_else(|| uri.to_owned())
}

/// The key service of a URI, as a workspace has it: what it wants to see is that workspace's own, and a key file is named from the
/// data folder.
///
/// # Errors
/// Usage, with what is wrong with the URI or not there.
pub(crate) fn source(uri: &str, workspace: &str, data: &Path, section: &KeySection) -> Result<KeySource> {
    let of_workspace = section.of_workspace_at(uri, workspace, |name| std::env::var(name).ok())?;
    let is_host_s = section.is_for(uri);
    if !is_host_s
        && uri.starts_with("vault+")
        && of_workspace.vault_token.is_none()
        && of_workspace.vault_token_file.is_none()
    {
        return Err(Error::new(
            Kind::Usage,
            "This key service cannot be used",
            format!(
                "there is no token for Vault in key.workspace.{workspace}, and the host's is for the host's Vault alone"
            ),
            format!("set key.workspace.{workspace}.vault_token_file"),
        ));
    }
    let handed = |name: &str| if is_host_s { super::credential(name) } else { None };
    let passphrase = || {
        let passphrase = of_workspace.passphrase.clone().filter(|passphrase| !passphrase.is_empty());
        passphrase.map(zeroize::Zeroizing::new).ok_or_else(|| {
            Error::new(
                Kind::Usage,
                "No passphrase was given",
                format!("the keys of {workspace} are in a key file of its own"),
                format!(
                    "set key.workspace.{workspace}.passphrase_file, or {}",
                    own_variable(workspace, "PASSPHRASE_FILE")
                ),
            )
        })
    };
    Ok(match KeySource::parse_with(uri, &of_workspace, &handed, passphrase)? {
        KeySource::Local { file, passphrase } => {
            let file = file.map_or_else(|| key_file(data, workspace), |file| data.join(file));
            KeySource::Local { file: Some(file), passphrase }
        }
        remote @ KeySource::Remote(_) => remote,
    })
}

impl Own {
    /// One that is opened later; `key_id` says which key it has to have.
    pub(crate) fn new(workspace: &str, uri: &str, key_id: &str, data: &Path, section: &KeySection) -> Self {
        Self {
            workspace: workspace.to_owned(),
            uri: uri.to_owned(),
            key_id: key_id.to_owned(),
            data: data.to_owned(),
            section: section.clone(),
            shared: false,
            opened: Mutex::new(None),
        }
    }

    /// The same, open already.
    pub(crate) fn opened(self, service: Service) -> Self {
        *self.opened.lock() = Some(service);
        self
    }

    /// The same, and whether its key is that of the host before.
    pub(crate) fn shared(self, shared: bool) -> Self {
        Self { shared, ..self }
    }

    /// Whether its key is not this workspace's alone.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// As the host's database names it.
    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }

    /// The same for whoever does not know the data folder; a key file in its usual place has no other name.
    pub(crate) fn uri_from_elsewhere(&self) -> String {
        match self.uri.strip_prefix("local:") {
            Some(file) if !file.is_empty() => local_uri(&self.data.join(file)),
            _ => self.uri.clone(),
        }
    }

    /// It, with its file if it has one.
    ///
    /// # Errors
    /// When it cannot be opened now.
    pub(crate) fn service(&self) -> Result<Service> {
        let mut opened = self.opened.lock();
        if let Some(service) = &*opened {
            return Ok(service.clone());
        }
        let source = source(&self.uri, &self.workspace, &self.data, &self.section)?;
        let service = source.service_of(&self.data, &self.key_id)?;
        *opened = Some(service.clone());
        Ok(service)
    }

    /// The key file, where it has one. Nothing is opened for that.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        let file = self.uri.strip_prefix("local:")?;
        Some(if file.is_empty() { key_file(&self.data, &self.workspace) } else { self.data.join(file) })
    }

    fn ready(&self) -> std::result::Result<Service, KmsError> {
        self.service().map_err(|why| std::io::Error::other(why.to_string()).into())
    }

    /// With its calls counted.
    pub(crate) fn watched(self, figures: &Arc<Figures>) -> OwnService {
        let own = Arc::new(self);
        OwnService { kms: Watched::new(own.clone(), figures.clone()), own }
    }
}

impl KeyService for Own {
    fn wrap(&self, context: &WrapContext, key: &Key) -> std::result::Result<Vec<u8>, KmsError> {
        self.ready()?.kms.wrap(context, key)
    }

    fn unwrap(&self, context: &WrapContext, wrapped: &[u8]) -> std::result::Result<Key, KmsError> {
        self.ready()?.kms.unwrap(context, wrapped)
    }

    fn provider(&self) -> &'static str {
        match self.uri.split_once(':').map_or("", |(scheme, _)| scheme) {
            "vault+https" | "vault+http" => "vault",
            "pkcs11" => "pkcs11",
            "aws-kms" => "aws-kms",
            _ => LOCAL,
        }
    }

    fn key_id(&self) -> String {
        self.key_id.clone()
    }
}
