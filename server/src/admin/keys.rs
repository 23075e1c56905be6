//! Commands about keys.

use crate::config::KeySection;
use crate::error::Result;
use crate::kms::KeySource;
use crate::rotation::{What, record_everywhere};
use crate::store::audit::{Act, By};
use crate::tenants::Host;
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

/// Moves a host to another key service.
///
/// # Errors
/// See [`crate::error::Kind`].
pub(super) async fn move_to(host: &Host, wanted: MoveTo) -> Result<Value> {
    let passphrase = wanted.passphrase.map(Zeroizing::new);
    let source = KeySource::parse(&wanted.to, &wanted.section, || {
        passphrase.ok_or_else(|| {
            crate::error::Error::new(
                crate::error::Kind::Usage,
                "No passphrase was given",
                "a local key service has one",
                "give --to-passphrase-file",
            )
        })
    })?;
    let workspaces = tokio::task::block_in_place(|| host.move_to(&source))?;
    host.note_rotation(None, What::Kms, now())?;
    let (provider, key) = host.guarded_by();
    let moved = || Act::new(Class::Key, "key.moved", Target::Workspace).after(provider);
    record_everywhere(host, By::HOST, moved).await?;
    tracing::info!(provider, key, workspaces, "the host moved to another key service");
    Ok(json!({ "provider": provider, "key": key, "workspaces": workspaces }))
}
