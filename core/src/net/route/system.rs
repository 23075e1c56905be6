//! The system's way: the environment as curl reads it, then the script and the proxies that the desktop is set to. Whoever names a proxy does not want to go
//! past it: one that is not understood or not spoken here is an error, and so is a desktop that does not answer.

use super::{DialError, Login, Proxy, Router, Way, address, setting};
use data_encoding::BASE64;
use hyper_util::client::proxy::matcher::Matcher;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;
use zeroize::Zeroizing;

/// How long the desktop may take to say where to go, and how long its answer counts.
const PATIENCE: Duration = Duration::from_secs(2);
const KEPT: Duration = Duration::from_secs(60);

/// The variables that name a proxy for HTTPS. The first of each that is there and not empty counts.
const SECURE: [&str; 2] = ["https_proxy", "HTTPS_PROXY"];
const ALL: [&str; 2] = ["all_proxy", "ALL_PROXY"];
const NONE_FOR: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// What the desktop said.
#[derive(Clone, Debug)]
pub(super) struct Said {
    about: String,
    at: Instant,
    /// A script that is to be asked, before everything else there is.
    script: Option<Url>,
    proxies: Vec<String>,
}

impl Router {
    pub(super) async fn by_system(&self, host: &str, port: u16, login: Option<&Login>) -> Result<Vec<Way>, DialError> {
        let about = address(host, port);
        if let Some(way) = self.by_environment(&about, login)? {
            return Ok(vec![way]);
        }
        let said = self.by_desktop(&about).await?;
        if let Some(url) = &said.script {
            // As with one that the person chose: who comes over plain http could be anybody, and is told no password.
            let ways = self.by_script(url, host, port, login.filter(|_| url.scheme() != "http")).await;
            return ways.map_err(|why| DialError::Script { url: url.to_string(), why });
        }
        if let Some(found) = about.parse().ok().and_then(|uri| Matcher::from_system().intercept(&uri)) {
            let proxy = spoken(&found.uri().to_string())?;
            let own = found.basic_auth().and_then(|value| decode_basic(value.as_bytes()));
            return Ok(vec![Way::By(Proxy { login: own.or_else(|| login.cloned()), ..proxy })]);
        }
        // A desktop may have its answer from a script that anybody on the way could change: it is given no password.
        let ways: Vec<Result<Way, DialError>> = said.proxies.iter().map(|said| way(said)).collect();
        if ways.is_empty() {
            return Ok(vec![Way::Direct]);
        }
        if ways.iter().any(Result::is_ok) {
            return Ok(ways.into_iter().flatten().collect());
        }
        ways.into_iter().collect()
    }

    /// What the environment says, that there is none included.
    fn by_environment(&self, about: &str, login: Option<&Login>) -> Result<Option<Way>, DialError> {
        let first = |names: [&'static str; 2]| {
            let named = names.into_iter().filter_map(|name| Some((name, self.0.network.variable(name)?)));
            named.into_iter().find(|(_, text)| !text.trim().is_empty())
        };
        let Some((name, text)) = first(SECURE).or_else(|| first(ALL)) else {
            return Ok(None);
        };
        // Only whether the server is excepted is asked of it.
        let excepted = first(NONE_FOR).map(|(_, text)| text).unwrap_or_default();
        let matcher = Matcher::builder().all("http://proxy:1").no(excepted).build();
        if about.parse().ok().is_some_and(|uri| matcher.intercept(&uri).is_none()) {
            return Ok(Some(Way::Direct));
        }
        // A password may stand in it: it is not repeated.
        let unknown = || DialError::System {
            why: format!("what {name} names is no proxy: only http, https and socks5 are spoken here"),
        };
        let proxy = Proxy::parse(text.trim()).ok_or_else(unknown)?;
        Ok(Some(Way::By(Proxy { login: proxy.login.clone().or_else(|| login.cloned()), ..proxy })))
    }

    /// What the desktop is set to.
    async fn by_desktop(&self, about: &str) -> Result<Said, DialError> {
        let kept = self.state().system.clone();
        if let Some(said) = kept.filter(|said| said.about == about && said.at.elapsed() < KEPT) {
            return Ok(said);
        }
        let (network, asked) = (Arc::clone(&self.0.network), about.to_owned());
        let said = tokio::task::spawn_blocking(move || match network.script()? {
            Some(script) => Ok((Some(script), Vec::new())),
            None => Ok((None, network.proxies(&asked)?)),
        });
        let answer = match tokio::time::timeout(PATIENCE, said).await {
            Ok(Ok(said)) => said,
            Ok(Err(broken)) => Err(broken.to_string()),
            Err(_) => Err("no answer in time".into()),
        };
        let (script, proxies) = answer.map_err(|why| DialError::System { why })?;
        let script = script.map(|address| setting::script(&address, false)).transpose().map_err(|why| {
            let why = why.report().why;
            DialError::System { why: format!("its proxy script cannot be had: {why}") }
        })?;
        let said = Said { about: about.to_owned(), at: Instant::now(), script, proxies };
        self.state().system = Some(said.clone());
        Ok(said)
    }
}

/// What a desktop says: `direct://`, or a proxy's address.
fn way(said: &str) -> Result<Way, DialError> {
    if said.starts_with("direct:") { Ok(Way::Direct) } else { spoken(said).map(Way::By) }
}

fn spoken(address: &str) -> Result<Proxy, DialError> {
    let unknown = || DialError::System {
        why: format!("it names {}, and only http, https and socks5 are spoken here", address.trim_end_matches('/')),
    };
    Proxy::parse(address).ok_or_else(unknown)
}

fn decode_basic(value: &[u8]) -> Option<Login> {
    let both = Zeroizing::new(BASE64.decode(value.strip_prefix(b"Basic ")?).ok()?);
    let (user, password) = std::str::from_utf8(&both).ok()?.split_once(':')?;
    Some(Login { user: user.to_owned(), password: Zeroizing::new(password.to_owned()) })
}
