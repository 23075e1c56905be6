use super::*;

fn workspace() -> WorkspaceId {
    WorkspaceId::from_bytes([1; 16])
}

fn messages(n: u16, from: u64) -> ClientEvent {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&n.to_be_bytes());
    ClientEvent::Messages { workspace: workspace(), channel: ChannelId::from_bytes(id), from }
}

#[tokio::test]
async fn the_same_event_is_said_once_with_its_lowest_number() {
    let events = Events::default();
    for from in [9, 0, 4, 7] {
        events.push(messages(1, from));
        events.push(ClientEvent::Channels { workspace: workspace() });
    }
    assert_eq!(events.next().await, [ClientEvent::Channels { workspace: workspace() }, messages(1, 4)]);
}

#[tokio::test]
async fn too_much_is_said_as_resync_and_nothing_else() {
    let events = Events::default();
    for n in 0..2000 {
        events.push(messages(n, 1));
    }
    assert_eq!(events.next().await, [ClientEvent::Resync]);
    events.push(messages(1, 1));
    assert_eq!(events.next().await, [messages(1, 1)]);
}

#[tokio::test]
async fn damage_is_said_first_and_whatever_else_there_is_too_much_of() {
    let events = Events::default();
    let damage = || ClientEvent::Damaged { file: "local.db".into(), why: "a page does not open".into() };
    events.push(ClientEvent::Workspaces);
    events.push(damage());
    assert_eq!(events.next().await, [damage(), ClientEvent::Workspaces]);
    for before in [0, 2000] {
        (0..before).for_each(|n| events.push(messages(n, 1)));
        events.push(damage());
        (before..2000).for_each(|n| events.push(messages(n, 1)));
        assert_eq!(events.next().await, [damage(), ClientEvent::Resync]);
    }
}

#[tokio::test]
async fn who_waits_is_woken() {
    let events = std::sync::Arc::new(Events::default());
    let waiter = tokio::spawn({
        let events = events.clone();
        async move { events.next().await }
    });
    tokio::task::yield_now().await;
    events.push(ClientEvent::Workspaces);
    assert_eq!(waiter.await.unwrap(), [ClientEvent::Workspaces]);
}

#[tokio::test]
async fn a_draft_of_a_thread_is_told_apart_from_that_of_its_channel() {
    let events = Events::default();
    let channel = ChannelId::from_bytes([5; 16]);
    let draft = |thread| ClientEvent::Draft { workspace: workspace(), channel, thread };
    let thread = Some(MessageId::from_bytes([6; 16]));
    for event in [draft(None), draft(thread), draft(None)] {
        events.push(event);
    }
    assert_eq!(events.next().await, [draft(None), draft(thread)]);
}
