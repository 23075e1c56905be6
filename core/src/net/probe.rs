//! Where a connection fails: every step of the way to a server, looked at one after the other, and for the first that does
//! not hold, why and what to do. It changes nothing, and needs no server to end in time.

mod hop;

pub use hop::{Hop, State, Step};

use super::connect::{Failure, Target, connect, place, secure};
use super::https::{Answer, Https};
use super::link::unfit;
use super::route::{DialError, Line, Way, tcp, through};
use super::session::{self, End, Session};
use super::{LinkConfig, fetch, portal, verify};
use crate::error::Error;
use crate::trust::{Known, Next, Stop};
use crate::view::Reason;
use hop::STEPS;
use http::header;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::http::identity_path;
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::devices::ListDevices;
use thechatapp_protocol::{Code, ErrorBody, Timestamp};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long one step may take, and all of them.
const STEP: Duration = Duration::from_secs(5);
const ALL: Duration = Duration::from_secs(14);
/// So far may two clocks be apart before it is worth a word.
const APART: i64 = 5 * 60 * 1000;

const LATE: &str = "no answer in time";
const ASK: &str = "ask your administrator";
const LET_THROUGH: &str =
    "something on the way lets no TLS through, or the server is busy: try again, or another network";

/// Looks at the way to a server. A session that runs is asked instead of a new one.
pub async fn probe(config: &LinkConfig, session: Option<Session>) -> Vec<Hop> {
    let now = Instant::now();
    let mut walk = Walk { config, hops: Vec::new(), step: now, end: now + ALL };
    // Whether it broke off is in the hops.
    let _ = walk.all(session).await;
    walk.finish()
}

/// The walk ended: the last hop says where.
struct Over;

struct Walk<'a> {
    config: &'a LinkConfig,
    hops: Vec<Hop>,
    /// When the present step began.
    step: Instant,
    end: Instant,
}

/// Of steps that held: until when they took, and what is to be said.
type Held = Vec<(Instant, String)>;

impl Walk<'_> {
    fn note(&mut self, hop: Step, state: State, reason: Option<Reason>, why: impl Into<String>, advice: &str) {
        let took_ms = u64::try_from(self.step.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.step = Instant::now();
        let ok = match state {
            State::Ok | State::Warning => Some(true),
            State::Failed => Some(false),
            State::Skipped => None,
        };
        self.hops.push(Hop { hop, state, ok, took_ms, why: why.into(), reason, advice: advice.into() });
    }

    fn ok(&mut self, hop: Step, why: impl Into<String>) {
        self.note(hop, State::Ok, None, why, "");
    }

    fn fail<T>(&mut self, hop: Step, reason: Reason, why: impl Into<String>, advice: &str) -> Result<T, Over> {
        self.note(hop, State::Failed, Some(reason), why, advice);
        Err(Over)
    }

    /// All steps in their order, those that were not looked at included.
    fn finish(self) -> Vec<Hop> {
        let failed = self.hops.iter().find(|hop| hop.state == State::Failed).map(|hop| hop.hop);
        STEPS
            .into_iter()
            .map(|step| {
                let found = self.hops.iter().find(|hop| hop.hop == step).cloned();
                found.unwrap_or_else(|| Hop {
                    hop: step,
                    state: State::Skipped,
                    ok: None,
                    took_ms: 0,
                    why: if failed.is_some() { "another step fails".into() } else { LATE.into() },
                    reason: None,
                    advice: String::new(),
                })
            })
            .collect()
    }

    /// Waits for something, as long as a step may take.
    async fn wait<T>(&self, what: impl Future<Output = T>) -> Result<T, &'static str> {
        tokio::time::timeout_at(self.end.min(Instant::now() + STEP), what).await.map_err(|_| LATE)
    }

    fn now(&self) -> Timestamp {
        self.config.clock.now()
    }

    async fn all(&mut self, session: Option<Session>) -> Result<(), Over> {
        let (host, port) = match place(&self.config.url) {
            Ok(place) => place,
            Err(why) => return self.fail(Step::Name, Reason::Address, why, "sign in again by the right address"),
        };
        let line = self.reach(&host, port).await?;
        let mut known = self.config.known.clone();
        self.tls(&host, port, line, &mut known).await?;
        let known = self.identity(known).await?;
        self.sign_in(&known, session).await
    }

    /// The first three steps, by the first way on which all of them hold.
    async fn reach(&mut self, host: &str, port: u16) -> Result<Line, Over> {
        // A script may take longer than a step: it is fetched and run.
        let ways = match tokio::time::timeout_at(self.end, self.config.router.ways(host, port)).await {
            Ok(Ok(ways)) => ways,
            Ok(Err(why)) => return self.fail(Step::Proxy, why.reason(), why.why(), why.advice()),
            Err(_) => {
                return self.fail(
                    Step::Proxy,
                    Reason::ProxyUnknown,
                    LATE,
                    "choose another way in *This device* or with `network set`",
                );
            }
        };
        let mut first: Option<(Instant, Held, Step, DialError)> = None;
        for way in &ways {
            let begun = Instant::now();
            let mut held = Vec::new();
            match self.by(way, host, port, &mut held).await {
                Ok(line) => {
                    self.held(begun, held);
                    return Ok(line);
                }
                Err((step, why)) if why.is_refusal() => {
                    first = Some((begun, held, step, why));
                    break;
                }
                Err((step, why)) => {
                    first.get_or_insert((begun, held, step, why));
                }
            }
        }
        let Some((begun, held, step, why)) = first else {
            return self.fail(Step::Route, Reason::Unreachable, "there is no way there", ASK);
        };
        self.held(begun, held);
        if matches!(step, Step::Route | Step::Name) && self.is_portal().await {
            return self.fail(step, Reason::Portal, portal::WHY, portal::ADVICE);
        }
        let reason = match (step, why.reason()) {
            (Step::Name, Reason::Unreachable) => Reason::Name,
            (_, reason) => reason,
        };
        self.fail(step, reason, why.why(), why.advice())
    }

    /// Whether a network answers in the server's place.
    async fn is_portal(&self) -> bool {
        self.wait(portal::asks(&self.config.router, &self.config.url)).await.unwrap_or(false)
    }

    /// Notes the first steps, which were looked at together.
    fn held(&mut self, begun: Instant, held: Held) {
        self.step = begun;
        for (step, (until, why)) in STEPS.into_iter().zip(held) {
            let took = until.saturating_duration_since(self.step);
            self.ok(step, why);
            if let Some(hop) = self.hops.last_mut() {
                hop.took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            }
            self.step = until;
        }
    }

    async fn by(&self, way: &Way, host: &str, port: u16, held: &mut Held) -> Result<Line, (Step, DialError)> {
        let (first, first_port) = match way {
            Way::Direct => (host, port),
            Way::By(proxy) => (proxy.host.as_str(), proxy.port),
        };
        let unreachable = |why: String| match way {
            Way::Direct => DialError::Unreachable(why),
            Way::By(proxy) => DialError::NoProxy { proxy: proxy.to_string(), why },
        };
        let whose = if matches!(way, Way::Direct) { "" } else { "the proxy " };
        let named = if first.parse::<IpAddr>().is_ok() {
            format!("{whose}{first} is an address")
        } else {
            let found = self.wait(tokio::net::lookup_host((first, first_port))).await;
            let found = match found {
                Ok(Ok(found)) => found.map(|at| at.ip().to_string()).collect::<Vec<_>>(),
                Ok(Err(why)) => return Err((Step::Name, unreachable(format!("{first} is not found: {why}")))),
                Err(why) => return Err((Step::Name, unreachable(format!("{first} is not found: {why}")))),
            };
            format!("{whose}{first} is {}", found.join(", "))
        };
        held.push((Instant::now(), named));
        let line = match self.wait(tcp(first, first_port)).await {
            Ok(Ok(line)) => line,
            Ok(Err(why)) => return Err((Step::Route, unreachable(why))),
            Err(why) => return Err((Step::Route, unreachable(why.into()))),
        };
        held.push((Instant::now(), format!("{whose}{first} answers at port {first_port}")));
        let (line, said) = match way {
            Way::Direct => (line, "none is needed".to_owned()),
            Way::By(proxy) => match self.wait(through(&self.config.router, proxy, line, host, port)).await {
                Ok(Ok(line)) => (line, format!("{proxy} lets one through")),
                Ok(Err(why)) => return Err((Step::Proxy, why)),
                Err(why) => return Err((Step::Proxy, unreachable(why.into()))),
            },
        };
        held.push((Instant::now(), said));
        Ok(line)
    }

    /// TLS; when the certificate is not accepted, what the server's document says to it, or who answers in its place.
    async fn tls(&mut self, host: &str, port: u16, line: Line, known: &mut Known) -> Result<(), Over> {
        let why = match self.handshake(host, line, known).await {
            Ok(()) => {
                self.ok(Step::Tls, "the certificate is accepted");
                return Ok(());
            }
            Err(Failure::Identity(why)) => why,
            Err(Failure::Way(why)) => return self.fail(Step::Tls, why.reason(), why.why(), why.advice()),
            Err(Failure::Closed(body)) => return self.fail(Step::Key, Reason::Closed, body.to_string(), &body.advice),
            Err(Failure::Offline(why)) => {
                if self.is_portal().await {
                    return self.fail(Step::Tls, Reason::Portal, portal::WHY, portal::ADVICE);
                }
                let (reason, advice) = if why == LATE {
                    (Reason::Late, LET_THROUGH)
                } else {
                    (Reason::NoTls, "something on the way speaks no TLS: try another network")
                };
                return self.fail(Step::Tls, reason, why, advice);
            }
        };
        let refused = |why: &str| format!("the certificate is not accepted: {why}");
        let Ok(answer) = self.ask(verify::for_identity_document()).await else {
            return self.fail(Step::Tls, Reason::Certificate, refused(&why), ASK);
        };
        if portal::is_page(&self.config.url, &answer) {
            return self.fail(Step::Tls, Reason::Portal, portal::WHY, portal::ADVICE);
        }
        let (apart, now) = (self.apart(&answer), self.now());
        let next = fetch::read(&self.config.url, answer).ok().map(|fetched| known.next(fetched, now));
        match next {
            // Its keys were renewed as they should be; an open app follows by itself.
            Some(Ok(Next::Advanced { known: next, .. })) => {
                *known = next;
                match self.wait(self.config.router.dial(host, port)).await {
                    Ok(Ok(line)) => match self.handshake(host, line, known).await {
                        Ok(()) => {
                            self.ok(Step::Tls, "the certificate is a new one, which the server announces");
                            Ok(())
                        }
                        Err(why) => self.fail(Step::Tls, Reason::Certificate, refused(&format!("{why:?}")), ASK),
                    },
                    Ok(Err(why)) => self.fail(Step::Tls, why.reason(), why.why(), why.advice()),
                    Err(why) => self.fail(Step::Tls, Reason::Late, why, ASK),
                }
            }
            Some(Err(Stop::Unannounced(shown))) => {
                self.note(Step::Tls, State::Warning, Some(Reason::Certificate), refused(&why), "");
                self.another(&shown.pin().to_string())
            }
            _ if apart.is_some_and(|apart| apart.abs() > APART) => {
                self.note(Step::Tls, State::Warning, Some(Reason::Certificate), refused(&why), "");
                let why = format!("{}, and so the certificate is not valid by it", off(apart.unwrap_or_default()));
                self.fail(Step::Time, Reason::Clock, why, "set this device's clock")
            }
            _ => self.fail(
                Step::Tls,
                Reason::Certificate,
                refused(&why),
                "something on the way opens TLS, or the system lacks the authority that made it: ask your administrator",
            ),
        }
    }

    async fn handshake(&self, host: &str, line: Line, known: &Known) -> Result<(), Failure> {
        let keys = &known.verified.document().tls_keys;
        let tls = verify::strict(keys, &self.config.extra_roots).map_err(|why| Failure::Offline(why.to_string()))?;
        self.wait(secure(host, &tls, line)).await.map_err(|why| Failure::Offline(why.into()))?.map(|_| ())
    }

    /// What the server answers to who asks for its document.
    async fn ask(&self, tls: Result<Arc<rustls::ClientConfig>, Error>) -> Result<Answer, String> {
        let why = |why: Error| why.report().why;
        let client = Https::routed(self.config.router.clone(), tls.map_err(why)?);
        let path = identity_path(&self.config.workspace);
        self.wait(fetch::ask(&client, &self.config.url, &path)).await?.map_err(why)
    }

    /// Time and identity: both are in the server's answer.
    async fn identity(&mut self, mut known: Known) -> Result<Known, Over> {
        let tls = verify::strict(&known.verified.document().tls_keys, &self.config.extra_roots);
        let answer = match self.ask(tls).await {
            Ok(answer) => answer,
            Err(why) => {
                return self.fail(
                    Step::Identity,
                    Reason::Unproved,
                    format!("the server does not say who it is: {why}"),
                    ASK,
                );
            }
        };
        let apart = self.apart(&answer);
        let closed = match fetch::read(&self.config.url, answer) {
            Ok(fetched) => {
                let now = self.now();
                let next = known.next(fetched, now);
                self.time(apart, &known)?;
                match next {
                    Ok(Next::Same) => {}
                    Ok(Next::Advanced { known: next, .. }) => known = next,
                    Err(Stop::Unannounced(shown)) => return self.another(&shown.pin().to_string()),
                    Err(Stop::Unfit(why)) => return self.fail(Step::Identity, unfit(&why), why.to_string(), ASK),
                }
                self.ok(Step::Identity, format!("it is {}", known.pin()));
                return Ok(known);
            }
            Err(Error::Refused(body)) => body,
            Err(why) => {
                self.time(apart, &known)?;
                return self.fail(Step::Identity, Reason::Unproved, why.report().why, &why.report().advice);
            }
        };
        self.time(apart, &known)?;
        self.closed(&closed)
    }

    /// How far this device's clock is before the server's, in milliseconds.
    fn apart(&self, answer: &Answer) -> Option<i64> {
        let date = answer.headers.get(header::DATE)?.to_str().ok()?;
        let there = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_millisecond();
        Some(self.now().0 - there)
    }

    fn time(&mut self, apart: Option<i64>, known: &Known) -> Result<(), Over> {
        let Some(apart) = apart else {
            self.ok(Step::Time, "the server does not say what time it is");
            return Ok(());
        };
        let (here, there) = (self.now().unix_millis() / 1000, self.now().0.saturating_sub(apart) / 1000);
        let document = known.verified.document();
        let by_theirs = document.session_key(u64::try_from(there).unwrap_or_default()).is_some();
        if document.session_key(here).is_none() && by_theirs && apart.abs() > APART {
            let why = format!("{}, and so no key of the server is valid by it", off(apart));
            return self.fail(Step::Time, Reason::Clock, why, "set this device's clock");
        }
        if apart.abs() > APART {
            self.note(Step::Time, State::Warning, Some(Reason::Clock), off(apart), "set this device's clock");
        } else {
            self.ok(Step::Time, "the clocks agree");
        }
        Ok(())
    }

    fn another<T>(&mut self, shown: &str) -> Result<T, Over> {
        let why =
            format!("this server is not the one you know: it should be {} and is {shown}", self.config.known.pin());
        self.fail(
            Step::Identity,
            Reason::OtherServer,
            why,
            "ask your administrator on another path which one is right; `identity accept PIN` accepts the new one",
        )
    }

    fn closed<T>(&mut self, body: &ErrorBody) -> Result<T, Over> {
        self.fail(Step::Key, Reason::Closed, format!("{}: {}", body.what, body.why), &body.advice)
    }

    async fn sign_in(&mut self, known: &Known, session: Option<Session>) -> Result<(), Over> {
        let answered = match session {
            Some(session) => self.wait(session.call::<ListDevices>(&Nothing {})).await,
            None => self.wait(self.signed_in(known)).await,
        };
        match answered {
            Ok(Ok(_)) => {
                self.ok(Step::SignIn, "this device is signed in");
                self.ok(Step::Key, "the workspace is open");
                Ok(())
            }
            Ok(Err(Error::Refused(body))) if body.code.is_closed() => self.closed(&body),
            Ok(Err(why)) => {
                let report = why.report();
                let reason = match &why {
                    Error::Refused(body) if body.code == Code::SignedOut => Reason::SignedOut,
                    Error::Refused(_) => Reason::Refused,
                    _ => Reason::Unreachable,
                };
                let why =
                    if report.error == "offline" { report.why } else { format!("{}: {}", report.what, report.why) };
                self.fail(Step::SignIn, reason, why, &report.advice)
            }
            Err(why) => self.fail(Step::SignIn, Reason::Late, why, ASK),
        }
    }

    /// A session of its own, for one question that changes nothing.
    async fn signed_in(&self, known: &Known) -> Result<thechatapp_protocol::methods::devices::Devices, Error> {
        let config = self.config;
        let tls = verify::strict(&known.verified.document().tls_keys, &config.extra_roots)?;
        let target = Target {
            url: &config.url,
            workspace: &config.workspace,
            device: &config.device,
            known,
            tls: &tls,
            now: config.clock.now(),
            router: &config.router,
        };
        let (socket, transport) = connect(&target).await.map_err(|why| match why {
            Failure::Offline(why) | Failure::Identity(why) => Error::Offline { why },
            Failure::Way(why) => Error::Offline { why: why.to_string() },
            Failure::Closed(body) => Error::Refused(body),
        })?;
        let (session, running) = session::begin(Box::new(socket), transport);
        let (events, _unheard) = mpsc::channel(1);
        let ask = async move { session.call::<ListDevices>(&Nothing {}).await };
        let (answered, end) = tokio::join!(ask, running(events).run());
        match end {
            End::SignedOut(body) => Err(Error::Refused(body)),
            _ => answered,
        }
    }
}

/// How far this device's clock is before another, in words.
fn off(apart: i64) -> String {
    let minutes = (apart.abs() + 30_000) / 60_000;
    let far = match minutes {
        0..=119 => format!("{minutes} minutes"),
        120..=2879 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    };
    format!("this device's clock is {far} {} the server's", if apart > 0 { "ahead of" } else { "behind" })
}
