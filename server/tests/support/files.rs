//! Files as a device sends and fetches them, and folders of a host.

use super::{Host, Person, message_id};
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer, SigningKey};
use std::collections::HashMap;
use std::path::Path;
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::http::{OFFSET_HEADER, PROOF_HEADER, TOKEN_HEADER, file_path, proof_covers};
use thechatapp_protocol::methods::files::{
    BeginUpload, BeginUploadParams, FileGrant, FileKey, FileToken, FinishUpload, FinishUploadParams, OpenFile,
    OpenFileParams, UploadGrant,
};
use thechatapp_protocol::methods::messages::SendMessageParams;
use thechatapp_protocol::{ChannelId, ErrorBody, FileId};
use thechatapp_seal::{Context, Key, seal};
use tokio::io::AsyncReadExt;

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    /// What it sets, each as far as it goes back.
    pub cookies: Vec<String>,
    pub body: Vec<u8>,
}

/// A request as it stands on the wire. A connection that breaks before there is an answer is a status of 0.
pub async fn raw(port: u16, method: &str, path: &str, headers: &[(&str, String)], body: &[u8]) -> Answer {
    let mut stream = super::web::put(port, method, path, headers, body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let Some(split) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Answer { status: 0, headers: HashMap::new(), cookies: Vec::new(), body: Vec::new() };
    };
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let cookie = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next().unwrap().to_owned())
    };
    let cookies = lines.clone().filter_map(cookie).collect();
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_lowercase(), v.into())).collect();
    Answer { status, headers, cookies, body: answer[split + 4..].to_vec() }
}

/// The headers of a good request. Test devices sign with one key.
pub fn proved(method: &str, path: &str, token: &FileToken) -> Vec<(&'static str, String)> {
    let mut once = [0; 16];
    getrandom::fill(&mut once).unwrap();
    let signature = SigningKey::from_bytes(&[7; 32]).sign(&proof_covers(method, path, &token.token, &once)).to_bytes();
    vec![
        (TOKEN_HEADER, BASE64URL_NOPAD.encode(&token.token)),
        (PROOF_HEADER, BASE64URL_NOPAD.encode(&[once.as_slice(), &signature].concat())),
    ]
}

pub fn with(
    mut headers: Vec<(&'static str, String)>,
    name: &'static str,
    value: impl ToString,
) -> Vec<(&'static str, String)> {
    headers.push((name, value.to_string()));
    headers
}

pub async fn patch(host: &Host, file: FileId, token: &FileToken, offset: u64, body: &[u8]) -> Answer {
    let path = file_path("acme", file);
    raw(host.port, "PATCH", &path, &with(proved("PATCH", &path, token), OFFSET_HEADER, offset), body).await
}

pub async fn fetch(host: &Host, file: FileId, token: &FileToken) -> Answer {
    let path = file_path("acme", file);
    raw(host.port, "GET", &path, &proved("GET", &path, token), &[]).await
}

/// A file on its way.
pub struct Sealed {
    pub id: FileId,
    pub channel: ChannelId,
    pub key: Key,
    pub plain: Vec<u8>,
    pub bytes: Vec<u8>,
}

impl Sealed {
    pub fn new(person: &Person, channel: ChannelId, number: u8, plain: Vec<u8>) -> Self {
        let (id, key) = (FileId::from_bytes([number; 16]), Key::random().unwrap());
        let context = Context::file(person.me.workspace.as_bytes(), id.as_bytes());
        let bytes = seal(&key, &context, &plain).unwrap();
        Self { id, channel, key, plain, bytes }
    }

    pub async fn begin(&self, person: &mut Person) -> Result<UploadGrant, ErrorBody> {
        self.begin_as(person, self.plain.len() as u64).await
    }

    pub async fn begin_as(&self, person: &mut Person, size: u64) -> Result<UploadGrant, ErrorBody> {
        let params = BeginUploadParams {
            file: self.id,
            channel: self.channel,
            name: "notes.txt".into(),
            media_type: "text/plain".into(),
            size,
        };
        person.call::<BeginUpload>(&params).await
    }

    pub async fn finish(&self, person: &mut Person) -> Result<FileRow, ErrorBody> {
        let key = FileKey(self.key.expose().to_vec());
        person.call::<FinishUpload>(&FinishUploadParams { channel: self.channel, file: self.id, key }).await
    }

    pub async fn open(&self, person: &mut Person) -> Result<FileGrant, ErrorBody> {
        person.call::<OpenFile>(&OpenFileParams { channel: self.channel, file: self.id, part: false }).await
    }

    pub async fn upload(&self, host: &Host, person: &mut Person) -> FileRow {
        let grant = self.begin(person).await.unwrap();
        assert_eq!(patch(host, self.id, &grant.token, 0, &self.bytes).await.status, 204);
        self.finish(person).await.unwrap()
    }

    pub fn message(&self) -> SendMessageParams {
        SendMessageParams {
            id: message_id(),
            channel: self.channel,
            text: String::new(),
            files: vec![self.id],
            thread: None,
            after: None,
        }
    }
}

/// Everything in a folder, into another.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, to) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_folder(&entry.path(), &to);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A ZIP archive made to harm: one entry without content that declares four gigabytes.
pub fn bomb() -> Vec<u8> {
    let mut bomb = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xf0\x01\0\0\0z".to_vec();
    bomb.extend(b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xf0\x01\0");
    bomb.extend([[0; 16].as_slice(), b"z"].concat());
    bomb.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x2f\0\0\0\x1f\0\0\0\0\0");
    bomb
}
