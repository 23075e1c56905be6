use super::*;
use crate::auth::password::Cost;
use crate::kms::KeySource;
use thechatapp_seal::Argon2Params;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wiped_while_a_backup_is_made_is_not_in_it_and_the_wipe_knows_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let source = KeySource::Local { file: None, passphrase: "server passphrase".to_owned().into() };
    let host = Host::create(&dir.path().join("data"), &source, Cost::TESTS).unwrap();
    for name in ["acme", "lab"] {
        host.create_workspace(name, Vec::new()).unwrap();
    }
    let cost = Argon2Params { m_kib: 8, t: 1, p: 1 };
    let folder = Folder::open_or_make(&dir.path().join("backups"), "recovery", &cost).unwrap();
    let folder = Arc::new(folder.lock().unwrap());
    // It was begun before any of them was made.
    let begun = Timestamp(0);
    let name = Folder::name_of(begun).unwrap();
    let making = host.begin_backup(&folder, &name, begun).unwrap();
    let mut kept = Vec::new();
    for workspace in host.workspaces() {
        kept.push(keep(&host, &workspace, &folder).await.unwrap());
    }
    let (acme, created) = host.workspace("acme").map(|acme| (acme.id, acme.place().created)).unwrap();
    host.wipe_workspace("acme").unwrap();
    let known = |of| {
        let open = host.backups_still_open(created, of).unwrap();
        open.into_iter().map(|known| (known.name, known.making, known.found)).collect::<Vec<_>>()
    };
    assert_eq!(known(acme), [(name.clone(), true, false)]);

    let report = finish(&host, &folder, (&name, begun), kept, Vec::new()).unwrap();
    drop(making);
    let (_, snapshot) = folder.snapshot(None).unwrap();
    let lab = host.workspace("lab").unwrap().id;
    assert_eq!((report.workspaces, snapshot.workspaces[0].id, snapshot.wiped), (1, lab, vec![acme]));
    assert_eq!(known(lab), [(name.clone(), false, true)]);

    // One that comes to nothing is known no longer.
    let next = Folder::name_of(begun).unwrap();
    let making = host.begin_backup(&folder, &next, begun).unwrap();
    assert_eq!(known(lab).len(), 2);
    host.forget_backup(&making).unwrap();
    drop(making);
    assert_eq!(known(lab), [(name, false, true)]);
    host.close();
}
