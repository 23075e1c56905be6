use super::super::people;
use super::super::tests::{ALICE, Store};
use super::*;
use thechatapp_protocol::Code;
use thechatapp_protocol::permission::Rank;

const NOW: i64 = 1_795_000_000_000;
const MINUTE: i64 = 60 * 1000;
const LAPTOP: &[u8] = &[1; 16];

fn at(millis: i64) -> Timestamp {
    Timestamp(NOW + millis)
}

fn from(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn store() -> Store {
    let store = Store::new();
    store.job(|tx| people::create(tx, ALICE, "alice", "hash", Rank::Owner).map(|_| ())).unwrap();
    store
}

fn stranger(folded: &str, last: u8) -> Who<'_> {
    Who::Stranger { folded, person: (folded == "alice").then_some(ALICE), from: from(last) }
}

fn known(what: &[u8]) -> Who<'_> {
    Who::Known { person: ALICE, what }
}

/// Seconds left, where it is refused.
fn try_at(store: &Store, who: &Who<'_>, millis: i64) -> Result<Attempt, u64> {
    let counted = store.job(|tx| count(tx, who, from(1), By::stranger(from(1)), at(millis)));
    counted.map_err(|why| {
        let body = why.into_body();
        assert_eq!(body.code, Code::LockedOut);
        body.seconds.unwrap()
    })
}

fn fail(store: &Store, who: &Who<'_>, millis: i64) -> Result<(), u64> {
    let refused = store.job(|tx| refuse(tx.view(), who, at(millis)));
    let counted = try_at(store, who, millis);
    assert_eq!(refused.map_err(|why| why.into_body().seconds.unwrap()).err(), counted.as_ref().err().copied());
    counted.map(drop)
}

fn succeed(store: &Store, who: &Who<'_>, millis: i64) -> Result<(), u64> {
    let attempt = try_at(store, who, millis)?;
    store.job(|tx| succeeded(tx, &attempt, By::stranger(from(1)), at(millis))).unwrap();
    Ok(())
}

#[test]
fn a_stranger_closes_a_name_for_strangers_and_not_for_devices_that_its_account_knows() {
    let store = store();
    for _ in 0..5 {
        fail(&store, &stranger("alice", 7), 0).unwrap();
    }
    assert_eq!(fail(&store, &stranger("alice", 8), 1000), Err(59), "from wherever");
    assert!(fail(&store, &stranger("bob", 7), 1000).is_ok(), "another name is open");
    // Alice's laptop, whatever strangers do.
    for _ in 0..4 {
        fail(&store, &known(LAPTOP), 1000).unwrap();
    }
    succeed(&store, &known(LAPTOP), 1000).unwrap();
    assert!(try_at(&store, &stranger("alice", 8), 1000).is_err(), "strangers are still out");
    // Five failures on the laptop close the laptop, not the phone.
    for _ in 0..5 {
        fail(&store, &known(LAPTOP), 2000).unwrap();
    }
    assert_eq!(fail(&store, &known(LAPTOP), 2000), Err(60));
    succeed(&store, &known(&[2; 16]), 2000).unwrap();
}

#[test]
fn each_failure_beyond_the_free_ones_closes_for_longer_and_a_success_forgets_them() {
    let store = store();
    let who = stranger("alice", 7);
    let mut now = 0;
    for _ in 0..5 {
        fail(&store, &who, now).unwrap();
    }
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        assert_eq!(fail(&store, &who, now + minutes * MINUTE - 1), Err(1), "{minutes}");
        now += minutes * MINUTE;
        fail(&store, &who, now).unwrap();
    }
    now += 60 * MINUTE;
    succeed(&store, &who, now).unwrap();
    for _ in 0..4 {
        fail(&store, &who, now).unwrap();
    }
    succeed(&store, &who, now).unwrap();
    assert!(store.job(|tx| of(tx.view(), ALICE, "alice", at(now))).unwrap().is_empty());
}

#[test]
fn guesses_that_are_made_at_once_are_counted_before_any_is_looked_at() {
    let store = store();
    let who = stranger("alice", 7);
    let begun: Vec<_> = (0..20).map(|_| try_at(&store, &who, 0)).collect();
    assert_eq!(begun.iter().filter(|attempt| attempt.is_ok()).count(), 5);
    // One of them was right after all.
    let right = begun[2].as_ref().unwrap();
    store.job(|tx| succeeded(tx, right, By::SERVER, at(0))).unwrap();
    assert!(try_at(&store, &who, 0).is_ok());
}

#[test]
fn what_was_no_failure_is_given_back_everywhere_and_forgets_nothing() {
    let store = store();
    let who = stranger("alice", 7);
    for _ in 0..4 {
        fail(&store, &who, 0).unwrap();
    }
    for _ in 0..50 {
        // The right password without the code of the second factor: it closes nothing.
        let attempt = try_at(&store, &who, 0).unwrap();
        store.job(|tx| given_back(tx, &attempt, By::SERVER, at(0))).unwrap();
    }
    fail(&store, &who, 0).unwrap();
    assert_eq!(fail(&store, &who, 0), Err(60), "the four before it count still");
}

#[test]
fn an_address_that_gets_in_by_its_own_account_stays_counted_for_what_it_did_to_others() {
    let store = store();
    let names: Vec<String> = (0..29).map(|number| format!("name {number}")).collect();
    for name in &names {
        fail(&store, &stranger(name, 7), 0).unwrap();
        succeed(&store, &stranger("alice", 7), 0).unwrap();
    }
    fail(&store, &stranger("one more", 7), 0).unwrap();
    assert_eq!(fail(&store, &stranger("and another", 7), 0), Err(60));
    assert!(fail(&store, &stranger("and another", 8), 0).is_ok(), "from another address");
    succeed(&store, &known(LAPTOP), 0).unwrap();
}

#[test]
fn spraying_from_everywhere_closes_for_strangers_alone_and_what_is_kept_is_bounded() {
    let store = store();
    let (mut let_in, mut refused) = (0, 0);
    for number in 0..5000_u32 {
        let name = format!("name {number}");
        let [_, _, a, b] = number.to_be_bytes();
        let who = Who::Stranger { folded: &name, person: None, from: IpAddr::from([10, 0, a, b]) };
        match fail(&store, &who, i64::from(number)) {
            Ok(()) => let_in += 1,
            Err(_) => refused += 1,
        }
    }
    assert_eq!((let_in, refused), (1000, 4000));
    assert_eq!(store.count("lockouts"), 2001);
    succeed(&store, &known(LAPTOP), 6000).unwrap();
    assert!(store.count("audit") <= 2, "not each failure is written down");
    // A day after the last of it, the next attempt finds nothing.
    fail(&store, &stranger("alice", 7), 6000 + FORGOTTEN).unwrap();
    assert_eq!(store.count("lockouts"), 3);
}

#[test]
fn each_step_is_written_down_and_an_administrator_can_take_it_back() {
    let store = store();
    let who = stranger("alice", 7);
    for minutes in [0, 0, 0, 0, 0, 1] {
        fail(&store, &who, minutes * MINUTE).unwrap();
    }
    succeed(&store, &who, 3 * MINUTE).unwrap();
    // Begun; its time ran out, and begun again; once more so by what was right in the end; ended.
    assert_eq!(store.count("audit"), 6);
    for _ in 0..5 {
        fail(&store, &who, 3 * MINUTE).unwrap();
        fail(&store, &known(LAPTOP), 3 * MINUTE).unwrap();
    }
    let against = store.job(|tx| of(tx.view(), ALICE, "alice", at(3 * MINUTE))).unwrap();
    assert_eq!(
        against.iter().map(|one| (one.closed_for, one.failures, one.seconds)).collect::<Vec<_>>(),
        [(ClosedFor::Strangers, 5, 60), (ClosedFor::Known, 5, 60)]
    );
    assert!(store.job(|tx| forget(tx, ALICE, "alice")).unwrap());
    assert!(!store.job(|tx| forget(tx, ALICE, "alice")).unwrap());
    succeed(&store, &who, 3 * MINUTE).unwrap();
    succeed(&store, &known(LAPTOP), 3 * MINUTE).unwrap();
}

#[test]
fn what_an_attempt_closes_is_written_down_with_it_and_that_it_is_open_again_too() {
    let store = store();
    let who = stranger("alice", 7);
    for _ in 0..4 {
        fail(&store, &who, 0).unwrap();
    }
    let fifth = try_at(&store, &who, 0).unwrap();
    assert_eq!(store.count("audit"), 1, "in the commit in which it begins");
    assert_eq!(fail(&store, &who, 0), Err(60));
    assert_eq!(store.count("audit"), 1, "not what is refused");
    store.job(|tx| given_back(tx, &fifth, By::SERVER, at(0))).unwrap();
    assert_eq!(store.count("audit"), 2);
    // So does what was given back that came before the one that closed.
    fail(&store, &who, 0).unwrap();
    store.job(|tx| forget(tx, ALICE, "alice").map(drop)).unwrap();
    let first = try_at(&store, &who, 0).unwrap();
    for _ in 0..4 {
        fail(&store, &who, 0).unwrap();
    }
    assert_eq!((fail(&store, &who, 0), store.count("audit")), (Err(60), 4));
    store.job(|tx| given_back(tx, &first, By::SERVER, at(0))).unwrap();
    assert_eq!((fail(&store, &who, 0), store.count("audit")), (Ok(()), 6));
}

#[test]
fn nothing_that_is_kept_shows_a_name_or_an_address() {
    let store = store();
    fail(&store, &stranger("hunter2 typed as a name", 7), 0).unwrap();
    let mut rows = store.db.prepare("SELECT key, typeof(key), length(key) FROM lockouts").unwrap();
    let kept = rows.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(2)?))).unwrap();
    for row in kept {
        let (key, length) = row.unwrap();
        assert_eq!(length, 32);
        assert!(!key.windows(4).any(|part| part == b"hunt" || part == b"192."));
    }
}
