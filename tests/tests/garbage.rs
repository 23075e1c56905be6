//! Garbage on both endpoints: the server stays up, stays correct for others, and keeps its memory.

use futures_util::SinkExt;
use thechatapp_protocol::session::{Kind, Message, StaticKey};
use thechatapp_tests::wire::{closed_by_server, get, hello, identity, millis, session, tls, upgrade};
use thechatapp_tests::{Cli, Server};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message as Frame;

/// Bytes that look random and are the same in every run (xorshift64).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

/// Resident memory of a process in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Somebody else still talks, after whatever was thrown at the server.
fn others_still_talk(server: &mut Server, alice: &Cli, text: &str) {
    assert!(server.running(), "the server went down: {}", server.log());
    alice.run(&["send", "general", text]).ok();
    assert_eq!(alice.run(&["read", "general", "-n", "1"]).ok().texts(), [text]);
}

fn with_alice() -> (Server, Cli) {
    let server = Server::start();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    (server, alice)
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_below_tls_in_http_and_as_first_message_harm_nobody() {
    let (mut server, alice) = with_alice();
    let port = server.port;
    for seed in 0..50 {
        let mut raw = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let _ = raw.write_all(&noise(seed, 700)).await;
        let mut inside = tls(port).await;
        let _ = inside.write_all(&noise(seed + 1000, 3000)).await;
    }
    let known = identity(port, server.pin()).await;
    for (seed, length) in [0, 1, 31, 32, 95, 96, 97, 500, 5000].into_iter().enumerate() {
        let refused = upgrade(tls(port).await, (port, "acme"), &noise(seed as u64, length), known.hash()).await;
        assert!(refused.is_err(), "{length} random bytes are no handshake");
    }
    for path in ["/w/nobody/identity", "/w/acme/session", "/%00", "/w/../../etc/passwd", "/join/acme"] {
        let (code, _) = get(port, path).await;
        assert!(code < 500, "{path} answered {code}");
    }
    others_still_talk(&mut server, &alice, "after random bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_frames_close_their_own_session_only() {
    let (mut server, alice) = with_alice();
    let known = identity(server.port, server.pin()).await;
    let device = StaticKey::random().unwrap();

    let hostile = [
        Frame::binary(noise(1, 300)),
        Frame::binary(Vec::new()),
        Frame::binary(noise(2, 65_535)),
        Frame::binary(noise(3, 70_000)),
        Frame::binary(noise(4, 2 << 20)),
        Frame::text("hello?"),
    ];
    for frame in hostile {
        let (mut socket, _) = session(server.port, &known, &device).await;
        let _ = socket.send(frame).await;
        assert!(closed_by_server(socket).await, "a broken frame closes the session");
    }

    // A good frame with one bit turned, one cut short, and one sent twice.
    for spoil in [|f: &mut Vec<u8>| f[9] ^= 1, |f: &mut Vec<u8>| f.truncate(f.len() - 1)] {
        let (mut socket, mut transport) = session(server.port, &known, &device).await;
        let ping = Message { kind: Kind::Ping, stream: 0, payload: vec![1, 2, 3] };
        let mut frame = transport.seal(&ping, millis()).unwrap().remove(0);
        spoil(&mut frame);
        socket.send(Frame::binary(frame)).await.unwrap();
        assert!(closed_by_server(socket).await);
    }
    let (mut socket, mut transport) = session(server.port, &known, &device).await;
    let ping = Message { kind: Kind::Ping, stream: 0, payload: vec![] };
    let frame = transport.seal(&ping, millis()).unwrap().remove(0);
    socket.send(Frame::binary(frame.clone())).await.unwrap();
    socket.send(Frame::binary(frame)).await.unwrap();
    assert!(closed_by_server(socket).await, "a frame does not count twice");
    others_still_talk(&mut server, &alice, "after broken frames");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_first_message_opens_nothing_on_another_connection() {
    let (mut server, alice) = with_alice();
    let known = identity(server.port, server.pin()).await;
    let device = StaticKey::random().unwrap();
    let first = tls(server.port).await;
    let hello = hello(&first, &known, &device);
    // The same bytes on another connection: the exporter differs, so does the prologue.
    let replayed = upgrade(tls(server.port).await, (server.port, "acme"), &hello.message, &hello.document).await;
    assert!(replayed.is_err());
    others_still_talk(&mut server, &alice, "after a replay");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_half_open_connections_leave_room_for_people() {
    let (mut server, alice) = with_alice();
    let before = resident(server.pid());
    let mut open = Vec::new();
    for number in 0..500u64 {
        let Ok(mut stream) = tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await else { continue };
        // Some say nothing, some begin a TLS handshake and stop.
        if number % 2 == 0 {
            let _ = stream.write_all(&[0x16, 3, 1, 2, 0]).await;
        }
        open.push(stream);
    }
    others_still_talk(&mut server, &alice, "among half-open connections");
    let grown = resident(server.pid()).saturating_sub(before);
    assert!(grown < 128 * 1024, "{grown} KiB for 500 half-open connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_does_not_read_is_closed_and_costs_little() {
    let (mut server, alice) = with_alice();
    let known = identity(server.port, server.pin()).await;
    let (mut socket, mut transport) = session(server.port, &known, &StaticKey::random().unwrap()).await;
    let before = resident(server.pid());
    // It asks and asks and never reads an answer.
    let flood = async {
        for stream in 0..200_000u32 {
            let ping = Message { kind: Kind::Ping, stream, payload: vec![7; 1024] };
            let Ok(frames) = transport.seal(&ping, millis()) else { return };
            for frame in frames {
                if socket.send(Frame::binary(frame)).await.is_err() {
                    return;
                }
            }
        }
    };
    let _ = tokio::time::timeout(std::time::Duration::from_secs(15), flood).await;
    let grown = resident(server.pid()).saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB for one slow reader");
    others_still_talk(&mut server, &alice, "beside a slow reader");
}
