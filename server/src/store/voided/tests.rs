use super::super::people;
use super::super::tests::{ALICE, Store};
use super::*;
use crate::store::invites::Gives;
use crate::time::now;
use thechatapp_protocol::AccountId;
use thechatapp_protocol::permission::Rank;

const BOB: AccountId = AccountId(uuid::Uuid::from_bytes([0xb0; 16]));

fn invite(store: &Store, code: &str, rank: Rank, lasts: i64) {
    let expires = Timestamp(now().0 + lasts);
    invites::insert(&store.db, code, &Gives { rank, ..Gives::default() }, 1, expires).unwrap();
}

#[test]
fn what_may_have_been_used_since_counts_no_more_and_is_counted() {
    let store = Store::new();
    store.job(|tx| people::create(tx, ALICE, "alice", "hash", Rank::Owner).map(|_| ())).unwrap();
    store.job(|tx| people::create(tx, BOB, "bob", "hash", Rank::Member).map(|_| ())).unwrap();
    invite(&store, "open", Rank::Member, 1000);
    invite(&store, "owner", Rank::Owner, 1000);
    invite(&store, "expired", Rank::Member, -1);
    invite(&store, "used", Rank::Member, 100_000);
    store.job(|tx| invites::take(tx, "used").map(|_| ())).unwrap();
    store.job(|tx| resets::issue(tx, BOB, "a reset", now()).map(|_| ())).unwrap();
    let codes: Vec<String> = (0..10).map(|number| format!("code {number}")).collect();
    store.job(|tx| factors::begin(tx, BOB, b"a secret of twenty b")).unwrap();
    store.job(|tx| factors::set_recovery(tx, BOB, &codes)).unwrap();
    assert_eq!(void(&store.db, now()).unwrap(), Voided { invites: 2, reset_codes: 1, browsers: 0, recovery_codes: 1 });
    for code in ["open", "owner", "expired", "used"] {
        assert!(store.job(|tx| invites::look(tx.view(), code)).is_err(), "{code}");
    }
    assert!(!store.job(|tx| resets::fits(tx.view(), BOB, "a reset", now())).unwrap());
    assert_eq!(store.job(|tx| factors::recovery_left(tx.view(), BOB)).unwrap(), 0);
    assert_eq!(store.count("totp"), 1, "the second factor stays");
    assert_eq!(void(&store.db, now()).unwrap(), Voided::default());
}

#[test]
fn a_workspace_that_nobody_owns_keeps_what_makes_an_owner() {
    let store = Store::new();
    invite(&store, "owner", Rank::Owner, 100_000);
    invite(&store, "member", Rank::Member, 100_000);
    assert_eq!(void(&store.db, now()).unwrap().invites, 1);
    store.job(|tx| invites::look(tx.view(), "owner")).unwrap();
}
