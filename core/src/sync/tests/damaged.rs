//! A cache that turns out to be damaged while the workspace ends.

use super::*;
use crate::cache::file::former_path;
use thechatapp_database::Error as DatabaseError;

/// Begins to read something that has no end, and waits until it has begun.
async fn reading_for_ever(workspace: &Arc<Workspace>) -> JoinHandle<Result<i64>> {
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let workspace = Arc::clone(workspace);
    let reading = tokio::spawn(async move {
        let read = workspace.cache.read(move |db, _| {
            let _ = begun.send(());
            let sql = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
            Ok(db.query_row(sql, [], |row| row.get(0))?)
        });
        read.await
    });
    has_begun.await.unwrap();
    reading
}

#[tokio::test]
async fn a_read_without_an_end_does_not_keep_a_damaged_cache_from_being_replaced_nor_others_from_reading() {
    let place = place().await;
    let running = place.workspace().await;
    let workspace = Arc::clone(&running.workspace);
    let reading = reading_for_ever(&workspace).await;
    let damage = workspace.cache.read(|_, _| Err::<(), _>(DatabaseError::Damaged("a page".into())));
    assert!(matches!(damage.await, Err(Error::Corrupt { .. })));
    // It is asked again by whoever asked, of the file that takes its place.
    assert!(matches!(reading.await.unwrap(), Err(Error::Corrupt { .. })));
    assert!(workspace.cache.recovered().await);
    workspace.cache.unread().await.unwrap();
    // Tidying goes on with that one, too.
    workspace.cache.tidy().await.unwrap();
}

#[tokio::test]
async fn a_read_without_an_end_does_not_keep_a_workspace_from_ending() {
    let place = place().await;
    let running = place.workspace().await;
    let workspace = Arc::clone(&running.workspace);
    let reading = reading_for_ever(&workspace).await;
    running.stop().await.unwrap();
    assert!(matches!(reading.await.unwrap(), Err(Error::Offline { .. })));
    // Nor is anything begun that takes long and may wait.
    assert!(matches!(workspace.cache.tidy().await, Err(Error::Offline { .. })));
}

#[tokio::test]
async fn what_replaces_a_damaged_cache_comes_to_its_end_before_the_workspace_does() {
    let place = place().await;
    let running = place.workspace().await;
    let workspace = Arc::clone(&running.workspace);
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (end, may_end) = std::sync::mpsc::channel::<()>();
    let reader = {
        let workspace = Arc::clone(&workspace);
        tokio::spawn(async move {
            let read = workspace.cache.read(move |_, _| {
                let _ = begun.send(());
                let _ = may_end.recv();
                Ok(())
            });
            let _ = read.await;
        })
    };
    has_begun.await.unwrap();
    let damage = workspace.cache.read(|_, _| Err::<(), _>(thechatapp_database::Error::Damaged("a page".into())));
    assert!(matches!(damage.await, Err(Error::Corrupt { .. })));
    while workspace.replacing.try_lock().is_ok() {
        tokio::task::yield_now().await;
    }
    drop(workspace);
    let stopped = tokio::spawn(running.stop());
    end.send(()).unwrap();
    reader.await.unwrap();
    stopped.await.unwrap().unwrap();
    let path = place.folder.path().join("cache.db");
    assert!(path.exists() && former_path(&path).exists());
    let Place { folder: _folder, shared } = place;
    let Shared { local, profile, .. } = shared;
    drop(local);
    assert!(Arc::try_unwrap(profile).is_ok(), "nothing goes on");
}

#[tokio::test]
async fn the_list_of_channels_outlives_a_first_sync_and_not_a_server_that_lets_one_see_less() {
    let place = place().await;
    let running = place.workspace().await;
    let workspace = Arc::clone(&running.workspace);
    let listed = async || workspace.local.listed(workspace.id).await.unwrap().len();
    let known = async || workspace.cache.channels(false).await.unwrap().len();
    workspace.keep_list().await.unwrap();
    assert_eq!((listed().await, known().await), (1, 1));
    for (gone, left) in [(false, 1), (true, 0)] {
        follow::new_generation(&workspace, vec![5; 16], false, gone).await.unwrap();
        assert_eq!((listed().await, known().await), (left, left));
        // What is not told again is not taken for what there is.
        workspace.keep_list().await.unwrap();
        assert_eq!(listed().await, left);
    }
}
