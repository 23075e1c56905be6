//! A browser's session: a random token in a cookie that no script can read and no other workspace of the host takes for its
//! own. Whatever does not fit has one answer: signed out.

use super::browser::{Refused, Web};
use crate::error::Fail;
use crate::gate::Caller;
use crate::native::Connection;
use crate::state::{self, Workspace};
use crate::store::{Tx, View, browsers, known, settings};
use crate::time::now;
use data_encoding::BASE64URL_NOPAD;
use http::header::{self, HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use thechatapp_protocol::http::{cookie_name, known_cookie_name};
use thechatapp_protocol::settings::WEB_CHAT;
use thechatapp_protocol::{Code, DeviceId, ErrorBody, Timestamp};
use zeroize::Zeroizing;

/// The secret in a cookie: a session's, or that of a browser which an account knows.
pub struct Token(Zeroizing<[u8; 32]>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random() -> Result<Self, Fail> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| Fail::Broken("the system gave no random bytes"))?;
        Ok(Self(bytes))
    }

    /// The one that a request carries in the cookie of this name.
    pub fn of(headers: &HeaderMap, name: &str) -> Option<Self> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut own = cookies.flat_map(|all| all.split(';')).filter_map(|one| {
            let (of, value) = one.split_once('=')?;
            (of.trim() == name).then(|| value.trim())
        });
        let (first, more) = (own.next()?, own.next());
        if more.is_some() {
            // A browser keeps one cookie of such a name: who sends two is none.
            return None;
        }
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(first.as_bytes()).ok()?);
        Some(Self(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }

    /// What is kept of it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_slice()).into()
    }

    /// The header that gives it to a browser, as its session.
    pub fn cookie(&self, workspace: &str) -> Option<HeaderValue> {
        self.in_cookie(&cookie_name(workspace), browsers::COOKIE)
    }

    /// The header that gives it to a browser, as what an account knows it by.
    pub fn known_cookie(&self, workspace: &str) -> Option<HeaderValue> {
        self.in_cookie(&known_cookie_name(workspace), known::LASTS)
    }

    fn in_cookie(&self, name: &str, millis: i64) -> Option<HeaderValue> {
        let value = Zeroizing::new(BASE64URL_NOPAD.encode(self.0.as_slice()));
        let mut header = set_cookie(name, &value, millis / 1000)?;
        header.set_sensitive(true);
        Some(header)
    }
}

/// The header that takes a browser's session away.
pub fn no_cookie(workspace: &str) -> Option<HeaderValue> {
    set_cookie(&cookie_name(workspace), "", 0)
}

fn set_cookie(name: &str, value: &str, seconds: i64) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax")).ok()
}

/// The workspace of a request.
///
/// # Errors
/// Not found, or why the host is closed.
pub fn workspace(web: &Web, name: &str) -> Result<Arc<Workspace>, Refused> {
    match (web.shared.host.find(name), web.shared.host.closed()) {
        (Some(found), _) => Ok(found),
        (None, Some(why)) => Err(Refused(state::closed(&why.why))),
        (None, None) => Err(Refused(ErrorBody::new(
            Code::NotFound,
            "No such workspace",
            "this host has none of this name",
            "check the address",
        ))),
    }
}

/// A request by somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Where.
    pub workspace: Arc<Workspace>,
    /// Who. What they may do is the gate's to say.
    pub caller: Caller,
    /// The hash of the request's token.
    token: [u8; 32],
    /// Whether it is to be replaced.
    old: bool,
}

impl Visit {
    /// By the request's cookie.
    ///
    /// # Errors
    /// Signed out for whoever is not signed in to this workspace.
    pub async fn of(web: &Web, name: &str, headers: &HeaderMap, connection: &Connection) -> Result<Self, Refused> {
        let workspace = workspace(web, name)?;
        let (found, hash) = find(&workspace, headers, now()).await?.ok_or_else(signed_out)?;
        if found.token == browsers::Token::Replayed {
            let from = connection.address;
            workspace.unguarded(move |tx| browsers::replayed(tx, found, from)).await?;
            return Err(signed_out());
        }
        // It has proved somebody: newer connections do not push it out.
        connection.place.release();
        if found.due {
            let (own, at, from) = (workspace.clone(), now(), connection.address);
            web.shared.tasks.spawn(async move {
                let _ = own.unguarded(move |tx| browsers::used(tx, found.id, at, from)).await;
            });
        }
        if found.first {
            // Where it cannot be noted, the one before stays good for a while longer.
            let _ = workspace.unguarded(move |tx| browsers::arrived(tx, found.id, &hash)).await;
        }
        let replaced = matches!(found.token, browsers::Token::Before | browsers::Token::Unanswered);
        let old = matches!(found.token, browsers::Token::Old | browsers::Token::Unanswered);
        let caller = Caller { person: found.person, device: found.id, from: connection.address, replaced };
        Ok(Self { workspace, caller, token: hash, old })
    }

    /// The cookie with a new token, where one is due. Of requests that come at once with the same one, one gets it.
    pub async fn rotated(&self) -> Option<HeaderValue> {
        if self.old { self.replaced(browsers::rotate).await } else { None }
    }

    /// The cookie with a token that is fresh, for whoever has just proved who they are.
    pub async fn confirmed(&self) -> Option<HeaderValue> {
        self.replaced(browsers::confirmed).await
    }

    async fn replaced(&self, replace: Replace) -> Option<HeaderValue> {
        let (shown, id) = (self.token, self.caller.device);
        let token = Token::random().ok()?;
        let hash = token.hash();
        let replaced = self.workspace.unguarded(move |tx| replace(tx, id, &shown, &hash, now())).await;
        replaced.is_ok_and(|replaced| replaced).then(|| token.cookie(&self.workspace.name)).flatten()
    }
}

/// Puts a token in place of the one that was shown.
type Replace = fn(&Tx<'_>, DeviceId, &[u8; 32], &[u8; 32], Timestamp) -> Result<bool, Fail>;

/// The session that a request's cookie stands for, and the hash of its token.
///
/// # Errors
/// When the database fails.
pub async fn find(
    workspace: &Workspace,
    headers: &HeaderMap,
    at: Timestamp,
) -> Result<Option<(browsers::Found, [u8; 32])>, Refused> {
    let Some(token) = Token::of(headers, &cookie_name(&workspace.name)) else { return Ok(None) };
    let hash = token.hash();
    let found = workspace.look(move |view| {
        let_in(view)?;
        browsers::by_token(view, &hash, at)
    });
    Ok(found.await?.map(|found| (found, hash)))
}

/// Whether this workspace takes browsers, where its host does.
///
/// # Errors
/// Denied where it does not.
pub fn let_in(view: View<'_>) -> Result<(), Fail> {
    if settings::is_on(view, WEB_CHAT)? { Ok(()) } else { Err(Fail::denied("this workspace lets no browsers in")) }
}

fn signed_out() -> Refused {
    Refused(ErrorBody::new(
        Code::SignedOut,
        "This browser is signed out",
        "its session has ended, or there was none",
        "sign in again",
    ))
}

#[cfg(test)]
mod tests;
