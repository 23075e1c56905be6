//! What must be so: a small world of people, channels, groups and roles, and what follows from it, worked out anew each time
//! without any of the server's shortcuts.

use std::collections::BTreeSet;
use thechatapp_protocol::event::Visibility;
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::{AccountId, ChannelId, GroupId, RoleId};
use thechatapp_server::gate::Caller;

/// How many of each there are.
pub const PEOPLE: usize = 4;
pub const CHANNELS: usize = 3;
pub const GROUPS: usize = 3;
pub const ROLES: usize = 2;

#[derive(Clone, Debug)]
pub struct Somebody {
    pub id: AccountId,
    pub caller: Caller,
    /// Where they write to themselves.
    pub notes: ChannelId,
    pub rank: Rank,
    pub active: bool,
    pub roles: BTreeSet<usize>,
}

#[derive(Clone, Debug)]
pub struct Room {
    pub id: ChannelId,
    pub public: bool,
    /// Who is in it by themselves.
    pub own: BTreeSet<usize>,
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
}

#[derive(Clone, Debug)]
pub struct World {
    pub people: Vec<Somebody>,
    pub rooms: Vec<Room>,
    pub circles: Vec<Circle>,
    pub roles: Vec<(RoleId, Powers)>,
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
        self.rooms[room].own.contains(&person) || self.is_held(person, room)
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

    pub fn sees_circle(&self, person: usize, circle: usize) -> bool {
        self.in_circle(person, circle)
            || !self.is_guest(person)
                && (self.circles[circle].visibility != Visibility::Hidden || self.powers(person).has(Power::Users))
    }

    /// Whether a guest sees somebody; everybody else sees everybody.
    pub fn sees_person(&self, person: usize, other: usize) -> bool {
        !self.is_guest(person)
            || person == other
            || (0..CHANNELS).any(|room| self.is_in(person, room) && self.rooms[room].ever.contains(&other))
    }

    /// Notes who is where.
    pub fn remember(&mut self) {
        for room in 0..CHANNELS {
            for person in 0..PEOPLE {
                if self.is_in(person, room) {
                    self.rooms[room].ever.insert(person);
                }
            }
        }
    }

    pub fn room_of(&self, id: ChannelId) -> Option<usize> {
        self.rooms.iter().position(|room| room.id == id)
    }

    pub fn person_of(&self, id: AccountId) -> Option<usize> {
        self.people.iter().position(|person| person.id == id)
    }
}
