//! Proving who one is: the one path that every way in takes, whether a device enrols, a browser signs in, or somebody confirms on a
//! device of theirs. An attempt is counted as failed before anything is computed, and given back by what was no failure. One
//! answer for a wrong password and a name that nobody has, after the same time.
//!
//! What is refused costs no commit: who is shut out is seen by reading, and who finds no place among those who wait for a hash is
//! not counted. So there are no more commits than hashes, twice as many where all are right.

use super::chosen::{chosen, shortest};
use super::password::{Turn, long_enough};
use super::places::Of;
use crate::error::Fail;
use crate::network::Network;
use crate::state::Workspace;
use crate::store::audit::By;
use crate::store::factors::Shown;
use crate::store::lockouts::{self, Attempt, Who};
use crate::store::people::Account;
use crate::store::{Tx, View, devices, factors, known, people, resets};
use crate::time::now;
use std::net::IpAddr;
use std::sync::Arc;
use thechatapp_protocol::methods::people::AccountState;
use thechatapp_protocol::session::DevicePublic;
use thechatapp_protocol::{AccountId, Code, DeviceId, ErrorBody, Timestamp};

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
    /// The password, and the one that is to be.
    Change(String, String),
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

/// What was computed beside the database and is right as far as that goes.
#[derive(Default)]
struct Computed {
    /// The hash behind which the password is.
    checked: Option<String>,
    /// The hash of the password that is to be.
    hashed: Option<String>,
    /// The code that lets it.
    reset: Option<String>,
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
    let reset = if let Secret::Reset(reset, _) = &secret { Some(reset.clone()) } else { None };
    let asked = Asked { claim, with, reset };
    let (own, at) = (asked.clone(), now());
    let (of, least) = workspace
        .look(move |view| {
            let found = own.find(view, at)?;
            lockouts::refuse(view, &found.who(from), at)?;
            Ok((found.of(from), shortest(view)?))
        })
        .await?;
    if let Secret::Reset(_, new) | Secret::Change(_, new) = &secret {
        long_enough(new, least)?;
    }
    let place = workspace.passwords.place(of)?;
    // The count is on the disk before anything is computed: guesses that are made at once gain nothing, nor does a restart.
    let (found, attempt) = workspace
        .unguarded(move |tx| {
            let (at, found) = (now(), asked.find(tx.view(), now())?);
            let attempt = lockouts::count(tx, &found.who(from), from, by, at)?;
            Ok((found, attempt))
        })
        .await?;
    let id = found.account.as_ref().map(|account| account.id);
    let settled = match compute(workspace, &place, found, secret).await {
        Ok(None) => Ok(Settled::Wrong),
        Ok(Some(computed)) => {
            let counted = attempt.clone();
            workspace.unguarded(move |tx| settle(tx, id, computed, code.as_deref(), &counted, by, then)).await
        }
        Err(why) => Err(why),
    };
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
        // Such as a password that may not be chosen: only whoever has the code, or knows the old one, comes so far.
        Err(why) => Err(undo(workspace, attempt, by, why).await),
    }
}

/// Computes what a secret wants. `None` for a wrong one.
async fn compute(workspace: &Workspace, place: &Turn, found: Found, secret: Secret) -> Result<Option<Computed>, Fail> {
    let Found { account, name, fits, .. } = found;
    let hash = account.and_then(|account| account.password);
    match secret {
        Secret::Password(password) => {
            let right = workspace.passwords.verify(place, password, hash.clone()).await?;
            Ok(right.then(|| Computed { checked: hash, ..Computed::default() }))
        }
        // Codes are not guessed. Whoever has none waits for nothing, whether somebody has the name or not.
        Secret::Reset(..) if !fits => Ok(None),
        Secret::Reset(reset, new) => {
            let hashed = chosen(workspace, place, new, name).await?;
            Ok(Some(Computed { hashed: Some(hashed), reset: Some(reset), ..Computed::default() }))
        }
        Secret::Change(old, new) => {
            if !workspace.passwords.verify(place, old, hash.clone()).await? {
                return Ok(None);
            }
            let hashed = chosen(workspace, place, new, name).await?;
            Ok(Some(Computed { checked: hash, hashed: Some(hashed), reset: None }))
        }
    }
}

/// Gives an attempt back that failed by no fault of whoever made it.
async fn undo(workspace: &Workspace, attempt: Attempt, by: By, why: Fail) -> Fail {
    let back = workspace.unguarded(move |tx| lockouts::given_back(tx, &attempt, by, now())).await;
    if let Err(fault) = back {
        tracing::warn!(error = %fault, "an attempt that was no failure still counts as one");
    }
    why
}

/// Who asks to be taken for whom.
#[derive(Clone)]
struct Asked {
    claim: Claim,
    with: With,
    reset: Option<String>,
}

/// What there is to it.
struct Found {
    account: Option<Account>,
    /// The name, as it was given or as it is.
    name: String,
    folded: String,
    /// By what the account knows them.
    known: Option<Vec<u8>>,
    /// Whether they have the account's code.
    fits: bool,
}

impl Asked {
    fn find(&self, view: View<'_>, at: Timestamp) -> Result<Found, Fail> {
        let (account, name) = match &self.claim {
            Claim::Name(name) => (people::account(view, name)?, name.clone()),
            Claim::Own(person) => (people::account_by_id(view, *person)?, people::row(view, *person)?.name),
        };
        let person = account.as_ref().map(|account| account.id);
        let mut known = match (person, self.with) {
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
        let fits = match (person, &self.reset) {
            (Some(person), Some(reset)) => resets::fits(view, person, reset, at)?,
            _ => false,
        };
        if fits && let Some(reset) = &self.reset {
            // Nobody guesses such a code: whoever has it is whom it was given to, and no crowd of strangers keeps them out.
            known = Some([b"reset ", reset.trim().as_bytes()].concat());
        }
        if known.is_none() && matches!(self.claim, Claim::Own(_)) {
            // Signed out a moment ago.
            return Err(Fail::signed_out());
        }
        Ok(Found { account, folded: people::fold(&name), name, known, fits })
    }
}

impl Found {
    fn who(&self, from: IpAddr) -> Who<'_> {
        let person = self.account.as_ref().map(|account| account.id);
        match (&self.known, person) {
            (Some(what), Some(person)) => Who::Known { person, what },
            _ => Who::Stranger { folded: &self.folded, person, from },
        }
    }

    fn of(&self, from: IpAddr) -> Of {
        match &self.account {
            Some(account) if self.known.is_some() => Of::Account(account.id),
            _ => Of::Stranger(Network::of(from)),
        }
    }
}

fn settle<T>(
    tx: &mut Tx<'_>,
    id: Option<AccountId>,
    computed: Computed,
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
    let Some(account) = account else { return Ok(Settled::Wrong) };
    let right = match &computed.reset {
        Some(reset) => resets::fits(tx.view(), account.id, reset, at)?,
        None => account.password == computed.checked,
    };
    if !right {
        return Ok(Settled::Wrong);
    }
    match factors::show(tx, account.id, code, at)? {
        Shown::NotWanted | Shown::Right => {}
        Shown::Missing => {
            // Not a success: it would forget the codes that were guessed before.
            lockouts::given_back(tx, attempt, by, at)?;
            return Ok(Settled::CodeMissing);
        }
        Shown::Wrong => return Ok(Settled::CodeWrong),
    }
    lockouts::succeeded(tx, attempt, by, at)?;
    match (computed.reset, computed.hashed) {
        (Some(_), Some(hash)) => super::reset::used(tx, account.id, &hash, by)?,
        (None, Some(hash)) => people::set_password(tx, account.id, Some(&hash))?,
        _ => {}
    }
    then(tx, account.id).map(Settled::In)
}
