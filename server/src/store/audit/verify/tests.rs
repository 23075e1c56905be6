//! Every way in which a log can be falsified that whoever holds its keys has, and the ways of those who do not.

use super::super::super::tests::{ALICE, Store};
use super::super::{Act, By, record, tree};
use super::*;
use crate::identity_keys::{Identity, Rotation};
use crate::store::Tx;
use std::net::{IpAddr, Ipv4Addr};
use thechatapp_protocol::audit::{Actor, Class, Target};
use thechatapp_protocol::methods::audit::{ActorFilter, AuditFilter};
use thechatapp_protocol::{ChannelId, DeviceId, Timestamp};

const WORKSPACE: WorkspaceId = WorkspaceId(uuid::Uuid::from_bytes([0xb1; 16]));

struct Log {
    store: Store,
    identity: Identity,
}

impl Log {
    fn new() -> Self {
        let store = Store::new();
        let (identity, _) = Identity::create(&store.db, &store.keyring, ("acme", "Acme"), Vec::new()).unwrap();
        Self { store, identity }
    }

    fn with(entries: u8) -> Self {
        let log = Self::new();
        for number in 0..entries {
            log.act(number);
        }
        log
    }

    fn act(&self, number: u8) {
        let actor = Actor::Person(ALICE, DeviceId::from_bytes([7; 16]));
        let by = By { actor, place: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)) };
        let act = Act::new(Class::Channel, "channel.created", Target::Channel(ChannelId::from_bytes([number; 16])));
        self.job(|tx| record(tx, by, act.after("public")));
    }

    fn job<T>(&self, job: impl FnOnce(&mut Tx<'_>) -> Result<T, Fail>) -> T {
        self.store.job(job).unwrap()
    }

    fn checkpoint(&self) -> String {
        self.job(|tx| tree::checkpoint(tx, WORKSPACE, &self.identity)).1
    }

    fn view(&self) -> View<'_> {
        View { db: &self.store.db, keyring: &self.store.keyring }
    }

    fn verify(&self) -> Report {
        verify(self.view(), WORKSPACE, None, None).unwrap()
    }

    fn sql(&self, sql: &str) {
        self.store.db.execute_batch(sql).unwrap();
    }

    /// As somebody would write it who has every key of the server, but for what was signed before.
    fn rewritten(&self, change: impl FnOnce(&Connection)) {
        self.sql("UPDATE audit SET nodes = x''");
        change(&self.store.db);
    }

    fn names(&self, words: &[&str]) {
        let report = self.verify();
        assert!(!report.ok && report.wrong > 0);
        for word in words {
            assert!(report.problems.iter().any(|problem| problem.contains(word)), "{word}: {:?}", report.problems);
        }
    }
}

#[test]
fn a_log_that_nobody_touched_is_whole_at_every_size() {
    let log = Log::new();
    let none = log.verify();
    assert!(none.ok, "{:?}", none.problems);
    assert_eq!((none.entries, none.root), (0, Hash::empty().to_string()));
    for number in 0..70 {
        log.act(number);
        log.checkpoint();
        let report = log.verify();
        assert!(report.ok, "{:?}", report.problems);
        assert_eq!((report.entries, report.checkpoints), (u64::from(number) + 1, u64::from(number) + 1));
        assert_eq!(report.root, tree::head(&log.store.db, report.entries).unwrap().root.to_string());
    }
}

#[test]
fn nodes_that_are_not_stored_are_made_anew() {
    let log = Log::with(37);
    log.checkpoint();
    let head = tree::head(&log.store.db, 37).unwrap();
    let proof = tree::consistency(&log.store.db, 21, 37).unwrap();
    log.sql("UPDATE audit SET nodes = x'' WHERE seq % 3 = 0; UPDATE audit SET nodes = CAST(substr(nodes, 1, 32) AS BLOB) WHERE seq = 31");
    assert_eq!(tree::head(&log.store.db, 37).unwrap(), head);
    assert_eq!(tree::consistency(&log.store.db, 21, 37).unwrap(), proof);
    log.act(37);
    assert!(log.verify().ok);
}

#[test]
fn proofs_from_stored_nodes_hold_for_every_entry_and_every_size() {
    use thechatapp_protocol::audit::tree::{extends, includes};
    let log = Log::with(40);
    let heads: Vec<Head> = (0..=40).map(|size| tree::head(&log.store.db, size).unwrap()).collect();
    for size in 1..=40_u64 {
        let head = heads[usize::try_from(size).unwrap()];
        for seq in 0..size {
            let leaf = Hash::leaf(&super::super::one(log.view(), seq).unwrap());
            let proof = tree::inclusion(&log.store.db, seq, size).unwrap();
            assert!(includes(leaf, seq, size, &proof, head.root));
            let old = heads[usize::try_from(seq).unwrap()];
            assert!(extends(old, head, &tree::consistency(&log.store.db, seq, size).unwrap()));
        }
    }
}

#[test]
fn a_changed_entry_is_found() {
    let log = Log::with(9);
    log.checkpoint();
    log.sql(
        "SAVEPOINT before; UPDATE audit SET entry = CAST(substr(entry, 1, 80) || x'0000' || substr(entry, 83) AS BLOB) WHERE seq = 4",
    );
    log.names(&["entry 4: it does not open"]);
    assert_eq!(log.verify().wrong, 1);
    log.sql("ROLLBACK TO before; UPDATE audit SET leaf = x'0101010101010101010101010101010101010101010101010101010101010101' WHERE seq = 4");
    log.names(&["entry 4: it is not what was hashed"]);
    for change in ["at = 1", "class = 0", "actor = x'01'", "target = x'02'"] {
        log.sql(&format!("ROLLBACK TO before; UPDATE audit SET {change} WHERE seq = 4"));
        log.names(&["entry 4: it would be found as another"]);
    }
    log.sql("ROLLBACK TO before; UPDATE audit SET nodes = CAST(substr(nodes, 1, 32) || zeroblob(32) || substr(nodes, 65) AS BLOB) WHERE seq = 7");
    log.names(&["node 1 of level 2"]);
}

#[test]
fn an_entry_that_was_sealed_anew_with_the_server_s_keys_does_not_match_what_was_signed() {
    let (log, other) = (Log::with(9), Log::with(0));
    log.checkpoint();
    for number in 0..9 {
        // Another act in the place of the fifth, with everything after it as it was.
        other.act(if number == 4 { 99 } else { number });
    }
    let view = other.view();
    let changed = encoded(
        view.keyring,
        4,
        &other.store.db.query_row("SELECT entry FROM audit WHERE seq = 4", [], |row| row.get::<_, Vec<u8>>(0)).unwrap(),
    )
    .unwrap();
    let place = crate::keyring::RecordPlace { table: "audit", column: "entry", row: &4_u64.to_be_bytes(), revision: 0 };
    let sealed = log.store.keyring.seal_record(&place, &changed).unwrap();
    let entry = decode(&changed).unwrap();
    log.rewritten(|db| {
        let values = (entry.at.0, target_key(&entry.target), Hash::leaf(&changed).0, sealed);
        db.execute("UPDATE audit SET at = ?1, target = ?2, leaf = ?3, entry = ?4 WHERE seq = 4", values).unwrap();
    });
    log.names(&["checkpoint 1 is of 9 entries under the root"]);
    assert_eq!(log.verify().wrong, 1);
}

#[test]
fn an_entry_that_was_taken_out_is_found() {
    let log = Log::with(9);
    log.sql("SAVEPOINT before; DELETE FROM audit WHERE seq = 4");
    log.names(&["entry 4 is missing"]);
    // Even where the numbers are closed up: each entry opens in its own place only.
    log.sql("UPDATE audit SET seq = seq - 1 WHERE seq > 4");
    log.names(&["entry 4: it does not open", "entry 7: it does not open"]);
}

#[test]
fn two_entries_that_were_swapped_are_found() {
    let log = Log::with(9);
    log.sql("UPDATE audit SET seq = -1 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 5; UPDATE audit SET seq = 5 WHERE seq = -1");
    log.names(&["entry 2: it does not open", "entry 5: it does not open"]);
}

#[test]
fn an_end_that_was_cut_off_is_found() {
    let log = Log::with(9);
    let note = log.checkpoint();
    log.sql("SAVEPOINT before; DELETE FROM audit WHERE seq >= 6");
    log.names(&["checkpoint 1 is of 9 entries and the log has 6: the last 3 are missing"]);
    // With every trace of it removed from the database, only who kept a checkpoint elsewhere knows.
    log.sql("DELETE FROM audit_checkpoints");
    assert!(log.verify().ok);
    let report = verify(log.view(), WORKSPACE, Some(&format!("{note}\n")), None).unwrap();
    assert!(!report.ok);
    assert_eq!((report.witnessed, report.unreadable), (Some(1), Some(0)));
    assert!(report.problems[0].contains("the last 3 are missing"), "{:?}", report.problems);
}

#[test]
fn another_history_of_the_same_size_is_found_by_the_witness() {
    let log = Log::with(9);
    let witness = log.checkpoint();
    log.sql("DELETE FROM audit WHERE seq >= 6; DELETE FROM audit_checkpoints");
    for number in 20..23 {
        log.act(number);
    }
    log.checkpoint();
    assert!(log.verify().ok);
    let report = verify(log.view(), WORKSPACE, Some(&witness), None).unwrap();
    assert!(report.problems[0].contains("it is another history"), "{:?}", report.problems);
}

#[test]
fn a_checkpoint_that_no_root_of_this_workspace_signed_is_found() {
    let log = Log::with(3);
    let stranger = Log::new();
    let head = tree::head(&log.store.db, 3).unwrap();
    let note = stranger.identity.sign_checkpoint(WORKSPACE, head);
    log.store
        .db
        .execute("INSERT INTO audit_checkpoints (size, signer, at, note) VALUES (3, zeroblob(32), 0, ?1)", [note])
        .unwrap();
    log.names(&["checkpoint 1: the checkpoint is not signed by this workspace's identity root"]);
}

#[test]
fn checkpoints_of_former_roots_hold_and_the_new_root_signs_the_next() {
    let mut log = Log::with(3);
    let before = log.checkpoint();
    log.identity = log.identity.rotated(&log.store.db, &log.store.keyring, Rotation::Root).unwrap();
    let after = log.checkpoint();
    assert_ne!(before, after);
    assert_eq!(log.checkpoint(), after);
    let report = log.verify();
    assert!(report.ok, "{:?}", report.problems);
    assert_eq!(report.checkpoints, 2);
    // A root that nobody vouched for is none.
    log.sql("DELETE FROM documents WHERE epoch = (SELECT min(epoch) FROM documents)");
    log.names(&["checkpoint 1: the checkpoint is not signed"]);
}

#[test]
fn with_a_pin_only_its_root_and_those_after_it_count() {
    let mut log = Log::with(3);
    log.checkpoint();
    let first = log.identity.pin();
    log.identity = log.identity.rotated(&log.store.db, &log.store.keyring, Rotation::Root).unwrap();
    log.act(3);
    let by = |log: &Log, pin| verify(log.view(), WORKSPACE, None, Some(pin)).unwrap();
    // The first leads to the second, and not the other way round: what the first signed proves nothing to who knows the second.
    let second = log.identity.pin();
    assert_eq!((by(&log, first).ok, by(&log, first).signed), (true, 3));
    let report = by(&log, second);
    assert!(!report.ok && report.problems[0].contains("no checkpoint is signed by the root of this pin"));
    log.checkpoint();
    for pin in [first, second] {
        assert_eq!((by(&log, pin).ok, by(&log, pin).signed), (true, 4));
    }
    // All of it made anew by who has the server's keys, its identity, too: whole in itself.
    let forged = Log::with(4);
    forged.checkpoint();
    assert!(forged.verify().ok);
    let report = by(&forged, second);
    assert!(
        !report.ok && report.problems.iter().any(|problem| problem.contains("no identity document is of the root"))
    );
    // Nor does it help to put the real documents behind.
    forged.sql("UPDATE documents SET epoch = 0");
    let real: Vec<u8> = log
        .store
        .db
        .query_row("SELECT encoded FROM documents ORDER BY epoch DESC LIMIT 1", [], |row| row.get(0))
        .unwrap();
    forged.store.db.execute("INSERT INTO documents (epoch, encoded) VALUES (9, ?1)", [real]).unwrap();
    assert!(!by(&forged, second).ok);
}

#[test]
fn a_checkpoint_is_due_after_a_thousand_entries_or_an_hour() {
    let log = Log::with(1);
    let at: i64 = log.store.db.query_row("SELECT at FROM audit", [], |row| row.get(0)).unwrap();
    let due = |after: i64| tree::is_due(log.view(), Timestamp(at + after)).unwrap();
    assert!(!due(0) && !due(3_599_999) && due(3_600_000));
    assert!(tree::is_ahead(log.view()).unwrap());
    log.checkpoint();
    assert!(!due(7_200_000));
    assert!(!tree::is_ahead(log.view()).unwrap());
    for number in 0..999_u32 {
        log.act(number as u8);
    }
    assert!(!due(0));
    log.act(0);
    assert!(due(0));
}

#[test]
fn entries_are_found_by_who_on_what_of_which_kind_and_when() {
    let log = Log::with(5);
    let setting = || Act::new(Class::Setting, "setting.changed", Target::Setting("web.chat".into()));
    log.job(|tx| record(tx, By::HOST, setting().before("false").after("true")));
    log.job(|tx| record(tx, By::SERVER, setting()));
    log.sql("UPDATE audit SET at = seq * 1000");
    let find = |filter: AuditFilter| -> Vec<u64> {
        super::super::newest(log.view(), &filter, None, 50).unwrap().iter().map(|entry| entry.seq).collect()
    };
    let any = AuditFilter::default;
    assert_eq!(find(any()), [6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(find(AuditFilter { actor: Some(ActorFilter::Person(ALICE)), ..any() }), [4, 3, 2, 1, 0]);
    assert_eq!(find(AuditFilter { actor: Some(ActorFilter::Host), ..any() }), [5]);
    assert_eq!(find(AuditFilter { actor: Some(ActorFilter::Stranger), ..any() }), [0_u64; 0]);
    let channel = Target::Channel(ChannelId::from_bytes([2; 16]));
    assert_eq!(find(AuditFilter { target: Some(channel), ..any() }), [2]);
    assert_eq!(find(AuditFilter { target: Some(Target::Setting("web.chat".into())), ..any() }), [6, 5]);
    let class = Some(Class::Setting);
    assert_eq!(find(AuditFilter { class, actor: Some(ActorFilter::Server), ..any() }), [6]);
    let (after, before) = (Some(Timestamp(2000)), Some(Timestamp(5000)));
    assert_eq!(find(AuditFilter { after, before, ..any() }), [4, 3, 2]);
    let page = super::super::newest(log.view(), &any(), Some(3), 2).unwrap();
    assert_eq!(page.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [2, 1]);
    let page = super::super::oldest(log.view(), &any(), 4, 2).unwrap();
    assert_eq!(page.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [4, 5]);
    assert_eq!((page[1].before.as_deref(), page[1].after.as_deref()), (Some("false"), Some("true")));
    assert_eq!(page[0].place.as_deref(), Some("127.0.0.1"));
}
