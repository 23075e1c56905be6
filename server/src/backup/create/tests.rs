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

#[tokio::test(flavor = "multi_thread")]
async fn what_was_wiped_before_that_was_noted_is_told_by_earlier_backups_of_the_same_host() {
    let dir = tempfile::tempdir().unwrap();
    let source = KeySource::Local { file: None, passphrase: "server passphrase".to_owned().into() };
    let host = Host::create(&dir.path().join("data"), &source, Cost::TESTS).unwrap();
    host.create_workspace("lab", Vec::new()).unwrap();
    let cost = Argon2Params { m_kib: 8, t: 1, p: 1 };
    let open = |name: &str| Folder::open_or_make(&dir.path().join(name), "recovery", &cost).unwrap();
    // As earlier releases left it: a workspace that is in a backup and nowhere else.
    let gone = |number: u8| thechatapp_protocol::WorkspaceId::from_bytes([number; 16]);
    let put = async |name: &str, number: u8, at: Timestamp| {
        let folder = Arc::new(open(name));
        let lab = keep(&host, &host.workspace("lab").unwrap(), &folder).await.unwrap();
        let other = WorkspaceKept { id: gone(number), name: format!("gone-{number}"), ..lab.clone() };
        let (workspaces, missing, wiped) = (vec![lab, other], Vec::new(), Vec::new());
        let base_url = host.base_url().unwrap();
        folder.put_snapshot(&Snapshot { version: VERSION, at, base_url, workspaces, missing, wiped }).unwrap();
    };
    let wiped = async |name: &str| {
        create(&host, open(name)).await.unwrap();
        open(name).snapshot(None).unwrap().1.wiped
    };
    put("backups", 1, now()).await;
    assert_eq!(wiped("backups").await, [gone(1)]);
    // Of a time from which this host knows nothing, it may be another host's.
    put("earlier", 2, Timestamp(1)).await;
    assert_eq!(wiped("earlier").await, [gone(1)]);
    // A folder is looked through once.
    put("backups", 3, now()).await;
    assert_eq!(wiped("backups").await, [gone(1)]);
    // A restore may have left it out.
    let restored = |tx: &mut store::Tx<'_>| {
        use store::audit::{self, Act, By};
        use thechatapp_protocol::audit::{Class, Target};
        audit::record(tx, By::HOST, Act::new(Class::Backup, audit::RESTORED, Target::Workspace))
    };
    host.workspace("lab").unwrap().unguarded(restored).await.unwrap();
    put("restored", 4, now()).await;
    assert_eq!(wiped("restored").await, [gone(1)]);
    host.close();
}
