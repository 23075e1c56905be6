use super::*;
use thechatapp_database::Form;
use thechatapp_database::open_formed;

fn form(path: &Path, key: &[u8; 32]) -> Form {
    Form::of(&database::open_reader(path, key).unwrap()).unwrap()
}

/// A cache as it comes from another processor, or from a release that knew no other form.
async fn from_elsewhere(path: &Path) -> (Form, Cache) {
    let there = [Form::Sha512, Form::Sha256].into_iter().find(|form| *form != Form::quickest()).unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    drop(open_formed(path, &KEY, schema::CACHE, Durability::Normal, there).unwrap());
    let cache = Cache::open(path, &KEY, me()).await.unwrap();
    cache.apply(small(), true).await.unwrap();
    (there, cache)
}

#[tokio::test]
async fn a_new_cache_has_the_form_that_this_processor_is_quickest_with() {
    let (folder, cache) = fresh().await;
    cache.close().await.unwrap();
    assert_eq!(form(&folder.path().join("a/cache.db"), &KEY), Form::quickest());
}

#[tokio::test]
async fn a_cache_in_another_form_is_used_as_it_is_until_its_key_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/cache.db");
    let (there, cache) = from_elsewhere(&path).await;
    assert_eq!(hits(&cache, "morning").await, ["good morning"]);
    cache.close().await.unwrap();
    assert_eq!(form(&path, &KEY), there);

    let cache = Cache::open(&path, &KEY, me()).await.unwrap();
    assert!(!cache.is_being_rebuilt());
    let next = [8; 32];
    cache.rekey(Key::try_from(&KEY[..]).unwrap(), Key::try_from(&next[..]).unwrap()).await.unwrap();
    cache.apply(changes(vec![Row::Message(text(5, 4, OTHER, "good night", 7))]), false).await.unwrap();
    assert_eq!(hits(&cache, "good").await, ["good night", "good morning"]);
    cache.close().await.unwrap();
    assert_eq!(form(&path, &next), Form::quickest());
}

#[tokio::test]
async fn a_damaged_cache_in_another_form_is_read_beside_the_one_that_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/cache.db");
    let (there, cache) = from_elsewhere(&path).await;
    let before = cache.channels(true).await.unwrap();
    cache.close().await.unwrap();
    file::set_aside(&path).unwrap();
    let cache = Cache::open(&path, &KEY, me()).await.unwrap();
    assert!(cache.is_being_rebuilt());
    assert_eq!(cache.channels(true).await.unwrap().len(), before.len());
    assert_eq!(hits(&cache, "morning").await, ["good morning"]);
    cache.close().await.unwrap();
    assert_eq!([form(&path, &KEY), form(&file::former_path(&path), &KEY)], [Form::quickest(), there]);
}
