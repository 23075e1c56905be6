use super::*;
use crate::{Durability, open};
use std::fs;

const KEY: [u8; 32] = [7; 32];
const SCHEMA: crate::Schema = &["CREATE TABLE t (x INTEGER PRIMARY KEY, y BLOB NOT NULL) STRICT"];

/// A database as a process leaves it that was killed: with a log, a mark, and `rows` commits.
struct Left {
    _folder: tempfile::TempDir,
    path: PathBuf,
    rows: i64,
}

impl Left {
    fn new(rows: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (alive, path) = (folder.path().join("alive.db"), folder.path().join("left.db"));
        let db = open(&alive, &KEY, SCHEMA, Durability::Full).unwrap();
        for x in 0..rows {
            db.execute("INSERT INTO t VALUES (?1, zeroblob(3000))", [x]).unwrap();
        }
        for ending in ["", "-wal", "-mark"] {
            fs::copy(beside(&alive, ending), beside(&path, ending)).unwrap();
        }
        Self { _folder: folder, path, rows }
    }

    fn rows(&self) -> Result<i64, Error> {
        let db = open(&self.path, &KEY, SCHEMA, Durability::Full)?;
        Ok(db.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?)
    }

    fn log(&self) -> Vec<u8> {
        fs::read(beside(&self.path, "-wal")).unwrap()
    }

    /// Looks at the log with another content.
    fn with_log(&self, log: &[u8]) -> Result<(), Error> {
        fs::write(beside(&self.path, "-wal"), log).unwrap();
        check(&self.path, Durability::Full)
    }

    fn unmark(&self) {
        fs::remove_file(beside(&self.path, "-mark")).unwrap();
    }
}

const SIZE: usize = FRAME + 4096;

fn frames(log: &[u8]) -> impl Iterator<Item = &[u8]> {
    log[HEADER..].chunks_exact(SIZE)
}

#[test]
fn what_a_killed_process_left_opens_with_everything() {
    let left = Left::new(20);
    assert!(!left.log().is_empty());
    check(&left.path, Durability::Full).unwrap();
    assert_eq!(left.rows().unwrap(), left.rows);
}

#[test]
fn a_bit_flipped_anywhere_in_the_log_is_noticed() {
    let left = Left::new(20);
    let log = left.log();
    for place in (0..log.len()).step_by(997).chain(0..HEADER).chain(log.len() - SIZE..log.len() - SIZE + FRAME) {
        let mut flipped = log.clone();
        flipped[place] ^= 1 << (place % 8);
        assert!(matches!(left.with_log(&flipped), Err(Error::Damaged(_))), "byte {place}");
    }
    fs::write(beside(&left.path, "-wal"), &log).unwrap();
    assert_eq!(left.rows().unwrap(), left.rows);
}

#[test]
fn without_a_mark_all_but_the_last_transaction_is_still_looked_after() {
    let left = Left::new(20);
    left.unmark();
    let log = left.log();
    let ends: Vec<usize> =
        frames(&log).enumerate().filter(|(_, frame)| word(frame, 4) != Some(0)).map(|(at, _)| at + 1).collect();
    let last = HEADER + SIZE * ends[ends.len() - 2];
    for place in (HEADER..log.len()).step_by(1009) {
        let mut flipped = log.clone();
        flipped[place] ^= 1;
        let noticed = left.with_log(&flipped).is_err();
        assert_eq!(noticed, place < last, "byte {place}, the last transaction begins at {last}");
    }
}

#[test]
fn a_flipped_mark_is_none() {
    let left = Left::new(3);
    let (path, log) = (beside(&left.path, "-mark"), left.log());
    let mark = fs::read(&path).unwrap();
    assert!(Mark::read(&left.path).is_some());
    for place in 0..mark.len() {
        let mut flipped = mark.clone();
        flipped[place] ^= 1 << (place % 8);
        fs::write(&path, flipped).unwrap();
        assert_eq!(Mark::read(&left.path), None);
        left.with_log(&log).unwrap();
    }
}

#[test]
fn what_was_broken_off_before_its_commit_is_left_out_silently() {
    let left = Left::new(20);
    let log = left.log();
    let count = frames(&log).count();
    // A transaction of three frames, none of which reached the disk whole; a part of one; and nothing of it.
    for torn in [vec![0xa5; 3 * SIZE], vec![0; SIZE / 2], Vec::new()] {
        left.with_log(&[log.as_slice(), &torn].concat()).unwrap();
    }
    // One whose commit reached the disk before what it commits.
    let mut commit = frames(&log).nth(count - 1).unwrap().to_vec();
    commit[FRAME..].fill(9);
    left.with_log(&[log.as_slice(), &[0; SIZE], &commit].concat()).unwrap();
    left.unmark();
    left.with_log(&[log.as_slice(), &[0; SIZE], &commit].concat()).unwrap();
    assert_eq!(left.rows().unwrap(), left.rows);
}

#[test]
fn frames_of_before_a_restart_of_the_log_mean_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (alive, path) = (folder.path().join("alive.db"), folder.path().join("left.db"));
    let db = open(&alive, &KEY, SCHEMA, Durability::Full).unwrap();
    let insert = |x: i64| db.execute("INSERT INTO t VALUES (?1, zeroblob(3000))", [x]).unwrap();
    (0..50).for_each(|x| {
        insert(x);
    });
    let long = fs::metadata(beside(&alive, "-wal")).unwrap().len();
    // Everything comes into the file, and the next commit begins the log anew over the old one.
    db.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
    insert(50);
    assert_eq!(fs::metadata(beside(&alive, "-wal")).unwrap().len(), long);
    for ending in ["", "-wal", "-mark"] {
        fs::copy(beside(&alive, ending), beside(&path, ending)).unwrap();
    }
    for marked in [true, false] {
        if !marked {
            fs::remove_file(beside(&path, "-mark")).unwrap();
        }
        check(&path, Durability::Full).unwrap();
    }
    let db = open(&path, &KEY, SCHEMA, Durability::Full).unwrap();
    assert_eq!(db.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap(), 51);
}

/// Why SQLite must not decide it: it would read the pages of the log's beginning over a file that has later ones already.
#[test]
fn a_damaged_log_of_which_the_file_has_more_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (alive, path) = (folder.path().join("alive.db"), folder.path().join("left.db"));
    let db = open(&alive, &KEY, SCHEMA, Durability::Full).unwrap();
    for x in 0..30 {
        db.execute("INSERT INTO t VALUES (?1, zeroblob(3000))", [x]).unwrap();
    }
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
    for ending in ["", "-wal", "-mark"] {
        fs::copy(beside(&alive, ending), beside(&path, ending)).unwrap();
    }
    check(&path, Durability::Full).unwrap();
    let mut log = fs::read(beside(&path, "-wal")).unwrap();
    let half = HEADER + log.len() / 2 / SIZE * SIZE + 100;
    log[half] ^= 1;
    fs::write(beside(&path, "-wal"), &log).unwrap();
    let refused = open(&path, &KEY, SCHEMA, Durability::Full).unwrap_err();
    assert!(refused.to_string().contains("frame"), "{refused}");
    assert_eq!(fs::read(beside(&path, "-wal")).unwrap(), log, "nothing was touched");
    // SQLite by itself opens it, as if it had never had more.
    let db = crate::open_reader(&path, &KEY).unwrap();
    let rows = db.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
    assert!(rows.is_ok_and(|rows| rows < 30));
}

#[test]
fn a_log_that_was_cut_off_is_refused_wherever_that_was_and_one_that_was_emptied_is_not() {
    let left = Left::new(5);
    let log = left.log();
    for length in (0..log.len()).step_by(499).chain(0..HEADER + FRAME + 1) {
        assert!(matches!(left.with_log(&log[..length]), Err(Error::Damaged(_))), "{length} bytes");
    }
    left.with_log(&log).unwrap();
    let db = open(&left.path, &KEY, SCHEMA, Durability::Full).unwrap();
    assert!(flush(&db).unwrap());
    // As after a kill right then, with a log that is empty; and after the next commit.
    assert_eq!(left.log(), []);
    check(&left.path, Durability::Full).unwrap();
    db.execute("INSERT INTO t VALUES (100, zeroblob(3000))", []).unwrap();
    check(&left.path, Durability::Full).unwrap();
    assert!(Mark::read(&left.path).is_some());
    drop(db);
    // Whoever closed it last took the log away. A program that opened it and wrote nothing leaves an empty one.
    check(&left.path, Durability::Full).unwrap();
    left.with_log(&[]).unwrap();
}

#[test]
fn a_log_that_could_not_be_emptied_keeps_its_mark() {
    let left = Left::new(5);
    let db = open(&left.path, &KEY, SCHEMA, Durability::Full).unwrap();
    db.busy_timeout(std::time::Duration::ZERO).unwrap();
    let reader = crate::open_reader(&left.path, &KEY).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    reader.query_row("SELECT count(*) FROM t", [], |_| Ok(())).unwrap();
    db.execute("INSERT INTO t VALUES (100, zeroblob(3000))", []).unwrap();
    assert!(!flush(&db).unwrap());
    let mark = Mark::read(&left.path).unwrap();
    assert_eq!(mark.frames as usize, frames(&left.log()).count());
    assert_eq!(mark.salts, left.log()[16..24]);
}

/// What can be fetched again loses the end of its log at most, and is never of two moments.
#[test]
fn a_log_nobody_waits_for_is_refused_only_where_the_file_has_more_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (alive, path) = (folder.path().join("alive.db"), folder.path().join("left.db"));
    let db = open(&alive, &KEY, SCHEMA, Durability::Normal).unwrap();
    let insert = |x: i64| db.execute("INSERT INTO t VALUES (?1, zeroblob(3000))", [x]).unwrap();
    let copied = || {
        for ending in ["", "-wal", "-mark"] {
            let _ = fs::copy(beside(&alive, ending), beside(&path, ending));
        }
        fs::read(beside(&path, "-wal")).unwrap()
    };
    let flipped = |log: &[u8], frame: usize| {
        let mut log = log.to_vec();
        log[HEADER + frame * SIZE + 200] ^= 1;
        fs::write(beside(&path, "-wal"), log).unwrap();
        check(&path, Durability::Normal)
    };
    (0..30).for_each(|x| {
        insert(x);
    });
    let log = copied();
    for frame in [0, 1, 20, frames(&log).count() - 1] {
        flipped(&log, frame).unwrap();
    }
    fs::write(beside(&path, "-wal"), &log[..log.len() / 2]).unwrap();
    check(&path, Durability::Normal).unwrap();
    // Up to the checkpoint that comes by itself.
    let mut x = 30;
    while !beside(&alive, "-mark").exists() {
        insert(x);
        x += 1;
    }
    let log = copied();
    assert!(frames(&log).count() >= CHECKPOINT as usize);
    check(&path, Durability::Normal).unwrap();
    for frame in [10, 500, frames(&log).count() - 1] {
        assert!(flipped(&log, frame).is_err(), "frame {frame}");
    }
    // Nor the file alone, which may have pages of two moments: where a reader was in the way a checkpoint ends early.
    let mut broken = log.clone();
    broken[20] ^= 1;
    for log in [&log[..0], &log[..HEADER + 10], broken.as_slice()] {
        fs::write(beside(&path, "-wal"), log).unwrap();
        assert!(check(&path, Durability::Normal).is_err(), "{} bytes", log.len());
    }
    assert!(flipped(&log, 0).is_err());
    fs::write(beside(&path, "-wal"), &log).unwrap();
    let db = open(&path, &KEY, SCHEMA, Durability::Normal).unwrap();
    assert_eq!(db.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap(), x);
}

#[test]
fn what_a_reader_kept_out_of_the_file_is_not_claimed_to_be_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("read.db");
    let db = open(&path, &KEY, SCHEMA, Durability::Normal).unwrap();
    db.execute("INSERT INTO t VALUES (0, zeroblob(3000))", []).unwrap();
    let reader = crate::open_reader(&path, &KEY).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let seen = reader.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(seen, 1);
    let before = fs::metadata(beside(&path, "-wal")).unwrap().len() / SIZE as u64;
    for x in 1..600 {
        db.execute("INSERT INTO t VALUES (?1, zeroblob(3000))", [x]).unwrap();
    }
    let mark = Mark::read(&path).unwrap();
    assert!(u64::from(mark.frames) <= before, "{} of {before}", mark.frames);
    // What was not waited for may be gone after a power cut.
    let log = fs::read(beside(&path, "-wal")).unwrap();
    let copy = folder.path().join("left.db");
    fs::copy(&path, &copy).unwrap();
    fs::copy(beside(&path, "-mark"), beside(&copy, "-mark")).unwrap();
    fs::write(beside(&copy, "-wal"), &log[..log.len() / 2]).unwrap();
    check(&copy, Durability::Normal).unwrap();
}

#[test]
fn the_mark_of_a_release_that_left_it_when_it_emptied_the_log_is_none() {
    let left = Left::new(5);
    let mark = fs::read(beside(&left.path, "-mark")).unwrap();
    let said = &mark[..MARKED];
    let former: Vec<u8> = said.iter().copied().chain(said.iter().map(|byte| !byte)).collect();
    fs::write(beside(&left.path, "-mark"), former).unwrap();
    assert_eq!(Mark::read(&left.path), None);
    left.with_log(&[]).unwrap();
}

#[test]
fn the_log_is_brought_into_the_file_now_and_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.db");
    let db = open(&path, &KEY, SCHEMA, Durability::Full).unwrap();
    for x in 0..1500 {
        db.execute("INSERT INTO t VALUES (?1, zeroblob(3000))", [x]).unwrap();
    }
    let (log, file) = (fs::metadata(beside(&path, "-wal")).unwrap().len(), fs::metadata(&path).unwrap().len());
    assert!(log < 1100 * SIZE as u64 && file > 500 * 4096, "{log} bytes of log, {file} of file");
}
