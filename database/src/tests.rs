use super::*;
use std::path::Path;

const SCHEMA: Schema = &["CREATE TABLE t (x INTEGER PRIMARY KEY, y TEXT NOT NULL) STRICT"];
const KEY: [u8; 32] = [7; 32];

fn fresh() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    (folder, path)
}

#[test]
fn nothing_of_a_row_is_readable_in_the_file_or_its_wal() {
    let (folder, path) = fresh();
    let db = open(&path, &KEY, SCHEMA, Durability::Full).unwrap();
    db.execute("INSERT INTO t VALUES (1, 'marker-vexkuqolumi')", []).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(12).any(|window| window == b"marker-vexku"));
    }
}

#[test]
fn opening_a_file_writes_nothing() {
    for durability in [Durability::Full, Durability::Normal] {
        let (_folder, path) = fresh();
        drop(open(&path, &KEY, SCHEMA, durability).unwrap());
        let before = std::fs::read(&path).unwrap();
        let again = open(&path, &KEY, SCHEMA, durability).unwrap();
        let log = std::fs::metadata(path.with_extension("db-wal")).map_or(0, |log| log.len());
        assert_eq!(log, 0, "{durability:?}");
        drop(again);
        assert!(std::fs::read(&path).unwrap() == before, "{durability:?}");
    }
}

#[test]
fn a_statement_that_is_kept_is_planned_once_whatever_its_parameters() {
    let (_folder, path) = fresh();
    let db = open(&path, &KEY, SCHEMA, Durability::Full).unwrap();
    db.execute("INSERT INTO t VALUES (1, 'one'), (2, 'two')", []).unwrap();
    let reader = open_reader(&path, &KEY).unwrap();
    for db in [&db, &reader] {
        for number in 1..4 {
            let mut kept = db.prepare_cached("SELECT y FROM t WHERE x & ?1 <> 0 AND y LIKE ?3 LIMIT ?2").unwrap();
            assert!(kept.exists((number, number, "%")).unwrap());
            assert_eq!(kept.get_status(rusqlite::StatementStatus::RePrepare), 0);
        }
    }
}

#[test]
fn another_key_is_refused_and_the_file_stays() {
    let (_folder, path) = fresh();
    drop(open(&path, &KEY, SCHEMA, Durability::Full).unwrap());
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(open(&path, &[8; 32], SCHEMA, Durability::Full), Err(Error::NotADatabase)));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    open(&path, &KEY, SCHEMA, Durability::Full).unwrap();
}

#[test]
fn a_plain_file_is_refused() {
    let (_folder, path) = fresh();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(open(&path, &KEY, SCHEMA, Durability::Full), Err(Error::Plain)));
}

#[test]
fn a_newer_schema_is_refused() {
    let (_folder, path) = fresh();
    drop(open(&path, &KEY, &["CREATE TABLE a (x)", "CREATE TABLE b (x)"], Durability::Full).unwrap());
    assert!(matches!(
        open(&path, &KEY, &["CREATE TABLE a (x)"], Durability::Full),
        Err(Error::Newer { found: 2, known: 1 })
    ));
}

#[test]
fn a_schema_is_brought_up_to_date_as_a_whole_or_not_at_all_and_somebody_is_asked_before() {
    const OLD: &str = "CREATE TABLE a (x)";
    let (_folder, path) = fresh();
    let asked = std::cell::Cell::new(0);
    let try_open = |schema: Schema, answer: Result<(), Error>| {
        open_upgrading(&path, &KEY, schema, Durability::Full, || {
            asked.set(asked.get() + 1);
            answer
        })
    };
    drop(try_open(&[OLD], Ok(())).unwrap());
    drop(try_open(&[OLD], Ok(())).unwrap());
    assert_eq!(asked.get(), 0, "neither for a new file nor for one that is up to date");
    let tables = || {
        let db = open_reader(&path, &KEY).unwrap();
        db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    const NEXT: Schema = &[OLD, "CREATE TABLE b (x)", "CREATE TABLE c (x)"];
    assert!(matches!(try_open(NEXT, Err(Error::Closed)), Err(Error::Closed)));
    assert_eq!((asked.get(), tables()), (1, 1));
    const BROKEN: Schema = &[OLD, "CREATE TABLE b (x)", "CREATE TABLE b (x)"];
    assert!(matches!(try_open(BROKEN, Ok(())), Err(Error::Upgrade { from: 1, to: 3, .. })));
    assert_eq!(tables(), 1, "nor is the step before it");
    drop(open(&path, &KEY, &[OLD], Durability::Full).unwrap());
    drop(try_open(NEXT, Ok(())).unwrap());
    assert_eq!(tables(), 3);
}

#[tokio::test]
async fn a_failed_job_is_undone_alone_and_leaves_no_note() {
    let (_folder, path) = fresh();
    let db = open(&path, &KEY, SCHEMA, Durability::Full).unwrap();
    let (notes, noted) = std::sync::mpsc::channel();
    let (writer, _thread) = Writer::start(db, move |left: Vec<i64>| notes.send(left).unwrap()).unwrap();
    let insert = |x: i64, fail: bool| {
        let writer = writer.clone();
        async move {
            writer
                .write(move |db, notes| {
                    db.execute("INSERT INTO t VALUES (?1, 'y')", [x])?;
                    notes.push(x);
                    if fail { Err(Error::Damaged("on purpose".into())) } else { Ok(x) }
                })
                .await
        }
    };
    let (a, b, c) = tokio::join!(insert(1, false), insert(2, true), insert(3, false));
    assert!(a.is_ok() && b.is_err() && c.is_ok());
    let readers = Readers::new(path, &KEY, 1);
    let all: Vec<i64> = readers
        .read(|db| -> Result<_, Error> {
            let mut rows = db.prepare("SELECT x FROM t ORDER BY x")?;
            Ok(rows.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
        .await
        .unwrap();
    assert_eq!(all, [1, 3]);
    let noted: Vec<i64> = noted.try_iter().flatten().collect();
    assert_eq!(noted, [1, 3]);
}

#[test]
fn a_backup_opens_with_the_same_key_only() {
    let (folder, path) = fresh();
    let db = open(&path, &KEY, SCHEMA, Durability::Full).unwrap();
    db.execute("INSERT INTO t VALUES (1, 'kept')", []).unwrap();
    let copy = folder.path().join("copy.db");
    backup(&db, &copy, &KEY).unwrap();
    let kept: String = open_reader(&copy, &KEY).unwrap().query_row("SELECT y FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, "kept");
    assert!(open_reader(&copy, &[1; 32]).is_err());
}

#[test]
fn a_frozen_file_stands_still_while_others_write_and_is_a_whole_database() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("a.db"), folder.path().join("b.db"));
    let db = open(&path, &KEY, &["CREATE TABLE t (x TEXT) STRICT"], Durability::Full).unwrap();
    let fill = |from: usize| {
        for number in from..from + 2000 {
            db.execute("INSERT INTO t VALUES (?1)", [format!("{number} {}", "x".repeat(100))]).unwrap();
        }
    };
    fill(0);
    let frozen = freeze(&db, &path, &KEY).unwrap();
    let before = std::fs::read(&path).unwrap();
    // More than SQLite leaves in the WAL by itself, and a checkpoint that is asked for.
    fill(2000);
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
    assert!(std::fs::read(&path).unwrap() == before);
    std::fs::write(&copy, &before).unwrap();
    drop(frozen);
    let copied = open_reader(&copy, &KEY).unwrap();
    check(&copied).unwrap();
    assert_eq!(copied.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap(), 2000);
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    assert!(std::fs::read(&path).unwrap() != before);
}

mod another_key {
    use super::*;

    const NEXT: [u8; 32] = [9; 32];
    const TEXTS: Schema = &["CREATE TABLE t (x INTEGER PRIMARY KEY, y TEXT NOT NULL) STRICT;
        CREATE VIRTUAL TABLE found USING fts5 (words, content = '', contentless_delete = 1)"];

    fn change<'a>(path: &'a Path, fresh: &'a Path) -> Rekey<'a> {
        Rekey {
            path,
            fresh,
            former: &KEY,
            next: &NEXT,
            form: Form::default(),
            schema: TEXTS,
            durability: Durability::Full,
        }
    }

    fn fill(db: &rusqlite::Connection, numbers: std::ops::Range<i64>) {
        for number in numbers {
            db.execute("INSERT INTO t VALUES (?1, ?2)", (number, format!("text {number} {}", "x".repeat(200))))
                .unwrap();
            db.execute("INSERT INTO found (rowid, words) VALUES (?1, ?2)", (number, format!("word{number}"))).unwrap();
        }
    }

    fn count(db: &rusqlite::Connection) -> i64 {
        db.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
    }

    fn finds(db: &rusqlite::Connection, number: i64) -> bool {
        db.prepare("SELECT 1 FROM found WHERE found MATCH ?1").unwrap().exists([format!("word{number}")]).unwrap()
    }

    #[test]
    fn the_next_key_opens_everything_and_the_former_nothing() {
        let (_folder, path) = fresh();
        let beside = path.with_extension("fresh.db");
        let mut db = open(&path, &KEY, TEXTS, Durability::Full).unwrap();
        fill(&db, 0..500);
        let readers = Readers::new(path.clone(), &KEY, 2);
        let read = |readers: &Readers| readers.read_here(|db| Ok::<_, Error>((count(db), finds(db, 400)))).unwrap();
        assert_eq!(read(&readers), (500, true));
        rekey(&mut db, &readers, &change(&path, &beside)).unwrap();
        assert!(!beside.exists());
        fill(&db, 500..600);
        assert_eq!(read(&readers), (600, true), "the same readers go on");
        drop((db, readers));
        assert!(matches!(open(&path, &KEY, TEXTS, Durability::Full), Err(Error::NotADatabase)));
        let db = open(&path, &NEXT, TEXTS, Durability::Full).unwrap();
        check(&db).unwrap();
        assert!(count(&db) == 600 && finds(&db, 3) && finds(&db, 599));
    }

    #[test]
    fn the_former_key_tried_on_a_file_with_a_wal_harms_nothing() {
        let (folder, path) = fresh();
        let mut db = open(&path, &KEY, TEXTS, Durability::Full).unwrap();
        fill(&db, 0..50);
        rekey(&mut db, &Readers::new(path.clone(), &KEY, 2), &change(&path, &path.with_extension("fresh.db"))).unwrap();
        fill(&db, 50..80);
        // As after a kill: file and WAL are there, nobody has closed them.
        let killed = folder.path().join("killed.db");
        for ending in ["", "-wal"] {
            let name = |path: &Path| std::path::PathBuf::from(format!("{}{ending}", path.display()));
            std::fs::copy(name(&path), name(&killed)).unwrap();
        }
        assert!(matches!(open(&killed, &KEY, TEXTS, Durability::Full), Err(Error::NotADatabase)));
        let opened = open(&killed, &NEXT, TEXTS, Durability::Full).unwrap();
        check(&opened).unwrap();
        assert!(count(&opened) == 80 && finds(&opened, 79));
    }

    #[test]
    fn a_query_under_way_ends_before_the_file_changes() {
        let (_folder, path) = fresh();
        let mut db = open(&path, &KEY, TEXTS, Durability::Full).unwrap();
        fill(&db, 0..50);
        let readers = Readers::new(path.clone(), &KEY, 2);
        let (begun, wait) = std::sync::mpsc::channel();
        let (go_on, held) = std::sync::mpsc::channel::<()>();
        let own = readers.clone();
        let reading = std::thread::spawn(move || {
            own.read_here(|db| {
                begun.send(()).unwrap();
                held.recv().unwrap();
                Ok::<_, Error>(count(db))
            })
        });
        wait.recv().unwrap();
        let (other, file, beside) = (readers.clone(), path.clone(), path.with_extension("fresh.db"));
        let rekeying = std::thread::spawn(move || {
            rekey(&mut db, &other, &change(&file, &file.with_extension("fresh.db"))).map(|()| db)
        });
        // The copy is there, and does not take the place of what is being read.
        let counted = |db: rusqlite::Connection| db.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
        let copied = |key| open_reader(&beside, key).is_ok_and(|db| counted(db) == Ok(50));
        while !(rekeying.is_finished() || beside.exists() && copied(&NEXT)) {
            std::thread::yield_now();
        }
        assert!(!rekeying.is_finished());
        assert_eq!(count(&open_reader(&path, &KEY).unwrap()), 50);
        go_on.send(()).unwrap();
        assert_eq!(reading.join().unwrap().unwrap(), 50);
        assert_eq!(count(&rekeying.join().unwrap().unwrap()), 50);
        assert_eq!(readers.read_here(|db| Ok::<_, Error>(count(db))).unwrap(), 50);
    }
}

/// SQLCipher answers a page that does not open with zeros and says so only by the next page: where that is the end of a long
/// value, nothing else would notice.
#[test]
fn a_page_that_does_not_open_is_never_read_as_zeros() {
    for form in [Form::Sha512, Form::Sha256] {
        never_read_as_zeros(form);
    }
}

fn never_read_as_zeros(form: Form) {
    let (_folder, path) = fresh();
    let db = open_formed(&path, &KEY, SCHEMA, Durability::Full, form).unwrap();
    let long = "vexkuqolumi ".repeat(4000);
    db.execute("INSERT INTO t VALUES (1, ?1)", [&long]).unwrap();
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(db);
    let whole = std::fs::read(&path).unwrap();
    let pages = whole.len() / 4096;
    assert!(pages > 12, "it lies on pages of its own");
    let mut damaged = 0;
    for page in 1..pages {
        let mut bytes = whole.clone();
        bytes[page * 4096 + 2000] ^= 4;
        std::fs::write(&path, bytes).unwrap();
        let readers = Readers::new(path.clone(), &KEY, 1);
        let read = || {
            readers.read_here(|db| {
                let text = db.query_row("SELECT y FROM t", [], |row| row.get::<_, String>(0));
                text.map_err(Error::from)
            })
        };
        // Again by a connection that may have kept what it read.
        for _ in 0..2 {
            match read() {
                Ok(text) => assert!(text == long, "page {page} is read as something else"),
                Err(Error::Damaged(_) | Error::NotADatabase) => damaged += 1,
                Err(other) => panic!("page {page}: {other}"),
            }
        }
    }
    assert!(damaged > 20, "{damaged}");
}

#[test]
fn an_index_that_another_connection_merged_is_no_damage() {
    const INDEXED: Schema = &["CREATE VIRTUAL TABLE words USING fts5 (text, content = '', contentless_delete = 1)"];
    let (_folder, path) = fresh();
    let writer = open(&path, &KEY, INDEXED, Durability::Normal).unwrap();
    let reader = open_reader(&path, &KEY).unwrap();
    let add = |from: i64| {
        for number in from..from + 50 {
            let text = format!("number {number} {}", "and some more ".repeat(100));
            writer.execute("INSERT INTO words (rowid, text) VALUES (?1, ?2)", (number, text)).unwrap();
        }
    };
    add(1);
    let found =
        |what: &str| reader.prepare("SELECT 1 FROM words WHERE words MATCH ?1").unwrap().exists([what]).unwrap();
    assert!(found("number"));
    writer.execute("DELETE FROM words WHERE rowid < 40", []).unwrap();
    writer.execute("INSERT INTO words (words) VALUES ('optimize')", []).unwrap();
    check(&reader).unwrap();
    add(100);
    writer.execute("INSERT INTO words (words) VALUES ('optimize')", []).unwrap();
    check(&reader).unwrap();
    assert!(found("120"));
}

#[test]
fn a_lock_that_fails_is_no_damage() {
    let of = |code| Error::from(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
    // SQLITE_IOERR_LOCK, SQLITE_IOERR_SHMLOCK, SQLITE_PROTOCOL; SQLITE_IOERR_READ.
    for code in [3850, 5130, 15] {
        assert!(matches!(of(code), Error::NoLocks(_)), "{code}");
    }
    assert!(matches!(of(266), Error::Damaged(_)));
}
