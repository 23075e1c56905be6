//! The gate: who may do what. A handler gets at the database only with a [`Permit`] for its own method, and only the gate
//! makes one, inside the same transaction in which the handler works: what was allowed is still so when it is written.
//!
//! What the caller may not see is refused as not found.

use crate::error::Fail;
use crate::store::audit::By;
use crate::store::channels::Channel;
use crate::store::{View, channels, devices, members, messages, people, settings};
use crate::time::now;
use std::marker::PhantomData;
use std::net::IpAddr;
use thechatapp_protocol::audit::Actor;
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::permission::{Powers, Rank};
use thechatapp_protocol::settings::FRESH_MINUTES;
use thechatapp_protocol::{Access, AccountId, ChannelId, Code, DeviceId, ErrorBody, MessageId, Method, Scope};

/// Who calls: an enrolled device, as the session found it when it began, or a browser by its cookie, as the request found
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose device.
    pub person: AccountId,
    /// Which. A browser's session has an id as devices have.
    pub device: DeviceId,
    /// From which address.
    pub from: IpAddr,
}

/// Proof that the caller may use this method on what it touches, now.
#[derive(Debug)]
pub struct Permit<M: Method> {
    caller: Caller,
    powers: Powers,
    rank: Rank,
    place: Place,
    method: PhantomData<fn() -> M>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Workspace,
    Channel(Channel),
    Message(Channel, i64),
    Person,
}

impl<M: Method> Permit<M> {
    /// Who calls.
    pub fn person(&self) -> AccountId {
        self.caller.person
    }

    /// On which device.
    pub fn device(&self) -> DeviceId {
        self.caller.device
    }

    /// With which powers.
    pub fn powers(&self) -> Powers {
        self.powers
    }

    /// As what.
    pub fn rank(&self) -> Rank {
        self.rank
    }

    /// Who acts, for the audit log.
    pub fn by(&self) -> By {
        let Caller { person, device, from } = self.caller;
        By { actor: Actor::Person(person, device), place: Some(from) }
    }

    /// The channel in scope.
    ///
    /// # Errors
    /// When the method's scope is no channel, which is a fault in its declaration.
    pub fn channel(&self) -> Result<Channel, Fail> {
        match self.place {
            Place::Channel(channel) | Place::Message(channel, _) => Ok(channel),
            Place::Workspace | Place::Person => Err(Fail::Broken("a method without a channel in scope")),
        }
    }

    /// The place of the message in scope.
    ///
    /// # Errors
    /// When the method's scope is no message, which is a fault in its declaration.
    pub fn message(&self) -> Result<i64, Fail> {
        match self.place {
            Place::Message(_, place) => Ok(place),
            _ => Err(Fail::Broken("a method without a message in scope")),
        }
    }
}

/// Decides.
///
/// # Errors
/// Signed out, not found or denied.
pub fn permit<M: Method>(view: View<'_>, caller: Caller, scope: Scope) -> Result<Permit<M>, Fail> {
    let standing = devices::standing(view, caller.device)?.ok_or_else(Fail::signed_out)?;
    if !standing.good || standing.person != caller.person {
        return Err(Fail::signed_out());
    }
    let person = standing.person;
    if M::FRESH {
        let minutes = settings::number(view, FRESH_MINUTES)?;
        if standing.fresh.unix_millis().saturating_add(minutes * 60_000) <= now().unix_millis() {
            return Err(not_fresh(minutes));
        }
    }
    let place = match (M::ACCESS, scope) {
        // Enrolment and sign-in have their own ways in: who is signed in already does not take them.
        (Access::Device | Access::Anyone, _) => return Err(Fail::denied("this device is enrolled already")),
        (Access::SignedIn, Scope::Workspace) => Place::Workspace,
        (Access::SignedIn, Scope::Person(person)) => {
            people::row(view, person)?;
            Place::Person
        }
        (Access::SignedIn | Access::Reader, Scope::Channel(id)) => Place::Channel(readable(view, person, id)?),
        (Access::Member, Scope::Channel(id)) => Place::Channel(joined(view, person, id)?),
        (Access::SignedIn | Access::Reader, Scope::Message(id, message)) => {
            let channel = readable(view, person, id)?;
            Place::Message(channel, existing(view, channel, message)?.0)
        }
        (Access::Member, Scope::Message(id, message)) => {
            let channel = joined(view, person, id)?;
            Place::Message(channel, existing(view, channel, message)?.0)
        }
        (Access::Author, Scope::Message(id, message)) => {
            let channel = joined(view, person, id)?;
            match messages::find_by(view, channel, message, person)? {
                Some(place) => Place::Message(channel, place),
                None => {
                    existing(view, channel, message)?;
                    return Err(Fail::denied("only its author may change a message"));
                }
            }
        }
        (Access::Power(power), scope) => {
            if !standing.powers.has(power) {
                return Err(Fail::denied("you lack the power for it"));
            }
            match scope {
                Scope::Workspace => Place::Workspace,
                Scope::Person(person) => {
                    people::row(view, person)?;
                    Place::Person
                }
                Scope::Channel(id) => Place::Channel(readable(view, person, id)?),
                Scope::Message(id, message) => {
                    let channel = readable(view, person, id)?;
                    Place::Message(channel, existing(view, channel, message)?.0)
                }
            }
        }
        (Access::Reader | Access::Member | Access::Author, _) => {
            return Err(Fail::Broken("a method whose access does not fit its scope"));
        }
    };
    let caller = Caller { person, ..caller };
    Ok(Permit { caller, powers: standing.powers, rank: standing.rank, place, method: PhantomData })
}

fn not_fresh(minutes: u64) -> Fail {
    ErrorBody::new(
        Code::StepUp,
        "This wants a fresh sign-in",
        format!("whoever does it has to have proved who they are within the last {minutes} minutes"),
        "confirm your password and try again",
    )
    .into()
}

/// Looks for both, whatever the first says: what is hidden takes as long as what is not there.
fn readable(view: View<'_>, person: AccountId, id: ChannelId) -> Result<Channel, Fail> {
    let (found, joined) = (channels::find(view, id)?, members::is(view, id, person)?);
    found
        .filter(|channel| channel.kind == ChannelKind::Public || joined)
        .ok_or_else(|| Fail::not_found("No such channel"))
}

fn joined(view: View<'_>, person: AccountId, id: ChannelId) -> Result<Channel, Fail> {
    let channel = readable(view, person, id)?;
    if members::is(view, id, person)? { Ok(channel) } else { Err(Fail::denied("you are not in this channel")) }
}

fn existing(view: View<'_>, channel: Channel, id: MessageId) -> Result<(i64, AccountId), Fail> {
    messages::find(view, channel, id)?.ok_or_else(|| Fail::not_found("No such message"))
}

#[cfg(test)]
mod tests;
