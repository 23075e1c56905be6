//! Another key for a database: its pages are copied to a new file under that key, the copy is checked and brought to the
//! disk, and takes the old file's place by a rename. Broken off at any moment, the path has either the one or the other,
//! each whole.

use crate::durable::{sync_file, sync_parent};
use crate::exit::in_use;
use crate::open::{copy, open_formed, tables};
use crate::{Durability, Error, Form, Readers, Schema};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// Which file, and which keys.
#[derive(Clone, Copy)]
pub struct Rekey<'a> {
    /// The database.
    pub path: &'a Path,
    /// Where the new file is made: in the same folder. What is there is overwritten.
    pub fresh: &'a Path,
    /// The key until now.
    pub former: &'a [u8; 32],
    /// The key from now on.
    pub next: &'a [u8; 32],
    /// The form from now on.
    pub form: Form,
    /// The schema, for opening.
    pub schema: Schema,
    /// When a commit counts.
    pub durability: Durability,
}

impl std::fmt::Debug for Rekey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rekey").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Puts a copy under another key, and maybe in another form, in the place of a database. `writer` is the connection that alone writes to it, and is
/// one to the new file afterwards. Queries go on until the copy is ready, then wait for a moment.
///
/// # Errors
/// See [`Error`], of which [`Error::Closed`] when the readers were ended meanwhile; as long as the writer's connection still works, the old file is in place under the key it had. When not
/// even that can be opened again, everything that is written fails until the database is opened anew.
pub fn rekey(writer: &mut Connection, readers: &Readers, change: &Rekey<'_>) -> Result<(), Error> {
    let _in_use = in_use();
    if let Err(why) = make_copy(writer, readers, change) {
        // It may be gigabytes, under a key that nobody has.
        let _ = std::fs::remove_file(change.fresh);
        return Err(why);
    }
    let failed = |why: std::io::Error| Error::Full(why.to_string());
    let paused = readers.pause();
    let former = Form::of(writer)?;
    let again = |key, form| open_formed(change.path, key, change.schema, change.durability, form);
    let old = std::mem::replace(writer, Connection::open_in_memory()?);
    if let Err((old, why)) = old.close() {
        *writer = old;
        return Err(why.into());
    }
    let moved = in_the_file(change.path)
        .and_then(|()| std::fs::rename(change.fresh, change.path))
        .and_then(|()| sync_parent(change.path));
    if let Err(why) = moved {
        *writer = again(change.former, former)?;
        return Err(failed(why));
    }
    *writer = again(change.next, change.form)?;
    paused.go_on_with(change.next, change.form);
    Ok(())
}

/// Makes the copy under the other key, compares it, and has it on the disk.
fn make_copy(writer: &Connection, readers: &Readers, change: &Rekey<'_>) -> Result<(), Error> {
    // Closing does not wait for a copy of gigabytes: what there is of it counts for nothing yet.
    copy(writer, change.fresh, change.next, change.form, readers.running())?;
    let counted = readers.running().run(writer, tables)?;
    let copied = open_formed(change.fresh, change.next, change.schema, change.durability, change.form)?;
    if tables(&copied)? != counted {
        return Err(Error::Failed("the copy under the new key has not what the database has".into()));
    }
    // As the last connection closes, everything is in the file itself.
    copied.close().map_err(|(_, why)| Error::from(why))?;
    sync_file(change.fresh).map_err(|why| Error::Full(why.to_string()))
}

/// A WAL that is left would be taken for the new file's.
fn in_the_file(path: &Path) -> std::io::Result<()> {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    match std::fs::metadata(PathBuf::from(wal)) {
        Ok(left) if left.len() > 0 => Err(std::io::Error::other("something else still uses the database")),
        Ok(_) => Ok(()),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(why) => Err(why),
    }
}
