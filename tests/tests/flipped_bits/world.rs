//! A device's files, made once by a real client and a real server, and what was in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use thechatapp_core::view::{SearchQuery, Window};
use thechatapp_core::{ChannelId, Client, Error, Unlock, WorkspaceId};
use thechatapp_tests::person::{Memory, platform};
use thechatapp_tests::{Server, person};

/// How long the server may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Messages in each of two channels.
const TALK: usize = 60;
const PAST: usize = 400;

/// What is read from a device, by what it is; what does not open says why.
pub type Reading = BTreeMap<&'static str, Result<Vec<String>, Error>>;

pub struct World {
    pub server: Server,
    secrets: Arc<Memory>,
    /// As the device was before most of it, as a program leaves it that is closed, and as it is left by one that is killed.
    pub early: TempDir,
    pub stopped: TempDir,
    pub killed: TempDir,
    ws: WorkspaceId,
    channels: [ChannelId; 2],
}

impl World {
    pub async fn make() -> Self {
        let mut server = Server::start();
        let folder = tempfile::tempdir().unwrap();
        let secrets = Arc::<Memory>::default();
        let (client, ws) = person(folder.path(), &secrets, server.owner_invite(), "alice").await;
        let lines: Vec<String> =
            (0..PAST).map(|n| format!("[{:02}:{:02}] <zoe> long ago {n}, {}", n / 60 % 24, n % 60, words(n))).collect();
        server.import_irc("past", "2020-01-01.log", &lines.join("\n"));
        client.connect(ws, PATIENCE).await.unwrap();
        let general = client.resolve_channel(ws, "general").await.unwrap().id;
        let past = client.resolve_channel(ws, "past").await.unwrap().id;
        client.join_channel(ws, past).await.unwrap();
        say(&client, ws, general, 0..TALK / 2).await;
        client.close().await.unwrap();
        let early = copied(folder.path());

        let open =
            async || Client::open(folder.path(), Unlock::SecureStorage, platform(secrets.clone())).await.unwrap();
        let client = open().await;
        client.connect(ws, PATIENCE).await.unwrap();
        say(&client, ws, general, TALK / 2..TALK).await;
        client.fetch(ws, past, Window::Latest, 100_000).await.unwrap();
        client.close().await.unwrap();
        let client = open().await;
        client.send(ws, general, "it waits", None).await.unwrap();
        client.save_draft(ws, general, None, "half a thought").await.unwrap();
        client.close().await.unwrap();
        let stopped = copied(folder.path());

        // What waits is sent, more is fetched, and what is written when the server is gone is in the log only.
        let client = open().await;
        client.connect(ws, PATIENCE).await.unwrap();
        client.flush(ws, PATIENCE).await.unwrap();
        client.wait_drafts(ws, PATIENCE).await.unwrap();
        client.backfill(ws, past, &mut |_, _| {}).await.unwrap();
        say(&client, ws, general, TALK..TALK + 5).await;
        server.stop();
        client.send(ws, general, "it waits, too", None).await.unwrap();
        client.save_draft(ws, past, None, "another thought").await.unwrap();
        let killed = copied(folder.path());
        client.close().await.unwrap();
        server.serve();
        Self { server, secrets, early, stopped, killed, ws, channels: [general, past] }
    }

    pub async fn open(&self, profile: &Path) -> Result<Client, Error> {
        Client::open(profile, Unlock::SecureStorage, platform(self.secrets.clone())).await
    }

    pub async fn repair(&self, profile: &Path) -> Result<Client, Error> {
        Client::repair(profile, Unlock::SecureStorage, platform(self.secrets.clone())).await
    }

    /// Everything on a device.
    pub async fn read(&self, client: &Client) -> Reading {
        Reading::from([
            ("messages", self.messages(client).await),
            ("found", self.found(client).await),
            ("drafts", self.drafts(client).await),
        ])
    }

    async fn messages(&self, client: &Client) -> Result<Vec<String>, Error> {
        let mut all = Vec::new();
        for channel in self.channels {
            let part = client.timeline(self.ws, channel, Window::Latest, 100_000).await?;
            all.extend(part.messages.into_iter().map(|message| format!("{:?}: {}", message.state, message.text)));
        }
        Ok(all)
    }

    async fn found(&self, client: &Client) -> Result<Vec<String>, Error> {
        let mut all = Vec::new();
        for words in ["marmalade", "long ago 7", "message"] {
            let query = SearchQuery { words: words.into(), limit: 1000, ..SearchQuery::default() };
            let hits = client.find(self.ws, &query, true).await?.hits;
            all.extend(hits.into_iter().map(|hit| format!("{words}: {}, {:?}", hit.message.text, hit.highlights)));
        }
        Ok(all)
    }

    async fn drafts(&self, client: &Client) -> Result<Vec<String>, Error> {
        let drafts = client.drafts(self.ws).await?;
        let texts = drafts.into_iter().flat_map(|draft| {
            // What was typed elsewhere in the same place is beside it.
            std::iter::once(draft.text).chain(draft.earlier.into_iter().map(|earlier| earlier.text))
        });
        Ok(texts.collect())
    }

    /// With the server: everything is fetched, and what waits is sent.
    pub async fn connect(&self, client: &Client) -> Result<(), Error> {
        client.connect(self.ws, PATIENCE).await?;
        client.flush(self.ws, PATIENCE).await?;
        client.wait_drafts(self.ws, PATIENCE).await?;
        for channel in self.channels {
            client.backfill(self.ws, channel, &mut |_, _| {}).await?;
        }
        Ok(())
    }

    /// What `doctor` says of the files.
    pub async fn is_sound(&self, client: &Client) -> bool {
        client.doctor().await.unwrap()["ok"] == true
    }
}

async fn say(client: &Client, ws: WorkspaceId, channel: ChannelId, numbers: std::ops::Range<usize>) {
    for n in numbers {
        client.send(ws, channel, &format!("message {n}, {}", words(n)), None).await.unwrap();
    }
    client.flush(ws, PATIENCE).await.unwrap();
}

/// Some text, another for each number, of which each seventh speaks of marmalade.
fn words(n: usize) -> String {
    let special = if n.is_multiple_of(7) { "marmalade" } else { "bread" };
    format!("{special} {}", format!("and word{n} ").repeat(20))
}

/// A copy of a profile. Its databases may be open: nobody writes to them.
pub fn copied(profile: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in files(profile) {
        let to = copy.path().join(&file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(profile.join(&file), to).unwrap();
    }
    copy
}

/// The files of a profile, by their paths in it, in the order of their names.
pub fn files(profile: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = thechatapp_tests::files_below(profile)
        .into_iter()
        .map(|path| path.strip_prefix(profile).unwrap().to_owned())
        .collect();
    files.sort();
    files
}
