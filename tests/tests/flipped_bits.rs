//! A device's files are damaged anywhere: a bit is flipped, a page is half new and half old, a log is cut off. Whoever opens the profile
//! then finds everything as it was, or is told which file is damaged; what the damage does not touch is as it was; nobody ever reads
//! something else; and after `doctor --repair` everything is there again that there is a way back to.

#[path = "flipped_bits/damage.rs"]
mod damage;
#[path = "flipped_bits/world.rs"]
mod world;

use damage::{Damage, groups};
use futures_util::{StreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use thechatapp_core::testing::Dice;
use thechatapp_core::{Error, Progress};
use thechatapp_tests::{Server, person, rounds, soak};
use tokio::sync::Notify;
use world::{Reading, World, copied, files};

/// Profiles that are looked at side by side: mostly they wait for the disk.
const AT_ONCE: usize = 4;

/// What a profile that may be damaged is found to be.
enum Found {
    /// It does not open.
    Refused(Error),
    /// What is read from it, and whether `doctor` finds it sound.
    Open(Reading, bool),
}

async fn look_at(world: &World, profile: &Path) -> Found {
    let client = match world.open(profile).await {
        Ok(client) => client,
        Err(why) => return Found::Refused(why),
    };
    let reading = world.read(&client).await;
    let sound = world.is_sound(&client).await;
    // Files that are damaged may not close cleanly either.
    let closed = client.close().await;
    assert!(closed.is_ok() || !sound, "{closed:?}");
    Found::Open(reading, sound)
}

/// How a damaged profile ended, and whether there is a repair to be made.
fn check(damage: &Damage, found: &Found, whole: &Reading) -> &'static str {
    let named = |why: &Error| {
        // Not even that the server is away: where the list of channels does not open in a cache, it is in `local.db`.
        let is = matches!(why, Error::Corrupt { file, .. } if *file == damage.name() && why.exit_code() == 24);
        assert!(is, "{damage:?} is told as {why:?}");
        assert!(!damage.is_harmless(), "{damage:?} touches nothing that is read: {why:?}");
    };
    let (reading, sound) = match found {
        Found::Refused(why) => {
            named(why);
            return "the profile does not open";
        }
        Found::Open(reading, sound) => (reading, *sound),
    };
    let (mut told, mut behind) = (false, false);
    for (what, items) in reading {
        let before = whole[what].as_ref().unwrap();
        match items {
            Ok(items) if items == before => {}
            // A damaged cache is read as far as it opens, and its log is not waited for: what is missing is fetched again.
            Ok(items) if damage.name() == "cache.db" && *what != "drafts" => {
                let missing = before.iter().filter(|item| !items.contains(item)).count();
                assert_eq!(items.len() + missing, before.len(), "{damage:?}: {what} is read as something else");
                behind = true;
            }
            Ok(items) => panic!("{damage:?}: {what} is read as something else: {items:?}"),
            Err(why) => {
                named(why);
                assert!(*what != "drafts" || damage.name() != "cache.db", "{damage:?} touches {what}");
                // Another one has taken its place by then.
                told |= damage.name() != "cache.db";
                behind |= damage.name() == "cache.db";
            }
        }
    }
    assert!(!told || !sound, "{damage:?} is told, and doctor finds nothing");
    match (told, sound) {
        (true, _) => "something does not open",
        (false, false) => {
            assert!(!damage.is_harmless(), "{damage:?}");
            "only doctor finds it"
        }
        _ if behind => "something is fetched again",
        _ => "nothing changed",
    }
}

/// A profile that was repaired without its server, and what it must have once the server is there.
struct Mended {
    damage: Damage,
    profile: TempDir,
    must: Vec<String>,
    drafts: Vec<String>,
}

struct Device {
    world: World,
    /// What a stopped device and a killed one have.
    stopped: Reading,
    killed: Reading,
}

fn texts(reading: &Reading) -> Vec<String> {
    let texts = reading["messages"].as_ref().unwrap().iter();
    texts.map(|said| said.split_once(": ").unwrap().1.to_owned()).collect()
}

impl Device {
    fn whole(&self, killed: bool) -> &Reading {
        if killed { &self.killed } else { &self.stopped }
    }

    /// Does some damage and looks what becomes of it. Where there is something to be had from the server: what.
    async fn suffer(&self, damage: Damage, killed: bool) -> (&'static str, Option<Mended>) {
        let world = &self.world;
        let base = if killed { &world.killed } else { &world.stopped };
        let profile = copied(base.path());
        damage.do_it(profile.path(), world.early.path());
        let whole = self.whole(killed);
        let end = check(&damage, &look_at(world, profile.path()).await, whole);
        if end == "nothing changed" {
            return (end, None);
        }
        let mut drafts = whole["drafts"].clone().unwrap();
        let mut must = texts(whole);
        if end != "something is fetched again" {
            let client = world.repair(profile.path()).await;
            let client = client.unwrap_or_else(|why| panic!("{damage:?} cannot be repaired: {why:?}"));
            assert!(world.is_sound(&client).await, "{damage:?} is repaired, and not sound");
            let here = world.read(&client).await["drafts"].clone().unwrap();
            // The last good copy may be older than what was typed at last.
            if damage.name() == "local.db" && here != drafts {
                drafts = self.stopped["drafts"].clone().unwrap();
                must.retain(|text| text != "it waits, too");
            }
            assert_eq!(here, drafts, "{damage:?}");
            client.close().await.unwrap();
        }
        (end, Some(Mended { damage, profile, must, drafts }))
    }

    async fn holds(&self, mended: Mended) {
        let Mended { damage, profile, must, drafts } = mended;
        let client = self.world.open(profile.path()).await.unwrap();
        self.world.connect(&client).await.unwrap_or_else(|why| panic!("{damage:?}: {why:?}"));
        let reading = self.world.read(&client).await;
        client.close().await.unwrap();
        let here = texts(&reading);
        let each: BTreeSet<&String> = here.iter().collect();
        assert_eq!(each.len(), here.len(), "{damage:?}: a message is there twice");
        let all = texts(&self.killed);
        assert!(here.iter().all(|text| all.contains(text)), "{damage:?}: something else was sent");
        for text in &must {
            assert!(each.contains(text), "{damage:?}: {text} is lost");
        }
        for item in reading["messages"].as_ref().unwrap() {
            assert!(item.starts_with("Sent: "), "{damage:?}: {item} waits still");
        }
        for draft in &drafts {
            assert!(reading["drafts"].as_ref().unwrap().contains(draft), "{damage:?}: the draft {draft} is lost");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_anywhere_in_a_device_s_files_is_told_named_and_contained_and_there_is_a_way_back() {
    let mut world = World::make().await;
    world.server.stop();
    let mut wholes = Vec::new();
    for base in [&world.stopped, &world.killed] {
        let Found::Open(reading, true) = look_at(&world, copied(base.path()).path()).await else { panic!() };
        assert!(reading.values().all(Result::is_ok), "{reading:?}");
        wholes.push(reading);
    }
    let [stopped, killed] = wholes.try_into().unwrap();
    let mut device = Device { world, stopped, killed };

    let mut dice = Dice::new(29);
    let mut all = Vec::new();
    let places: Vec<_> = [(false, &device.world.stopped), (true, &device.world.killed)]
        .into_iter()
        .flat_map(|(killed, base)| groups(base.path()).into_iter().map(move |file| (killed, base.path(), file)))
        .collect();
    assert!(places.len() >= 12, "{places:?}");
    for round in 0..rounds(60, 500) {
        let (killed, base, file) = &places[round % places.len()];
        all.push((*killed, Damage::flip(&mut dice, base, file)));
    }
    let databases: Vec<_> = places.iter().filter(|(_, _, file)| file.to_string_lossy().ends_with("db")).collect();
    for round in 0..rounds(14, 100) {
        let (killed, base, file) = databases[round % databases.len()];
        all.push((*killed, Damage::tear(&mut dice, base, file)));
    }
    let logs: Vec<_> = places.iter().filter(|(_, _, file)| file.to_string_lossy().ends_with("-wal")).collect();
    for round in 0..rounds(12, 60) {
        let (killed, base, file) = logs[round % logs.len()];
        all.push((*killed, Damage::cut(&mut dice, base, file, round)));
    }

    let (mut ended, mut mended) = (BTreeMap::<_, usize>::new(), Vec::new());
    let suffering = stream::iter(all).map(|(killed, damage)| device.suffer(damage, killed)).buffered(AT_ONCE);
    for (end, more) in suffering.collect::<Vec<_>>().await {
        *ended.entry(end).or_default() += 1;
        mended.extend(more);
    }
    for end in ["the profile does not open", "something is fetched again", "nothing changed"] {
        assert!(ended.contains_key(end), "nothing ended like this: {end}; {ended:?}");
    }
    device.world.server.serve();
    for mended in mended.into_iter().step_by(if soak() { 1 } else { 4 }) {
        device.holds(mended).await;
    }
}

/// Begins something that tells how far it is, and breaks it off as soon as it has told so often.
async fn broken_off<T>(times: usize, begin: impl AsyncFnOnce(Progress<'_>) -> T) {
    let far = Notify::new();
    let mut told = 0;
    let mut progress = |_, _| {
        told += 1;
        if told == times {
            far.notify_one();
        }
    };
    tokio::select! {
        biased;
        () = far.notified() => {}
        _ = begin(&mut progress) => panic!("it came to its end"),
    }
}

fn is_begun(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "down") && std::fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_bytes_that_were_damaged_on_their_way_are_told_and_the_next_attempt_brings_them_whole() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("profile");
    let (client, ws) = person(&profile, &Arc::default(), server.owner_invite(), "alice").await;
    client.connect(ws, Duration::from_secs(30)).await.unwrap();
    let general = client.resolve_channel(ws, "general").await.unwrap().id;
    let content: Vec<u8> = (0..3_000_000_usize).map(|at| (at * 31 % 251 + at / 65_521) as u8).collect();
    let mut nothing = |_, _| {};
    let (mut dice, mut told) = (Dice::new(31), [0; 2]);
    for round in 0..rounds(12, 100) {
        let (from, to) = (folder.path().join(format!("plan {round}.bin")), folder.path().join("fetched"));
        std::fs::write(&from, &content).unwrap();
        let _ = std::fs::remove_file(&to);
        let mut hurt = |ending: &str| {
            let left = files(&profile);
            let file = left.iter().find(|file| file.to_string_lossy().ends_with(ending)).expect("something is left");
            let damage = match round % 3 {
                0 => Damage::cut(&mut dice, &profile, file, round),
                _ => Damage::flip(&mut dice, &profile, file),
            };
            damage.do_it(&profile, folder.path());
            damage
        };
        broken_off(1, async |progress: Progress<'_>| client.upload(ws, general, &from, "", progress).await).await;
        let damage = hurt(".up");
        let sent = match client.upload(ws, general, &from, "", &mut nothing).await {
            Ok(sent) => sent,
            Err(why) => {
                assert_eq!(why.exit_code(), 3, "{damage:?}: {why:?}");
                told[0] += 1;
                client.upload(ws, general, &from, "", &mut nothing).await.unwrap()
            }
        };
        client.wait_sent(ws, sent.id, Duration::from_secs(30)).await.unwrap();
        let file = sent.files[0].id.parse().unwrap();
        broken_off(2, async |progress: Progress<'_>| client.download(ws, file, None, &to, progress).await).await;
        assert!(!to.exists());
        // What came is kept apart from the transfer, and a moment later.
        while !files(&profile).iter().any(|file| is_begun(&profile.join(file))) {
            tokio::task::yield_now().await;
        }
        let damage = hurt(".down");
        if let Err(why) = client.download(ws, file, None, &to, &mut nothing).await {
            assert_eq!(why.exit_code(), 24, "{damage:?}: {why:?}");
            assert!(!to.exists(), "{damage:?} left something");
            told[1] += 1;
            client.download(ws, file, None, &to, &mut nothing).await.unwrap();
        }
        assert!(std::fs::read(&to).unwrap() == content, "{damage:?}: something else came");
    }
    assert!(told.iter().all(|times| *times > rounds(4, 40)), "{told:?}");
}
