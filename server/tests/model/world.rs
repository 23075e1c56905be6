//! What must be so: a small world of people, channels, groups and roles, and what follows from it, worked out anew each time
//! without any of the server's shortcuts.

use std::collections::{BTreeMap, BTreeSet};
use thechatapp_protocol::event::Visibility;
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::{AccountId, ChannelId, GroupId, RoleId};
use thechatapp_server::gate::Caller;

/// How many of each there are.
pub const PEOPLE: usize = 4;
pub const CHANNELS: usize = 3;
pub const GROUPS: usize = 3;
pub const ROLES: usize = 3;
/// How many people come by invites, at most.
pub const NEWCOMERS: usize = 2;

#[derive(Clone, Debug)]
pub struct Somebody {
    pub id: AccountId,
    pub caller: Caller,
    /// Where they write to themselves.
    pub notes: ChannelId,
    pub rank: Rank,
    pub active: bool,
    pub roles: BTreeSet<usize>,
    /// Roles, and the circle within which each counts.
    pub scoped: BTreeSet<(usize, usize)>,
}

#[derive(Clone, Debug)]
pub struct Room {
    pub id: ChannelId,
    pub public: bool,
    pub archived: bool,
    /// Who is in it by themselves.
    pub own: BTreeSet<usize>,
    /// Who was in it a moment ago: into an archived one nobody else comes by a group.
    pub inside: BTreeSet<usize>,
    pub banned: BTreeSet<usize>,
    pub moderators: BTreeSet<usize>,
    /// Who ever was in it.
    pub ever: BTreeSet<usize>,
    /// What was said, in its order.
    pub said: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Circle {
    pub id: GroupId,
    pub visibility: Visibility,
    pub people: BTreeSet<usize>,
    pub groups: BTreeSet<usize>,
    pub rooms: BTreeSet<usize>,
    pub roles: BTreeSet<usize>,
    /// Roles, and the circle within which each counts.
    pub scoped: BTreeSet<(usize, usize)>,
    pub managers: BTreeSet<usize>,
}

#[derive(Clone, Debug)]
pub struct Invite {
    pub code: String,
    pub rank: Rank,
    pub maker: usize,
    pub room: usize,
    pub used: bool,
}

#[derive(Clone, Debug)]
pub struct World {
    pub people: Vec<Somebody>,
    pub rooms: Vec<Room>,
    pub circles: Vec<Circle>,
    pub roles: Vec<(RoleId, Powers)>,
    pub invites: Vec<Invite>,
}

impl World {
    pub fn in_circle(&self, person: usize, circle: usize) -> bool {
        let circle = &self.circles[circle];
        circle.people.contains(&person) || circle.groups.iter().any(|inner| self.in_circle(person, *inner))
    }

    /// Whether one circle is, or lies in, another.
    pub fn lies_in(&self, inner: usize, outer: usize) -> bool {
        inner == outer || self.circles[outer].groups.iter().any(|next| self.lies_in(inner, *next))
    }

    /// Whether a group holds somebody in a room.
    pub fn is_held(&self, person: usize, room: usize) -> bool {
        (0..GROUPS).any(|circle| self.circles[circle].rooms.contains(&room) && self.in_circle(person, circle))
    }

    pub fn is_in(&self, person: usize, room: usize) -> bool {
        let at = &self.rooms[room];
        let held = self.is_held(person, room) && (!at.archived || at.inside.contains(&person));
        !at.banned.contains(&person) && (at.own.contains(&person) || held)
    }

    pub fn is_guest(&self, person: usize) -> bool {
        self.people[person].rank == Rank::Guest
    }

    pub fn reads(&self, person: usize, room: usize) -> bool {
        self.is_in(person, room) || self.rooms[room].public && !self.is_guest(person)
    }

    /// Whether somebody may let themselves in.
    pub fn lets_join(&self, person: usize, room: usize) -> bool {
        self.rooms[room].public && !self.is_guest(person)
    }

    pub fn powers(&self, person: usize) -> Powers {
        if self.is_guest(person) {
            return Powers::NONE;
        }
        let somebody = &self.people[person];
        let own = somebody.roles.iter();
        let given = (0..GROUPS).filter(|circle| self.in_circle(person, *circle));
        own.chain(given.flat_map(|circle| &self.circles[circle].roles))
            .fold(somebody.rank.powers(), |all, role| all.or(self.roles[*role].1))
    }

    /// What somebody may do within each circle, besides.
    pub fn within(&self, person: usize) -> BTreeMap<usize, Powers> {
        let mut all = BTreeMap::new();
        if self.is_guest(person) {
            return all;
        }
        let own = self.people[person].scoped.iter();
        let given = (0..GROUPS).filter(|circle| self.in_circle(person, *circle));
        for (role, circle) in own.chain(given.flat_map(|circle| &self.circles[circle].scoped)) {
            let powers: &mut Powers = all.entry(*circle).or_default();
            *powers = powers.or(self.roles[*role].1);
        }
        all
    }

    /// The same, as a device is told it.
    pub fn told_within(&self, person: usize) -> BTreeMap<GroupId, Powers> {
        self.within(person).into_iter().map(|(circle, powers)| (self.circles[circle].id, powers)).collect()
    }

    /// All that comes with being in a circle, by roles given to it and to those it lies in.
    pub fn given(&self, circle: usize) -> Powers {
        let above = (0..GROUPS).filter(|outer| self.lies_in(circle, *outer)).map(|outer| &self.circles[outer]);
        above
            .flat_map(|outer| outer.roles.iter().chain(outer.scoped.iter().map(|(role, _)| role)))
            .fold(Powers::NONE, |all, role| all.or(self.roles[*role].1))
    }

    /// All that others have over whoever is in a circle.
    pub fn exposed(&self, circle: usize) -> Powers {
        let people = self.people.iter().flat_map(|somebody| &somebody.scoped);
        people
            .chain(self.circles.iter().flat_map(|circle| &circle.scoped))
            .filter(|(_, within)| self.lies_in(circle, *within))
            .fold(Powers::NONE, |all, (role, _)| all.or(self.roles[*role].1))
    }

    pub fn manages(&self, person: usize, circle: usize) -> bool {
        !self.is_guest(person)
            && (self.powers(person).has(Power::Users) || self.circles[circle].managers.contains(&person))
    }

    /// Whether somebody looks after a room.
    pub fn moderates(&self, person: usize, room: usize) -> bool {
        let scoped = || {
            let mut within = self.within(person).into_iter();
            within.any(|(circle, powers)| powers.has(Power::Directory) && self.circles[circle].rooms.contains(&room))
        };
        self.reads(person, room)
            && !self.is_guest(person)
            && (self.rooms[room].moderators.contains(&person) || self.powers(person).has(Power::Directory) || scoped())
    }

    /// Whether somebody looks after another person's account: by a power that reaches them, and with all that the other holds.
    pub fn looks_after(&self, person: usize, other: usize) -> bool {
        let (powers, within) = (self.powers(person), self.within(person));
        let reaches = powers.has(Power::Users)
            || within.iter().any(|(circle, powers)| powers.has(Power::Users) && self.in_circle(other, *circle));
        let covers = self
            .within(other)
            .into_iter()
            .all(|(circle, theirs)| powers.or(within.get(&circle).copied().unwrap_or_default()).holds(theirs));
        reaches && powers.holds(self.powers(other)) && covers
    }

    /// Whether an invite lets somebody in.
    pub fn lets_in(&self, invite: &Invite) -> bool {
        let maker = &self.people[invite.maker];
        !invite.used
            && maker.active
            && self.powers(invite.maker).has(Power::Users)
            && maker.rank as u8 <= invite.rank as u8
    }

    pub fn sees_circle(&self, person: usize, circle: usize) -> bool {
        self.in_circle(person, circle)
            || !self.is_guest(person)
                && (self.circles[circle].visibility != Visibility::Hidden || self.manages(person, circle))
    }

    /// Whether a guest sees somebody; everybody else sees everybody.
    pub fn sees_person(&self, person: usize, other: usize) -> bool {
        !self.is_guest(person)
            || person == other
            || (0..CHANNELS).any(|room| self.is_in(person, room) && self.rooms[room].ever.contains(&other))
    }

    /// Notes who is where, and who looks after what still.
    pub fn remember(&mut self) {
        let guests: BTreeSet<_> = (0..self.people.len()).filter(|person| self.is_guest(*person)).collect();
        for room in 0..CHANNELS {
            let inside: BTreeSet<_> = (0..self.people.len()).filter(|person| self.is_in(*person, room)).collect();
            let room = &mut self.rooms[room];
            room.ever.extend(&inside);
            room.moderators.retain(|person| inside.contains(person) && !guests.contains(person));
            room.inside = inside;
        }
        for circle in &mut self.circles {
            circle.managers.retain(|person| !guests.contains(person));
        }
    }

    pub fn room_of(&self, id: ChannelId) -> Option<usize> {
        self.rooms.iter().position(|room| room.id == id)
    }

    pub fn person_of(&self, id: AccountId) -> Option<usize> {
        self.people.iter().position(|person| person.id == id)
    }
}
