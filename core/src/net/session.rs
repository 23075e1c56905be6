//! A running session: one task owns the socket and the transport. Calls go side by side, each on a stream of its own.

use crate::error::{Error, Result};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;
use thechatapp_protocol::session::{Kind, Message, Transport};
use thechatapp_protocol::wire::{Request, decode, encode};
use thechatapp_protocol::{Code, ErrorBody, Event, Method};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::{Error as LineError, Message as Frame};

/// A silent line is asked after this long, and given up when it stays silent for [`PATIENCE`].
const SILENCE: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(10);
/// After a sleep most lines are dead: one that lives answers within this long.
const AFTER_SLEEP: Duration = Duration::from_secs(4);
/// Calls that may wait to go out.
const QUEUE: usize = 64;

type Answer = std::result::Result<Vec<u8>, ErrorBody>;

enum Order {
    Call {
        method: &'static str,
        params: Vec<u8>,
        answer: oneshot::Sender<Answer>,
    },
    /// Ask whether the line is alive, and give it up after so long.
    Ping(Duration),
}

/// A session with a server. Cheap to clone; calls of all clones go side by side.
#[derive(Clone)]
pub struct Session(mpsc::Sender<Order>);

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(..)")
    }
}

/// Why a session ended.
#[derive(Debug)]
pub enum End {
    /// The connection is gone.
    Lost(String),
    /// The server asked to come back after a moment, or a fresh handshake is due.
    Again(Duration),
    /// This device is no longer signed in.
    SignedOut(ErrorBody),
    /// Nobody wants it any more.
    Dropped,
}

impl Session {
    /// Calls a method.
    ///
    /// # Errors
    /// [`Error::Offline`] when the session ends before the answer, [`Error::Refused`] with the server's error.
    pub async fn call<M: Method>(&self, params: &M::Params) -> Result<M::Reply> {
        let params = encode(params).map_err(fault)?;
        let (answer, answered) = oneshot::channel();
        let ended = || Error::Offline { why: "the connection ended before the answer".into() };
        self.0.send(Order::Call { method: M::NAME, params, answer }).await.map_err(|_| ended())?;
        let reply = answered.await.map_err(|_| ended())?.map_err(Error::Refused)?;
        decode(&reply).map_err(fault)
    }

    /// Asks at once whether the line is alive.
    pub(super) fn ping(&self) {
        let _ = self.0.try_send(Order::Ping(PATIENCE));
    }

    /// The same after a sleep, or in another network: most lines are dead then.
    pub(super) fn ping_after_sleep(&self) {
        let _ = self.0.try_send(Order::Ping(AFTER_SLEEP));
    }
}

#[cfg(test)]
impl Session {
    /// A session without a line: what is called is answered here.
    pub(crate) fn answered_by(
        answers: impl Fn(&str, &[u8]) -> std::result::Result<Vec<u8>, ErrorBody> + Send + 'static,
    ) -> Self {
        let (orders, mut inbox) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            while let Some(order) = inbox.recv().await {
                if let Order::Call { method, params, answer } = order {
                    let _ = answer.send(answers(method, &params));
                }
            }
        });
        Self(orders)
    }
}

fn fault(why: impl std::fmt::Display) -> Error {
    Error::Internal { id: "wire".into(), why: why.to_string() }
}

/// What carries frames to a server and back.
pub trait Frames:
    Stream<Item = std::result::Result<Frame, LineError>> + Sink<Frame, Error = LineError> + Send + Unpin
{
}

impl<T: Stream<Item = std::result::Result<Frame, LineError>> + Sink<Frame, Error = LineError> + Send + Unpin> Frames
    for T
{
}

/// Milliseconds of a clock that nobody sets: a session lasts its day, whatever becomes of the time on this device.
pub fn steady_millis() -> u64 {
    static BEGUN: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    u64::try_from(BEGUN.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Begins a session on a fresh connection. It runs while the returned future is polled.
pub fn begin(socket: Box<dyn Frames>, transport: Transport) -> (Session, impl FnOnce(mpsc::Sender<Event>) -> Running) {
    let (orders, inbox) = mpsc::channel(QUEUE);
    let running = move |events| Running { socket, transport, inbox, events, waiting: HashMap::new(), stream: 0 };
    (Session(orders), running)
}

/// The task's state.
pub struct Running {
    socket: Box<dyn Frames>,
    transport: Transport,
    inbox: mpsc::Receiver<Order>,
    events: mpsc::Sender<Event>,
    waiting: HashMap<u32, oneshot::Sender<Answer>>,
    stream: u32,
}

impl Running {
    /// Runs until the session ends. Whoever waits for an answer then hears that it did.
    pub async fn run(mut self) -> End {
        let end = self.serve().await;
        let closing = async {
            let _ = self.socket.close().await;
        };
        // A server that is gone does not answer a close either.
        let _ = tokio::time::timeout(Duration::from_millis(200), closing).await;
        end
    }

    async fn serve(&mut self) -> End {
        let mut ask = Instant::now() + SILENCE;
        let mut give_up: Option<Instant> = None;
        loop {
            tokio::select! {
                order = self.inbox.recv() => {
                    let sent = match order {
                        None => return End::Dropped,
                        Some(Order::Ping(patience)) => {
                            let until = Instant::now() + patience;
                            give_up = Some(give_up.map_or(until, |before| before.min(until)));
                            self.send(Kind::Ping, 0, Vec::new()).await
                        }
                        Some(Order::Call { method, params, answer }) => self.request(method, params, answer).await,
                    };
                    if let Err(end) = sent {
                        return end;
                    }
                }
                frame = self.socket.next() => {
                    let end = match frame {
                        Some(Ok(Frame::Binary(bytes))) => self.take(&bytes).await.err(),
                        Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => None,
                        Some(Ok(_)) | None => Some(End::Lost("the server closed the connection".into())),
                        Some(Err(why)) => Some(End::Lost(why.to_string())),
                    };
                    if let Some(end) = end {
                        return end;
                    }
                    ask = Instant::now() + SILENCE;
                    give_up = None;
                }
                () = sleep_until(give_up.unwrap_or(ask)) => {
                    if give_up.is_some() {
                        return End::Lost("the server went silent".into());
                    }
                    if self.transport.expired(steady_millis()) && self.waiting.is_empty() {
                        return End::Again(Duration::ZERO);
                    }
                    give_up = Some(Instant::now() + PATIENCE);
                    if let Err(end) = self.send(Kind::Ping, 0, Vec::new()).await {
                        return end;
                    }
                }
            }
        }
    }

    async fn request(
        &mut self,
        method: &'static str,
        params: Vec<u8>,
        answer: oneshot::Sender<Answer>,
    ) -> std::result::Result<(), End> {
        // Whoever asked may have gone away; then nothing needs to be sent.
        if answer.is_closed() {
            return Ok(());
        }
        let request = Request { method: method.to_owned(), params };
        let Ok(payload) = encode(&request) else { return Ok(()) };
        self.stream = self.stream.wrapping_add(1).max(1);
        let stream = self.stream;
        match self.send(Kind::Request, stream, payload).await {
            Ok(()) => {
                self.waiting.insert(stream, answer);
                Ok(())
            }
            Err(end) => Err(end),
        }
    }

    async fn send(&mut self, kind: Kind, stream: u32, payload: Vec<u8>) -> std::result::Result<(), End> {
        let frames = self
            .transport
            .seal(&Message { kind, stream, payload }, steady_millis())
            .map_err(|why| End::Lost(why.to_string()))?;
        let all = async {
            for frame in frames {
                self.socket.feed(Frame::binary(frame)).await?;
            }
            self.socket.flush().await
        };
        // A line that takes nothing is as good as gone, long before the system gives it up.
        match tokio::time::timeout(PATIENCE, all).await {
            Ok(done) => done.map_err(|why| End::Lost(why.to_string())),
            Err(_) => Err(End::Lost("the line takes nothing".into())),
        }
    }

    async fn take(&mut self, frame: &[u8]) -> std::result::Result<(), End> {
        let opened = self.transport.open(frame, steady_millis()).map_err(|why| End::Lost(why.to_string()))?;
        let Some(message) = opened else { return Ok(()) };
        match message.kind {
            Kind::Reply => {
                if let Some(answer) = self.waiting.remove(&message.stream) {
                    let _ = answer.send(Ok(message.payload));
                }
            }
            Kind::Error => {
                let body = decode::<ErrorBody>(&message.payload).map_err(|why| End::Lost(why.to_string()))?;
                let signed_out = body.code == Code::SignedOut;
                if let Some(answer) = self.waiting.remove(&message.stream) {
                    let _ = answer.send(Err(body.clone()));
                }
                if signed_out {
                    return Err(End::SignedOut(body));
                }
            }
            Kind::Event => {
                let event = decode::<Event>(&message.payload).map_err(|why| End::Lost(why.to_string()))?;
                match event {
                    Event::SignedOut { reason, wipe } => {
                        let body =
                            ErrorBody::new(Code::SignedOut, "this device was signed out", reason, "sign in again");
                        return Err(End::SignedOut(ErrorBody { wipe, ..body }));
                    }
                    Event::Draining { millis } => return Err(End::Again(Duration::from_millis(millis.min(60_000)))),
                    Event::Unknown => {}
                    event @ Event::Changes(_) => {
                        if self.events.send(event).await.is_err() {
                            return Err(End::Dropped);
                        }
                    }
                }
            }
            Kind::Ping => self.send(Kind::Pong, message.stream, message.payload).await?,
            Kind::Pong | Kind::Request => {}
            Kind::Close => return Err(End::Lost("the server closed the session".into())),
        }
        Ok(())
    }
}
