//! A browser's requests, without a browser: HTTPS by hand, with a cookie.

use crate::{Server, wire};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

const PATIENCE: Duration = Duration::from_secs(120);

/// One that is signed in to `acme`.
pub struct Tab<'a> {
    server: &'a Server,
    pub cookie: String,
}

impl<'a> Tab<'a> {
    /// Somebody with the password of the tests.
    pub async fn sign_in(server: &'a Server, name: &str) -> Self {
        let mut tab = Self { server, cookie: String::new() };
        let sign_in = json!({ "name": name, "password": "correct horse battery" }).to_string();
        let (head, _) = tab.call("POST", "/w/acme/api/v1/account.sign_in", "", sign_in.as_bytes()).await;
        let cookies = head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        // The other is what the account knows the browser by.
        let cookie = cookies.into_iter().find(|cookie| cookie.starts_with("__Host-thechatapp-acme="));
        let cookie = cookie.unwrap_or_else(|| panic!("no session: {head}"));
        tab.cookie = cookie.split(';').next().unwrap().to_owned();
        tab
    }

    /// A request whose body is still to come.
    pub async fn send(&self, method: &str, path: &str, more: &str, length: usize) -> TlsStream<TcpStream> {
        let (origin, cookie) = (self.server.url(), &self.cookie);
        let mut stream = wire::tls(self.server.port).await;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {origin}\r\nCookie: {cookie}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        stream
    }

    /// A request and its answer: head and body.
    pub async fn call(&self, method: &str, path: &str, more: &str, body: &[u8]) -> (String, Vec<u8>) {
        let mut stream = self.send(method, path, more, body.len()).await;
        stream.write_all(body).await.unwrap();
        stream.flush().await.unwrap();
        answer(&mut stream).await
    }
}

/// The answer to what was sent.
pub async fn answer(stream: &mut TlsStream<TcpStream>) -> (String, Vec<u8>) {
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the answer ends");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    (String::from_utf8_lossy(&answer[..end]).into_owned(), answer[end + 4..].to_vec())
}
