//! An owner with browsers, time that passes, and what came of it: for tests of accounts and their sessions.

use super::{Host, Person};
use std::sync::Arc;
use thechatapp_protocol::audit::Target;
use thechatapp_protocol::methods::account::{Credential, SignInParams};
use thechatapp_protocol::session::StaticKey;
use thechatapp_protocol::{Code, ErrorBody};

pub const NEW_PASSWORD: &str = "staple correct battery horse";
pub const MINUTE: i64 = 60 * 1000;

pub async fn owned() -> (Host, Person) {
    let host = Host::with_browsers().await;
    let owner = host.join_by(&host.owner_invite.clone(), "owner").await;
    (host, owner)
}

pub async fn pass(host: &Host, millis: i64) {
    host.running().host().workspace("acme").unwrap().pass(millis).await.unwrap();
}

/// What the audit log has about something, oldest first.
pub async fn acts_on(host: &Host, target: Target) -> Vec<String> {
    let all = host.running().host().workspace("acme").unwrap().acts().await.unwrap();
    all.into_iter().filter(|entry| entry.target == target).map(|entry| entry.act).collect()
}

pub fn code<T>(answer: Result<T, ErrorBody>) -> Option<Code> {
    answer.err().map(|why| why.code)
}

/// Signs in on a new device.
pub async fn by_device(host: &Host, name: &str, password: &str, code: Option<&str>) -> Result<Person, ErrorBody> {
    let credential =
        Credential::Password { name: name.into(), password: password.into(), code: code.map(str::to_owned) };
    host.enrol(&Arc::new(StaticKey::random().unwrap()), credential).await
}

/// What a browser signs in with.
pub fn params(name: &str, password: &str) -> SignInParams {
    SignInParams { name: name.into(), password: password.into(), code: None, reset: None }
}
