//! Opening a sealed file, and proving that it is one.

use crate::exit::{in_use, wait_at_exit};
use crate::form::Form;
use crate::wal;
use crate::{Error, scrub_stack};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB, OpenFlags};
use std::io::Read;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// SQLite before this release may lose a write when a WAL is reset.
const OLDEST_SQLITE: i32 = 3_051_003;

/// Bytes of a page, as SQLCipher 4 has them unless told otherwise.
const PAGE: u64 = 4096;

/// How long a connection waits for another one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Steps of a schema, oldest first. The version of a file is how many of them it has taken.
pub type Schema = &'static [&'static str];

/// When a commit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Once it is on the disk.
    Full,
    /// Once the system has it; a power cut may take the last commits. For what can be fetched again.
    Normal,
}

/// Opens a file for writing, makes it when it is not there, and brings its schema up to date.
///
/// # Errors
/// See [`Error`]. A file that exists is never replaced. [`Error::Damaged`] also when a WAL was left in which something is
/// damaged that was committed: SQLite would leave it out silently.
pub fn open(path: &Path, key: &[u8; 32], schema: Schema, durability: Durability) -> Result<Connection, Error> {
    open_upgrading(path, key, schema, durability, || Ok(()))
}

/// The same; a file that is not there is made in this form. One that is there keeps its own.
///
/// # Errors
/// Those of [`open`].
pub fn open_formed(
    path: &Path,
    key: &[u8; 32],
    schema: Schema,
    durability: Durability,
    form: Form,
) -> Result<Connection, Error> {
    let _in_use = in_use();
    let (mut db, found) = open_as_it_is(path, key, durability, form)?;
    migrate(&mut db, found, schema)?;
    Ok(db)
}

/// The same, for a file that an older release may have written: before its schema changes, `before` is called. When that fails,
/// or a step of the schema does, the file stays as it was.
///
/// # Errors
/// See [`Error`], and what `before` fails with.
pub fn open_upgrading<E: From<Error>>(
    path: &Path,
    key: &[u8; 32],
    schema: Schema,
    durability: Durability,
    before: impl FnOnce() -> Result<(), E>,
) -> Result<Connection, E> {
    let _in_use = in_use();
    let (mut db, found) = open_as_it_is(path, key, durability, Form::default())?;
    if found > 0 && (found as usize) < schema.len() {
        before()?;
    }
    migrate(&mut db, found, schema)?;
    Ok(db)
}

/// Opens a file, and tells the version of its schema.
fn open_as_it_is(path: &Path, key: &[u8; 32], durability: Durability, form: Form) -> Result<(Connection, i64), Error> {
    refuse_plain(path)?;
    wal::check(path, durability)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let (mut db, _) = unlock_either(path, flags, key, form)?;
    if durability == Durability::Normal && db.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0))? == 0 {
        // A new file that can be made smaller when less is to be kept. To others this would write, and wait for the disk.
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    db.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    db.pragma_update(None, "synchronous", synchronous)?;
    // Apple's fsync leaves data in the drive's cache; elsewhere this changes nothing.
    db.pragma_update(None, "fullfsync", durability == Durability::Full)?;
    db.pragma_update(None, "secure_delete", true)?;
    db.pragma_update(None, "foreign_keys", true)?;
    wal::follow(&mut db, path, durability)?;
    let found = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok((db, found))
}

/// Opens another connection to a file that [`open`] made, for reading only.
///
/// # Errors
/// See [`Error`].
pub fn open_reader(path: &Path, key: &[u8; 32]) -> Result<Connection, Error> {
    Ok(open_reader_of(path, key, Form::default())?.0)
}

/// The same, of a file that probably has this form. Tells the one that it has.
pub(crate) fn open_reader_of(path: &Path, key: &[u8; 32], form: Form) -> Result<(Connection, Form), Error> {
    // Read-write to the system, because a reader of a WAL shares its index; queries only to us.
    let _in_use = in_use();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let (db, form) = unlock_either(path, flags, key, form)?;
    db.pragma_update(None, "query_only", true)?;
    Ok((db, form))
}

/// How much of the file a connection keeps opened, in KiB: what it does not keep is deciphered again.
///
/// # Errors
/// See [`Error`].
pub fn keep_opened(db: &Connection, kib: u32) -> Result<(), Error> {
    // Negative: a size, not a number of pages.
    Ok(db.pragma_update(None, "cache_size", -i64::from(kib))?)
}

/// Looks at the log that was left beside a file which nobody has open.
///
/// # Errors
/// [`Error::Damaged`] where something in it was committed and is not right.
pub fn check_log(path: &Path, durability: Durability) -> Result<(), Error> {
    wal::check(path, durability)
}

/// Every page, quickly: what an index says is not compared with its rows.
///
/// # Errors
/// [`Error::Damaged`] with what SQLite found first.
pub fn check(db: &Connection) -> Result<(), Error> {
    checked(db, "PRAGMA quick_check(1)")
}

/// Every page, every row, and every index with its rows. It takes several times as long as [`check`].
///
/// # Errors
/// [`Error::Damaged`] with all that SQLite found, up to a hundred lines.
pub fn check_whole(db: &Connection) -> Result<(), Error> {
    checked(db, "PRAGMA integrity_check(100)")
}

fn checked(db: &Connection, pragma: &str) -> Result<(), Error> {
    let moment = if db.is_autocommit() { Some(db.unchecked_transaction()?) } else { None };
    // FTS5 checks by what this connection remembers of an index. A look into it makes it forget what another one changed since;
    // otherwise segments that were merged away would be taken for missing.
    let mut indexes =
        db.prepare("SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL TABLE % USING fts5%'")?;
    for name in indexes.query_map([], |row| row.get::<_, String>(0))? {
        db.prepare(&format!("SELECT 1 FROM \"{}\" WHERE rowid = 0", name?.replace('"', "\"\"")))?.exists([])?;
    }
    drop(indexes);
    let report = db.prepare(pragma)?.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    if let Some(moment) = moment {
        moment.finish()?;
    }
    if report.iter().all(|line| line == "ok") { Ok(()) } else { Err(Error::Damaged(report.join("; "))) }
}

/// The pages of a database's file that are not as they were written, in SQLCipher's words, by its own check of each page's
/// authentication code. The file must stand still meanwhile (see [`crate::freeze`]); what is in the WAL is not looked at. Also
/// of a file that does not open otherwise.
///
/// # Errors
/// See [`Error`].
pub fn damaged_pages(path: &Path, key: &[u8; 32]) -> Result<Vec<String>, Error> {
    let _in_use = in_use();
    let found = damaged_pages_of(path, key, Form::default())?;
    if found.is_empty() {
        return Ok(found);
    }
    // In the other form every page would be one. Its first page, by which it opens, may be among those that are.
    let other = damaged_pages_of(path, key, Form::default().other())?;
    Ok(if other.len() < found.len() { other } else { found })
}

fn damaged_pages_of(path: &Path, key: &[u8; 32], form: Form) -> Result<Vec<String>, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = keyed(Connection::open_with_flags(path, flags)?, key, form)?;
    let mut check = db.prepare("PRAGMA cipher_integrity_check")?;
    let found = check.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// Brings everything from the WAL into the file and empties it, so that nothing of what was overwritten stays there; when a
/// reader is in the way, it is left for another time. Answers whether it is empty. `writer` is the connection that alone
/// writes.
///
/// # Errors
/// See [`Error`].
pub fn empty_wal(writer: &Connection) -> Result<bool, Error> {
    writer.busy_timeout(Duration::ZERO)?;
    let emptied = wal::flush(writer);
    writer.busy_timeout(PATIENCE)?;
    emptied
}

/// A sealed copy of a sealed file, under the same key and in the same form, replaced whole.
///
/// # Errors
/// See [`Error`]; an older copy stays as it was.
pub fn backup(db: &Connection, to: &Path, key: &[u8; 32]) -> Result<(), Error> {
    let _in_use = in_use();
    let fresh = to.with_extension("new");
    copy(db, &fresh, key, Form::of(db)?)?;
    std::fs::rename(&fresh, to).map_err(|why| Error::Full(why.to_string()))
}

/// Copies all pages to a file, sealed under a key of its own in this form, and checks them there. What was there before goes; nothing is
/// left of a copy that fails.
pub(crate) fn copy(db: &Connection, to: &Path, key: &[u8; 32], form: Form) -> Result<(), Error> {
    let _ = std::fs::remove_file(to);
    let pages: u32 = db.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let (needed, room) = (u64::from(pages) * PAGE, to.parent().and_then(room));
    if let Some(room) = room.filter(|room| *room < needed) {
        return Err(Error::Full(format!("a copy of it needs {needed} bytes, and {room} are free")));
    }
    let copied = (|| {
        make_private(to).map_err(|why| Error::Full(why.to_string()))?;
        let mut copy = unlock(Connection::open(to)?, key, form)?;
        copy.pragma_update(None, "synchronous", "FULL")?;
        rusqlite::backup::Backup::new(db, &mut copy)?.run_to_completion(4096, Duration::ZERO, None)?;
        check(&copy)
    })();
    if copied.is_err() {
        let _ = std::fs::remove_file(to);
    }
    copied
}

/// SQLite would make it as the system's mask has it, for others to read.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// How many bytes there is room for in a folder; `None` where that is not known.
#[cfg(unix)]
fn room(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    // Some tell nothing.
    if disk.f_blocks == 0 { None } else { disk.f_bavail.checked_mul(disk.f_frsize) }
}

#[cfg(not(unix))]
fn room(_: &Path) -> Option<u64> {
    None
}

/// Every table with its number of rows, and the schema's version.
pub(crate) fn tables(db: &Connection) -> Result<Vec<(String, i64)>, Error> {
    let mut names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name")?;
    let names = names.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let mut tables = vec![(String::new(), db.query_row("PRAGMA user_version", [], |row| row.get(0))?)];
    for name in names {
        let sql = format!("SELECT count(*) FROM \"{}\"", name.replace('"', "\"\""));
        let rows = db.query_row(&sql, [], |row| row.get(0))?;
        tables.push((name, rows));
    }
    Ok(tables)
}

/// With a key, which nothing was read by yet.
fn keyed(db: Connection, key: &[u8; 32], form: Form) -> Result<Connection, Error> {
    // A wrong key is our caller's to report; SQLCipher would also write it to standard error.
    let _ = db.execute_batch("PRAGMA cipher_log_level = NONE");
    // In this form SQLCipher takes the bytes as they are; any other it would stretch as a passphrase.
    let raw = Zeroizing::new(format!("x'{}'", Zeroizing::new(data_encoding::HEXLOWER.encode(key)).as_str()));
    db.key(Some(MAIN_DB), raw.as_bytes(), false)?;
    form.choose(&db)?;
    fit(&db)?;
    db.busy_timeout(PATIENCE)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(db)
}

/// Opens a file in whichever form it has, this one tried first. Whatever the form is, nothing is there yet to tell it but the code of
/// the first page: another form's does not fit, just like another key's.
fn unlock_either(path: &Path, flags: OpenFlags, key: &[u8; 32], first: Form) -> Result<(Connection, Form), Error> {
    let try_as = |form: Form| {
        let db = Connection::open_with_flags(path, flags)?;
        // What does not open leaves the file and its log alone, even where nobody else has them open.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let db = unlock(db, key, form)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        Ok((db, form))
    };
    match try_as(first) {
        Err(Error::NotADatabase) => try_as(first.other()),
        opened => opened,
    }
}

fn unlock(db: Connection, key: &[u8; 32], form: Form) -> Result<Connection, Error> {
    let db = keyed(db, key, form)?;
    // A key is accepted without a look at the file; only a read tells.
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    // The first key has made SQLCipher and OpenSSL register what they do at exit.
    wait_at_exit();
    db.set_prepared_statement_cache_capacity(128);
    // Without this, a statement from that cache is planned anew at each use where the plan could depend on a parameter, as in
    // `LIMIT ?` or `powers & ? <> 0`: that costs ten times as much as most of them take.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    scrub_stack();
    Ok(db)
}

fn fit(db: &Connection) -> Result<(), Error> {
    let cipher: String = db
        .query_row("PRAGMA cipher_version", [], |row| row.get(0))
        .map_err(|_| Error::Unfit("SQLCipher is missing".into()))?;
    if cipher.is_empty() {
        return Err(Error::Unfit("SQLCipher is missing".into()));
    }
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(Error::Unfit(format!("SQLite {} is too old", rusqlite::version())));
    }
    Ok(())
}

fn refuse_plain(path: &Path) -> Result<(), Error> {
    let mut header = [0; 16];
    match std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut header)) {
        Ok(()) if &header == b"SQLite format 3\0" => Err(Error::Plain),
        _ => Ok(()),
    }
}

/// All steps that are missing, or none.
fn migrate(db: &mut Connection, found: i64, schema: Schema) -> Result<(), Error> {
    let known = schema.len() as i64;
    if found > known {
        return Err(Error::Newer { found, known });
    }
    if found == known {
        return Ok(());
    }
    let steps = schema.get(usize::try_from(found).unwrap_or(0)..).unwrap_or_default();
    let done = (|| {
        let change = db.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive)?;
        for step in steps {
            change.execute_batch(step)?;
        }
        change.pragma_update(None, "user_version", known)?;
        change.commit()
    })();
    done.map_err(|why| match Error::from(why) {
        Error::Sqlite(why) => Error::Upgrade { from: found, to: known, why: why.to_string() },
        other => other,
    })
}
