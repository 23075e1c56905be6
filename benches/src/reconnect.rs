//! Reconnecting through a line with a round trip of 50 ms: at most three round trips and 20 ms, TCP, TLS and session
//! included. The line is a relay on loopback that holds every byte, and every new connection, for its time.

use crate::table::{Table, median};
use std::sync::Arc;
use std::time::{Duration, Instant};
use thechatapp_core::view::Connection;
use thechatapp_core::{Client, WorkspaceId};
use thechatapp_tests::{Server, person, person::Memory, server::free_port};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

const ONE_WAY: Duration = Duration::from_millis(25);
const COUNT: usize = 15;

pub async fn run(table: &mut Table) {
    let mut server = Server::init();
    let front = server.port;
    server.port = free_port();
    server.serve();
    let (cut, cuts) = watch::channel(0u64);
    tokio::spawn(line(front, server.port, cuts));

    let folder = tempfile::tempdir().unwrap();
    let (client, workspace) = person(folder.path(), &Arc::new(Memory::default()), server.owner_invite(), "alice").await;
    client.connect(workspace, Duration::from_secs(20)).await.unwrap();
    let mut times = Vec::new();
    for number in 1..=COUNT as u64 {
        cut.send(number).unwrap();
        until(&client, workspace, false).await;
        let begun = Instant::now();
        client.reconnect(workspace);
        until(&client, workspace, true).await;
        times.push(begun.elapsed());
    }
    let limit = 6 * ONE_WAY;
    table.within("reconnect at a round trip of 50 ms", median(times), Some(limit), limit + Duration::from_millis(20));
}

async fn until(client: &Client, workspace: WorkspaceId, up: bool) {
    loop {
        let all = client.workspaces().await.unwrap();
        let now = &all.iter().find(|view| view.id == workspace).unwrap().connection;
        if matches!(now, Connection::Online | Connection::Syncing) == up {
            return;
        }
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

async fn line(front: u16, back: u16, cuts: watch::Receiver<u64>) {
    let listener = TcpListener::bind(("127.0.0.1", front)).await.unwrap();
    while let Ok((near, _)) = listener.accept().await {
        let mut cuts = cuts.clone();
        cuts.mark_unchanged();
        tokio::spawn(async move {
            near.set_nodelay(true).unwrap();
            // Loopback's own TCP handshake takes no time: hold the connection for the round trip a real one costs.
            tokio::time::sleep(2 * ONE_WAY).await;
            let far = TcpStream::connect(("127.0.0.1", back)).await.unwrap();
            far.set_nodelay(true).unwrap();
            let (near_read, near_write) = near.into_split();
            let (far_read, far_write) = far.into_split();
            tokio::select! {
                () = delayed(near_read, far_write) => {}
                () = delayed(far_read, near_write) => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

async fn delayed(mut from: impl AsyncReadExt + Unpin + Send + 'static, mut to: impl AsyncWriteExt + Unpin) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length) = from.read(&mut buffer).await {
            let due = tokio::time::Instant::now() + ONE_WAY;
            if length == 0 || sender.send((due, buffer[..length].to_vec())).is_err() {
                return;
            }
        }
    });
    while let Some((due, bytes)) = receiver.recv().await {
        sleep_until(due).await;
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
