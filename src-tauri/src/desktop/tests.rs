use super::*;
use std::collections::BTreeMap;
use thechatapp_core::platform::{PlainNetwork, SystemClock};
use thechatapp_core::{SecretError, SecretStore};

/// Secure storage that can be taken away.
#[derive(Default)]
struct Store {
    entries: Mutex<BTreeMap<String, Vec<u8>>>,
    says: Mutex<Option<SecretError>>,
}

impl Store {
    fn answer<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T) -> Result<T, SecretError> {
        match self.says.lock().unwrap().clone() {
            Some(why) => Err(why),
            None => Ok(act(&mut self.entries.lock().unwrap())),
        }
    }
}

impl SecretStore for Store {
    fn backend(&self) -> &'static str {
        "test"
    }

    fn read(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SecretError> {
        self.answer(|entries| entries.get(entry).cloned().map(Zeroizing::new))
    }

    fn write(&self, entry: &str, secret: &[u8]) -> Result<(), SecretError> {
        self.answer(|entries| drop(entries.insert(entry.to_owned(), secret.to_vec())))
    }

    fn remove(&self, entry: &str) -> Result<(), SecretError> {
        self.answer(|entries| drop(entries.remove(entry)))
    }
}

fn typed(text: &str) -> Option<Zeroizing<String>> {
    Some(Zeroizing::new(text.to_owned()))
}

struct Scene {
    folder: tempfile::TempDir,
    store: Arc<Store>,
    platform: Platform,
    code: String,
}

impl Scene {
    /// A profile whose key is in secure storage, with a passphrase and a recovery code beside it.
    async fn new() -> Self {
        let store = Arc::new(Store::default());
        let platform = Platform {
            secrets: store.clone(),
            secret_wait: Duration::from_secs(5),
            clock: Arc::new(SystemClock),
            device_name: "test".into(),
            device_platform: "linux".into(),
            extra_roots: Vec::new(),
            network: Arc::new(PlainNetwork),
        };
        let folder = tempfile::tempdir().unwrap();
        let profile = folder.path().join("profile");
        let client = Client::create(&profile, Unlock::SecureStorage, platform.clone()).await.unwrap();
        client.set_passphrase(Zeroizing::new("a quiet afternoon".into())).await.unwrap();
        let code = client.make_recovery_code().await.unwrap();
        client.close().await.unwrap();
        Self { folder, store, platform, code }
    }

    fn desktop(&self, passphrase: Option<&str>) -> Desktop {
        let file = passphrase.map(|passphrase| {
            let file = self.folder.path().join("passphrase");
            std::fs::write(&file, passphrase).unwrap();
            file
        });
        Desktop::new(self.folder.path().join("profile"), file, self.platform.clone()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_every_state_of_secure_storage_a_passphrase_that_is_typed_or_given_opens_the_profile() {
    let scene = Scene::new().await;
    let why = || "so it is".to_owned();
    for (says, state) in [
        (Some(SecretError::NoBackend(why())), KeyState::NoBackend),
        (Some(SecretError::Locked(why())), KeyState::Locked),
        (Some(SecretError::Dismissed(why())), KeyState::Dismissed),
        (Some(SecretError::Unreachable(why())), KeyState::Unreachable),
        (None, KeyState::Missing),
    ] {
        let kept = std::mem::take(&mut *scene.store.entries.lock().unwrap());
        *scene.store.says.lock().unwrap() = says;
        let desktop = scene.desktop(None);
        assert_eq!(desktop.opened().await.unwrap_err().key_state(), state);
        let ways = desktop.ways().unwrap();
        assert!(ways.passphrase && ways.recovery, "the page can offer them");
        let wrong = desktop.open_and_connect(typed("another afternoon"), true).await.unwrap_err();
        assert_eq!(wrong.key_state(), KeyState::Wrong);
        assert_eq!(desktop.open_and_connect(typed("a quiet afternoon"), true).await, Ok(KeyState::Ready));
        desktop.close().await;

        let desktop = scene.desktop(Some("a quiet afternoon"));
        assert_eq!(desktop.opened().await, Ok(KeyState::Ready), "{state:?}");
        desktop.close().await;
        *scene.store.says.lock().unwrap() = None;
        *scene.store.entries.lock().unwrap() = kept;
    }
    // A file with another passphrase keeps nobody from secure storage.
    let desktop = scene.desktop(Some("another afternoon"));
    assert_eq!(desktop.opened().await, Ok(KeyState::Ready));
    desktop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_opens_the_window_without_secure_storage_and_a_wipe_leaves_nothing() {
    let scene = Scene::new().await;
    *scene.store.says.lock().unwrap() = Some(SecretError::NoBackend("none".into()));
    let desktop = scene.desktop(None);
    assert_eq!(desktop.restore(&scene.code, None).await.unwrap_err().key_state(), KeyState::NoBackend);
    desktop.restore(&scene.code, typed("another afternoon")).await.unwrap();
    assert_eq!(desktop.ways().unwrap().backend, "passphrase");
    desktop.wipe().await.unwrap();
    assert!(!scene.folder.path().join("profile").exists());
    assert_eq!(desktop.opened().await, Ok(KeyState::Absent));
    assert!(desktop.wipe().await.is_err(), "there is nothing to wipe");
}
