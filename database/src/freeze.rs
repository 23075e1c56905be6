//! A database whose file stands still for a while, so that its bytes can be copied as they are, sealed, while others go on
//! writing.
//!
//! Everything in the WAL is brought into the file; then a reader that begins at that moment reads the file alone, and
//! SQLite brings nothing more into it for as long as that reader lives (see `walTryBeginRead` and `walCheckpoint` in its
//! wal.c: the lock of reader 0). What is written meanwhile waits in the WAL.

use crate::exit::in_use;
use crate::{Error, open_reader, wal};
use rusqlite::Connection;
use std::path::Path;

/// While it lives, the database's file does not change.
#[derive(Debug)]
pub struct Frozen(Option<Connection>);

impl Drop for Frozen {
    fn drop(&mut self) {
        let _in_use = in_use();
        drop(self.0.take());
    }
}

/// Makes a database's file stand still. `writer` is the connection that alone writes to it.
///
/// # Errors
/// See [`Error`]; [`Error::Failed`] when a reader of long ago kept the WAL from being emptied.
pub fn freeze(writer: &Connection, path: &Path, key: &[u8; 32]) -> Result<Frozen, Error> {
    let _in_use = in_use();
    if !wal::flush(writer)? {
        return Err(Error::Failed("something still reads an older state of the database; try again".into()));
    }
    let reader = open_reader(path, key)?;
    reader.execute_batch("BEGIN")?;
    // Only a read begins it.
    reader.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    Ok(Frozen(Some(reader)))
}
