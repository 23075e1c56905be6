//! What stays of a removed file: that there was one, whose, in which message, and why it is there no more. Neither name, type nor key
//! stay.

use super::super::channels::Channel;
use super::super::{Tx, View};
use super::{GONE, REMOVED, UPLOADING, WHOLE};
use crate::error::Fail;
use crate::time::now;
use rusqlite::OptionalExtension;
use thechatapp_protocol::{AccountId, ChannelId, Code, ErrorBody, FileId, Timestamp};

/// What a file is refused for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Danger {
    /// An archive that unpacks to far more than it is.
    Unpacks,
    /// An archive that programs may read in more than one way.
    Ambiguous,
    /// An archive with an entry that leaves its folder.
    Escapes,
    /// A picture that fills the memory.
    Pixels,
}

/// Why a file was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// With the message that had it.
    WithMessage,
    /// By an administrator.
    Wiped,
    /// Nobody went on with its upload.
    NeverFinished,
    /// No message took it.
    NeverSent,
    /// It was looked at, and not kept.
    Refused(Danger),
}

impl Removed {
    const ALL: [(i64, Self); 8] = [
        (1, Self::WithMessage),
        (2, Self::Wiped),
        (3, Self::NeverFinished),
        (4, Self::NeverSent),
        (10, Self::Refused(Danger::Unpacks)),
        (11, Self::Refused(Danger::Ambiguous)),
        (12, Self::Refused(Danger::Escapes)),
        (13, Self::Refused(Danger::Pixels)),
    ];

    /// As it is stored.
    fn number(self) -> i64 {
        Self::ALL.into_iter().find(|(_, one)| *one == self).map_or(0, |(number, _)| number)
    }

    fn numbered(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|(one, _)| *one == number).map(|(_, removed)| removed)
    }

    fn words(self) -> &'static str {
        match self {
            Self::WithMessage => "the message that had it was deleted",
            Self::Wiped => "an administrator wiped it",
            Self::NeverFinished => "its upload was left alone for a day",
            Self::NeverSent => "no message took it within a day",
            Self::Refused(Danger::Unpacks) => "it was refused as an archive that unpacks to far more than it is",
            Self::Refused(Danger::Ambiguous) => "it was refused as an archive that can be read in more than one way",
            Self::Refused(Danger::Escapes) => "it was refused as an archive with an entry that leaves its folder",
            Self::Refused(Danger::Pixels) => "it was refused as a picture with more pixels than are allowed",
        }
    }
}

/// Why a file cannot be opened: that it was removed and for what, for whoever could have opened it before; else that
/// there is none.
///
/// # Errors
/// SQLite's.
pub fn why(view: View<'_>, channel: Channel, person: AccountId, id: FileId) -> Result<Fail, Fail> {
    let reason = view
        .db
        .prepare_cached(
            "SELECT reason FROM files
             WHERE id = ?1 AND channel = ?2 AND state >= ?3 AND (place IS NOT NULL OR person = ?4)",
        )?
        .query_row((id.as_bytes(), channel.id.as_bytes(), REMOVED, person.as_bytes()), |row| {
            row.get::<_, Option<i64>>(0)
        })
        .optional()?;
    let Some(reason) = reason else { return Ok(Fail::not_found("No such file")) };
    // Of what was removed before reasons were kept there is none.
    let reason = reason.and_then(Removed::numbered).map_or("why is not known any more", Removed::words);
    Ok(ErrorBody::new(Code::Removed, "This file was removed", reason, "ask whoever had it to share it again").into())
}

/// The upload was looked at and is not kept: it counts for no quota any more, and its id stays taken.
///
/// # Errors
/// SQLite's.
pub fn refuse(tx: &Tx<'_>, channel: Channel, id: FileId, danger: Danger) -> Result<(), Fail> {
    tx.db
        .prepare_cached(
            "UPDATE files SET state = ?3, key = NULL, info = NULL, thumb = NULL, touched = ?4, reason = ?6
             WHERE id = ?1 AND channel = ?2 AND state = ?5",
        )?
        .execute((
            id.as_bytes(),
            channel.id.as_bytes(),
            REMOVED,
            now().0,
            UPLOADING,
            Removed::Refused(danger).number(),
        ))?;
    Ok(())
}

/// Removes the files of a message: nobody can open them from this commit on.
///
/// # Errors
/// SQLite's.
pub fn remove_of(tx: &Tx<'_>, place: i64, why: Removed) -> Result<(), Fail> {
    tx.db
        .prepare_cached(
            "UPDATE files SET state = ?2, key = NULL, info = NULL, thumb = NULL, touched = ?3, reason = ?4
             WHERE place = ?1 AND state <= 1",
        )?
        .execute((place, REMOVED, now().0, why.number()))?;
    Ok(())
}

/// Removes the files of a channel that is wiped, also those that are being uploaded, and takes them from their messages.
/// Answers how many.
///
/// # Errors
/// SQLite's.
pub fn remove_in(tx: &Tx<'_>, channel: ChannelId) -> Result<u64, Fail> {
    tx.db.execute("UPDATE files SET place = NULL, position = NULL WHERE channel = ?1", [channel.as_bytes()])?;
    wiped(tx, "channel", channel.as_bytes())
}

/// Removes the files of a person who is wiped. What stays of each is what stays of every file that was removed. Answers how
/// many.
///
/// # Errors
/// SQLite's.
pub fn remove_from(tx: &Tx<'_>, person: AccountId) -> Result<u64, Fail> {
    wiped(tx, "person", person.as_bytes())
}

fn wiped(tx: &Tx<'_>, of: &str, id: &[u8; 16]) -> Result<u64, Fail> {
    let sql = format!(
        "UPDATE files SET state = ?2, key = NULL, info = NULL, thumb = NULL, touched = ?3, reason = ?4
         WHERE {of} = ?1 AND state <= 1"
    );
    Ok(tx.db.execute(&sql, (id, REMOVED, now().0, Removed::Wiped.number()))? as u64)
}

/// Removes uploads that nobody went on with, and whole files that no message took, since a time. What is removed and still
/// has bytes here is listed, at most `most`.
///
/// # Errors
/// SQLite's.
pub fn left_over(tx: &Tx<'_>, since: Timestamp, most: u32) -> Result<Vec<FileId>, Fail> {
    for (state, why) in [(UPLOADING, Removed::NeverFinished), (WHOLE, Removed::NeverSent)] {
        tx.db
            .prepare_cached(
                "UPDATE files SET state = ?1, key = NULL, info = NULL, thumb = NULL, reason = ?4
                 WHERE state = ?2 AND place IS NULL AND touched < ?3",
            )?
            .execute((REMOVED, state, since.0, why.number()))?;
    }
    let mut query = tx.db.prepare_cached("SELECT id FROM files WHERE state = ?1 ORDER BY touched LIMIT ?2")?;
    let ids = query.query_map((REMOVED, most), |row| row.get::<_, [u8; 16]>(0))?;
    Ok(ids.map(|id| id.map(FileId::from_bytes)).collect::<rusqlite::Result<_>>()?)
}

/// Their bytes are gone.
///
/// # Errors
/// SQLite's.
pub fn gone(tx: &Tx<'_>, files: &[FileId]) -> Result<(), Fail> {
    for id in files {
        tx.db.prepare_cached("UPDATE files SET state = ?2 WHERE id = ?1 AND state = ?3")?.execute((
            id.as_bytes(),
            GONE,
            REMOVED,
        ))?;
    }
    Ok(())
}
