//! Files: the sealed format beside the cipher alone, and a transfer beside a bare one over TLS, both onto the same disk.

use crate::bare::tls_pair;
use crate::ranges;
use crate::table::{Table, median};
use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes256Gcm, KeyInit};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thechatapp_seal::{CHUNK, Context, Key, OpenReader, SealWriter};
use thechatapp_tests::{Server, person, person::Memory};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

const STREAM: usize = 256 << 20;
const FILE: u64 = 1 << 30;
const TURNS: usize = 3;
const RANGES: usize = 25;
const RANGE: (u64, u64) = (700_000_000, 700_000_000 + 65_535);

pub async fn run(table: &mut Table) {
    stream(table);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.bin");
    fill(&path);
    let server = Server::start();
    let (client, workspace) =
        person(&folder.path().join("profile"), &Arc::new(Memory::default()), server.owner_invite(), "alice").await;
    client.connect(workspace, Duration::from_secs(20)).await.unwrap();
    let channel = client.resolve_channel(workspace, "general").await.unwrap().id;
    let begun = Instant::now();
    let sent = client.upload(workspace, channel, &path, "", &mut |_, _| {}).await.unwrap();
    let uploaded = begun.elapsed();
    let sent = client.wait_sent(workspace, sent.id, Duration::from_secs(60)).await.unwrap();
    let id = sent.files[0].id.parse().unwrap();

    let to = folder.path().join("fetched.bin");
    let (mut ours, mut bare, mut our_ranges, mut bare_ranges) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let _ = std::fs::remove_file(&to);
        bare.push(fetch(&path, &to, (0, FILE - 1)).await);
        let begun = Instant::now();
        client.download(workspace, id, None, &to, &mut |_, _| {}).await.unwrap();
        ours.push(begun.elapsed());
        assert_eq!(std::fs::metadata(&to).unwrap().len(), FILE);
        // Cutting a large file down to nothing would take longer than the transfer.
        std::fs::remove_file(&to).unwrap();
    }
    for _ in 0..RANGES {
        bare_ranges.push(fetch(&path, &to, RANGE).await);
        let begun = Instant::now();
        client.download(workspace, id, Some(RANGE), &to, &mut |_, _| {}).await.unwrap();
        our_ranges.push(begun.elapsed());
    }
    let rate = |took: Duration| FILE as f64 / took.as_secs_f64() / 1e6;
    let bare = median(bare);
    table.rate_beside("download of 1 GiB, opened, MB", rate(median(ours)), rate(bare), 0.6);
    table.note("upload of 1 GiB, sealed and looked at, MB", rate(uploaded), rate(bare));
    table.note_time("64 KiB from the middle of it", median(our_ranges), median(bare_ranges));
    ranges::run(table, &server, workspace, &path, id).await;
    client.close().await.unwrap();
}

/// Seconds for the format and for the cipher alone, over the same bytes in the same pieces.
fn stream(table: &mut Table) {
    let (key, context) = (Key::random().unwrap(), Context::file(&[1; 16], &[2; 16]));
    let plain = vec![7_u8; STREAM];
    let cipher = Aes256Gcm::new(key.expose().into());
    let (mut sealing, mut opening, mut bare_sealing, mut bare_opening) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // The cipher alone works in place: memory that was never touched must not count against ours.
    let mut sealed = vec![1_u8; STREAM + STREAM / 512];
    for _ in 0..TURNS {
        sealed.clear();
        let begun = Instant::now();
        let mut writer = SealWriter::new(sealed, &key, &context).unwrap();
        writer.write_all(&plain).unwrap();
        sealed = writer.finish().unwrap();
        sealing.push(begun.elapsed());

        let begun = Instant::now();
        let mut opened = OpenReader::new(sealed.as_slice(), &key, &context).unwrap();
        let (mut buffer, mut length) = (vec![0; 64 * 1024], 0);
        loop {
            match opened.read(&mut buffer).unwrap() {
                0 => break,
                read => length += read,
            }
        }
        assert_eq!(length, STREAM);
        opening.push(begun.elapsed());

        let mut bytes = plain.clone();
        let begun = Instant::now();
        let tags: Vec<_> = (0_u64..)
            .zip(bytes.chunks_mut(CHUNK))
            .map(|(n, chunk)| cipher.encrypt_in_place_detached(&nonce(n).into(), b"", chunk).unwrap())
            .collect();
        bare_sealing.push(begun.elapsed());
        let begun = Instant::now();
        for ((n, chunk), tag) in (0_u64..).zip(bytes.chunks_mut(CHUNK)).zip(&tags) {
            cipher.decrypt_in_place_detached(&nonce(n).into(), b"", chunk, tag).unwrap();
        }
        bare_opening.push(begun.elapsed());
    }
    assert!(sealed.len() > STREAM);
    let rate = |took: Duration| STREAM as f64 / took.as_secs_f64() / 1e6;
    table.rate_beside("sealing a stream, MB", rate(median(sealing)), rate(median(bare_sealing)), 0.7);
    table.rate_beside("opening a stream, MB", rate(median(opening)), rate(median(bare_opening)), 0.7);
}

fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}

fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    let block: Vec<u8> = (0..1 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for number in 0..FILE >> 20 {
        file.write_all(&number.to_be_bytes()).unwrap();
        file.write_all(&block[8..]).unwrap();
    }
    file.sync_all().unwrap();
}

/// A bare transfer of a part of a file: one TLS connection, a read and a write loop, and the disk at both ends.
async fn fetch(from: &Path, to: &Path, (first, last): (u64, u64)) -> Duration {
    let (acceptor, connector) = tls_pair();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let from = from.to_owned();
    let serving = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(tcp).await.unwrap();
        let mut asked = [0; 16];
        stream.read_exact(&mut asked).await.unwrap();
        let mut file = tokio::fs::File::open(from).await.unwrap();
        file.seek(std::io::SeekFrom::Start(first)).await.unwrap();
        let mut file = file.take(last - first + 1);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer).await.unwrap() {
                0 => break,
                read => stream.write_all(&buffer[..read]).await.unwrap(),
            }
        }
        stream.shutdown().await.unwrap();
    });
    let begun = Instant::now();
    let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut stream = connector.connect("127.0.0.1".try_into().unwrap(), tcp).await.unwrap();
    stream.write_all(&[1; 16]).await.unwrap();
    let mut file = tokio::fs::File::create(to).await.unwrap();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer).await.unwrap() {
            0 => break,
            read => file.write_all(&buffer[..read]).await.unwrap(),
        }
    }
    file.sync_all().await.unwrap();
    let took = begun.elapsed();
    serving.await.unwrap();
    took
}
