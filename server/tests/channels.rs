//! Looking after channels: names, the archive, who is taken out, what is removed, and the directory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use support::{Host, Person, channel_id, message_id, texts};
use thechatapp_protocol::event::{ChannelKind, ChannelRole, Row};
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::moderation::RemoveMessage;
use thechatapp_protocol::methods::polls::*;
use thechatapp_protocol::{ChannelId, Code, ErrorBody};

async fn make(who: &mut Person, name: &str, kind: ChannelKind) -> ChannelId {
    let id = channel_id();
    who.call::<CreateChannel>(&CreateChannelParams { id, name: name.into(), kind }).await.unwrap();
    id
}

fn code<T: std::fmt::Debug>(answer: Result<T, ErrorBody>) -> Code {
    answer.unwrap_err().code
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_channel_is_read_and_nothing_in_it_changes_until_it_is_taken_out() {
    let host = Host::start().await;
    let (mut mia, mut bob) = (host.join("mia").await, host.join("bob").await);
    let channel = make(&mut mia, "plans", ChannelKind::Public).await;
    bob.call::<JoinChannel>(&InChannel { channel }).await.unwrap();
    let id = message_id();
    let send = |id| SendMessageParams { id, channel, text: "hi".into(), files: Vec::new(), thread: None, after: None };
    bob.call::<SendMessage>(&send(id)).await.unwrap();
    let options = vec!["a".to_owned(), "b".to_owned()];
    let poll = CreatePollParams { id: message_id(), channel, question: "?".into(), options, multiple: false };
    bob.call::<CreatePoll>(&poll).await.unwrap();
    assert_eq!(code(bob.call::<ArchiveChannel>(&ArchiveChannelParams { channel, on: true }).await), Code::Denied);
    bob.sync(0).await;
    assert!(mia.call::<ArchiveChannel>(&ArchiveChannelParams { channel, on: true }).await.unwrap().archived);
    // Everybody who sees it learns it at once.
    let told = bob.session.changes().await.rows;
    assert!(told.iter().any(|row| matches!(row, Row::Channel(row) if row.id == channel && row.archived)));

    let mut eve = host.join("eve").await;
    let one = OneMessage { channel, id };
    let edit = EditMessageParams { channel, id, text: "ho".into() };
    let react = ReactParams { channel, id, emoji: "👍".into(), on: true };
    let vote = CastVoteParams { channel, id: poll.id, choices: vec![0] };
    let refused = [
        code(bob.call::<SendMessage>(&send(message_id())).await),
        code(bob.call::<EditMessage>(&edit).await),
        code(bob.call::<React>(&react).await),
        code(bob.call::<Pin>(&one).await),
        code(bob.call::<Unpin>(&one).await),
        code(bob.call::<CastVote>(&vote).await),
        code(bob.call::<ClosePoll>(&OneMessage { channel, id: poll.id }).await),
        code(bob.call::<SetTopic>(&SetTopicParams { channel, topic: "t".into() }).await),
        code(mia.call::<RenameChannel>(&RenameChannelParams { channel, name: "other".into() }).await),
        code(mia.call::<AddMember>(&AddMemberParams { channel, person: eve.id() }).await),
        code(eve.call::<JoinChannel>(&InChannel { channel }).await),
    ];
    assert_eq!(refused, [Code::Denied; 11]);
    let page = HistoryParams { channel, before: None, after: None, limit: 10 };
    assert_eq!(eve.call::<History>(&page).await.unwrap().messages.len(), 2, "it is read still");
    // What one wrote stays one's own to take back.
    bob.call::<DeleteMessage>(&one).await.unwrap();
    mia.call::<ArchiveChannel>(&ArchiveChannelParams { channel, on: false }).await.unwrap();
    eve.call::<JoinChannel>(&InChannel { channel }).await.unwrap();
    eve.call::<SendMessage>(&send(message_id())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn archiving_writing_and_deleting_at_once_leaves_what_was_acknowledged_and_no_more() {
    let host = Host::start().await;
    let (mut mia, mut bob) = (host.join("mia").await, host.join("bob").await);
    let channel = make(&mut mia, "busy", ChannelKind::Public).await;
    bob.call::<JoinChannel>(&InChannel { channel }).await.unwrap();
    let writing = tokio::spawn(async move {
        let (mut sent, mut deleted) = (Vec::new(), 0);
        for number in 0..120 {
            let id = message_id();
            let params =
                SendMessageParams { id, channel, text: format!("m{number}"), files: vec![], thread: None, after: None };
            match bob.call::<SendMessage>(&params).await {
                Ok(_) => sent.push(id),
                Err(body) => assert_eq!(body.code, Code::Denied),
            }
            if number % 3 == 0
                && let Some(last) = sent.pop()
            {
                bob.call::<DeleteMessage>(&OneMessage { channel, id: last }).await.unwrap();
                deleted += 1;
            }
        }
        (sent, deleted)
    });
    for round in 0..30 {
        mia.call::<ArchiveChannel>(&ArchiveChannelParams { channel, on: round % 2 == 0 }).await.unwrap();
        tokio::task::yield_now().await;
    }
    let (sent, deleted) = writing.await.unwrap();
    let page = HistoryParams { channel, before: None, after: Some(0), limit: 200 };
    let messages = mia.call::<History>(&page).await.unwrap().messages;
    let there: Vec<_> = messages.iter().filter(|message| !message.deleted).map(|message| message.id).collect();
    assert_eq!(there, sent);
    assert_eq!(messages.len(), sent.len() + deleted);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_taken_out_hears_nothing_of_it_any_more() {
    let host = Host::start().await;
    let (mut mia, mut bob) = (host.join("mia").await, host.join("bob").await);
    let channel = make(&mut mia, "inner", ChannelKind::Private).await;
    mia.call::<AddMember>(&AddMemberParams { channel, person: bob.id() }).await.unwrap();
    bob.sync(0).await;
    let out = RemoveMemberParams { channel, person: bob.id() };
    assert_eq!(code(bob.call::<RemoveMember>(&RemoveMemberParams { channel, person: mia.id() }).await), Code::Denied);
    assert!(!mia.call::<RemoveMember>(&out).await.unwrap().joined);
    assert_eq!(code(mia.call::<RemoveMember>(&out).await), Code::BadInput, "once is enough");
    mia.send(channel, "among us").await.unwrap();
    let general = mia.general().await;
    mia.send(general, "to all").await.unwrap();
    let mut heard = Vec::new();
    while !texts(&heard).contains(&"to all".to_owned()) {
        heard.extend(bob.session.changes().await.rows);
    }
    assert!(heard.iter().any(|row| matches!(row, Row::Member(row) if row.person == bob.id() && !row.joined)));
    assert!(!texts(&heard).contains(&"among us".to_owned()));
    let page = HistoryParams { channel, before: None, after: None, limit: 10 };
    assert_eq!(code(bob.call::<History>(&page).await), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn moderators_name_anew_and_remove_and_others_do_not() {
    let host = Host::start().await;
    let (mut mia, mut bob) = (host.join("mia").await, host.join("bob").await);
    let channel = make(&mut mia, "one", ChannelKind::Public).await;
    make(&mut mia, "two", ChannelKind::Public).await;
    bob.call::<JoinChannel>(&InChannel { channel }).await.unwrap();
    let rename = |name: &str| RenameChannelParams { channel, name: name.into() };
    assert_eq!(code(bob.call::<RenameChannel>(&rename("three")).await), Code::Denied);
    assert_eq!(code(mia.call::<RenameChannel>(&rename("TWO")).await), Code::Conflict);
    assert_eq!(code(mia.call::<RenameChannel>(&rename("no good")).await), Code::BadInput);
    assert_eq!(mia.call::<RenameChannel>(&rename("#three")).await.unwrap().name, "three");
    let id = message_id();
    let send = SendMessageParams { id, channel, text: "rude".into(), files: Vec::new(), thread: None, after: None };
    mia.call::<SendMessage>(&send).await.unwrap();
    let one = OneMessage { channel, id };
    assert_eq!(code(bob.call::<RemoveMessage>(&one).await), Code::Denied);
    let role = SetChannelRoleParams { channel, person: bob.id(), role: ChannelRole::Moderator };
    mia.call::<SetChannelRole>(&role).await.unwrap();
    let removed = bob.call::<RemoveMessage>(&one).await.unwrap();
    assert!(removed.deleted && removed.text.is_empty() && removed.author == mia.id());
    assert_eq!(bob.call::<RemoveMessage>(&one).await.unwrap(), removed, "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_lists_public_channels_page_by_page() {
    let host = Host::start().await;
    let (mut mia, mut bob) = (host.join("mia").await, host.join("bob").await);
    let mut made = Vec::new();
    for name in ["Café", "cafeteria", "tea"] {
        made.push(make(&mut mia, name, ChannelKind::Public).await);
    }
    make(&mut mia, "cafe-hidden", ChannelKind::Private).await;
    mia.call::<ArchiveChannel>(&ArchiveChannelParams { channel: made[1], on: true }).await.unwrap();
    let list = |words: &str, archived| DirectoryParams { words: words.into(), archived, after: None, limit: 50 };
    let names = |page: DirectoryPage| page.channels.into_iter().map(|one| one.channel.name).collect::<Vec<_>>();
    assert_eq!(names(bob.call::<Directory>(&list("", false)).await.unwrap()), ["general", "Café", "tea"]);
    assert_eq!(names(bob.call::<Directory>(&list("CAF", true)).await.unwrap()), ["Café", "cafeteria"]);
    let (mut after, mut all) = (None, Vec::new());
    loop {
        let params = DirectoryParams { after, limit: 1, archived: true, ..DirectoryParams::default() };
        let page = bob.call::<Directory>(&params).await.unwrap();
        after = page.channels.last().map(|one| one.channel.id);
        let more = page.more;
        all.extend(page.channels);
        if !more {
            break;
        }
    }
    let counts: Vec<_> = all.iter().map(|one| (one.members, one.joined)).collect();
    assert_eq!(counts, [(2, true), (1, false), (1, false), (1, false)]);
}
