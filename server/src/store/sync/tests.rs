use super::super::tests::{ALICE, Store};
use super::super::{Tx, members, messages, people};
use super::*;
use thechatapp_protocol::event::ChannelRole;

const BOB: AccountId = AccountId(uuid::Uuid::from_bytes([0xb0; 16]));

/// Bob's membership changes after a listener's head and before its plan is made: what then happens to the plan of a
/// device that knew of everything up to the last edit.
fn planned(before: bool, since: impl Fn(&mut Tx<'_>, Channel)) -> (bool, Vec<String>) {
    let store = Store::new();
    for (id, name, rank) in [(ALICE, "alice", Rank::Owner), (BOB, "bob", Rank::Member)] {
        store.job(|tx| people::create(tx, id, name, "x", rank)).unwrap();
    }
    let channel = store.channel(1);
    store.job(|tx| members::set(tx, channel, ALICE, true)).unwrap();
    if before {
        store.job(|tx| members::set(tx, channel, BOB, true)).unwrap();
    }
    let place = store.send(channel, 1, None);
    let view = View { db: &store.db, keyring: &store.keyring };
    let head = || messages::row(view, channel.id, place).unwrap().change;
    let known = head();
    store.job(|tx| messages::edit(tx, channel, place, "edited")).unwrap();
    let head = head();
    store.job(|tx| Ok(since(tx, channel))).unwrap();
    let mut plan = plan(view, BOB, known, head).unwrap();
    let mut texts = Vec::new();
    while !plan.done() {
        texts.extend(plan.page(view).unwrap().rows.into_iter().filter_map(|row| match row {
            Row::Message(message) => Some(message.text),
            _ => None,
        }));
    }
    (plan.channels.contains(&channel.id), texts)
}

#[test]
fn a_membership_that_changes_while_one_begins_to_listen_hides_no_message_before_it() {
    let set = |tx: &mut Tx<'_>, channel, joined| {
        members::set(tx, channel, BOB, joined).unwrap();
    };
    let edited = (true, vec!["edited".to_owned()]);
    assert_eq!(planned(true, |_, _| ()), edited);
    let moderates = |tx: &mut Tx<'_>, channel| {
        members::set_role(tx, channel, BOB, ChannelRole::Moderator).unwrap();
    };
    assert_eq!(planned(true, moderates), edited);
    let leaves_and_returns = |tx: &mut Tx<'_>, channel| [false, true].into_iter().for_each(|on| set(tx, channel, on));
    assert_eq!(planned(true, leaves_and_returns), edited);
    assert_eq!(planned(false, |tx, channel| set(tx, channel, true)), edited);
    assert_eq!(planned(true, |tx, channel| set(tx, channel, false)), (false, Vec::new()));
}
