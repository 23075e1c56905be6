//! Proxy scripts (PAC): fetched, kept for a while, and run within bounds of memory and time. A script decides by which proxy
//! a connection goes, and can do nothing else: it has no network but the look-up of names, no files, no memory of the last run.

use super::Addresses;
use super::dial::Way;
use super::setting::{Kind, Login, Proxy};
use crate::net::https::Https;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

#[cfg(not(any(target_os = "android", target_os = "ios")))]
mod engine;
#[cfg(test)]
mod tests;

/// The largest script.
const SCRIPT_MAX: usize = 1 << 20;
/// How long fetching one may take, how long it is used, and how long it is not asked again when that did not work.
const FETCH: Duration = Duration::from_secs(5);
const USED: Duration = Duration::from_secs(30 * 60);
const LEFT: Duration = Duration::from_secs(30);
/// How long one may run, and how long until it is given up: what it calls in the engine itself nobody interrupts.
const TIME: Duration = Duration::from_secs(2);
const GIVEN_UP: Duration = Duration::from_millis(2500);
/// How long one may wait for others' questions to be answered.
const QUEUE: Duration = Duration::from_secs(8);
/// The most ways out of an answer.
const WAYS_MAX: usize = 8;
const LATE: &str = "it does not end in time";

/// What is kept of the last look for a script.
#[derive(Debug)]
pub(super) struct Kept {
    url: Url,
    generation: u64,
    addresses: Addresses,
    at: Instant,
    /// The last one that was fetched.
    last: Option<Arc<Script>>,
    /// Why there is none that works.
    failed: Option<String>,
}

impl Kept {
    pub(super) fn new(
        url: Url,
        generation: u64,
        addresses: Addresses,
        fetched: Result<Script, String>,
        before: Option<Self>,
    ) -> Self {
        let before = before.and_then(|before| before.last);
        let (last, failed) = match fetched {
            Ok(mut script) => {
                if let Some(same) = before.filter(|before| before.text == script.text) {
                    script.runs = Arc::clone(&same.runs);
                }
                (Some(Arc::new(script)), None)
            }
            Err(why) => (before, Some(why)),
        };
        Self { url, generation, addresses, at: Instant::now(), last, failed }
    }

    /// The script, or why there is none that works.
    pub(super) fn script(&self) -> Result<Arc<Script>, String> {
        match (&self.failed, &self.last) {
            (None, Some(script)) => Ok(Arc::clone(script)),
            (failed, _) => Err(failed.clone().unwrap_or_default()),
        }
    }

    /// A script did not work.
    pub(super) fn fail(&mut self, script: &Arc<Script>, why: &str) {
        if self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, script)) {
            (self.failed, self.at) = (Some(why.to_owned()), Instant::now());
        }
    }

    /// Whether it counts still: not for long, and neither for another script, after another choice, nor in another network.
    pub(super) fn is_fresh(&self, url: &Url, generation: u64, addresses: Addresses) -> bool {
        let counts = if self.failed.is_none() { USED } else { LEFT };
        self.url == *url && self.generation == generation && self.addresses == addresses && self.at.elapsed() < counts
    }
}

/// A script as it was fetched.
#[derive(Debug)]
pub(super) struct Script {
    text: String,
    address: Option<IpAddr>,
    /// Held while it runs: of one that does not end, there is one thread.
    runs: Arc<Semaphore>,
}

/// Why a script gave no answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// It did not work.
    Itself(String),
    /// It was not asked, as others are being answered.
    Busy,
}

impl Script {
    /// Fetches a script, straight and from where its address says.
    pub(super) async fn fetch(url: &Url, addresses: Addresses, roots: &[Vec<u8>]) -> Result<Self, String> {
        let fetched = tokio::time::timeout(FETCH, text(url, roots)).await;
        let text = fetched.unwrap_or_else(|_| Err("it does not come in time".into()))?;
        Ok(Self { text, address: addresses[0], runs: Arc::new(Semaphore::new(1)) })
    }

    /// Asks it for a server, which hears of nothing. `millis` is the time by which it may decide.
    pub(super) async fn ways(
        &self,
        host: &str,
        port: u16,
        millis: i64,
        login: Option<&Login>,
    ) -> Result<Vec<Way>, Failed> {
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        // Nothing of what is asked of the server is told to a script.
        let about = if port == 443 { format!("https://{bracketed}/") } else { format!("https://{bracketed}:{port}/") };
        let question =
            Question { script: self.text.clone(), url: about, host: host.to_owned(), millis, address: self.address };
        let permit = tokio::time::timeout(QUEUE, Arc::clone(&self.runs).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(Failed::Busy) };
        let answer = run(permit, question).await;
        answer.and_then(|answer| read(&answer, login)).map_err(Failed::Itself)
    }
}

/// What a script is asked.
struct Question {
    script: String,
    url: String,
    host: String,
    millis: i64,
    address: Option<IpAddr>,
}

/// Runs a script on a thread of its own, which the end of the program does not wait for.
#[cfg(not(any(target_os = "android", target_os = "ios")))]
async fn run(permit: OwnedSemaphorePermit, question: Question) -> Result<String, String> {
    let names = tokio::runtime::Handle::current();
    let run = async {
        let (told, hear) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new().name("proxy script".into()).spawn(move || {
            let _ = told.send(engine::run(&question, &names));
            drop(permit);
        });
        thread.map_err(|why| why.to_string())?;
        hear.await.map_err(|why| why.to_string())?
    };
    tokio::time::timeout(GIVEN_UP, run).await.unwrap_or_else(|_| Err(LATE.into()))
}

/// Phones settle proxies themselves.
#[cfg(any(target_os = "android", target_os = "ios"))]
async fn run(permit: OwnedSemaphorePermit, question: Question) -> Result<String, String> {
    let Question { script, url, host, millis, address } = question;
    drop((permit, script, url, host, millis, address, TIME, GIVEN_UP, LATE));
    Err("this app does not run scripts".into())
}

async fn text(url: &Url, roots: &[Vec<u8>]) -> Result<String, String> {
    let bytes = if url.scheme() == "file" {
        let path = url.to_file_path().map_err(|()| "its address is no file's".to_owned())?;
        let file = tokio::fs::File::open(path).await.map_err(|why| why.to_string())?;
        let mut bytes = Vec::new();
        let mut some = tokio::io::AsyncReadExt::take(file, SCRIPT_MAX as u64 + 1);
        tokio::io::AsyncReadExt::read_to_end(&mut some, &mut bytes).await.map_err(|why| why.to_string())?;
        bytes
    } else {
        let client = Https::straight(roots).map_err(|why| why.to_string())?;
        let answer = client.get(url.as_str(), SCRIPT_MAX).await?;
        if !answer.status.is_success() {
            return Err(format!("its server answered {}", answer.status));
        }
        answer.bytes
    };
    if bytes.len() > SCRIPT_MAX {
        return Err("it is longer than 1 MiB".into());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// `PROXY a:8080; SOCKS b:1080; DIRECT`: in this order. What is not spoken here is passed over.
fn read(answer: &str, login: Option<&Login>) -> Result<Vec<Way>, String> {
    let mut ways = Vec::new();
    for entry in answer.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (what, place) = entry.split_once(char::is_whitespace).unwrap_or((entry, ""));
        let kind = match what.to_ascii_uppercase().as_str() {
            "DIRECT" => {
                ways.push(Way::Direct);
                continue;
            }
            "PROXY" | "HTTP" => Kind::Http,
            "HTTPS" => Kind::Https,
            "SOCKS" | "SOCKS5" => Kind::Socks5,
            _ => continue,
        };
        let Some(proxy) = Proxy::parse(&format!("{}://{}", kind.scheme(), place.trim())) else { continue };
        ways.push(Way::By(Proxy { login: login.cloned(), ..proxy }));
    }
    ways.truncate(WAYS_MAX);
    if ways.is_empty() { Err(format!("it answers {answer:?}, in which there is no way to go")) } else { Ok(ways) }
}
