use super::*;
use crate::view::{SearchQuery, Window};
use thechatapp_database::Durability;
use thechatapp_protocol::event::{ChannelKind, ChannelRole, ChannelRow, FileRow, MemberRow, PersonRow, Reaction};
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::{MessageId, Timestamp};

mod check;
mod form;
mod misbehaving;
mod pages;
mod room;
mod search;
mod thumbnails;

const KEY: [u8; 32] = [9; 32];
const ME: AccountId = AccountId(uuid::Uuid::from_bytes([1; 16]));
const OTHER: AccountId = AccountId(uuid::Uuid::from_bytes([2; 16]));

impl Cache {
    /// Applies a page that is asked for now and covers every number from `first` to `last`.
    async fn apply_page(
        &self,
        channel: ChannelId,
        first: u64,
        last: u64,
        head: u64,
        rows: Vec<MessageRow>,
    ) -> Result<Applied> {
        self.apply_pages(vec![HistoryPage { channel, first, last, head, asked: self.moment(), rows }]).await
    }
}

fn me() -> Me {
    Me { id: ME, name: "Inês".into(), workspace: "acme".into() }
}

fn channel_id(n: u8) -> ChannelId {
    ChannelId::from_bytes([n; 16])
}

async fn fresh() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(&folder.path().join("a/cache.db"), &KEY, me()).await.unwrap();
    (folder, cache)
}

fn channel(n: u8, kind: ChannelKind, head: u64, change: u64) -> Row {
    let name = format!("channel-{n}");
    Row::Channel(ChannelRow {
        id: channel_id(n),
        kind,
        name,
        topic: String::new(),
        head,
        created: Timestamp(1),
        archived: false,
        gone: false,
        change,
    })
}

fn gone(n: u8, change: u64) -> Row {
    let Row::Channel(row) = channel(n, ChannelKind::Private, 0, change) else { panic!() };
    Row::Channel(ChannelRow { name: String::new(), gone: true, ..row })
}

fn member(n: u8, person: AccountId, joined: bool, change: u64) -> Row {
    Row::Member(MemberRow { channel: channel_id(n), person, joined, role: ChannelRole::Member, change })
}

fn text(n: u8, seq: u64, author: AccountId, text: &str, change: u64) -> MessageRow {
    let mut id = [n; 16];
    id[8..].copy_from_slice(&seq.to_be_bytes());
    MessageRow::plain(
        channel_id(n),
        seq,
        MessageId::from_bytes(id),
        author,
        Timestamp(1_700_000_000_000 + seq as i64 / 3 * 60_000),
        text,
        change,
    )
}

fn changes(rows: Vec<Row>) -> Changes {
    let to = rows.iter().map(Row::change).max().unwrap_or(0);
    Changes { rows, to, live: false }
}

fn person(id: AccountId, name: &str) -> Row {
    Row::Person(PersonRow { id, name: name.into(), imported: false, active: true, rank: Rank::Member, change: 1 })
}

fn small() -> Changes {
    changes(vec![
        person(ME, "Inês"),
        person(OTHER, "Bob"),
        channel(5, ChannelKind::Public, 3, 2),
        member(5, ME, true, 3),
        Row::Message(text(5, 1, OTHER, "good morning", 4)),
        Row::Message(text(5, 2, OTHER, "coffee, @inês?", 5)),
        Row::Message(text(5, 3, ME, "yes", 6)),
    ])
}

async fn texts(cache: &Cache, window: Window, limit: u32) -> Vec<String> {
    let part = cache.part(channel_id(5), window, limit, Vec::new()).await.unwrap().unwrap();
    part.messages.into_iter().map(|message| message.text).collect()
}

async fn hits(cache: &Cache, words: &str) -> Vec<String> {
    let query = SearchQuery { words: words.into(), ..SearchQuery::default() };
    cache.search(query).await.unwrap().into_iter().map(|hit| hit.message.text).collect()
}

#[tokio::test]
async fn applying_a_batch_twice_changes_nothing_more() {
    let (_folder, cache) = fresh().await;
    for _ in 0..2 {
        cache.apply(small(), true).await.unwrap();
        assert_eq!(texts(&cache, Window::Latest, 10).await, ["good morning", "coffee, @inês?", "yes"]);
        assert_eq!(hits(&cache, "coffee").await, ["coffee, @inês?"]);
        let channels = cache.channels(false).await.unwrap();
        assert_eq!((channels[0].unread, channels[0].mentions, channels[0].members), (2, 1, 1));
        assert_eq!(cache.standing().await.unwrap().cursor, 6);
    }
}

#[tokio::test]
async fn an_older_row_never_replaces_a_newer_one() {
    let (_folder, cache) = fresh().await;
    cache.apply(small(), true).await.unwrap();
    let mut edited = text(5, 1, OTHER, "good evening", 9);
    edited.edited = Some(Timestamp(5));
    edited.reactions = vec![Reaction { emoji: "👍".into(), people: vec![OTHER, ME] }];
    cache.apply(changes(vec![Row::Message(edited)]), false).await.unwrap();
    cache.apply_page(channel_id(5), 1, 3, 3, vec![text(5, 1, OTHER, "good morning", 4)]).await.unwrap();
    assert!(hits(&cache, "morning").await.is_empty());
    assert_eq!(hits(&cache, "evening").await, ["good evening"]);
    let view = cache.message_at(channel_id(5), 1).await.unwrap().unwrap();
    assert!(view.edited && view.reactions[0].mine);
    assert_eq!(view.reactions[0].people, ["Bob", "Inês"]);
}

#[tokio::test]
async fn a_read_mark_counts_only_what_others_wrote_after_it() {
    let (_folder, cache) = fresh().await;
    cache.apply(small(), true).await.unwrap();
    cache.mark_read(channel_id(5), 1).await.unwrap();
    let view = cache.channel(channel_id(5)).await.unwrap().unwrap();
    assert_eq!((view.unread, view.read), (1, 1));
    cache.mark_read(channel_id(5), 3).await.unwrap();
    cache.mark_read(channel_id(5), 2).await.unwrap();
    let view = cache.channel(channel_id(5)).await.unwrap().unwrap();
    assert_eq!((view.unread, view.mentions, view.read), (0, 0, 3));
}

#[tokio::test]
async fn numbers_that_were_skipped_are_a_gap_until_they_come() {
    let (_folder, cache) = fresh().await;
    cache.apply(small(), true).await.unwrap();
    cache.apply(changes(vec![Row::Message(text(5, 9, OTHER, "much later", 20))]), false).await.unwrap();
    let part = cache.part(channel_id(5), Window::Latest, 50, Vec::new()).await.unwrap().unwrap();
    assert_eq!(part.wanted, [(4, 8)]);
    // What is beyond the hole is not shown as if it came right before.
    assert_eq!(part.messages.len(), 1);
    assert!(part.older);
    let page: Vec<MessageRow> = (4..=8).map(|seq| text(5, seq, OTHER, "between", 10 + seq)).collect();
    cache.apply_page(channel_id(5), 4, 8, 9, page).await.unwrap();
    let part = cache.part(channel_id(5), Window::Latest, 50, Vec::new()).await.unwrap().unwrap();
    assert!(part.wanted.is_empty() && !part.older);
    assert_eq!(part.messages.len(), 9);
}

#[tokio::test]
async fn an_acknowledged_message_ahead_of_the_stream_makes_no_gap_and_no_watcher_skip() {
    let (_folder, cache) = fresh().await;
    cache.apply(small(), true).await.unwrap();
    cache.apply_aside(vec![Row::Message(text(5, 6, ME, "mine", 12))]).await.unwrap();
    let part = cache.part(channel_id(5), Window::Latest, 50, Vec::new()).await.unwrap().unwrap();
    assert!(part.wanted.is_empty());
    assert_eq!(part.messages.len(), 4);
    let (seen, cursor) = cache.since(6, 10).await.unwrap();
    assert!(seen.is_empty() && cursor == 6);
    let rows = (4..=6).map(|seq| Row::Message(text(5, seq, OTHER, "x", 6 + seq))).collect();
    cache.apply(changes(rows), false).await.unwrap();
    assert_eq!(cache.since(6, 10).await.unwrap().0.len(), 3);
    assert!(cache.channel_state(channel_id(5)).await.unwrap().unwrap().gaps.all().is_empty());
}

#[tokio::test]
async fn whoever_follows_along_waits_for_what_came_as_heads_also_from_the_very_beginning() {
    let (_folder, cache) = fresh().await;
    cache.mark_stale(Stale::All).await.unwrap();
    let live = |rows, to| Changes { rows, to, live: true };
    let heads = vec![person(OTHER, "Bob"), channel(5, ChannelKind::Public, 4, 2), member(5, ME, true, 3)];
    cache.apply(live(heads, 90), false).await.unwrap();
    let page = |first: u64, last: u64| (first..=last).map(|seq| text(5, seq, OTHER, "x", 10 * seq)).collect::<Vec<_>>();
    // Pages come the newest first. A watcher that saw up to 15 would never see 20 again if it were let past it.
    cache.apply_page(channel_id(5), 3, 4, 4, page(3, 4)).await.unwrap();
    assert_eq!(cache.since(15, 10).await.unwrap(), (vec![], 15));
    // One that begins only now has nothing to wait for.
    cache.apply(live(vec![Row::Message(text(5, 5, OTHER, "new", 91))], 91), false).await.unwrap();
    let (seen, to) = cache.since(90, 10).await.unwrap();
    assert_eq!((seen.len(), to), (1, 91));
    cache.apply_page(channel_id(5), 1, 2, 4, page(1, 2)).await.unwrap();
    let (seen, to) = cache.since(15, 10).await.unwrap();
    assert_eq!((seen.iter().filter_map(|one| one.seq).collect::<Vec<_>>(), to), (vec![2, 3, 4, 5], 91));
    // Heads once more, with something missing again.
    cache.mark_stale(Stale::All).await.unwrap();
    assert_eq!(cache.since(91, 10).await.unwrap(), (vec![], 91));
    cache.apply(live(vec![channel(5, ChannelKind::Public, 6, 95)], 96), false).await.unwrap();
    assert_eq!(cache.since(91, 10).await.unwrap(), (vec![], 91));
}

#[tokio::test]
async fn messages_may_come_before_their_channel_and_ones_own_membership() {
    let (_folder, cache) = fresh().await;
    let rows = vec![
        Row::Message(text(5, 1, OTHER, "one", 3)),
        Row::Message(text(5, 2, OTHER, "two", 4)),
        member(5, ME, true, 7),
        channel(5, ChannelKind::Private, 2, 9),
    ];
    cache.apply(changes(rows), true).await.unwrap();
    assert_eq!(texts(&cache, Window::Latest, 10).await, ["one", "two"]);
    assert!(cache.incomplete().await.unwrap().is_empty());
}

#[tokio::test]
async fn whoever_joins_later_fetches_what_was_there() {
    let (_folder, cache) = fresh().await;
    cache.apply(changes(vec![channel(5, ChannelKind::Public, 40, 2)]), true).await.unwrap();
    assert!(cache.incomplete().await.unwrap().is_empty());
    cache.apply(changes(vec![member(5, ME, true, 9), channel(5, ChannelKind::Public, 40, 2)]), false).await.unwrap();
    assert_eq!(cache.channel_state(channel_id(5)).await.unwrap().unwrap().gaps.all(), [(1, 40)]);
    assert_eq!(cache.incomplete().await.unwrap(), [(channel_id(5), 1, 40)]);
}

#[tokio::test]
async fn two_channels_messages_of_one_moment_both_stay() {
    let (_folder, cache) = fresh().await;
    let rows = vec![
        channel(5, ChannelKind::Public, 1, 1),
        channel(6, ChannelKind::Public, 1, 2),
        Row::Message(text(5, 1, OTHER, "same moment", 3)),
        Row::Message(text(6, 1, OTHER, "same moment", 4)),
    ];
    for _ in 0..2 {
        cache.apply(changes(rows.clone()), true).await.unwrap();
        assert_eq!(hits(&cache, "moment").await.len(), 2);
    }
}

/// Every value of every table, the index's own among them, decrypted. Free pages are zeros (`secure_delete`).
async fn decrypted(cache: &Cache) -> Vec<u8> {
    cache.flush().await.unwrap();
    cache
        .apart(|db| {
            let mut out = Vec::new();
            let secure: i64 = db.query_row("PRAGMA secure_delete", [], |row| row.get(0))?;
            assert_eq!(secure, 1);
            let mut tables =
                db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")?;
            let names: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            for name in names.iter().filter(|name| *name != "search") {
                let mut rows = db.prepare(&format!("SELECT * FROM {name}"))?;
                let columns = rows.column_count();
                let mut rows = rows.query([])?;
                while let Some(row) = rows.next()? {
                    for column in 0..columns {
                        match row.get_ref(column)? {
                            rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes) => {
                                out.extend_from_slice(bytes);
                            }
                            _ => {}
                        }
                    }
                }
            }
            Ok(out)
        })
        .await
        .unwrap()
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[tokio::test]
async fn losing_access_leaves_nothing_of_the_text() {
    let (_folder, cache) = fresh().await;
    let mut rows = vec![channel(5, ChannelKind::Private, 300, 1), member(5, ME, true, 2)];
    rows.push(channel(6, ChannelKind::Public, 1, 1));
    rows.push(Row::Message(text(6, 1, OTHER, "elsewhere stays", 3)));
    rows.extend((1..=300).map(|seq| Row::Message(text(5, seq, OTHER, "zebrafinch quagmire", 10 + seq))));
    cache.apply(changes(rows), true).await.unwrap();
    assert!(holds(&decrypted(&cache).await, b"zebrafinch"));
    let applied = cache.apply(changes(vec![member(5, ME, false, 900)]), false).await.unwrap();
    assert_eq!(applied.lost, [channel_id(5)]);
    assert!(cache.is_untidy().await.unwrap());
    cache.tidy().await.unwrap();
    let bytes = decrypted(&cache).await;
    assert!(!holds(&bytes, b"zebrafinch") && !holds(&bytes, b"finch") && !holds(&bytes, b"quagmire"));
    assert!(!holds(&bytes, b"channel-5"));
    assert!(cache.channel(channel_id(5)).await.unwrap().is_none());
    assert_eq!(hits(&cache, "elsewhere").await.len(), 1);
    // A page that was asked for before comes too late.
    cache.apply_page(channel_id(5), 1, 1, 1, vec![text(5, 1, OTHER, "zebrafinch", 11)]).await.unwrap();
    assert!(!holds(&decrypted(&cache).await, b"zebrafinch"));
}

#[tokio::test]
async fn a_channel_that_was_made_private_leaves_who_is_outside() {
    let (_folder, cache) = fresh().await;
    cache.apply(changes(vec![channel(5, ChannelKind::Public, 2, 1), member(5, OTHER, true, 2)]), true).await.unwrap();
    let page = vec![text(5, 1, OTHER, "zebrafinch", 3), text(5, 2, OTHER, "quagmire", 4)];
    cache.apply_page(channel_id(5), 1, 2, 2, page).await.unwrap();
    assert_eq!(hits(&cache, "zebrafinch").await.len(), 1);
    let applied = cache.apply(changes(vec![gone(5, 9)]), false).await.unwrap();
    assert_eq!((applied.lost, applied.channels), (vec![channel_id(5)], true));
    assert!(cache.channel(channel_id(5)).await.unwrap().is_none());
    assert!(hits(&cache, "zebrafinch").await.is_empty());
    cache.tidy().await.unwrap();
    let bytes = decrypted(&cache).await;
    assert!(!holds(&bytes, b"zebrafinch") && !holds(&bytes, b"channel-5"));
    // Public again, it is there; an older word of its going does not take it away.
    cache.apply(changes(vec![channel(5, ChannelKind::Public, 2, 12)]), false).await.unwrap();
    cache.apply(changes(vec![gone(5, 10)]), false).await.unwrap();
    assert!(cache.channel(channel_id(5)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_deleted_messages_words_are_gone_after_tidying() {
    let (_folder, cache) = fresh().await;
    cache.apply(small(), true).await.unwrap();
    let mut gone = text(5, 1, OTHER, "", 9);
    gone.deleted = true;
    cache.apply(changes(vec![Row::Message(gone)]), false).await.unwrap();
    assert!(hits(&cache, "morning").await.is_empty());
    cache.tidy().await.unwrap();
    assert!(!holds(&decrypted(&cache).await, b"morning"));
    assert!(!cache.is_untidy().await.unwrap());
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_as_it_is_and_a_newer_one_is_left_alone() {
    let (folder, cache) = fresh().await;
    cache.apply(small(), true).await.unwrap();
    cache.close().await.unwrap();
    let path = folder.path().join("a/cache.db");
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[..64].fill(7);
    std::fs::write(&path, &bad).unwrap();
    let cache = Cache::open(&path, &KEY, me()).await.unwrap();
    assert!(cache.is_being_rebuilt() && cache.channels(true).await.unwrap().is_empty());
    cache.close().await.unwrap();
    assert_eq!(std::fs::read(file::former_path(&path)).unwrap(), bad);
    let cache = Cache::open(&path, &KEY, me()).await.unwrap();
    assert!(cache.is_being_rebuilt());
    assert!(cache.let_go().await.unwrap() && !cache.let_go().await.unwrap());
    cache.close().await.unwrap();
    std::fs::write(&path, &good).unwrap();
    let cache = Cache::open(&path, &KEY, me()).await.unwrap();
    cache.apart(|db| Ok(db.pragma_update(None, "user_version", 99)?)).await.unwrap();
    cache.close().await.unwrap();
    assert!(matches!(Cache::open(&path, &KEY, me()).await, Err(Error::Newer { .. })));
}

#[tokio::test]
async fn a_thread_is_read_from_here_and_says_when_something_may_be_missing() {
    let (_folder, cache) = fresh().await;
    let root = text(1, 1, OTHER, "lunch?", 11);
    let mut rows = vec![channel(1, ChannelKind::Public, 0, 1), member(1, ME, true, 2), Row::Message(root.clone())];
    for seq in 2..=6 {
        let thread = (seq % 2 == 0).then_some(root.id);
        rows.push(Row::Message(MessageRow { thread, ..text(1, seq, OTHER, &format!("{seq}"), 20 + seq) }));
    }
    let last_reply = Some(Timestamp(5));
    let pinned = Some(thechatapp_protocol::event::Pin { by: OTHER, at: Timestamp(6) });
    rows.push(Row::Message(MessageRow { replies: 3, last_reply, pinned, change: 40, ..root.clone() }));
    cache.apply(changes(rows), true).await.unwrap();

    let thread =
        async |before, limit| cache.thread(channel_id(1), root.id, before, limit, vec![]).await.unwrap().unwrap();
    let texts = |part: &threads::ThreadPart| part.replies.iter().map(|one| one.text.clone()).collect::<Vec<_>>();
    let part = thread(None, 10).await;
    assert_eq!((texts(&part).join(" "), part.older, part.complete), ("2 4 6".into(), false, true));
    let shown = part.root.unwrap();
    assert_eq!((shown.replies, shown.last_reply, shown.pinned.unwrap().by.id), (3, last_reply, OTHER));
    let part = thread(Some(6), 1).await;
    assert_eq!((texts(&part).join(" "), part.older), ("4".into(), true));
    let answer = part.replies[0].id;
    assert_eq!(cache.thread_root(channel_id(1), answer).await.unwrap(), root.id);
    assert_eq!(cache.thread_root(channel_id(1), root.id).await.unwrap(), root.id);
    assert_eq!(cache.thread_root(channel_id(2), answer).await.unwrap(), answer, "of another channel");

    // A hole after the thread's beginning: an answer may be in it, but not where only later ones are shown.
    let late = MessageRow { thread: Some(root.id), ..text(1, 9, OTHER, "9", 50) };
    cache.apply(changes(vec![Row::Message(late)]), false).await.unwrap();
    assert!(!thread(None, 10).await.complete);
    assert!(!thread(None, 2).await.complete);
    assert!(thread(None, 1).await.complete && thread(Some(6), 1).await.complete);
    let some = vec![MessageRow { thread: Some(root.id), ..text(1, 8, OTHER, "8", 48) }];
    cache.apply_some(channel_id(1), some.clone()).await.unwrap();
    let part = thread(None, 10).await;
    assert_eq!((texts(&part).join(" "), part.complete), ("2 4 6 8 9".into(), false));
    // The same once more is no change, and whoever looks at what changed does not look again; a change is one.
    assert_eq!(cache.apply_some(channel_id(1), some.clone()).await.unwrap(), Applied::default());
    let answered = vec![MessageRow { replies: 1, ..some[0].clone() }];
    assert_eq!(cache.apply_some(channel_id(1), answered).await.unwrap().messages, [(channel_id(1), 8)].into());
    assert_eq!(cache.apply_some(channel_id(1), some).await.unwrap().messages, [(channel_id(1), 8)].into());
    let pins = cache.pins(channel_id(1)).await.unwrap().unwrap();
    assert_eq!((pins.messages.len(), pins.messages[0].id, pins.complete), (1, root.id, false));

    // With the access everything goes, and a late answer brings nothing back.
    cache.apply(changes(vec![member(1, ME, false, 60)]), false).await.unwrap();
    assert!(thread(None, 10).await.root.is_none());
    assert!(cache.pins(channel_id(1)).await.unwrap().unwrap().messages.is_empty());
    cache.apply(changes(vec![channel(2, ChannelKind::Private, 1, 61), member(2, ME, true, 62)]), false).await.unwrap();
    cache.apply(changes(vec![member(2, ME, false, 63)]), false).await.unwrap();
    cache.apply_some(channel_id(2), vec![text(2, 1, OTHER, "late", 61)]).await.unwrap();
    assert!(cache.message(text(2, 1, OTHER, "", 0).id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_poll_is_shown_found_by_its_options_and_never_offered_again_as_a_plain_message() {
    use thechatapp_protocol::event::{Poll, Vote};
    let (_folder, cache) = fresh().await;
    cache.apply(small(), true).await.unwrap();
    let votes = vec![Vote { person: OTHER, choices: vec![1] }, Vote { person: ME, choices: vec![0, 1, 9] }];
    let options = vec!["Lisbon".into(), "Porto".into()];
    let poll = Poll { multiple: true, closed: Some(Timestamp(7)), options, votes };
    let asked = MessageRow { poll: Some(Box::new(poll)), ..text(5, 4, ME, "where?", 7) };
    cache.apply(changes(vec![Row::Message(asked.clone())]), false).await.unwrap();
    let view = cache.message(asked.id).await.unwrap().unwrap();
    assert_eq!(cache.shown(vec![asked.clone()]).await.unwrap(), std::slice::from_ref(&view));
    let poll = view.poll.unwrap();
    assert_eq!((poll.multiple, poll.voters, poll.closed), (true, 2, Some(Timestamp(7))));
    assert_eq!(poll.options[0].people, ["Inês"]);
    assert_eq!(poll.options[1].people, ["Bob", "Inês"]);
    assert_eq!(hits(&cache, "porto").await, ["where?"]);
    let own: Vec<_> = cache.own_messages(10).await.unwrap().into_iter().map(|row| row.id).collect();
    assert!(!own.is_empty() && !own.contains(&asked.id));
    let gone = MessageRow { poll: None, text: String::new(), deleted: true, change: 8, ..asked };
    cache.apply(changes(vec![Row::Message(gone)]), false).await.unwrap();
    assert!(hits(&cache, "porto").await.is_empty());
}

#[tokio::test]
async fn a_cache_of_an_older_build_keeps_its_messages_and_gets_the_counts_of_its_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.db");
    let db = database::open(&path, &KEY, &schema::CACHE[..1], Durability::Normal).unwrap();
    let mut add = db
        .prepare(
            "INSERT INTO messages (place, channel, seq, id, author, at, text, edited, deleted, thread, reactions, quiet,
                mention, change) VALUES (?1, ?2, ?1, ?3, ?4, ?5, 'text', NULL, ?6, ?7, NULL, 0, 0, ?1)",
        )
        .unwrap();
    let id = |seq| text(1, seq, OTHER, "", 0).id;
    for (seq, deleted, thread) in [(1, false, None), (2, false, Some(1)), (3, true, Some(1)), (4, false, None)] {
        let thread = thread.map(|root| *id(root).as_bytes());
        let row = (seq as i64, *channel_id(1).as_bytes(), *id(seq).as_bytes(), OTHER.as_bytes(), 5, deleted, thread);
        add.execute(row).unwrap();
    }
    drop(add);
    drop(db);
    let cache = Cache::open(&path, &KEY, me()).await.unwrap();
    let root = cache.message(id(1)).await.unwrap().unwrap();
    assert_eq!((root.replies, root.last_reply), (1, Some(Timestamp(5))));
    let plain = cache.message(id(4)).await.unwrap().unwrap();
    assert_eq!((plain.text.as_str(), plain.replies, plain.last_reply, plain.pinned), ("text", 0, None, None));
    // Its index is made anew, the newest first; until then it says that it lacks some.
    assert!(cache.is_partial(None).await.unwrap() && hits(&cache, "text").await.is_empty());
    assert!(cache.index_some(2).await.unwrap());
    assert_eq!(hits(&cache, "text").await.len(), 2);
    assert!(!cache.index_some(2).await.unwrap());
    assert_eq!((hits(&cache, "text").await.len(), cache.is_partial(None).await.unwrap()), (3, false));
}

#[test]
fn a_mention_names_oneself_or_a_group_one_is_in() {
    let slugs = ["design".to_owned()];
    for text in ["@inês, look", "for @Design: please", "(@design)"] {
        assert!(me().is_named_in(text, &slugs), "{text}");
    }
    for text in ["@designers", "design", "@design-team", "@ines"] {
        assert!(!me().is_named_in(text, &slugs), "{text}");
    }
    assert!(!me().is_named_in("@design", &[]));
}
