//! Proxy scripts (PAC): fetched, kept for a while, and run within bounds of memory and time. A script decides by which proxy
//! a connection goes, and can do nothing else: it has no network but the look-up of names, no files, no memory of the last run.

use super::dial::Way;
use super::setting::{Kind, Login, Proxy};
use crate::net::https::Https;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use url::Url;

#[cfg(not(any(target_os = "android", target_os = "ios")))]
mod engine;
#[cfg(test)]
mod tests;

/// The largest script.
const SCRIPT_MAX: usize = 1 << 20;
/// How long fetching one may take, and how long it is used.
const FETCH: Duration = Duration::from_secs(5);
const KEPT: Duration = Duration::from_secs(30 * 60);
/// The longest answer, and the most ways out of it.
const ANSWER_MAX: usize = 4096;
const WAYS_MAX: usize = 8;

/// A script as it was fetched.
#[derive(Debug)]
pub(super) struct Script {
    url: Url,
    text: String,
    fetched: Instant,
    addresses: [Option<IpAddr>; 2],
}

impl Script {
    /// Fetches a script, straight and from where its address says.
    pub(super) async fn fetch(url: &Url, addresses: [Option<IpAddr>; 2], roots: &[Vec<u8>]) -> Result<Self, String> {
        let fetched = tokio::time::timeout(FETCH, text(url, roots)).await;
        let text = fetched.unwrap_or_else(|_| Err("it does not come in time".into()))?;
        Ok(Self { url: url.clone(), text, fetched: Instant::now(), addresses })
    }

    /// Whether it may be used still: not for long, and not in another network.
    pub(super) fn is_fresh(&self, url: &Url, addresses: [Option<IpAddr>; 2]) -> bool {
        self.url == *url && self.addresses == addresses && self.fetched.elapsed() < KEPT
    }

    /// Asks it for a server, which hears of nothing. `millis` is the time by which it may decide.
    pub(super) async fn ways(
        &self,
        host: &str,
        port: u16,
        millis: i64,
        login: Option<&Login>,
    ) -> Result<Vec<Way>, String> {
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        // Nothing of what is asked of the server is told to a script.
        let about = if port == 443 { format!("https://{bracketed}/") } else { format!("https://{bracketed}:{port}/") };
        let question = Question {
            script: self.text.clone(),
            url: about,
            host: host.to_owned(),
            millis,
            address: self.addresses[0],
        };
        let answer = run(question).await?;
        read(&answer, login)
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

#[cfg(not(any(target_os = "android", target_os = "ios")))]
async fn run(question: Question) -> Result<String, String> {
    let names = tokio::runtime::Handle::current();
    let run = tokio::task::spawn_blocking(move || engine::run(&question, &names));
    run.await.map_err(|why| format!("it could not be run: {why}"))?
}

/// Phones settle proxies themselves.
#[cfg(any(target_os = "android", target_os = "ios"))]
async fn run(question: Question) -> Result<String, String> {
    let Question { script, url, host, millis, address } = question;
    drop((script, url, host, millis, address));
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
        let scheme = match kind {
            Kind::Http => "http",
            Kind::Https => "https",
            Kind::Socks5 => "socks5",
        };
        let Some(proxy) = Proxy::parse(&format!("{scheme}://{}", place.trim())) else { continue };
        ways.push(Way::By(Proxy { login: login.cloned(), ..proxy }));
    }
    ways.truncate(WAYS_MAX);
    if ways.is_empty() { Err(format!("it answers {answer:?}, in which there is no way to go")) } else { Ok(ways) }
}
