//! A cache that turns out to be damaged while the workspace ends.

use super::*;
use crate::cache::file::former_path;

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
