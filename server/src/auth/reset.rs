//! A new password by an administrator's code.

use crate::error::Fail;
use crate::store::audit::{self, Act, By};
use crate::store::{Tx, browsers, known, people, resets};
use thechatapp_protocol::AccountId;
use thechatapp_protocol::audit::{Class, Target};

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
