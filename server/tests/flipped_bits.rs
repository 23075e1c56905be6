//! A bit is flipped in a random byte of what a host stores: databases as they lie after a stop and as a killed server leaves
//! them with their logs, key files, the sealed bytes of files, backups. Whoever reads afterwards reads what was there
//! before, or is told what is damaged; nobody ever reads something else, and what the bit does not touch is as it was.
//!
//! `THECHATAPP_SOAK` makes it 500 places.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "flipped_bits/reading.rs"]
mod reading;
mod support;
#[path = "flipped_bits/world.rs"]
mod world;

use reading::{Item, Reading};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use thechatapp_protocol::Code;
use thechatapp_server::admin::{self, Command};
use thechatapp_server::auth::password::Cost;
use thechatapp_server::backup::{self, Folder};
use thechatapp_server::tenants::Host;
use world::{RECOVERY, World, copied, files_below};

/// Numbers out of a seed (splitmix64), the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % most as u64) as usize
    }
}

/// Where a bit is flipped, and what it did.
#[derive(Debug)]
struct Flip {
    file: PathBuf,
    byte: usize,
    bit: u8,
}

impl Flip {
    /// In one of these files below a folder; `None` where they are empty.
    fn among(numbers: &mut Numbers, folder: &Path, files: &[PathBuf]) -> Self {
        let sizes: Vec<usize> =
            files.iter().map(|file| std::fs::metadata(folder.join(file)).unwrap().len() as usize).collect();
        let mut place = numbers.below(sizes.iter().sum());
        let at = sizes
            .iter()
            .position(|size| {
                place < *size || {
                    place -= *size;
                    false
                }
            })
            .unwrap();
        Self { file: files[at].clone(), byte: place, bit: numbers.below(8) as u8 }
    }

    fn do_it(&self, folder: &Path) {
        let path = folder.join(&self.file);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[self.byte] ^= 1 << self.bit;
        std::fs::write(path, bytes).unwrap();
    }

    /// The workspace that the file belongs to; `None` for what is the host's.
    fn workspace(&self) -> Option<String> {
        let first = self.file.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        (self.file.components().count() > 1 && first != "keys").then_some(first)
    }

    fn is_blob(&self) -> bool {
        self.file.components().any(|part| part.as_os_str() == "files")
    }

    /// How it is called in what people are told.
    fn is_named_in(&self, words: &str) -> bool {
        let name = self.file.to_string_lossy().into_owned();
        let (name, file) = (name.trim_end_matches("-wal"), self.file.file_name().unwrap().to_string_lossy());
        words.contains(name) || words.contains(file.trim_end_matches("-wal"))
    }
}

/// What a host that may be damaged is found to be.
struct Outcome {
    /// What did not open at all.
    refused: Option<String>,
    reading: Reading,
    doctor: Result<Vec<String>, String>,
}

async fn look_at(world: &World, data: &Path) -> Outcome {
    let (refused, reading) = match world.serve(data).await {
        Ok(running) => {
            let reading = reading::everything(world, &running).await;
            running.stop().await;
            (None, reading)
        }
        Err(why) => (Some(format!("{}: {}", why.what, why.why)), Reading::new()),
    };
    Outcome { refused, reading, doctor: doctor(data).await }
}

/// What `doctor` says of a host that does not run.
async fn doctor(data: &Path) -> Result<Vec<String>, String> {
    let host = Host::open(data, &support::key(), Cost::TESTS).map_err(|why| format!("{}: {}", why.what, why.why))?;
    let report = admin::run(&host, Command::Doctor).await.unwrap();
    let problems = report["databases"].as_array().unwrap().iter().flat_map(|one| one["problems"].as_array().unwrap());
    let problems: Vec<String> = problems.map(|problem| problem.as_str().unwrap().to_owned()).collect();
    assert_eq!(report["ok"] == true, problems.is_empty(), "{report}");
    host.close();
    Ok(problems)
}

fn check(flip: &Flip, outcome: &Outcome, whole: &Reading) -> &'static str {
    let doctor = outcome.doctor.as_ref().map(|problems| problems.join("; ")).unwrap_or_else(Clone::clone);
    if let Some(why) = &outcome.refused {
        assert_eq!(flip.workspace(), None, "{flip:?} is one workspace's, and closes all: {why}");
        assert!(flip.is_named_in(why), "{flip:?} is not named: {why}");
        assert!(flip.is_named_in(&doctor), "{flip:?} is not found by doctor: {doctor}");
        return "the host does not open";
    }
    assert_eq!(outcome.reading.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>(), "{flip:?}");
    let mut failed = BTreeSet::new();
    for (name, item) in &outcome.reading {
        match (item, &whole[name]) {
            (Item::Read(read), Item::Read(before)) => {
                assert!(read == before, "{flip:?}: {name} is read as something else");
            }
            (Item::Failed(why), _) => {
                let (workspace, what) = name.split_once('/').unwrap();
                assert_eq!(Some(workspace.to_owned()), flip.workspace(), "{flip:?} touches {name}: {why}");
                if flip.is_blob() {
                    assert!(flip.is_named_in(what), "{flip:?} touches {name}: {why}");
                } else {
                    assert!(flip.is_named_in(why), "{flip:?} is not named by {name}: {why}");
                }
                failed.insert(what);
            }
            (Item::Read(_), Item::Failed(why)) => panic!("{name} was not read before: {why}"),
        }
    }
    let found = outcome.doctor.as_ref().is_ok_and(Vec::is_empty);
    if failed.is_empty() {
        return if found { "nothing changed" } else { "only doctor finds it" };
    }
    assert!(flip.is_named_in(&doctor), "{flip:?} is not found by doctor: {doctor}, and touches {failed:?}");
    if flip.is_blob() { "one file does not open" } else { "the workspace is closed" }
}

/// The files of a host, in groups that get as many flips each, however large they are.
fn groups(folder: &Path) -> Vec<Vec<PathBuf>> {
    let mut groups = BTreeMap::<String, Vec<PathBuf>>::new();
    for file in files_below(folder) {
        let name = file.to_string_lossy().into_owned();
        let empty = std::fs::metadata(folder.join(&file)).unwrap().len() == 0;
        if empty || name.ends_with("-shm") || name.ends_with("-mark") {
            continue;
        }
        let group = match file.parent().and_then(Path::file_name).map(|parent| parent.to_string_lossy().into_owned()) {
            Some(parent) if parent == "files" => parent,
            _ => name,
        };
        groups.entry(group).or_default().push(file);
    }
    groups.into_values().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_noticed_named_and_contained() {
    let world = World::make().await;
    let whole = look_at(&world, &copied(&world.killed).path().join("data")).await;
    let doctor = whole.doctor.unwrap();
    assert!(doctor.is_empty() && whole.refused.is_none(), "{doctor:?}, {:?}", whole.refused);
    let failed: Vec<_> = whole.reading.iter().filter(|(_, item)| matches!(item, Item::Failed(_))).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let rested = look_at(&world, &copied(&world.stopped).path().join("data")).await;
    assert!(rested.reading == whole.reading, "what a killed server leaves is what a stopped one does");

    let mut numbers = Numbers(17);
    let mut ended = BTreeMap::<_, usize>::new();
    let rounds = if std::env::var_os("THECHATAPP_SOAK").is_some() { 450 } else { 48 };
    let places: Vec<(&Path, Vec<PathBuf>)> = [&world.killed, &world.stopped]
        .into_iter()
        .flat_map(|base| groups(base).into_iter().map(|group| (base.as_path(), group)))
        .collect();
    assert!(places.len() >= 12, "{places:?}");
    for round in 0..rounds {
        let (base, files) = &places[round % places.len()];
        let copy = copied(base);
        let data = copy.path().join("data");
        let flip = Flip::among(&mut numbers, &data, files);
        flip.do_it(&data);
        let outcome = look_at(&world, &data).await;
        let end = check(&flip, &outcome, &whole.reading);
        if std::env::var_os("THECHATAPP_SOAK").is_some() {
            eprintln!("{round}: {flip:?}: {end}");
        }
        *ended.entry(end).or_default() += 1;
    }
    eprintln!("{ended:?}");
    for end in ["the host does not open", "one file does not open", "the workspace is closed"] {
        assert!(ended.contains_key(end), "no flip ended like this: {end}; {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_one_workspace_keeps_a_server_from_starting() {
    let world = World::make().await;
    let file = PathBuf::from("acme/workspace.db");
    let pages = std::fs::metadata(world.stopped.join(&file)).unwrap().len() / 4096;
    assert!(pages > 20, "{pages}");
    let mut closed = 0;
    for page in 0..pages {
        let copy = copied(&world.stopped);
        let data = copy.path().join("data");
        Flip { file: file.clone(), byte: page as usize * 4096 + 2000, bit: 0 }.do_it(&data);
        let running = world.serve(&data).await.unwrap_or_else(|why| panic!("page {page}: {why}"));
        closed += usize::from(!running.host().find("acme").unwrap().is_open());
        assert!(running.host().workspaces().iter().any(|one| one.name != "acme" && one.is_open()), "page {page}");
        running.stop().await;
    }
    assert!(closed > 0, "no page is needed to begin with");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_of_a_backup_is_noticed_and_nothing_comes_out_of_it() {
    let world = World::make().await;
    let folder = world.backup.clone();
    let verify = |folder: &Path| {
        let scratch = tempfile::tempdir().unwrap();
        Folder::open(folder, RECOVERY).and_then(|folder| backup::verify(&folder, None, scratch.path()))
    };
    assert!(verify(&folder).unwrap().messages > 100);
    let files: Vec<PathBuf> = files_below(&folder)
        .into_iter()
        .filter(|file| std::fs::metadata(folder.join(file)).unwrap().len() > 0)
        .collect();
    let keys: Vec<PathBuf> = files.iter().filter(|file| file.ends_with("keys.json")).cloned().collect();
    let mut numbers = Numbers(23);
    for round in 0..if std::env::var_os("THECHATAPP_SOAK").is_some() { 50 } else { 12 } {
        let copy = copied(&folder);
        let damaged = copy.path().join("data");
        let flip = Flip::among(&mut numbers, &damaged, if round % 4 == 0 { &keys } else { &files });
        flip.do_it(&damaged);
        let why = verify(&damaged).expect_err(&format!("{flip:?} was not noticed"));
        // A key file that was changed looks like another passphrase, and may say that it is of another version.
        let codes: &[u8] = if flip.file.ends_with("keys.json") { &[23, 24, 27] } else { &[24] };
        assert!(codes.contains(&why.kind.exit_code()), "{flip:?}: {why:?}");
        let words = format!("{}: {}", why.what, why.why);
        assert!(words.contains("backup") || flip.is_named_in(&words), "{flip:?} is not named: {words}");

        let to = tempfile::tempdir().unwrap();
        let data = to.path().join("data");
        let restored = Folder::open(&damaged, RECOVERY)
            .and_then(|folder| backup::restore(&folder, None, &data, &support::key(), Cost::TESTS));
        assert!(restored.is_err(), "{flip:?} was restored");
        assert!(!data.exists(), "{flip:?} left something behind");
    }
}

/// What a damaged workspace says, and to whom.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_damaged_while_the_server_runs_closes_its_workspace_with_the_reason() {
    let world = World::make().await;
    let copy = copied(&world.stopped);
    let data = copy.path().join("data");
    let running = world.serve(&data).await.unwrap();
    let path = data.join("acme/workspace.db");
    let length = std::fs::metadata(&path).unwrap().len() as usize;
    for page in 2..length / 4096 {
        Flip { file: "acme/workspace.db".into(), byte: page * 4096 + 100, bit: 3 }.do_it(&data);
    }
    let first = reading::everything(&world, &running).await;
    let again = reading::everything(&world, &running).await;
    for reading in [&first, &again] {
        for (name, item) in reading.iter().filter(|(name, _)| name.starts_with("globex/")) {
            assert!(matches!(item, Item::Read(_)), "{name}: {item:?}");
        }
    }
    let closed = running.host().workspace("acme").unwrap().closed();
    assert_eq!((closed.code, closed.code.exit_code()), (Code::Damaged, 30));
    assert!(closed.why.starts_with("acme/workspace.db: "), "{}", closed.why);
    assert!(closed.advice.contains("doctor") && closed.advice.contains("backup"), "{}", closed.advice);
    for (name, item) in again.iter().filter(|(name, _)| name.starts_with("acme/")) {
        let Item::Failed(why) = item else { panic!("{name} is still read") };
        assert!(why.contains(&closed.why), "{name}: {why}");
    }
    // It asks for no key, and opens no more by itself.
    running.check_keys(std::time::Instant::now() + std::time::Duration::from_secs(3600)).await;
    assert!(!running.host().workspace("acme").unwrap().is_open());
    let (code, body) = support::get(reading::port(&running), "/readyz").await;
    assert_eq!((code, String::from_utf8(body).unwrap().as_str()), (200, "ready, 1 of 2 workspaces are closed\n"));
    let report = admin::run(running.host(), Command::Doctor).await.unwrap();
    assert_eq!((&report["ok"], &report["databases"][2]["ok"]), (&false.into(), &true.into()), "{report}");
    assert!(report["databases"][1]["error"].as_str().unwrap().contains(&closed.why), "{report}");
    running.stop().await;
    // Once it does not run, pages are named.
    let found = doctor(&data).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("acme/workspace.db: ") && found[0].contains("page 3, "), "{found:?}");
}
