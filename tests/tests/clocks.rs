//! A device whose clock is a year off.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use thechatapp_core::platform::SystemClock;
use thechatapp_core::view::{SearchQuery, Window};
use thechatapp_core::{ChannelId, Client, Clock, Error, FileId, Platform, Timestamp, Unlock, WorkspaceId};
use thechatapp_tests::exit::{Exit, Speaks, Trouble};
use thechatapp_tests::person::{Memory, platform};
use thechatapp_tests::{Server, person};

const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(500);
const HOUR: i64 = 60 * 60 * 1000;
const YEAR: i64 = 365 * 24 * HOUR;
/// More than comes in one piece.
const LARGE: usize = 6 << 20;

/// The right time, and so many milliseconds.
#[derive(Default)]
struct Off(AtomicI64);

impl Clock for Off {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.0.load(Ordering::Relaxed))
    }
}

struct Device {
    secrets: Arc<Memory>,
    clock: Arc<Off>,
}

impl Device {
    fn platform(&self) -> Platform {
        Platform { clock: self.clock.clone(), ..platform(self.secrets.clone()) }
    }

    async fn open(&self, profile: &Path) -> Client {
        Client::open(profile, Unlock::SecureStorage, self.platform()).await.unwrap()
    }
}

async fn texts(client: &Client, ws: WorkspaceId, channel: ChannelId) -> Vec<String> {
    let part = client.timeline(ws, channel, Window::Latest, 1000).await.unwrap();
    part.messages.into_iter().map(|message| message.text).collect()
}

fn blames_the_clock(why: &Error) -> bool {
    why.exit_code() == 10 && why.report().why.contains("is this device's clock right?")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_clock_is_a_year_off_says_so_and_keeps_everything_in_its_order_until_it_is_right() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("profile");
    let device = Device { secrets: Arc::default(), clock: Arc::default() };
    let (client, ws) = person(&profile, &device.secrets, server.owner_invite(), "alice").await;
    client.connect(ws, PATIENCE).await.unwrap();
    let general = client.resolve_channel(ws, "general").await.unwrap().id;
    client.send(ws, general, "at the right time", None).await.unwrap();
    client.flush(ws, PATIENCE).await.unwrap();
    client.close().await.unwrap();

    let mut expected = vec!["at the right time".to_owned()];
    for (year, off) in [("before", -YEAR), ("after", YEAR), ("before again", -YEAR)] {
        device.clock.0.store(off, Ordering::Relaxed);
        let client = device.open(&profile).await;
        for n in 0..3 {
            let text = format!("{n}, a year {year}");
            client.send(ws, general, &text, None).await.unwrap();
            expected.push(text);
        }
        client.save_draft(ws, general, None, &format!("a thought of a year {year}")).await.unwrap();
        // On a busy machine it may take more than one look until it has asked the server.
        let mut looks = 0;
        while !blames_the_clock(&client.connect(ws, LOOK).await.unwrap_err()) {
            looks += 1;
            assert!(looks < 60, "{year}: {:?}", client.connect(ws, LOOK).await);
        }
        assert_eq!(texts(&client, ws, general).await, expected, "{year}");
        let query = SearchQuery { words: "right".into(), ..SearchQuery::default() };
        assert_eq!(client.search(ws, &query).await.unwrap().len(), 1, "{year}");
        assert_eq!(client.doctor().await.unwrap()["ok"], true, "{year}");
        client.close().await.unwrap();

        // Nor can anybody sign in with it.
        let stranger =
            Client::create(&folder.path().join(year), Unlock::SecureStorage, device.platform()).await.unwrap();
        let refused = stranger.join(&server.invite(), "bob", "correct horse battery", None).await.unwrap_err();
        assert!(blames_the_clock(&refused), "{year}: {refused:?}");
        stranger.close().await.unwrap();
    }

    // Set right while it runs.
    let client = device.open(&profile).await;
    device.clock.0.store(0, Ordering::Relaxed);
    client.connect(ws, PATIENCE).await.unwrap();
    client.flush(ws, PATIENCE).await.unwrap();
    client.wait_drafts(ws, PATIENCE).await.unwrap();
    assert_eq!(texts(&client, ws, general).await, expected);
    assert_eq!(client.draft(ws, general, None).await.unwrap(), "a thought of a year before again");
    client.close().await.unwrap();
    // The server has them in the same order, and so has whoever comes anew.
    let (bob, _) = person(&folder.path().join("bob"), &Arc::default(), &server.invite(), "bob").await;
    bob.connect(ws, PATIENCE).await.unwrap();
    assert_eq!(bob.fetch(ws, general, Window::Latest, 1000).await.unwrap().messages.len(), expected.len());
    assert_eq!(texts(&bob, ws, general).await, expected);
    bob.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlasts_every_change_of_the_clock() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let device = Device { secrets: Arc::default(), clock: Arc::default() };
    let profile = folder.path().join("profile");
    let (joined, ws) = person(&profile, &device.secrets, server.owner_invite(), "alice").await;
    joined.close().await.unwrap();
    let client = device.open(&profile).await;
    client.connect(ws, PATIENCE).await.unwrap();
    let general = client.resolve_channel(ws, "general").await.unwrap().id;
    // With such a clock no session can be made, so what arrives came by the one that is there.
    for off in [YEAR, -YEAR, YEAR] {
        device.clock.0.store(off, Ordering::Relaxed);
        let sent = client.send(ws, general, &format!("at {off}"), None).await.unwrap();
        client.wait_sent(ws, sent.id, PATIENCE).await.unwrap();
    }
    client.close().await.unwrap();
}

/// Who shares files by a proxy that can break lines, with a clock that can jump.
struct Sharing {
    client: Client,
    ws: WorkspaceId,
    general: ChannelId,
    exit: Exit,
    clock: Arc<Off>,
    folder: tempfile::TempDir,
    _server: Server,
}

impl Sharing {
    async fn start() -> Self {
        let server = Server::start();
        let exit = Exit::start(Speaks::Connect, None, "127.0.0.1", server.port).await;
        let folder = tempfile::tempdir().unwrap();
        let profile = folder.path().join("profile");
        let device = Device { secrets: Arc::default(), clock: Arc::default() };
        let (joined, ws) = person(&profile, &device.secrets, server.owner_invite(), "alice").await;
        joined.close().await.unwrap();
        let client = device.open(&profile).await;
        client.choose_network(&exit.url(), false, None, None).await.unwrap();
        client.connect(ws, PATIENCE).await.unwrap();
        let general = client.resolve_channel(ws, "general").await.unwrap().id;
        Self { client, ws, general, exit, clock: device.clock, folder, _server: server }
    }

    /// Shares a large file; the clock jumps while it is on its way.
    async fn share(&self, n: u8, jump: i64) -> FileId {
        let path = self.folder.path().join(format!("plan-{n}"));
        std::fs::write(&path, content(n)).unwrap();
        let mut jumps = |_, _| self.clock.0.store(jump, Ordering::Relaxed);
        let message = self.client.upload(self.ws, self.general, &path, "", &mut jumps).await.unwrap();
        let sent = self.client.wait_sent(self.ws, message.id, PATIENCE).await.unwrap();
        sent.files[0].id.parse().unwrap()
    }

    /// Fetches a file; the clock jumps when some of it is here. Tells how much of it was here to begin with.
    async fn fetch(&self, file: FileId, to: &str, jump: i64) -> u64 {
        let (mut first, to) = (None, self.folder.path().join(to));
        let mut jumps = |done, total| {
            first.get_or_insert(done);
            if done > total / 4 {
                self.clock.0.store(jump, Ordering::Relaxed);
            }
        };
        self.client.download(self.ws, file, None, &to, &mut jumps).await.unwrap();
        first.unwrap()
    }

    fn is_whole(&self, to: &str, n: u8) -> bool {
        std::fs::read(self.folder.path().join(to)).unwrap() == content(n)
    }
}

fn content(n: u8) -> Vec<u8> {
    (0..LARGE).map(|at| (at / 7) as u8 ^ n).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_on_its_way_arrives_though_the_clock_jumps_meanwhile() {
    let sharing = Sharing::start().await;
    for (n, jump) in [(1, -HOUR), (2, YEAR)] {
        let file = sharing.share(n, jump).await;
        sharing.clock.0.store(0, Ordering::Relaxed);
        let first = sharing.fetch(file, &format!("again-{n}"), jump).await;
        assert!(first < LARGE as u64 / 4, "it came from the server");
        assert!(sharing.is_whole(&format!("again-{n}"), n), "{jump}");
        sharing.clock.0.store(0, Ordering::Relaxed);
    }
    sharing.client.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_line_breaks_while_the_clock_is_wrong_arrives_by_another_one() {
    let sharing = Sharing::start().await;
    for (n, jump) in [(1, -HOUR), (2, YEAR)] {
        let (file, to) = (sharing.share(n, 0).await, format!("again-{n}"));
        // By another way there is a new line, which breaks when half of it is here; and then another one is needed.
        sharing.exit.has(Trouble::BreaksAfter(LARGE as u64 / 2));
        sharing.client.choose_network(&sharing.exit.url(), false, None, None).await.unwrap();
        sharing.client.connect(sharing.ws, PATIENCE).await.unwrap();
        let before = sharing.exit.bytes().1;
        sharing.fetch(file, &to, jump).await;
        assert!(sharing.is_whole(&to, n), "{jump}");
        let came = sharing.exit.bytes().1 - before;
        assert!(came < LARGE as u64 * 5 / 4, "{came} bytes: it went on where it was");
        sharing.exit.has(Trouble::None);
        sharing.clock.0.store(0, Ordering::Relaxed);
    }
    sharing.client.close().await.unwrap();
}
