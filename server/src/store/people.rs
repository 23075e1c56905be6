//! People: those with an account, and those who only exist in imported history.
//!
//! A name is unique when folded (case, accents' composition, width). A real account always gets the name it asks for over
//! an imported person, who is then shown as `name (imported)`.

use super::{Tx, View, signed, unsigned};
use crate::error::Fail;
use crate::hub::Audience;
use crate::time::now;
use rusqlite::OptionalExtension;
use thechatapp_protocol::event::PersonRow;
use thechatapp_protocol::methods::people::AccountState;
use thechatapp_protocol::permission::{Powers, Rank};
use thechatapp_protocol::{AccountId, Row, Timestamp};
use unicode_normalization::UnicodeNormalization;

/// Longest name, in characters.
pub const NAME_MAX: usize = 64;

/// An account as sign-in sees it.
#[derive(Clone, Debug)]
pub struct Account {
    /// Whose.
    pub id: AccountId,
    /// The password's hash in PHC form.
    pub password: Option<String>,
    /// Where it stands.
    pub state: AccountState,
}

/// What is kept of an account besides its name.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Where it stands.
    pub state: AccountState,
    /// Its rank.
    pub rank: Rank,
    /// Its powers.
    pub powers: Powers,
    /// When it was made.
    pub created: Timestamp,
    /// Whether somebody of imported history, who has no account.
    pub imported: bool,
}

/// A name as it is kept: composed (NFC), trimmed, inner spaces single.
///
/// # Errors
/// Bad input for an empty or long one, or one with characters that are not seen.
pub fn tidy_name(name: &str) -> Result<String, Fail> {
    let tidy = name.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect::<String>();
    let refuse = |why: &str| Err(Fail::bad_input("This name cannot be used", why, "choose another name"));
    if tidy.is_empty() {
        return refuse("it is empty");
    }
    if tidy.chars().count() > NAME_MAX {
        return refuse("it has more than 64 characters");
    }
    if tidy.chars().any(|c| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    }) {
        return refuse("it has characters that are not seen");
    }
    if tidy.starts_with(['@', '#']) {
        return refuse("it begins with @ or #");
    }
    Ok(tidy)
}

/// The form in which two names are the same.
pub fn fold(name: &str) -> String {
    caseless::default_case_fold_str(&name.nfkc().collect::<String>()).nfkc().collect()
}

/// One person.
///
/// # Errors
/// Not found.
pub fn row(view: View<'_>, id: AccountId) -> Result<PersonRow, Fail> {
    let found = view
        .db
        .prepare_cached(
            "SELECT name, revision, imported_from IS NOT NULL, active, change, rank FROM people WHERE id = ?1",
        )?
        .query_row([id.as_bytes()], |row| {
            let rank = Rank::from_stored(row.get(5)?);
            Ok((
                row.get::<_, Vec<u8>>(0)?,
                row.get::<_, i64>(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get::<_, i64>(4)?,
                rank,
            ))
        })
        .optional()?;
    let Some((name, revision, imported, active, change, rank)) = found else {
        return Err(Fail::not_found("No such person"));
    };
    let name = view.keyring.open_name(id, unsigned(revision), &name)?;
    Ok(PersonRow { id, name, imported, active, rank, change: unsigned(change) })
}

/// The account of a name, imported people left out.
///
/// # Errors
/// SQLite's.
pub fn account(view: View<'_>, name: &str) -> Result<Option<Account>, Fail> {
    let hash = view.keyring.name_hash("person", &fold(name));
    let found = view
        .db
        .prepare_cached("SELECT id, password, state FROM people WHERE name_hash = ?1 AND imported_from IS NULL")?
        .query_row([hash], account_of)
        .optional()?;
    Ok(found)
}

/// The account of an id, imported people left out.
///
/// # Errors
/// SQLite's.
pub fn account_by_id(view: View<'_>, id: AccountId) -> Result<Option<Account>, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT id, password, state FROM people WHERE id = ?1 AND imported_from IS NULL")?
        .query_row([id.as_bytes()], account_of)
        .optional()?;
    Ok(found)
}

fn account_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Account> {
    let state = AccountState::from_stored(row.get(2)?);
    Ok(Account { id: AccountId::from_bytes(row.get(0)?), password: row.get(1)?, state })
}

/// How an account stands.
///
/// # Errors
/// Not found.
pub fn standing(view: View<'_>, id: AccountId) -> Result<Standing, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT state, rank, powers, created, imported_from IS NOT NULL FROM people WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| {
            Ok(Standing {
                state: AccountState::from_stored(row.get(0)?),
                rank: Rank::from_stored(row.get(1)?),
                powers: Powers(row.get(2)?),
                created: Timestamp(row.get(3)?),
                imported: row.get(4)?,
            })
        })
        .optional()?;
    found.ok_or_else(|| Fail::not_found("No such person"))
}

/// Sets where an account stands, and tells everybody whether it is one that is used.
///
/// # Errors
/// Not found.
pub fn set_state(tx: &mut Tx<'_>, id: AccountId, state: AccountState) -> Result<PersonRow, Fail> {
    let change = tx.change();
    let active = state == AccountState::Active;
    tx.db.prepare_cached("UPDATE people SET state = ?2, active = ?3, change = ?4 WHERE id = ?1")?.execute((
        id.as_bytes(),
        state as u8,
        active,
        signed(change),
    ))?;
    let row = row(tx.view(), id)?;
    tx.tell(Row::Person(row.clone()), Audience::Everyone);
    Ok(row)
}

/// Sets the hash of an account's password; without one nobody signs in by it.
///
/// # Errors
/// SQLite's.
pub fn set_password(tx: &Tx<'_>, id: AccountId, password: Option<&str>) -> Result<(), Fail> {
    tx.db.prepare_cached("UPDATE people SET password = ?2 WHERE id = ?1")?.execute((id.as_bytes(), password))?;
    Ok(())
}

/// Makes an account and lets it join the channels that everybody but guests is in.
///
/// # Errors
/// Conflict when the name is taken by another account.
pub fn create(tx: &mut Tx<'_>, id: AccountId, name: &str, password: &str, rank: Rank) -> Result<PersonRow, Fail> {
    insert_account(tx, id, name, Some(password), rank, AccountState::Active)?;
    let row = row(tx.view(), id)?;
    tx.tell(Row::Person(row.clone()), Audience::Everyone);
    arrive(tx, id)?;
    Ok(row)
}

/// Makes an account that waits for the person whose name it has.
///
/// # Errors
/// Conflict when the name is taken by another account.
pub fn invite(tx: &mut Tx<'_>, id: AccountId, name: &str, rank: Rank) -> Result<PersonRow, Fail> {
    insert_account(tx, id, name, None, rank, AccountState::Invited)?;
    let row = row(tx.view(), id)?;
    tx.tell(Row::Person(row.clone()), Audience::Everyone);
    Ok(row)
}

/// The person whom an account waits for has come.
///
/// # Errors
/// Denied when it does not wait any longer.
pub fn accept(tx: &mut Tx<'_>, id: AccountId, password: &str) -> Result<PersonRow, Fail> {
    if standing(tx.view(), id)?.state != AccountState::Invited {
        return Err(super::invites::not_valid());
    }
    set_password(tx, id, Some(password))?;
    let row = set_state(tx, id, AccountState::Active)?;
    arrive(tx, id)?;
    Ok(row)
}

/// Lets somebody join the channels that everybody is in. A guest is in those alone that somebody let them into.
fn arrive(tx: &mut Tx<'_>, id: AccountId) -> Result<(), Fail> {
    if standing(tx.view(), id)?.rank != Rank::Guest {
        for channel in super::channels::for_everybody(tx.view())? {
            // Whom an account waits for may be banned already.
            if !super::bans::stands(tx.view(), channel.id, id)? {
                super::members::set(tx, channel, id, true)?;
            }
        }
    }
    Ok(())
}

/// Whether nobody has this name whose account it is.
///
/// # Errors
/// Conflict when somebody has.
pub fn is_free(view: View<'_>, name: &str) -> Result<(), Fail> {
    if account(view, name)?.is_none() {
        return Ok(());
    }
    Err(thechatapp_protocol::ErrorBody::new(
        thechatapp_protocol::Code::Conflict,
        "This name is taken",
        "somebody in this workspace goes by it",
        "choose another name",
    )
    .into())
}

fn insert_account(
    tx: &mut Tx<'_>,
    id: AccountId,
    name: &str,
    password: Option<&str>,
    rank: Rank,
    state: AccountState,
) -> Result<(), Fail> {
    is_free(tx.view(), name)?;
    make_room(tx, name)?;
    let change = tx.change();
    insert(tx, New { id, name, imported_from: None, password, rank, state, change })
}

/// The imported person of a name in imported history, made when there is none. The answer says whether it was made.
///
/// # Errors
/// SQLite's.
pub fn imported(tx: &mut Tx<'_>, nick: &str) -> Result<(AccountId, bool), Fail> {
    let from = tx.keyring.name_hash("imported", nick);
    let id = imported_id(&from);
    let known: Option<i64> = tx
        .db
        .prepare_cached("SELECT 1 FROM people WHERE imported_from = ?1")?
        .query_row([from], |row| row.get(0))
        .optional()?;
    if known.is_some() {
        return Ok((id, false));
    }
    let name = free_name(tx, nick)?;
    let change = tx.change();
    let (from, state) = (Some(&from), AccountState::Deleted);
    insert(tx, New { id, name: &name, imported_from: from, password: None, rank: Rank::Member, state, change })?;
    tx.tell(
        Row::Person(PersonRow { id, name, imported: true, active: false, rank: Rank::Member, change }),
        Audience::Everyone,
    );
    Ok((id, true))
}

/// The id of an imported person: the same whenever the same name is imported.
pub fn imported_id(from: &[u8; 32]) -> AccountId {
    let mut random = [0; 10];
    for (to, byte) in random.iter_mut().zip(from) {
        *to = *byte;
    }
    AccountId::from_parts(0, &random)
}

/// Gives the name of an imported person free, who goes by another from now on.
fn make_room(tx: &mut Tx<'_>, name: &str) -> Result<(), Fail> {
    let hash = tx.keyring.name_hash("person", &fold(name));
    let found: Option<([u8; 16], i64)> = tx
        .db
        .prepare_cached("SELECT id, revision FROM people WHERE name_hash = ?1")?
        .query_row([hash], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((id, revision)) = found else { return Ok(()) };
    let id = AccountId::from_bytes(id);
    let old = row(tx.view(), id)?;
    let name = free_name(tx, &old.name)?;
    let (change, revision) = (tx.change(), unsigned(revision) + 1);
    let sealed = tx.keyring.seal_name(id, revision, &name)?;
    let hash = tx.keyring.name_hash("person", &fold(&name));
    tx.db
        .prepare_cached("UPDATE people SET name = ?2, name_hash = ?3, revision = ?4, change = ?5 WHERE id = ?1")?
        .execute((id.as_bytes(), sealed, hash, signed(revision), signed(change)))?;
    tx.tell(Row::Person(PersonRow { name, change, ..old }), Audience::Everyone);
    Ok(())
}

/// The name itself where it is free, else with `(imported)` behind it, and a number where that is taken, too.
fn free_name(tx: &Tx<'_>, name: &str) -> Result<String, Fail> {
    let taken = |name: &str| -> Result<bool, Fail> {
        let hash = tx.keyring.name_hash("person", &fold(name));
        let found: Option<i64> = tx
            .db
            .prepare_cached("SELECT 1 FROM people WHERE name_hash = ?1")?
            .query_row([hash], |row| row.get(0))
            .optional()?;
        Ok(found.is_some())
    };
    if !taken(name)? {
        return Ok(name.to_owned());
    }
    let mut number = 1_u32;
    loop {
        let candidate = if number == 1 { format!("{name} (imported)") } else { format!("{name} (imported {number})") };
        if !taken(&candidate)? {
            return Ok(candidate);
        }
        number += 1;
    }
}

struct New<'a> {
    id: AccountId,
    name: &'a str,
    imported_from: Option<&'a [u8; 32]>,
    password: Option<&'a str>,
    rank: Rank,
    state: AccountState,
    change: u64,
}

fn insert(tx: &Tx<'_>, new: New<'_>) -> Result<(), Fail> {
    let New { id, name, imported_from, password, rank, state, change } = new;
    let sealed = tx.keyring.seal_name(id, 0, name)?;
    let hash = tx.keyring.name_hash("person", &fold(name));
    tx.db
        .prepare_cached(
            "INSERT INTO people (id, name, revision, name_hash, imported_from, password, active, powers, rank, created, change, state)
             VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute((
            id.as_bytes(),
            sealed,
            hash,
            imported_from,
            password,
            state == AccountState::Active,
            rank.powers().0,
            rank as u8,
            now().0,
            signed(change),
            state as u8,
        ))?;
    Ok(())
}
