//! A session: one task owns the socket and the keys, answers calls, and passes on what its listener hears.
//!
//! It refuses text, frames that do not decrypt, and whoever does not read: any of them closes this connection and touches no
//! other. Calls run side by side, but only so many; then the socket is not read until one is answered. A device that is not
//! enrolled can enrol and nothing else.

use super::half_open::Place;
use super::listener::{Heard, Listener};
use crate::error::Fail;
use crate::gate::Caller;
use crate::hub::Presence;
use crate::methods::{self, Encoding::MessagePack, Newcomer};
use crate::serve::Shared;
use crate::state::Workspace;
use crate::store::audit::{self, Act, By};
use crate::store::{devices, reach};
use crate::time::steady_millis;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket};
use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, SinkExt, StreamExt, future::BoxFuture};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::methods::account::Enrol;
use thechatapp_protocol::methods::sync::StartSync;
use thechatapp_protocol::session::{DevicePublic, Kind, Message, Transport};
use thechatapp_protocol::{Code, ErrorBody, Event, Method, Timestamp, wire};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// Calls that run at once.
const CALLS: usize = 64;
/// Encoded events that wait for the socket.
const EVENTS: usize = 8;
/// How long the socket may take nothing.
const SLOW: Duration = Duration::from_secs(10);
/// From the handshake to the first valid frame.
const FIRST_FRAME: Duration = Duration::from_secs(10);
/// From the handshake to the enrolment of a device that is not enrolled: a slow password check included.
const ENROLMENT: Duration = Duration::from_secs(60);
/// Without any frame from the other side. Clients ask every 20 seconds whether anybody is there.
const SILENT: Duration = Duration::from_secs(90);
/// How long calls may take to end when the server stops.
const DRAIN: Duration = Duration::from_secs(8);
/// How long those of a device that is signed out may take: it is closed within a second.
const LAST_ANSWERS: Duration = Duration::from_millis(500);
/// Results gathered before the socket is flushed.
const BURST: usize = 64;

/// The close code that asks a device to connect again and resume (RFC 6455, private use).
const RESUME: u16 = 4001;
/// The close code after anything that is not a session's.
const BROKEN: u16 = 4002;
/// The close code of a device that is signed out.
const SIGNED_OUT: u16 = 4003;

/// A session after its handshake.
#[derive(Debug)]
pub struct Begun {
    pub transport: Transport,
    pub device: DevicePublic,
    pub place: Arc<Place>,
    pub from: IpAddr,
    pub at: Timestamp,
}

enum Who {
    /// Nothing valid has come yet: the handshake may be an old one. Or it has, and the workspace is closed.
    Unproven,
    Newcomer,
    Known(Caller, Presence),
}

/// An answer to a call, and what it does to the session.
struct Answer {
    stream: u32,
    result: Result<Vec<u8>, ErrorBody>,
    listener: Option<Box<Listener>>,
}

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The other side left, or is gone.
    Gone,
    /// It sent what no session sends.
    Broken(&'static str),
    /// It must connect again and resume.
    Resume(&'static str),
    /// Its device was signed out.
    SignedOut,
    /// The server stops.
    Draining,
}

struct Session {
    shared: Arc<Shared>,
    workspace: Arc<Workspace>,
    socket: WebSocket,
    transport: Transport,
    device: DevicePublic,
    place: Arc<Place>,
    from: IpAddr,
    who: Who,
    calls: FuturesUnordered<BoxFuture<'static, Answer>>,
    events: Option<mpsc::Receiver<Heard>>,
    listening: bool,
    begun_at: Instant,
    heard_at: Instant,
    draining: bool,
}

/// Runs a session to its end.
pub async fn run(shared: Arc<Shared>, workspace: Arc<Workspace>, socket: WebSocket, begun: Begun) {
    // Held while the session runs, so that a stopping server waits for it.
    let _running = shared.tasks.token();
    tracing::debug!(workspace = %workspace.id, at = %begun.at, "a session begins");
    let session = Session {
        shared,
        workspace,
        socket,
        transport: begun.transport,
        device: begun.device,
        place: begun.place,
        from: begun.from,
        who: Who::Unproven,
        calls: FuturesUnordered::new(),
        events: None,
        listening: false,
        begun_at: Instant::now(),
        heard_at: Instant::now(),
        draining: false,
    };
    session.run().await;
}

impl Session {
    async fn run(mut self) {
        let end = loop {
            if let Err(end) = self.step().await {
                break end;
            }
        };
        tracing::debug!(workspace = %self.workspace.id, ?end, "a session ends");
        let _ = timeout(SLOW, self.farewell(end)).await;
    }

    /// Waits for one thing, does it, does what else is ready, and flushes.
    async fn step(&mut self) -> Result<(), End> {
        let deadline = match self.who {
            Who::Unproven => self.heard_at + FIRST_FRAME,
            Who::Newcomer => self.begun_at + ENROLMENT,
            Who::Known(..) => self.heard_at + SILENT,
        };
        // Anybody can come so far: one call at a time, and only so many of them.
        let stranger = !matches!(self.who, Who::Known(..));
        let calls = if stranger { 1 } else { CALLS };
        let signed_out = match &self.who {
            Who::Known(_, presence) => Some(presence.signed_out.clone()),
            _ => None,
        };
        let events = self.events.as_mut();
        tokio::select! {
            frame = self.socket.next(), if self.calls.len() < calls => {
                let Some(Ok(frame)) = frame else { return Err(End::Gone) };
                self.frame(frame).await?;
            }
            Some(answer) = self.calls.next() => self.answer(answer).await?,
            heard = async { match events { Some(events) => events.recv().await, None => std::future::pending().await } } => {
                self.heard(heard).await?;
            }
            () = async { match &signed_out { Some(token) => token.cancelled().await, None => std::future::pending().await } } => {
                return Err(End::SignedOut);
            }
            () = self.place.pushed_out.cancelled(), if stranger => return Err(End::Gone),
            () = self.shared.draining.cancelled(), if !self.draining => return Err(End::Draining),
            () = tokio::time::sleep_until(deadline) => return Err(End::Gone),
        }
        self.what_is_ready().await?;
        if self.transport.expired(steady_millis()) {
            return Err(End::Resume("a fresh handshake is due"));
        }
        self.flush().await
    }

    async fn what_is_ready(&mut self) -> Result<(), End> {
        for _ in 0..BURST {
            if let Some(Some(answer)) = self.calls.next().now_or_never() {
                self.answer(answer).await?;
                continue;
            }
            match self.events.as_mut().map(mpsc::Receiver::try_recv) {
                Some(Ok(heard)) => self.heard(Some(heard)).await?,
                _ => break,
            }
        }
        Ok(())
    }

    async fn frame(&mut self, frame: Frame) -> Result<(), End> {
        let bytes = match frame {
            Frame::Binary(bytes) => bytes,
            Frame::Text(_) => return Err(End::Broken("text")),
            Frame::Close(_) => return Err(End::Gone),
            // The WebSocket's own ping and pong prove nothing; the session has its own.
            Frame::Ping(_) | Frame::Pong(_) => return Ok(()),
        };
        let message = self.transport.open(&bytes, steady_millis()).map_err(|why| {
            tracing::debug!(%why, "a frame was refused");
            End::Broken("a frame")
        })?;
        self.heard_at = Instant::now();
        if matches!(self.who, Who::Unproven) {
            self.recognise().await?;
        }
        let Some(message) = message else { return Ok(()) };
        match message.kind {
            Kind::Request => self.request(message).await,
            Kind::Ping => self.put(Kind::Pong, message.stream, message.payload).await,
            Kind::Pong => Ok(()),
            Kind::Close => Err(End::Gone),
            Kind::Reply | Kind::Error | Kind::Event => Err(End::Broken("a kind that only servers send")),
        }
    }

    /// The first valid frame: the handshake was no old one, so now it counts.
    async fn recognise(&mut self) -> Result<(), End> {
        let (key, from) = (self.device, self.from);
        let known = self
            .workspace
            .look(move |view| {
                let Some((device, person)) = devices::by_key(view, &key)? else { return Ok(None) };
                let good = reach::standing(view, device)?.is_some_and(|standing| standing.good);
                Ok(Some((Caller { person, device, from, replaced: false }, good)))
            })
            .await;
        let known = match known {
            Ok(known) => known,
            // Who it is shows once the workspace is open; until then its calls are told why.
            Err(Fail::Refused(_)) => return Ok(()),
            Err(why) => {
                tracing::error!(error = %why, "a device could not be looked up");
                return Err(End::Resume("the server failed"));
            }
        };
        match known {
            Some((caller, true)) => {
                self.place.release();
                let presence = self.workspace.hub.enter(caller.device);
                self.shared.host.figures().sessions.inc();
                self.who = Who::Known(caller, presence);
                let workspace = self.workspace.clone();
                self.shared.tasks.spawn(async move {
                    let _ = workspace.unguarded(move |tx| devices::seen(tx, caller.device, caller.from)).await;
                });
            }
            // A revoked device is told at its first call, by the same words as one that never was.
            Some((_, false)) | None => self.who = Who::Newcomer,
        }
        Ok(())
    }

    async fn request(&mut self, message: Message) -> Result<(), End> {
        let stream = message.stream;
        let Ok(request) = wire::decode::<wire::Request>(&message.payload) else {
            let body =
                ErrorBody::new(Code::BadInput, "A call that cannot be read", "it is malformed", "update the app");
            return self.refuse(stream, &body).await;
        };
        let workspace = self.workspace.clone();
        match &self.who {
            Who::Known(caller, _) if request.method == StartSync::NAME => {
                if self.listening {
                    let body = ErrorBody::new(Code::BadInput, "This session syncs already", "once is enough", "");
                    return self.refuse(stream, &body).await;
                }
                self.listening = true;
                let caller = *caller;
                self.calls.push(start_sync(workspace, caller, stream, request.params).boxed());
            }
            Who::Known(caller, _) => {
                let caller = *caller;
                let call = async move {
                    let result =
                        methods::dispatch(workspace, caller, &request.method, MessagePack, &request.params).await;
                    Answer { stream, result, listener: None }
                };
                self.calls.push(call.boxed());
            }
            Who::Newcomer if request.method == Enrol::NAME => {
                let newcomer =
                    Newcomer { key: self.device, from: self.from, handshake: *self.transport.handshake_hash() };
                let call = async move {
                    let result = enrol(&workspace, newcomer, &request.params).await;
                    Answer { stream, result, listener: None }
                };
                self.calls.push(call.boxed());
            }
            Who::Unproven => {
                let closed = self.workspace.closed();
                return self.refuse(stream, &closed).await;
            }
            Who::Newcomer => {
                let body = ErrorBody {
                    wipe: is_to_wipe(&self.workspace, self.device).await,
                    ..Fail::signed_out().into_body()
                };
                return self.refuse(stream, &body).await;
            }
        }
        Ok(())
    }

    async fn answer(&mut self, answer: Answer) -> Result<(), End> {
        match answer.result {
            Ok(payload) => {
                self.put(Kind::Reply, answer.stream, payload).await?;
                if let Some(listener) = answer.listener {
                    let (out, events) = mpsc::channel(EVENTS);
                    self.events = Some(events);
                    self.shared.tasks.spawn(listener.run(out));
                }
                Ok(())
            }
            Err(body) => {
                if answer.listener.is_none() && self.events.is_none() {
                    self.listening = false;
                }
                self.refuse(answer.stream, &body).await
            }
        }
    }

    async fn heard(&mut self, heard: Option<Heard>) -> Result<(), End> {
        // The hub cancels before it passes on what was committed after that: nothing of it goes out.
        if matches!(&self.who, Who::Known(_, presence) if presence.signed_out.is_cancelled()) {
            return Err(End::SignedOut);
        }
        match heard {
            Some(Heard::Event(bytes)) => self.put(Kind::Event, 0, bytes.to_vec()).await,
            Some(Heard::Resume) | None => Err(End::Resume("this device fell behind")),
        }
    }

    async fn refuse(&mut self, stream: u32, body: &ErrorBody) -> Result<(), End> {
        let payload = wire::encode(body).map_err(|_| End::Resume("the server failed"))?;
        self.put(Kind::Error, stream, payload).await
    }

    /// Seals a message and puts it on its way; a socket that takes nothing ends the session.
    async fn put(&mut self, kind: Kind, stream: u32, payload: Vec<u8>) -> Result<(), End> {
        let message = Message { kind, stream, payload };
        let frames = match self.transport.seal(&message, steady_millis()) {
            Ok(frames) => frames,
            Err(thechatapp_protocol::session::SessionError::TooLong) => {
                tracing::error!(bytes = message.payload.len(), "an answer is too long for a message");
                return Err(End::Resume("the server failed"));
            }
            Err(_) => return Err(End::Resume("a fresh handshake is due")),
        };
        for frame in frames {
            let fed = timeout(SLOW, self.socket.feed(Frame::Binary(Bytes::from(frame)))).await;
            match fed {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(End::Gone),
                Err(_) => return Err(End::Resume("this device does not read")),
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), End> {
        match timeout(SLOW, self.socket.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Resume("this device does not read")),
        }
    }

    async fn farewell(mut self, end: End) {
        if matches!(self.who, Who::Known(..)) {
            self.shared.host.figures().sessions.dec();
        }
        let (code, reason) = match end {
            End::Gone => return,
            End::Broken(what) => (BROKEN, what),
            End::Resume(why) => (RESUME, why),
            End::SignedOut => {
                // What this device asked for (its own sign-out) is still answered.
                let _ = timeout(LAST_ANSWERS, self.finish_calls()).await;
                let reason = "this device was signed out".to_owned();
                let wipe = is_to_wipe(&self.workspace, self.device).await;
                self.last_event(&Event::SignedOut { reason, wipe }).await;
                (SIGNED_OUT, "signed out")
            }
            End::Draining => {
                self.draining = true;
                self.last_event(&Event::Draining { millis: 1000 }).await;
                let _ = timeout(DRAIN, self.finish_calls()).await;
                (RESUME, "the server stops")
            }
        };
        let _ = self.socket.send(Frame::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
        // The other side's last frames are taken in, so that the system does not answer them with a reset.
        let _ =
            timeout(Duration::from_millis(500), async { while let Some(Ok(_)) = self.socket.next().await {} }).await;
    }

    async fn finish_calls(&mut self) {
        while let Some(answer) = self.calls.next().await {
            if answer.listener.is_none() && self.answer(answer).await.is_err() {
                return;
            }
        }
        let _ = self.flush().await;
    }

    async fn last_event(&mut self, event: &Event) {
        if let Ok(payload) = wire::encode(event) {
            let _ = self.put(Kind::Event, 0, payload).await;
            let _ = self.flush().await;
        }
    }
}

async fn start_sync(workspace: Arc<Workspace>, caller: Caller, stream: u32, params: Vec<u8>) -> Answer {
    let figures = workspace.figures.clone();
    let begun = Instant::now();
    let started = match methods::params::<StartSync>(MessagePack, &params) {
        Ok(params) => Listener::start(workspace, caller, params).await.map_err(Fail::into_body),
        Err(body) => Err(body),
    };
    figures.called(StartSync::NAME, &started, begun.elapsed());
    match started {
        Ok((listener, started)) => {
            Answer { stream, result: methods::reply(MessagePack, &started), listener: Some(Box::new(listener)) }
        }
        Err(body) => Answer { stream, result: Err(body), listener: None },
    }
}

/// Whether this device is to destroy what it keeps. That it is told is written down; should it not hear it, it is told again.
async fn is_to_wipe(workspace: &Workspace, key: DevicePublic) -> bool {
    let found = workspace.look(move |view| devices::to_wipe(view, &key)).await;
    let Ok(Some((device, untold))) = found else { return false };
    if untold {
        let told = workspace.unguarded(move |tx| {
            devices::wipe_told(tx, device)?;
            let act = Act::new(Class::Device, "device.wipe_told", Target::Device(device));
            audit::record(tx, By::SERVER, act)
        });
        if let Err(why) = told.await {
            tracing::error!(error = %why, "a wipe that was told could not be written down");
        }
    }
    true
}

async fn enrol(workspace: &Arc<Workspace>, newcomer: Newcomer, params: &[u8]) -> Result<Vec<u8>, ErrorBody> {
    let begun = Instant::now();
    let answer = async {
        let params = methods::params::<Enrol>(MessagePack, params)?;
        let me = methods::enrol(workspace, newcomer, params).await.map_err(Fail::into_body)?;
        methods::reply(MessagePack, &me)
    };
    let answer = answer.await;
    workspace.figures.called(Enrol::NAME, &answer, begun.elapsed());
    answer
}
