use super::super::people;
use super::super::tests::{ALICE, Store};
use super::*;
use thechatapp_protocol::permission::Rank;

const BOB: AccountId = AccountId(uuid::Uuid::from_bytes([0xb0; 16]));
const NOW: Timestamp = Timestamp(1_795_000_000_000);

#[test]
fn a_code_is_one_persons_good_for_a_day_and_replaced_by_the_next() {
    let store = Store::new();
    for (id, name) in [(ALICE, "alice"), (BOB, "bob")] {
        store.job(|tx| people::create(tx, id, name, "hash", Rank::Member).map(|_| ())).unwrap();
    }
    let fits = |person, code: &str, later: i64| {
        store.job(|tx| fits(tx.view(), person, code, Timestamp(NOW.0 + later))).unwrap()
    };
    assert!(!fits(ALICE, "", 0));
    let expires = store.job(|tx| issue(tx, ALICE, "first", NOW)).unwrap();
    assert_eq!(expires.0, NOW.0 + LASTS);
    assert!(fits(ALICE, " first ", LASTS - 1) && !fits(ALICE, "first", LASTS) && !fits(BOB, "first", 0));
    assert_eq!(store.job(|tx| until(tx.view(), ALICE, NOW)).unwrap(), Some(expires));
    store.job(|tx| issue(tx, ALICE, "second", NOW)).unwrap();
    assert!(!fits(ALICE, "first", 0) && fits(ALICE, "second", 0));
    store.job(|tx| remove(tx, ALICE)).unwrap();
    assert!(!fits(ALICE, "second", 0));
    assert_eq!(store.job(|tx| until(tx.view(), ALICE, NOW)).unwrap(), None);
}
