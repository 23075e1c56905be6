//! The bare peers: SQLCipher with nothing around it, a TLS WebSocket relay with nothing in it.

use data_encoding::BASE32_NOPAD;
use futures_util::{SinkExt, StreamExt};
use hmac::{Hmac, Mac};
use rusqlite::Connection;
use sha2::Sha256;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// A SQLCipher database with one table, opened as the product opens its own.
pub fn database(path: &Path) -> Connection {
    let db = Connection::open(path).unwrap();
    db.execute_batch(&format!("PRAGMA key = \"x'{}'\";", "5a".repeat(32))).unwrap();
    opened(db)
}

fn opened(db: Connection) -> Connection {
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
         CREATE TABLE rows (seq INTEGER PRIMARY KEY, id BLOB NOT NULL, author BLOB NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL, change INTEGER NOT NULL) STRICT;
         CREATE UNIQUE INDEX rows_id ON rows (author, id);",
    )
    .unwrap();
    db
}

/// One row in the open transaction, or in one of its own. The body is as long as a sealed one.
pub fn insert(db: &Connection, seq: i64, text: &str) {
    let mut id = [0u8; 16];
    id[..8].copy_from_slice(&seq.to_be_bytes());
    let body = vec![0x5a_u8; text.len() + 72];
    db.prepare_cached("INSERT INTO rows VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        .unwrap()
        .execute((seq, &id[..], &[1u8; 16][..], 1_700_000_000_000_i64 + seq, &body, seq))
        .unwrap();
}

/// The server's own tables in a bare database.
pub fn workspace(path: &Path) -> Connection {
    with_tables(database(path))
}

/// The same without a key: pages lie on the disk as they are.
pub fn plain_workspace(path: &Path) -> Connection {
    with_tables(opened(Connection::open(path).unwrap()))
}

fn with_tables(db: Connection) -> Connection {
    db.execute_batch(include_str!("../../server/src/store/migrations/0001_first.sql")).unwrap();
    db
}

/// As many tokens, as long, as the server's search index gets of a text.
pub struct Tokens {
    words: String,
    marks: String,
}

impl Tokens {
    pub fn of(text: &str) -> Self {
        let words: Vec<String> = thechatapp_protocol::search::words(text).collect();
        let starts = words.iter().map(|word| word.chars().count().min(6).saturating_sub(2)).sum::<usize>();
        let token = |number: usize| format!("{:013X}", number.wrapping_mul(0x9e37_79b9_7f4a));
        let join = |count: usize, from: usize| (from..from + count).map(token).collect::<Vec<_>>().join(" ");
        Self { words: join(words.len(), 1), marks: join(starts + 2, 1000) }
    }
}

/// The tokens that the server's search index gets of a text, by a key of their own.
pub fn keyed_tokens(text: &str) -> (String, String) {
    let token = |kind: &str, value: &[u8]| {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&[7; 32]).unwrap();
        mac.update(kind.as_bytes());
        mac.update(value);
        BASE32_NOPAD.encode(&mac.finalize().into_bytes()[..8])
    };
    let mut marks = BTreeSet::from([token("channel", b"one"), token("author", &[text.len() as u8])]);
    let words: Vec<String> = thechatapp_protocol::search::words(text)
        .map(|word| {
            let ends: Vec<usize> = word.char_indices().map(|(at, letter)| at + letter.len_utf8()).collect();
            marks.extend((3..=6).filter_map(|length| Some(token("start", &word.as_bytes()[..*ends.get(length - 1)?]))));
            token("word", word.as_bytes())
        })
        .collect();
    (words.join(" "), marks.into_iter().collect::<Vec<_>>().join(" "))
}

/// The rows that the server writes for a message, with nothing around them. The body is as long as a sealed one.
pub fn insert_message(db: &Connection, seq: i64, author: u8, text: &str, tokens: &Tokens) {
    insert_body(db, seq, author, &vec![0x5a_u8; text.len() + 72]);
    let rowid = (1_700_000_000_000_i64 + seq) << 20 | seq;
    db.prepare_cached("INSERT INTO found (at, place) VALUES (?1, ?2) ON CONFLICT (at) DO NOTHING")
        .unwrap()
        .execute((rowid, (1_i64 << 40) | seq))
        .unwrap();
    db.prepare_cached("INSERT INTO search (rowid, words, marks) VALUES (?1, ?2, ?3)")
        .unwrap()
        .execute((rowid, &tokens.words, &tokens.marks))
        .unwrap();
}

/// Of these rows the message's own, and nothing in the index.
pub fn insert_body(db: &Connection, seq: i64, author: u8, body: &[u8]) {
    let mut id = [0u8; 16];
    id[8..].copy_from_slice(&seq.to_be_bytes());
    let values = rusqlite::params![
        (1_i64 << 40) | seq,
        &id[..],
        &[author; 16][..],
        1_700_000_000_000_i64 + seq,
        &[3u8; 32][..],
        seq,
        body,
    ];
    db.prepare_cached(
        "INSERT INTO messages (place, id, author, at, thread, digest, made, change, revision, edited, deleted, body)
         VALUES (?1, ?2, ?3, ?4, NULL, ?5, ?6, ?6, 0, NULL, 0, ?7) ON CONFLICT (id, author) DO NOTHING",
    )
    .unwrap()
    .execute(values)
    .unwrap();
}

type ClientSocket = WebSocketStream<tokio_rustls::client::TlsStream<TcpStream>>;

/// Both ends of TLS on loopback, as the product has it.
pub fn tls_pair() -> (TlsAcceptor, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)))
}

/// A relay on loopback that commits each message and passes it to everybody else.
pub struct Relay {
    port: u16,
    client: TlsConnector,
}

impl Relay {
    pub async fn start(db: Connection) -> Self {
        let (acceptor, client) = tls_pair();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (to_all, _) = broadcast::channel::<(usize, Message)>(64);
        let (commit, mut commits) = tokio::sync::mpsc::channel::<(usize, Message)>(64);
        let out = to_all.clone();
        std::thread::spawn(move || {
            let mut seq = 0;
            while let Some((from, message)) = commits.blocking_recv() {
                seq += 1;
                insert(&db, seq, message.to_text().unwrap());
                let _ = out.send((from, message));
            }
        });
        tokio::spawn(async move {
            let mut number = 0;
            while let Ok((tcp, _)) = listener.accept().await {
                tcp.set_nodelay(true).unwrap();
                number += 1;
                let (me, acceptor, commit, mut inbox) = (number, acceptor.clone(), commit.clone(), to_all.subscribe());
                tokio::spawn(async move {
                    let tls = acceptor.accept(tcp).await.unwrap();
                    let (mut sink, mut stream) = tokio_tungstenite::accept_async(tls).await.unwrap().split();
                    loop {
                        tokio::select! {
                            read = stream.next() => match read {
                                Some(Ok(message)) => commit.send((me, message)).await.unwrap(),
                                _ => return,
                            },
                            Ok((from, message)) = inbox.recv() => if from != me && sink.send(message).await.is_err() { return },
                        }
                    }
                });
            }
        });
        Self { port, client }
    }

    pub async fn connect(&self) -> ClientSocket {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
        let tls = self.client.connect(name, tcp).await.unwrap();
        tokio_tungstenite::client_async("wss://127.0.0.1/", tls).await.unwrap().0
    }
}
