use super::super::tests::{ALICE, Store};
use super::super::{Tx, members, messages, people};
use super::*;
use thechatapp_protocol::event::ChannelRole;
use thechatapp_protocol::methods::drafts::PutDraftParams;

const BOB: AccountId = AccountId(uuid::Uuid::from_bytes([0xb0; 16]));

const CAROL: AccountId = AccountId(uuid::Uuid::from_bytes([0xc0; 16]));

/// A channel with Alice in it.
fn scene(rank: Rank) -> (Store, Channel) {
    let store = Store::new();
    for (id, name, rank) in [(ALICE, "alice", Rank::Owner), (BOB, "bob", rank), (CAROL, "carol", Rank::Member)] {
        store.job(|tx| people::create(tx, id, name, "x", rank)).unwrap();
    }
    let channel = store.channel(1);
    set(&store, channel, ALICE, true);
    (store, channel)
}

fn view(store: &Store) -> View<'_> {
    View { db: &store.db, keyring: &store.keyring }
}

fn set(store: &Store, channel: Channel, person: AccountId, joined: bool) -> u64 {
    store.job(|tx| members::set(tx, channel, person, joined)).unwrap().change
}

/// All rows of a plan of Bob's.
fn rows(store: &Store, after: u64, head: u64) -> (Plan, Vec<Row>) {
    let mut plan = plan(view(store), BOB, after, head).unwrap();
    let mut rows = Vec::new();
    while !plan.done() {
        rows.extend(plan.page(view(store)).unwrap().rows);
    }
    (plan, rows)
}

/// Bob's membership changes after a listener's head and before its plan is made: what then happens to the plan of a
/// device that knew of everything up to the last edit.
fn planned(before: bool, since: impl Fn(&mut Tx<'_>, Channel)) -> (bool, Vec<String>) {
    let (store, channel) = scene(Rank::Member);
    if before {
        set(&store, channel, BOB, true);
    }
    let place = store.send(channel, 1, None);
    let head = || messages::row(view(&store), channel.id, place).unwrap().change;
    let known = head();
    store.job(|tx| messages::edit(tx, channel, place, "edited")).unwrap();
    let head = head();
    store
        .job(|tx| {
            since(tx, channel);
            Ok(())
        })
        .unwrap();
    let (plan, rows) = rows(&store, known, head);
    // What became of it comes live, in its turn, and would be passed over as older than what came ahead.
    assert!(rows.iter().all(|row| !matches!(row, Row::Member(row) if row.person == BOB && row.change > head)));
    let texts = rows.into_iter().filter_map(|row| match row {
        Row::Message(message) => Some(message.text),
        _ => None,
    });
    (plan.channels.contains(&channel.id), texts.collect())
}

#[test]
fn a_membership_that_changes_while_one_begins_to_listen_hides_no_message_before_it() {
    let turn = |tx: &mut Tx<'_>, channel, joined| {
        members::set(tx, channel, BOB, joined).unwrap();
    };
    let edited = (true, vec!["edited".to_owned()]);
    assert_eq!(planned(true, |_, _| ()), edited);
    let moderates = |tx: &mut Tx<'_>, channel| {
        members::set_role(tx, channel, BOB, ChannelRole::Moderator).unwrap();
    };
    assert_eq!(planned(true, moderates), edited);
    let leaves_and_returns = |tx: &mut Tx<'_>, channel| [false, true].into_iter().for_each(|on| turn(tx, channel, on));
    assert_eq!(planned(true, leaves_and_returns), edited);
    assert_eq!(planned(false, |tx, channel| turn(tx, channel, true)), edited);
    assert_eq!(planned(true, |tx, channel| turn(tx, channel, false)), (false, Vec::new()));
}

#[test]
fn whoever_comes_back_to_a_channel_gets_how_far_they_read_what_they_typed_and_who_left_meanwhile() {
    let (store, channel) = scene(Rank::Member);
    for person in [BOB, CAROL] {
        set(&store, channel, person, true);
    }
    store.send(channel, 1, None);
    store.job(|tx| reads::mark(tx, BOB, channel, 1)).unwrap();
    let typed = PutDraftParams { channel: channel.id, thread: None, text: "typed".into(), base: 0, token: 1 };
    store.job(|tx| drafts::put(tx, channel, BOB, &typed)).unwrap();
    set(&store, channel, BOB, false);
    let seen = set(&store, channel, CAROL, false);
    let back = set(&store, channel, BOB, true);

    let told = |rows: &[Row]| {
        let read = rows.iter().any(|row| matches!(row, Row::Read(row) if row.seq == 1));
        let draft = rows.iter().any(|row| matches!(row, Row::Draft(row) if row.text == "typed"));
        let left = rows.iter().any(|row| matches!(row, Row::Member(row) if row.person == CAROL && !row.joined));
        let own = rows.iter().filter(|row| matches!(row, Row::Member(row) if row.person == BOB)).count();
        (read, draft, left, own)
    };
    assert_eq!(told(&rows(&store, seen, back).1), (true, true, true, 1));
    let live = snapshot(view(&store), BOB, channel.id).unwrap();
    assert_eq!(told(&live), (true, true, true, 0), "their own brought them here, and is maybe not the newest");
}

#[test]
fn a_device_that_begins_anew_hears_which_drafts_are_gone() {
    let (store, channel) = scene(Rank::Member);
    set(&store, channel, BOB, true);
    let put = |text: &str, base, token| {
        let typed = PutDraftParams { channel: channel.id, thread: None, text: text.into(), base, token };
        store.job(|tx| drafts::put(tx, channel, BOB, &typed)).unwrap().draft
    };
    put("typed on one", 0, 1);
    let gone = put("", 1, 2);
    let (_, rows) = rows(&store, 0, gone.change);
    let told = rows.iter().filter(|row| matches!(row, Row::Draft(row) if row.revision == 2 && row.text.is_empty()));
    assert_eq!(told.count(), 1, "it may have what was typed there, out of a file that outlives its cache");
}

#[test]
fn a_guest_is_told_who_somebody_is_that_came_while_they_began_to_listen() {
    let (store, channel) = scene(Rank::Guest);
    let head = set(&store, channel, BOB, true);
    let seen = |head| plan(view(&store), BOB, head, head).unwrap().sees.unwrap();
    assert_eq!(seen(head), [ALICE, BOB].into());
    let came = set(&store, channel, CAROL, true);
    assert_eq!(seen(head), [ALICE, BOB].into(), "she is told with her membership");
    assert_eq!(seen(came), [ALICE, BOB, CAROL].into());
}
