//! Enrolling devices, signing browsers in, and who one is.

use super::Handle;
use crate::auth::password::{Turn, busy, long_enough};
use crate::auth::places::Of;
use crate::auth::{self, Claim, Proof, Secret, With};
use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use crate::store::audit::{self, Act, By};
use crate::store::devices::New;
use crate::store::{View, bans, bounds, browsers, channels, devices, invites, known, members, people, reach};
use crate::time::now;
use ed25519_dalek::{Signature, VerifyingKey};
use std::net::IpAddr;
use std::sync::Arc;
use thechatapp_protocol::audit::{Actor, Class, Target};
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::methods::account::{
    Credential, DeviceProof, ENROL_LABEL, EnrolParams, Me, Nothing, SignInParams, WhoAmI,
};
use thechatapp_protocol::permission::Powers;
use thechatapp_protocol::session::DevicePublic;
use thechatapp_protocol::{AccountId, ChannelId, Code, DeviceId, ErrorBody, Scope};

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
/// Denied for a wrong name, password, code or invite, second factor where its code is missing, locked out, or a conflict.
pub async fn enrol(workspace: &Arc<Workspace>, newcomer: Newcomer, params: EnrolParams) -> Result<Me, Fail> {
    let signing_key = check_proof(&newcomer, &params.device)?;
    let device = New {
        id: DeviceId::from_parts(now().unix_millis(), &random()?),
        key: newcomer.key,
        signing_key,
        name: device_name(&params.device.name),
        platform: params.device.platform.chars().filter(char::is_ascii_alphanumeric).take(16).collect(),
    };
    let proof = |name: String, secret, code| Proof {
        claim: Claim::Name(name),
        with: With::Key(newcomer.key),
        from: newcomer.from,
        secret,
        code,
        by: By::stranger(newcomer.from),
    };
    match params.credential {
        Credential::Invite { code, name, password } => join(workspace, newcomer, device, code, &name, password).await,
        Credential::Password { name, password, code } => {
            sign_in(workspace, device, proof(name, Secret::Password(password), code)).await
        }
        Credential::Reset { name, reset, password, code } => {
            sign_in(workspace, device, proof(name, Secret::Reset(reset, password), code)).await
        }
    }
}

async fn join(
    workspace: &Arc<Workspace>,
    newcomer: Newcomer,
    device: New,
    code: String,
    name: &str,
    password: String,
) -> Result<Me, Fail> {
    let name = people::tidy_name(name)?;
    // The answer to an enrolment may have been lost: the same device asks again, its invite used up.
    let (key, invite, wanted) = (device.key, code.trim().to_owned(), name.clone());
    let good = workspace
        .look(move |view| {
            if devices::by_key(view, &key)?.is_some() {
                return Ok(None);
            }
            // Whoever has no invite, or cannot join by it, costs no hash.
            let (uses, person) = invites::look(view, &invite)?;
            match person {
                Some(person) => invited_by(view, person, &wanted)?,
                None => people::is_free(view, &wanted)?,
            }
            Ok(Some((uses, auth::shortest(view)?)))
        })
        .await?;
    let Some((uses, least)) = good else {
        let proof = Proof {
            claim: Claim::Name(name),
            with: With::Key(device.key),
            from: newcomer.from,
            secret: Secret::Password(password),
            code: None,
            by: By::stranger(newcomer.from),
        };
        return sign_in(workspace, device, proof).await;
    };
    long_enough(&password, least)?;
    let of = Of::Invite(invites::hash(code.trim()));
    let place = workspace.passwords.place_among(of, usize::try_from(uses).unwrap_or(usize::MAX))?;
    let own = workspace.clone();
    // A task of its own: whoever goes away meanwhile has used the invite all the same, and comes again with the same device.
    tokio::spawn(async move { take(&own, place, newcomer.from, device, code, name, password).await })
        .await
        .unwrap_or(Err(Fail::Broken("a sign-in that did not end")))
}

/// Joins by an invite that was good a moment ago. The place is held until it is used, so that it costs no more hashes at once than
/// it has uses.
async fn take(
    workspace: &Arc<Workspace>,
    place: Turn,
    from: IpAddr,
    device: New,
    code: String,
    name: String,
    password: String,
) -> Result<Me, Fail> {
    // Once more: whoever had a place before has used it.
    let invite = code.trim().to_owned();
    let (uses, _) = workspace.look(move |view| invites::look(view, &invite)).await?;
    if place.held() > usize::try_from(uses).unwrap_or(usize::MAX) {
        return Err(busy());
    }
    let hash = auth::chosen(workspace, &place, password, name.clone()).await?;
    let own = workspace.clone();
    workspace
        .unguarded(move |tx| {
            let invites::Gives { rank, person, channels, maker } = invites::take(tx, code.trim())?;
            let id = match person {
                Some(id) => {
                    invited_by(tx.view(), id, &name)?;
                    people::accept(tx, id, &hash)?;
                    id
                }
                None => {
                    let id = AccountId::from_parts(now().unix_millis(), &random()?);
                    people::create(tx, id, &name, &hash, rank)?;
                    id
                }
            };
            devices::insert(tx, id, &device)?;
            let by = By { actor: Actor::Person(id, device.id), place: Some(from) };
            for channel in channels {
                let Some(channel) = may_enter(tx.view(), channel, id, maker)? else { continue };
                members::set(tx, channel, id, true)?;
                let act = Act::new(Class::Channel, "channel.person_added", Target::Channel(channel.id));
                audit::record(tx, by, act.after(format!("person:{id}")))?;
            }
            audit::record(tx, by, Act::new(Class::Account, "account.joined", Target::Person(id)).after(rank.name()))?;
            audit::record(tx, by, Act::new(Class::Device, "device.enrolled", Target::Device(device.id)))?;
            me(&own, tx.view(), id, device.id)
        })
        .await
}

/// A channel that an invite is into, if whoever made it could let somebody in still: one that was wiped or archived meanwhile
/// is nobody's to give, and a private one only theirs who are in it. Nor is one that whoever comes is banned from.
fn may_enter(
    view: View<'_>,
    id: ChannelId,
    person: AccountId,
    maker: Option<AccountId>,
) -> Result<Option<channels::Channel>, Fail> {
    let Some(channel) = channels::find(view, id)? else { return Ok(None) };
    if bans::stands(view, id, person)? {
        return Ok(None);
    }
    let theirs = match maker {
        Some(maker) => channel.kind == ChannelKind::Public || members::is(view, id, maker)?,
        None => true,
    };
    Ok((theirs && !channel.archived && !channels::is_wiped(view, id)?).then_some(channel))
}

/// An account that was invited by name is theirs who have that name.
fn invited_by(view: View<'_>, person: AccountId, name: &str) -> Result<(), Fail> {
    let known = people::row(view, person)?.name;
    if people::fold(&known) == people::fold(name) {
        return Ok(());
    }
    Err(Fail::bad_input("This invite is for another name", format!("it is for {known}"), "join by that name"))
}

async fn sign_in(workspace: &Arc<Workspace>, device: New, proof: Proof) -> Result<Me, Fail> {
    let (own, from) = (workspace.clone(), proof.from);
    auth::prove(workspace, proof, move |tx, person| match devices::by_key(tx.view(), &device.key)? {
        None => {
            bounds::devices(tx.view(), person)?;
            devices::insert(tx, person, &device)?;
            let by = By { actor: Actor::Person(person, device.id), place: Some(from) };
            audit::record(tx, by, Act::new(Class::Device, "device.enrolled", Target::Device(device.id)))?;
            me(&own, tx.view(), person, device.id)
        }
        Some((id, of)) if of == person => {
            let good = reach::standing(tx.view(), id)?.is_some_and(|standing| standing.good);
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
pub async fn sign_in_browser(workspace: &Arc<Workspace>, params: SignInParams, browser: Browser) -> Result<Me, Fail> {
    let SignInParams { name, password, code, reset } = params;
    let id = DeviceId::from_parts(now().unix_millis(), &random()?);
    let Browser { agent, address, before, known_by, token_hash, known_hash } = browser;
    let session = browsers::New { id, token_hash, agent, address: address.to_string() };
    let secret = match reset {
        Some(reset) => Secret::Reset(reset, password),
        None => Secret::Password(password),
    };
    let proof = Proof {
        claim: Claim::Name(name),
        with: known_by.map_or(With::Nothing, With::Browser),
        from: address,
        secret,
        code,
        by: By::stranger(address),
    };
    let own = workspace.clone();
    auth::prove(workspace, proof, move |tx, person| {
        let by = By { actor: Actor::Person(person, id), place: Some(address) };
        if let Some(before) = before {
            devices::revoke(tx, before)?;
            audit::record(tx, by, Act::new(Class::Access, "device.signed_out", Target::Device(before)))?;
        }
        browsers::insert(tx, person, &session, now())?;
        known::insert(tx, person, &known_hash, known_by.as_ref(), now())?;
        audit::record(tx, by, Act::new(Class::Access, "session.begun", Target::Device(id)))?;
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
    /// The hash of the cookie by which accounts may know it.
    pub known_by: Option<[u8; 32]>,
    /// The hash of the token of its session to be.
    pub token_hash: [u8; 32],
    /// The hash of the cookie by which this account is to know it.
    pub known_hash: [u8; 32],
}

fn me(workspace: &Workspace, view: View<'_>, person: AccountId, device: DeviceId) -> Result<Me, Fail> {
    let powers = reach::standing(view, device)?.map_or(Powers::NONE, |standing| standing.powers);
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

pub(super) fn random() -> Result<[u8; 10], Fail> {
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
