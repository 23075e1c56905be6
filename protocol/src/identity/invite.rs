//! Invites and addresses as people paste them.

use super::{IdentityError, Pin};
use data_encoding::BASE32_NOPAD;
use std::{fmt, str::FromStr};
use url::{Host, Url};

/// Longest workspace name in an address.
const WORKSPACE_MAX: usize = 40;

/// `https://chat.example.org/join/<workspace>#<pin>.<one-time code>`. What follows `#` never reaches a server's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// `https://host[:port]`.
    pub base: String,
    /// The workspace's short name.
    pub workspace: String,
    /// The server's pin.
    pub pin: Pin,
    /// The one-time code.
    pub code: String,
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/join/{}#{}.{}", self.base, self.workspace, self.pin, self.code)
    }
}

impl FromStr for Invite {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text.trim()).map_err(|_| IdentityError::BadInvite("it is no web address"))?;
        let base = base(&url).map_err(IdentityError::BadInvite)?;
        let workspace = url
            .path()
            .strip_prefix("/join/")
            .filter(|name| is_workspace(name))
            .ok_or(IdentityError::BadInvite("its path is not /join/ and a workspace"))?;
        let fragment = url
            .fragment()
            .ok_or(IdentityError::BadInvite("the part after # is missing; was it cut off when it was copied?"))?;
        let (pin, code) = fragment.split_once('.').ok_or(IdentityError::BadInvite("the one-time code is missing"))?;
        let pin = pin.parse().map_err(|_| IdentityError::BadInvite("its pin is damaged"))?;
        let known = |c: char| c.is_ascii_lowercase() || ('2'..='7').contains(&c);
        if code.is_empty() || code.len() > 64 || !code.chars().all(known) {
            return Err(IdentityError::BadInvite("its one-time code is damaged"));
        }
        Ok(Self { base, workspace: workspace.to_owned(), pin, code: code.to_owned() })
    }
}

/// `https://host[:port][/w/<workspace>]`; `host` alone is meant as `https://host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `https://host[:port]`.
    pub base: String,
    /// The workspace's short name, where the address names one.
    pub workspace: Option<String>,
}

impl FromStr for Address {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("https://{text}")) };
        let url = url.map_err(|_| IdentityError::BadAddress("it is no web address"))?;
        let base = base(&url).map_err(IdentityError::BadAddress)?;
        let path = url.path().trim_end_matches('/');
        let workspace = match path.strip_prefix("/w/").or_else(|| path.strip_prefix("/join/")) {
            Some(name) if is_workspace(name) => Some(name.to_owned()),
            None if path.is_empty() => None,
            _ => return Err(IdentityError::BadAddress("its path is not /w/ and a workspace")),
        };
        Ok(Self { base, workspace })
    }
}

fn base(url: &Url) -> Result<String, &'static str> {
    if url.scheme() != "https" {
        return Err("it does not begin with https://");
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err("it carries a name, a password or a query");
    }
    match url.host() {
        None | Some(Host::Domain("")) => Err("it names no host"),
        Some(_) => Ok(url.origin().ascii_serialization()),
    }
}

/// Lower-case letters, digits and inner hyphens.
fn is_workspace(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= WORKSPACE_MAX
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// A fresh one-time code: 128 random bits as 26 characters of lower-case base32.
///
/// # Errors
/// [`IdentityError::Random`].
pub fn make_code() -> Result<String, IdentityError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| IdentityError::Random)?;
    Ok(BASE32_NOPAD.encode(&bytes).to_lowercase())
}
