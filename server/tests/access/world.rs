//! Everybody there can be, and a world around each of them to ask about.

use crate::support::{channel_id, message_id};
use ed25519_dalek::SigningKey;
use thechatapp_protocol::event::{ChannelKind, ChannelRole, Visibility};
use thechatapp_protocol::methods::groups::GroupParams;
use thechatapp_protocol::methods::polls::CreatePollParams;
use thechatapp_protocol::methods::roles::{Grant, Holder, Role};
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::session::DevicePublic;
use thechatapp_protocol::{AccountId, ChannelId, DeviceId, GroupId, MessageId, RoleId};
use thechatapp_server::error::Fail;
use thechatapp_server::gate::Caller;
use thechatapp_server::store::messages::Ready;
use thechatapp_server::store::{Tx, channels, devices, groups, members, messages, people, roles};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum In {
    No,
    Yes,
    /// Only because a group they are in is linked to the channel.
    ByGroup,
    Moderator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Good,
    Suspended,
    Revoked,
    Stale,
}

/// Who asks, and how they stand to what they ask about.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    pub rank: Rank,
    /// By a role, over everything.
    pub power: Option<Power>,
    /// By a role within the group.
    pub within: Option<Power>,
    pub kind: ChannelKind,
    pub channel: In,
    /// Whether they wrote the message and the poll.
    pub author: bool,
    pub visibility: Visibility,
    pub inside: bool,
    pub manages: bool,
    /// Whether the group holds the person asked about, and the channel.
    pub holds: bool,
    pub state: State,
}

pub const SOMEBODY: Subject = Subject {
    rank: Rank::Member,
    power: None,
    within: None,
    kind: ChannelKind::Private,
    channel: In::No,
    author: false,
    visibility: Visibility::Public,
    inside: false,
    manages: false,
    holds: false,
    state: State::Good,
};

pub fn subjects() -> Vec<Subject> {
    let mut all = Vec::new();
    for rank in Rank::EACH {
        for kind in [ChannelKind::Public, ChannelKind::Private] {
            for (channel, author) in
                [(In::No, false), (In::No, true), (In::Yes, false), (In::Yes, true), (In::Moderator, false)]
            {
                if (rank, channel) != (Rank::Guest, In::Moderator) {
                    all.push(Subject { rank, kind, channel, author, ..SOMEBODY });
                }
            }
        }
        let inside = Subject { rank, inside: true, ..SOMEBODY };
        all.push(inside);
        all.push(Subject { channel: In::ByGroup, holds: true, ..inside });
        for visibility in [Visibility::Private, Visibility::Hidden] {
            all.push(Subject { rank, visibility, ..SOMEBODY });
            all.push(Subject { visibility, ..inside });
            if rank != Rank::Guest {
                all.push(Subject { rank, visibility, manages: true, channel: In::Moderator, ..SOMEBODY });
            }
        }
    }
    for power in Power::EACH {
        let power = Some(power);
        all.push(Subject { power, ..SOMEBODY });
        all.push(Subject { power, kind: ChannelKind::Public, channel: In::Yes, ..SOMEBODY });
        all.push(Subject { power, visibility: Visibility::Hidden, ..SOMEBODY });
        // A guest's roles sleep.
        all.push(Subject { power, within: power, rank: Rank::Guest, holds: true, channel: In::Yes, ..SOMEBODY });
        for (within, holds) in [(power, true), (power, false)] {
            all.push(Subject { within, holds, kind: ChannelKind::Public, ..SOMEBODY });
            all.push(Subject { within, holds, ..SOMEBODY });
        }
    }
    for state in [State::Suspended, State::Revoked, State::Stale] {
        all.push(Subject { state, channel: In::Moderator, author: true, rank: Rank::Manager, ..SOMEBODY });
        all.push(Subject { state, kind: ChannelKind::Public, power: Some(Power::Roles), ..SOMEBODY });
    }
    all
}

/// What there is to ask about.
#[derive(Clone, Copy)]
pub struct World {
    pub caller: Caller,
    pub channel: ChannelId,
    pub message: MessageId,
    pub doomed: MessageId,
    pub poll: MessageId,
    pub group: GroupId,
    pub role: RoleId,
    pub target: AccountId,
}

pub fn fresh<T>(from: impl Fn([u8; 16]) -> T) -> T {
    from(*message_id().as_bytes())
}

pub fn person(tx: &mut Tx<'_>, rank: Rank) -> Result<AccountId, Fail> {
    let id = fresh(AccountId::from_bytes);
    people::create(tx, id, &format!("p{id}"), "x", rank)?;
    // Nobody's: what is no hash does not open.
    people::set_password(tx, id, None)?;
    Ok(id)
}

pub fn role(tx: &mut Tx<'_>, powers: Powers) -> Result<RoleId, Fail> {
    let id = fresh(RoleId::from_bytes);
    roles::create(tx, &Role { id, name: format!("r{id}"), powers })?;
    Ok(id)
}

/// Makes a world around somebody.
pub fn build(tx: &mut Tx<'_>, s: Subject) -> Result<World, Fail> {
    // The world before is asked nothing more, and a workspace has so many roles at most.
    tx.db.execute_batch("DELETE FROM grants; DELETE FROM roles")?;
    let (me, owner, target) = (person(tx, s.rank)?, person(tx, Rank::Member)?, person(tx, Rank::Member)?);
    let id = channel_id();
    let channel = channels::create(tx, id, &format!("c{id}"), s.kind, Some(owner), false)?;
    members::set(tx, channel, owner, true)?;
    members::set(tx, channel, target, true)?;
    let author = if s.author { me } else { owner };
    let send = |tx: &mut Tx<'_>, ready: Ready| messages::send(tx, channel, ready, None).map(drop);
    let [message, doomed, poll] = [message_id(), message_id(), message_id()];
    for id in [message, doomed] {
        let ready = Ready::new(tx.keyring, author, channel.id, id, None, "said".into(), Vec::new())?;
        send(tx, ready)?;
    }
    let options = vec!["a".to_owned(), "b".to_owned()];
    let ask = CreatePollParams { id: poll, channel: id, question: "?".into(), options, multiple: false };
    let ready = Ready::poll(tx.keyring, author, ask)?;
    send(tx, ready)?;
    let group = fresh(GroupId::from_bytes);
    let slug = format!("g{}", &group.to_string().replace('-', "")[12..]);
    groups::create(tx, &GroupParams { id: group, slug, name: "g".into(), visibility: s.visibility })?;
    if s.inside {
        groups::add(tx, group, Holder::Person(me))?;
    }
    if s.manages {
        groups::set_manager(tx, group, me, true)?;
    }
    if s.holds {
        groups::add(tx, group, Holder::Person(target))?;
        groups::link(tx, group, id)?;
    }
    if matches!(s.channel, In::Yes | In::Moderator) {
        members::set(tx, channel, me, true)?;
    }
    if s.channel == In::Moderator {
        members::set_role(tx, channel, me, ChannelRole::Moderator)?;
    }
    for (power, within) in [(s.power, None), (s.within, Some(group))] {
        if let Some(power) = power {
            let role = role(tx, Powers::NONE.with(power))?;
            roles::set(tx, &Grant { role, to: Holder::Person(me), within }, true)?;
        }
    }
    let device = fresh(DeviceId::from_bytes);
    let mut key = [0; 32];
    key[..16].copy_from_slice(device.as_bytes());
    let new = devices::New {
        id: device,
        key: DevicePublic(key),
        signing_key: SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes(),
        name: "device".into(),
        platform: "linux".into(),
    };
    devices::insert(tx, me, &new)?;
    match s.state {
        State::Good => {}
        State::Suspended => {
            tx.db.execute("UPDATE people SET active = 0 WHERE id = ?1", [me.as_bytes()])?;
        }
        State::Revoked => {
            devices::revoke(tx, device)?;
        }
        State::Stale => {
            tx.db.execute("UPDATE devices SET fresh = 0 WHERE id = ?1", [device.as_bytes()])?;
        }
    }
    let caller = Caller { person: me, device, from: [127, 0, 0, 1].into(), replaced: false };
    let role = role(tx, Powers::NONE)?;
    Ok(World { caller, channel: id, message, doomed, poll, group, role, target })
}
