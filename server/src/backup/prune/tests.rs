use super::*;
use crate::backup::Snapshot;
use crate::backup::snapshot::{Kept, Missing, WorkspaceKept};
use crate::store::wipes::past::Past;
use thechatapp_seal::Argon2Params;

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// Snapshots that are named as their times.
fn made(times: &[&str]) -> Vec<(String, Timestamp, bool)> {
    times.iter().map(|time| ((*time).to_owned(), at(time), true)).collect()
}

fn chosen(keep: Keep, times: &[&str]) -> Vec<String> {
    keep.choose(&made(times)).into_iter().collect()
}

const TIMES: [&str; 9] = [
    "2025-11-30T03:00:00Z",
    "2026-10-31T03:00:00Z",
    // A Sunday, and the Monday after it.
    "2026-11-15T23:59:59.999Z",
    "2026-11-16T00:00:00Z",
    "2026-11-23T03:00:00Z",
    "2026-11-24T03:00:00Z",
    "2026-11-24T15:00:00Z",
    "2026-11-25T03:00:00Z",
    "2026-11-25T04:00:00Z",
];

fn keep(daily: u32, weekly: u32, monthly: u32) -> Keep {
    Keep { daily, weekly, monthly }
}

#[test]
fn the_newest_of_each_period_stays() {
    assert_eq!(chosen(keep(1, 0, 0), &TIMES), &TIMES[8..]);
    assert_eq!(chosen(keep(2, 0, 0), &TIMES), [TIMES[6], TIMES[8]]);
    // A day without a backup does not count.
    assert_eq!(chosen(keep(4, 0, 0), &TIMES), [TIMES[3], TIMES[4], TIMES[6], TIMES[8]]);
    assert_eq!(chosen(keep(0, 3, 0), &TIMES), [TIMES[2], TIMES[3], TIMES[8]]);
    // The same month of another year is another month.
    assert_eq!(chosen(keep(0, 0, 3), &TIMES), [TIMES[0], TIMES[1], TIMES[8]]);
    assert_eq!(chosen(keep(2, 2, 2), &TIMES), [TIMES[1], TIMES[3], TIMES[6], TIMES[8]]);
    assert_eq!(chosen(Keep::default(), &TIMES).len(), 7);
    assert_eq!(chosen(keep(0, 0, 0), &TIMES), &TIMES[8..], "the newest stays always");
    assert!(chosen(Keep::default(), &[]).is_empty());
}

#[test]
fn a_week_goes_across_the_year() {
    let times = ["2026-12-31T03:00:00Z", "2027-01-01T03:00:00Z", "2027-01-04T03:00:00Z"];
    assert_eq!(chosen(keep(0, 5, 0), &times), &times[1..]);
}

#[test]
fn what_was_ended_early_is_chosen_alike_the_next_time() {
    for wanted in [keep(1, 0, 0), keep(3, 2, 1), keep(0, 3, 2), Keep::default()] {
        let all = made(&TIMES);
        let stay = wanted.choose(&all);
        for removed in 0..1_u32 << TIMES.len() {
            let left: Vec<_> = all
                .iter()
                .enumerate()
                .filter(|(place, (name, ..))| stay.contains(name) || removed & (1 << place) == 0)
                .map(|(_, one)| one.clone())
                .collect();
            assert_eq!(wanted.choose(&left), stay);
        }
    }
}

#[test]
fn a_backup_that_lacks_a_workspace_takes_the_place_of_no_complete_one() {
    let lacking =
        |all: &mut Vec<(String, Timestamp, bool)>, which: &[usize]| which.iter().for_each(|one| all[*one].2 = false);
    let chosen = |keep: Keep, which: &[usize]| {
        let mut all = made(&TIMES);
        lacking(&mut all, which);
        keep.choose(&all).into_iter().collect::<Vec<_>>()
    };
    // The newest complete one stays beside the newest.
    assert_eq!(chosen(keep(1, 0, 0), &[8]), [TIMES[7], TIMES[8]]);
    assert_eq!(chosen(keep(1, 0, 0), &[7, 8]), [TIMES[6], TIMES[8]]);
    // Of a day the newest complete one, and another only where there is none.
    assert_eq!(chosen(keep(2, 0, 0), &[6]), [TIMES[5], TIMES[8]]);
    assert_eq!(chosen(keep(2, 0, 0), &[5, 6]), [TIMES[6], TIMES[8]]);
    assert_eq!(chosen(keep(1, 0, 0), &[0, 1, 2, 3, 4, 5, 6, 7, 8]), &TIMES[8..]);
    for which in [&[8][..], &[6, 8], &[5, 6, 7, 8], &[2, 3]] {
        let mut all = made(&TIMES);
        lacking(&mut all, which);
        let stay = keep(3, 2, 1).choose(&all);
        all.retain(|(name, ..)| stay.contains(name));
        assert_eq!(keep(3, 2, 1).choose(&all), stay, "the next time chooses alike");
    }
}

fn snapshot(time: &str) -> Snapshot {
    let (base_url, workspaces, missing) = (String::new(), Vec::new(), Vec::new());
    Snapshot { version: 1, at: at(time), base_url, workspaces, missing, wiped: Vec::new() }
}

struct Fixture {
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let own = Self { dir: tempfile::tempdir().unwrap() };
        let cost = Argon2Params { m_kib: 8, t: 1, p: 1 };
        let folder = Folder::open_or_make(&own.dir.path().join("b"), "recovery", &cost).unwrap();
        for time in ["2026-11-24T03:00:00Z", "2026-11-25T03:00:00Z"] {
            folder.keep(time.as_bytes()).unwrap();
            let snapshot = snapshot(time);
            folder.put_snapshot(&snapshot).unwrap();
        }
        own
    }

    fn open(&self) -> Folder {
        Folder::open(&self.dir.path().join("b"), "recovery").unwrap()
    }

    fn pieces(&self) -> usize {
        let folders = std::fs::read_dir(self.dir.path().join("b/pieces")).unwrap();
        folders.map(|one| std::fs::read_dir(one.unwrap().path()).unwrap().count()).sum()
    }
}

#[test]
fn a_snapshot_that_does_not_open_stops_it() {
    let fixture = Fixture::new();
    let names = fixture.open().snapshots().unwrap();
    for name in &names {
        let path = fixture.dir.path().join("b/snapshots").join(name);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[1..]).unwrap();
        let why = prune(fixture.open(), keep(1, 0, 0)).unwrap_err();
        assert_eq!(why.kind, Kind::Corrupt);
        assert!(why.why.contains(name.as_str()), "{why}");
        std::fs::write(&path, &whole).unwrap();
    }
    assert_eq!((fixture.open().snapshots().unwrap(), fixture.pieces()), (names, 2));
    assert_eq!(prune(fixture.open(), keep(0, 0, 0)).unwrap_err().kind, Kind::Usage);
    assert_eq!(fixture.pieces(), 2);
}

#[test]
fn two_at_once_are_refused() {
    let fixture = Fixture::new();
    let first = fixture.open().lock().unwrap();
    assert_eq!(prune(fixture.open(), keep(1, 0, 0)).unwrap_err().kind, Kind::Busy);
    assert_eq!(fixture.pieces(), 2);
    drop(first);
    assert_eq!(prune(fixture.open(), keep(1, 0, 0)).unwrap().removed, 1);
}

#[test]
fn what_a_killed_one_left_is_removed_the_next_time() {
    let fixture = Fixture::new();
    let folder = fixture.dir.path().join("b/pieces/ab");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{}.new", "ab".repeat(32))), "half").unwrap();
    std::fs::write(folder.join("notes of somebody"), "no piece").unwrap();
    // No snapshot here names a piece, so none stays; both snapshots do.
    let pruned = prune(fixture.open(), Keep::default()).unwrap();
    assert_eq!((pruned.kept, pruned.removed, pruned.pieces), (2, 0, 3));
    assert_eq!(fixture.pieces(), 1, "what is no piece is left alone");
    let again = prune(fixture.open(), Keep::default()).unwrap();
    assert_eq!(again, Pruned { kept: 2, ..Pruned::default() });
}

#[test]
fn the_newest_of_each_workspace_stays_until_it_is_wiped() {
    let fixture = Fixture::new();
    for name in fixture.open().snapshots().unwrap() {
        std::fs::remove_file(fixture.dir.path().join("b/snapshots").join(name)).unwrap();
    }
    let id = |number: u8| WorkspaceId::from_bytes([number; 16]);
    // A closed one is missing in each, so none is complete, and the other goes away, too; or the host lists none as missing.
    let put = |time: &str, holds: &[u8], lacks: &[&str], wiped: &[u8]| {
        let folder = fixture.open();
        let database = folder.keep(time.as_bytes()).unwrap();
        let of = |number: &u8| WorkspaceKept {
            id: id(*number),
            name: format!("w{number}"),
            title: String::new(),
            created: Timestamp(0),
            key: Kept::elsewhere(),
            database_key: Kept::elsewhere(),
            own: None,
            database: database.clone(),
            files: Vec::new(),
            thumbnails: Vec::new(),
            messages: 0,
            wiped: Past::default(),
        };
        let missing = |name: &&str| Missing { workspace: (*name).to_owned(), why: "closed".into(), code: 30 };
        let snapshot = Snapshot {
            workspaces: holds.iter().map(of).collect(),
            missing: lacks.iter().map(missing).collect(),
            wiped: wiped.iter().map(|one| id(*one)).collect(),
            ..snapshot(time)
        };
        folder.put_snapshot(&snapshot).unwrap()
    };
    put("2026-11-24T03:00:00Z", &[1, 2, 3], &["w0"], &[]);
    let both = put("2026-11-24T04:00:00Z", &[1, 2, 3], &["w0"], &[]);
    let lacking = put("2026-11-25T03:00:00Z", &[1, 3], &["w0", "w2"], &[]);
    put("2026-11-25T04:00:00Z", &[3], &[], &[]);
    let newest = put("2026-11-25T05:00:00Z", &[3], &[], &[]);
    let left = || {
        prune(fixture.open(), keep(1, 0, 0)).unwrap();
        fixture.open().snapshots().unwrap()
    };
    assert_eq!(left(), [both.clone(), lacking.clone(), newest]);
    assert_eq!(fixture.pieces(), 3);
    // Of one that was wiped, nothing stays for its sake.
    let wiped = put("2026-11-25T06:00:00Z", &[3], &[], &[1]);
    assert_eq!(left(), [both, wiped]);
    let wiped = put("2026-11-25T07:00:00Z", &[3], &[], &[1, 2]);
    assert_eq!(left(), [wiped]);
    // One that was brought back counts again.
    let back = put("2026-11-25T08:00:00Z", &[2, 3], &[], &[1]);
    let newest = put("2026-11-25T09:00:00Z", &[3], &[], &[1]);
    assert_eq!(left(), [back, newest]);
}
