use super::super::tests::{ALICE, Store};
use super::super::{channels, edits, files, messages, people, saved};
use super::*;
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::methods::polls::CreatePollParams;
use thechatapp_protocol::methods::saved::ListSavedParams;
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::{FileId, MessageId};
use thechatapp_seal::Key;

const TABLES: [&str; 6] = ["messages", "edits", "channels", "saved", "poll_options", "files"];

fn view(store: &Store) -> View<'_> {
    View { db: &store.db, keyring: &store.keyring }
}

fn rotate(store: &Store) {
    let fresh = store.keyring.store_epoch(&store.db).unwrap();
    begin(&store.db, fresh.epoch()).unwrap();
    store.keyring.use_epoch(fresh);
}

fn step(store: &Store) -> Option<Progress> {
    let step = coming(view(store)).unwrap()?;
    store.job(|tx| take(tx, &step)).unwrap()
}

fn finish(store: &Store) -> u64 {
    let mut last = None;
    while let Some(progress) = step(store) {
        last = Some(progress);
    }
    assert_eq!(progress(&store.db).unwrap(), None);
    let last = last.unwrap();
    assert_eq!(last.left(), Some(0), "as many were done as were counted");
    last.done
}

/// The same database as another process would open it.
fn reopen(mut store: Store) -> Store {
    let top = store.keyring.top();
    store.keyring = Keyring::load(&store.db, store.keyring.workspace(), top).unwrap();
    store
}

struct Content {
    channel: channels::Channel,
    file: FileId,
    place: i64,
}

/// A workspace with something in every sealed column.
fn filled(store: &Store) -> Content {
    store.job(|tx| people::create(tx, ALICE, "alice", "x", Rank::Owner)).unwrap();
    let channel = store.channel(1);
    store.job(|tx| channels::set_topic(tx, channel, "a topic")).unwrap();
    for number in 0..250 {
        store.send(channel, number, None);
    }
    let place = channel.place(7);
    for text in ["second", "third"] {
        store.job(|tx| messages::edit(tx, channel, place, text)).unwrap();
    }
    store.job(|tx| saved::save(tx, channel, place, ALICE, Some("a note"))).unwrap();
    let poll = CreatePollParams {
        id: MessageId::from_bytes([251; 16]),
        channel: channel.id,
        question: "which".into(),
        options: vec!["one".into(), "two".into()],
        multiple: false,
    };
    let ready = messages::Ready::poll(&store.keyring, ALICE, poll).unwrap();
    store.job(|tx| messages::send(tx, channel, ready, None)).unwrap();
    let file = FileId::from_bytes([9; 16]);
    let row = |id| FileRow { id, name: "plan.txt".into(), media_type: "text/plain".into(), size: 5 };
    let limits = files::Limits { file: 10, person: 100, workspace: 100 };
    for id in [file, FileId::from_bytes([10; 16])] {
        store.job(|tx| files::begin(tx, channel, ALICE, limits, &row(id))).unwrap();
    }
    store.job(|tx| files::finish(tx, channel, &row(file), &Key::from_bytes([5; 32]))).unwrap();
    Content { channel, file, place }
}

fn all_opens(store: &Store, content: &Content, third: &str) {
    let (view, channel) = (view(store), content.channel);
    assert_eq!(channels::row(view, channel.id).unwrap().topic, "a topic");
    let page = messages::history(view, channel, None, Some(0), 500).unwrap();
    assert_eq!(page.messages.len(), 251);
    assert_eq!(page.messages.last().unwrap().poll.as_ref().unwrap().options, ["one", "two"]);
    let versions = edits::versions(view, channel, content.place, 0).unwrap().versions;
    let texts: Vec<_> = versions.iter().map(|version| version.text.as_str()).collect();
    assert_eq!(texts.first_chunk(), Some(&["text 6", "second"]));
    assert_eq!(texts.last(), Some(&third));
    let kept = saved::list(view, ALICE, &ListSavedParams { before: None, limit: 10 }).unwrap();
    assert_eq!(kept.saved[0].note, "a note");
    let (row, key) = files::open(view, channel, ALICE, content.file).unwrap();
    assert_eq!((row.name.as_str(), key.expose()), ("plan.txt", &[5; 32]));
}

fn of_other_epochs(store: &Store, epoch: i64) -> i64 {
    let mut count = store
        .db
        .query_row("SELECT count(*) FROM keys WHERE what = 'channel' AND epoch <> ?1", [epoch], |row| row.get(0))
        .unwrap();
    let sealed = ["body", "body", "topic", "note", "text", "info"];
    for (table, column) in TABLES.into_iter().zip(sealed) {
        let sql = format!("SELECT count(*) FROM {table} WHERE {column} IS NOT NULL AND epoch <> ?1");
        count += store.db.query_row(&sql, [epoch], |row| row.get::<_, i64>(0)).unwrap();
    }
    count
}

#[test]
fn everything_comes_under_the_newest_keys_and_the_older_ones_go() {
    let store = Store::new();
    let content = filled(&store);
    let before: Vec<u8> = store.db.query_row("SELECT body FROM messages LIMIT 1", [], |row| row.get(0)).unwrap();
    rotate(&store);
    all_opens(&store, &content, "third");
    // 251 messages, two former texts, a topic, a note, two options, two files.
    assert_eq!(finish(&store), 259);
    assert_eq!(of_other_epochs(&store, 1), 0);
    let after: Vec<u8> = store.db.query_row("SELECT body FROM messages LIMIT 1", [], |row| row.get(0)).unwrap();
    assert_ne!(before, after);
    all_opens(&store, &content, "third");
    let store = reopen(store);
    all_opens(&store, &content, "third");
    assert!(TABLES.iter().all(|table| store.count(table) > 0));
}

#[test]
fn it_goes_on_where_it_was_after_a_restart_and_begins_again_with_newer_keys() {
    let mut store = Store::new();
    let content = filled(&store);
    rotate(&store);
    step(&store);
    for _ in 0..2 {
        store = reopen(store);
        step(&store);
    }
    assert_eq!(progress(&store.db).unwrap().unwrap().done, 192, "two steps of messages, and no row twice");
    rotate(&store);
    all_opens(&store, &content, "third");
    store = reopen(store);
    assert_eq!(finish(&store), 259);
    assert_eq!(of_other_epochs(&store, 2), 0);
    all_opens(&store, &content, "third");
}

#[test]
fn what_changes_meanwhile_is_not_overwritten() {
    let store = Store::new();
    let content = filled(&store);
    rotate(&store);
    step(&store);
    let prepared = coming(view(&store)).unwrap().unwrap();
    store.job(|tx| messages::edit(tx, content.channel, content.place, "newer")).unwrap();
    store.job(|tx| messages::delete(tx, content.channel, content.channel.place(3))).unwrap();
    store.job(|tx| take(tx, &prepared)).unwrap();
    finish(&store);
    assert_eq!(of_other_epochs(&store, 1), 0);
    all_opens(&store, &content, "newer");
    let gone: Option<Vec<u8>> = store
        .db
        .query_row("SELECT body FROM messages WHERE place = ?1", [content.channel.place(3)], |row| row.get(0))
        .unwrap();
    assert_eq!(gone, None, "what was deleted does not come back");
}

#[test]
fn a_step_prepared_before_newer_keys_is_thrown_away() {
    let store = Store::new();
    let content = filled(&store);
    rotate(&store);
    step(&store);
    let prepared = coming(view(&store)).unwrap().unwrap();
    rotate(&store);
    store.job(|tx| take(tx, &prepared)).unwrap();
    finish(&store);
    all_opens(&reopen(store), &content, "third");
}

#[test]
fn nothing_is_sealed_before_the_keys_are_in_use() {
    let store = Store::new();
    let content = filled(&store);
    let fresh = store.keyring.store_epoch(&store.db).unwrap();
    begin(&store.db, fresh.epoch()).unwrap();
    // A reader may see the commit before this process uses its keys.
    let early: Vec<Step> = std::iter::repeat_with(|| coming(view(&store)).unwrap().unwrap()).take(3).collect();
    store.keyring.use_epoch(fresh);
    for step in early {
        store.job(|tx| take(tx, &step)).unwrap();
    }
    assert_eq!(finish(&store), 259);
    all_opens(&reopen(store), &content, "third");
}

#[test]
fn a_message_sealed_before_new_keys_and_written_after_them_lies_under_the_new() {
    let store = Store::new();
    let channel = store.channel(1);
    let id = MessageId::from_bytes([3; 16]);
    let ready = messages::Ready::new(&store.keyring, ALICE, channel.id, id, None, "late".into(), Vec::new()).unwrap();
    rotate(&store);
    finish(&store);
    let sent = store.job(|tx| messages::send(tx, channel, ready, None)).unwrap();
    assert_eq!(of_other_epochs(&store, 1), 0);
    let store = reopen(store);
    assert_eq!(messages::row(view(&store), channel.id, channel.place(sent.seq)).unwrap().text, "late");
}

#[test]
fn channels_made_after_a_rotation_are_of_its_epoch() {
    let store = Store::new();
    rotate(&store);
    finish(&store);
    let channel = store.channel(4);
    store.send(channel, 1, None);
    rotate(&store);
    finish(&store);
    let store = reopen(store);
    assert_eq!(messages::row(view(&store), channel.id, channel.place(1)).unwrap().text, "text 1");
    assert_eq!((store.keyring.channel_epoch(), of_other_epochs(&store, 2)), (2, 0));
}

#[test]
fn what_does_not_open_keeps_its_key_and_holds_nothing_else_up() {
    let store = Store::new();
    let content = filled(&store);
    // The text of one message in the middle, and all former texts.
    let place = content.channel.place(100);
    store.db.execute("UPDATE messages SET body = zeroblob(200) WHERE place = ?1", [place]).unwrap();
    store.db.execute("UPDATE edits SET body = x'00'", []).unwrap();
    rotate(&store);
    let stuck = (0..50).find_map(|_| {
        let step = coming(view(&store)).unwrap().unwrap();
        let unopened = step.unopened().cloned();
        store.job(|tx| take(tx, &step)).unwrap();
        unopened
    });
    let stuck = stuck.expect("it comes to an end");
    assert_eq!(stuck.count, 3);
    assert_eq!(stuck.first, format!("messages.body of row {place}/0 in channel {}", "01".repeat(16)));
    assert_eq!(of_other_epochs(&store, 1), 3 + 1, "those three, and the key that they are under");
    let old: i64 =
        store.db.query_row("SELECT count(*) FROM keys WHERE epoch = 0 AND what = 'channel'", [], |r| r.get(0)).unwrap();
    assert_eq!(old, 1);
    let store = reopen(store);
    let page = |from| messages::history(view(&store), content.channel, None, Some(from), 20);
    assert_eq!(page(100).unwrap().messages.len(), 20);
    assert!(matches!(page(90), Err(Fail::Seal(_))));

    // Whatever brings them back: they are sealed again, and the older key goes.
    store.db.execute("DELETE FROM edits", []).unwrap();
    store.db.execute("UPDATE messages SET body = NULL, deleted = 1 WHERE place = ?1", [place]).unwrap();
    while step(&store).is_some() {}
    assert_eq!(progress(&store.db).unwrap(), None);
    assert_eq!(of_other_epochs(&store, 1), 0);
}

mod of_the_workspace_key {
    use super::*;
    use std::time::{Duration, Instant};

    fn name(store: &Store) -> Result<String, Fail> {
        people::row(view(store), ALICE).map(|row| row.name)
    }

    #[test]
    fn everything_opens_under_the_next_one_and_nothing_under_the_former() {
        let store = Store::new();
        let content = filled(&store);
        let (former, next) = (store.keyring.top(), Key::random().unwrap());
        store.keyring.rewrap(&store.db, &next).unwrap();
        let workspace = store.keyring.workspace();
        assert!(matches!(
            Keyring::load(&store.db, workspace, former),
            Err(Fail::Seal(thechatapp_seal::Error::WrongKey))
        ));
        let mut store = store;
        store.keyring = Keyring::load(&store.db, workspace, next).unwrap();
        all_opens(&store, &content, "third");
        assert_eq!(name(&store).unwrap(), "alice");
    }

    #[test]
    fn readers_of_just_before_and_just_after_are_served() {
        let store = Store::new();
        filled(&store);
        let next = Key::random().unwrap();
        let old: Vec<u8> = store.db.query_row("SELECT name FROM people", [], |row| row.get(0)).unwrap();
        store.keyring.announce_top(&next);
        store.keyring.rewrap(&store.db, &next).unwrap();
        assert_eq!(name(&store).unwrap(), "alice", "committed, and not in use yet");
        let at = Instant::now();
        store.keyring.use_top(next.clone(), at);
        assert_eq!(name(&store).unwrap(), "alice");
        assert_eq!(store.keyring.open_name(ALICE, 0, &old).unwrap(), "alice", "a reader that began before");
        store.keyring.settle(at + Duration::from_secs(59));
        assert!(store.keyring.open_name(ALICE, 0, &old).is_ok());
        store.keyring.settle(at + Duration::from_secs(60));
        assert!(store.keyring.open_name(ALICE, 0, &old).is_err(), "the former key has left memory");
        assert_eq!(name(&store).unwrap(), "alice");
    }
}
