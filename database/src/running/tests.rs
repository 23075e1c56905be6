use crate::{Durability, Error, Form, Readers, Rekey, Schema, open, rekey};
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::mpsc;

const KEY: [u8; 32] = [1; 32];
const SCHEMA: Schema = &["CREATE TABLE t (x INTEGER PRIMARY KEY) STRICT; INSERT INTO t VALUES (1), (2);"];

fn fresh() -> (tempfile::TempDir, PathBuf, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = open(&path, &KEY, SCHEMA, Durability::Normal).unwrap();
    (folder, path, db)
}

/// Counts for ever.
fn count_on(db: &Connection) -> Result<i64, Error> {
    let sql = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    Ok(db.query_row(sql, [], |row| row.get(0))?)
}

fn rows(db: &Connection) -> Result<i64, Error> {
    Ok(db.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?)
}

#[test]
fn queries_without_an_end_are_broken_off_when_readers_end_and_none_begins_any_more() {
    let (_folder, path, _db) = fresh();
    let readers = Readers::new(path, &KEY, 1);
    let (begun, has_begun) = mpsc::channel();
    let asking = [0; 3].map(|_| {
        let (readers, begun) = (readers.clone(), begun.clone());
        std::thread::spawn(move || {
            readers.read_here(|db| {
                begun.send(()).unwrap();
                count_on(db)
            })
        })
    });
    asking.iter().for_each(|_| has_begun.recv().unwrap());
    readers.end();
    for asked in asking {
        assert!(matches!(asked.join().unwrap(), Err(Error::Closed)));
    }
    assert!(matches!(readers.read_here(rows), Err(Error::Closed)));
}

#[test]
fn one_that_was_between_two_statements_when_it_was_interrupted_is_interrupted_again() {
    let (_folder, path, _db) = fresh();
    let readers = Readers::new(path, &KEY, 1);
    let (begun, has_begun) = mpsc::channel();
    let own = readers.clone();
    let asking = std::thread::spawn(move || {
        own.read_here(|db| {
            begun.send(()).unwrap();
            while !own.running().has_ended() {
                std::thread::yield_now();
            }
            count_on(db)
        })
    });
    has_begun.recv().unwrap();
    readers.end();
    assert!(matches!(asking.join().unwrap(), Err(Error::Closed)));
}

#[test]
fn half_of_an_answer_is_none() {
    let (_folder, path, _db) = fresh();
    let readers = Readers::new(path, &KEY, 1);
    let (begun, has_begun) = mpsc::channel();
    let own = readers.clone();
    let asking = std::thread::spawn(move || {
        own.read_here(|db| {
            begun.send(()).unwrap();
            // As where what does not open is passed over.
            Ok::<_, Error>(count_on(db).unwrap_or(0))
        })
    });
    has_begun.recv().unwrap();
    readers.end();
    assert!(matches!(asking.join().unwrap(), Err(Error::Closed)));
}

#[test]
fn a_renewal_whose_readers_end_leaves_the_file_under_its_key() {
    let (_folder, path, mut db) = fresh();
    let readers = Readers::new(path.clone(), &KEY, 1);
    readers.end();
    let fresh = path.with_extension("fresh.db");
    let change = Rekey {
        path: &path,
        fresh: &fresh,
        former: &KEY,
        next: &[2; 32],
        form: Form::default(),
        schema: SCHEMA,
        durability: Durability::Normal,
    };
    assert!(matches!(rekey(&mut db, &readers, &change), Err(Error::Closed)));
    assert_eq!((rows(&db).unwrap(), fresh.exists()), (2, false));
    drop(db);
    assert_eq!(rows(&open(&path, &KEY, SCHEMA, Durability::Normal).unwrap()).unwrap(), 2);
}
