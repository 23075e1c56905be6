//! A stand-in for a key service that keeps Vault's contract for one key and wraps nothing: what it has to do is come and go. Another one
//! does not open what it gave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use thechatapp_seal::WrapContext;

#[derive(Clone, Debug)]
pub struct Vault {
    port: u16,
    /// It refuses everybody.
    pub denies: Arc<AtomicBool>,
    /// What the keys are bound to that it was asked for, in the order of the first questions.
    knows: Arc<Mutex<Vec<String>>>,
    /// Which of them gets no answer, counted from one.
    ignores: Arc<AtomicUsize>,
    /// What the key is bound to that it gives to nobody.
    refuses: Arc<Mutex<Option<String>>>,
    /// How many questions it has answered.
    pub answered: Arc<AtomicUsize>,
}

impl Vault {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let vault = Self {
            port,
            denies: Arc::default(),
            knows: Arc::default(),
            ignores: Arc::default(),
            refuses: Arc::default(),
            answered: Arc::default(),
        };
        let answering = vault.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let vault = answering.clone();
                std::thread::spawn(move || vault.answer(stream));
            }
        });
        vault
    }

    /// What leads a server here.
    pub fn environment(&self, cache: &str) -> Vec<(String, String)> {
        let uri = self.uri();
        let named = [("KMS", uri.as_str()), ("VAULT_TOKEN", "a token"), ("CACHE_SECONDS", cache)];
        named.map(|(name, value)| (format!("THECHATAPP_KEY_{name}"), value.to_owned())).to_vec()
    }

    pub fn uri(&self) -> String {
        format!("vault+http://127.0.0.1:{}/transit/chat", self.port)
    }

    /// Of the workspace with this id it gives no key from here on; of all again with none.
    pub fn refuse(&self, workspace: Option<&str>) {
        let bound = |id| data_encoding::BASE64.encode(WrapContext::new(id).to_context().as_bytes());
        *self.refuses.lock().unwrap_or_else(PoisonError::into_inner) = workspace.map(bound);
    }

    /// For the first workspace nothing is answered any longer. Before its key stands the host's own.
    pub fn ignore_first_workspace(&self) {
        self.ignores.store(2, Ordering::SeqCst);
    }

    /// Whether a question gets an answer.
    fn answers(&self, whose: &str) -> bool {
        let mut knows = self.knows.lock().unwrap_or_else(PoisonError::into_inner);
        let place = knows.iter().position(|known| known == whose).unwrap_or_else(|| {
            knows.push(whose.to_owned());
            knows.len() - 1
        });
        place + 1 != self.ignores.load(Ordering::SeqCst)
    }

    /// One request; what came as a plain text goes back as a sealed one, and the other way.
    fn answer(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let bound = body["associated_data"].as_str().unwrap_or_default();
        if !self.answers(bound) {
            // Until the other side has had enough.
            let _ = stream.read(&mut [0]);
            return;
        }
        self.answered.fetch_add(1, Ordering::SeqCst);
        let refused = self.refuses.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(bound);
        let own = format!("vault:v1:{}.", self.port);
        let (status, data) = if self.denies.load(Ordering::SeqCst) || refused {
            ("403 Forbidden", serde_json::json!({ "errors": ["permission denied"] }))
        } else if let Some(plaintext) = body["plaintext"].as_str() {
            ("200 OK", serde_json::json!({ "data": { "ciphertext": format!("{own}{plaintext}") } }))
        } else if let Some(plaintext) = body["ciphertext"].as_str().unwrap().strip_prefix(&own) {
            ("200 OK", serde_json::json!({ "data": { "plaintext": plaintext } }))
        } else {
            ("400 Bad Request", serde_json::json!({ "errors": ["cipher: message authentication failed"] }))
        };
        let data = data.to_string();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", data.len());
        let _ = stream.write_all(format!("{head}{data}").as_bytes());
    }
}
