//! The workspace's identity, as it is changed and served.

use super::{Parts, Workspace, damage};
use crate::error::Result;
use crate::identity_keys::Identity;
use crate::keyring::Keyring;
use rusqlite::Connection;
use std::sync::{Arc, PoisonError};

impl Workspace {
    /// Changes the identity in one transaction; what `change` answers is served from its commit on.
    ///
    /// # Errors
    /// The change's own, or that of the commit.
    pub(crate) async fn change_identity<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Identity, &Connection, &Keyring) -> Result<(Option<Identity>, T)> + Send + 'static,
    ) -> Result<T> {
        let (parts, face) = (self.parts()?, self.face.clone());
        let changed = parts.clone();
        // Read and replaced on the writer's thread: of two changes at once the second builds on the first.
        let done = parts
            .writer
            .apart(move |db| {
                let Parts { identity, keyring, .. } = &*changed;
                let current = identity.read().unwrap_or_else(PoisonError::into_inner).clone();
                let done = in_one_step(db, |step| change(&current, step, keyring)).map(|(next, answer)| {
                    if let Some(next) = next {
                        *face.write().unwrap_or_else(PoisonError::into_inner) = Some(next.face());
                        *identity.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
                    }
                    answer
                });
                damage::told(db, done)
            })
            .await;
        self.noticed(done)?
    }
}

fn in_one_step<T>(db: &mut Connection, change: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    let step = db.transaction()?;
    let done = change(&step)?;
    step.commit()?;
    Ok(done)
}
