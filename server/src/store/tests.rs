use super::channels::Channel;
use super::messages::Ready;
use super::*;
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::methods::polls::CreatePollParams;
use thechatapp_protocol::{AccountId, ChannelId, MessageId, WorkspaceId};
use thechatapp_seal::Key;

pub(super) const ALICE: AccountId = AccountId(uuid::Uuid::from_bytes([0xa1; 16]));

/// A workspace's database in memory, without a server around it.
pub(super) struct Store {
    pub(super) db: Connection,
    pub(super) keyring: Keyring,
    counts: Counts,
}

impl Store {
    pub(super) fn new() -> Self {
        let db = Connection::open_in_memory().unwrap();
        for step in WORKSPACE {
            db.execute_batch(step).unwrap();
        }
        let (workspace, top) = (WorkspaceId::from_bytes([0xb1; 16]), Key::random().unwrap());
        Keyring::create(&db, workspace, &top).unwrap();
        let keyring = Keyring::load(&db, workspace, top).unwrap();
        Self { db, keyring, counts: Counts::new(0, Arc::new(true.into())) }
    }

    pub(super) fn job<T>(&self, job: impl FnOnce(&mut Tx<'_>) -> Result<T, Fail>) -> Result<T, Fail> {
        let mut notes = Vec::new();
        job(&mut Tx::new(&self.db, &self.keyring, &mut notes, &self.counts))
    }

    pub(super) fn channel(&self, number: u8) -> Channel {
        let id = ChannelId::from_bytes([number; 16]);
        self.job(|tx| channels::create(tx, id, &format!("c{number}"), ChannelKind::Public, None, false)).unwrap()
    }

    /// Sends a message and gives its place.
    pub(super) fn send(&self, channel: Channel, number: u8, thread: Option<u8>) -> i64 {
        let id = |number| MessageId::from_bytes([number; 16]);
        let ready = Ready::new(
            &self.keyring,
            ALICE,
            channel.id,
            id(number),
            thread.map(id),
            format!("text {number}"),
            Vec::new(),
        )
        .unwrap();
        let sent = self.job(|tx| messages::send(tx, channel, ready, None)).unwrap();
        channel.place(sent.seq)
    }

    pub(super) fn count(&self, table: &str) -> i64 {
        self.db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }
}

#[test]
fn a_former_text_opens_only_where_it_was_sealed_and_goes_with_its_message() {
    let store = Store::new();
    let channel = store.channel(1);
    let place = store.send(channel, 1, None);
    let other = store.send(channel, 2, None);
    for text in ["second", "third"] {
        store.job(|tx| messages::edit(tx, channel, place, text)).unwrap();
    }
    let view = View { db: &store.db, keyring: &store.keyring };
    let read = |place| edits::versions(view, channel, place, 0).map(|found| found.versions.len());
    assert_eq!(read(place).unwrap(), 3);
    // Another revision, another message, the message itself: none takes it for its own.
    let taken = "(SELECT body FROM edits WHERE revision = 0)";
    for moved in [
        format!("UPDATE edits SET body = {taken} WHERE revision = 1"),
        format!(
            "INSERT INTO edits SELECT {other}, revision, by, at, body, epoch FROM edits WHERE place = {place} LIMIT 1"
        ),
    ] {
        store.db.execute_batch("SAVEPOINT before").unwrap();
        store.db.execute(&moved, []).unwrap();
        assert!(matches!((read(place), read(other)), (Err(Fail::Seal(_)), _) | (_, Err(Fail::Seal(_)))), "{moved}");
        store.db.execute_batch("ROLLBACK TO before; RELEASE before").unwrap();
    }
    store.db.execute_batch("SAVEPOINT before").unwrap();
    store.db.execute(&format!("UPDATE messages SET body = {taken}, revision = 0 WHERE place = {place}"), []).unwrap();
    assert!(matches!(messages::row(view, channel.id, place), Err(Fail::Seal(_))));
    store.db.execute_batch("ROLLBACK TO before; RELEASE before").unwrap();

    store.job(|tx| messages::delete(tx, channel, place)).unwrap();
    assert_eq!(store.count("edits"), 0);
}

#[test]
fn an_older_database_gets_the_counts_of_its_threads() {
    let store = Store::new();
    let channel = store.channel(1);
    let root = store.send(channel, 1, None);
    store.send(channel, 2, Some(1));
    let deleted = store.send(channel, 3, Some(1));
    store.job(|tx| messages::delete(tx, channel, deleted)).unwrap();
    let plain = store.send(channel, 4, None);
    // As it was before this step.
    store
        .db
        .execute_batch(
            "DROP INDEX messages_thread; DROP INDEX messages_pinned; DROP TABLE edits; DROP TABLE saved;
             DROP TABLE votes; DROP TABLE poll_options; DROP TABLE polls; ALTER TABLE messages DROP COLUMN poll;
             ALTER TABLE messages DROP COLUMN replies; ALTER TABLE messages DROP COLUMN last_reply;
             ALTER TABLE messages DROP COLUMN pinned_by; ALTER TABLE messages DROP COLUMN pinned_at;",
        )
        .unwrap();
    store.db.execute_batch(WORKSPACE[1]).unwrap();
    let view = View { db: &store.db, keyring: &store.keyring };
    let row = messages::row(view, channel.id, root).unwrap();
    assert_eq!((row.replies, row.last_reply.is_some()), (1, true));
    let row = messages::row(view, channel.id, plain).unwrap();
    assert_eq!((row.replies, row.last_reply), (0, None));
}

#[test]
fn a_note_opens_only_for_the_person_whose_it_is() {
    let store = Store::new();
    let channel = store.channel(1);
    let place = store.send(channel, 1, None);
    let bob = AccountId::from_bytes([0xb2; 16]);
    store.db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    for (person, note) in [(ALICE, "hers"), (bob, "his")] {
        store.job(|tx| saved::save(tx, channel, place, person, Some(note))).unwrap();
    }
    store.job(|tx| saved::save(tx, channel, place, ALICE, None)).unwrap();
    store.job(|tx| members::set(tx, channel, bob, true)).unwrap();
    let view = View { db: &store.db, keyring: &store.keyring };
    let notes = |person| {
        let page = saved::list(view, person, &Default::default())?;
        Ok::<_, Fail>(page.saved.into_iter().map(|saved| saved.note).collect::<Vec<_>>())
    };
    assert_eq!(notes(ALICE).unwrap(), ["hers"]);
    assert_eq!(notes(bob).unwrap(), ["his"]);
    let sealed = "(SELECT note FROM saved WHERE person = ?1)";
    store
        .db
        .execute(&format!("UPDATE saved SET note = {sealed}, revision = 1 WHERE person <> ?1"), [ALICE.as_bytes()])
        .unwrap();
    assert!(matches!(notes(bob), Err(Fail::Seal(_))));
}

#[test]
fn a_poll_leaves_nothing_behind_and_its_options_keep_their_places() {
    let store = Store::new();
    let channel = store.channel(1);
    let params = CreatePollParams {
        id: MessageId::from_bytes([1; 16]),
        channel: channel.id,
        question: "when?".into(),
        options: vec!["Monday".into(), "Friday".into()],
        multiple: false,
    };
    let ready = Ready::poll(&store.keyring, ALICE, params).unwrap();
    let sent = store.job(|tx| messages::send(tx, channel, ready, None)).unwrap();
    let place = channel.place(sent.seq);
    store.job(|tx| polls::vote(tx, channel, place, ALICE, &[1])).unwrap();
    let view = View { db: &store.db, keyring: &store.keyring };
    assert_eq!(messages::row(view, channel.id, place).unwrap().poll.unwrap().options, ["Monday", "Friday"]);
    store.db.execute_batch("SAVEPOINT before; UPDATE poll_options SET number = 1 - number + 10;").unwrap();
    assert!(matches!(messages::row(view, channel.id, place), Err(Fail::Seal(_))), "one taken for the other");
    store.db.execute_batch("ROLLBACK TO before; RELEASE before").unwrap();
    store.job(|tx| messages::delete(tx, channel, place)).unwrap();
    assert_eq!(["polls", "poll_options", "votes"].map(|table| store.count(table)), [0, 0, 0]);
    assert!(messages::row(view, channel.id, place).unwrap().poll.is_none());
}

#[test]
fn a_text_for_a_channel_that_is_not_there_is_sealed_for_nobody() {
    let store = Store::new();
    let (other, id) = (store.channel(1), ChannelId::from_bytes([2; 16]));
    let ready = |number| {
        let message = MessageId::from_bytes([number; 16]);
        Ready::new(&store.keyring, ALICE, id, message, None, format!("text {number}"), Vec::new()).unwrap()
    };
    let (never, before) = (ready(1), ready(2));
    let nowhere = Channel { id, ..other };
    assert!(store.job(|tx| messages::send(tx, nowhere, never, None)).unwrap_err().is_not_found());
    assert_eq!(store.count("messages"), 0);
    // The channel came between sealing and writing: it opens under the channel's key.
    let channel = store.channel(2);
    let sent = store.job(|tx| messages::send(tx, channel, before, None)).unwrap();
    let view = View { db: &store.db, keyring: &store.keyring };
    assert_eq!(messages::row(view, channel.id, channel.place(sent.seq)).unwrap().text, "text 2");
}

#[test]
fn nothing_stays_of_an_index_that_is_switched_off() {
    let store = Store::new();
    let channel = store.channel(1);
    let place = store.send(channel, 1, None);
    let index = || store.job(|tx| search::take(tx, &search::coming(tx.view(), -1)?)).unwrap();
    index();
    assert_eq!(["found", "search", "unindexed"].map(|table| store.count(table)), [1, 1, 0]);
    store.counts.index.store(false, Ordering::Relaxed);
    store.send(channel, 2, None);
    store.job(|tx| search::switch(tx)).unwrap();
    store.job(|tx| messages::delete(tx, channel, place)).unwrap();
    assert_eq!(["found", "search", "unindexed"].map(|table| store.count(table)), [0, 0, 0]);
    let tokens: i64 =
        store.db.query_row("SELECT count(*) FROM search_data WHERE id > 10", [], |row| row.get(0)).unwrap();
    assert_eq!(tokens, 0, "a segment is left");
    store.counts.index.store(true, Ordering::Relaxed);
    store.job(|tx| search::switch(tx)).unwrap();
    index();
    assert_eq!(["found", "search", "unindexed"].map(|table| store.count(table)), [1, 1, 0]);
}

#[test]
fn a_message_that_two_see_coming_is_taken_in_once() {
    let store = Store::new();
    let channel = store.channel(1);
    store.send(channel, 1, None);
    let view = View { db: &store.db, keyring: &store.keyring };
    let seen = [search::coming(view, -1).unwrap(), search::coming(view, -1).unwrap()];
    for coming in seen {
        store.job(|tx| search::take(tx, &coming)).unwrap();
    }
    assert_eq!(["found", "search", "unindexed"].map(|table| store.count(table)), [1, 1, 0]);
}

#[test]
fn the_last_change_is_asked_of_every_table_that_has_one() {
    let store = Store::new();
    store.db.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON").unwrap();
    // A message is asked about by its channel; a reaction and a vote change their message.
    let mut tables = store
        .db
        .prepare(
            "SELECT t.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
             WHERE t.type = 'table' AND c.name = 'change' AND t.name NOT IN ('messages', 'reactions', 'votes')",
        )
        .unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(tables.contains(&"drafts".to_owned()));
    for table in tables {
        // Whatever else a row there may have to have, its change alone counts.
        store.db.execute_batch("SAVEPOINT before").unwrap();
        let columns: Vec<(String, String)> = store
            .db
            .prepare(&format!(
                "SELECT name, type FROM pragma_table_info('{table}') WHERE \"notnull\" AND dflt_value IS NULL"
            ))
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let values: Vec<&str> = columns
            .iter()
            .map(|(name, kind)| match (name.as_str(), kind.as_str()) {
                ("change", _) => "9000",
                (_, "INTEGER") => "1",
                (_, "TEXT") => "'x'",
                _ => "x'00'",
            })
            .collect();
        let sql = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "));
        store.db.execute(&sql, []).unwrap_or_else(|why| panic!("{table}: {why}: {sql}"));
        assert_eq!(last_change(&store.db).unwrap(), 9000, "{table}");
        store.db.execute_batch("ROLLBACK TO before; RELEASE before").unwrap();
    }
}
