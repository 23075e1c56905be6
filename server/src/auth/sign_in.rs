//! Signing in by name and password, the same for devices and browsers: one count of failures for both, and one answer for a
//! wrong password and a name that nobody has, after the same time.

use super::lockout;
use crate::error::Fail;
use crate::state::Workspace;
use crate::store::{Tx, lockouts, people};
use crate::time::now;
use std::sync::Arc;
use thechatapp_protocol::{AccountId, Code, ErrorBody};

/// Checks a password; when it is right, runs `then` in the commit in which it counts.
///
/// # Errors
/// Denied for a wrong name or password (which of them is not said), locked out, busy, or what `then` fails with.
pub async fn by_password<T: Send + 'static>(
    workspace: &Arc<Workspace>,
    name: &str,
    password: String,
    then: impl FnOnce(&mut Tx<'_>, AccountId) -> Result<T, Fail> + Send + 'static,
) -> Result<T, Fail> {
    let name = people::tidy_name(name)?;
    let folded = people::fold(&name);
    let counted = folded.clone();
    let (account, standing) =
        workspace.look(move |view| Ok((people::account(view, &name)?, lockouts::find(view, &counted)?))).await?;
    lockout::check(standing, now())?;
    let hash = account.as_ref().and_then(|account| account.password.clone());
    let right = workspace.passwords.verify(password, hash).await?;
    let account = account.filter(|account| right && account.active);
    let signed_in = workspace
        .unguarded(move |tx| {
            let standing = lockouts::find(tx.view(), &folded)?;
            // Others may have failed while this one waited for its turn: a right guess among them is refused too.
            lockout::check(standing, now())?;
            let Some(account) = account else {
                lockouts::set(tx, &folded, lockout::after_failure(standing, now()))?;
                return Ok(None);
            };
            if standing != lockouts::Lockout::default() {
                lockouts::set(tx, &folded, lockouts::Lockout::default())?;
            }
            then(tx, account.id).map(Some)
        })
        .await?;
    // Decided after the commit, so that a failure counts although it is refused.
    signed_in.ok_or_else(|| {
        ErrorBody::new(
            Code::Denied,
            "The name or the password is wrong",
            "no account has both",
            "check both and try again",
        )
        .into()
    })
}
