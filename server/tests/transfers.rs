//! Files on their way when the right to them goes: up and down, by a device and by a browser, none of them goes on.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::time::Duration;
use support::files::{Sealed, proved, with};
use support::web::{self, Tab, own_page, put};
use support::{Host, Person, channel_id, tls};
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::http::{OFFSET_HEADER, file_path};
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::devices::{ListDevices, RevokeDevices, RevokeDevicesParams};
use thechatapp_protocol::methods::files::{OpenFile, OpenFileParams};
use thechatapp_protocol::{ChannelId, FileId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// More than sockets hold.
const BIG: usize = 64 << 20;

type Stream = TlsStream<TcpStream>;

struct Scene {
    host: Host,
    alice: Person,
    bob: Person,
    board: ChannelId,
}

impl Scene {
    /// A private channel of the two.
    async fn new() -> Self {
        let host = Host::with_browsers().await;
        let (mut alice, bob) = (host.join("alice").await, host.join("bob").await);
        let board = channel_id();
        let create = CreateChannelParams { id: board, name: "board".into(), kind: ChannelKind::Private };
        alice.call::<CreateChannel>(&create).await.unwrap();
        alice.call::<AddMember>(&AddMemberParams { channel: board, person: bob.id() }).await.unwrap();
        Self { host, alice, bob, board }
    }

    async fn remove_bob(&mut self) {
        let of = RemoveMemberParams { channel: self.board, person: self.bob.id() };
        self.alice.call::<RemoveMember>(&of).await.unwrap();
    }

    /// A request that says it has a mebibyte and sends a part of it.
    async fn half(&self, path: &str, headers: &[(&'static str, String)]) -> Stream {
        let (port, mut stream) = (self.host.port, tls(self.host.port).await);
        let mut head = format!("PATCH {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 1048576\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        stream.write_all(&[7; 100_000]).await.unwrap();
        stream.flush().await.unwrap();
        stream
    }
}

/// The status of an answer that comes within a second, though nothing more is sent.
async fn status(stream: &mut Stream) -> String {
    let mut start = [0; 12];
    tokio::time::timeout(Duration::from_secs(1), stream.read_exact(&mut start)).await.unwrap().unwrap();
    String::from_utf8_lossy(&start[9..]).into_owned()
}

async fn begun(mut stream: Stream) -> Stream {
    let mut start = vec![0; 50_000];
    stream.read_exact(&mut start).await.unwrap();
    assert!(start.starts_with(b"HTTP/1.1 200"));
    stream
}

async fn rest(mut stream: Stream) -> usize {
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut rest)).await.unwrap();
    rest.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_ends_within_a_second_when_its_sender_is_taken_out_of_the_channel() {
    let mut scene = Scene::new().await;
    let file = Sealed::new(&scene.bob, scene.board, 1, vec![1; 2 << 20]);
    let grant = file.begin(&mut scene.bob).await.unwrap();
    let path = file_path("acme", file.id);
    let mut native = scene.half(&path, &with(proved("PATCH", &path, &grant.token), OFFSET_HEADER, 0)).await;
    let (tab, id) = (Tab::open(scene.host.port, "acme", "bob").await, FileId::from_bytes([2; 16]));
    assert_eq!(tab.begin(scene.board, id, "data.bin", "application/x-data", 2 << 20).await.status, 200);
    let headers = with([own_page(scene.host.port), vec![("Cookie", tab.cookie.clone())]].concat(), OFFSET_HEADER, 0);
    let mut browser = scene.half(&tab.path(scene.board, id), &headers).await;
    scene.remove_bob().await;
    assert_eq!((status(&mut native).await, status(&mut browser).await), ("404".into(), "404".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_ends_at_once_when_its_device_is_signed_out() {
    let mut scene = Scene::new().await;
    let tab = Tab::open(scene.host.port, "acme", "bob").await;
    let id = FileId::from_bytes([2; 16]);
    assert_eq!(tab.begin(scene.board, id, "data.bin", "application/x-data", 2 << 20).await.status, 200);
    let headers = with([own_page(scene.host.port), vec![("Cookie", tab.cookie.clone())]].concat(), OFFSET_HEADER, 0);
    let mut browser = scene.half(&tab.path(scene.board, id), &headers).await;
    let devices = scene.bob.call::<ListDevices>(&Nothing {}).await.unwrap().devices;
    assert_eq!(devices.len(), 2);
    scene.bob.call::<RevokeDevices>(&RevokeDevicesParams { except_this: true }).await.unwrap();
    assert_eq!(status(&mut browser).await, "401");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_ends_within_a_second_when_its_reader_is_taken_out_of_the_channel() {
    let mut scene = Scene::new().await;
    let plain = vec![3; BIG];
    let row = web::share(&scene.host, &mut scene.alice, scene.board, "big.bin", "application/x-data", &plain).await;
    drop(plain);
    let open = OpenFileParams { channel: scene.board, file: row.id, part: false };
    let token = scene.bob.call::<OpenFile>(&open).await.unwrap().token;
    let path = file_path("acme", row.id);
    let native = begun(put(scene.host.port, "GET", &path, &proved("GET", &path, &token), &[]).await).await;
    let tab = Tab::open(scene.host.port, "acme", "bob").await;
    let headers = [("Cookie", tab.cookie.clone())];
    let browser = begun(put(scene.host.port, "GET", &tab.path(scene.board, row.id), &headers, &[]).await).await;
    scene.remove_bob().await;
    for (way, came) in [("native", rest(native).await), ("browser", rest(browser).await)] {
        assert!(came < BIG - 50_000, "{came} of {BIG} came by the {way} way");
    }
}
