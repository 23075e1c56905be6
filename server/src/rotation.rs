//! Which keys can be rotated, how each is, and when it is due by itself.

mod background;

pub use background::{on_schedule, reseal_in_background};

use crate::config::RotateDays;
use crate::error::{Error, Result};
use crate::identity_keys::{Identity, Rotation};
use crate::store::audit::{self, Act, By};
use crate::tenants::{Followed, Host};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use thechatapp_protocol::Timestamp;
use thechatapp_protocol::audit::{Class, Target};
use zeroize::Zeroizing;

/// What can be rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Session keys of the server.
    Session,
    /// The identity root.
    Identity,
    /// The keys of channels; older texts are sealed again.
    Channels,
    /// The workspace key.
    Workspace,
    /// What the key service wraps, of the whole host.
    Kms,
    /// The database's key.
    Database,
}

/// All of them, in the order in which they are taken when several are due.
const ALL: [What; 6] = [What::Session, What::Channels, What::Workspace, What::Kms, What::Database, What::Identity];

const DAY: i64 = 24 * 60 * 60 * 1000;

impl What {
    /// Its name on the command line, in the configuration and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Identity => "identity",
            Self::Channels => "channels",
            Self::Workspace => "workspace",
            Self::Kms => "kms",
            Self::Database => "database",
        }
    }

    /// What a name stands for.
    ///
    /// # Errors
    /// Bad input for any other.
    pub fn named(name: &str) -> Result<Self> {
        ALL.into_iter().find(|what| what.name() == name).ok_or_else(|| {
            Error::bad_input(
                "These keys cannot be rotated",
                format!("{name} is not known here"),
                "give --what session, identity, channels, workspace, kms or database",
            )
        })
    }

    fn days(self, days: &RotateDays) -> Option<u32> {
        match self {
            Self::Session => days.session,
            Self::Identity => days.identity,
            Self::Channels => days.channels,
            Self::Workspace => days.workspace,
            Self::Kms => days.kms,
            Self::Database => days.database,
        }
    }
}

/// The first that is due at a time: `last` tells when each was rotated, and `made` counts for those that never were.
pub fn due(days: &RotateDays, last: &BTreeMap<String, Timestamp>, made: Timestamp, at: Timestamp) -> Option<What> {
    ALL.into_iter().find(|what| {
        let since = last.get(what.name()).copied().unwrap_or(made);
        what.days(days).is_some_and(|days| at.0.saturating_sub(since.0) >= i64::from(days).saturating_mul(DAY))
    })
}

/// Rotates keys of a workspace, or with [`What::Kms`] of the host unless the workspace has a key service of its own, and remembers
/// that it was done at this time.
///
/// # Errors
/// See [`crate::error::Kind`].
pub async fn rotate(
    host: &Host,
    workspace: Option<&str>,
    what: What,
    passphrase: Option<&Zeroizing<String>>,
    at: Timestamp,
    by: By,
) -> Result<Value> {
    if passphrase.is_some() && what != What::Kms {
        return Err(Error::bad_input(
            "A passphrase means nothing here",
            "only --what kms changes what it opens",
            "leave --new-passphrase-file out",
        ));
    }
    if what == What::Kms {
        // The key service may take its time.
        if let Some(workspace) = workspace.and_then(|name| host.find(name)).filter(|one| one.own().is_some()) {
            tokio::task::block_in_place(|| host.rotate_own_kms(&workspace.name, passphrase))?;
            if workspace.is_open() {
                let act = Act::new(Class::Key, "key.rotated", Target::Workspace).after(what.name());
                workspace.unguarded(move |tx| audit::record(tx, by, act)).await?;
            }
            host.note_rotation(Some(workspace.id), what, at)?;
            tracing::info!(workspace = %workspace.id, what = what.name(), "keys were rotated");
            return Ok(
                json!({ "what": what.name(), "epoch": host.generation(), "resealed": 0, "workspaces": 1, "left": [] }),
            );
        }
        let Followed { workspaces, left } = tokio::task::block_in_place(|| host.rotate_kms(passphrase))?;
        host.note_rotation(None, what, at)?;
        record_everywhere(host, by, || Act::new(Class::Key, "key.rotated", Target::Workspace).after(what.name()))
            .await?;
        return Ok(
            json!({ "what": what.name(), "epoch": host.generation(), "resealed": 0, "workspaces": workspaces, "left": left }),
        );
    }
    let name = workspace.ok_or_else(|| {
        Error::bad_input("No workspace was given", "these keys are a workspace's own", "give --workspace NAME")
    })?;
    let workspace = host.workspace(name)?;
    let rotated = move || Act::new(Class::Key, "key.rotated", Target::Workspace).after(what.name());
    let mut paused = None;
    let epoch = match what {
        What::Session | What::Identity => {
            let rotation = if what == What::Session { Rotation::Session } else { Rotation::Root };
            workspace
                .change_identity(move |identity: &Identity, db, keyring| {
                    let next = identity.rotated(db, keyring, rotation)?;
                    audit::record_in(db, keyring, by, rotated())?;
                    let epoch = next.document().epoch;
                    Ok((Some(next), epoch))
                })
                .await?
        }
        What::Channels => workspace.rotate_channels().await?,
        What::Workspace => tokio::task::block_in_place(|| host.rotate_workspace_key(name))?,
        What::Database | What::Kms => {
            paused = Some(tokio::task::block_in_place(|| host.rotate_database_key(name))?);
            workspace.keys().epoch
        }
    };
    if !matches!(what, What::Session | What::Identity) {
        workspace.unguarded(move |tx| audit::record(tx, by, rotated())).await?;
    }
    host.note_rotation(Some(workspace.id), what, at)?;
    tracing::info!(workspace = %workspace.id, what = what.name(), epoch, "keys were rotated");
    let mut done = json!({ "what": what.name(), "epoch": epoch, "resealed": 0 });
    if let (Some(paused), Value::Object(fields)) = (paused, &mut done) {
        fields.insert("paused_ms".to_owned(), json!(u64::try_from(paused.as_millis()).unwrap_or(u64::MAX)));
    }
    Ok(done)
}

/// Writes down in each workspace that is open what happened to the host as a whole.
///
/// # Errors
/// When a database fails.
pub(crate) async fn record_everywhere(host: &Host, by: By, act: impl Fn() -> Act) -> Result<()> {
    for workspace in host.workspaces().into_iter().filter(|workspace| workspace.is_open()) {
        let act = act();
        match workspace.unguarded(move |tx| audit::record(tx, by, act)).await {
            // It turned out to be damaged, as the log says, which its neighbours are not.
            Err(_) if !workspace.is_open() => {}
            done => done?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
