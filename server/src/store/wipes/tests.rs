use super::super::messages::Ready;
use super::super::tests::{ALICE, Store};
use super::super::{drafts, edits, pins, polls, reactions, reads, reseal, roles, saved, threads};
use super::*;
use crate::store::audit::By;
use thechatapp_protocol::event::{FileRow, Visibility};
use thechatapp_protocol::methods::drafts::PutDraftParams;
use thechatapp_protocol::methods::groups::GroupParams;
use thechatapp_protocol::methods::messages::SearchParams;
use thechatapp_protocol::methods::polls::CreatePollParams;
use thechatapp_protocol::methods::roles::{Grant, Holder, Role};
use thechatapp_protocol::permission::{Power, Powers};
use thechatapp_protocol::{FileId, GroupId, MessageId, ReportId, RoleId};
use thechatapp_seal::Key;

const BOB: AccountId = AccountId(uuid::Uuid::from_bytes([0xb2; 16]));

/// What each table keeps of a channel or a person. A new table belongs here, and what it keeps has to be wiped.
const TABLES: [&str; 42] = [
    "audit",
    "audit_checkpoints",
    "audit_cursors",
    "blocks",
    "browsers",
    "channel_bans",
    "channels",
    "devices",
    "documents",
    "drafts",
    "edits",
    "files",
    "found",
    "grants",
    "group_channels",
    "group_managers",
    "group_members",
    "group_people",
    "groups",
    "invites",
    "keys",
    "known_browsers",
    "lockouts",
    "members",
    "messages",
    "people",
    "poll_options",
    "polls",
    "reactions",
    "reads",
    "recovery_codes",
    "reports",
    "resealing",
    "resets",
    "roles",
    "saved",
    "scoped_powers",
    "settings",
    "spent_tokens",
    "totp",
    "unindexed",
    "votes",
];

fn view(store: &Store) -> View<'_> {
    View { db: &store.db, keyring: &store.keyring }
}

fn index(store: &Store) {
    while store.count("unindexed") > 0 {
        store.job(|tx| search::take(tx, &search::coming(tx.view(), -1)?)).unwrap();
    }
}

fn say(store: &Store, channel: Channel, author: AccountId, number: u8, text: &str, files: Vec<FileId>) -> i64 {
    let id = MessageId::from_bytes([number; 16]);
    let ready = Ready::new(&store.keyring, author, channel.id, id, None, text.into(), files).unwrap();
    channel.place(store.job(|tx| messages::send(tx, channel, ready, None)).unwrap().seq)
}

fn upload(store: &Store, channel: Channel, person: AccountId, number: u8) -> FileId {
    let id = FileId::from_bytes([number; 16]);
    let row = FileRow { id, name: "plan.txt".into(), media_type: "text/plain".into(), size: 5 };
    let limits = files::Limits { file: 10, person: 100, workspace: 100 };
    store.job(|tx| files::begin(tx, channel, person, limits, &row)).unwrap();
    store.job(|tx| files::finish(tx, channel, &row, &Key::from_bytes([5; 32]))).unwrap();
    id
}

/// Alice and Bob talk in two channels, with everything that can belong to a message, of each about the other's.
fn scene() -> (Store, Channel, Channel) {
    let store = Store::new();
    store.job(|tx| people::create(tx, ALICE, "alice", "x", Rank::Owner)).unwrap();
    store.job(|tx| people::create(tx, BOB, "bob", "x", Rank::Member)).unwrap();
    let (first, second) = (store.channel(1), store.channel(2));
    for (number, channel) in [(10, first), (60, second)] {
        store.job(|tx| channels::set_topic(tx, channel, "a topic")).unwrap();
        for (at, author, other) in [(number, ALICE, BOB), (number + 20, BOB, ALICE)] {
            store.job(|tx| members::set(tx, channel, author, true)).unwrap();
            let file = upload(&store, channel, author, at);
            upload(&store, channel, author, at + 1);
            let place = say(&store, channel, author, at, &format!("vexku{at} lives"), vec![file]);
            store.job(|tx| messages::edit(tx, channel, place, &format!("kuqo{at} lives"))).unwrap();
            store.job(|tx| saved::save(tx, channel, place, other, Some("a note"))).unwrap();
            store.job(|tx| reactions::react(tx, channel, place, other, "+1", true)).unwrap();
            store.job(|tx| pins::pin(tx, channel, place, other)).unwrap();
            let params = CreatePollParams {
                id: MessageId::from_bytes([at + 2; 16]),
                channel: channel.id,
                question: "when".into(),
                options: vec!["now".into(), "later".into()],
                multiple: false,
            };
            let ready = Ready::poll(&store.keyring, author, params).unwrap();
            let seq = store.job(|tx| messages::send(tx, channel, ready, None)).unwrap().seq;
            store.job(|tx| polls::vote(tx, channel, channel.place(seq), other, &[1])).unwrap();
            store.job(|tx| reads::mark(tx, other, channel, seq)).unwrap();
            let (channel_id, text) = (channel.id, "half a thought".to_owned());
            let params = PutDraftParams { channel: channel_id, thread: None, text, base: 0, token: 1 };
            store.job(|tx| drafts::put(tx, channel, other, &params)).unwrap();
            let id = MessageId::from_bytes([at + 3; 16]);
            let root = Some(MessageId::from_bytes([at; 16]));
            let ready = Ready::new(&store.keyring, other, channel.id, id, root, "answer".into(), Vec::new()).unwrap();
            store.job(|tx| messages::send(tx, channel, ready, None)).unwrap();
        }
    }
    for (number, channel, by, at) in [(1, first, ALICE, 30), (2, second, ALICE, 80), (3, first, BOB, 10)] {
        let by = (by, By::HOST);
        let place = messages::find(view(&store), channel, MessageId::from_bytes([at; 16])).unwrap().unwrap().0;
        let about = reports::About::Message(channel, place);
        store.job(|tx| reports::file(tx, by, ReportId::from_bytes([number; 16]), about, "rude")).unwrap();
    }
    for (person, other) in [(ALICE, BOB), (BOB, ALICE)] {
        store.job(|tx| blocks::set(tx, person, other, true)).unwrap();
    }
    index(&store);
    let at = Timestamp(1_795_000_000_000);
    for (who, from) in [
        (lockouts::Who::Known { person: BOB, what: &[1; 16] }, [127, 0, 0, 1]),
        (lockouts::Who::Stranger { folded: "bob", person: Some(BOB), from: [127, 0, 0, 1].into() }, [127, 0, 0, 1]),
    ] {
        store.job(|tx| lockouts::count(tx, &who, from.into(), By::SERVER, at)).unwrap();
    }
    store.job(|tx| factors::begin(tx, BOB, &[7; 20])).unwrap();
    store.job(|tx| factors::set_recovery(tx, BOB, &["a code".into()])).unwrap();
    store.job(|tx| resets::issue(tx, BOB, "a code", at)).unwrap();
    store.job(|tx| known::insert(tx, BOB, &[8; 32], None, at)).unwrap();
    let invite = invites::Gives { person: Some(BOB), ..Default::default() };
    store.job(|tx| invites::insert(tx.db, "a code", &invite, 1, at)).unwrap();
    store
        .db
        .execute(
            "INSERT INTO devices (id, person, static_key, signing_key, name, platform, enrolled, last_seen, revoked, fresh,
                address)
             VALUES (?1, ?2, x'01', x'02', x'03', 'linux', 0, NULL, 0, 0, '127.0.0.1')",
            ([1; 16], BOB.as_bytes()),
        )
        .unwrap();
    store
        .db
        .execute(
            "INSERT INTO browsers VALUES (?1, ?2, x'04', 'a browser', '127.0.0.1', 0, 0, 0, 0, NULL)",
            ([2; 16], BOB.as_bytes()),
        )
        .unwrap();
    store.db.execute("INSERT INTO spent_tokens VALUES (x'05', ?1, 0)", [[2; 16]]).unwrap();
    (store, first, second)
}

/// All that a wipe does in the database.
fn finish(store: &Store) {
    for subject in under_way(view(store)).unwrap() {
        match subject {
            Subject::Channel(channel) => {
                store.keyring.forget_channel(channel.id);
                while store.job(|tx| channel_step(tx, channel)).unwrap() > 0 {}
                store.db.execute("UPDATE files SET state = 3 WHERE state = 2", []).unwrap();
                store.job(|tx| files::forget(tx, channel.id)).unwrap();
            }
            Subject::Person(person) => {
                for trace in TRACES {
                    let mut after = i64::MIN;
                    loop {
                        let some = places(view(store), person, trace, after).unwrap();
                        let Some(last) = some.last() else { break };
                        after = *last;
                        store.job(|tx| person_step(tx, person, trace, &some)).unwrap();
                    }
                }
            }
        }
        store.job(|tx| end(tx, subject)).unwrap();
    }
    let mut first = true;
    while store.job(|tx| search::tidy(tx, first)).unwrap() {
        first = false;
    }
}

fn has(store: &Store, sql: &str, value: &[u8]) -> i64 {
    store.db.query_row(&format!("SELECT count(*) FROM {sql}"), [value], |row| row.get(0)).unwrap()
}

/// How often a word's token stands in the index's own tables.
fn in_index(store: &Store, word: &str) -> usize {
    let token = data_encoding::BASE32_NOPAD.encode(&store.keyring.token("word", word.as_bytes())).to_lowercase();
    // Terms that follow each other share their beginnings there, so only an end of one is looked for.
    let end = &token.as_bytes()[token.len() - 8..];
    let mut rows = store.db.prepare("SELECT block FROM search_data").unwrap();
    let rows = rows.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    rows.map(|block| block.unwrap().windows(end.len()).filter(|part| part == &end).count()).sum()
}

fn texts(store: &Store, channel: Channel) -> Vec<String> {
    let page = messages::history(view(store), channel, None, Some(0), 500).unwrap();
    page.messages.into_iter().map(|message| message.text).collect()
}

fn found(store: &Store, words: &str, asker: AccountId) -> usize {
    let params = SearchParams { words: words.into(), ..SearchParams::default() };
    search::find(view(store), asker, None, &params).unwrap().messages.len()
}

#[test]
fn every_table_is_one_that_wipes_know_of() {
    let store = Store::new();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'search%' AND name <> 'wiping' ORDER BY name";
    let mut names = store.db.prepare(sql).unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(names, TABLES);
}

#[test]
fn of_a_wiped_channel_two_rows_without_a_name_stay_and_of_its_neighbour_everything() {
    let (store, first, second) = scene();
    assert!(in_index(&store, "kuqo10") > 0 && found(&store, "kuqo10", BOB) == 1);
    let before = texts(&store, second);
    say(&store, first, ALICE, 200, "the index lacks it still", Vec::new());
    assert_eq!((store.count("unindexed"), store.job(|tx| begin_channel(tx, first)).unwrap()), (1, 4));
    assert_eq!(store.count("unindexed"), 0);
    store.keyring.forget_channel(first.id);
    // Nothing that is still there is met by anybody.
    assert_eq!(found(&store, "lives", BOB), 2);
    assert_eq!(saved::list(view(&store), BOB, &Default::default()).unwrap().saved.len(), 1);
    assert!(search::coming(view(&store), -1).unwrap().is_empty());
    assert!(channels::public_named(view(&store), "c1").unwrap().is_none());
    assert!(matches!(messages::history(view(&store), first, None, None, 9), Err(Fail::Refused(_))));
    finish(&store);

    let places = (first.place(0), first.last_place());
    for table in
        ["messages", "reactions", "edits", "saved", "votes", "polls", "poll_options", "found", "unindexed", "files"]
    {
        let sql = format!("SELECT count(*) FROM {table} WHERE place BETWEEN ?1 AND ?2");
        let left: i64 = store.db.query_row(&sql, places, |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "{table}");
    }
    let id = first.id.as_bytes();
    for sql in [
        "files WHERE channel = ?1",
        "reads WHERE channel = ?1",
        "drafts WHERE channel = ?1",
        "keys WHERE id = ?1",
        "wiping WHERE id = ?1",
    ] {
        assert_eq!(has(&store, sql, id), 0, "{sql}");
    }
    let row = channels::row(view(&store), first.id).unwrap();
    assert_eq!((row.name.as_str(), row.topic.as_str(), row.kind, row.head), ("", "", ChannelKind::Private, 0));
    assert!(members::of(view(&store), first.id).unwrap().is_empty());
    assert_eq!([in_index(&store, "kuqo10"), in_index(&store, "vexku10")], [0, 0]);
    // The neighbour is as it was.
    assert_eq!(texts(&store, second), before);
    assert_eq!(found(&store, "kuqo60", BOB), 1);
    assert!(in_index(&store, "kuqo60") > 0);
    // New keys are made for channels that are there.
    let fresh = store.keyring.store_epoch(&store.db).unwrap();
    store.keyring.use_epoch(fresh);
    assert_eq!(
        (has(&store, "keys WHERE id = ?1", id), has(&store, "keys WHERE id = ?1", second.id.as_bytes())),
        (0, 2)
    );
}

#[test]
fn of_a_wiped_person_an_id_and_tombstones_stay_and_what_others_wrote() {
    let (store, first, second) = scene();
    let alone = store.job(|tx| channels::direct(tx, ChannelId::from_bytes([9; 16]), &[BOB], None)).unwrap();
    let both = store.job(|tx| channels::direct(tx, ChannelId::from_bytes([8; 16]), &[ALICE, BOB], None)).unwrap();
    say(&store, alone, BOB, 100, "to myself", Vec::new());
    index(&store);
    assert_eq!(store.job(|tx| begin_person(tx, BOB)).unwrap(), 4);
    finish(&store);
    let bob = BOB.as_bytes();
    for sql in [
        "devices WHERE person = ?1",
        "browsers WHERE person = ?1",
        "reports WHERE by = ?1 OR about = ?1",
        "blocks WHERE person = ?1 OR blocked = ?1",
        "lockouts WHERE person = ?1",
        "known_browsers WHERE person = ?1",
        "resets WHERE person = ?1",
        "totp WHERE person = ?1",
        "recovery_codes WHERE person = ?1",
        "invites WHERE person = ?1",
        "saved WHERE person = ?1",
        "reads WHERE person = ?1",
        "drafts WHERE person = ?1",
        "files WHERE person = ?1 AND (info IS NOT NULL OR key IS NOT NULL OR state < 2)",
        "reactions WHERE person = ?1",
        "votes WHERE person = ?1",
        "edits WHERE by = ?1",
        "wiping WHERE id = ?1",
        "messages WHERE author = ?1 AND (deleted = 0 OR body IS NOT NULL OR digest <> zeroblob(32))",
        "people WHERE id = ?1 AND (active OR powers <> 0 OR password IS NOT NULL)",
    ] {
        assert_eq!(has(&store, sql, bob), 0, "{sql}");
    }
    assert_eq!(store.count("spent_tokens"), 0);
    // What is left is counted for an address and for everybody.
    assert_eq!(store.count("lockouts"), 2);
    assert_eq!(has(&store, "lockouts WHERE kind < 2 AND ?1 IS NOT NULL", bob), 0);
    assert_eq!(people::row(view(&store), BOB).unwrap().name, NOBODY);
    assert!(people::account(view(&store), "bob").unwrap().is_none());
    assert_eq!(has(&store, "keys WHERE id = ?1", alone.id.as_bytes()), 0, "nobody else was ever in it");
    assert_eq!(has(&store, "keys WHERE id = ?1", both.id.as_bytes()), 1);
    let member = |channel: Channel| members::is(view(&store), channel.id, BOB).unwrap();
    assert_eq!([first, second, both].map(member), [false, false, true]);
    for channel in [first, second] {
        let page = messages::history(view(&store), channel, None, Some(0), 50).unwrap().messages;
        for message in &page {
            assert_eq!(message.deleted, message.author == BOB);
            assert!(message.reactions.is_empty());
            assert!(message.poll.as_ref().is_none_or(|poll| poll.votes.is_empty()));
        }
        assert_eq!(page.iter().filter(|message| message.deleted).count(), 3);
        let mine = page.iter().find(|message| message.text.starts_with("kuqo")).unwrap();
        assert_eq!((mine.files.len(), mine.replies, mine.pinned.unwrap().by), (1, 0, BOB));
        let root = channel.place(mine.seq);
        assert_eq!(edits::versions(view(&store), channel, root, 0).unwrap().versions.len(), 2);
        assert!(threads::root(view(&store), channel, mine.id).is_ok());
    }
    assert_eq!(in_index(&store, "kuqo30"), 0);
    assert_eq!(found(&store, "lives", ALICE), 2);
    assert!(has_owner(view(&store)).unwrap());
    // Somebody else may go by the name now.
    store.job(|tx| people::create(tx, AccountId::from_bytes([3; 16]), "Bob", "x", Rank::Member)).unwrap();
}

#[test]
fn keys_that_are_replaced_meanwhile_wait_for_the_wipe_and_then_come_to_their_end() {
    let (store, first, second) = scene();
    let fresh = store.keyring.store_epoch(&store.db).unwrap();
    reseal::begin(&store.db, fresh.epoch()).unwrap();
    store.keyring.use_epoch(fresh);
    let step = || {
        let step = reseal::coming(view(&store)).unwrap()?;
        store.job(|tx| reseal::take(tx, &step)).unwrap()
    };
    let begun = step().unwrap();
    store.job(|tx| begin_channel(tx, first)).unwrap();
    store.keyring.forget_channel(first.id);
    assert_eq!(step(), Some(begun), "what lies under no key is not met");
    finish(&store);
    while step().is_some() {}
    let left = "keys WHERE what = 'channel' AND epoch = 0 AND ?1 IS NOT NULL";
    assert_eq!((has(&store, left, &[]), texts(&store, second).len()), (0, 6));
}

#[test]
fn history_that_is_imported_again_brings_no_wiped_person_back() {
    let store = Store::new();
    let channel = store.channel(1);
    let (nick, made) = store.job(|tx| people::imported(tx, "ana")).unwrap();
    assert!(made);
    let ready = || {
        let id = MessageId::from_bytes([1; 16]);
        vec![(Timestamp(5), Ready::new(&store.keyring, nick, channel.id, id, None, "old".into(), Vec::new()).unwrap())]
    };
    assert_eq!(store.job(|tx| messages::import(tx, channel, &ready())).unwrap(), 1);
    let named = person_named(view(&store), "@Ana").unwrap();
    store.job(|tx| begin_person(tx, named)).unwrap();
    finish(&store);
    assert_eq!(store.job(|tx| people::imported(tx, "ana")).unwrap(), (nick, false));
    assert_eq!(store.job(|tx| messages::import(tx, channel, &ready())).unwrap(), 0);
    assert_eq!(texts(&store, channel), [""]);
    assert_eq!(people::row(view(&store), nick).unwrap().name, NOBODY);
    // What is being imported when its channel is wiped comes too late.
    store.job(|tx| begin_channel(tx, channel)).unwrap();
    assert!(matches!(store.job(|tx| messages::import(tx, channel, &[])), Err(Fail::Refused(_))));
}

#[test]
fn a_row_of_the_index_goes_only_where_no_other_is_looked_for_behind_it() {
    let store = Store::new();
    store.job(|tx| people::create(tx, ALICE, "alice", "x", Rank::Owner)).unwrap();
    let (first, second) = (store.channel(1), store.channel(2));
    let mut places = Vec::new();
    for channel in [first, second] {
        let id = MessageId::from_bytes([channel.number as u8; 16]);
        let ready = Ready::new(&store.keyring, ALICE, channel.id, id, None, "same".into(), Vec::new()).unwrap();
        // One moment, and one place below what a rowid takes of it: both want the same row.
        store.job(|tx| messages::import(tx, channel, &[(Timestamp(7), ready.clone())])).unwrap();
        places.push(channel.place(1));
        index(&store);
    }
    store.job(|tx| begin_channel(tx, first)).unwrap();
    finish(&store);
    assert_eq!(found(&store, "same", ALICE), 1);
    assert_eq!(has(&store, "found WHERE place = CAST(?1 AS INTEGER)", places[0].to_string().as_bytes()), 0);
    store.job(|tx| messages::edit(tx, second, places[1], "other")).unwrap();
    index(&store);
    assert_eq!((found(&store, "same", ALICE), found(&store, "other", ALICE)), (0, 1));
}

#[test]
fn a_channel_that_everybody_is_in_is_made_anew() {
    let store = Store::new();
    let id = ChannelId::from_bytes([7; 16]);
    let general = store.job(|tx| channels::create(tx, id, "general", ChannelKind::Public, None, true)).unwrap();
    store.job(|tx| people::create(tx, ALICE, "alice", "x", Rank::Owner)).unwrap();
    say(&store, general, ALICE, 1, "hello", Vec::new());
    let named = channel_named(view(&store), "#General").unwrap();
    store.job(|tx| begin_channel(tx, named)).unwrap();
    finish(&store);
    let fresh = channel_named(view(&store), "general").unwrap();
    assert!(fresh.id != id && members::is(view(&store), fresh.id, ALICE).unwrap());
    assert_eq!(channels::for_everybody(view(&store)).unwrap(), [fresh]);
    assert!(texts(&store, fresh).is_empty());
    say(&store, fresh, ALICE, 2, "again", Vec::new());
}

#[test]
fn a_wiped_person_is_in_no_group_and_has_no_role_and_a_wiped_channel_follows_none() {
    let (store, first, second) = scene();
    let (id, role) = (GroupId::from_bytes([8; 16]), RoleId::from_bytes([9; 16]));
    let group = GroupParams { id, slug: "g".into(), name: "g".into(), visibility: Visibility::Hidden };
    store.job(|tx| groups::create(tx, &group)).unwrap();
    for who in [ALICE, BOB] {
        store.job(|tx| groups::add(tx, id, Holder::Person(who))).unwrap();
        store.job(|tx| groups::set_manager(tx, id, who, true)).unwrap();
    }
    let powers = Powers::NONE.with(Power::Audit);
    store.job(|tx| roles::create(tx, &Role { id: role, name: "r".into(), powers })).unwrap();
    for (to, within) in [(Holder::Person(BOB), None), (Holder::Group(id), None), (Holder::Person(BOB), Some(id))] {
        store.job(|tx| roles::set(tx, &Grant { role, to, within }, true)).unwrap();
    }
    for channel in [first, second] {
        store.job(|tx| groups::link(tx, id, channel.id)).unwrap();
    }
    assert_eq!(rights::row(view(&store), BOB).unwrap().powers, powers);
    store.job(|tx| begin_channel(tx, first)).unwrap();
    store.job(|tx| begin_person(tx, BOB)).unwrap();
    finish(&store);
    for table in [
        "group_members WHERE member = ?1",
        "group_managers WHERE person = ?1",
        "group_people WHERE person = ?1",
        "grants WHERE holder = ?1",
        "scoped_powers WHERE person = ?1",
        "members WHERE joined AND person = ?1",
        "people WHERE powers <> 0 AND id = ?1",
    ] {
        assert_eq!(has(&store, table, BOB.as_bytes()), 0, "{table}");
    }
    assert_eq!(has(&store, "group_channels WHERE channel = ?1", first.id.as_bytes()), 0);
    assert_eq!(has(&store, "group_people WHERE person = ?1 AND inside", ALICE.as_bytes()), 1);
    assert!(members::is(view(&store), second.id, ALICE).unwrap());
}
