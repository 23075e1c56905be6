//! The one way out: every TCP connection of a client is made here, so that all of them go the same way.
//!
//! Which way is the person's choice ([`Setting`]), by itself the system's: the environment as curl reads it, then what the
//! desktop is set to. Loopback addresses never leave the machine, unless the person themself named a proxy. Of several ways
//! the first that works is taken, and one that did not work comes last for some minutes.

mod dial;
mod pac;
mod setting;
mod system;
#[cfg(test)]
mod tests;

pub use dial::{DialError, Line, Way};
pub(super) use dial::{innermost, tcp, through};
pub use setting::{Choice, Kind, Login, Proxy, Setting};

use super::verify;
use crate::Clock;
use crate::platform::SystemNetwork;
use rustls::ClientConfig;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use url::Url;

/// How long a proxy that did not work comes last.
const AVOIDED: Duration = Duration::from_secs(5 * 60);
/// How long one of several ways may take.
const ONE_OF_SEVERAL: Duration = Duration::from_secs(4);

/// This device's addresses towards the world, by family. They change when the network does; nothing is sent to learn them.
pub(crate) type Addresses = [Option<IpAddr>; 2];

/// The addresses as they are now.
pub(crate) fn addresses() -> Addresses {
    // Connecting a UDP socket asks the routing table and sends nothing; these addresses are kept for documentation.
    let towards = |from: IpAddr, to: IpAddr| {
        let socket = UdpSocket::bind(SocketAddr::new(from, 0)).ok()?;
        socket.connect(SocketAddr::new(to, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    [
        towards(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
        towards(Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
    ]
}

/// Makes connections. Cheap to clone; all clones go by the same setting.
#[derive(Clone)]
pub struct Router(Arc<Inner>);

struct Inner {
    network: Arc<dyn SystemNetwork>,
    clock: Arc<dyn Clock>,
    extra_roots: Vec<Vec<u8>>,
    /// For proxies that speak TLS: kept while it works, for reading what the system trusts takes a while.
    tls: Mutex<Option<Arc<ClientConfig>>>,
    state: Mutex<State>,
    /// Held while a script is fetched, so that it is fetched once.
    script: tokio::sync::Mutex<Option<pac::Kept>>,
}

struct State {
    setting: Arc<Setting>,
    /// Counts the settings there were.
    generation: u64,
    /// What did not work, and when.
    failed: HashMap<String, Instant>,
    /// What the desktop said.
    system: Option<system::Said>,
    addresses: Addresses,
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("setting", &self.setting().text()).finish_non_exhaustive()
    }
}

impl Router {
    /// Goes as the system says until told otherwise. `extra_roots` are trusted, too, for proxies that speak TLS.
    pub fn new(network: Arc<dyn SystemNetwork>, clock: Arc<dyn Clock>, extra_roots: Vec<Vec<u8>>) -> Self {
        let state = State {
            setting: Arc::default(),
            generation: 0,
            failed: HashMap::new(),
            system: None,
            addresses: addresses(),
        };
        let (state, script) = (Mutex::new(state), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { network, clock, extra_roots, tls: Mutex::default(), state, script }))
    }

    /// What the person chose.
    pub fn setting(&self) -> Arc<Setting> {
        Arc::clone(&self.state().setting)
    }

    /// Goes another way from now on.
    pub fn choose(&self, setting: Setting) {
        let mut state = self.state();
        state.setting = Arc::new(setting);
        state.generation += 1;
        state.failed.clear();
        state.system = None;
    }

    /// Another number after each [`Self::choose`]: connections of before went another way.
    pub(crate) fn generation(&self) -> u64 {
        self.state().generation
    }

    /// Authorities trusted beside the system's, DER.
    pub(crate) fn extra_roots(&self) -> &[Vec<u8>] {
        &self.0.extra_roots
    }

    /// TLS with proxies, whose certificates the system must accept: no identity document vouches for them.
    pub(super) fn tls(&self) -> crate::Result<Arc<ClientConfig>> {
        if let Some(tls) = self.0.tls.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(tls);
        }
        let tls = verify::strict(&[], &self.0.extra_roots)?;
        *self.0.tls.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&tls));
        Ok(tls)
    }

    /// It did not work: the next attempt reads anew what the system trusts.
    pub(super) fn forget_tls(&self) {
        *self.0.tls.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Connects to a host's port by the first way that works.
    ///
    /// # Errors
    /// Why the way that was meant first does not; at once, when a proxy is there and says no: what comes after it is for proxies that
    /// are not there, and would go past what its owner wants.
    pub async fn dial(&self, host: &str, port: u16) -> Result<Line, DialError> {
        self.by_one_of(&self.ways(host, port).await?, host, port).await
    }

    async fn by_one_of(&self, ways: &[Way], host: &str, port: u16) -> Result<Line, DialError> {
        let mut first = None;
        let several = ways.len() > 1;
        for way in ways {
            let dialled = dial::dial(self, way, host, port);
            let done = match several {
                // The last included: a handshake has its own bound, and what hangs must be known as such before it.
                true => tokio::time::timeout(ONE_OF_SEVERAL, dialled).await.unwrap_or_else(|_| {
                    let why = "it does not answer in time".to_owned();
                    Err(match way {
                        Way::Direct => DialError::Unreachable(why),
                        Way::By(proxy) => DialError::NoProxy { proxy: proxy.to_string(), why },
                    })
                }),
                false => dialled.await,
            };
            match done {
                Ok(line) => return Ok(line),
                Err(why) => {
                    tracing::debug!(%way, %why, "a way into the network does not work");
                    if why.is_refusal() {
                        return Err(why);
                    }
                    if several {
                        self.state().failed.insert(mark(way, host, port), Instant::now());
                    }
                    first.get_or_insert(why);
                }
            }
        }
        Err(first.unwrap_or_else(|| DialError::Unreachable("there is no way there".into())))
    }

    /// The ways to a server, to be tried in this order.
    ///
    /// # Errors
    /// [`DialError::Script`]; [`DialError::System`].
    pub async fn ways(&self, host: &str, port: u16) -> Result<Vec<Way>, DialError> {
        let setting = self.setting();
        if !matches!(setting.choice, Choice::Manual(_)) && is_loopback(host) {
            return Ok(vec![Way::Direct]);
        }
        let login = setting.login.as_ref();
        let ways = match &setting.choice {
            Choice::Direct => vec![Way::Direct],
            Choice::Manual(proxy) => vec![Way::By(Proxy { login: login.cloned(), ..proxy.clone() })],
            Choice::System => self.by_system(host, port, login).await?,
            Choice::Pac { url, or_direct } => match self.by_script(url, host, port, login).await {
                Ok(ways) => ways,
                Err(why) if *or_direct => {
                    tracing::warn!(%url, %why, "the proxy script does not work; going straight");
                    vec![Way::Direct]
                }
                Err(why) => return Err(DialError::Script { url: url.to_string(), why }),
            },
        };
        Ok(self.last_what_failed(ways, host, port))
    }

    async fn by_script(&self, url: &Url, host: &str, port: u16, login: Option<&Login>) -> Result<Vec<Way>, String> {
        let here = addresses();
        let generation = self.state().generation;
        let script = {
            let mut kept = self.0.script.lock().await;
            match kept.as_ref().filter(|kept| kept.is_fresh(url, generation, here)) {
                Some(kept) => kept.script()?,
                None => {
                    let fetched = pac::Script::fetch(url, here, &self.0.extra_roots).await;
                    let now = pac::Kept::new(url.clone(), generation, here, fetched, kept.take());
                    kept.insert(now).script()?
                }
            }
        };
        script.ways(host, port, self.0.clock.now().0, login).await.map_err(|failed| {
            match failed {
                // It is fetched again soon: whoever mends it does not wait for half an hour.
                pac::Failed::Itself(why) => {
                    if let Ok(mut kept) = self.0.script.try_lock()
                        && let Some(kept) = kept.as_mut()
                    {
                        kept.fail(&script, &why);
                    }
                    why
                }
                pac::Failed::Busy => "it is busy with another question".into(),
            }
        })
    }

    /// The same ways, those that did not work a moment ago in this network last.
    fn last_what_failed(&self, mut ways: Vec<Way>, host: &str, port: u16) -> Vec<Way> {
        let mut state = self.state();
        let here = addresses();
        if state.addresses != here {
            state.addresses = here;
            state.failed.clear();
            state.system = None;
        }
        state.failed.retain(|_, at| at.elapsed() < AVOIDED);
        ways.sort_by_key(|way| state.failed.contains_key(&mark(way, host, port)));
        ways
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("https://[{host}]:{port}/") } else { format!("https://{host}:{port}/") }
}

/// What is kept of a way that did not work: a proxy for all servers, straight for this one.
fn mark(way: &Way, host: &str, port: u16) -> String {
    match way {
        Way::Direct => address(host, port),
        Way::By(proxy) => proxy.to_string(),
    }
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback(),
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
        }
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}
