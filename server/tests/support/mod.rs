//! A host in this process, and people who talk to it by sessions alone.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod accounts;
pub mod files;
pub mod keys;
pub mod made;
pub mod moto;
pub mod rights;
pub mod vault;
pub mod web;

// Each file of tests takes its part.
#[allow(unused_imports)]
pub use made::{channel_id, message, message_id, millis, texts};

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer, SigningKey};
use futures_util::{SinkExt, StreamExt};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::identity::{Invite, SignedDocument, Unverified, Verified};
use thechatapp_protocol::methods::account::{Credential, DeviceProof, ENROL_LABEL, Enrol, EnrolParams, Me};
use thechatapp_protocol::methods::messages::{History, HistoryParams, SendMessage, Sent};
use thechatapp_protocol::methods::sync::{StartSync, StartSyncParams, SyncStarted};
use thechatapp_protocol::session::{self, Binding, Kind, Message, Prologue, StaticKey, Transport};
use thechatapp_protocol::wire::{Request, decode, encode};
use thechatapp_protocol::{AccountId, Changes, ChannelId, ErrorBody, Event, Method, Row, http as paths};
use thechatapp_server::auth::password::Cost;
use thechatapp_server::config::Config;
use thechatapp_server::kms::KeySource;
use thechatapp_server::{Options, Running};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message as Frame, client::IntoClientRequest};

pub const PASSWORD: &str = "correct horse battery";

pub struct Host {
    pub folder: tempfile::TempDir,
    pub owner_invite: String,
    pub successor: String,
    pub pin: String,
    pub running: Option<Running>,
    pub port: u16,
    pub config: Config,
    /// What draws thumbnails.
    pub program: PathBuf,
    source: Box<dyn Fn() -> KeySource + Send + Sync>,
}

pub fn key() -> KeySource {
    KeySource::Local { file: None, passphrase: "server passphrase".to_owned().into() }
}

impl Host {
    pub async fn start() -> Self {
        Self::start_with(key).await
    }

    pub async fn start_with(source: impl Fn() -> KeySource + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = thechatapp_server::init(
            &folder.path().join("data"),
            &source(),
            "acme",
            Some("https://chat.example.org"),
            Cost::TESTS,
        )
        .unwrap();
        let mut config = Config::default();
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.server.metrics = Some("127.0.0.1:0".parse().unwrap());
        let mut host = Self {
            owner_invite: made.invite.clone(),
            successor: made.successor.reveal(),
            pin: made.pin.to_string(),
            folder,
            running: None,
            port: 0,
            config,
            program: env!("CARGO_BIN_EXE_thechatapp-server").into(),
            source: Box::new(source),
        };
        host.serve().await;
        host
    }

    /// A host that lets browsers in.
    pub async fn with_browsers() -> Self {
        let mut host = Self::start().await;
        host.stop().await;
        host.config.web.chat = true;
        host.serve().await;
        host
    }

    /// What opens it from the next start on.
    pub fn source(&mut self, source: impl Fn() -> KeySource + Send + Sync + 'static) {
        self.source = Box::new(source);
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn ready_file(&self) -> PathBuf {
        self.folder.path().join("ready.json")
    }

    pub async fn serve(&mut self) {
        let options = Options {
            data: self.data(),
            key: (self.source)(),
            config: self.config.clone(),
            ready_file: Some(self.ready_file()),
            cost: Cost::TESTS,
            program: Some(self.program.clone()),
        };
        let running = thechatapp_server::serve(options).await.unwrap();
        self.port = running.url.rsplit(':').next().unwrap().parse().unwrap();
        self.running = Some(running);
    }

    pub async fn stop(&mut self) {
        self.running.take().unwrap().stop().await;
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub async fn invite(&self, uses: u32) -> String {
        self.running().host().invite("acme", uses, Duration::from_secs(3600)).await.unwrap()
    }

    pub async fn known(&self) -> Verified {
        let (code, body) = get(self.port, &paths::identity_path("acme")).await;
        assert_eq!(code, 200);
        let signed = SignedDocument::decode(&body).unwrap();
        Unverified::new(signed).verify_first(&self.running().pin.parse().unwrap(), millis() / 1000).unwrap()
    }

    /// Somebody in another workspace of this host, signed in.
    pub async fn elsewhere(&self, workspace: &str, name: &str) -> Person {
        self.elsewhere_known(workspace, name).await.0
    }

    /// The same, with that workspace's identity.
    pub async fn elsewhere_known(&self, workspace: &str, name: &str) -> (Person, Verified) {
        let made = self.running().host().create_workspace(workspace, Vec::new()).unwrap();
        self.running().host().refresh_identities().await.unwrap();
        let (code, body) = get(self.port, &paths::identity_path(workspace)).await;
        assert_eq!(code, 200);
        let signed = SignedDocument::decode(&body).unwrap();
        let known = Unverified::new(signed).verify_first(&made.pin, millis() / 1000).unwrap();
        let code = made.invite.parse::<Invite>().unwrap().code;
        let credential = Credential::Invite { code, name: name.into(), password: PASSWORD.into() };
        let device = Arc::new(StaticKey::random().unwrap());
        let mut session = Session::open(self.port, &known, &device).await.unwrap();
        let params = EnrolParams { credential, device: proof(&session, &device) };
        let me = session.call::<Enrol>(&params).await.unwrap();
        let session = Session::open(self.port, &known, &device).await.unwrap();
        (Person { session, me, device }, known)
    }

    /// A new account, signed in.
    pub async fn join(&self, name: &str) -> Person {
        let invite = self.invite(1).await;
        self.join_by(&invite, name).await
    }

    pub async fn join_by(&self, invite: &str, name: &str) -> Person {
        let code = invite.parse::<Invite>().unwrap().code;
        let credential = Credential::Invite { code, name: name.into(), password: PASSWORD.into() };
        self.enrol(&Arc::new(StaticKey::random().unwrap()), credential).await.unwrap()
    }

    pub async fn enrol(&self, device: &Arc<StaticKey>, credential: Credential) -> Result<Person, ErrorBody> {
        let known = self.known().await;
        let mut session = Session::open(self.port, &known, device).await.unwrap();
        let params = EnrolParams { credential, device: proof(&session, device) };
        let me = session.call::<Enrol>(&params).await?;
        let session = Session::open(self.port, &known, device).await.unwrap();
        Ok(Person { session, me, device: device.clone() })
    }
}

pub fn proof(session: &Session, device: &StaticKey) -> DeviceProof {
    let signing = SigningKey::from_bytes(&[7; 32]);
    let covered = [ENROL_LABEL, session.transport.handshake_hash(), &device.public()].concat();
    DeviceProof {
        name: "test".into(),
        platform: "linux".into(),
        signing_key: signing.verifying_key().to_bytes().to_vec(),
        signature: signing.sign(&covered).to_bytes().to_vec(),
    }
}

pub struct Person {
    pub session: Session,
    pub me: Me,
    pub device: Arc<StaticKey>,
}

impl Person {
    pub fn id(&self) -> AccountId {
        self.me.person.id
    }

    pub async fn again(&mut self, host: &Host) {
        self.session = Session::open(host.port, &host.known().await, &self.device).await.unwrap();
    }

    pub async fn call<M: Method>(&mut self, params: &M::Params) -> Result<M::Reply, ErrorBody> {
        self.session.call::<M>(params).await
    }

    pub async fn send(&mut self, channel: ChannelId, text: &str) -> Result<Sent, ErrorBody> {
        self.call::<SendMessage>(&message(channel, text)).await
    }

    /// Sends so many, a hundred on their way at once.
    pub async fn send_many(&mut self, channel: ChannelId, count: u64) {
        let (mut posted, mut answered) = (0, 0);
        while answered < count {
            while posted < count && posted < answered + 100 {
                self.session.post::<SendMessage>(&message(channel, &format!("number {posted}"))).await;
                posted += 1;
            }
            let answer = self.session.next().await.unwrap();
            assert_ne!(answer.kind, Kind::Error);
            answered += u64::from(answer.kind == Kind::Reply);
        }
    }

    /// Starts a sync and reads until it is live.
    pub async fn sync(&mut self, after: u64) -> (SyncStarted, Vec<Row>, u64) {
        let started = self.call::<StartSync>(&StartSyncParams { after }).await.unwrap();
        let (mut rows, mut to) = (Vec::new(), after);
        loop {
            let changes = self.session.changes().await;
            assert!(changes.to >= to, "the cursor never goes back");
            to = changes.to;
            rows.extend(changes.rows);
            if changes.live {
                return (started, rows, to);
            }
        }
    }

    pub async fn general(&mut self) -> ChannelId {
        let (_, rows, _) = self.sync(0).await;
        rows.iter()
            .find_map(|row| match row {
                Row::Channel(channel) if channel.name == "general" => Some(channel.id),
                _ => None,
            })
            .unwrap()
    }
}

pub struct Session {
    pub socket: WebSocketStream<TlsStream<TcpStream>>,
    pub transport: Transport,
    pub events: VecDeque<Event>,
    stream: u32,
}

impl Session {
    pub async fn open(port: u16, known: &Verified, device: &StaticKey) -> Result<Self, tungstenite::Error> {
        let tls = tls(port).await;
        let mut exporter = [0; 32];
        tls.get_ref().1.export_keying_material(&mut exporter, session::EXPORTER_LABEL, Some(b"")).unwrap();
        let prologue = Prologue {
            protocol: 1,
            workspace_id: known.document().workspace_id,
            document_hash: *known.hash(),
            binding: Binding::TlsExporter(exporter),
        };
        let server = known.document().session_key(millis() / 1000).unwrap();
        let (initiator, hello) = session::initiate(&prologue, device, server).unwrap();
        let url = format!("wss://127.0.0.1:{port}{}", paths::session_path(&known.document().workspace));
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert(paths::HELLO_HEADER, BASE64URL_NOPAD.encode(&hello).parse().unwrap());
        headers.insert(paths::DOCUMENT_HEADER, BASE64URL_NOPAD.encode(known.hash()).parse().unwrap());
        headers.insert(paths::BINDING_HEADER, paths::BINDING_EXPORTER.parse().unwrap());
        let (socket, response) = tokio_tungstenite::client_async(request, tls).await?;
        let answer = BASE64URL_NOPAD.decode(response.headers()[paths::HELLO_HEADER].as_bytes()).unwrap();
        let transport = initiator.finish(&answer, millis()).unwrap();
        Ok(Self { socket, transport, events: VecDeque::new(), stream: 0 })
    }

    pub async fn post<M: Method>(&mut self, params: &M::Params) -> u32 {
        self.stream += 1;
        let request = Request { method: M::NAME.into(), params: encode(params).unwrap() };
        self.put(Kind::Request, self.stream, encode(&request).unwrap()).await;
        self.stream
    }

    pub async fn put(&mut self, kind: Kind, stream: u32, payload: Vec<u8>) {
        for frame in self.transport.seal(&Message { kind, stream, payload }, millis()).unwrap() {
            self.socket.send(Frame::binary(frame)).await.unwrap();
        }
    }

    pub async fn call<M: Method>(&mut self, params: &M::Params) -> Result<M::Reply, ErrorBody> {
        let stream = self.post::<M>(params).await;
        loop {
            let message = self.next().await.expect("the server answers");
            match message.kind {
                Kind::Reply if message.stream == stream => return Ok(decode(&message.payload).unwrap()),
                Kind::Error if message.stream == stream => return Err(decode(&message.payload).unwrap()),
                Kind::Event => self.events.push_back(decode(&message.payload).unwrap()),
                _ => {}
            }
        }
    }

    /// A call by its name, with parameters as they are sent: what it was refused with.
    pub async fn ask(&mut self, method: &str, params: Vec<u8>) -> Option<ErrorBody> {
        self.stream += 1;
        let request = Request { method: method.into(), params };
        self.put(Kind::Request, self.stream, encode(&request).unwrap()).await;
        loop {
            let message = self.next().await.expect("the server answers");
            match message.kind {
                Kind::Reply if message.stream == self.stream => return None,
                Kind::Error if message.stream == self.stream => return Some(decode(&message.payload).unwrap()),
                Kind::Event => self.events.push_back(decode(&message.payload).unwrap()),
                _ => {}
            }
        }
    }

    pub async fn event(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        loop {
            let message = self.next().await?;
            if message.kind == Kind::Event {
                return Some(decode(&message.payload).unwrap());
            }
        }
    }

    pub async fn changes(&mut self) -> Changes {
        let event = tokio::time::timeout(Duration::from_secs(10), self.event()).await.expect("an event comes");
        match event {
            Some(Event::Changes(changes)) => changes,
            other => panic!("changes were expected, {other:?} came"),
        }
    }

    /// Whether nothing comes for a while.
    pub async fn quiet(&mut self) -> bool {
        self.events.is_empty() && tokio::time::timeout(Duration::from_millis(300), self.next()).await.is_err()
    }

    pub async fn next(&mut self) -> Option<Message> {
        loop {
            match self.socket.next().await? {
                Ok(Frame::Binary(frame)) => {
                    if let Some(message) = self.transport.open(&frame, millis()).unwrap() {
                        return Some(message);
                    }
                }
                Ok(Frame::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub async fn closed(&mut self) -> bool {
        let drained = async { while self.next().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(5), drained).await.is_ok()
    }
}

#[derive(Debug)]
pub struct Anyone(pub Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Every text of a channel, oldest first.
pub async fn read(person: &mut Person, channel: ChannelId) -> Vec<String> {
    let (mut texts, mut after) = (Vec::new(), 0);
    loop {
        let params = HistoryParams { channel, before: None, after: Some(after), limit: 200 };
        let page = person.call::<History>(&params).await.unwrap();
        let Some(last) = page.messages.last() else { return texts };
        after = last.seq;
        texts.extend(page.messages.into_iter().map(|message| message.text));
    }
}

pub async fn tls(port: u16) -> TlsStream<TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        .with_no_client_auth();
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
}

pub async fn get(port: u16, path: &str) -> (u16, Vec<u8>) {
    let (head, body) = get_whole(port, path).await;
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

pub async fn get_whole(port: u16, path: &str) -> (String, Vec<u8>) {
    let mut stream = tls(port).await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    (String::from_utf8_lossy(&answer[..split]).into_owned(), answer[split + 4..].to_vec())
}

/// Over no TLS, as figures are served.
pub async fn get_plain(address: std::net::SocketAddr, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}
