//! Proving who one is: the one path that every way in takes, whether a device enrols, a browser signs in, or somebody confirms on a
//! device of theirs. An attempt is counted as failed before anything is computed, and given back by what was no failure. One
//! answer for a wrong password and a name that nobody has, after the same time.

use crate::error::Fail;
use crate::state::Workspace;
use crate::store::audit::By;
use crate::store::factors::Shown;
use crate::store::lockouts::{self, Attempt, Who};
use crate::store::people::Account;
use crate::store::{Tx, devices, factors, known, people, resets, settings};
use crate::time::now;
use std::net::IpAddr;
use std::sync::Arc;
use thechatapp_protocol::methods::people::AccountState;
use thechatapp_protocol::session::DevicePublic;
use thechatapp_protocol::settings::PASSWORD_LENGTH;
use thechatapp_protocol::{AccountId, Code, DeviceId, ErrorBody};

/// Who somebody says they are.
#[derive(Clone, Debug)]
pub enum Claim {
    /// Whoever has this name.
    Name(String),
    /// Whose device or browser this is.
    Own(AccountId),
}

/// What they come with, by which an account may know them.
#[derive(Clone, Copy, Debug)]
pub enum With {
    /// A device's key, enrolled or not.
    Key(DevicePublic),
    /// An enrolled device, or a browser that is signed in.
    Device(DeviceId),
    /// The hash of the cookie of a browser that was signed in before.
    Browser([u8; 32]),
    /// Nothing.
    Nothing,
}

/// What is to prove it.
pub enum Secret {
    /// The password.
    Password(String),
    /// A code that an administrator gave, and the password that is to be.
    Reset(String, String),
}

/// An attempt to prove who one is.
pub struct Proof {
    /// Who they say they are.
    pub claim: Claim,
    /// What they come with.
    pub with: With,
    /// From where.
    pub from: IpAddr,
    /// What is to prove it.
    pub secret: Secret,
    /// The code of their second factor.
    pub code: Option<String>,
    /// Who acts, for the audit log.
    pub by: By,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof").field("with", &self.with).field("from", &self.from).finish_non_exhaustive()
    }
}

/// What was computed beside the database.
enum Computed {
    /// Whether the password is the one behind this hash.
    Checked(bool, Option<String>),
    /// The hash of the password that is to be, and the code that lets it.
    Hashed(String, String),
}

enum Settled<T> {
    In(T),
    Wrong,
    CodeMissing,
    CodeWrong,
}

/// Checks a proof; when it is right, runs `then` in the commit in which it counts.
///
/// # Errors
/// Denied for a wrong name, password or code, second factor when only its code is missing, locked out, busy, or what `then` fails
/// with.
pub async fn prove<T: Send + 'static>(
    workspace: &Arc<Workspace>,
    proof: Proof,
    then: impl FnOnce(&mut Tx<'_>, AccountId) -> Result<T, Fail> + Send + 'static,
) -> Result<T, Fail> {
    let own = workspace.clone();
    // A task of its own: whoever asks and goes away leaves no attempt that is counted and never settled.
    tokio::spawn(async move { prove_to_the_end(&own, proof, then).await })
        .await
        .unwrap_or(Err(Fail::Broken("a sign-in that did not end")))
}

async fn prove_to_the_end<T: Send + 'static>(
    workspace: &Arc<Workspace>,
    proof: Proof,
    then: impl FnOnce(&mut Tx<'_>, AccountId) -> Result<T, Fail> + Send + 'static,
) -> Result<T, Fail> {
    let Proof { claim, with, from, secret, code, by } = proof;
    let claim = match claim {
        Claim::Name(name) => Claim::Name(people::tidy_name(&name)?),
        own @ Claim::Own(_) => own,
    };
    let name = if let Claim::Name(name) = &claim { name.clone() } else { String::new() };
    // The count is on the disk before anything is computed: guesses that are made at once gain nothing, nor does a restart.
    let (account, attempt) = workspace.unguarded(move |tx| begin(tx, &claim, with, from)).await?;
    let reset = if let Secret::Reset(reset, _) = &secret { Some(reset.clone()) } else { None };
    let computed = match secret {
        Secret::Password(password) => {
            let hash = account.as_ref().and_then(|account| account.password.clone());
            workspace.passwords.verify(password, hash.clone()).await.map(|right| Computed::Checked(right, hash))
        }
        // Looked at after the count, as all that costs time: nobody gets more of it than attempts.
        Secret::Reset(reset, password) => match may_choose(workspace, &password, name).await {
            Ok(()) => workspace.passwords.hash(password).await.map(|hash| Computed::Hashed(hash, reset)),
            Err(why) => Err(why),
        },
    };
    let computed = match computed {
        Ok(computed) => computed,
        Err(why) => {
            // A password that may not be chosen is given back to whoever has the code: to others it is an attempt like any.
            return Err(match reset {
                Some(reset) if !has_code(workspace, account.map(|account| account.id), &reset).await? => why,
                _ => undo(workspace, attempt, why).await,
            });
        }
    };
    let id = account.map(|account| account.id);
    let counted = attempt.clone();
    let settled = workspace.unguarded(move |tx| settle(tx, id, &computed, code.as_deref(), &counted, by, then)).await;
    match settled {
        Ok(Settled::In(done)) => Ok(done),
        Ok(Settled::Wrong) => Err(ErrorBody::new(
            Code::Denied,
            "The name or the password is wrong",
            "no account has both",
            "check both and try again",
        )
        .into()),
        Ok(Settled::CodeWrong) => Err(ErrorBody::new(
            Code::Denied,
            "The code is wrong",
            "it is not the one that the authenticator shows now, or was used already",
            "wait for the next one, or use a recovery code",
        )
        .into()),
        Ok(Settled::CodeMissing) => Err(ErrorBody::new(
            Code::SecondFactor,
            "The code of the second factor is wanted",
            "this account has one",
            "give the code that the authenticator shows, or a recovery code",
        )
        .into()),
        Err(why) => Err(undo(workspace, attempt, why).await),
    }
}

/// Whether somebody of this name may choose this password here.
///
/// # Errors
/// Bad input, with the reason; busy when too many wait.
pub async fn may_choose(workspace: &Workspace, password: &str, name: String) -> Result<(), Fail> {
    let shortest = workspace.look(|view| settings::number(view, PASSWORD_LENGTH)).await?;
    let about = vec![name, workspace.name.clone(), workspace.title.clone()];
    workspace.passwords.fits(password, shortest, about).await
}

/// Whether a reset code is this account's.
async fn has_code(workspace: &Workspace, person: Option<AccountId>, reset: &str) -> Result<bool, Fail> {
    let Some(person) = person else { return Ok(false) };
    let reset = reset.to_owned();
    workspace.look(move |view| resets::fits(view, person, &reset, now())).await
}

/// Gives an attempt back that failed by no fault of whoever made it.
async fn undo(workspace: &Workspace, attempt: Attempt, why: Fail) -> Fail {
    let back = workspace.unguarded(move |tx| lockouts::given_back(tx, &attempt, now())).await;
    if let Err(fault) = back {
        tracing::warn!(error = %fault, "an attempt that was no failure still counts as one");
    }
    why
}

fn begin(tx: &Tx<'_>, claim: &Claim, with: With, from: IpAddr) -> Result<(Option<Account>, Attempt), Fail> {
    let (view, at) = (tx.view(), now());
    let account = match claim {
        Claim::Name(name) => people::account(view, name)?,
        Claim::Own(person) => people::account_by_id(view, *person)?,
    };
    let person = account.as_ref().map(|account| account.id);
    let what = match (person, with) {
        (Some(person), With::Key(key)) => devices::by_key(view, &key)?
            .filter(|(_, of)| *of == person)
            .filter(|(device, _)| devices::owner(view, *device).is_ok_and(|owner| owner == Some(person)))
            .map(|(device, _)| device.as_bytes().to_vec()),
        (Some(person), With::Device(device)) if devices::owner(view, device)? == Some(person) => {
            Some(device.as_bytes().to_vec())
        }
        (Some(person), With::Browser(token)) if known::is(view, person, &token, at)? => Some(token.to_vec()),
        _ => None,
    };
    let folded;
    let who = match (&what, person, claim) {
        (Some(what), Some(person), _) => Who::Known { person, what },
        (_, _, Claim::Name(name)) => {
            folded = people::fold(name);
            Who::Stranger { folded: &folded, person, from }
        }
        // Signed out a moment ago.
        (_, _, Claim::Own(_)) => return Err(Fail::signed_out()),
    };
    let attempt = lockouts::count(tx, &who, from, at)?;
    Ok((account, attempt))
}

fn settle<T>(
    tx: &mut Tx<'_>,
    id: Option<AccountId>,
    computed: &Computed,
    code: Option<&str>,
    attempt: &Attempt,
    by: By,
    then: impl FnOnce(&mut Tx<'_>, AccountId) -> Result<T, Fail>,
) -> Result<Settled<T>, Fail> {
    let at = now();
    // As it is now: it may have been suspended, or its password changed, while the hash was computed.
    let account = match id {
        Some(id) => people::account_by_id(tx.view(), id)?.filter(|account| account.state == AccountState::Active),
        None => None,
    };
    let right = match (&account, computed) {
        (Some(account), Computed::Checked(right, hash)) => *right && account.password == *hash,
        (Some(account), Computed::Hashed(_, reset)) => resets::fits(tx.view(), account.id, reset, at)?,
        (None, _) => false,
    };
    let Some(account) = account.filter(|_| right) else {
        lockouts::failed(tx, attempt, by)?;
        return Ok(Settled::Wrong);
    };
    match factors::show(tx, account.id, code, at)? {
        Shown::NotWanted | Shown::Right => {}
        Shown::Missing => {
            // Not a success: it would forget the codes that were guessed before.
            lockouts::given_back(tx, attempt, at)?;
            return Ok(Settled::CodeMissing);
        }
        Shown::Wrong => {
            lockouts::failed(tx, attempt, by)?;
            return Ok(Settled::CodeWrong);
        }
    }
    lockouts::succeeded(tx, attempt, by, at)?;
    if let Computed::Hashed(hash, _) = computed {
        super::reset::used(tx, account.id, hash, by)?;
    }
    then(tx, account.id).map(Settled::In)
}
