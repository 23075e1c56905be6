//! A device whose clock is a year off.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use thechatapp_core::platform::SystemClock;
use thechatapp_core::view::{SearchQuery, Window};
use thechatapp_core::{ChannelId, Client, Clock, Error, Platform, Timestamp, Unlock, WorkspaceId};
use thechatapp_tests::person::{Memory, platform};
use thechatapp_tests::{Server, person};

const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(500);
const YEAR: i64 = 365 * 24 * 60 * 60 * 1000;

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
