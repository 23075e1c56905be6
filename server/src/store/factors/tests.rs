use super::super::people;
use super::super::tests::{ALICE, Store};
use super::*;
use thechatapp_protocol::permission::Rank;

const SECRET: &[u8] = b"12345678901234567890";
/// RFC 6238, appendix B.
const AT: Timestamp = Timestamp(1_111_111_111_000);
const CODE: &str = "050471";
const LATER: (Timestamp, &str) = (Timestamp(1_234_567_890_000), "005924");

fn store() -> Store {
    let store = Store::new();
    store.job(|tx| people::create(tx, ALICE, "alice", "hash", Rank::Member).map(|_| ())).unwrap();
    store
}

fn show_at(store: &Store, code: Option<&str>, now: Timestamp) -> Shown {
    store.job(|tx| show(tx, ALICE, code, now)).unwrap()
}

#[test]
fn a_factor_counts_once_a_code_was_shown_and_each_code_once() {
    let store = store();
    assert_eq!(show_at(&store, None, AT), Shown::NotWanted);
    assert!(store.job(|tx| confirm(tx, ALICE, CODE, AT)).unwrap_err().is_not_found());
    store.job(|tx| begin(tx, ALICE, b"a secret given up on")).unwrap();
    store.job(|tx| begin(tx, ALICE, SECRET)).unwrap();
    assert_eq!(show_at(&store, None, AT), Shown::NotWanted, "it waits");
    assert!(!store.job(|tx| confirm(tx, ALICE, "000000", AT)).unwrap());
    assert!(store.job(|tx| confirm(tx, ALICE, CODE, AT)).unwrap());
    assert!(store.job(|tx| is_on(tx.view(), ALICE)).unwrap());
    assert_eq!(show_at(&store, None, AT), Shown::Missing);
    assert_eq!(show_at(&store, Some(" "), AT), Shown::Missing);
    assert_eq!(show_at(&store, Some(CODE), AT), Shown::Wrong, "it was used to confirm");
    assert_eq!(show_at(&store, Some(LATER.1), LATER.0), Shown::Right);
    assert_eq!(show_at(&store, Some(LATER.1), LATER.0), Shown::Wrong);
    assert!(store.job(|tx| begin(tx, ALICE, SECRET)).is_err(), "one in force is not replaced silently");
    let sealed: Vec<u8> = store.db.query_row("SELECT secret FROM totp", [], |row| row.get(0)).unwrap();
    assert!(!sealed.windows(SECRET.len()).any(|part| part == SECRET));
    assert!(store.job(|tx| remove(tx, ALICE)).unwrap());
    assert_eq!(show_at(&store, None, LATER.0), Shown::NotWanted);
}

#[test]
fn a_recovery_code_counts_once_however_it_is_typed() {
    let store = store();
    let codes = totp::make_recovery_codes().unwrap();
    store.job(|tx| begin(tx, ALICE, SECRET)).unwrap();
    assert!(store.job(|tx| confirm(tx, ALICE, CODE, AT)).unwrap());
    store.job(|tx| set_recovery(tx, ALICE, &codes)).unwrap();
    assert_eq!(show_at(&store, Some(&codes[0]), AT), Shown::Right);
    assert_eq!(show_at(&store, Some(&codes[0]), AT), Shown::Wrong);
    let typed = codes[1].replace('-', " ").to_uppercase();
    assert_eq!(show_at(&store, Some(&typed), AT), Shown::Right);
    assert_eq!(store.job(|tx| recovery_left(tx.view(), ALICE)).unwrap(), 8);
    let text: Vec<Vec<u8>> = {
        let mut rows = store.db.prepare("SELECT code_hash FROM recovery_codes").unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    assert!(text.iter().all(|hash| hash.len() == 32));
    store.job(|tx| remove(tx, ALICE)).unwrap();
    assert_eq!(store.count("recovery_codes"), 0);
}
