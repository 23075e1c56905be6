//! The first opened byte of a range in the middle of a large file, beside the first byte of a plain one from a bare server: with the
//! answer to the request that follows the grant, with the grant before it, and on a connection that is there already.

use crate::bare::tls_pair;
use crate::table::{Table, median};
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};
use thechatapp_protocol::http::file_path;
use thechatapp_protocol::methods::files::{FileGrant, OpenFile, OpenFileParams};
use thechatapp_protocol::{FileId, WorkspaceId};
use thechatapp_seal::{CHUNK, Context, HEADER, Key, OpenReader, SEALED_CHUNK};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::{Server, wire};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;

const TURNS: usize = 300;
const LENGTH: u64 = 65_536;
/// The chunk in which each range begins; another each time, over most of the file.
const CHUNKS: u64 = 60_000;

/// A connection to either server.
type Stream = BufReader<TlsStream<TcpStream>>;

async fn connect(port: u16) -> Stream {
    BufReader::new(wire::tls(port).await)
}

pub async fn run(table: &mut Table, server: &Server, workspace: WorkspaceId, plain: &Path, id: FileId) {
    let bare = serve(plain).await;
    let mut bob = RawClient::join(server, &server.invite(), "bob").await;
    bob.again(server).await;
    let asked = OpenFileParams { channel: bob.general, file: id, part: true };
    let path = file_path("acme", id);
    let context = Context::file(workspace.as_bytes(), id.as_bytes());
    let (mut kept, mut bare_kept) = (connect(server.port).await, connect(bare).await);
    let mut took: [Vec<Duration>; 5] = Default::default();
    let mut grant = bob.call::<OpenFile>(&asked).await.unwrap();
    for turn in 0..TURNS + 20 {
        let chunk = (turn as u64 * 7919) % CHUNKS;
        let ask = |grant: &FileGrant, bob: &RawClient| {
            let first = HEADER as u64 + chunk * SEALED_CHUNK as u64;
            let proof = bob.proved("GET", &path, &grant.token);
            let last = first + LENGTH + 4 * 16 - 1;
            format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{proof}range: bytes={first}-{last}\r\n\r\n")
        };
        // Each new connection begins with what is measured and ends behind it.
        let begun = Instant::now();
        let mut stream = connect(bare).await;
        bare_first(&mut stream, chunk).await;
        let bare_new = begun.elapsed();
        let begun = Instant::now();
        let mut stream = connect(server.port).await;
        first(&mut stream, &ask(&grant, &bob), &grant, &context, chunk).await;
        let new = begun.elapsed();
        let begun = Instant::now();
        // A device has a few tokens at a time, so the newest goes on.
        grant = bob.call::<OpenFile>(&asked).await.unwrap();
        let mut stream = connect(server.port).await;
        first(&mut stream, &ask(&grant, &bob), &grant, &context, chunk).await;
        let granted = begun.elapsed();

        let begun = Instant::now();
        let rest = bare_first(&mut bare_kept, chunk).await;
        let bare_again = begun.elapsed();
        drain(&mut bare_kept, rest).await;
        let begun = Instant::now();
        let rest = first(&mut kept, &ask(&grant, &bob), &grant, &context, chunk).await;
        let again = begun.elapsed();
        drain(&mut kept, rest).await;
        if turn >= 20 {
            for (all, time) in took.iter_mut().zip([bare_new, new, granted, bare_again, again]) {
                all.push(time);
            }
        }
    }
    let [bare_new, new, granted, bare_again, again] = took.map(median);
    table.slower_by("first byte of a range in the middle, the request", new, bare_new, 1.5);
    table.note_time("the same with its grant", granted, bare_new);
    table.note_time("the same on a connection that is there", again, bare_again);
}

/// Asks, and has the first chunk opened. The answer is how many bytes follow it.
async fn first(stream: &mut Stream, request: &str, grant: &FileGrant, context: &Context, chunk: u64) -> u64 {
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 206"), "{}", String::from_utf8_lossy(&head));
    let mut sealed = vec![0; SEALED_CHUNK];
    stream.read_exact(&mut sealed).await.unwrap();
    let key = Key::try_from(grant.key.0.as_slice()).unwrap();
    let header: &[u8; HEADER] = grant.header.as_deref().unwrap().try_into().unwrap();
    let mut opened = OpenReader::at_chunk(sealed.as_slice(), header, chunk, &key, context).unwrap();
    opened.read_exact(&mut [0]).unwrap();
    LENGTH + 4 * 16 - SEALED_CHUNK as u64
}

async fn bare_first(stream: &mut Stream, chunk: u64) -> u64 {
    stream.write_u64(chunk * CHUNK as u64).await.unwrap();
    stream.flush().await.unwrap();
    stream.read_exact(&mut [0; CHUNK]).await.unwrap();
    LENGTH - CHUNK as u64
}

async fn drain(stream: &mut Stream, rest: u64) {
    tokio::io::copy(&mut stream.take(rest), &mut tokio::io::sink()).await.unwrap();
}

/// Parts of a file over TLS, for whoever says from where.
async fn serve(file: &Path) -> u16 {
    let (acceptor, _) = tls_pair();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let file = file.to_owned();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let (acceptor, file) = (acceptor.clone(), file.clone());
            tokio::spawn(async move {
                tcp.set_nodelay(true).unwrap();
                let mut stream = acceptor.accept(tcp).await.unwrap();
                // Until the other side hangs up.
                while let Ok(place) = stream.read_u64().await {
                    let mut file = tokio::fs::File::open(&file).await.unwrap();
                    file.seek(std::io::SeekFrom::Start(place)).await.unwrap();
                    let mut buffer = vec![0; LENGTH as usize];
                    file.read_exact(&mut buffer).await.unwrap();
                    if stream.write_all(&buffer).await.is_err() || stream.flush().await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    port
}
