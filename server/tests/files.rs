//! Files as a server sees them: what may be sent and fetched, by whom, and what everybody else gets.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::time::Duration;
use support::files::{Sealed, fetch, patch, proved, raw, with};
use support::{Host, Person};
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::http::{OFFSET_HEADER, file_path};
use thechatapp_protocol::methods::channels::{CreateChannel, CreateChannelParams, InChannel, LeaveChannel};
use thechatapp_protocol::methods::files::{OpenFile, OpenFileParams};
use thechatapp_protocol::methods::messages::{DeleteMessage, OneMessage, SendMessage};
use thechatapp_protocol::{Code, FileId, Timestamp};
use thechatapp_seal::{Key, sealed_len};

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_where_it_stands_and_is_fetched_whole_or_in_part() {
    let host = Host::start().await;
    let (mut alice, mut bob) = (host.join("alice").await, host.join("bob").await);
    let channel = alice.general().await;
    let file = Sealed::new(&alice, channel, 1, (0..100_000_u32).map(|n| n as u8).collect());
    let grant = file.begin(&mut alice).await.unwrap();
    assert_eq!(grant.offset, 0);

    assert_eq!(patch(&host, file.id, &grant.token, 0, &file.bytes[..40_000]).await.status, 204);
    // Somebody lost count.
    for wrong in [0, 39_999, 40_001, u64::MAX] {
        let answer = patch(&host, file.id, &grant.token, wrong, b"x").await;
        assert_eq!((answer.status, answer.headers[OFFSET_HEADER].as_str()), (409, "40000"), "{wrong}");
    }
    let again = file.begin(&mut alice).await.unwrap();
    assert_eq!(again.offset, 40_000);
    let path = file_path("acme", file.id);
    let asked = raw(host.port, "HEAD", &path, &proved("HEAD", &path, &again.token), &[]).await;
    assert_eq!((asked.status, asked.headers[OFFSET_HEADER].as_str()), (204, "40000"));
    // Not all of it yet, and then more than there can be.
    assert_eq!(file.finish(&mut alice).await.unwrap_err().code, Code::BadInput);
    let more = [&file.bytes[40_000..], b"and more"].concat();
    let answer = patch(&host, file.id, &again.token, 40_000, &more).await;
    assert_eq!(answer.status, 413);
    let stands: u64 = answer.headers[OFFSET_HEADER].parse().unwrap();
    assert!(stands <= file.bytes.len() as u64);
    assert_eq!(patch(&host, file.id, &again.token, stands, &file.bytes[stands as usize..]).await.status, 204);

    let row = file.finish(&mut alice).await.unwrap();
    assert_eq!(row, file.finish(&mut alice).await.unwrap(), "a second time is answered the same");
    assert_eq!((row.size, row.media_type.as_str()), (100_000, "text/plain"));
    assert_eq!(patch(&host, file.id, &again.token, file.bytes.len() as u64, b"x").await.status, 409);

    let message = file.message();
    alice.call::<SendMessage>(&message).await.unwrap();
    let grant = file.open(&mut bob).await.unwrap();
    assert_eq!((&grant.file, grant.key.0.as_slice()), (&row, file.key.expose().as_slice()));
    assert_eq!(grant.header, None);
    let part = OpenFileParams { channel: file.channel, file: file.id, part: true };
    let part = bob.call::<OpenFile>(&part).await.unwrap();
    assert_eq!(part.header.unwrap(), file.bytes[..56], "with the header, a part is one request");
    let whole = fetch(&host, file.id, &grant.token).await;
    assert_eq!((whole.status, &whole.body), (200, &file.bytes));
    let tag = whole.headers["etag"].clone();
    let ask = |name: &'static str, value: String| with(proved("GET", &path, &grant.token), name, value);
    for (range, status, part) in [
        ("bytes=0-55", 206, &file.bytes[..56]),
        ("bytes=70000-80000", 206, &file.bytes[70_000..=80_000]),
        ("bytes=-16", 206, &file.bytes[file.bytes.len() - 16..]),
        ("bytes=0-1,5-6", 200, &file.bytes[..]),
        ("pages=1-2", 200, &file.bytes[..]),
        ("bytes=999999-", 416, &[]),
    ] {
        let answer = raw(host.port, "GET", &path, &ask("range", range.into()), &[]).await;
        assert_eq!((answer.status, answer.body.as_slice()), (status, part), "{range}");
    }
    for (name, value, status) in [
        ("if-none-match", tag.clone(), 304),
        ("if-none-match", format!("W/{tag}"), 304),
        ("if-none-match", "\"another\"".into(), 200),
        ("if-match", tag.clone(), 200),
        ("if-match", "*".into(), 200),
        ("if-match", format!("W/{tag}"), 412),
        ("if-match", "\"another\"".into(), 412),
    ] {
        let answer = raw(host.port, "GET", &path, &ask(name, value.clone()), &[]).await;
        assert_eq!((answer.status, &answer.headers["etag"]), (status, &tag), "{name}: {value}");
        assert_eq!(answer.body.is_empty(), status != 200, "{name}: {value}");
    }
    let stale = with(ask("if-range", "\"another\"".into()), "range", "bytes=0-55");
    assert_eq!(raw(host.port, "GET", &path, &stale, &[]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_does_not_fit_is_not_found() {
    let host = Host::start().await;
    host.running().host().create_workspace("globex", Vec::new()).unwrap();
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let (file, other) =
        (Sealed::new(&alice, channel, 1, vec![1; 5000]), Sealed::new(&alice, channel, 2, vec![2; 5000]));
    file.upload(&host, &mut alice).await;
    other.upload(&host, &mut alice).await;
    let read = file.open(&mut alice).await.unwrap().token;
    let write = Sealed::new(&alice, channel, 3, vec![3; 10]).begin(&mut alice).await.unwrap().token;
    let path = file_path("acme", file.id);
    let good = proved("GET", &path, &read);
    let status = async |method: &str, path: &str, headers: &[(&str, String)]| {
        raw(host.port, method, path, headers, &[]).await.status
    };
    assert_eq!(status("GET", &path, &good).await, 200);
    // Overheard and sent again; without a proof; without anything.
    assert_eq!(status("GET", &path, &good).await, 404);
    assert_eq!(status("GET", &path, &good[..1]).await, 404);
    assert_eq!(status("GET", &path, &[]).await, 404);
    // Another file, another workspace, one that does not exist, no id at all.
    let away = [
        file_path("acme", other.id),
        file_path("globex", file.id),
        file_path("nowhere", file.id),
        "/w/acme/files/..%2f..%2fhost.db".into(),
    ];
    for path in &away {
        assert_eq!(status("GET", path, &proved("GET", path, &read)).await, 404, "{path}");
    }
    // Reading is not writing, and writing is not reading.
    let sending = with(proved("PATCH", &path, &read), OFFSET_HEADER, 0);
    assert_eq!(status("PATCH", &path, &sending).await, 404);
    assert_eq!(status("HEAD", &path, &proved("HEAD", &path, &read)).await, 404);
    let begun = file_path("acme", FileId::from_bytes([3; 16]));
    assert_eq!(status("GET", &begun, &proved("GET", &begun, &write)).await, 404);
    // A device that has signed out meanwhile.
    let fresh = file.open(&mut alice).await.unwrap().token;
    alice
        .call::<thechatapp_protocol::methods::devices::SignOut>(&thechatapp_protocol::methods::account::Nothing {})
        .await
        .unwrap();
    assert_eq!(fetch(&host, file.id, &fresh).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_its_uploaders_until_a_message_has_it_and_of_its_channel_then() {
    let host = Host::start().await;
    let (mut alice, mut bob) = (host.join("alice").await, host.join("bob").await);
    let channel = alice.general().await;
    let file = Sealed::new(&alice, channel, 1, vec![1; 20_000]);
    let grant = file.begin(&mut alice).await.unwrap();
    patch(&host, file.id, &grant.token, 0, &file.bytes).await;
    // Bob can neither take the id, nor end the upload, nor open or attach the file.
    assert_eq!(file.begin(&mut bob).await.unwrap_err().code, Code::BadInput);
    assert_eq!(file.finish(&mut bob).await.unwrap_err().code, Code::NotFound);
    file.finish(&mut alice).await.unwrap();
    assert_eq!(file.open(&mut bob).await.unwrap_err().code, Code::NotFound);
    assert_eq!(bob.call::<SendMessage>(&file.message()).await.unwrap_err().code, Code::BadInput);

    let message = file.message();
    let sent = alice.call::<SendMessage>(&message).await.unwrap();
    assert_eq!(alice.call::<SendMessage>(&message).await.unwrap(), sent, "sent again, it is the same message");
    assert_eq!(alice.call::<SendMessage>(&file.message()).await.unwrap_err().code, Code::BadInput, "attached once");
    let grant = file.open(&mut bob).await.unwrap();

    let one = OneMessage { channel, id: message.id };
    let gone = alice.call::<DeleteMessage>(&one).await.unwrap();
    assert!(gone.files.is_empty());
    assert_eq!(file.open(&mut bob).await.unwrap_err().code, Code::Removed);
    // Its bytes open for nobody any more, and go.
    let workspace = host.running().host().workspace("acme").unwrap();
    assert!(workspace.blobs.whole(file.id).exists());
    workspace.sweep_files().await.unwrap();
    assert!(!workspace.blobs.whole(file.id).exists());
    assert_eq!(fetch(&host, file.id, &grant.token).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_with_the_right_it_stands_for() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let board = support::channel_id();
    let create = CreateChannelParams { id: board, name: "board".into(), kind: ChannelKind::Private };
    alice.call::<CreateChannel>(&create).await.unwrap();
    let file = Sealed::new(&alice, board, 1, vec![1; 100]);
    file.upload(&host, &mut alice).await;
    alice.call::<SendMessage>(&file.message()).await.unwrap();
    let token = file.open(&mut alice).await.unwrap().token;
    assert_eq!(fetch(&host, file.id, &token).await.status, 200);
    alice.call::<LeaveChannel>(&InChannel { channel: board }).await.unwrap();
    assert_eq!(fetch(&host, file.id, &token).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_quotas_and_wrong_keys_are_refused_with_their_reason() {
    let mut host = Host::start().await;
    host.stop().await;
    host.config.files.largest = 50_000;
    host.config.files.per_person = Some(120_000);
    host.config.files.per_workspace = Some(160_000);
    host.serve().await;
    let (mut alice, mut bob) = (host.join("alice").await, host.join("bob").await);
    let channel = alice.general().await;
    let file = |person: &Person, number| Sealed::new(person, channel, number, vec![number; 50_000]);
    let large = Sealed::new(&alice, channel, 9, vec![9; 50_001]).begin(&mut alice).await.unwrap_err();
    assert_eq!(large.code, Code::BadInput);
    for number in [1, 2] {
        file(&alice, number).upload(&host, &mut alice).await;
    }
    assert_eq!(file(&alice, 3).begin(&mut alice).await.unwrap_err().code, Code::DiskFull, "one person's");
    file(&bob, 4).upload(&host, &mut bob).await;
    let all = file(&bob, 5).begin(&mut bob).await.unwrap_err();
    assert_eq!(all.code, Code::DiskFull, "the workspace's");

    // A hundred declared and ten sent; then all of it under a key that does not open it.
    let short = Sealed::new(&bob, channel, 6, vec![6; 10]);
    let grant = short.begin_as(&mut bob, 100).await.unwrap();
    assert_eq!(patch(&host, short.id, &grant.token, 0, &short.bytes).await.status, 204);
    assert_eq!(short.finish(&mut bob).await.unwrap_err().code, Code::BadInput);
    let mut shut = Sealed::new(&bob, channel, 7, vec![7; 100]);
    let grant = shut.begin(&mut bob).await.unwrap();
    assert_eq!(patch(&host, shut.id, &grant.token, 0, &shut.bytes).await.status, 204);
    assert_eq!(sealed_len(100), shut.bytes.len() as u64);
    shut.key = Key::random().unwrap();
    assert_eq!(shut.finish(&mut bob).await.unwrap_err().code, Code::BadInput);
    assert_eq!(bob.call::<SendMessage>(&shut.message()).await.unwrap_err().code, Code::BadInput);
}

/// Whether bytes of a file are anywhere in a folder.
fn lies_in(folder: &std::path::Path, file: FileId) -> bool {
    std::fs::read_dir(folder).unwrap().map(|found| found.unwrap().path()).any(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with(&file.to_string()) || (path.is_dir() && lies_in(&path, file))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_made_to_harm_is_not_kept() {
    let mut host = Host::start().await;
    host.stop().await;
    host.config.files.largest = 20_000_000_000;
    host.config.files.per_person = Some(10_000_000_100);
    host.serve().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    // One entry without content that declares four gigabytes.
    let mut bomb = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xf0\x01\0\0\0z".to_vec();
    bomb.extend(b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xf0\x01\0");
    bomb.extend([[0; 16].as_slice(), b"z"].concat());
    bomb.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x2f\0\0\0\x1f\0\0\0\0\0");
    let file = Sealed::new(&alice, channel, 1, bomb);
    let grant = file.begin(&mut alice).await.unwrap();
    assert_eq!(patch(&host, file.id, &grant.token, 0, &file.bytes).await.status, 204);
    assert!(lies_in(host.folder.path(), file.id));
    let refused = file.finish(&mut alice).await.unwrap_err();
    assert_eq!((refused.code, refused.what.as_str()), (Code::BadInput, "This file is not kept"));
    assert!(refused.why.contains("unpacks to 4026531840"), "{}", refused.why);
    assert!(!lies_in(host.folder.path(), file.id));
    // Nothing of it is left, and nothing goes on with it.
    assert_eq!(file.finish(&mut alice).await.unwrap_err().code, Code::Removed);
    assert_eq!(file.begin(&mut alice).await.unwrap_err().code, Code::BadInput);
    assert_eq!(alice.call::<SendMessage>(&file.message()).await.unwrap_err().code, Code::BadInput);
    let removed = file.open(&mut alice).await.unwrap_err();
    assert_eq!(removed.code, Code::Removed);
    assert!(removed.why.contains("refused as an archive that unpacks"), "{}", removed.why);

    // Ten gigabytes declared and ten bytes sent. The one that was refused counts for no quota.
    let short = Sealed::new(&alice, channel, 2, vec![2; 10]);
    let grant = short.begin_as(&mut alice, 10_000_000_090).await.unwrap();
    assert_eq!(patch(&host, short.id, &grant.token, 0, &short.bytes).await.status, 204);
    let refused = short.finish(&mut alice).await.unwrap_err();
    assert_eq!(refused.code, Code::BadInput);
    assert!(refused.why.contains("10000000090 bytes were declared, 10 came"), "{}", refused.why);
    assert_eq!(alice.call::<SendMessage>(&short.message()).await.unwrap_err().code, Code::BadInput);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_in_the_folder_and_belongs_nowhere_goes_after_a_day_and_nothing_else() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let general = alice.general().await;
    let acme = host.running().host().workspace("acme").unwrap();
    let shared = Sealed::new(&alice, general, 1, vec![1; 100]);
    shared.upload(&host, &mut alice).await;
    alice.call::<SendMessage>(&shared.message()).await.unwrap();
    let folder = host.data().join("acme/files");
    let stray = FileId::from_bytes([9; 16]);
    let strays = ["", ".part", ".thumb"].map(|ending| folder.join(format!("{stray}{ending}")));
    let (foreign, in_days) = (folder.join("README"), |days: i64| support::millis() as i64 + days * 24 * 60 * 60 * 1000);
    for path in strays.iter().chain([&foreign]) {
        std::fs::write(path, "stray").unwrap();
    }
    acme.sweep_files().await.unwrap();
    assert!(strays.iter().all(|path| path.exists()), "something may have begun with them");
    // One that came a moment before it is looked through.
    let (late, in_two_days) = (folder.join(FileId::from_bytes([8; 16]).to_string()), Timestamp(in_days(2)));
    std::fs::write(&late, "late").unwrap();
    let just_before = std::time::UNIX_EPOCH + Duration::from_millis(in_two_days.0 as u64 - 1000);
    std::fs::File::options().write(true).open(&late).unwrap().set_modified(just_before).unwrap();
    acme.sweep_files_at(in_two_days).await.unwrap();
    assert!(!strays.iter().any(|path| path.exists()));
    assert!(late.exists() && foreign.exists() && acme.blobs.whole(shared.id).exists());
    acme.sweep_files_at(Timestamp(in_days(4))).await.unwrap();
    assert!(!late.exists() && foreign.exists() && acme.blobs.whole(shared.id).exists());
    // One that was found to belong nowhere, and came while that was looked at, stays.
    assert!(!acme.remove_if_nobodys(shared.id).await.unwrap() && acme.blobs.whole(shared.id).exists());
    std::fs::write(&late, "late").unwrap();
    let late = FileId::from_bytes([8; 16]);
    let writing = acme.blobs.claim(late).unwrap();
    assert!(!acme.remove_if_nobodys(late).await.unwrap());
    drop(writing);
    assert!(acme.remove_if_nobodys(late).await.unwrap() && !acme.blobs.whole(late).exists());
    let token = shared.open(&mut alice).await.unwrap().token;
    assert_eq!(fetch(&host, shared.id, &token).await.body, shared.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_file_says_why_to_whoever_could_know_it() {
    let host = Host::start().await;
    let (mut alice, mut bob) = (host.join("alice").await, host.join("bob").await);
    let general = alice.general().await;
    let board = support::channel_id();
    let create = CreateChannelParams { id: board, name: "board".into(), kind: ChannelKind::Private };
    alice.call::<CreateChannel>(&create).await.unwrap();
    let file = |number, channel| Sealed::new(&alice, channel, number, vec![number; 100]);
    let (sent, hidden, whole, begun) = (file(1, general), file(2, board), file(3, general), file(4, general));
    let (never, elsewhere) = (file(9, general), file(2, general));
    for shared in [&sent, &hidden] {
        shared.upload(&host, &mut alice).await;
        let message = shared.message();
        alice.call::<SendMessage>(&message).await.unwrap();
        alice.call::<DeleteMessage>(&OneMessage { channel: shared.channel, id: message.id }).await.unwrap();
    }
    whole.upload(&host, &mut alice).await;
    begun.begin(&mut alice).await.unwrap();
    let acme = host.running().host().workspace("acme").unwrap();
    let in_two_days = Timestamp(support::millis() as i64 + 2 * 24 * 60 * 60 * 1000);
    acme.sweep_files_at(in_two_days).await.unwrap();

    let unknown = never.open(&mut alice).await.unwrap_err();
    assert_eq!(unknown.code, Code::NotFound);
    for (file, why) in [
        (&sent, "the message that had it was deleted"),
        (&hidden, "the message that had it was deleted"),
        (&whole, "no message took it within a day"),
        (&begun, "its upload was left alone for a day"),
    ] {
        for refused in [file.open(&mut alice).await.unwrap_err(), file.finish(&mut alice).await.unwrap_err()] {
            assert_eq!((refused.code, refused.what.as_str()), (Code::Removed, "This file was removed"));
            assert_eq!(refused.why, why);
        }
    }
    // Bob could read the message; of the others he never heard.
    assert_eq!(sent.open(&mut bob).await.unwrap_err().code, Code::Removed);
    for file in [&whole, &begun] {
        assert_eq!(file.open(&mut bob).await.unwrap_err(), unknown);
    }
    assert_eq!(elsewhere.open(&mut bob).await.unwrap_err(), unknown);
    // Of its name nothing is left, nor of its bytes.
    assert!([&sent, &hidden, &whole, &begun].iter().all(|file| !lies_in(host.folder.path(), file.id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_at_once_leave_the_server_well() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let file = Sealed::new(&alice, channel, 1, (0..400_000_u32).map(|n| n as u8).collect());
    file.upload(&host, &mut alice).await;
    let token = file.open(&mut alice).await.unwrap().token;
    let path = file_path("acme", file.id);
    let rounds = (0..20).map(|round| {
        let (path, token, port) = (path.clone(), token.clone(), host.port);
        tokio::spawn(async move {
            for turn in 0..50_usize {
                let first = (round * 50 + turn) * 300;
                let headers = with(proved("GET", &path, &token), "range", format!("bytes={first}-{}", first + 9_999));
                let answer = raw(port, "GET", &path, &headers, &[]).await;
                assert_eq!((answer.status, answer.body.len()), (206, 10_000));
            }
        })
    });
    for round in rounds.collect::<Vec<_>>() {
        tokio::time::timeout(Duration::from_secs(60), round).await.unwrap().unwrap();
    }
    alice.send(channel, "still here").await.unwrap();
}
