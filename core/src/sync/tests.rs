mod background;
mod damaged;
mod lines;
mod networks;
mod rogue;
mod waiting;

use super::*;
use crate::cache::Me;
use crate::local::tests::{account, waiting};
use crate::profile::memory::MemoryStore;
use crate::profile::{Unlock, Vault};
use crate::view::Window;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;
use thechatapp_protocol::event::{ChannelRole, ChannelRow, DraftRow, MemberRow, MessageRow};
use thechatapp_protocol::methods::drafts::{DraftPut, PutDraftParams};
use thechatapp_protocol::methods::messages::{HistoryParams, Page, SendMessageParams, Sent};
use thechatapp_protocol::{Changes, Code, ErrorBody, Timestamp, wire};
use tokio::task::JoinHandle;

const CHANNEL: ChannelId = ChannelId(uuid::Uuid::from_bytes([5; 16]));

type Answers = dyn Fn(&str, &[u8]) -> Result<Vec<u8>> + Send + Sync;

/// Stands where a session stands, for what needs no server.
#[derive(Clone)]
struct Fake(Arc<Answers>);

impl Caller for Fake {
    async fn call<M: Method>(&self, params: M::Params) -> Result<M::Reply>
    where
        M::Params: Sync,
    {
        let params = wire::encode(&params).unwrap();
        tokio::task::yield_now().await;
        Ok(wire::decode(&(self.0)(M::NAME, &params)?).unwrap())
    }
}

fn refuse(code: Code) -> Error {
    Error::Refused(ErrorBody::new(code, "no", "because", "do"))
}

/// The part of a server that takes messages: idempotent by id, numbers in order of arrival.
#[derive(Default)]
struct Server {
    taken: Mutex<(Vec<String>, BTreeMap<MessageId, Sent>)>,
}

impl Server {
    fn send(&self, params: &[u8]) -> Result<Vec<u8>> {
        let params: SendMessageParams = wire::decode(params).unwrap();
        let mut taken = self.taken.lock().unwrap();
        let next = taken.0.len() as u64 + 1;
        let sent = *taken.1.entry(params.id).or_insert(Sent {
            seq: next,
            at: Timestamp(1000 + next as i64),
            change: 100 + next,
        });
        if sent.seq == next {
            taken.0.push(params.text);
        }
        Ok(wire::encode(&sent).unwrap())
    }

    fn texts(&self) -> Vec<String> {
        self.taken.lock().unwrap().0.clone()
    }
}

struct Place {
    folder: tempfile::TempDir,
    shared: Shared,
}

async fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let platform = crate::testing::platform(Arc::new(MemoryStore::new()));
    let path = folder.path().join("p");
    let profile = Profile::create(&path, Unlock::SecureStorage, Vault::new(&platform)).await.unwrap();
    let local =
        Local::open(&profile.local_path(), profile.local_key(), profile.profile_key().clone(), true).await.unwrap();
    local.put_account(&account()).await.unwrap();
    let router = Router::new(platform.network.clone(), platform.clock.clone(), Vec::new());
    let (local, profile, events) = (Arc::new(local), Arc::new(profile), Arc::new(Events::default()));
    let shared = Shared { local, profile, platform, router, events, wipes: Arc::default(), renewing: Arc::default() };
    Place { folder, shared }
}

impl Place {
    async fn workspace(&self) -> Running {
        let me = Me { id: account().person, name: "Inês".into(), workspace: "acme".into() };
        let cache = Cache::open(&self.folder.path().join("cache.db"), &[3; 32], me).await.unwrap();
        let rows = vec![
            Row::Channel(ChannelRow::plain(CHANNEL, "general", Timestamp(1), 1)),
            Row::Member(MemberRow {
                channel: CHANNEL,
                person: account().person,
                joined: true,
                role: ChannelRole::Member,
                change: 2,
            }),
        ];
        cache.apply(Changes { rows, to: 2, live: true }, true).await.unwrap();
        Workspace::run(cache, account(), self.shared.clone())
    }
}

/// An outbox task of its own, whose sessions the test gives.
fn sender(workspace: &Arc<Workspace>) -> (watch::Sender<Option<Fake>>, mpsc::UnboundedSender<outbox::Order>) {
    let (sessions, seen) = watch::channel(None);
    let (orders, inbox) = mpsc::unbounded_channel();
    tokio::spawn(outbox::run(Arc::clone(workspace), seen, inbox));
    (sessions, orders)
}

async fn queue(workspace: &Workspace, n: u8, text: &str) -> Waiting {
    workspace.local.queue(workspace.id, waiting(n, text)).await.unwrap()
}

async fn until_sent(workspace: &Workspace) {
    let mut changes = workspace.changes();
    let empty = async {
        while workspace.local.waiting_count(workspace.id).await.unwrap() > 0 {
            let _ = tokio::time::timeout(Duration::from_millis(50), changes.changed()).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), empty).await.unwrap();
}

async fn shown(workspace: &Workspace) -> Vec<String> {
    let part = workspace.cache.part(CHANNEL, Window::Latest, 500, Vec::new()).await.unwrap().unwrap();
    part.messages.into_iter().map(|message| message.text).collect()
}

#[tokio::test]
async fn what_waits_goes_out_in_order_and_is_then_in_the_cache() {
    let place = place().await;
    let running = place.workspace().await;
    let workspace = &running.workspace;
    let texts: Vec<String> = (0..100).map(|n| format!("message {n}")).collect();
    for (n, text) in texts.iter().enumerate().take(50) {
        queue(workspace, n as u8 + 1, text).await;
    }
    let server = Arc::new(Server::default());
    let (sessions, orders) = sender(workspace);
    let answers = server.clone();
    sessions.send_replace(Some(Fake(Arc::new(move |_, params| answers.send(params)))));
    for (n, text) in texts.iter().enumerate().skip(50) {
        let message = queue(workspace, n as u8 + 1, text).await;
        orders.send(outbox::Order::Send(message)).unwrap();
    }
    until_sent(workspace).await;
    assert_eq!(server.texts(), texts);
    assert_eq!(shown(workspace).await, texts);
}

#[tokio::test]
async fn killed_between_the_two_commits_a_message_is_neither_lost_nor_doubled() {
    let place = place().await;
    let running = place.workspace().await;
    let workspace = &running.workspace;
    let message = queue(workspace, 1, "once").await;
    let server = Arc::new(Server::default());
    let params = SendMessageParams {
        id: message.id,
        channel: CHANNEL,
        text: "once".into(),
        files: Vec::new(),
        thread: None,
        after: None,
    };
    let sent: Sent = wire::decode(&server.send(&wire::encode(&params).unwrap()).unwrap()).unwrap();
    let row = MessageRow::plain(CHANNEL, sent.seq, message.id, workspace.me, sent.at, "once", sent.change);
    // The first commit happened, the second did not.
    workspace.cache.apply_aside(vec![Row::Message(row)]).await.unwrap();
    let part = workspace.cache.part(CHANNEL, Window::Latest, 9, vec![message.id]).await.unwrap().unwrap();
    assert_eq!((part.messages.len(), part.here.len()), (1, 1));
    let (sessions, _orders) = sender(workspace);
    let answers = server.clone();
    sessions.send_replace(Some(Fake(Arc::new(move |_, params| answers.send(params)))));
    until_sent(workspace).await;
    assert_eq!(shown(workspace).await, ["once"]);
    assert_eq!(server.texts(), ["once"]);
}

#[tokio::test]
async fn a_refused_message_stays_with_its_reason_and_does_not_hold_up_others() {
    let place = place().await;
    let running = place.workspace().await;
    let workspace = &running.workspace;
    let bad = queue(workspace, 1, "bad").await;
    queue(workspace, 2, "good").await;
    let server = Arc::new(Server::default());
    let (sessions, _orders) = sender(workspace);
    let answers = server.clone();
    sessions.send_replace(Some(Fake(Arc::new(move |_, params| {
        let asked: SendMessageParams = wire::decode(params).unwrap();
        if asked.text == "bad" { Err(refuse(Code::Denied)) } else { answers.send(params) }
    }))));
    until_sent(workspace).await;
    let failed = workspace.local.waiting(bad.id).await.unwrap().unwrap();
    assert_eq!(failed.failure.as_deref(), Some("no: because"));
    assert_eq!(shown(workspace).await, ["good"]);
}

#[tokio::test]
async fn a_busy_server_or_a_lost_session_delays_and_never_drops() {
    let place = place().await;
    let running = place.workspace().await;
    let workspace = &running.workspace;
    for n in 1..=5 {
        queue(workspace, n, &n.to_string()).await;
    }
    let server = Arc::new(Server::default());
    let (sessions, _orders) = sender(workspace);
    sessions.send_replace(Some(Fake(Arc::new(|_, _| Err(Error::Offline { why: "gone".into() })))));
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(workspace.local.waiting_count(workspace.id).await.unwrap(), 5);
    let (answers, first) = (server.clone(), AtomicBool::new(true));
    sessions.send_replace(Some(Fake(Arc::new(move |name, params| {
        if name == "messages.send" && first.load(Ordering::SeqCst) {
            let asked: SendMessageParams = wire::decode(params).unwrap();
            if asked.text == "5" {
                first.store(false, Ordering::SeqCst);
            }
            return Err(refuse(Code::Busy));
        }
        answers.send(params)
    }))));
    until_sent(workspace).await;
    assert_eq!(server.texts(), ["1", "2", "3", "4", "5"]);
}

fn numbered(seq: u64) -> MessageRow {
    MessageRow::plain(
        CHANNEL,
        seq,
        MessageId::from_parts(seq, &[1; 10]),
        AccountId::from_bytes([9; 16]),
        Timestamp(seq as i64),
        format!("number {seq}"),
        seq + 10,
    )
}

#[tokio::test]
async fn a_gap_is_filled_whatever_the_size_of_the_pages() {
    let place = place().await;
    let running = place.workspace().await;
    let cache = &running.workspace.cache;
    let rows = vec![Row::Message(numbered(5000))];
    cache.apply(Changes { rows, to: 5010, live: true }, false).await.unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let fake = Fake(Arc::new(move |_, params| {
        let asked: HistoryParams = wire::decode(params).unwrap();
        let after = asked.after.unwrap();
        log.lock().unwrap().push(after);
        let count = u64::from(asked.limit).min(700);
        let messages = (after + 1..=(after + count).min(5000)).map(numbered).collect();
        Ok(wire::encode(&Page { messages, head: 5000 }).unwrap())
    }));
    let gaps = cache.channel_state(CHANNEL).await.unwrap().unwrap().gaps;
    assert_eq!(gaps.all(), [(1, 4999)]);
    let mut settled = 0;
    let came =
        history::fetch(cache, &fake, CHANNEL, gaps.all().to_vec(), &mut |_, count| settled += count).await.unwrap();
    assert_eq!((came, settled), (4999, 4999));
    // The newest page was asked for first.
    assert_eq!(asked.lock().unwrap()[0], 2999);
    let state = cache.channel_state(CHANNEL).await.unwrap().unwrap();
    assert!(state.gaps.all().is_empty());
    assert_eq!(shown(&running.workspace).await.len(), 500);
}

#[tokio::test]
async fn what_came_before_the_line_broke_stays() {
    let place = place().await;
    let running = place.workspace().await;
    let cache = &running.workspace.cache;
    cache.apply(Changes { rows: vec![Row::Message(numbered(5000))], to: 5010, live: true }, false).await.unwrap();
    let fake = Fake(Arc::new(|_, params| {
        let after = wire::decode::<HistoryParams>(params).unwrap().after.unwrap();
        if after == 0 {
            return Err(Error::Offline { why: "gone".into() });
        }
        Ok(wire::encode(&Page { messages: (after + 1..=after + 2000).map(numbered).collect(), head: 5000 }).unwrap())
    }));
    let mut settled = 0;
    let broke = history::fetch(cache, &fake, CHANNEL, vec![(1, 4999)], &mut |_, count| settled += count).await;
    assert!(matches!(broke, Err(Error::Offline { .. })));
    assert_eq!(settled, 4000);
    assert_eq!(cache.channel_state(CHANNEL).await.unwrap().unwrap().gaps.all(), [(1, 999)]);
}

#[tokio::test]
async fn the_profile_is_free_once_everything_is_stopped() {
    let Place { folder, shared } = place().await;
    let place = Place { folder, shared: shared.clone() };
    place.workspace().await.stop().await.unwrap();
    let Place { folder, shared: again } = place;
    drop(again);
    let Shared { local, profile, platform, router: _, events, wipes: _, renewing: _ } = shared;
    drop((platform, events));
    Arc::try_unwrap(local).unwrap().close().await.unwrap();
    assert!(Arc::try_unwrap(profile).is_ok());
    drop(folder);
}

#[tokio::test]
async fn a_draft_goes_out_once_and_what_another_device_typed_is_answered() {
    let place = place().await;
    let running = place.workspace().await;
    let workspace = Arc::clone(&running.workspace);
    let puts: Arc<Mutex<Vec<(String, u64)>>> = Arc::default();
    let seen = Arc::clone(&puts);
    let server = Fake(Arc::new(move |_, params| {
        let put: PutDraftParams = wire::decode(params).unwrap();
        let mut seen = seen.lock().unwrap();
        seen.push((put.text.clone(), put.base));
        // Another device was first once.
        let first = seen.len() == 1;
        let text = if first { "hers".to_owned() } else { put.text };
        let tokens = if first { vec![1] } else { vec![1, put.token] };
        let revision = put.base + 1;
        let draft = DraftRow { channel: put.channel, thread: None, text, revision, tokens, change: 0 };
        Ok(wire::encode(&DraftPut { accepted: !first, draft }).unwrap())
    }));
    let spot = crate::local::DraftPlace { channel: CHANNEL, thread: None };
    for text in ["m", "mi", "min", "mine"] {
        workspace.local.save_draft(workspace.id, spot, text.into(), Timestamp(1)).await.unwrap();
    }
    let mut changes = workspace.changes();
    let sessions = watch::Sender::new(Some(server));
    let (_orders, inbox) = mpsc::unbounded_channel();
    let task = tokio::spawn(drafts::run(Arc::clone(&workspace), sessions.subscribe(), inbox));
    while workspace.local.drafts_wait(workspace.id).await.unwrap() {
        changes.changed().await.unwrap();
    }
    assert_eq!(*puts.lock().unwrap(), [("mine".to_owned(), 0), ("mine".to_owned(), 1)]);
    assert_eq!(workspace.local.draft(workspace.id, spot).await.unwrap(), "mine");
    assert_eq!(workspace.local.earlier_drafts(workspace.id).await.unwrap()[0].text, "hers");
    task.abort();
}
