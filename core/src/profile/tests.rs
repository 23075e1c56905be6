use super::memory::MemoryStore;
use super::*;
use crate::local::{Local, good_path};
use crate::platform::Platform;
use crate::testing::platform;
use std::sync::Arc;
use thechatapp_database as database;

struct Place {
    folder: tempfile::TempDir,
    platform: Platform,
}

impl Place {
    async fn new() -> (Self, Profile) {
        let platform = platform(Arc::new(MemoryStore::new()));
        let place = Self { folder: tempfile::tempdir().unwrap(), platform };
        let vault = Vault::new(&place.platform);
        let profile = Profile::create(place.folder.path(), Unlock::SecureStorage, vault).await.unwrap();
        (place, profile)
    }

    async fn again(&self, profile: Profile) -> Profile {
        drop(profile);
        Profile::open(self.folder.path(), Unlock::SecureStorage, Vault::new(&self.platform)).await.unwrap()
    }

    fn version(&self) -> u64 {
        let text = std::fs::read(self.folder.path().join(file::NAME)).unwrap();
        serde_json::from_slice::<serde_json::Value>(&text).unwrap()["version"].as_u64().unwrap()
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
    assert_eq!(place.version(), 2, "an older release leaves it alone");
    let profile = place.again(profile).await;
    assert!(!profile.settle_keys().unwrap());
    assert_eq!((profile.local_key(), place.version()), (former, 1));
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
    assert!(profile.settle_keys().unwrap());
    assert_eq!((profile.local_key(), place.version()), (coming.clone(), 1));
    let path = profile.local_path();
    for path in [path.clone(), good_path(&path)] {
        assert!(opens(&path, &coming) && !opens(&path, &former), "{}", path.display());
    }
    assert_eq!(local(&profile, false).await.choice("kept").await.unwrap(), Some(7));
}

#[tokio::test]
async fn while_neither_key_opens_a_file_both_stay() {
    let (place, profile) = Place::new().await;
    local(&profile, true).await.close().await.unwrap();
    profile.prepare_local().unwrap();
    let path = profile.local_path();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, vec![0x55; whole.len()]).unwrap();
    assert!(!profile.settle_keys().unwrap());
    assert_eq!(place.version(), 2);
    std::fs::write(&path, whole).unwrap();
    assert!(!profile.settle_keys().unwrap());
    assert_eq!(place.version(), 1);
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
