//! How much one person may make: so that one account, or whoever has got hold of one, does not fill the workspace. Each bound is a
//! setting; what is refused says which, and what makes room.

use super::{View, settings, signed};
use crate::error::Fail;
use thechatapp_protocol::settings::{
    CHANNELS_PER_DAY, CHANNELS_PER_PERSON, CONVERSATIONS_PER_PERSON, DEVICES_PER_ACCOUNT, Setting,
};
use thechatapp_protocol::{AccountId, Code, ErrorBody, Timestamp};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Refuses one more where there are as many as may be.
fn refuse(view: View<'_>, bound: &'static Setting, count: i64, what: &str, of: &str, advice: &str) -> Result<(), Fail> {
    let most = settings::number(view, bound)?;
    if count < signed(most) {
        return Ok(());
    }
    let why = format!("{of}; the most is {most} ({})", bound.name);
    Err(ErrorBody::new(Code::Denied, what, why, advice).into())
}

/// Whether somebody may make one more channel.
///
/// # Errors
/// Denied where they made too many in a day, or in all.
pub fn channels(view: View<'_>, person: AccountId, now: Timestamp) -> Result<(), Fail> {
    let count = |after: i64| {
        let sql = "SELECT count(*) FROM channels WHERE maker = ?1 AND created > ?2 AND kind <> 2 AND NOT wiped";
        let mut query = view.db.prepare_cached(sql)?;
        Ok::<i64, Fail>(query.query_row((person.as_bytes(), after), |row| row.get(0))?)
    };
    let (in_all, today) = (count(i64::MIN)?, count(now.0.saturating_sub(DAY))?);
    refuse(
        view,
        CHANNELS_PER_PERSON,
        in_all,
        "You have made too many channels",
        &format!("you made {in_all}, archived ones included"),
        "ask somebody else to make it, or an administrator to raise the bound",
    )?;
    refuse(
        view,
        CHANNELS_PER_DAY,
        today,
        "You have made too many channels today",
        &format!("you made {today} within a day"),
        "make it tomorrow, or ask an administrator to raise the bound",
    )
}

/// Whether somebody may begin one more direct or group conversation. Those that others began with them do not count.
///
/// # Errors
/// Denied where they began too many.
pub fn conversations(view: View<'_>, person: AccountId) -> Result<(), Fail> {
    let sql = "SELECT count(*) FROM channels WHERE maker = ?1 AND kind = 2 AND NOT wiped";
    let count: i64 = view.db.prepare_cached(sql)?.query_row([person.as_bytes()], |row| row.get(0))?;
    refuse(
        view,
        CONVERSATIONS_PER_PERSON,
        count,
        "You have begun too many conversations",
        &format!("you began {count}"),
        "write in one of those you have, or ask an administrator to raise the bound",
    )
}

/// Whether an account may have one more device.
///
/// # Errors
/// Denied where it has too many.
pub fn devices(view: View<'_>, person: AccountId) -> Result<(), Fail> {
    let sql = "SELECT count(*) FROM devices WHERE person = ?1 AND revoked = 0";
    let count: i64 = view.db.prepare_cached(sql)?.query_row([person.as_bytes()], |row| row.get(0))?;
    refuse(
        view,
        DEVICES_PER_ACCOUNT,
        count,
        "This account has too many devices",
        &format!("{count} are signed in"),
        "sign out of one, or revoke one on another device (`devices`, `devices revoke ID`); an administrator can do it, too",
    )
}

#[cfg(test)]
mod tests;
