//! The gate: who may do what. A handler gets at the database only with a [`Permit`] for its own method, and only the gate
//! makes one, inside the same transaction in which the handler works: what was allowed is still so when it is written.
//!
//! What the caller may not see is refused as not found.

use crate::error::Fail;
use crate::store::audit::By;
use crate::store::channels::Channel;
use crate::store::reach::{self, Reached, ToChannel};
use crate::store::{View, groups, guests, messages, rights, settings};
use crate::time::now;
use std::marker::PhantomData;
use std::net::IpAddr;
use thechatapp_protocol::audit::Actor;
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::settings::FRESH_MINUTES;
use thechatapp_protocol::{Access, AccountId, Code, DeviceId, ErrorBody, MessageId, Method, Scope, Timestamp};

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
    /// Whether a browser came with a token that was replaced: then what was proved in its session does not count.
    pub replaced: bool,
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
    Group,
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

    /// Who calls, as one who looks at groups.
    pub fn looker(&self) -> groups::Looker {
        groups::Looker { person: self.caller.person, rank: self.rank, powers: self.powers }
    }

    /// Who acts, for the audit log.
    pub fn by(&self) -> By {
        let Caller { person, device, from, .. } = self.caller;
        By { actor: Actor::Person(person, device), place: Some(from) }
    }

    /// The channel in scope.
    ///
    /// # Errors
    /// When the method's scope is no channel, which is a fault in its declaration.
    pub fn channel(&self) -> Result<Channel, Fail> {
        match self.place {
            Place::Channel(channel) | Place::Message(channel, _) => Ok(channel),
            Place::Workspace | Place::Person | Place::Group => Err(Fail::Broken("a method without a channel in scope")),
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
    let over = match M::ACCESS {
        Access::Power(power) => Some(power),
        Access::Moderator => Some(Power::Directory),
        _ => None,
    };
    let found = reach::of_caller(view, caller.device, scope, over)?;
    let (standing, reached) = found.ok_or_else(Fail::signed_out)?;
    if !standing.good || standing.person != caller.person {
        return Err(Fail::signed_out());
    }
    let person = standing.person;
    if M::FRESH {
        is_fresh(view, caller, standing.fresh)?;
    }
    let who = groups::Looker { person, rank: standing.rank, powers: standing.powers };
    let asker = Asker { who, reached };
    let place = match M::ACCESS {
        // Enrolment and sign-in have their own ways in: who is signed in already does not take them.
        Access::Device | Access::Anyone => return Err(Fail::denied("this device is enrolled already")),
        Access::SignedIn | Access::Reader => asker.place(view, scope)?,
        Access::Member => asker.joined(view, scope)?,
        Access::Insider => {
            let place = if scope == Scope::Workspace { Place::Workspace } else { asker.joined(view, scope)? };
            if standing.rank == Rank::Guest {
                return Err(Fail::denied("a guest cannot do this"));
            }
            place
        }
        Access::Author => match (asker.joined(view, scope)?, scope) {
            (Place::Message(channel, _), Scope::Message(_, message)) => {
                let own = messages::find_by(view, channel, message, person)?;
                Place::Message(channel, own.ok_or_else(|| Fail::denied("only its author may change a message"))?)
            }
            _ => return Err(MISFIT),
        },
        Access::Moderator => asker.moderated(view, scope)?,
        Access::GroupManager => match (asker.place(view, scope)?, scope) {
            (Place::Group, Scope::Group(group)) if groups::manages(view, who, group)? => Place::Group,
            (Place::Group, _) => return Err(Fail::denied("only those who manage the group may do this")),
            _ => return Err(MISFIT),
        },
        Access::Power(power) => asker.empowered(view, power, scope)?,
    };
    let caller = Caller { person, ..caller };
    Ok(Permit { caller, powers: standing.powers, rank: standing.rank, place, method: PhantomData })
}

/// Whether the sign-in of whoever calls is fresh: for what only some parameters of a method ask for.
///
/// # Errors
/// Step up where it is not.
pub fn fresh<M: Method>(view: View<'_>, permit: &Permit<M>) -> Result<(), Fail> {
    let standing = reach::standing(view, permit.device())?.ok_or_else(Fail::signed_out)?;
    is_fresh(view, permit.caller, standing.fresh)
}

fn is_fresh(view: View<'_>, caller: Caller, last: Timestamp) -> Result<(), Fail> {
    let minutes = settings::number(view, FRESH_MINUTES)?;
    if !caller.replaced && last.unix_millis().saturating_add(minutes * 60_000) > now().unix_millis() {
        return Ok(());
    }
    Err(ErrorBody::new(
        Code::StepUp,
        "This wants a fresh sign-in",
        format!("whoever does it has to have proved who they are within the last {minutes} minutes"),
        "confirm your password and try again",
    )
    .into())
}

/// Somebody as they ask, and how they stand to what they ask about.
#[derive(Clone, Copy)]
struct Asker {
    who: groups::Looker,
    reached: Reached,
}

const MISFIT: Fail = Fail::Broken("a method whose access does not fit its scope");

impl Asker {
    /// What they may see of what is asked for.
    fn place(self, view: View<'_>, scope: Scope) -> Result<Place, Fail> {
        let Self { who, reached } = self;
        Ok(match (scope, reached) {
            (Scope::Workspace, _) => Place::Workspace,
            (Scope::Channel(_), Reached::Channel(to)) => Place::Channel(self.readable(to)?),
            (Scope::Message(_, message), Reached::Channel(to)) => {
                let channel = self.readable(to)?;
                Place::Message(channel, existing(view, channel, message)?.0)
            }
            (Scope::Person(other), Reached::Person(to)) => {
                let hidden = who.rank == Rank::Guest && !guests::sees(view, who.person, other)?;
                if to.powers.is_none() || hidden {
                    return Err(Fail::not_found("No such person"));
                }
                Place::Person
            }
            (Scope::Group(id), _) if groups::sees(view, who, id)? => Place::Group,
            (Scope::Group(_), _) => return Err(Fail::not_found("No such group")),
            _ => return Err(MISFIT),
        })
    }

    fn readable(self, to: ToChannel) -> Result<Channel, Fail> {
        let open = |channel: &Channel| channel.kind == ChannelKind::Public && self.who.rank != Rank::Guest;
        to.channel.filter(|channel| to.joined || open(channel)).ok_or_else(|| Fail::not_found("No such channel"))
    }

    /// As a member of the channel in scope.
    fn joined(self, view: View<'_>, scope: Scope) -> Result<Place, Fail> {
        let Reached::Channel(to) = self.reached else { return Err(MISFIT) };
        let channel = to.channel.ok_or_else(|| Fail::not_found("No such channel"))?;
        if !to.joined {
            // Whether there is a channel at all is not said to those who may not read it.
            return Err(match channel.kind {
                ChannelKind::Public if self.who.rank != Rank::Guest => Fail::denied("you are not in this channel"),
                _ => Fail::not_found("No such channel"),
            });
        }
        Ok(match scope {
            Scope::Message(_, message) => Place::Message(channel, existing(view, channel, message)?.0),
            _ => Place::Channel(channel),
        })
    }

    /// As one who looks after the channel in scope.
    fn moderated(self, view: View<'_>, scope: Scope) -> Result<Place, Fail> {
        let Reached::Channel(to) = self.reached else { return Err(MISFIT) };
        let place = self.place(view, scope)?;
        let may = self.who.rank != Rank::Guest && (to.moderates || self.who.powers.has(Power::Directory) || to.over);
        if may { Ok(place) } else { Err(Fail::denied("only its moderators may do this to a channel")) }
    }

    /// By a power: over everything, or within a group.
    fn empowered(self, view: View<'_>, power: Power, scope: Scope) -> Result<Place, Fail> {
        let Self { who, reached } = self;
        let over = match reached {
            Reached::Channel(to) => to.over,
            Reached::Person(to) => to.over,
            Reached::Nothing => false,
        };
        if !who.powers.has(power) && (who.rank == Rank::Guest || !over) {
            return Err(Fail::denied("you lack the power for it"));
        }
        let place = self.place(view, scope)?;
        if let Scope::Person(other) = scope
            && !rights::covers(view, who.person, who.powers, other)?
        {
            return Err(Fail::denied("they hold powers that you do not"));
        }
        Ok(place)
    }
}

fn existing(view: View<'_>, channel: Channel, id: MessageId) -> Result<(i64, AccountId), Fail> {
    messages::find(view, channel, id)?.ok_or_else(|| Fail::not_found("No such message"))
}

#[cfg(test)]
mod tests;
