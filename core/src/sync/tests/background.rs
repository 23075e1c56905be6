//! What is missing comes by itself, also when it began to be missing amid a session, or could not be had at once.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

const HEAD: u64 = 300;

/// A workspace that is online and wants all of the past, at a server that has so many messages.
async fn eager(place: &Place, refusals: Vec<ErrorBody>) -> (Running, Arc<AtomicUsize>) {
    let running = place.workspace().await;
    let workspace = &running.workspace;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let session = Session::answered_by(move |name, params| {
        assert_eq!(name, "messages.history");
        if let Some(refusal) = refusals.get(counted.fetch_add(1, Ordering::SeqCst)) {
            return Err(refusal.clone());
        }
        let asked: HistoryParams = wire::decode(params).unwrap();
        let after = asked.after.unwrap();
        let messages = (after + 1..=(after + u64::from(asked.limit)).min(HEAD)).map(numbered).collect();
        Ok(wire::encode(&Page { messages, head: HEAD }).unwrap())
    });
    workspace.eager.store(true, Ordering::SeqCst);
    workspace.session.send_replace(Some(session));
    workspace.set_connection(Connection::Online);
    (running, asked)
}

async fn until_whole(workspace: &Workspace) {
    let mut changes = workspace.changes();
    while !workspace.cache.channel_state(CHANNEL).await.unwrap().unwrap().gaps.all().is_empty() {
        changes.changed().await.unwrap();
    }
    assert_eq!(shown(workspace).await.len() as u64, HEAD);
}

async fn take(workspace: &Workspace, row: Row, to: u64) {
    let changes = Changes { rows: vec![row], to, live: true };
    workspace.settle(workspace.cache.apply(changes, false).await.unwrap()).await.unwrap();
}

fn membership(joined: bool, change: u64) -> Row {
    let person = account().person;
    Row::Member(MemberRow { channel: CHANNEL, person, joined, role: ChannelRole::Member, change })
}

#[tokio::test]
async fn the_past_of_a_channel_that_one_joins_comes_in_the_same_session() {
    let place = place().await;
    let (running, _) = eager(&place, Vec::new()).await;
    let workspace = &running.workspace;
    take(workspace, membership(false, 20), 20).await;
    let row = ChannelRow { head: HEAD, ..ChannelRow::plain(CHANNEL, "general", Timestamp(1), 21) };
    take(workspace, Row::Channel(row), 21).await;
    take(workspace, membership(true, 22), 22).await;
    until_whole(workspace).await;
}

#[tokio::test]
async fn what_a_stream_leaves_out_comes_in_the_same_session() {
    let place = place().await;
    let (running, _) = eager(&place, Vec::new()).await;
    take(&running.workspace, Row::Message(numbered(HEAD)), HEAD + 10).await;
    until_whole(&running.workspace).await;
}

#[tokio::test]
async fn a_server_that_asks_for_patience_is_asked_again() {
    let place = place().await;
    let busy = ErrorBody { seconds: Some(0), ..ErrorBody::new(Code::Busy, "busy", "so it is", "wait") };
    let (running, asked) = eager(&place, vec![busy; 3]).await;
    take(&running.workspace, Row::Message(numbered(HEAD)), HEAD + 10).await;
    until_whole(&running.workspace).await;
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}
