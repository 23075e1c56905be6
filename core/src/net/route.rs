//! The one way out: every TCP connection of a client is made here, so that all of them go the same way.
//!
//! Which way is the person's choice ([`Setting`]), by itself the system's: the environment as curl reads it, then what the
//! desktop is set to. Loopback addresses never leave the machine, unless the person themself named a proxy. Of several ways
//! the first that works is taken, and one that did not work comes last for some minutes.

mod dial;
mod pac;
mod setting;
#[cfg(test)]
mod tests;

pub use dial::{DialError, Line, Way};
pub(super) use dial::{innermost, tcp, through};
pub use setting::{Choice, Kind, Login, Proxy, Setting};

use crate::Clock;
use crate::platform::SystemNetwork;
use data_encoding::BASE64;
use hyper_util::client::proxy::matcher::Matcher;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use url::Url;
use zeroize::Zeroizing;

/// How long a proxy that did not work comes last.
const AVOIDED: Duration = Duration::from_secs(5 * 60);
/// How long the desktop may take to say where to go, and how long its answer counts.
const SYSTEM: Duration = Duration::from_secs(2);
const SYSTEM_KEPT: Duration = Duration::from_secs(60);
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
    state: Mutex<State>,
    /// Held while a script is fetched, so that it is fetched once.
    script: tokio::sync::Mutex<Option<Arc<pac::Script>>>,
}

#[derive(Default)]
struct State {
    setting: Arc<Setting>,
    /// Counts the settings there were.
    generation: u64,
    /// What did not work, and when.
    failed: HashMap<String, Instant>,
    /// What the desktop said, for which server.
    system: Option<(String, Instant, Vec<String>)>,
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
        let state = Mutex::new(State { addresses: addresses(), ..State::default() });
        Self(Arc::new(Inner { network, clock, extra_roots, state, script: tokio::sync::Mutex::default() }))
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

    /// Connects to a host's port by the first way that works.
    ///
    /// # Errors
    /// Why the way that was meant first does not.
    pub async fn dial(&self, host: &str, port: u16) -> Result<Line, DialError> {
        let ways = self.ways(host, port).await?;
        let mut first = None;
        let several = ways.len() > 1;
        for way in &ways {
            let dialled = dial::dial(way, host, port, &self.0.extra_roots);
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
                    if several {
                        self.state().failed.insert(way.to_string(), Instant::now());
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
    /// [`DialError::Script`]; [`DialError::NoProxy`] for one that the system names and that is not spoken here.
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
        Ok(self.last_what_failed(ways))
    }

    async fn by_system(&self, host: &str, port: u16, login: Option<&Login>) -> Result<Vec<Way>, DialError> {
        let about = address(host, port);
        let named = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        let in_environment = named.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
        let found = about.parse::<http::Uri>().ok().and_then(|uri| Matcher::from_system().intercept(&uri));
        let proxy = match found {
            Some(found) => {
                let address = found.uri().to_string();
                // Whoever named a proxy does not want to go past it.
                let unknown = || DialError::NoProxy {
                    proxy: address.trim_end_matches('/').to_owned(),
                    why: "only http, https and socks5 are spoken here".into(),
                };
                let proxy = Proxy::parse(&address).ok_or_else(unknown)?;
                let basic = found.basic_auth().and_then(|value| decode_basic(value.as_bytes()));
                let raw = found.raw_auth().map(|(user, password)| Login {
                    user: user.to_owned(),
                    password: Zeroizing::new(password.to_owned()),
                });
                Some(Proxy { login: basic.or(raw), ..proxy })
            }
            // What the environment says counts, that there is none included.
            None if in_environment => None,
            None => {
                let said = self.by_desktop(&about).await;
                let ways: Vec<Way> = said.iter().filter_map(|said| way(said, login)).collect();
                return Ok(if ways.is_empty() { vec![Way::Direct] } else { ways });
            }
        };
        let with_login = |proxy: Proxy| Proxy { login: proxy.login.clone().or_else(|| login.cloned()), ..proxy };
        Ok(vec![proxy.map_or(Way::Direct, |proxy| Way::By(with_login(proxy)))])
    }

    /// What the desktop is set to.
    async fn by_desktop(&self, about: &str) -> Vec<String> {
        let kept = self.state().system.clone();
        if let Some((of, at, said)) = kept
            && of == about
            && at.elapsed() < SYSTEM_KEPT
        {
            return said;
        }
        let (network, asked) = (Arc::clone(&self.0.network), about.to_owned());
        let said = tokio::task::spawn_blocking(move || network.proxies(&asked));
        let said = match tokio::time::timeout(SYSTEM, said).await {
            Ok(Ok(said)) => said,
            _ => Vec::new(),
        };
        self.state().system = Some((about.to_owned(), Instant::now(), said.clone()));
        said
    }

    async fn by_script(&self, url: &Url, host: &str, port: u16, login: Option<&Login>) -> Result<Vec<Way>, String> {
        let here = addresses();
        let script = {
            let mut kept = self.0.script.lock().await;
            match kept.as_ref().filter(|script| script.is_fresh(url, here)) {
                Some(script) => Arc::clone(script),
                None => {
                    let script = Arc::new(pac::Script::fetch(url, here, &self.0.extra_roots).await?);
                    *kept = Some(Arc::clone(&script));
                    script
                }
            }
        };
        script.ways(host, port, self.0.clock.now().0, login).await
    }

    /// The same ways, those that did not work a moment ago in this network last.
    fn last_what_failed(&self, mut ways: Vec<Way>) -> Vec<Way> {
        let mut state = self.state();
        let here = addresses();
        if state.addresses != here {
            state.addresses = here;
            state.failed.clear();
            state.system = None;
        }
        state.failed.retain(|_, at| at.elapsed() < AVOIDED);
        ways.sort_by_key(|way| state.failed.contains_key(&way.to_string()));
        ways
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("https://[{host}]:{port}/") } else { format!("https://{host}:{port}/") }
}

/// What a desktop says: `direct://`, or a proxy's address.
fn way(said: &str, login: Option<&Login>) -> Option<Way> {
    if said.starts_with("direct:") {
        return Some(Way::Direct);
    }
    let proxy = Proxy::parse(said)?;
    Some(Way::By(Proxy { login: proxy.login.clone().or_else(|| login.cloned()), ..proxy }))
}

fn decode_basic(value: &[u8]) -> Option<Login> {
    let both = Zeroizing::new(BASE64.decode(value.strip_prefix(b"Basic ")?).ok()?);
    let (user, password) = std::str::from_utf8(&both).ok()?.split_once(':')?;
    Some(Login { user: user.to_owned(), password: Zeroizing::new(password.to_owned()) })
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
