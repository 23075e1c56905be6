//! What people at a command line see while the server's key service is away. The service is a stand-in that keeps Vault's
//! contract for one key and wraps nothing: what it has to do here is come and go.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use thechatapp_tests::{Cli, Outcome, Server};

struct Vault {
    port: u16,
    denies: Arc<AtomicBool>,
}

impl Vault {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, denies) = (listener.local_addr().unwrap().port(), Arc::<AtomicBool>::default());
        let denying = denies.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let denying = denying.clone();
                std::thread::spawn(move || answer(stream, &denying));
            }
        });
        Self { port, denies }
    }

    fn environment(&self, cache: &str) -> Vec<(String, String)> {
        let uri = format!("vault+http://127.0.0.1:{}/transit/chat", self.port);
        let named = [("KMS", uri.as_str()), ("VAULT_TOKEN", "a token"), ("CACHE_SECONDS", cache)];
        named.map(|(name, value)| (format!("THECHATAPP_KEY_{name}"), value.to_owned())).to_vec()
    }
}

/// One request; the text between the quotes after `name` goes back under the other name.
fn answer(mut stream: TcpStream, denies: &AtomicBool) {
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
    let (status, data) = if denies.load(Ordering::SeqCst) {
        ("403 Forbidden", serde_json::json!({ "errors": ["permission denied"] }))
    } else if let Some(plaintext) = body["plaintext"].as_str() {
        ("200 OK", serde_json::json!({ "data": { "ciphertext": format!("vault:v1:{plaintext}") } }))
    } else {
        let plaintext = body["ciphertext"].as_str().unwrap().trim_start_matches("vault:v1:");
        ("200 OK", serde_json::json!({ "data": { "plaintext": plaintext } }))
    };
    let data = data.to_string();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", data.len());
    let _ = stream.write_all(format!("{head}{data}").as_bytes());
}

#[test]
fn readers_and_writers_end_with_30_until_the_service_is_back() {
    let vault = Vault::start();
    let mut server = Server::init_with(vault.environment("2"));
    server.serve();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "Alice").ok();
    alice.run(&["send", "general", "before"]).ok();

    // First the server closes; then it starts with nothing to open with.
    let mut said = vec!["before".to_owned()];
    for restarted in [false, true] {
        vault.denies.store(true, Ordering::SeqCst);
        if restarted {
            assert_eq!(server.stop(), Some(0));
            server.serve();
        }
        // On a busy machine the key's time may be over a moment before the service has said why.
        let denied = "the key service denies access to the key";
        let told = |done: &Outcome| done.code == 30 && done.error()["why"] == denied;
        wait(|| Some(alice.run(&["search", "before", "--remote"])).filter(told));
        assert_eq!(Cli::with_passphrase().join(server.owner_invite(), "Bob").code, 30);
        said.push(format!("meanwhile {restarted}"));
        assert_eq!(alice.run(&["send", "general", said.last().unwrap()]).code, 30);
        assert_eq!(alice.run(&["read", "general"]).code, 30);

        vault.denies.store(false, Ordering::SeqCst);
        wait(|| {
            said.push(format!("attempt {}", said.len()));
            Some(alice.run(&["send", "general", said.last().unwrap()])).filter(|done| done.code == 0)
        });
    }
    // What could not be sent waited on its device: everything is there, once.
    let mut read = wait(|| {
        let texts = alice.run(&["read", "general", "-n", "200"]).ok().texts();
        Some(texts).filter(|texts| texts.len() >= said.len())
    });
    read.sort();
    said.sort();
    assert_eq!(read, said);
}

fn wait<T>(mut until: impl FnMut() -> Option<T>) -> T {
    let begun = std::time::Instant::now();
    loop {
        if let Some(done) = until() {
            return done;
        }
        assert!(begun.elapsed().as_secs() < 60, "it does not come");
    }
}
