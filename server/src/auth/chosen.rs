//! A new password, and its hash.

use super::password::Turn;
use crate::error::Fail;
use crate::state::Workspace;
use crate::store::{View, settings};
use thechatapp_protocol::settings::PASSWORD_LENGTH;

/// How many characters a password has to have here. Whether it has is said before anything is counted: it costs nothing to see.
///
/// # Errors
/// SQLite's.
pub fn shortest(view: View<'_>) -> Result<u64, Fail> {
    settings::number(view, PASSWORD_LENGTH)
}

/// The hash of a password that somebody of this name may choose here.
///
/// # Errors
/// Bad input, with the reason.
pub async fn chosen(workspace: &Workspace, place: &Turn, password: String, name: String) -> Result<String, Fail> {
    let least = workspace.look(shortest).await?;
    let about = vec![name, workspace.name.clone(), workspace.title.clone()];
    workspace.passwords.fits(place, &password, least, about).await?;
    workspace.passwords.hash(place, password).await
}
