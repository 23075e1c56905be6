//! `[key.workspace.NAME]`: what the key service of a single workspace wants to see.

use super::KeySection;
use crate::error::{Error, Result};
use crate::kms;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Of one workspace. What is absent is as in `[key]`, if its key service is where the host's is.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnKeySection {
    /// The passphrase of its key file. Better in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<String>,
    /// A file with it, read whenever the key file is opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<PathBuf>,
    /// The token for Vault. Better in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_token: Option<String>,
    /// A file with the token for Vault, read anew for each call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_token_file: Option<PathBuf>,
    /// The PIN of a PKCS #11 token. Better in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// A file with the PIN, read anew for each login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin_file: Option<PathBuf>,
}

impl std::fmt::Debug for OwnKeySection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnKeySection(..)")
    }
}

impl OwnKeySection {
    /// Its secrets, where they stand in the configuration itself.
    pub(super) fn secrets(&mut self) -> impl Iterator<Item = &mut String> {
        [&mut self.passphrase, &mut self.vault_token, &mut self.pin].into_iter().flatten()
    }
}

fn first_line(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).map_err(|why| {
        Error::bad_input(
            "A file with a secret cannot be read",
            format!("{}: {why}", path.display()),
            "check its name and rights",
        )
    })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

impl KeySection {
    /// Whether what `[key]` says is also for this key service: it is where the host's is. Whoever runs another one must not see
    /// what opens the host's.
    pub(crate) fn is_for(&self, uri: &str) -> bool {
        self.kms.as_deref().and_then(kms::place).is_some_and(|place| kms::place(uri) == Some(place))
    }

    /// The section as it counts for this key service of one workspace.
    ///
    /// # Errors
    /// As below.
    pub(crate) fn of_workspace_at(
        &self,
        uri: &str,
        name: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        if self.is_for(uri) {
            return self.of_workspace(name, variable);
        }
        let none = Self {
            passphrase: None,
            vault_token: None,
            vault_token_file: None,
            pin: None,
            pin_file: None,
            ..self.clone()
        };
        none.of_workspace(name, variable)
    }

    /// The section as it counts for the key service of one workspace: what `[key.workspace.NAME]` says, then the environment
    /// (`THECHATAPP_KEY_WORKSPACE_<NAME>_<KEY>`, a hyphen as `_`), then `[key]` itself.
    ///
    /// # Errors
    /// Bad input when the file with the passphrase cannot be read.
    pub fn of_workspace(&self, name: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let own = self.workspace.get(name).cloned().unwrap_or_default();
        let variable = |key: &str| variable(&own_variable(name, key));
        let mut section = Self { workspace: std::collections::BTreeMap::new(), ..self.clone() };
        // What is said in one place is said in one form: a file there is not outdone by a text elsewhere.
        let pair = |text: Option<String>, file: Option<PathBuf>, key: &str| match (text, file) {
            (None, None) => {
                let file = variable(&format!("{key}_FILE")).map(PathBuf::from);
                Some((variable(key), file)).filter(|(text, file)| text.is_some() || file.is_some())
            }
            said => Some(said),
        };
        if let Some((text, file)) = pair(own.passphrase, own.passphrase_file, "PASSPHRASE") {
            section.passphrase = match text {
                Some(text) => Some(text),
                None => file.as_deref().map(first_line).transpose()?,
            };
        }
        if let Some(said) = pair(own.vault_token, own.vault_token_file, "VAULT_TOKEN") {
            (section.vault_token, section.vault_token_file) = said;
        }
        if let Some(said) = pair(own.pin, own.pin_file, "PIN") {
            (section.pin, section.pin_file) = said;
        }
        Ok(section)
    }
}

/// The variable of the environment for a secret of a workspace's own key service.
pub(crate) fn own_variable(workspace: &str, key: &str) -> String {
    format!("THECHATAPP_KEY_WORKSPACE_{}_{key}", workspace.to_uppercase().replace('-', "_"))
}
