use super::*;

fn from(last: u8) -> Of {
    Of::Stranger(Network::of([192, 0, 2, last].into()))
}

fn account(number: u8) -> Of {
    Of::Account(AccountId::from_bytes([number; 16]))
}

fn all() -> Arc<Places<u32>> {
    Arc::default()
}

/// As many places as they get.
fn fill(all: &Arc<Places<u32>>, of: Of) -> Vec<Place<u32>> {
    std::iter::from_fn(|| all.enter(of, usize::MAX)).collect()
}

#[test]
fn one_network_gets_half_and_somebody_new_still_finds_a_place() {
    let all = all();
    let crowd = fill(&all, from(1));
    assert_eq!(crowd.len(), PLACES / 2);
    let second = fill(&all, from(2));
    assert_eq!(second.len(), PLACES / 4);
    let others: Vec<_> = (3..=52).map(|last| all.enter(from(last), usize::MAX).unwrap()).collect();
    assert!(all.enter(from(53), usize::MAX).is_none(), "all are taken");
    // Whom an account knows has places of their own.
    assert_eq!(fill(&all, account(1)).len(), PLACES / 2);
    drop(others);
    assert!(all.enter(from(53), usize::MAX).is_some());
    drop((crowd, second));
    assert_eq!(fill(&all, from(1)).len(), PLACES / 2, "what is given back is there again");
}

#[test]
fn addresses_of_one_network_share_its_places() {
    let all = all();
    let host = |last: u16| Of::Stranger(Network::of([0x2001, 0xdb8, 1, 2, 0, 0, 0, last].into()));
    let _half: Vec<_> = (0..100).map(|last| all.enter(host(last), usize::MAX).unwrap()).collect();
    assert!(all.enter(host(100), usize::MAX).is_none());
}

#[test]
fn nobody_holds_more_than_they_may() {
    let all = all();
    let invite = Of::Invite([1; 32]);
    let first = all.enter(invite, 1).unwrap();
    assert!(all.enter(invite, 1).is_none());
    let second = all.enter(invite, 2).unwrap();
    assert_eq!(second.held(), 2);
    drop(first);
    assert_eq!(second.held(), 1);
    drop(second);
    assert!(all.enter(invite, 1).is_some());
}

#[test]
fn turns_go_round_however_much_of_somebodys_waits() {
    let all = all();
    let (crowd, quiet, known) = (fill(&all, from(1)), fill(&all, from(2)), fill(&all, account(1)));
    for (place, number) in crowd.iter().zip(100..150) {
        assert!(place.put(number));
    }
    assert!(quiet[0].put(1) && quiet[0].put(2) && known[0].put(3));
    let mut order: Vec<_> = (0..6).map(|_| all.next().unwrap()).collect();
    // Which side begins is all the same.
    order.retain(|number| *number != 3);
    assert_eq!(order, [100, 1, 101, 2, 102]);
}

#[test]
fn those_whom_an_account_knows_have_every_other_turn_and_strangers_too() {
    let all = all();
    let strangers: Vec<_> = (0..100).map(|last| all.enter(from(last), 1).unwrap()).collect();
    let known: Vec<_> = (0..100).map(|number| all.enter(account(number), 1).unwrap()).collect();
    for (stranger, known) in strangers.iter().zip(&known) {
        assert!(stranger.put(1) && known.put(2));
    }
    let order: Vec<_> = (0..200).map(|_| all.next().unwrap()).collect();
    assert!(order.windows(2).all(|two| two[0] != two[1]));
}

#[test]
fn what_waits_when_it_closes_is_dropped_and_whoever_waits_for_work_goes() {
    let all = all();
    let place = all.enter(from(1), usize::MAX).unwrap();
    let worker = std::thread::spawn({
        let all = all.clone();
        move || (all.next(), all.next())
    });
    assert!(place.put(7));
    // The first is taken, then it closes, with or without the second wait begun.
    while all.lock().sides[1].waiting.contains_key(&from(1)) {
        std::thread::yield_now();
    }
    all.close();
    assert_eq!(worker.join().unwrap(), (Some(7), None));
    assert!(!place.put(8));
}
