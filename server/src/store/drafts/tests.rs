use super::super::messages::{self, Ready};
use super::super::tests::{ALICE, Store};
use super::super::{channels, members, people};
use super::*;
use thechatapp_protocol::permission::Rank;

fn scene() -> (Store, Channel) {
    let store = Store::new();
    store.job(|tx| people::create(tx, ALICE, "alice", "x", Rank::Owner)).unwrap();
    let channel = store.channel(1);
    store.job(|tx| members::set(tx, channel, ALICE, true)).unwrap();
    (store, channel)
}

fn params(channel: Channel, text: &str, base: u64, token: u32) -> PutDraftParams {
    PutDraftParams { channel: channel.id, thread: None, text: text.into(), base, token }
}

fn say(store: &Store, channel: Channel, number: u8, thread: Option<MessageId>, text: &str) -> MessageId {
    let id = MessageId::from_bytes([number; 16]);
    let ready = Ready::new(&store.keyring, ALICE, channel.id, id, thread, text.into(), Vec::new()).unwrap();
    store.job(|tx| messages::send(tx, channel, ready, None)).unwrap();
    id
}

#[test]
fn a_text_is_taken_on_top_of_the_newest_only_and_the_same_one_twice_is_once() {
    let (store, channel) = scene();
    let says = |text: &str, base, token| {
        let done = store.job(|tx| put(tx, channel, ALICE, &params(channel, text, base, token))).unwrap();
        (done.accepted, done.draft.text, done.draft.revision)
    };
    assert_eq!(says("ab", 0, 1), (true, "ab".into(), 1));
    assert_eq!(says("ab", 0, 1), (true, "ab".into(), 1), "its answer was lost");
    assert_eq!(says("xy", 0, 2), (false, "ab".into(), 1));
    assert_eq!(says("", 1, 3), (true, String::new(), 2));
    assert_eq!(says("ab", 1, 4), (false, String::new(), 2), "a deleted draft does not return");
    for made_up in [1 << 40, u64::MAX >> 1, u64::MAX] {
        let put = store.job(|tx| put(tx, channel, ALICE, &params(channel, "x", made_up, 9)));
        assert!(matches!(put, Err(Fail::Refused(_))), "{made_up}");
    }
    // The first one's token is known a while longer: it landed, whatever came after.
    assert_eq!(says("ab", 0, 1), (true, String::new(), 2));
    for token in 10..90 {
        says(&token.to_string(), u64::from(token) - 8, token);
    }
    let row = find(view(&store), ALICE, channel.id, None).unwrap().unwrap().row;
    assert_eq!((row.tokens, row.text.as_str()), ((26..90).collect::<Vec<_>>(), "89"));
}

#[test]
fn what_is_sent_is_no_draft_any_longer_and_what_was_typed_besides_is() {
    let (store, channel) = scene();
    let text = |thread| find(view(&store), ALICE, channel.id, thread).unwrap().map(|kept| kept.row.text);
    let root = say(&store, channel, 1, None, "a question");
    let mut ask = params(channel, "to all ", 0, 1);
    store.job(|tx| put(tx, channel, ALICE, &ask)).unwrap();
    (ask.thread, ask.text) = (Some(root), "an answer".into());
    store.job(|tx| put(tx, channel, ALICE, &ask)).unwrap();
    say(&store, channel, 2, None, "something else");
    assert_eq!((text(None), text(Some(root))), (Some("to all ".into()), Some("an answer".into())));
    say(&store, channel, 3, Some(root), "an answer");
    assert_eq!((text(None), text(Some(root))), (Some("to all ".into()), Some(String::new())));
    say(&store, channel, 4, None, "to all");
    assert_eq!(text(None), Some(String::new()));
    // A thread that is none has no draft, and neither has one of another channel.
    let other = store.channel(2);
    ask.thread = Some(MessageId::from_bytes([3; 16]));
    assert!(matches!(store.job(|tx| put(tx, channel, ALICE, &ask)), Err(Fail::Refused(_))));
    ask.thread = Some(root);
    assert!(matches!(store.job(|tx| put(tx, other, ALICE, &ask)), Err(Fail::Refused(_))));
}

#[test]
fn a_draft_opens_in_its_own_row_only() {
    let (store, channel) = scene();
    let other = store.channel(2);
    store.job(|tx| put(tx, channel, ALICE, &params(channel, "one", 0, 1))).unwrap();
    store.job(|tx| put(tx, other, ALICE, &params(other, "two", 0, 1))).unwrap();
    store.db.execute("UPDATE drafts SET text = (SELECT text FROM drafts WHERE number = 2)", []).unwrap();
    assert!(matches!(row(view(&store), ALICE, 1), Err(Fail::Seal(_))));
    assert_eq!(row(view(&store), ALICE, 2).unwrap().unwrap().text, "two");
    let bob = AccountId::from_bytes([2; 16]);
    assert_eq!(row(view(&store), bob, 2).unwrap(), None);
    assert!(channels::row(view(&store), channel.id).is_ok());
}

fn view(store: &Store) -> View<'_> {
    View { db: &store.db, keyring: &store.keyring }
}

#[test]
fn of_drafts_that_are_gone_so_many_are_remembered_and_none_of_an_account_that_ended() {
    let (store, channel) = scene();
    store.job(|tx| put(tx, channel, ALICE, &params(channel, "kept", 0, 1))).unwrap();
    for number in 0..GONE_MAX + 20 {
        let sql = "INSERT INTO drafts (number, person, channel, thread, revision, tokens, change) VALUES (?1, ?2, ?3, ?4, 2, x'', ?1)";
        let thread = [&[7; 8][..], &number.to_be_bytes()].concat();
        store.db.execute(sql, (number + 10, ALICE.as_bytes(), channel.id.as_bytes(), thread)).unwrap();
    }
    let other = store.channel(2);
    store.job(|tx| put(tx, other, ALICE, &params(other, "another", 0, 1))).unwrap();
    assert_eq!(store.count("drafts"), GONE_MAX + 2);
    assert!(find(view(&store), ALICE, channel.id, None).unwrap().is_some());
    store.job(|tx| forget(tx, ALICE)).unwrap();
    assert_eq!(store.count("drafts"), 0);
}
