use super::*;
use crate::platform::Platform;
use crate::profile::Unlock;
use crate::profile::memory::MemoryStore;
use crate::testing::platform_at;
use crate::view::KeyState;
use std::sync::atomic::AtomicI64;
use zeroize::Zeroizing;

/// A wall clock that stands where it is put.
struct Wall(AtomicI64);

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

impl Wall {
    fn pass(&self, minutes: i64) {
        self.0.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }
}

struct Desk {
    folder: tempfile::TempDir,
    wall: Arc<Wall>,
    secrets: Arc<MemoryStore>,
}

impl Desk {
    fn new() -> Self {
        let wall = Arc::new(Wall(AtomicI64::new(1_800_000_000_000)));
        Self { folder: tempfile::tempdir().unwrap(), wall, secrets: Arc::new(MemoryStore::new()) }
    }

    fn platform(&self) -> Platform {
        platform_at(self.secrets.clone(), self.wall.clone())
    }

    async fn create(&self) -> Client {
        Client::create(self.folder.path(), Unlock::SecureStorage, self.platform()).await.unwrap()
    }

    async fn open(&self, unlock: Unlock) -> Result<Client> {
        Client::open(self.folder.path(), unlock, self.platform()).await
    }

    async fn state(&self) -> KeyState {
        Client::state(self.folder.path(), &self.platform()).await
    }
}

#[tokio::test]
async fn a_locked_profile_opens_on_purpose_and_not_by_itself() {
    let desk = Desk::new();
    desk.create().await.lock().await.unwrap();
    assert_eq!(desk.state().await, KeyState::AppLocked);
    let refused = desk.open(Unlock::SecureStorage).await.unwrap_err();
    assert_eq!(refused.exit_code(), 21, "{refused}");

    desk.open(Unlock::OnPurpose).await.unwrap().close().await.unwrap();
    assert_eq!(desk.state().await, KeyState::Ready);
    desk.open(Unlock::SecureStorage).await.unwrap();
}

#[tokio::test]
async fn a_profile_with_a_passphrase_is_unlocked_by_it_alone() {
    let desk = Desk::new();
    let client = desk.create().await;
    let passphrase = || Zeroizing::new("correct horse".to_owned());
    client.set_passphrase(passphrase()).await.unwrap();
    client.lock().await.unwrap();
    assert_eq!(desk.state().await, KeyState::Passphrase);
    for unlock in [Unlock::SecureStorage, Unlock::OnPurpose] {
        assert_eq!(desk.open(unlock).await.unwrap_err().exit_code(), 21);
    }
    let wrong = desk.open(Unlock::Passphrase(Zeroizing::new("another".to_owned()))).await.unwrap_err();
    assert_eq!(wrong.exit_code(), 23);
    assert_eq!(desk.state().await, KeyState::Passphrase, "a wrong one unlocks nothing");
    desk.open(Unlock::Passphrase(passphrase())).await.unwrap().close().await.unwrap();
    assert_eq!(desk.state().await, KeyState::Ready);
}

#[tokio::test]
async fn whoever_has_it_open_hears_that_another_program_locked_it() {
    let desk = Desk::new();
    let client = desk.create().await;
    let due = client.due();
    Client::lock_folder(desk.folder.path()).unwrap();
    assert_eq!(due.await, Due::Lock);
    client.lock().await.unwrap();
    assert_eq!(desk.state().await, KeyState::AppLocked);
}

#[tokio::test]
async fn it_is_locked_after_its_time_without_anybody_and_a_night_asleep_counts() {
    let desk = Desk::new();
    let client = desk.create().await;
    client.set_lock_after(Some(10)).await.unwrap();
    let left = || client.0.seat.is_left(&*desk.wall);
    desk.wall.pass(60);
    assert!(!left(), "nobody was ever there: it serves a script");
    client.active();
    desk.wall.pass(9);
    assert!(!left());
    client.active();
    desk.wall.pass(9);
    assert!(!left());
    desk.wall.pass(-9000);
    assert!(!left(), "a clock that is set back is no time that passed");
    desk.wall.pass(9001);
    assert!(left());
    assert_eq!(client.due().await, Due::Lock);
    client.close().await.unwrap();

    let client = desk.open(Unlock::SecureStorage).await.unwrap();
    assert_eq!(client.lock_after(), Some(10));
    for wrong in [0, 1441] {
        assert_eq!(client.set_lock_after(Some(wrong)).await.unwrap_err().exit_code(), 3);
    }
    client.set_lock_after(None).await.unwrap();
    client.active();
    desk.wall.pass(100_000);
    assert!(!client.0.seat.is_left(&*desk.wall));
}

#[tokio::test]
async fn nobody_waits_for_a_lock_of_what_is_closed() {
    let desk = Desk::new();
    let client = desk.create().await;
    let due = client.due();
    client.close().await.unwrap();
    assert_eq!(due.await, Due::Closed);
}

#[tokio::test]
async fn a_lock_without_a_profile_is_refused_and_leaves_nothing_behind() {
    let desk = Desk::new();
    assert_eq!(Client::lock_folder(desk.folder.path()).unwrap_err().exit_code(), 3);
    assert_eq!(desk.state().await, KeyState::Absent);
}

#[tokio::test]
async fn what_reads_for_ever_does_not_keep_a_profile_from_being_locked() {
    let desk = Desk::new();
    let client = desk.create().await;
    let ws = client.add_without_server(crate::client::desk::ME, "Ana").await.unwrap();
    let workspace = client.workspace(ws).unwrap();
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let reading = [0; 2].map(|_| {
        let (workspace, begun) = (Arc::clone(&workspace), begun.clone());
        tokio::spawn(async move {
            let read = workspace.cache.read(move |db, _| {
                let _ = begun.send(());
                let sql = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
                Ok(db.query_row(sql, [], |row| row.get::<_, i64>(0))?)
            });
            read.await
        })
    });
    for _ in &reading {
        has_begun.recv().await.unwrap();
    }
    // One that nobody waits for any more, as the daily check when the client ends, and one that somebody does.
    let [check, search] = reading;
    check.abort();
    drop((check.await, workspace));
    client.lock().await.unwrap();
    assert!(matches!(search.await.unwrap(), Err(Error::Offline { .. })));
    assert_eq!(desk.state().await, KeyState::AppLocked);
    desk.open(Unlock::OnPurpose).await.unwrap().close().await.unwrap();
}
