use super::memory::{MemoryStore, Mood};
use super::*;
use crate::local::{Local, good_path};
use crate::part_file::PartFile;
use crate::platform::{Platform, SecretError};
use crate::testing::platform;
use crate::view::WaysView;
use std::sync::Arc;
use thechatapp_database as database;

struct Place {
    folder: tempfile::TempDir,
    platform: Platform,
    secrets: Arc<MemoryStore>,
}

impl Place {
    async fn new() -> (Self, Profile) {
        let secrets = Arc::new(MemoryStore::new());
        let place = Self { folder: tempfile::tempdir().unwrap(), platform: platform(secrets.clone()), secrets };
        let vault = Vault::new(&place.platform);
        let profile = Profile::create(place.folder.path(), Unlock::SecureStorage, vault).await.unwrap();
        (place, profile)
    }

    async fn again(&self, profile: Profile) -> Profile {
        drop(profile);
        Profile::open(self.folder.path(), Unlock::SecureStorage, Vault::new(&self.platform)).await.unwrap()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.folder.path().join(file::NAME)).unwrap()).unwrap()
    }
}

async fn local(profile: &Profile, fresh: bool) -> Local {
    let (path, parent) = (profile.local_path(), profile.profile_key().clone());
    Local::open(&path, profile.local_key(), parent, fresh).await.unwrap()
}

fn opens(path: &Path, key: &Key) -> bool {
    database::open_reader(path, key.expose()).is_ok()
}

#[tokio::test]
async fn a_key_that_was_prepared_and_not_used_goes_again() {
    let (place, profile) = Place::new().await;
    local(&profile, true).await.close().await.unwrap();
    let former = profile.local_key();
    profile.prepare_local().unwrap();
    let profile = place.again(profile).await;
    assert!(profile.keys_are_replaced());
    profile.find_keys().unwrap();
    profile.settle_keys().unwrap();
    assert_eq!((profile.local_key(), profile.keys_are_replaced()), (former, false));
    local(&profile, false).await;
}

#[tokio::test]
async fn a_file_that_has_its_new_key_already_tells_so_after_a_kill() {
    let (place, profile) = Place::new().await;
    let open = local(&profile, true).await;
    open.choose("kept", Some(7)).await.unwrap();
    let (former, coming) = (profile.local_key(), profile.prepare_local().unwrap());
    open.rekey(coming.clone()).await.unwrap();
    open.close().await.unwrap();

    let profile = place.again(profile).await;
    assert_eq!(profile.local_key(), former, "nobody has looked yet");
    profile.find_keys().unwrap();
    assert_eq!(
        (profile.local_key(), profile.keys_are_replaced()),
        (coming.clone(), true),
        "both stay until the file is known to be whole"
    );
    profile.settle_keys().unwrap();
    assert_eq!((profile.local_key(), profile.keys_are_replaced()), (coming.clone(), false));
    let path = profile.local_path();
    for path in [path.clone(), good_path(&path)] {
        assert!(opens(&path, &coming) && !opens(&path, &former), "{}", path.display());
    }
    assert_eq!(local(&profile, false).await.choice("kept").await.unwrap(), Some(7));
}

#[tokio::test]
async fn while_neither_key_opens_a_file_both_stay() {
    let (_place, profile) = Place::new().await;
    local(&profile, true).await.close().await.unwrap();
    profile.prepare_local().unwrap();
    let path = profile.local_path();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, vec![0x55; whole.len()]).unwrap();
    profile.settle_keys().unwrap();
    assert!(profile.keys_are_replaced());
    std::fs::write(&path, whole).unwrap();
    profile.settle_keys().unwrap();
    assert!(!profile.keys_are_replaced());
}

#[tokio::test]
async fn every_file_of_a_profile_gets_a_new_key() {
    let (place, profile) = Place::new().await;
    drop(profile);
    let client = crate::Client::open(place.folder.path(), Unlock::SecureStorage, place.platform.clone()).await;
    // A profile that has nothing yet has lost nothing.
    let client = client.unwrap();
    let before = client.key_material().unwrap();
    client.renew_keys().await.unwrap();
    let after = client.key_material().unwrap();
    client.close().await.unwrap();
    let key = |keys: &[(String, Zeroizing<Vec<u8>>)], name: &str| {
        keys.iter().find(|(one, _)| one == name).map(|(_, key)| key.to_vec()).unwrap()
    };
    assert_eq!(key(&before, "profile"), key(&after, "profile"));
    assert_ne!(key(&before, "local"), key(&after, "local"));
    crate::Client::open(place.folder.path(), Unlock::SecureStorage, place.platform).await.unwrap();
}

#[tokio::test]
async fn a_new_file_that_is_damaged_gives_way_to_a_good_copy_under_the_former_key() {
    let (place, profile) = Place::new().await;
    drop(profile);
    let open = || crate::Client::open(place.folder.path(), Unlock::SecureStorage, place.platform.clone());
    open().await.unwrap().close().await.unwrap();
    let profile = Profile::open(place.folder.path(), Unlock::SecureStorage, Vault::new(&place.platform)).await.unwrap();
    let path = profile.local_path();
    let (whole, good) = (std::fs::read(&path).unwrap(), std::fs::read(good_path(&path)).unwrap());
    assert!(!whole.is_empty());
    let open_local = local(&profile, false).await;
    let coming = profile.prepare_local().unwrap();
    open_local.rekey(coming).await.unwrap();
    open_local.close().await.unwrap();
    drop(profile);
    // As after a power cut: the copy was not made anew yet, and a page of the new file did not reach the disk.
    std::fs::write(good_path(&path), good).unwrap();
    let mut torn = std::fs::read(&path).unwrap();
    let last = torn.len() - 2000;
    torn[last] ^= 1;
    std::fs::write(&path, torn).unwrap();
    assert_eq!(open().await.unwrap_err().exit_code(), 24);
    let repaired = crate::Client::repair(place.folder.path(), Unlock::SecureStorage, place.platform.clone()).await;
    repaired.unwrap().close().await.unwrap();
    assert!(place.json()["keys"]["coming_local"].is_null());
    open().await.unwrap();
}

#[tokio::test]
async fn a_bit_flipped_anywhere_in_profile_json_is_told_or_changes_nothing() {
    let (place, profile) = Place::new().await;
    profile.prepare_local().unwrap();
    let dir = place.folder.path();
    let (path, whole) = (dir.join(file::NAME), ProfileFile::read(dir).unwrap().unwrap());
    let bytes = std::fs::read(&path).unwrap();
    for place in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[place / 8] ^= 1 << (place % 8);
        std::fs::write(&path, flipped).unwrap();
        match ProfileFile::read(dir) {
            Err(Error::Corrupt { file, .. }) => assert_eq!(file, "profile.json"),
            read => assert_eq!(read.unwrap().as_ref(), Some(&whole), "bit {place}"),
        }
    }
}

#[tokio::test]
async fn a_damaged_profile_json_gives_way_to_its_copy_which_opens_no_more_than_it_did() {
    let (place, profile) = Place::new().await;
    local(&profile, true).await.close().await.unwrap();
    let dir = place.folder.path();
    let (path, good) = (dir.join(file::NAME), dir.join(file::GOOD));
    let same = || std::fs::read(&path).unwrap() == std::fs::read(&good).unwrap();
    assert!(same());
    profile.set_passphrase(String::from("a passphrase").into()).await.unwrap();
    assert!(same());
    profile.drop_slot("passphrase").unwrap();
    assert!(same(), "the copy opens by what was taken away");
    // A profile of an older release gets its copy when it is opened.
    std::fs::remove_file(&good).unwrap();
    let profile = place.again(profile).await;
    assert!(same());
    drop(profile);

    let whole = std::fs::read(&path).unwrap();
    let open = || crate::Client::open(dir, Unlock::SecureStorage, place.platform.clone());
    let repair = || crate::Client::repair(dir, Unlock::SecureStorage, place.platform.clone());
    for damage in [Some(&b"{}"[..]), Some(&whole[..whole.len() / 2]), Some(b""), None] {
        match damage {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        assert_eq!(open().await.unwrap_err().exit_code(), 24);
        repair().await.unwrap().close().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        open().await.unwrap().close().await.unwrap();
    }
    // Both of them: there is no way back, and nothing is touched.
    for path in [&path, &good] {
        std::fs::write(path, b"{}").unwrap();
    }
    assert_eq!(repair().await.unwrap_err().exit_code(), 24);
    assert_eq!(std::fs::read(&path).unwrap(), b"{}");
}

#[tokio::test]
async fn a_wipe_that_was_broken_off_is_brought_to_its_end_by_whoever_comes_next() {
    let (place, profile) = Place::new().await;
    let entries = || place.secrets.entries();
    let before = entries();
    local(&profile, true).await.close().await.unwrap();
    drop(profile);
    let dir = place.folder.path();
    let out = tempfile::tempdir().unwrap();
    let (ours, theirs) = (out.path().join("film.mkv.part"), out.path().join("plan.pdf.part"));
    // As after a kill amid it: profile.json is gone, or nothing yet.
    for half in [false, true] {
        for path in [&ours, &theirs] {
            std::fs::write(path, "open").unwrap();
        }
        let stamp = PartFile::stamp(&ours.metadata().unwrap()).unwrap();
        let parts = [(&ours, stamp), (&theirs, stamp - 1)].map(|(path, stamp)| PartFile { path: path.clone(), stamp });
        Mark::Wiping.set_with(dir, &serde_json::to_vec(&parts).unwrap()).unwrap();
        if half {
            std::fs::remove_file(dir.join(file::NAME)).unwrap();
        }
        assert_eq!(Profile::state(dir, &Vault::new(&place.platform)).await.unwrap(), KeyState::Absent);
        let profile = Profile::create(dir, Unlock::SecureStorage, Vault::new(&place.platform)).await.unwrap();
        assert!(!profile.local_path().exists() && !Mark::Wiping.stands(dir));
        local(&profile, true).await.close().await.unwrap();
        if !half {
            assert!(!ours.exists() && theirs.exists(), "of what lies elsewhere ours goes, and no other file");
            assert!(entries().len() == 1 && entries() != before, "its entry in secure storage is gone, too");
        }
    }
    Mark::Wiping.set(dir).unwrap();
    let none = Profile::open(dir, Unlock::SecureStorage, Vault::new(&place.platform)).await.unwrap_err();
    assert_eq!(none.exit_code(), 3);
    assert!(!dir.join("local.db").exists());
}

#[tokio::test]
async fn a_recovery_code_gives_a_profile_a_passphrase_where_there_is_no_secure_storage() {
    let (place, profile) = Place::new().await;
    let dir = place.folder.path();
    let code = profile.make_recovery_code().await.unwrap().to_string();
    let profile_key = profile.profile_key().clone();
    drop(profile);
    for why in [SecretError::NoBackend("none".into()), SecretError::Unreachable("no answer".into())] {
        place.secrets.set_mood(Mood::Failing(why));
        let vault = || Vault::new(&place.platform);
        let into = |text: &str| Unlock::Passphrase(text.to_owned().into());
        let refused = Profile::restore_with_code(dir, &code, Unlock::SecureStorage, vault()).await;
        assert!([20, 25].contains(&refused.unwrap_err().exit_code()));
        let known = Profile::ways_of(dir).unwrap();
        assert!(known.recovery, "who cannot open it is told of the code");
        assert_eq!(Profile::restore_with_code(dir, &code, into(""), vault()).await.unwrap_err().exit_code(), 3);

        let profile = Profile::restore_with_code(dir, &code, into("a quiet afternoon"), vault()).await.unwrap();
        assert_eq!(*profile.profile_key(), profile_key);
        assert!(profile.drop_slot("passphrase").is_err(), "it is how the profile is opened");
        drop(profile);
        assert_eq!(Profile::state(dir, &vault()).await.unwrap(), KeyState::Passphrase);
        let profile = Profile::open(dir, into("a quiet afternoon"), vault()).await.unwrap();
        assert_eq!(
            profile.ways(),
            WaysView { backend: "passphrase".into(), passphrase: true, recovery: true },
            "the code goes on working"
        );
    }
}

#[tokio::test]
async fn a_second_passphrase_opens_a_profile_whatever_secure_storage_says() {
    let (place, profile) = Place::new().await;
    let dir = place.folder.path();
    profile.set_passphrase(String::from("a quiet afternoon").into()).await.unwrap();
    drop(profile);
    let failing = |why: fn(String) -> SecretError| Mood::Failing(why("so it is".into()));
    for mood in [
        failing(SecretError::NoBackend),
        failing(SecretError::Locked),
        failing(SecretError::Dismissed),
        failing(SecretError::Unreachable),
        Mood::Well,
    ] {
        place.secrets.set_mood(mood.clone());
        if mood == Mood::Well {
            place.secrets.empty();
        }
        let vault = || Vault::new(&place.platform);
        Profile::state(dir, &vault()).await.unwrap_err();
        assert!(Profile::ways_of(dir).unwrap().passphrase);
        let passphrase = Unlock::Passphrase(String::from("a quiet afternoon").into());
        Profile::open(dir, passphrase, vault()).await.unwrap();
    }
}

#[test]
fn a_folder_that_does_not_lock_files_is_told_apart_from_damage() {
    let why = fault::no_locks("Operation not supported");
    assert_eq!((why.key_state(), why.exit_code()), (KeyState::NoLocks, 3));
    let why = fault::database(Path::new("local.db"), database::Error::NoLocks("locking protocol".into()));
    assert_eq!((why.key_state(), why.report().error.as_str()), (KeyState::NoLocks, "no_locks"));
    assert!(why.report().advice.contains("a disk of this device"));
}

#[tokio::test]
async fn a_profile_is_kept_from_older_releases_before_it_has_a_file_they_do_not_know() {
    let (place, profile) = Place::new().await;
    assert_eq!(place.json()["version"], 3, "a new one from the beginning");
    drop(profile);
    for written in [1, 2] {
        let mut json = place.json();
        json["version"] = written.into();
        json.as_object_mut().unwrap().remove("sum");
        std::fs::write(place.folder.path().join(file::NAME), serde_json::to_vec_pretty(&json).unwrap()).unwrap();
        let vault = Vault::new(&place.platform);
        let profile = Profile::open(place.folder.path(), Unlock::SecureStorage, vault).await.unwrap();
        assert_eq!(place.json()["version"], written, "a look alone changes nothing");
        drop(profile);
        let open = crate::Client::open(place.folder.path(), Unlock::SecureStorage, place.platform.clone());
        open.await.unwrap().close().await.unwrap();
        assert_eq!(place.json()["version"], 3);
    }
}
