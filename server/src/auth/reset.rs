//! A new password by an administrator's code, and what goes with it when somebody has lost what they sign in with.

use crate::error::Fail;
use crate::store::audit::{self, Act, By};
use crate::store::{Tx, browsers, devices, factors, known, lockouts, people, resets};
use crate::time::now;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::methods::people::AccountState;
use thechatapp_protocol::{AccountId, Code, DeviceId, ErrorBody, Timestamp};

/// Makes a code good for a person, in place of an earlier one, and forgets what was guessed. The answer is until when it is good.
///
/// # Errors
/// Not found where there is no account, conflict where it is not active.
pub fn issue(tx: &mut Tx<'_>, person: AccountId, code: &str, by: By) -> Result<Timestamp, Fail> {
    let standing = people::standing(tx.view(), person)?;
    if standing.imported {
        return Err(Fail::not_found("This person has no account"));
    }
    if standing.state != AccountState::Active {
        return Err(not_in_state("There is no password to be reset", standing.state));
    }
    let expires = resets::issue(tx, person, code, now())?;
    audit::record(tx, by, Act::new(Class::Account, "reset.issued", Target::Person(person)))?;
    unlock(tx, person, by)?;
    Ok(expires)
}

/// Forgets failed attempts to sign in to an account. Answers whether there were any.
///
/// # Errors
/// SQLite's.
pub fn unlock(tx: &mut Tx<'_>, person: AccountId, by: By) -> Result<bool, Fail> {
    let name = people::row(tx.view(), person)?.name;
    let was = lockouts::forget(tx, person, &people::fold(&name))?;
    if was {
        audit::record(tx, by, Act::new(Class::Access, "lockout.cleared", Target::Person(person)))?;
    }
    Ok(was)
}

/// Takes a second factor away. Answers whether there was one in force.
///
/// # Errors
/// SQLite's.
pub fn remove_factor(tx: &mut Tx<'_>, person: AccountId, by: By) -> Result<bool, Fail> {
    let was = factors::remove(tx, person)?;
    if was {
        audit::record(tx, by, Act::new(Class::Account, "totp.removed", Target::Person(person)))?;
    }
    Ok(was)
}

/// Revokes somebody's devices and ends their browsers' sessions, but for one. Answers how many.
///
/// # Errors
/// SQLite's.
pub fn sign_out(tx: &mut Tx<'_>, person: AccountId, except: Option<DeviceId>, by: By) -> Result<u32, Fail> {
    let revoked = devices::revoke_all(tx, person, except)?;
    known::forget(tx, person)?;
    for device in &revoked {
        audit::record(tx, by, Act::new(Class::Device, "device.revoked", Target::Device(*device)))?;
    }
    Ok(u32::try_from(revoked.len()).unwrap_or(u32::MAX))
}

/// What is answered where an account is not as it has to be.
pub fn not_in_state(what: &str, state: AccountState) -> Fail {
    ErrorBody::new(Code::Conflict, what, format!("the account is {}", state.name()), "look at it with account.get")
        .into()
}

/// The code was right: it is used up, the new password counts, and whoever signed in by a browser with the old one has to do so
/// again. The second factor stays, and so do devices, which sign in by their keys.
///
/// # Errors
/// SQLite's.
pub fn used(tx: &mut Tx<'_>, person: AccountId, hash: &str, by: By) -> Result<(), Fail> {
    resets::remove(tx, person)?;
    people::set_password(tx, person, Some(hash))?;
    known::forget(tx, person)?;
    browsers::end_all(tx, person)?;
    audit::record(tx, by, Act::new(Class::Account, "password.reset", Target::Person(person)))
}
