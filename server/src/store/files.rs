//! Files: what is known of them. Their sealed bytes lie beside the database (see [`crate::blobs`]).
//!
//! A file is uploaded for a channel, becomes whole, and is attached to one message of its uploader there. Removing it wipes
//! its key and what is shown of it in the same commit; its bytes, unreadable from then on, follow, and why it was removed stays
//! (see [`Removed`]).

mod removed;
pub mod thumbs;

pub use removed::{Danger, Removed, gone, left_over, refuse, remove_from, remove_in, remove_of, why as why_removed};

use super::channels::Channel;
use super::{Tx, View, settings, signed, unsigned};
use crate::error::Fail;
use crate::keyring::Sealed;
use crate::thumbnail;
use crate::time::now;
use rusqlite::OptionalExtension;
use serde::{Deserialize, Serialize};
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::settings::{FILES_IN_ALL, FILES_PER_PERSON, LARGEST_FILE};
use thechatapp_protocol::{AccountId, ChannelId, FileId};
use thechatapp_seal::{Key, sealed_len};

const UPLOADING: i64 = 0;
const WHOLE: i64 = 1;
const REMOVED: i64 = 2;
const GONE: i64 = 3;

/// What is sealed of a file beside its body.
#[derive(Serialize, Deserialize)]
struct Info {
    name: String,
    #[serde(rename = "type")]
    media_type: String,
}

/// A file on its way, or whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// What is shown of it.
    pub row: FileRow,
    /// Who uploads it.
    pub person: AccountId,
    /// Whether all of it is here.
    pub whole: bool,
}

/// How a file that was not removed stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether all of it is here.
    pub whole: bool,
    /// How many sealed bytes it has, or is to have.
    pub sealed: u64,
}

/// How much may be stored, in bytes before sealing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest file.
    pub file: u64,
    /// All files of one person.
    pub person: u64,
    /// All files of the workspace.
    pub workspace: u64,
}

impl Limits {
    /// The host's, or lower where the workspace has set them lower.
    fn as_set(self, view: View<'_>) -> Result<Self, Fail> {
        Ok(Self {
            file: self.file.min(settings::number(view, LARGEST_FILE)?),
            person: self.person.min(settings::number(view, FILES_PER_PERSON)?),
            workspace: self.workspace.min(settings::number(view, FILES_IN_ALL)?),
        })
    }
}

/// Takes up an upload; one that was begun already, by the same person and with the same content, goes on. The answer is
/// whether all of it is here.
///
/// # Errors
/// Bad input for a file too large, or one that is there as another; disk full over a quota.
pub fn begin(tx: &Tx<'_>, channel: Channel, person: AccountId, limits: Limits, row: &FileRow) -> Result<bool, Fail> {
    channel.refuse_archived()?;
    let limits = limits.as_set(tx.view())?;
    if row.size > limits.file {
        return Err(Fail::bad_input(
            "This file is too large",
            format!("it has {} bytes, and {} are allowed", row.size, limits.file),
            "share it in parts, or ask an administrator",
        ));
    }
    if let Some(known) = find(tx.view(), channel, row.id)? {
        if known.person == person && known.row.size == row.size && known.row.name == row.name {
            return Ok(known.whole);
        }
        return Err(taken());
    }
    if tx.db.prepare_cached("SELECT 1 FROM files WHERE id = ?1")?.exists([row.id.as_bytes()])? {
        return Err(taken());
    }
    check_quota(tx, person, limits, row.size)?;
    let info = seal_info(tx.view(), channel.id, row)?;
    tx.db
        .prepare_cached(
            "INSERT INTO files (id, channel, person, size, state, info, touched, epoch)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            row.id.as_bytes(),
            channel.id.as_bytes(),
            person.as_bytes(),
            signed(row.size),
            UPLOADING,
            info.bytes,
            now().0,
            signed(info.epoch),
        ))?;
    Ok(false)
}

fn taken() -> Fail {
    Fail::bad_input("This file cannot be uploaded", "its id is taken", "upload it as a new file")
}

fn check_quota(tx: &Tx<'_>, person: AccountId, limits: Limits, size: u64) -> Result<(), Fail> {
    let sum = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> Result<u64, Fail> {
        Ok(unsigned(tx.db.prepare_cached(sql)?.query_row(values, |row| row.get(0))?))
    };
    let own = sum(
        "SELECT coalesce(sum(size), 0) FROM files WHERE person = ?1 AND state <= 1",
        &[&person.as_bytes().as_slice()],
    )?;
    if own.saturating_add(size) > limits.person {
        return Err(Fail::full(
            "Your files fill what one person may store",
            "delete some of them, or ask an administrator",
        ));
    }
    let all = sum("SELECT coalesce(sum(size), 0) FROM files WHERE state <= 1", &[])?;
    if all.saturating_add(size) > limits.workspace {
        return Err(Fail::full("The files of this workspace fill what it may store", "ask an administrator"));
    }
    Ok(())
}

fn seal_info(view: View<'_>, channel: ChannelId, row: &FileRow) -> Result<Sealed, Fail> {
    let info = Info { name: row.name.clone(), media_type: row.media_type.clone() };
    let bytes =
        thechatapp_protocol::wire::encode(&info).map_err(|_| Fail::Broken("a file's info that does not encode"))?;
    view.keyring.seal_file_info(channel, row.id, &bytes)
}

/// How files stand, in whatever channel; nothing for one that is not there or was removed.
///
/// # Errors
/// SQLite's.
pub fn standing(view: View<'_>, id: FileId) -> Result<Option<Standing>, Fail> {
    let mut query = view.db.prepare_cached("SELECT state, size FROM files WHERE id = ?1 AND state <= 1")?;
    let mut rows = query.query([id.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Standing { whole: row.get::<_, i64>(0)? == WHOLE, sealed: sealed_len(unsigned(row.get(1)?)) }))
}

/// Of these, the files that are whole, and those whose bytes belong nowhere: there is none of that id, or it is gone.
///
/// # Errors
/// SQLite's.
pub fn sort_out(view: View<'_>, ids: &[FileId]) -> Result<(Vec<FileId>, Vec<FileId>), Fail> {
    let mut query = view.db.prepare_cached("SELECT state FROM files WHERE id = ?1")?;
    let (mut whole, mut nobodys) = (Vec::new(), Vec::new());
    for id in ids {
        match query.query_row([id.as_bytes()], |row| row.get(0)).optional()? {
            Some(WHOLE) => whole.push(*id),
            None | Some(GONE) => nobodys.push(*id),
            Some(_) => {}
        }
    }
    Ok((whole, nobodys))
}

/// A file of a channel that was not removed.
///
/// # Errors
/// SQLite's.
pub fn find(view: View<'_>, channel: Channel, id: FileId) -> Result<Option<File>, Fail> {
    let mut query = view.db.prepare_cached(
        "SELECT id, info, size, epoch, person, state FROM files WHERE id = ?1 AND channel = ?2 AND state <= 1",
    )?;
    let mut rows = query.query((id.as_bytes(), channel.id.as_bytes()))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(File {
        row: read(view, channel.id, row)?,
        person: AccountId::from_bytes(row.get(4)?),
        whole: row.get::<_, i64>(5)? == WHOLE,
    }))
}

pub(super) fn read(view: View<'_>, channel: ChannelId, row: &rusqlite::Row<'_>) -> Result<FileRow, Fail> {
    let id = FileId::from_bytes(row.get(0)?);
    let sealed: Vec<u8> = row.get(1)?;
    let bytes = view.keyring.open_file_info(channel, id, unsigned(row.get(3)?), &sealed)?;
    let info: Info =
        thechatapp_protocol::wire::decode(&bytes).map_err(|_| Fail::Broken("a file's info that does not decode"))?;
    Ok(FileRow { id, name: info.name, media_type: info.media_type, size: unsigned(row.get(2)?) })
}

/// The upload is whole, and was looked at.
///
/// # Errors
/// Not found when it was removed meanwhile.
pub fn finish(tx: &Tx<'_>, channel: Channel, row: &FileRow, key: &Key) -> Result<(), Fail> {
    channel.refuse_archived()?;
    let thumb = thumbnail::is_picture(&row.media_type).then_some(thumbs::DUE);
    let wrapped = tx.keyring.wrap_file_key(channel.id, row.id, key)?;
    let info = seal_info(tx.view(), channel.id, row)?;
    let done = tx
        .db
        .prepare_cached(
            "UPDATE files SET state = ?2, info = ?3, key = ?4, touched = ?5, epoch = ?8, thumb = ?9
             WHERE id = ?1 AND state = ?6 AND channel = ?7",
        )?
        .execute((
            row.id.as_bytes(),
            WHOLE,
            info.bytes,
            wrapped.bytes,
            now().0,
            UPLOADING,
            channel.id.as_bytes(),
            signed(wrapped.epoch),
            thumb,
        ))?;
    if done == 0 { Err(Fail::not_found("No such file")) } else { Ok(()) }
}

/// A whole file's key, and what is shown of it: for everybody who may read the message that has it, before that for its
/// uploader alone.
///
/// # Errors
/// Not found; removed, with the reason, for whoever could open it before.
pub fn open(view: View<'_>, channel: Channel, person: AccountId, id: FileId) -> Result<(FileRow, Key), Fail> {
    let mut query = view.db.prepare_cached(
        "SELECT id, info, size, epoch, key FROM files
         WHERE id = ?1 AND channel = ?2 AND state = ?3 AND (place IS NOT NULL OR person = ?4)",
    )?;
    let mut rows = query.query((id.as_bytes(), channel.id.as_bytes(), WHOLE, person.as_bytes()))?;
    let Some(row) = rows.next()? else { return Err(removed::why(view, channel, person, id)?) };
    let (epoch, wrapped) = (unsigned(row.get(3)?), row.get::<_, Vec<u8>>(4)?);
    Ok((read(view, channel.id, row)?, view.keyring.unwrap_file_key(channel.id, id, epoch, &wrapped)?))
}

/// Gives files to a message of their uploader.
///
/// # Errors
/// Bad input for one that is not whole, not the author's, in another channel, or attached already.
pub fn attach(
    tx: &Tx<'_>,
    channel: Channel,
    person: AccountId,
    place: i64,
    files: &[FileId],
) -> Result<Vec<FileRow>, Fail> {
    for (position, id) in (0_i64..).zip(files) {
        let done = tx
            .db
            .prepare_cached(
                "UPDATE files SET place = ?1, position = ?2, touched = ?3
                 WHERE id = ?4 AND channel = ?5 AND person = ?6 AND state = ?7 AND place IS NULL",
            )?
            .execute((place, position, now().0, id.as_bytes(), channel.id.as_bytes(), person.as_bytes(), WHOLE))?;
        if done == 0 {
            return Err(Fail::bad_input(
                "A file cannot be attached",
                "it is not here as a whole file of yours for this channel, or another message has it",
                "upload it again",
            ));
        }
    }
    of(tx.view(), channel.id, place)
}

/// The files of a message, in their order.
///
/// # Errors
/// SQLite's.
pub fn of(view: View<'_>, channel: ChannelId, place: i64) -> Result<Vec<FileRow>, Fail> {
    let mut query = view
        .db
        .prepare_cached("SELECT id, info, size, epoch FROM files WHERE place = ?1 AND state = 1 ORDER BY position")?;
    let mut rows = query.query([place])?;
    let mut files = Vec::new();
    while let Some(row) = rows.next()? {
        files.push(read(view, channel, row)?);
    }
    Ok(files)
}

/// Forgets the files of a wiped channel, whose bytes are gone: there is nobody who could ask for them.
///
/// # Errors
/// SQLite's.
pub fn forget(tx: &Tx<'_>, channel: ChannelId) -> Result<(), Fail> {
    tx.db.execute("DELETE FROM files WHERE state = ?2 AND channel = ?1", (channel.as_bytes(), GONE))?;
    Ok(())
}

/// Somebody goes on with an upload.
///
/// # Errors
/// SQLite's.
pub fn touch(tx: &Tx<'_>, id: FileId) -> Result<(), Fail> {
    tx.db.prepare_cached("UPDATE files SET touched = ?2 WHERE id = ?1")?.execute((id.as_bytes(), now().0))?;
    Ok(())
}

/// The files that messages have, and how many sealed bytes each has.
///
/// # Errors
/// SQLite's.
pub fn shared(view: View<'_>) -> Result<Vec<(FileId, u64)>, Fail> {
    let mut query = view.db.prepare("SELECT id, size FROM files WHERE state = 1 AND place IS NOT NULL ORDER BY id")?;
    let rows = query
        .query_map([], |row| Ok((FileId::from_bytes(row.get(0)?), sealed_len(unsigned(row.get::<_, i64>(1)?)))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether a message has this file still.
///
/// # Errors
/// SQLite's.
pub fn is_shared(view: View<'_>, id: FileId) -> Result<bool, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT 1 FROM files WHERE id = ?1 AND state = 1 AND place IS NOT NULL")?
        .exists([id.as_bytes()])?;
    Ok(found)
}

/// Bytes of all files that were not removed, before sealing.
///
/// # Errors
/// SQLite's.
pub fn bytes(view: View<'_>) -> Result<u64, Fail> {
    let bytes = view
        .db
        .prepare_cached("SELECT coalesce(sum(size), 0) FROM files WHERE state <= 1")?
        .query_row([], |row| row.get(0))?;
    Ok(unsigned(bytes))
}

/// Whether a file is whole, and not removed.
///
/// # Errors
/// SQLite's.
pub fn is_whole(view: View<'_>, id: FileId) -> Result<bool, Fail> {
    Ok(view.db.prepare_cached("SELECT 1 FROM files WHERE id = ?1 AND state = 1")?.exists([id.as_bytes()])?)
}

/// The files that messages have, with their keys.
///
/// # Errors
/// SQLite's; [`Fail::Seal`] when a key does not open.
pub fn all_shared(view: View<'_>) -> Result<Vec<(FileRow, Key)>, Fail> {
    let mut query = view
        .db
        .prepare("SELECT id, info, size, epoch, channel, key FROM files WHERE state = 1 AND place IS NOT NULL")?;
    let mut rows = query.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let channel = ChannelId::from_bytes(row.get(4)?);
        let (info, wrapped) = (read(view, channel, row)?, row.get::<_, Vec<u8>>(5)?);
        let key = view.keyring.unwrap_file_key(channel, info.id, unsigned(row.get(3)?), &wrapped)?;
        all.push((info, key));
    }
    Ok(all)
}
