//! A Vault that keeps the transit engine's contract for one key, and breaks it when told to.

use super::*;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::Mutex;
use thechatapp_seal::{Context, Key, open, seal};
use thechatapp_server::config::KeySection;
use tokio::sync::watch;

pub const TOKEN: &str = "hvs.a-token";

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Works,
    /// A status, with these words as Vault says them.
    Says(u16, &'static str),
    /// Nothing, for as long as somebody waits.
    Hangs,
    /// What is right, so late.
    Slow(Duration),
    /// Ends the connection instead of answering.
    Breaks,
    /// No JSON.
    Garbage,
    /// JSON that is none of transit's.
    Nonsense,
    /// Less than it announced.
    Truncated,
    /// More than any key has.
    Endless,
    /// A key that is not the one that was wrapped.
    AnotherKey,
    /// Half of one.
    HalfAKey,
}

/// What it says to somebody who wants to delete its key. A key is made without `deletion_allowed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    NotAllowed,
    /// The token may not.
    Denied,
    Allowed,
    /// It is deleted, and the answer is lost.
    Lost,
}

#[derive(Clone)]
pub struct Vault {
    pub port: u16,
    inner: Arc<Inner>,
}

struct Inner {
    /// The versions of the key; what is gone opens nothing any longer.
    keys: Mutex<Vec<Option<Key>>>,
    mood: Mutex<Mood>,
    /// Of which workspace it gives no key, whatever its mood.
    refused: Mutex<Option<String>>,
    /// Of which workspace it gives a key that is another.
    exchanged: Mutex<Option<String>>,
    deletion: Mutex<Deletion>,
    asked: watch::Sender<u64>,
}

impl Vault {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, _) = watch::channel(0);
        let inner = Arc::new(Inner {
            keys: Mutex::new(vec![Some(Key::random().unwrap())]),
            mood: Mutex::new(Mood::Works),
            refused: Mutex::default(),
            exchanged: Mutex::default(),
            deletion: Mutex::new(Deletion::NotAllowed),
            asked,
        });
        let router = Router::new()
            .route("/v1/team/transit/{action}/{key}", axum::routing::post(answer).delete(delete))
            .with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { port, inner }
    }

    /// The same keys at another address, in a mood of its own.
    pub async fn at_another_address(&self) -> Self {
        let other = Self::start().await;
        *other.inner.keys.lock().unwrap() = self.inner.keys.lock().unwrap().clone();
        other
    }

    pub fn uri(&self) -> String {
        format!("vault+http://127.0.0.1:{}/team/transit/chat", self.port)
    }

    /// As the server gets to it, with a second of patience.
    pub fn source(&self) -> KeySource {
        self.patient(Duration::from_secs(1))
    }

    /// The same with so much of it.
    pub fn patient(&self, patience: Duration) -> KeySource {
        let timeout_seconds = patience.as_secs();
        let section = KeySection { vault_token: Some(TOKEN.to_owned()), timeout_seconds, ..KeySection::default() };
        KeySource::parse(&self.uri(), &section, || unreachable!("no passphrase is asked for")).unwrap()
    }

    /// A new version of the key.
    pub fn rotate(&self) {
        self.inner.keys.lock().unwrap().push(Some(Key::random().unwrap()));
    }

    /// The end of all versions but the newest.
    pub fn forget_older(&self) {
        let mut keys = self.inner.keys.lock().unwrap();
        let last = keys.len() - 1;
        keys[..last].fill(None);
    }

    /// From here on it has another one's keys.
    pub fn adopt(&self, other: &Self) {
        let keys = other.inner.keys.lock().unwrap().clone();
        *self.inner.keys.lock().unwrap() = keys;
    }

    /// Whether it has a key, of any version.
    pub fn has_key(&self) -> bool {
        !self.inner.keys.lock().unwrap().is_empty()
    }

    pub fn set_deletion(&self, deletion: Deletion) {
        *self.inner.deletion.lock().unwrap() = deletion;
    }

    pub fn set(&self, mood: Mood) {
        *self.inner.mood.lock().unwrap() = mood;
    }

    /// Of this workspace it gives no key from here on; of all again with none.
    pub fn refuse(&self, workspace: Option<String>) {
        *self.inner.refused.lock().unwrap() = workspace;
    }

    /// Of this workspace it gives another key than it took.
    pub fn exchange(&self, workspace: Option<String>) {
        *self.inner.exchanged.lock().unwrap() = workspace;
    }

    /// Waits until it is asked so many times more.
    pub async fn asked(&self, times: u64) {
        let mut asked = self.inner.asked.subscribe();
        let until = *asked.borrow() + times;
        let waited = asked.wait_for(|asked| *asked >= until);
        tokio::time::timeout(Duration::from_secs(60), waited).await.expect("it is asked again").unwrap();
    }
}

async fn delete(
    State(inner): State<Arc<Inner>>,
    Path((action, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let errors = |status: u16, words: &str| {
        (StatusCode::from_u16(status).unwrap(), json!({ "errors": [words] }).to_string()).into_response()
    };
    let deletion = *inner.deletion.lock().unwrap();
    if headers.get("x-vault-token").is_none_or(|token| token != TOKEN) || deletion == Deletion::Denied {
        return errors(403, "1 error occurred:\n\t* permission denied\n\n");
    }
    assert_eq!((action.as_str(), key.as_str()), ("keys", "chat"));
    if inner.keys.lock().unwrap().is_empty() {
        return errors(400, "error deleting policy chat: could not delete key; not found");
    }
    if deletion == Deletion::NotAllowed {
        return errors(400, "error deleting policy chat: deletion is not allowed for this key");
    }
    inner.keys.lock().unwrap().clear();
    if deletion == Deletion::Lost {
        let parts = futures_util::stream::iter([Err::<&[u8], _>(std::io::Error::other("gone"))]);
        return Response::new(Body::from_stream(parts));
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn answer(
    State(inner): State<Arc<Inner>>,
    Path((action, key)): Path<(String, String)>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mood = *inner.mood.lock().unwrap();
    inner.asked.send_modify(|asked| *asked += 1);
    let errors = |status: u16, words: &str| {
        (StatusCode::from_u16(status).unwrap(), json!({ "errors": [words] }).to_string()).into_response()
    };
    let broken = |announced: Option<usize>, part: &'static [u8]| {
        let parts = futures_util::stream::iter([Ok(part), Err(std::io::Error::other("gone"))]);
        let mut response = Response::new(Body::from_stream(parts));
        if let Some(announced) = announced {
            response.headers_mut().insert("content-length", announced.into());
        }
        response
    };
    match mood {
        Mood::Says(status, words) => return errors(status, words),
        Mood::Hangs => return std::future::pending().await,
        Mood::Breaks => return broken(None, b""),
        Mood::Garbage => return "<html>It works</html>".into_response(),
        Mood::Nonsense => return r#"{"data":{"keys":[]}}"#.into_response(),
        Mood::Truncated => return broken(Some(500), br#"{"data":{"plain"#),
        Mood::Endless => return "x".repeat(1 << 20).into_response(),
        Mood::Slow(late) => tokio::time::sleep(late).await,
        Mood::Works | Mood::AnotherKey | Mood::HalfAKey => {}
    }
    if headers.get("x-vault-token").is_none_or(|token| token != TOKEN) {
        return errors(403, "permission denied");
    }
    if key != "chat" || inner.keys.lock().unwrap().is_empty() {
        return errors(400, "encryption key not found");
    }
    let body: Value = serde_json::from_str(&body).unwrap();
    let bytes = |name: &str| BASE64.decode(body[name].as_str().unwrap().as_bytes()).unwrap();
    let (refused, exchanged) = (inner.refused.lock().unwrap().clone(), inner.exchanged.lock().unwrap().clone());
    let is_of = |workspace: String| {
        let named = thechatapp_seal::WrapContext::new(workspace).to_context().as_bytes().to_vec();
        named == bytes("associated_data")
    };
    if refused.is_some_and(&is_of) {
        return errors(403, "permission denied");
    }
    let bound = Context::new("fake vault").part(&bytes("associated_data"));
    let data = match action.as_str() {
        "encrypt" => {
            let keys = inner.keys.lock().unwrap();
            let sealed = seal(keys.last().unwrap().as_ref().unwrap(), &bound, &bytes("plaintext")).unwrap();
            let version = keys.len();
            json!({ "ciphertext": format!("vault:v{version}:{}", BASE64.encode(&sealed)), "key_version": version })
        }
        "decrypt" => {
            let given = body["ciphertext"].as_str().unwrap().strip_prefix("vault:v").unwrap_or_default();
            let (version, sealed) = given.split_once(':').unwrap_or_default();
            let number = version.parse::<usize>().ok().and_then(|version| version.checked_sub(1));
            let Some(number) = number else {
                return errors(400, "invalid ciphertext: no prefix");
            };
            let Some(key) = inner.keys.lock().unwrap().get(number).cloned().flatten() else {
                return errors(400, "ciphertext or signature version is disallowed by policy (too old)");
            };
            let Ok(sealed) = BASE64.decode(sealed.as_bytes()) else {
                return errors(400, "invalid ciphertext: could not decode base64");
            };
            let Ok(opened) = open(&key, &bound, &sealed) else {
                return errors(400, "cipher: message authentication failed");
            };
            let opened = match mood {
                Mood::AnotherKey => vec![7; 32],
                _ if exchanged.is_some_and(is_of) => vec![7; 32],
                Mood::HalfAKey => opened[..16].to_vec(),
                _ => opened.to_vec(),
            };
            json!({ "plaintext": BASE64.encode(&opened) })
        }
        _ => return errors(404, "no handler for route"),
    };
    json!({ "request_id": "1", "lease_id": "", "renewable": false, "data": data }).to_string().into_response()
}
