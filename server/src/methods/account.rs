//! Enrolling devices, signing browsers in, and who one is.

use super::Handle;
use crate::auth;
use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use crate::store::audit::{self, Act, By};
use crate::store::devices::New;
use crate::store::{browsers, devices, invites, people};
use crate::time::now;
use ed25519_dalek::{Signature, VerifyingKey};
use std::net::IpAddr;
use std::sync::Arc;
use thechatapp_protocol::audit::{Actor, Class, Target};
use thechatapp_protocol::methods::account::{
    Credential, DeviceProof, ENROL_LABEL, EnrolParams, Me, Nothing, SignInParams, WhoAmI,
};
use thechatapp_protocol::permission::Powers;
use thechatapp_protocol::session::DevicePublic;
use thechatapp_protocol::{AccountId, Code, DeviceId, ErrorBody, Scope};

/// A device that proved its key in this session and is not enrolled.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer {
    /// The key it proved.
    pub key: DevicePublic,
    /// From which address.
    pub from: IpAddr,
    /// The hash of this session's handshake, which its signature covers.
    pub handshake: [u8; 32],
}

/// Enrols a device. Asked again by the same device for the same person, it gives the same answer.
///
/// # Errors
/// Denied for a wrong name, password or invite (which of them is not said), locked out, or a conflict.
pub async fn enrol(workspace: &Arc<Workspace>, newcomer: Newcomer, params: EnrolParams) -> Result<Me, Fail> {
    let signing_key = check_proof(&newcomer, &params.device)?;
    let device = New {
        id: DeviceId::from_parts(now().unix_millis(), &random()?),
        key: newcomer.key,
        signing_key,
        name: device_name(&params.device.name),
        platform: params.device.platform.chars().filter(char::is_ascii_alphanumeric).take(16).collect(),
    };
    match params.credential {
        Credential::Invite { code, name, password } => {
            join(workspace, device, newcomer.from, code, &name, password).await
        }
        Credential::Password { name, password } => sign_in(workspace, device, newcomer.from, &name, password).await,
    }
}

async fn join(
    workspace: &Arc<Workspace>,
    device: New,
    from: IpAddr,
    code: String,
    name: &str,
    password: String,
) -> Result<Me, Fail> {
    let name = people::tidy_name(name)?;
    // The answer to an enrolment may have been lost: the same device asks again, its invite used up.
    let key = device.key;
    let known = workspace.look(move |view| devices::by_key(view, &key)).await?;
    if known.is_some() {
        return sign_in(workspace, device, from, &name, password).await;
    }
    let hash = workspace.passwords.hash(password).await?;
    let own = workspace.clone();
    workspace
        .unguarded(move |tx| {
            let rank = invites::take(tx, code.trim())?;
            let id = AccountId::from_parts(now().unix_millis(), &random()?);
            people::create(tx, id, &name, &hash, rank)?;
            devices::insert(tx, id, &device)?;
            let joined = Act::new(Class::Account, "person.join", Target::Person(id)).after(rank.name());
            audit::record(tx, by(id, device.id, from), joined)?;
            audit::record(tx, by(id, device.id, from), enrolled(device.id))?;
            me(&own, tx.view(), id, device.id)
        })
        .await
}

/// Who acts, before there is a permit that says so.
fn by(person: AccountId, device: DeviceId, from: IpAddr) -> By {
    By { actor: Actor::Person(person, device), place: Some(from) }
}

fn enrolled(device: DeviceId) -> Act {
    Act::new(Class::Device, "device.enrol", Target::Device(device))
}

async fn sign_in(
    workspace: &Arc<Workspace>,
    device: New,
    from: IpAddr,
    name: &str,
    password: String,
) -> Result<Me, Fail> {
    let own = workspace.clone();
    auth::by_password(workspace, name, password, move |tx, person| match devices::by_key(tx.view(), &device.key)? {
        None => {
            devices::insert(tx, person, &device)?;
            audit::record(tx, by(person, device.id, from), enrolled(device.id))?;
            me(&own, tx.view(), person, device.id)
        }
        Some((id, of)) if of == person => {
            let good = devices::standing(tx.view(), id)?.is_some_and(|standing| standing.good);
            if !good {
                return Err(Fail::denied("this device was revoked; its profile must be made anew"));
            }
            me(&own, tx.view(), person, id)
        }
        Some(_) => Err(ErrorBody::new(
            Code::Conflict,
            "This device is somebody else's",
            "its key is enrolled for another account",
            "use a profile of your own",
        )
        .into()),
    })
    .await
}

/// Signs a browser in: the session begins with the same commit in which its password counts. One that the browser had
/// before ends.
///
/// # Errors
/// As [`enrol`] by password.
pub async fn sign_in_browser(
    workspace: &Arc<Workspace>,
    params: SignInParams,
    token_hash: [u8; 32],
    browser: Browser,
) -> Result<Me, Fail> {
    let SignInParams { name, password } = params;
    let id = DeviceId::from_parts(now().unix_millis(), &random()?);
    let session = browsers::New { id, token_hash, agent: browser.agent, address: browser.address.to_string() };
    let own = workspace.clone();
    auth::by_password(workspace, &name, password, move |tx, person| {
        if let Some(before) = browser.before {
            devices::revoke(tx, before)?;
            let left = Act::new(Class::Access, "device.sign_out", Target::Device(before));
            audit::record(tx, by(person, id, browser.address), left)?;
        }
        browsers::insert(tx, person, &session, now())?;
        let came = Act::new(Class::Access, "browser.sign_in", Target::Device(id));
        audit::record(tx, by(person, id, browser.address), came)?;
        me(&own, tx.view(), person, id)
    })
    .await
}

/// What a browser shows of itself when it signs in.
#[derive(Clone, Debug)]
pub struct Browser {
    /// What it says it is.
    pub agent: String,
    /// Where it comes from.
    pub address: IpAddr,
    /// The session that it had until now.
    pub before: Option<DeviceId>,
}

fn me(workspace: &Workspace, view: crate::store::View<'_>, person: AccountId, device: DeviceId) -> Result<Me, Fail> {
    let powers = devices::standing(view, device)?.map_or(Powers::NONE, |standing| standing.powers);
    Ok(Me {
        workspace: workspace.id,
        workspace_name: workspace.title.clone(),
        person: people::row(view, person)?,
        powers,
        device,
    })
}

fn check_proof(newcomer: &Newcomer, proof: &DeviceProof) -> Result<[u8; 32], Fail> {
    let refuse = || Fail::denied("the device did not prove its signing key");
    let key: [u8; 32] = proof.signing_key.as_slice().try_into().map_err(|_| refuse())?;
    let signature: [u8; 64] = proof.signature.as_slice().try_into().map_err(|_| refuse())?;
    let covered = [ENROL_LABEL, &newcomer.handshake, &newcomer.key.0].concat();
    VerifyingKey::from_bytes(&key)
        .and_then(|key| key.verify_strict(&covered, &Signature::from_bytes(&signature)))
        .map_err(|_| refuse())?;
    Ok(key)
}

fn device_name(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    if name.trim().is_empty() { "device".to_owned() } else { name.trim().to_owned() }
}

fn random() -> Result<[u8; 10], Fail> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).map_err(|_| thechatapp_seal::Error::Random)?;
    Ok(bytes)
}

impl Handle for WhoAmI {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, _: Nothing) -> Result<Me, Fail> {
        let own = workspace.clone();
        workspace
            .read::<Self, _>(caller, Scope::Workspace, move |view, permit| {
                me(&own, view, permit.person(), permit.device())
            })
            .await
    }
}
