use super::*;
use crate::{
    Durability, Error, Readers, Rekey, Schema, backup, check_whole, damaged_pages, open, open_formed, open_reader,
    rekey,
};
use std::path::{Path, PathBuf};

const KEY: [u8; 32] = [7; 32];
const NEXT: [u8; 32] = [9; 32];
const BOTH: [Form; 2] = [Form::Sha512, Form::Sha256];
const SCHEMA: Schema = &["CREATE TABLE t (x INTEGER PRIMARY KEY, y TEXT NOT NULL) STRICT;
    CREATE VIRTUAL TABLE found USING fts5 (words, content = '', contentless_delete = 1)"];
const PAGE: usize = 4096;

fn named(form: Form, durability: Durability) -> (tempfile::TempDir, PathBuf, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let db = open_formed(&path, &KEY, SCHEMA, durability, form).unwrap();
    (folder, path, db)
}

fn fill(db: &Connection, numbers: std::ops::Range<i64>) {
    for number in numbers {
        db.execute("INSERT INTO t VALUES (?1, ?2)", (number, format!("text {number} {}", "x".repeat(200)))).unwrap();
        db.execute("INSERT INTO found (rowid, words) VALUES (?1, ?2)", (number, format!("word{number}"))).unwrap();
    }
}

fn count(db: &Connection) -> i64 {
    db.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    format!("{}{ending}", path.display()).into()
}

/// As after a kill: what is there, and nobody closed it.
fn killed(path: &Path) -> PathBuf {
    let copy = path.with_extension("killed.db");
    for ending in ["", "-wal", "-mark"] {
        std::fs::copy(beside(path, ending), beside(&copy, ending)).unwrap();
    }
    copy
}

#[test]
fn a_file_keeps_the_form_that_it_was_made_in_whichever_is_tried_first() {
    for form in BOTH {
        for durability in [Durability::Full, Durability::Normal] {
            let (_folder, path, db) = named(form, durability);
            assert_eq!(Form::of(&db).unwrap(), form);
            fill(&db, 0..100);
            drop(db);
            for tried in BOTH {
                let db = open_formed(&path, &KEY, SCHEMA, durability, tried).unwrap();
                assert_eq!((Form::of(&db).unwrap(), count(&db)), (form, 100), "{tried:?} tried first");
                let readers = Readers::of_form(path.clone(), &KEY, 1, tried);
                let read = || readers.read_here(|db| Ok::<_, Error>((Form::of(db)?, count(db)))).unwrap();
                assert_eq!([read(), read()], [(form, 100); 2]);
            }
            assert_eq!(Form::of(&open(&path, &KEY, SCHEMA, durability).unwrap()).unwrap(), form);
        }
    }
}

#[test]
fn a_form_or_a_key_that_does_not_fit_changes_nothing_of_what_a_kill_left() {
    for form in BOTH {
        let (_folder, path, db) = named(form, Durability::Full);
        db.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        fill(&db, 0..50);
        let left = killed(&path);
        let bytes = || ["", "-wal", "-mark"].map(|ending| std::fs::read(beside(&left, ending)).unwrap());
        let before = bytes();
        assert!(before[1].len() > 20 * PAGE, "most of it is in the log");
        for tried in BOTH {
            assert!(matches!(open_formed(&left, &NEXT, SCHEMA, Durability::Full, tried), Err(Error::NotADatabase)));
        }
        assert!(matches!(open_reader(&left, &NEXT), Err(Error::NotADatabase)));
        assert!(bytes() == before, "{form:?}");
        let db = open_formed(&left, &KEY, SCHEMA, Durability::Full, form.other()).unwrap();
        check_whole(&db).unwrap();
        assert_eq!(count(&db), 50);
    }
}

#[test]
fn a_file_changes_its_form_with_its_key() {
    for (from, to) in [(Form::Sha512, Form::Sha256), (Form::Sha256, Form::Sha512), (Form::Sha256, Form::Sha256)] {
        let (_folder, path, mut db) = named(from, Durability::Normal);
        fill(&db, 0..500);
        let readers = Readers::of_form(path.clone(), &KEY, 2, from);
        let read = || readers.read_here(|db| Ok::<_, Error>((Form::of(db)?, count(db)))).unwrap();
        assert_eq!(read(), (from, 500));
        let fresh = path.with_extension("fresh.db");
        let change = Rekey {
            path: &path,
            fresh: &fresh,
            former: &KEY,
            next: &NEXT,
            form: to,
            schema: SCHEMA,
            durability: Durability::Normal,
        };
        rekey(&mut db, &readers, &change).unwrap();
        fill(&db, 500..900);
        db.execute("DELETE FROM t WHERE x % 3 = 0", []).unwrap();
        db.execute_batch("PRAGMA incremental_vacuum").unwrap();
        check_whole(&db).unwrap();
        assert_eq!((Form::of(&db).unwrap(), read()), (to, (to, 600)), "from {from:?}");
        drop((db, readers));
        assert_eq!(damaged_pages(&path, &NEXT).unwrap(), Vec::<String>::new());
        let again = open(&path, &NEXT, SCHEMA, Durability::Normal).unwrap();
        check_whole(&again).unwrap();
        assert!(again.prepare("SELECT 1 FROM found WHERE found MATCH 'word899'").unwrap().exists([]).unwrap());
    }
}

#[test]
fn a_copy_has_the_form_of_what_it_was_made_of() {
    for form in BOTH {
        let (_folder, path, db) = named(form, Durability::Full);
        fill(&db, 0..50);
        let to = path.with_extension("good.db");
        backup(&db, &to, &KEY).unwrap();
        let copy = open_reader(&to, &KEY).unwrap();
        assert_eq!((Form::of(&copy).unwrap(), count(&copy)), (form, 50));
    }
}

#[test]
fn no_byte_of_a_page_can_change_unseen_and_the_page_is_named() {
    for form in BOTH {
        let (_folder, path, db) = named(form, Durability::Full);
        fill(&db, 0..100);
        drop(db);
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(damaged_pages(&path, &KEY).unwrap(), Vec::<String>::new());
        // The text, what a tree leaves alone, the vector, the code: from the first byte to the last.
        for at in [0, 1, 2000, 4015, 4016, 4031, 4032, 4047, 4048, 4063, 4064, PAGE - 1] {
            for page in [0, 3] {
                let mut bytes = whole.clone();
                bytes[page * PAGE + at] ^= 1;
                std::fs::write(&path, bytes).unwrap();
                let found = damaged_pages(&path, &KEY).unwrap();
                // The first bytes of all are not of the first page: they are the salt, without which none opens.
                if page == 0 && at < 16 {
                    assert_eq!(found.len(), whole.len() / PAGE, "{form:?} {at}: {found:?}");
                } else {
                    assert_eq!(found.len(), 1, "{form:?} {at}: {found:?}");
                    assert!(found[0].ends_with(&format!("page {}", page + 1)), "{found:?}");
                }
                let opened = open(&path, &KEY, SCHEMA, Durability::Full);
                let read = opened.and_then(|db| check_whole(&db));
                match page {
                    0 => assert!(matches!(read, Err(Error::NotADatabase)), "{form:?} {at}: {read:?}"),
                    _ => assert!(matches!(read, Err(Error::Damaged(_))), "{form:?} {at}: {read:?}"),
                }
            }
        }
    }
}
