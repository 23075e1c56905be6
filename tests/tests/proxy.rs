//! A TLS-terminating proxy in between, its authority trusted by the person's system: refused where the identity document
//! forbids it; where it allows it, messages stay out of its reach.

use std::sync::Arc;
use std::time::Duration;
use thechatapp_core::{Client, Error, Unlock};
use thechatapp_tests::Server;
use thechatapp_tests::person::{Memory, platform};
use thechatapp_tests::proxy::Proxy;
use thechatapp_tests::server::free_port;

const SECRET: &str = "marker words that no proxy may read";

/// A server behind a proxy: people know the proxy's address only.
async fn behind_proxy(allow_unbound: bool) -> (Server, Proxy) {
    let mut server = Server::init();
    let front = server.port;
    server.port = free_port();
    let config = server.folder.path().join("config.toml");
    std::fs::write(&config, format!("[identity]\nallow_unbound = {allow_unbound}\n")).unwrap();
    server.config = Some(config);
    server.serve();
    let proxy = Proxy::before(front, server.port).await;
    (server, proxy)
}

async fn client(folder: &std::path::Path, proxy: &Proxy) -> Client {
    let mut platform = platform(Arc::new(Memory::default()));
    platform.extra_roots = vec![proxy.authority.clone()];
    Client::open_or_create(folder, Unlock::SecureStorage, platform).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminating_proxy_is_refused_where_the_document_forbids_it() {
    let (server, proxy) = behind_proxy(false).await;
    let folder = tempfile::tempdir().unwrap();
    let client = client(folder.path(), &proxy).await;
    let refused = client.join(server.owner_invite(), "alice", "correct horse battery", None).await;
    assert!(
        matches!(refused, Err(Error::Offline { .. } | Error::PinMismatch { .. } | Error::Refused(_))),
        "{refused:?}"
    );
    assert!(!proxy.saw("correct horse battery"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_terminating_proxy_is_allowed_messages_and_passwords_stay_out_of_its_reach() {
    let (server, proxy) = behind_proxy(true).await;
    let folder = tempfile::tempdir().unwrap();
    let client = client(folder.path(), &proxy).await;
    let joined = client.join(server.owner_invite(), "alice", "correct horse battery", None).await.unwrap();
    client.connect(joined.id, Duration::from_secs(20)).await.unwrap();
    let channel = client.resolve_channel(joined.id, "general").await.unwrap().id;
    let sent = client.send(joined.id, channel, SECRET, None).await.unwrap();
    client.wait_sent(joined.id, sent.id, Duration::from_secs(20)).await.unwrap();
    assert!(proxy.saw("HTTP/1.1 101"), "the proxy did see the traffic");
    assert!(!proxy.saw(SECRET));
    assert!(!proxy.saw("correct horse battery"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_vouches_for_sessions_uploads_and_downloads_alike() {
    let (server, proxy) = behind_proxy(true).await;
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("profile");
    let client = client(&profile, &proxy).await;
    let joined = client.join(server.owner_invite(), "alice", "correct horse battery", None).await.unwrap();
    client.connect(joined.id, Duration::from_secs(20)).await.unwrap();
    let channel = client.resolve_channel(joined.id, "general").await.unwrap().id;
    let (path, to) = (folder.path().join("plan.txt"), folder.path().join("again.txt"));
    std::fs::write(&path, SECRET.repeat(1000)).unwrap();
    let sent = client.upload(joined.id, channel, &path, "the plan", &mut |_, _| {}).await.unwrap();
    let sent = client.wait_sent(joined.id, sent.id, Duration::from_secs(20)).await.unwrap();
    let file = sent.files[0].id.parse().unwrap();
    client.download(joined.id, file, None, &to, &mut |_, _| {}).await.unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), SECRET.repeat(1000).into_bytes());
    assert!(proxy.saw("PATCH /") && proxy.saw("GET /w/acme/files/"), "files went through the proxy, too");
    assert!(!proxy.saw(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_whose_authority_nobody_trusts_is_refused_even_where_proxies_are_allowed() {
    let (server, proxy) = behind_proxy(true).await;
    let folder = tempfile::tempdir().unwrap();
    let client = Client::open_or_create(folder.path(), Unlock::SecureStorage, platform(Arc::new(Memory::default())))
        .await
        .unwrap();
    let refused = client.join(server.owner_invite(), "alice", "correct horse battery", None).await;
    assert!(refused.is_err());
    assert!(!proxy.saw("correct horse battery"));
}
