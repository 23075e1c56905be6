//! What belongs to some messages only: former texts, threads, pins, notes, polls. Only who may read a message gets at it, and a foreign id says nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::{Host, Person, channel_id, message_id};
use thechatapp_protocol::event::{ChannelKind, MessageRow};
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::polls::*;
use thechatapp_protocol::methods::saved::*;
use thechatapp_protocol::{AccountId, ChannelId, Code, ErrorBody, MessageId, Row};

/// Sends a message and gives its id.
async fn said(person: &mut Person, channel: ChannelId, text: &str) -> MessageId {
    reply(person, channel, text, None).await.unwrap()
}

async fn reply(
    person: &mut Person,
    channel: ChannelId,
    text: &str,
    thread: Option<MessageId>,
) -> Result<MessageId, ErrorBody> {
    let id = message_id();
    let params = SendMessageParams { id, channel, text: text.into(), files: Vec::new(), thread, after: None };
    person.call::<SendMessage>(&params).await?;
    Ok(id)
}

async fn private(person: &mut Person, name: &str) -> ChannelId {
    let id = channel_id();
    let create = CreateChannelParams { id, name: name.into(), kind: ChannelKind::Private };
    person.call::<CreateChannel>(&create).await.unwrap();
    id
}

async fn edit(person: &mut Person, channel: ChannelId, id: MessageId, text: &str) {
    person.call::<EditMessage>(&EditMessageParams { channel, id, text: text.into() }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_text_a_message_had_can_be_read_until_it_is_deleted() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let channel = alice.general().await;
    let id = said(&mut alice, channel, "at nine").await;
    let all = EditsParams { channel, id, from: 0 };
    let texts = |found: &Versions| found.versions.iter().map(|one| one.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&bob.call::<Edits>(&all).await.unwrap()), ["at nine"]);
    edit(&mut alice, channel, id, "at ten").await;
    edit(&mut alice, channel, id, "at ten").await;
    edit(&mut alice, channel, id, "at eleven").await;
    let found = bob.call::<Edits>(&all).await.unwrap();
    assert_eq!(texts(&found), ["at nine", "at ten", "at eleven"]);
    assert_eq!(found.versions.iter().map(|one| one.revision).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(found.versions.iter().all(|one| one.by == alice.id()));
    assert!(found.versions.is_sorted_by_key(|one| one.at) && !found.more);
    let later = bob.call::<Edits>(&EditsParams { from: 2, ..all }).await.unwrap();
    assert_eq!(texts(&later), ["at eleven"]);

    alice.call::<DeleteMessage>(&OneMessage { channel, id }).await.unwrap();
    assert_eq!(bob.call::<Edits>(&all).await.unwrap_err().code, Code::BadInput);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_long_former_texts_come_in_pages() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let id = said(&mut alice, channel, "0").await;
    let long = "x".repeat(60_000);
    for number in 1..=25 {
        edit(&mut alice, channel, id, &format!("{number} {long}")).await;
    }
    let (mut from, mut seen, mut pages) = (0, Vec::new(), 0);
    loop {
        let page = alice.call::<Edits>(&EditsParams { channel, id, from }).await.unwrap();
        pages += 1;
        seen.extend(page.versions.iter().map(|one| one.revision));
        from = seen.last().unwrap() + 1;
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (0..=25).collect::<Vec<u64>>());
    assert!(pages > 1);
}

/// Asks by an id of another channel, and by one that nobody ever used: the answers must not tell them apart.
macro_rules! refused_alike {
    ($person:expr, $method:ty, $foreign:expr, |$id:ident| $params:expr) => {
        let mut answers = Vec::new();
        for $id in [$foreign, message_id()] {
            answers.push($person.call::<$method>(&$params).await.unwrap_err());
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0].code, Code::NotFound);
    };
}

/// Everything that takes a message, with one that the person may not know of and one that nobody has.
async fn all_refused_alike(person: &mut Person, channel: ChannelId, hidden: MessageId, poll: MessageId) {
    refused_alike!(person, Edits, hidden, |id| EditsParams { channel, id, from: 0 });
    refused_alike!(person, Thread, hidden, |id| thread_of(channel, id));
    refused_alike!(person, Pin, hidden, |id| OneMessage { channel, id });
    refused_alike!(person, Unpin, hidden, |id| OneMessage { channel, id });
    refused_alike!(person, Save, hidden, |id| SaveParams { channel, id, note: None });
    refused_alike!(person, Unsave, hidden, |id| OneMessage { channel, id });
    refused_alike!(person, CastVote, poll, |id| CastVoteParams { channel, id, choices: vec![0] });
    refused_alike!(person, ClosePoll, poll, |id| OneMessage { channel, id });
    let mut answers = Vec::new();
    for id in [hidden, message_id()] {
        answers.push(reply(person, channel, "to what?", Some(id)).await.unwrap_err());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].code, Code::NotFound);
    let unknown = person.call::<Pins>(&PinsParams { channel: channel_id(), after: 0 }).await.unwrap_err();
    assert_eq!(unknown.code, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_another_channel_or_workspace_is_as_unknown_as_one_that_never_was() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let general = alice.general().await;
    let secret = private(&mut alice, "secret").await;
    let hidden = said(&mut alice, secret, "hidden").await;
    edit(&mut alice, secret, hidden, "hidden still").await;
    let poll = ask(&mut alice, secret, &["a", "b"], false).await.unwrap().id;
    said(&mut bob, general, "seen").await;
    // Both in a channel he may read, and in the one that he does not know of.
    for channel in [general, secret] {
        all_refused_alike(&mut bob, channel, hidden, poll).await;
    }
    let mut stranger = host.elsewhere("other", "eve").await;
    let own = stranger.general().await;
    for channel in [own, general, secret] {
        all_refused_alike(&mut stranger, channel, hidden, poll).await;
    }
    for channel in [general, secret] {
        let pins = stranger.call::<Pins>(&PinsParams { channel, after: 0 }).await.unwrap_err();
        assert_eq!(pins, stranger.call::<Pins>(&PinsParams { channel: channel_id(), after: 0 }).await.unwrap_err());
        let refused = ask(&mut stranger, channel, &["a", "b"], false).await.unwrap_err();
        assert_eq!(refused, ask(&mut stranger, channel_id(), &["a", "b"], false).await.unwrap_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_reads_a_public_channel_gets_no_former_texts_and_sets_no_pins() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let channel = alice.general().await;
    bob.call::<LeaveChannel>(&InChannel { channel }).await.unwrap();
    let id = said(&mut alice, channel, "public").await;
    let poll = ask(&mut alice, channel, &["a", "b"], false).await.unwrap().id;
    let refused = [
        bob.call::<Edits>(&EditsParams { channel, id, from: 0 }).await.map(|_| ()),
        bob.call::<Pin>(&OneMessage { channel, id }).await.map(|_| ()),
        bob.call::<Unpin>(&OneMessage { channel, id }).await.map(|_| ()),
        bob.call::<CastVote>(&CastVoteParams { channel, id: poll, choices: vec![0] }).await.map(|_| ()),
        ask(&mut bob, channel, &["a", "b"], false).await.map(|_| ()),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().code, Code::Denied);
    }
    // What is public he reads, and may keep.
    assert_eq!(bob.call::<Thread>(&thread_of(channel, id)).await.unwrap().root.text, "public");
    assert!(bob.call::<Pins>(&PinsParams { channel, after: 0 }).await.unwrap().messages.is_empty());
    bob.call::<Save>(&SaveParams { channel, id, note: None }).await.unwrap();
    assert_eq!(kept(&mut bob).await, pairs(&[("public", "")]));
}

/// The newest ten answers of a thread.
fn thread_of(channel: ChannelId, id: MessageId) -> ThreadParams {
    ThreadParams { channel, id, before: None, after: None, limit: 10 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_is_paged_and_its_root_counts_the_answers_for_everybody() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let channel = alice.general().await;
    let root = said(&mut alice, channel, "lunch?").await;
    said(&mut alice, channel, "beside it").await;
    bob.sync(0).await;
    let first = reply(&mut alice, channel, "answer 1", Some(root)).await.unwrap();
    let told = bob.session.changes().await;
    let rows = messages(&told.rows);
    assert_eq!((rows.len(), rows[0].id, rows[0].thread), (2, first, Some(root)));
    assert_eq!((rows[1].id, rows[1].replies, rows[1].last_reply), (root, 1, Some(rows[0].at)));
    assert!(rows[1].change > rows[0].change && told.to == rows[1].change);
    for number in 2..=5 {
        reply(&mut alice, channel, &format!("answer {number}"), Some(root)).await.unwrap();
    }

    let page = bob.call::<Thread>(&ThreadParams { limit: 2, ..thread_of(channel, root) }).await.unwrap();
    assert_eq!((page.root.replies, said_in(&page), page.more), (5, vec!["answer 4", "answer 5"], true));
    let before = ThreadParams { limit: 3, before: Some(page.messages[0].seq), ..thread_of(channel, root) };
    let page = bob.call::<Thread>(&before).await.unwrap();
    assert_eq!((said_in(&page), page.more), (vec!["answer 1", "answer 2", "answer 3"], false));
    let after = ThreadParams { limit: 1, after: Some(page.messages[1].seq), ..thread_of(channel, root) };
    let page = bob.call::<Thread>(&after).await.unwrap();
    assert_eq!((said_in(&page), page.more), (vec!["answer 3"], true));
    let both = ThreadParams { before: Some(9), after: Some(1), ..thread_of(channel, root) };
    assert_eq!(bob.call::<Thread>(&both).await.unwrap_err().code, Code::BadInput);

    // No thread in a thread, and none across channels.
    let nested = reply(&mut bob, channel, "to the answer", Some(first)).await.unwrap_err();
    assert_eq!(nested.code, Code::BadInput);
    let elsewhere = private(&mut bob, "elsewhere").await;
    assert_eq!(reply(&mut bob, elsewhere, "from afar", Some(root)).await.unwrap_err().code, Code::NotFound);

    alice.call::<DeleteMessage>(&OneMessage { channel, id: first }).await.unwrap();
    let page = bob.call::<Thread>(&thread_of(channel, root)).await.unwrap();
    assert_eq!((page.root.replies, page.messages.len()), (4, 5));
    assert!(page.messages[0].deleted, "its tombstone stays");
    // The root's own deletion leaves the thread.
    alice.call::<DeleteMessage>(&OneMessage { channel, id: root }).await.unwrap();
    reply(&mut bob, channel, "answer 6", Some(root)).await.unwrap();
    let page = bob.call::<Thread>(&thread_of(channel, root)).await.unwrap();
    assert_eq!((page.root.deleted, page.root.replies, page.messages.len()), (true, 5, 6));
    // Who was away catches up with the same rows.
    bob.again(&host).await;
    let (_, rows, _) = bob.sync(0).await;
    let seen = messages(&rows).into_iter().find(|row| row.id == root).unwrap();
    assert_eq!(seen, page.root);
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_of_one_id_in_two_channels_stay_apart() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let channel = alice.general().await;
    let root = said(&mut alice, channel, "root").await;
    let elsewhere = private(&mut bob, "elsewhere").await;
    // Ids are unique for each author only.
    let params = SendMessageParams {
        id: root,
        channel: elsewhere,
        text: "another root".into(),
        files: Vec::new(),
        thread: None,
        after: None,
    };
    bob.call::<SendMessage>(&params).await.unwrap();
    let hidden = reply(&mut bob, elsewhere, "hidden", Some(root)).await.unwrap();
    let first = reply(&mut alice, channel, "first", Some(root)).await.unwrap();
    reply(&mut bob, channel, "second", Some(root)).await.unwrap();
    alice.call::<DeleteMessage>(&OneMessage { channel, id: first }).await.unwrap();
    let page = alice.call::<Thread>(&thread_of(channel, root)).await.unwrap();
    assert_eq!((page.root.text.as_str(), page.root.replies, said_in(&page)), ("root", 1, vec!["", "second"]));
    bob.call::<DeleteMessage>(&OneMessage { channel: elsewhere, id: hidden }).await.unwrap();
    let page = bob.call::<Thread>(&thread_of(elsewhere, root)).await.unwrap();
    assert_eq!((page.root.text.as_str(), page.root.replies, page.messages.len()), ("another root", 0, 1));
    assert_eq!(alice.call::<Thread>(&thread_of(channel, root)).await.unwrap().root.replies, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_answer_twice_is_counted_once() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let root = said(&mut alice, channel, "root").await;
    let params = SendMessageParams {
        id: message_id(),
        channel,
        text: "once".into(),
        files: Vec::new(),
        thread: Some(root),
        after: None,
    };
    let first = alice.call::<SendMessage>(&params).await.unwrap();
    assert_eq!(alice.call::<SendMessage>(&params).await.unwrap(), first);
    let page = alice.call::<Thread>(&thread_of(channel, root)).await.unwrap();
    assert_eq!((page.root.replies, page.messages.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_is_told_to_all_kept_by_its_first_setter_and_taken_off_by_anybody() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let channel = alice.general().await;
    let [one, two, three] = [
        said(&mut alice, channel, "one").await,
        said(&mut alice, channel, "two").await,
        said(&mut alice, channel, "three").await,
    ];
    bob.sync(0).await;
    let pinned = alice.call::<Pin>(&OneMessage { channel, id: two }).await.unwrap();
    let told = bob.session.changes().await;
    assert_eq!(messages(&told.rows), std::slice::from_ref(&pinned));
    assert_eq!(pinned.pinned.unwrap().by, alice.id());
    assert_eq!(bob.call::<Pin>(&OneMessage { channel, id: two }).await.unwrap(), pinned);
    bob.call::<Pin>(&OneMessage { channel, id: one }).await.unwrap();
    bob.call::<Pin>(&OneMessage { channel, id: three }).await.unwrap();
    let list = async |person: &mut Person, after| {
        let page = person.call::<Pins>(&PinsParams { channel, after }).await.unwrap();
        assert!(!page.more);
        page.messages.iter().map(|row| row.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(list(&mut alice, 0).await, ["one", "two", "three"]);
    assert_eq!(list(&mut alice, 1).await, ["two", "three"]);
    assert!(bob.call::<Unpin>(&OneMessage { channel, id: two }).await.unwrap().pinned.is_none());
    let gone = alice.call::<DeleteMessage>(&OneMessage { channel, id: three }).await.unwrap();
    assert!(gone.pinned.is_none());
    assert_eq!(list(&mut alice, 0).await, ["one"]);
    let late = bob.call::<Pin>(&OneMessage { channel, id: three }).await;
    assert_eq!(late.unwrap_err().code, Code::BadInput);
}

fn messages(rows: &[Row]) -> Vec<MessageRow> {
    rows.iter().filter_map(|row| if let Row::Message(row) = row { Some(row.clone()) } else { None }).collect()
}

fn said_in(page: &ThreadPage) -> Vec<&str> {
    page.messages.iter().map(|row| row.text.as_str()).collect()
}

/// What somebody keeps, as text and note.
async fn kept(person: &mut Person) -> Vec<(String, String)> {
    let page = person.call::<ListSaved>(&ListSavedParams { before: None, limit: 100 }).await.unwrap();
    assert_eq!(page.next, None);
    page.saved.into_iter().map(|saved| (saved.message.text, saved.note)).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(text, note)| ((*text).to_owned(), (*note).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_keeps_is_for_oneself_and_only_while_one_may_read_it() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let general = alice.general().await;
    let secret = private(&mut alice, "secret").await;
    alice.call::<AddMember>(&AddMemberParams { channel: secret, person: bob.id() }).await.unwrap();
    let [one, two] = [said(&mut alice, general, "one").await, said(&mut alice, secret, "two").await];
    alice.again(&host).await;
    alice.sync(0).await;
    let save = |channel, id, note: Option<&str>| SaveParams { channel, id, note: note.map(str::to_owned) };
    bob.call::<Save>(&save(general, one, Some("for Monday"))).await.unwrap();
    bob.call::<Save>(&save(secret, two, None)).await.unwrap();
    assert!(alice.session.quiet().await, "nobody hears of it");
    assert_eq!(kept(&mut alice).await, []);
    assert_eq!(kept(&mut bob).await, pairs(&[("two", ""), ("one", "for Monday")]));
    // Saved again without a note, the note stays; its place in the list does too.
    bob.call::<Save>(&save(general, one, None)).await.unwrap();
    bob.call::<Save>(&save(secret, two, Some("ask Ana"))).await.unwrap();
    assert_eq!(kept(&mut bob).await, pairs(&[("two", "ask Ana"), ("one", "for Monday")]));
    bob.call::<Save>(&save(secret, two, Some(""))).await.unwrap();
    bob.call::<Save>(&save(general, one, Some("for Tuesday"))).await.unwrap();
    edit(&mut alice, general, one, "one, corrected").await;
    assert_eq!(kept(&mut bob).await, pairs(&[("two", ""), ("one, corrected", "for Tuesday")]));
    let long = save(general, one, Some(&"x".repeat(NOTE_MAX + 1)));
    assert_eq!(bob.call::<Save>(&long).await.unwrap_err().code, Code::BadInput);

    bob.call::<LeaveChannel>(&InChannel { channel: secret }).await.unwrap();
    assert_eq!(kept(&mut bob).await, pairs(&[("one, corrected", "for Tuesday")]));
    alice.call::<AddMember>(&AddMemberParams { channel: secret, person: bob.id() }).await.unwrap();
    assert_eq!(kept(&mut bob).await.len(), 2, "back in the channel, what one kept is there");

    alice.call::<DeleteMessage>(&OneMessage { channel: general, id: one }).await.unwrap();
    assert_eq!(kept(&mut bob).await, pairs(&[("two", ""), ("", "for Tuesday")]), "the note is one's own");
    assert_eq!(alice.call::<Save>(&save(general, one, None)).await.unwrap_err().code, Code::BadInput);
    bob.call::<Unsave>(&OneMessage { channel: general, id: one }).await.unwrap();
    bob.call::<Unsave>(&OneMessage { channel: general, id: one }).await.unwrap();
    assert_eq!(kept(&mut bob).await, pairs(&[("two", "")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_of_kept_messages_comes_in_pages() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    for number in 0..5 {
        let id = said(&mut alice, channel, &format!("{number}")).await;
        alice.call::<Save>(&SaveParams { channel, id, note: None }).await.unwrap();
    }
    let (mut before, mut seen, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = alice.call::<ListSaved>(&ListSavedParams { before, limit: 2 }).await.unwrap();
        seen.extend(page.saved.into_iter().map(|saved| saved.message.text));
        pages += 1;
        let Some(next) = page.next else { break };
        before = Some(next);
    }
    assert_eq!((seen.join(" "), pages), ("4 3 2 1 0".into(), 3));
}

async fn ask(
    person: &mut Person,
    channel: ChannelId,
    options: &[&str],
    multiple: bool,
) -> Result<MessageRow, ErrorBody> {
    let options = options.iter().map(|option| (*option).to_owned()).collect();
    let params = CreatePollParams { id: message_id(), channel, question: "which day?".into(), options, multiple };
    person.call::<CreatePoll>(&params).await
}

/// Who chose what, in the order they did.
fn votes(row: &MessageRow) -> Vec<(AccountId, Vec<u32>)> {
    row.poll.as_ref().unwrap().votes.iter().map(|vote| (vote.person, vote.choices.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_has_one_vote_that_can_be_changed_and_withdrawn_until_the_author_closes() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let channel = alice.general().await;
    let (a, b) = (alice.id(), bob.id());
    bob.sync(0).await;
    let asked = ask(&mut alice, channel, &["Monday", " Friday "], false).await.unwrap();
    let id = asked.id;
    assert_eq!(messages(&bob.session.changes().await.rows), std::slice::from_ref(&asked));
    assert_eq!(asked.poll.as_ref().unwrap().options, ["Monday", "Friday"]);
    let vote = |choices: &[u32]| CastVoteParams { channel, id, choices: choices.to_vec() };
    alice.call::<CastVote>(&vote(&[0])).await.unwrap();
    let row = bob.call::<CastVote>(&vote(&[1, 1])).await.unwrap();
    assert_eq!(votes(&row), [(a, vec![0]), (b, vec![1])]);
    // The same again is no news.
    assert_eq!(bob.call::<CastVote>(&vote(&[1])).await.unwrap(), row);
    let row = alice.call::<CastVote>(&vote(&[1])).await.unwrap();
    assert_eq!(votes(&row), [(b, vec![1]), (a, vec![1])]);
    let row = bob.call::<CastVote>(&vote(&[])).await.unwrap();
    assert_eq!(votes(&row), [(a, vec![1])]);
    for wrong in [&[0, 1][..], &[2], &[u32::MAX]] {
        assert_eq!(bob.call::<CastVote>(&vote(wrong)).await.unwrap_err().code, Code::BadInput, "{wrong:?}");
    }
    let edit = EditMessageParams { channel, id, text: "which night?".into() };
    assert_eq!(alice.call::<EditMessage>(&edit).await.unwrap_err().code, Code::BadInput);

    assert_eq!(bob.call::<ClosePoll>(&OneMessage { channel, id }).await.unwrap_err().code, Code::Denied);
    let closed = alice.call::<ClosePoll>(&OneMessage { channel, id }).await.unwrap();
    assert!(closed.poll.as_ref().unwrap().closed.is_some());
    assert_eq!(alice.call::<ClosePoll>(&OneMessage { channel, id }).await.unwrap(), closed);
    assert_eq!(bob.call::<CastVote>(&vote(&[0])).await.unwrap_err().code, Code::BadInput);
    // Every device hears the result, also one that was away.
    bob.again(&host).await;
    let (_, rows, _) = bob.sync(0).await;
    assert_eq!(messages(&rows), [closed]);
    let gone = alice.call::<DeleteMessage>(&OneMessage { channel, id }).await.unwrap();
    assert!(gone.poll.is_none());
    assert_eq!(bob.call::<CastVote>(&vote(&[0])).await.unwrap_err().code, Code::BadInput);
    let plain = said(&mut alice, channel, "no poll").await;
    let refused = bob.call::<CastVote>(&CastVoteParams { channel, id: plain, choices: vec![0] }).await;
    assert_eq!(refused.unwrap_err().code, Code::BadInput);
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_of_several_choices_are_made_once_found_by_their_options_and_checked() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let many: Vec<String> = (0..21).map(|number| format!("option {number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = "x".repeat(OPTION_MAX + 1);
    for wrong in [&["one"][..], &["same", "same "], &["", "b"], &["a\nb", "c"], &[&long, "b"], &many] {
        assert_eq!(ask(&mut alice, channel, wrong, true).await.unwrap_err().code, Code::BadInput, "{wrong:?}");
    }
    let mut params = CreatePollParams {
        id: message_id(),
        channel,
        question: "which colours?".into(),
        options: vec!["vermilion".into(), "ultramarine".into()],
        multiple: true,
    };
    let row = alice.call::<CreatePoll>(&params).await.unwrap();
    assert_eq!(alice.call::<CreatePoll>(&params).await.unwrap(), row);
    let vote = CastVoteParams { channel, id: row.id, choices: vec![1, 0] };
    assert_eq!(votes(&alice.call::<CastVote>(&vote).await.unwrap()), [(alice.id(), vec![0, 1])]);
    params.options.push("ochre".into());
    assert_eq!(alice.call::<CreatePoll>(&params).await.unwrap_err().code, Code::Conflict);
    let text = SendMessageParams {
        id: row.id,
        channel,
        text: "which colours?".into(),
        files: Vec::new(),
        thread: None,
        after: None,
    };
    assert_eq!(alice.call::<SendMessage>(&text).await.unwrap_err().code, Code::Conflict);
    let find = |words: &str| SearchParams { words: words.into(), ..SearchParams::default() };
    for words in ["ultramarine", "colours", "vermil*"] {
        assert_eq!(alice.call::<Search>(&find(words)).await.unwrap().messages.len(), 1, "{words}");
    }
    alice.call::<DeleteMessage>(&OneMessage { channel, id: row.id }).await.unwrap();
    assert!(alice.call::<Search>(&find("ultramarine")).await.unwrap().messages.is_empty());
}
