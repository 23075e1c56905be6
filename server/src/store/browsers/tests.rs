use super::super::people;
use super::super::tests::{ALICE, Store};
use super::*;
use thechatapp_protocol::permission::Rank;

const START: i64 = 1_795_000_000_000;
const BOB: AccountId = AccountId(uuid::Uuid::from_bytes([0xb0; 16]));

const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn at(millis: i64) -> Timestamp {
    Timestamp(START + millis)
}

fn new(number: u8) -> New {
    New {
        id: DeviceId::from_bytes([number; 16]),
        token_hash: [number; 32],
        agent: "Browser".into(),
        address: "10.0.0.1".into(),
    }
}

/// As it is when nobody has set it otherwise.
const IDLE: i64 = 3 * 24 * 60 * 60 * 1000;
const LONGEST: i64 = 30 * 24 * 60 * 60 * 1000;
const PER_ACCOUNT: u32 = 20;

fn store() -> Store {
    let store = Store::new();
    for (id, name) in [(ALICE, "alice"), (BOB, "bob")] {
        store.job(|tx| people::create(tx, id, name, "hash", Rank::Member).map(|_| ())).unwrap();
    }
    store
}

fn begin(store: &Store, person: AccountId, number: u8, millis: i64) {
    store.job(|tx| insert(tx, person, &new(number), at(millis))).unwrap();
}

fn find(store: &Store, number: u8, millis: i64) -> Option<Found> {
    store.job(|tx| by_token(tx.view(), &[number; 32], at(millis))).unwrap()
}

#[test]
fn a_session_ends_when_it_is_not_used_and_in_any_case_at_last() {
    let store = store();
    begin(&store, ALICE, 1, 0);
    let found = find(&store, 1, 0).unwrap();
    assert_eq!((found.person, found.id, found.due), (ALICE, DeviceId::from_bytes([1; 16]), false));
    assert!(find(&store, 1, IDLE - 1).unwrap().due);
    assert_eq!(find(&store, 1, IDLE), None);
    let mut last = 0;
    while last + IDLE < LONGEST {
        last += IDLE - 1;
        assert!(find(&store, 1, last).is_some(), "after {last} ms");
        store.job(|tx| used(tx, found.id, at(last), FROM)).unwrap();
    }
    assert!(find(&store, 1, LONGEST - 1).is_some());
    assert_eq!(find(&store, 1, LONGEST), None);
    // A clock that was set back takes no use away.
    store.job(|tx| used(tx, found.id, at(0), FROM)).unwrap();
    assert!(find(&store, 1, LONGEST - 1).is_some());
    // The next sign-in of anybody removes it.
    begin(&store, BOB, 2, LONGEST);
    assert_eq!(store.count("browsers"), 1);
}

#[test]
fn one_session_too_many_ends_the_least_used_of_the_same_person() {
    let store = store();
    begin(&store, BOB, 0, 0);
    for number in 1..=PER_ACCOUNT as u8 {
        begin(&store, ALICE, number, i64::from(number));
    }
    // The first was used since, so the second goes.
    store.job(|tx| used(tx, DeviceId::from_bytes([1; 16]), at(1000), FROM)).unwrap();
    begin(&store, ALICE, 100, 2000);
    assert_eq!(store.count("browsers"), i64::from(PER_ACCOUNT) + 1);
    assert_eq!(find(&store, 2, 2000), None);
    for number in [0, 1, 3, PER_ACCOUNT as u8, 100] {
        assert!(find(&store, number, 2000).is_some(), "{number}");
    }
}

#[test]
fn what_is_kept_of_a_token_does_not_sign_in() {
    let store = store();
    begin(&store, ALICE, 1, 0);
    store.job(|tx| remove(tx, DeviceId::from_bytes([1; 16]))).unwrap();
    assert_eq!(find(&store, 1, 0), None);
    begin(&store, ALICE, 2, 0);
    remove_all(&store.db).unwrap();
    assert_eq!(find(&store, 2, 0), None);
}

fn token(store: &Store, number: u8, millis: i64) -> Option<Token> {
    find(store, number, millis).map(|found| found.token)
}

#[test]
fn a_token_is_replaced_while_it_is_used_and_the_one_before_is_good_for_a_minute() {
    let store = store();
    begin(&store, ALICE, 1, 0);
    let id = DeviceId::from_bytes([1; 16]);
    assert_eq!(token(&store, 1, ROTATED - 1), Some(Token::Current));
    assert_eq!(token(&store, 1, ROTATED), Some(Token::Old));
    let rotate = |old: u8, new: u8, millis| store.job(|tx| rotate(tx, id, &[old; 32], &[new; 32], at(millis))).unwrap();
    assert!(rotate(1, 2, ROTATED));
    assert!(!rotate(1, 3, ROTATED), "of two requests that come at once, one gets the new token");
    assert_eq!(token(&store, 3, ROTATED), None);
    assert_eq!(token(&store, 2, ROTATED), Some(Token::Current));
    show(&store, 2, ROTATED);
    assert_eq!(token(&store, 1, ROTATED + OVERLAP - 1), Some(Token::Before));
    assert_eq!(token(&store, 1, ROTATED + OVERLAP), Some(Token::Replayed));
    assert!(rotate(2, 4, 2 * ROTATED));
    show(&store, 4, 2 * ROTATED);
    assert_eq!(
        [1, 2, 4].map(|number| token(&store, number, 3 * ROTATED - 1)),
        [Some(Token::Replayed), Some(Token::Replayed), Some(Token::Current),]
    );
    let copied = find(&store, 1, 3 * ROTATED).unwrap();
    store.job(|tx| replayed(tx, copied, FROM)).unwrap();
    assert_eq!([1, 2, 4].map(|number| token(&store, number, 3 * ROTATED)), [None; 3]);
    assert_eq!((store.count("browsers"), store.count("spent_tokens"), store.count("audit")), (0, 0, 1));
}

/// A request with a token, as far as that is noted.
fn show(store: &Store, number: u8, millis: i64) -> Option<Token> {
    let found = find(store, number, millis)?;
    if found.first {
        store.job(|tx| arrived(tx, found.id, &[number; 32])).unwrap();
    }
    Some(found.token)
}

fn fresh(store: &Store) -> i64 {
    store.db.query_row("SELECT fresh FROM browsers", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_token_whose_successor_was_lost_stays_good_until_one_is_shown() {
    let store = store();
    begin(&store, ALICE, 1, 0);
    let id = DeviceId::from_bytes([1; 16]);
    let rotate = |old: u8, new: u8, millis| store.job(|tx| rotate(tx, id, &[old; 32], &[new; 32], at(millis))).unwrap();
    assert!(rotate(1, 2, ROTATED));
    // The second token never arrives: the first is good for days, not only for a moment.
    assert_eq!(show(&store, 1, ROTATED + OVERLAP - 1), Some(Token::Before));
    assert!(!rotate(1, 3, ROTATED + OVERLAP - 1), "not while it may be on its way");
    let later = ROTATED + IDLE / 2;
    assert_eq!(show(&store, 1, later), Some(Token::Unanswered));
    assert!(rotate(1, 3, later));
    assert!(!rotate(1, 4, later), "of two requests that come at once, one gets the new token");
    assert_eq!(show(&store, 1, later + 1), Some(Token::Before));
    assert_eq!(fresh(&store), 0, "who has the lost one is not known");
    // The third arrives. From then on the first has its moment and no more.
    assert_eq!(show(&store, 3, later + 2), Some(Token::Current));
    assert_eq!(show(&store, 1, later + OVERLAP - 1), Some(Token::Before));
    assert!(!rotate(1, 5, later + OVERLAP));
    assert_eq!([1, 2].map(|number| token(&store, number, later + OVERLAP)), [Some(Token::Replayed); 2]);
    assert_eq!(show(&store, 3, later + OVERLAP), Some(Token::Current));
}

#[test]
fn what_was_proved_counts_for_the_token_that_is_given_with_it() {
    let store = store();
    begin(&store, ALICE, 1, 0);
    let id = DeviceId::from_bytes([1; 16]);
    let confirm =
        |shown: u8, new: u8, millis| store.job(|tx| confirmed(tx, id, &[shown; 32], &[new; 32], at(millis))).unwrap();
    assert!(confirm(1, 2, 100));
    assert_eq!(fresh(&store), at(100).0);
    assert_eq!([1, 2].map(|number| token(&store, number, 100)), [Some(Token::Before), Some(Token::Current)]);
    // Its answer was lost: who comes with the one before may prove it again, and once more a moment after.
    assert!(confirm(1, 3, 200) && confirm(1, 4, 300));
    assert_eq!([1, 2, 3, 4].map(|number| token(&store, number, 300)), {
        let before = Some(Token::Before);
        [before, before, before, Some(Token::Current)]
    });
    // A copy of the first that waits for its moment to pass takes the session over, and is not fresh.
    store.job(|tx| rotate(tx, id, &[1; 32], &[5; 32], at(300 + OVERLAP))).unwrap();
    assert_eq!((fresh(&store), token(&store, 5, 300 + OVERLAP)), (0, Some(Token::Current)));
    store.job(|tx| remove(tx, id)).unwrap();
    assert!(!confirm(5, 6, 400));
}

#[test]
fn spent_tokens_of_a_session_are_bounded() {
    let store = store();
    begin(&store, ALICE, 1, 0);
    let id = DeviceId::from_bytes([1; 16]);
    let hash = |number: u32| {
        let mut hash = [1; 32];
        if number > 0 {
            hash[..4].copy_from_slice(&number.to_be_bytes());
        }
        hash
    };
    for number in 0..SPENT + 10 {
        let done = store.job(|tx| rotate(tx, id, &hash(number), &hash(number + 1), at(number.into()))).unwrap();
        assert!(done, "{number}");
    }
    assert_eq!(store.count("spent_tokens"), i64::from(SPENT));
}

#[test]
fn how_long_and_how_many_is_what_was_set() {
    let store = store();
    for (setting, number) in [(BROWSER_IDLE_HOURS, 1), (BROWSER_DAYS, 1), (BROWSERS_PER_ACCOUNT, 2)] {
        let by = (ALICE, By::HOST);
        let value = Some(thechatapp_protocol::settings::Value::Number(number));
        store.job(|tx| settings::set(tx, by, setting, value, 0)).unwrap();
    }
    const HOUR: i64 = 60 * 60 * 1000;
    begin(&store, ALICE, 1, 0);
    assert!(find(&store, 1, HOUR - 1).is_some() && find(&store, 1, HOUR).is_none());
    begin(&store, ALICE, 2, 1);
    begin(&store, ALICE, 3, 2);
    assert_eq!([1, 2, 3].map(|number| find(&store, number, 3).is_some()), [false, true, true]);
    for hour in 1..24 {
        let id = DeviceId::from_bytes([3; 16]);
        store.job(|tx| used(tx, id, at(hour * HOUR), FROM)).unwrap();
    }
    assert!(find(&store, 3, 24 * HOUR - 1).is_some() && find(&store, 3, 24 * HOUR + 2).is_none());
}

#[test]
fn signing_in_by_what_another_account_knows_makes_nobody_a_stranger() {
    use super::super::known;
    let store = store();
    let insert = |person, token: u8, before: Option<u8>| {
        let before = before.map(|before| [before; 32]);
        store.job(|tx| known::insert(tx, person, &[token; 32], before.as_ref(), at(0))).unwrap();
    };
    let knows = |person, token: u8| store.job(|tx| known::is(tx.view(), person, &[token; 32], at(0))).unwrap();
    insert(ALICE, 1, None);
    insert(BOB, 2, Some(1));
    assert!(knows(ALICE, 1) && knows(BOB, 2));
    insert(ALICE, 3, Some(1));
    assert!(!knows(ALICE, 1) && knows(ALICE, 3), "one's own is replaced");
}
