//! How a profile gets out into the network: what the person chose. It is kept sealed, for a proxy's password may be in it.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use url::Url;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What a proxy is told about who one is.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

/// How one speaks to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// HTTP CONNECT.
    Http,
    /// HTTP CONNECT within TLS.
    Https,
    /// SOCKS 5; names are looked up by the proxy.
    Socks5,
}

impl Kind {
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
        }
    }

    /// By the scheme of an address, with the port that is meant where none is given.
    pub(super) fn of(scheme: &str) -> Option<(Self, u16)> {
        match scheme {
            "http" => Some((Self::Http, 80)),
            "https" => Some((Self::Https, 443)),
            "socks5" | "socks5h" | "socks" => Some((Self::Socks5, 1080)),
            _ => None,
        }
    }
}

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// How one speaks to it.
    pub kind: Kind,
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What it is told about who one is.
    pub login: Option<Login>,
}

impl Proxy {
    /// From an address, `http://host:port`; who one is may stand in it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&text).ok()?;
        let (kind, port) = Kind::of(url.scheme())?;
        // `http//proxy:3128` is a typing error, and not a proxy of the name `http`.
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return None;
        }
        // Of schemes it does not know, the parser leaves a name as it was typed.
        let host = url.host_str().filter(|host| !host.is_empty())?.trim_matches(['[', ']']).to_owned();
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = (!url.username().is_empty()).then(|| Login {
            user: decoded(url.username()),
            password: Zeroizing::new(decoded(url.password().unwrap_or_default())),
        });
        Some(Self { kind, host, port: url.port().unwrap_or(port), login })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, host, port, .. } = self;
        let scheme = kind.scheme();
        if host.contains(':') { write!(f, "{scheme}://[{host}]:{port}") } else { write!(f, "{scheme}://{host}:{port}") }
    }
}

/// Who says where to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The system: environment, then what the desktop is set to.
    #[default]
    System,
    /// Nobody: always straight to the server.
    Direct,
    /// The person: always by this proxy, loopback addresses included.
    Manual(Proxy),
    /// A script.
    Pac {
        /// Where it is, `http`, `https` or `file`.
        url: Url,
        /// Whether to go straight to the server when it cannot be had or does not work.
        or_direct: bool,
    },
}

/// What the person chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Who says where to go.
    pub choice: Choice,
    /// What proxies are told that bring no login of their own.
    pub login: Option<Login>,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Stored {
    proxy: String,
    #[serde(default)]
    or_direct: bool,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    password: Option<String>,
}

impl Setting {
    /// From what a person typed: `system`, `none`, a proxy's address, or `pac:` and a script's.
    ///
    /// # Errors
    /// [`Error::BadInput`].
    pub fn parse(proxy: &str, or_direct: bool, login: Option<Login>) -> Result<Self> {
        let what = || format!("{proxy} is no way into the network");
        let choice = match proxy.trim() {
            "system" => Choice::System,
            "none" => Choice::Direct,
            text => match text.strip_prefix("pac:") {
                Some(address) => Choice::Pac { url: script(address, login.is_some())?, or_direct },
                None => Choice::Manual(manual(text)?),
            },
        };
        if or_direct && !matches!(choice, Choice::Pac { .. }) {
            return Err(Error::bad_input(what(), "only a script that fails can be passed by"));
        }
        if login.is_some() && choice == Choice::Direct {
            return Err(Error::bad_input(what(), "without a proxy there is nobody to give a name and a password to"));
        }
        if login.as_ref().is_some_and(|login| login.user.is_empty() || login.user.contains(':')) {
            return Err(Error::bad_input("this is no name for a proxy", "it is empty or has a colon in it"));
        }
        Ok(Self { choice, login })
    }

    /// The choice as it is typed.
    pub fn text(&self) -> String {
        match &self.choice {
            Choice::System => "system".into(),
            Choice::Direct => "none".into(),
            Choice::Manual(proxy) => proxy.to_string(),
            Choice::Pac { url, .. } => format!("pac:{url}"),
        }
    }

    /// For the sealed database.
    pub(crate) fn encode(&self) -> Result<Zeroizing<String>> {
        let stored = Stored {
            proxy: self.text(),
            or_direct: matches!(self.choice, Choice::Pac { or_direct: true, .. }),
            user: self.login.as_ref().map(|login| login.user.clone()),
            password: self.login.as_ref().map(|login| login.password.to_string()),
        };
        serde_json::to_string(&stored).map(Zeroizing::new).map_err(crate::fault::internal)
    }

    /// From there.
    pub(crate) fn decode(text: &str) -> Result<Self> {
        let mut stored: Stored = serde_json::from_str(text).map_err(crate::fault::internal)?;
        let login = match (stored.user.take(), stored.password.take()) {
            (Some(user), Some(password)) => Some(Login { user, password: Zeroizing::new(password) }),
            _ => None,
        };
        Self::parse(&stored.proxy, stored.or_direct, login)
    }
}

/// A proxy as a person gives it: who one is does not stand in it, for arguments can be seen by others.
fn manual(text: &str) -> Result<Proxy> {
    let what = || format!("{text} is no proxy");
    let proxy = Proxy::parse(text).ok_or_else(|| {
        Error::bad_input(
            what(),
            "it is http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT, or system, none, pac:URL",
        )
    })?;
    if proxy.login.is_some() || text.contains('@') {
        return Err(Error::bad_input(
            "a name and a password do not belong into a proxy's address",
            "others can see it; give --proxy-user and --proxy-password-file",
        ));
    }
    Ok(proxy)
}

/// The address of a script, which may be told a login.
pub(super) fn script(address: &str, login: bool) -> Result<Url> {
    let what = || format!("{address} is no script's address");
    let url = Url::parse(address).map_err(|why| Error::bad_input(what(), why.to_string()))?;
    match url.scheme() {
        "https" | "file" => Ok(url),
        // Whoever changes it on its way would be told the password.
        "http" if login => Err(Error::bad_input(
            what(),
            "who is to be told a password must not come over plain http; use https or file",
        )),
        "http" => Ok(url),
        _ => Err(Error::bad_input(what(), "it begins with https, http or file")),
    }
}
