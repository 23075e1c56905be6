//! A process whose threads begin with databases all at once begins well, and one that ends while they are busy ends well,
//! however often it is tried.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;
use thechatapp_database::{Durability, Readers, Writer, open};

const KEY: [u8; 32] = [7; 32];
const PLACE: &str = "THECHATAPP_ENDING_TEST";
const BEGINNING: &str = "THECHATAPP_BEGINNING_TEST";
const TIMES: usize = 40;

/// What the process of the test below does: it opens, reads, writes and closes on several threads, and ends amid it.
#[test]
fn a_busy_process() {
    let Some(folder) = std::env::var_os(PLACE) else { return };
    for number in 0..4 {
        let path = Path::new(&folder).join(format!("{number}.db"));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            loop {
                let db = open(&path, &KEY, &["CREATE TABLE t (x INTEGER) STRICT"], Durability::Normal).unwrap();
                let (writer, _) = Writer::<()>::start(db, |_| {}).unwrap();
                let readers = Readers::new(path.clone(), &KEY, 2);
                for _ in 0..20 {
                    let insert = writer.write(|db, _| {
                        db.execute("INSERT INTO t VALUES (1)", []).map(drop).map_err(thechatapp_database::Error::from)
                    });
                    runtime.block_on(insert).unwrap();
                    let count = readers.read_here(|db| {
                        db.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0))
                            .map_err(thechatapp_database::Error::from)
                    });
                    assert!(count.unwrap() > 0);
                }
            }
        });
    }
    // Threads that end are met by what OpenSSL does at exit, too.
    let path = Path::new(&folder).join("many.db");
    open(&path, &KEY, &["CREATE TABLE t (x INTEGER) STRICT"], Durability::Normal).unwrap();
    let readers = Readers::new(path, &KEY, 0);
    std::thread::spawn(move || {
        loop {
            let readers = readers.clone();
            std::thread::spawn(move || {
                let none = readers.read_here(|db| {
                    db.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0))
                        .map_err(thechatapp_database::Error::from)
                });
                assert_eq!(none.unwrap(), 0);
            });
            std::thread::sleep(Duration::from_micros(300));
        }
    });
    std::thread::sleep(Duration::from_millis(60));
    std::process::exit(0);
}

/// What the process of the test below does: the first that it does with the library, it does on many threads.
#[test]
fn a_sudden_beginning() {
    let Some(folder) = std::env::var_os(BEGINNING) else { return };
    let together = std::sync::Barrier::new(8);
    std::thread::scope(|threads| {
        for number in 0..8 {
            let path = Path::new(&folder).join(format!("{number}.db"));
            let together = &together;
            threads.spawn(move || {
                together.wait();
                open(&path, &KEY, &["CREATE TABLE t (x INTEGER) STRICT"], Durability::Normal).unwrap();
            });
        }
    });
}

#[test]
fn a_process_begins_well_on_many_threads_at_once() {
    many_times("a_sudden_beginning", BEGINNING);
}

#[test]
fn a_process_ends_well_while_its_databases_are_busy() {
    many_times("a_busy_process", PLACE);
}

fn many_times(process: &str, place: &str) {
    for time in 0..TIMES {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", process])
            .env(place, folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "time {time}: {output:?}");
    }
}
