//! Everything that people can read, each thing by itself: what it is, or why it cannot be read.

use super::support::{Session, get};
use super::world::{World, request};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::http::{file_path, identity_path};
use thechatapp_protocol::identity::{Pin, SignedDocument, Unverified};
use thechatapp_protocol::methods::account::{Nothing, WhoAmI};
use thechatapp_protocol::methods::devices::ListDevices;
use thechatapp_protocol::methods::files::{OpenFile, OpenFileParams};
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::saved::{ListSaved, ListSavedParams};
use thechatapp_protocol::methods::sync::{StartSync, StartSyncParams};
use thechatapp_protocol::session::{Kind, StaticKey};
use thechatapp_protocol::wire::{decode, encode};
use thechatapp_protocol::{ChannelId, ErrorBody, Event, FileId, MessageId, Method, Row, WorkspaceId};
use thechatapp_seal::{Context, Key, open};
use thechatapp_server::Running;

/// What of a workspace is asked for.
pub struct Known {
    pub channels: Vec<ChannelId>,
    pub edited: (ChannelId, MessageId),
    pub thread: MessageId,
    pub files: Vec<FileId>,
}

/// Who asks.
pub struct Who {
    pub workspace: &'static str,
    pub pin: Pin,
    pub id: WorkspaceId,
    pub device: Arc<StaticKey>,
    pub known: Known,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Read(Vec<u8>),
    Failed(String),
}

/// By `workspace/thing`.
pub type Reading = BTreeMap<String, Item>;

const PATIENCE: Duration = Duration::from_secs(30);

pub fn port(running: &Running) -> u16 {
    running.url.rsplit(':').next().unwrap().parse().unwrap()
}

pub async fn everything(world: &World, running: &Running) -> Reading {
    let mut reading = Reading::new();
    for who in &world.people {
        let mut asking = Asking { who, port: port(running), session: Err(String::new()) };
        asking.session = tokio::time::timeout(PATIENCE, asking.enter()).await.expect("the server answers");
        for (name, item) in asking.all().await {
            let item = item.map_or_else(Item::Failed, Item::Read);
            reading.insert(format!("{}/{name}", who.workspace), item);
        }
    }
    reading
}

struct Asking<'a> {
    who: &'a Who,
    port: u16,
    session: Result<Session, String>,
}

type Asked = Result<Vec<u8>, String>;

fn words(body: &ErrorBody) -> String {
    format!("{}: {}", body.what, body.why)
}

impl Asking<'_> {
    async fn enter(&self) -> Result<Session, String> {
        let (code, body) = get(self.port, &identity_path(self.who.workspace)).await;
        if code != 200 {
            let body: ErrorBody = serde_json::from_slice(&body).unwrap();
            return Err(words(&body));
        }
        let signed = SignedDocument::decode(&body).map_err(|why| why.to_string())?;
        let now = super::support::millis() / 1000;
        let known = Unverified::new(signed).verify_first(&self.who.pin, now).map_err(|why| why.to_string())?;
        Session::open(self.port, &known, &self.who.device).await.map_err(|why| why.to_string())
    }

    async fn call<M: Method>(&mut self, params: &M::Params) -> Result<M::Reply, String> {
        let session = self.session.as_mut().map_err(|why| why.clone())?;
        let stream = session.post::<M>(params).await;
        loop {
            let next = tokio::time::timeout(PATIENCE, session.next()).await.expect("the server answers");
            let message = next.ok_or("the session was closed")?;
            match message.kind {
                Kind::Reply if message.stream == stream => return Ok(decode(&message.payload).unwrap()),
                Kind::Error if message.stream == stream => {
                    let body: ErrorBody = decode(&message.payload).unwrap();
                    return Err(words(&body));
                }
                Kind::Event => session.events.push_back(decode(&message.payload).unwrap()),
                _ => {}
            }
        }
    }

    async fn asked<M: Method>(&mut self, params: &M::Params) -> Asked {
        let reply = self.call::<M>(params).await?;
        Ok(encode(&reply).unwrap())
    }

    async fn all(&mut self) -> Vec<(String, Asked)> {
        let known = &self.who.known;
        let mut all = vec![("whoami".to_owned(), self.asked::<WhoAmI>(&Nothing {}).await)];
        for (number, channel) in known.channels.iter().enumerate() {
            let params = HistoryParams { channel: *channel, before: None, after: None, limit: 500 };
            all.push((format!("history {number}"), self.asked::<History>(&params).await));
            let params = PinsParams { channel: *channel, after: 0 };
            all.push((format!("pins {number}"), self.asked::<Pins>(&params).await));
        }
        let (channel, id) = known.edited;
        all.push(("edits".into(), self.asked::<Edits>(&EditsParams { channel, id, from: 0 }).await));
        let params =
            ThreadParams { channel: known.channels[0], id: known.thread, before: None, after: None, limit: 100 };
        all.push(("thread".into(), self.asked::<Thread>(&params).await));
        all.push(("saved".into(), self.asked::<ListSaved>(&ListSavedParams { before: None, limit: 100 }).await));
        let params = SearchParams { words: "harbour".into(), ..Default::default() };
        all.push(("search".into(), self.asked::<Search>(&params).await));
        let devices = self.call::<ListDevices>(&Nothing {}).await;
        let names = devices.map(|found| {
            // When each was last seen changes by being asked.
            let names: Vec<_> =
                found.devices.into_iter().map(|device| (device.id, device.name, device.revoked)).collect();
            encode(&names).unwrap()
        });
        all.push(("devices".into(), names));
        for file in &known.files {
            let (channel, file) = (known.channels[0], *file);
            let opened = self.file(OpenFileParams { channel, file, part: false }).await;
            all.push((format!("file {file}"), opened));
        }
        all.push(("sync".into(), self.sync().await));
        all
    }

    /// A file, fetched and opened.
    async fn file(&mut self, params: OpenFileParams) -> Asked {
        let grant = self.call::<OpenFile>(&params).await?;
        let path = file_path(self.who.workspace, params.file);
        let answer = request(self.port, "GET", &path, &grant.token, &[]).await;
        let split = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or("no answer")?;
        if !answer.starts_with(b"HTTP/1.1 200") {
            return Err(String::from_utf8_lossy(&answer[..split]).into_owned());
        }
        let key = Key::try_from(grant.key.0.as_slice()).unwrap();
        let context = Context::file(self.who.id.as_bytes(), params.file.as_bytes());
        let plain = open(&key, &context, &answer[split + 4..]).map_err(|why| why.to_string())?;
        assert_eq!(plain.len() as u64, grant.file.size);
        Ok([encode(&grant.file).unwrap().as_slice(), &plain].concat())
    }

    /// Every row that this device may see.
    async fn sync(&mut self) -> Asked {
        self.call::<StartSync>(&StartSyncParams { after: 0 }).await?;
        let session = self.session.as_mut().map_err(|why| why.clone())?;
        let mut rows = Vec::new();
        loop {
            let event = tokio::time::timeout(PATIENCE, session.event()).await.expect("the server answers");
            match event {
                Some(Event::Changes(changes)) => {
                    rows.extend(changes.rows.iter().map(|row: &Row| encode(row).unwrap()));
                    if changes.live {
                        rows.sort();
                        return Ok(rows.concat());
                    }
                }
                Some(_) => {}
                // A reading that meets damage ends the session; whoever comes again is told why.
                None => {
                    self.session = self.enter().await;
                    return self.asked::<WhoAmI>(&Nothing {}).await.and(Err("the session was closed".into()));
                }
            }
        }
    }
}
