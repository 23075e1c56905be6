//! A browser as the server sees it: requests over HTTPS with a cookie, as pages of the server send them.

pub use super::files::{Answer, raw};
use super::{Host, PASSWORD, Person, millis, tls};
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::http::{OFFSET_HEADER, api_path, opened_file_path, opened_files_path};
use thechatapp_protocol::methods::account::{Me, SignIn, SignInParams};
use thechatapp_protocol::methods::files::{BeginUpload, BeginUploadParams, FileKey, FinishUpload, FinishUploadParams};
use thechatapp_protocol::methods::messages::{SendMessage, SendMessageParams};
use thechatapp_protocol::{ChannelId, ErrorBody, FileId, Method};
use thechatapp_seal::{Context, Key, seal};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

pub type Headers = Vec<(&'static str, String)>;

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn json<T: serde::de::DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }

    pub fn error(&self) -> ErrorBody {
        self.json()
    }

    /// The part of its cookie that goes back.
    pub fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    /// Whether less came than was said.
    pub fn is_broken(&self) -> bool {
        self.body.len() < self.header("content-length").parse::<usize>().unwrap()
    }
}

/// Sends a request and leaves its answer to be read.
pub async fn put(port: u16, method: &str, path: &str, headers: &[(&str, String)], body: &[u8]) -> TlsStream<TcpStream> {
    let mut stream = tls(port).await;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that has answered already may not take the rest.
    let _ = stream.write_all(body).await;
    let _ = stream.flush().await;
    stream
}

/// A browser that is signed in.
#[derive(Clone, Debug)]
pub struct Tab {
    pub port: u16,
    pub workspace: String,
    pub cookie: String,
    pub me: Option<Me>,
}

/// What a page of the server sends along with what changes something.
pub fn own_page(port: u16) -> Headers {
    vec![
        ("Origin", format!("https://127.0.0.1:{port}")),
        ("Sec-Fetch-Site", "same-origin".into()),
        ("Content-Type", "application/json".into()),
    ]
}

pub async fn sign_in(port: u16, workspace: &str, name: &str, password: &str) -> Answer {
    let params = SignInParams { name: name.into(), password: password.into(), code: None, reset: None };
    let body = serde_json::to_vec(&params).unwrap();
    raw(port, "POST", &api_path(workspace, SignIn::NAME), &own_page(port), &body).await
}

impl Tab {
    pub async fn open(port: u16, workspace: &str, name: &str) -> Self {
        let answer = sign_in(port, workspace, name, PASSWORD).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Self { port, workspace: workspace.into(), cookie: answer.cookie(), me: Some(answer.json()) }
    }

    pub async fn ask(&self, method: &str, path: &str, more: &[(&'static str, String)], body: &[u8]) -> Answer {
        let headers = [vec![("Cookie", self.cookie.clone())], more.to_vec()].concat();
        raw(self.port, method, path, &headers, body).await
    }

    pub async fn post<M: Method>(&self, params: &M::Params) -> Answer {
        let body = serde_json::to_vec(params).unwrap();
        self.ask("POST", &api_path(&self.workspace, M::NAME), &own_page(self.port), &body).await
    }

    pub async fn call<M: Method>(&self, params: &M::Params) -> Result<M::Reply, ErrorBody> {
        let answer = self.post::<M>(params).await;
        if answer.status == 200 { Ok(answer.json()) } else { Err(answer.error()) }
    }

    pub fn path(&self, channel: ChannelId, file: FileId) -> String {
        opened_file_path(&self.workspace, channel, file)
    }

    pub async fn fetch(&self, channel: ChannelId, file: FileId) -> Answer {
        self.ask("GET", &self.path(channel, file), &[], &[]).await
    }

    pub async fn range(&self, channel: ChannelId, file: FileId, range: &str) -> Answer {
        self.ask("GET", &self.path(channel, file), &[("Range", range.into())], &[]).await
    }

    pub async fn begin(&self, channel: ChannelId, file: FileId, name: &str, kind: &str, size: usize) -> Answer {
        let body = serde_json::json!({ "file": file, "name": name, "type": kind, "size": size }).to_string();
        let path = opened_files_path(&self.workspace, channel);
        self.ask("POST", &path, &own_page(self.port), body.as_bytes()).await
    }

    pub async fn go_on(&self, channel: ChannelId, file: FileId, offset: usize, bytes: &[u8]) -> Answer {
        let headers = [own_page(self.port), vec![(OFFSET_HEADER, offset.to_string())]].concat();
        self.ask("PATCH", &self.path(channel, file), &headers, bytes).await
    }

    pub async fn finish(&self, channel: ChannelId, file: FileId) -> Answer {
        self.ask("POST", &self.path(channel, file), &own_page(self.port), &[]).await
    }
}

/// A file that a native device sealed, sent and gave to a message, put in place without the requests in between.
pub async fn share(
    host: &Host,
    person: &mut Person,
    channel: ChannelId,
    name: &str,
    kind: &str,
    plain: &[u8],
) -> FileRow {
    let mut random = [0; 10];
    getrandom::fill(&mut random).unwrap();
    let (file, key) = (FileId::from_parts(millis(), &random), Key::random().unwrap());
    let size = plain.len() as u64;
    let begin = BeginUploadParams { file, channel, name: name.into(), media_type: kind.into(), size };
    person.call::<BeginUpload>(&begin).await.unwrap();
    let context = Context::file(person.me.workspace.as_bytes(), file.as_bytes());
    let sealed = seal(&key, &context, plain).unwrap();
    let all = host.running().host().workspaces();
    let workspace = all.iter().find(|workspace| workspace.id == person.me.workspace).unwrap();
    std::io::Write::write_all(&mut workspace.blobs.append(file).unwrap(), &sealed).unwrap();
    let end = FinishUploadParams { channel, file, key: FileKey(key.expose().to_vec()) };
    let row = person.call::<FinishUpload>(&end).await.unwrap();
    let message = SendMessageParams {
        id: super::message_id(),
        channel,
        text: String::new(),
        files: vec![file],
        thread: None,
        after: None,
    };
    person.call::<SendMessage>(&message).await.unwrap();
    row
}
