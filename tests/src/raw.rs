//! An enrolled client without a core: the session alone, for measuring and attacking the server.

use crate::{Server, wire};
use data_encoding::BASE64URL_NOPAD;
use futures_util::{SinkExt, StreamExt};
use thechatapp_protocol::event::Row;
use thechatapp_protocol::http::{PROOF_HEADER, TOKEN_HEADER, proof_covers};
use thechatapp_protocol::identity::Verified;
use thechatapp_protocol::methods::account::{Credential, DeviceProof, ENROL_LABEL, Enrol, EnrolParams};
use thechatapp_protocol::methods::files::FileToken;
use thechatapp_protocol::methods::sync::{StartSync, StartSyncParams};
use thechatapp_protocol::session::{Kind, Message, StaticKey, Transport};
use thechatapp_protocol::wire::{Request, decode, encode};
use thechatapp_protocol::{ChannelId, ErrorBody, Event, Method};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;

pub struct RawClient {
    pub socket: WebSocketStream<TlsStream<TcpStream>>,
    pub transport: Transport,
    pub general: ChannelId,
    pin: String,
    device: StaticKey,
    signing: ed25519_dalek::SigningKey,
    stream: u32,
}

impl RawClient {
    /// The heads by which this device proves a request for a file.
    pub fn proved(&self, method: &str, path: &str, token: &FileToken) -> String {
        let mut once = [0; 16];
        getrandom::fill(&mut once).unwrap();
        let covered = proof_covers(method, path, &token.token, &once);
        let signature = ed25519_dalek::Signer::sign(&self.signing, &covered).to_bytes();
        let proof = BASE64URL_NOPAD.encode(&[once.as_slice(), &signature].concat());
        format!("{TOKEN_HEADER}: {}\r\n{PROOF_HEADER}: {proof}\r\n", BASE64URL_NOPAD.encode(&token.token))
    }

    /// A new account on a device of its own, signed in; the channel `general` is looked up.
    pub async fn join(server: &Server, invite: &str, name: &str) -> Self {
        Self::join_at(server, server.pin(), invite, name).await
    }

    /// The same in the workspace with this pin.
    pub async fn join_at(server: &Server, pin: &str, invite: &str, name: &str) -> Self {
        let code = invite.rsplit_once('.').unwrap().1.to_owned();
        let credential = Credential::Invite { code, name: name.into(), password: "correct horse battery".into() };
        let mut client = Self::enrol(server, pin, credential).await;
        client.find_general().await;
        client
    }

    /// A device of its own for whoever this is, signed in.
    pub async fn enrol(server: &Server, pin: &str, credential: Credential) -> Self {
        Self::try_enrol(server, pin, credential).await.unwrap()
    }

    /// The same, where it may be refused.
    pub async fn try_enrol(server: &Server, pin: &str, credential: Credential) -> Result<Self, ErrorBody> {
        let known = wire::identity(server.port, pin).await;
        let stream = wire::tls(server.port).await;
        let mut client = Self::enrol_over(stream, server.port, &known, credential).await?;
        client.again(server).await;
        Ok(client)
    }

    /// A device of its own in a session over a connection that is there. It is not signed in yet.
    pub async fn enrol_over(
        stream: TlsStream<TcpStream>,
        port: u16,
        known: &Verified,
        credential: Credential,
    ) -> Result<Self, ErrorBody> {
        let device = StaticKey::random().unwrap();
        let mut signing = [0; 32];
        getrandom::fill(&mut signing).unwrap();
        let signing = ed25519_dalek::SigningKey::from_bytes(&signing);

        let (socket, transport) = wire::session_over(stream, port, known, &device).await.unwrap();
        let mut covered = ENROL_LABEL.to_vec();
        covered.extend_from_slice(transport.handshake_hash());
        covered.extend_from_slice(&device.public());
        let proof = DeviceProof {
            name: "raw".into(),
            platform: "linux".into(),
            signing_key: signing.verifying_key().to_bytes().to_vec(),
            signature: ed25519_dalek::Signer::sign(&signing, &covered).to_bytes().to_vec(),
        };
        let general = ChannelId::from_bytes([0; 16]);
        let pin = known.pin().to_string();
        let mut client = Self { socket, transport, general, pin, device, signing, stream: 0 };
        client.call::<Enrol>(&EnrolParams { credential, device: proof }).await?;
        Ok(client)
    }

    async fn find_general(&mut self) {
        self.call::<StartSync>(&StartSyncParams { after: 0 }).await.unwrap();
        while self.general.as_bytes() == &[0; 16] {
            let message = self.next().await.unwrap();
            if message.kind != Kind::Event {
                continue;
            }
            if let Event::Changes(changes) = decode(&message.payload).unwrap() {
                for row in changes.rows {
                    if let Row::Channel(channel) = row
                        && channel.name == "general"
                    {
                        self.general = channel.id;
                    }
                }
            }
        }
    }

    /// The same device in a new session, which listens to nothing.
    pub async fn again(&mut self, server: &Server) {
        let known = wire::identity(server.port, &self.pin).await;
        let (socket, transport) = wire::session(server.port, &known, &self.device).await;
        (self.socket, self.transport, self.stream) = (socket, transport, 0);
    }

    /// Many calls of one method, so many on their way at once, as a client's outbox has them. Every one must be answered well.
    pub async fn calls<M: Method>(&mut self, all: impl IntoIterator<Item = M::Params>, window: usize) {
        let mut all = all.into_iter().peekable();
        let mut out = 0;
        while out > 0 || all.peek().is_some() {
            if out <= window / 2 {
                while out < window
                    && let Some(params) = all.next()
                {
                    self.feed::<M>(&params).await;
                    out += 1;
                }
                self.socket.flush().await.unwrap();
            }
            match self.next().await.expect("the server answers").kind {
                Kind::Reply => out -= 1,
                Kind::Error => panic!("a call was refused"),
                _ => {}
            }
        }
    }

    /// Puts a call on its way.
    async fn feed<M: Method>(&mut self, params: &M::Params) {
        self.stream += 1;
        let request = Request { method: M::NAME.into(), params: encode(params).unwrap() };
        let message = Message { kind: Kind::Request, stream: self.stream, payload: encode(&request).unwrap() };
        for frame in self.transport.seal(&message, wire::millis()).unwrap() {
            self.socket.feed(Frame::binary(frame)).await.unwrap();
        }
    }

    /// One call; events that arrive meanwhile are dropped.
    pub async fn call<M: Method>(&mut self, params: &M::Params) -> Result<M::Reply, ErrorBody> {
        self.feed::<M>(params).await;
        self.socket.flush().await.unwrap();
        loop {
            let message = self.next().await.expect("the server answers");
            if message.stream == self.stream {
                match message.kind {
                    Kind::Reply => return Ok(decode(&message.payload).unwrap()),
                    Kind::Error => return Err(decode(&message.payload).unwrap()),
                    _ => {}
                }
            }
        }
    }

    /// The next message of any kind; `None` once the server has closed.
    /// Puts a call on its way, and waits for nothing.
    pub async fn put<M: Method>(
        &mut self,
        stream: u32,
        params: &M::Params,
    ) -> Result<(), tokio_tungstenite::tungstenite::Error> {
        let payload = encode(&Request { method: M::NAME.into(), params: encode(params).unwrap() }).unwrap();
        for frame in self.transport.seal(&Message { kind: Kind::Request, stream, payload }, wire::millis()).unwrap() {
            self.socket.send(Frame::binary(frame)).await?;
        }
        Ok(())
    }

    pub async fn next(&mut self) -> Option<Message> {
        loop {
            match self.socket.next().await? {
                Ok(Frame::Binary(frame)) => {
                    if let Some(message) = self.transport.open(&frame, wire::millis()).unwrap() {
                        return Some(message);
                    }
                }
                Ok(Frame::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}
