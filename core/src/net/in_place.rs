//! For tests: a server within this process, in the place of sockets and TLS. All above them is as ever: the handshake, the frames, the
//! link that looks at identity documents and connects again. What the server does is the test's.

use super::LinkConfig;
use super::connect::Failure;
use super::session::{Frames, steady_millis};
use futures_util::{Sink, Stream};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use thechatapp_protocol::PROTOCOL;
use thechatapp_protocol::identity::{SignedDocument, Unverified};
use thechatapp_protocol::session::{Binding, Kind, Message, Prologue, StaticKey, Transport, initiate, respond};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Error as LineError, Message as Frame};

/// The session key of [`crate::testing::signed_document`].
const KEY: [u8; 32] = crate::testing::SESSION_KEY;

/// A server as a link finds it.
#[derive(Debug)]
pub(crate) struct InPlace {
    document: Mutex<SignedDocument>,
    conversations: mpsc::UnboundedSender<Conversation>,
}

impl InPlace {
    /// A server that shows this document, and who comes to it.
    pub(crate) fn new(document: SignedDocument) -> (Self, mpsc::UnboundedReceiver<Conversation>) {
        let (conversations, coming) = mpsc::unbounded_channel();
        (Self { document: Mutex::new(document), conversations }, coming)
    }

    /// It shows another document from now on.
    pub(crate) fn show(&self, document: SignedDocument) {
        *self.document.lock().unwrap() = document;
    }

    pub(super) fn document(&self) -> Unverified {
        Unverified::new(self.document.lock().unwrap().clone())
    }

    pub(super) fn connect(&self, config: &LinkConfig) -> Result<(Box<dyn Frames>, Transport), Failure> {
        if *self.document.lock().unwrap() != *config.known.verified.signed() {
            return Err(Failure::Identity("the server has another document".into()));
        }
        let key = StaticKey::from_bytes(&KEY);
        let prologue = Prologue {
            protocol: *PROTOCOL.end(),
            workspace_id: config.known.verified.document().workspace_id,
            document_hash: *config.known.verified.hash(),
            binding: Binding::Unbound,
        };
        let (initiator, hello) = initiate(&prologue, &config.device, &key.public()).unwrap();
        let (there, answer, _) = respond(&prologue, &key, &hello, steady_millis()).unwrap();
        let here = initiator.finish(&answer, steady_millis()).unwrap();
        let (up, coming) = mpsc::unbounded_channel();
        let (down, hear) = mpsc::unbounded_channel();
        let conversation = Conversation { transport: there, coming, down };
        let nobody = |_| Failure::Offline("nobody is there".into());
        self.conversations.send(conversation).map_err(nobody)?;
        Ok((Box::new(Line { up, hear }), here))
    }
}

/// A device's end of a line.
struct Line {
    up: mpsc::UnboundedSender<Vec<u8>>,
    hear: mpsc::UnboundedReceiver<Vec<u8>>,
}

impl Stream for Line {
    type Item = Result<Frame, LineError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.hear.poll_recv(cx).map(|frame| frame.map(|frame| Ok(Frame::binary(frame))))
    }
}

impl Sink<Frame> for Line {
    type Error = LineError;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, frame: Frame) -> Result<(), LineError> {
        self.up.send(frame.into_data().to_vec()).map_err(|_| LineError::ConnectionClosed)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        Poll::Ready(Ok(()))
    }
}

/// The server's end of a connection. Dropping it cuts the line.
#[derive(Debug)]
pub(crate) struct Conversation {
    transport: Transport,
    coming: mpsc::UnboundedReceiver<Vec<u8>>,
    down: mpsc::UnboundedSender<Vec<u8>>,
}

impl Conversation {
    /// The next thing that the device says; nothing once it is gone.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            let frame = self.coming.recv().await?;
            match self.transport.open(&frame, steady_millis()).unwrap() {
                Some(message) if message.kind == Kind::Ping => self.say(Kind::Pong, message.stream, message.payload),
                Some(message) => return Some(message),
                None => {}
            }
        }
    }

    pub(crate) fn say(&mut self, kind: Kind, stream: u32, payload: Vec<u8>) {
        for frame in self.transport.seal(&Message { kind, stream, payload }, steady_millis()).unwrap() {
            let _ = self.down.send(frame);
        }
    }

    /// Says something, and is cut off in the middle of a frame of it.
    pub(crate) fn break_off(mut self, kind: Kind, stream: u32, payload: Vec<u8>) {
        let mut frames = self.transport.seal(&Message { kind, stream, payload }, steady_millis()).unwrap();
        let mut last = frames.pop().unwrap();
        last.truncate(last.len() / 2);
        for frame in frames.into_iter().chain([last]) {
            let _ = self.down.send(frame);
        }
    }
}
