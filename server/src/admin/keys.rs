//! Commands about keys.

use crate::config::{KeySection, OwnKeySection};
use crate::error::{Error, Kind, Result};
use crate::kms::KeySource;
use crate::rotation::{What, record_everywhere};
use crate::store::audit::{self, Act, By};
use crate::tenants::{Followed, Host, To};
use crate::time::now;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thechatapp_protocol::audit::{Class, Target};
use zeroize::Zeroizing;

/// To which key service a host is to move.
#[derive(Debug, Serialize, Deserialize)]
pub struct MoveTo {
    /// Its URI.
    pub to: String,
    /// The passphrase, for a local one.
    pub passphrase: Option<String>,
    /// What else it wants to see, as the command's surroundings say.
    pub section: Box<KeySection>,
}

/// To which key service one workspace is to move.
#[derive(Debug, Serialize, Deserialize)]
pub struct MoveOne {
    /// Which.
    pub workspace: String,
    /// Where to.
    pub to: MoveTo,
}

/// What stands for the key service of the host.
const HOST: &str = "host";

/// Moves one workspace to a key service of its own, or back to the host's.
///
/// # Errors
/// See [`crate::error::Kind`].
pub(super) async fn move_one(host: &Host, MoveOne { workspace: name, to: wanted }: MoveOne) -> Result<Value> {
    let workspace = host.workspace(&name)?;
    let mut section = *wanted.section;
    // What the command was given counts, and not what the server's surroundings say for the time after its next start.
    let own = OwnKeySection {
        passphrase: wanted.passphrase,
        vault_token: section.vault_token.clone(),
        vault_token_file: section.vault_token_file.clone(),
        pin: section.pin.clone(),
        pin_file: section.pin_file.clone(),
        ..OwnKeySection::default()
    };
    section.workspace.insert(name.clone(), own);
    let to = if wanted.to == HOST { To::Host } else { To::Own { uri: &wanted.to, section: &section } };
    let (provider, key) = tokio::task::block_in_place(|| host.move_workspace(&name, to))?;
    host.note_rotation(Some(workspace.id), What::Kms, now())?;
    if workspace.is_open() {
        let act = Act::new(Class::Key, "key.moved", Target::Workspace).after(provider);
        workspace.unguarded(move |tx| audit::record(tx, By::HOST, act)).await?;
    }
    tracing::info!(workspace = %workspace.id, provider, key, "a workspace moved to another key service");
    Ok(json!({ "workspace": name, "provider": provider, "key": key, "own": matches!(to, To::Own { .. }) }))
}

/// Moves a host to another key service.
///
/// # Errors
/// See [`crate::error::Kind`].
pub(super) async fn move_to(host: &Host, wanted: MoveTo) -> Result<Value> {
    let passphrase = wanted.passphrase.map(Zeroizing::new);
    let source = KeySource::parse(&wanted.to, &wanted.section, || {
        passphrase.ok_or_else(|| {
            Error::new(
                Kind::Usage,
                "No passphrase was given",
                "a local key service has one",
                "give --to-passphrase-file",
            )
        })
    })?;
    let Followed { workspaces, left } = tokio::task::block_in_place(|| host.move_to(&source))?;
    host.note_rotation(None, What::Kms, now())?;
    let (provider, key) = host.guarded_by();
    let moved = || Act::new(Class::Key, "key.moved", Target::Workspace).after(provider);
    record_everywhere(host, By::HOST, moved).await?;
    tracing::info!(provider, key, workspaces, ?left, "the host moved to another key service");
    Ok(json!({ "provider": provider, "key": key, "workspaces": workspaces, "left": left }))
}
