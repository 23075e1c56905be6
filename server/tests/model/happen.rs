//! What can happen, on the server and in the model.

use super::world::{CHANNELS, GROUPS, NEWCOMERS, PEOPLE, ROLES, World};
use super::{Case, ask, params};
use crate::support::message_id;
use proptest::prelude::*;
use thechatapp_protocol::event::Visibility;
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::groups::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::roles::*;
use thechatapp_protocol::permission::{Power, Rank};
use thechatapp_protocol::{AccountId, ChannelId};
use thechatapp_server::error::Fail;
use thechatapp_server::store::{Tx, channels, groups, members};

/// How many kinds of what happens there are.
pub const KINDS: usize = 36;

/// Something that happens. The numbers say to whom and to what.
#[derive(Clone, Debug)]
pub enum Op {
    Send(usize, usize),
    Join(usize, usize),
    Leave(usize, usize),
    Add(usize, usize, usize),
    PutOut(usize, usize),
    IntoGroup(usize, usize),
    OutOfGroup(usize, usize),
    Nest(usize, usize),
    Unnest(usize, usize),
    Link(usize, usize),
    Unlink(usize, usize),
    Rank(usize, Rank),
    Grant(usize, usize),
    GrantGroup(usize, usize),
    Take(usize, usize),
    TakeGroup(usize, usize),
    Show(usize, Visibility),
    Suspend(usize),
    Restore(usize),
    Reconnect(usize),
    Manage(usize, usize),
    Unmanage(usize, usize),
    ManagerAdds(usize, usize, usize),
    ManagerRemoves(usize, usize, usize),
    GrantWithin(usize, usize, usize),
    TakeWithin(usize, usize, usize),
    GrantGroupWithin(usize, usize, usize),
    TakeGroupWithin(usize, usize, usize),
    LookAt(usize, usize),
    Moderate(usize, usize),
    Ban(usize, usize, usize),
    Unban(usize, usize, usize),
    Open(usize, usize, bool),
    Archive(usize, bool),
    Invite(usize, usize, Rank),
    Come(usize),
}

/// What was there from the first.
fn plain() -> impl Strategy<Value = Op> {
    let (p, c, g, r) = (0..2 * MAY, 0..CHANNELS, 0..GROUPS, 0..ROLES);
    let rank = prop_oneof![Just(Rank::Guest), Just(Rank::Guest), Just(Rank::Member), Just(Rank::Manager)];
    let visibility = prop_oneof![Just(Visibility::Public), Just(Visibility::Private), Just(Visibility::Hidden)];
    prop_oneof![
        6 => (p.clone(), c.clone()).prop_map(|(p, c)| Op::Send(p, c)),
        2 => (p.clone(), c.clone()).prop_map(|(p, c)| Op::Join(p, c)),
        2 => (p.clone(), c.clone()).prop_map(|(p, c)| Op::Leave(p, c)),
        3 => (p.clone(), p.clone(), c.clone()).prop_map(|(p, q, c)| Op::Add(p, q, c)),
        1 => (p.clone(), c.clone()).prop_map(|(p, c)| Op::PutOut(p, c)),
        3 => (g.clone(), p.clone()).prop_map(|(g, p)| Op::IntoGroup(g, p)),
        2 => (g.clone(), p.clone()).prop_map(|(g, p)| Op::OutOfGroup(g, p)),
        2 => (g.clone(), g.clone()).prop_map(|(g, h)| Op::Nest(g, h)),
        1 => (g.clone(), g.clone()).prop_map(|(g, h)| Op::Unnest(g, h)),
        2 => (g.clone(), c.clone()).prop_map(|(g, c)| Op::Link(g, c)),
        1 => (g.clone(), c).prop_map(|(g, c)| Op::Unlink(g, c)),
        3 => (p.clone(), rank).prop_map(|(p, rank)| Op::Rank(p, rank)),
        2 => (r.clone(), p.clone()).prop_map(|(r, p)| Op::Grant(r, p)),
        2 => (r.clone(), g.clone()).prop_map(|(r, g)| Op::GrantGroup(r, g)),
        1 => (r.clone(), p.clone()).prop_map(|(r, p)| Op::Take(r, p)),
        1 => (r, g.clone()).prop_map(|(r, g)| Op::TakeGroup(r, g)),
        2 => (g, visibility).prop_map(|(g, visibility)| Op::Show(g, visibility)),
        1 => p.clone().prop_map(Op::Suspend),
        2 => p.clone().prop_map(Op::Restore),
        2 => p.prop_map(Op::Reconnect),
    ]
}

/// Who looks after what, and what they do with it.
fn care() -> impl Strategy<Value = Op> {
    let (p, c, g, r) = (0..2 * MAY, 0..CHANNELS, 0..GROUPS, 0..ROLES);
    let rank = prop_oneof![Just(Rank::Guest), Just(Rank::Member)];
    prop_oneof![
        2 => (g.clone(), p.clone()).prop_map(|(g, p)| Op::Manage(g, p)),
        1 => (g.clone(), p.clone()).prop_map(|(g, p)| Op::Unmanage(g, p)),
        2 => (p.clone(), g.clone(), p.clone()).prop_map(|(p, g, q)| Op::ManagerAdds(p, g, q)),
        2 => (p.clone(), g.clone(), p.clone()).prop_map(|(p, g, q)| Op::ManagerRemoves(p, g, q)),
        3 => (r.clone(), p.clone(), g.clone()).prop_map(|(r, p, g)| Op::GrantWithin(r, p, g)),
        1 => (r.clone(), p.clone(), g.clone()).prop_map(|(r, p, g)| Op::TakeWithin(r, p, g)),
        2 => (r.clone(), g.clone(), g.clone()).prop_map(|(r, h, g)| Op::GrantGroupWithin(r, h, g)),
        1 => (r, g.clone(), g).prop_map(|(r, h, g)| Op::TakeGroupWithin(r, h, g)),
        3 => (p.clone(), p.clone()).prop_map(|(p, q)| Op::LookAt(p, q)),
        3 => (p.clone(), c.clone()).prop_map(|(p, c)| Op::Moderate(p, c)),
        4 => (p.clone(), p.clone(), c.clone()).prop_map(|(p, q, c)| Op::Ban(p, q, c)),
        2 => (p.clone(), p.clone(), c.clone()).prop_map(|(p, q, c)| Op::Unban(p, q, c)),
        4 => (p.clone(), c.clone(), any::<bool>()).prop_map(|(p, c, public)| Op::Open(p, c, public)),
        1 => (c.clone(), any::<bool>()).prop_map(|(c, on)| Op::Archive(c, on)),
        3 => (p, c, rank).prop_map(|(p, c, rank)| Op::Invite(p, c, rank)),
        6 => (0..2 * MAY).prop_map(Op::Come),
    ]
}

pub fn op() -> impl Strategy<Value = Op> {
    prop_oneof![3 => plain(), 2 => care()]
}

/// Numbers of people from here on mean somebody who may do it, if there is one: else nearly nothing would be let through.
const MAY: usize = PEOPLE + NEWCOMERS;

/// The person of a number: among those who may, where it asks for one.
fn somebody(world: &World, number: usize, may: impl Fn(usize) -> bool) -> usize {
    let able: Vec<_> =
        (0..world.people.len()).filter(|p| number >= MAY && world.people[*p].active && may(*p)).collect();
    if able.is_empty() { number % world.people.len() } else { able[number % able.len()] }
}

impl Op {
    /// With people, and invites, that are there.
    fn in_world(&self, world: &World) -> Self {
        let mut op = self.clone();
        let people = world.people.len();
        match &mut op {
            Self::Add(p, q, c) => {
                *q %= people;
                *p = somebody(world, *p, |p| world.is_in(p, *c) && !world.is_guest(p));
            }
            Self::ManagerAdds(p, g, q) => {
                *q %= people;
                let needed = world.given(*g).or(world.exposed(*g));
                *p = somebody(world, *p, |p| world.manages(p, *g) && world.powers(p).holds(needed));
            }
            Self::ManagerRemoves(p, g, q) => {
                *q %= people;
                *p = somebody(world, *p, |p| world.manages(p, *g) && world.powers(p).holds(world.given(*g)));
            }
            Self::LookAt(p, q) => {
                *q %= people;
                *p = somebody(world, *p, |p| world.looks_after(p, *q));
            }
            Self::Ban(p, q, c) => {
                *q %= people;
                *p = somebody(world, *p, |p| world.moderates(p, *c));
            }
            Self::Unban(p, q, c) => {
                let banned: Vec<_> = world.rooms[*c].banned.iter().copied().collect();
                *q = if *p >= MAY && !banned.is_empty() { banned[*q % banned.len()] } else { *q % people };
                *p = somebody(world, *p, |p| world.moderates(p, *c));
            }
            Self::Open(p, c, _) => *p = somebody(world, *p, |p| world.moderates(p, *c)),
            Self::Invite(p, c, _) => {
                *p = somebody(world, *p, |p| world.powers(p).has(Power::Users) && world.reads(p, *c));
            }
            Self::Send(p, c) | Self::Leave(p, c) | Self::PutOut(p, c) => {
                *p = somebody(world, *p, |p| world.is_in(p, *c));
            }
            Self::Moderate(p, c) => *p = somebody(world, *p, |p| world.is_in(p, *c) && !world.is_guest(p)),
            Self::Join(p, c) => *p = somebody(world, *p, |p| world.reads(p, *c) && !world.is_in(p, *c)),
            Self::IntoGroup(_, p)
            | Self::OutOfGroup(_, p)
            | Self::Rank(p, _)
            | Self::Grant(_, p)
            | Self::Take(_, p)
            | Self::Suspend(p)
            | Self::Restore(p)
            | Self::Reconnect(p)
            | Self::Manage(_, p)
            | Self::Unmanage(_, p)
            | Self::GrantWithin(_, p, _)
            | Self::TakeWithin(_, p, _) => *p %= people,
            Self::Come(i) => {
                let good: Vec<_> = (0..world.invites.len()).filter(|i| world.lets_in(&world.invites[*i])).collect();
                *i = if *i >= MAY && !good.is_empty() { good[*i % good.len()] } else { *i };
            }
            Self::Nest(..)
            | Self::Unnest(..)
            | Self::Link(..)
            | Self::Unlink(..)
            | Self::GrantGroup(..)
            | Self::TakeGroup(..)
            | Self::Show(..)
            | Self::GrantGroupWithin(..)
            | Self::TakeGroupWithin(..)
            | Self::Archive(..) => {}
        }
        op
    }
}

/// What is there before anything is left to chance: people in each room, one of whom looks after it.
pub fn first() -> impl Iterator<Item = Op> {
    let rooms = (0..CHANNELS).flat_map(|c| {
        let (p, q) = (c % PEOPLE, (c + 1) % PEOPLE);
        [Op::Add(p, p, c), Op::Add(p, q, c), Op::Moderate(p, c)]
    });
    rooms.chain([Op::Rank(0, Rank::Manager), Op::GrantWithin(1, 1, 0), Op::GrantWithin(2, 2, 1)])
}

impl Case {
    /// Lets it happen in both, and checks that the server lets through what the model does.
    pub async fn happen(&mut self, op: &Op) {
        let (workspace, owner) = (self.workspace.clone(), self.owner);
        let op = &op.in_world(&self.world);
        let world = &mut self.world;
        let (may, done) = match *op {
            Op::Send(p, c) => {
                let channel = world.rooms[c].id;
                // No other case says the same word.
                let word = channel.to_string().replace('-', "");
                let text = format!("vexku{}x{} by {p} in {c}", self.number, &word[20..]);
                let params = SendMessageParams {
                    id: message_id(),
                    channel,
                    text: text.clone(),
                    files: Vec::new(),
                    thread: None,
                    after: None,
                };
                let may = world.people[p].active && world.is_in(p, c) && !world.rooms[c].archived;
                if may {
                    world.rooms[c].said.push(text);
                }
                (may, ask::<SendMessage>(&workspace, world.people[p].caller, &params).await.map(drop))
            }
            Op::Join(p, c) => {
                // Who is in it by a group stays so, where it is not open to them.
                let itself = world.lets_join(p, c);
                let room = &world.rooms[c];
                let open = !itself || !room.archived && !room.banned.contains(&p);
                let may = world.people[p].active && world.reads(p, c) && open;
                if may && itself {
                    world.rooms[c].own.insert(p);
                }
                let params = InChannel { channel: world.rooms[c].id };
                (may, ask::<JoinChannel>(&workspace, world.people[p].caller, &params).await.map(drop))
            }
            Op::Leave(p, c) => {
                let may = world.people[p].active && world.is_in(p, c) && !world.is_held(p, c);
                if may {
                    world.rooms[c].own.remove(&p);
                }
                let params = InChannel { channel: world.rooms[c].id };
                (may, ask::<LeaveChannel>(&workspace, world.people[p].caller, &params).await.map(drop))
            }
            Op::Add(p, q, c) => {
                // The first one comes in by the server.
                if world.rooms[c].ever.is_empty() && !world.rooms[c].banned.contains(&p) {
                    world.rooms[c].own.insert(p);
                    let (channel, person) = (world.rooms[c].id, world.people[p].id);
                    (true, self.direct(move |tx| set_member(tx, channel, person, true)).await)
                } else {
                    let room = &world.rooms[c];
                    let open = p == q || world.people[q].active && !room.banned.contains(&q);
                    let may = world.people[p].active
                        && world.is_in(p, c)
                        && !world.is_guest(p)
                        && !world.rooms[c].archived
                        && open;
                    // Nobody adds themselves.
                    if may && p != q {
                        world.rooms[c].own.insert(q);
                    }
                    let params = AddMemberParams { channel: world.rooms[c].id, person: world.people[q].id };
                    (may, ask::<AddMember>(&workspace, world.people[p].caller, &params).await.map(drop))
                }
            }
            Op::PutOut(p, c) => {
                let may = !world.is_held(p, c);
                if may {
                    world.rooms[c].own.remove(&p);
                }
                let (channel, person, ever) = (world.rooms[c].id, world.people[p].id, world.rooms[c].ever.contains(&p));
                if !ever {
                    return;
                }
                (may, self.direct(move |tx| set_member(tx, channel, person, false)).await)
            }
            Op::IntoGroup(g, p) => {
                let may = world.people[p].active;
                if may {
                    world.circles[g].people.insert(p);
                }
                let params = member(world, g, Holder::Person(world.people[p].id));
                (may, ask::<AddToGroup>(&workspace, owner, &params).await.map(drop))
            }
            Op::OutOfGroup(g, p) => {
                world.circles[g].people.remove(&p);
                let params = member(world, g, Holder::Person(world.people[p].id));
                (true, ask::<RemoveFromGroup>(&workspace, owner, &params).await.map(drop))
            }
            Op::Nest(g, h) => {
                let may = !world.lies_in(g, h);
                if may {
                    world.circles[g].groups.insert(h);
                }
                let params = member(world, g, Holder::Group(world.circles[h].id));
                (may, ask::<AddToGroup>(&workspace, owner, &params).await.map(drop))
            }
            Op::Unnest(g, h) => {
                world.circles[g].groups.remove(&h);
                let params = member(world, g, Holder::Group(world.circles[h].id));
                (true, ask::<RemoveFromGroup>(&workspace, owner, &params).await.map(drop))
            }
            Op::Link(g, c) => {
                world.circles[g].rooms.insert(c);
                let (group, channel) = (world.circles[g].id, world.rooms[c].id);
                (true, self.direct(move |tx| groups::link(tx, group, channel)).await)
            }
            Op::Unlink(g, c) => {
                world.circles[g].rooms.remove(&c);
                let (group, channel) = (world.circles[g].id, world.rooms[c].id);
                (true, self.direct(move |tx| groups::unlink(tx, group, channel)).await)
            }
            Op::Rank(p, rank) => {
                world.people[p].rank = rank;
                let params = SetRankParams { person: world.people[p].id, rank };
                (true, ask::<SetRank>(&workspace, owner, &params).await.map(drop))
            }
            Op::Grant(r, p) => {
                let may = world.people[p].active && !world.is_guest(p);
                if may {
                    world.people[p].roles.insert(r);
                }
                let grant = Grant { role: world.roles[r].0, to: Holder::Person(world.people[p].id), within: None };
                (may, ask::<GrantRole>(&workspace, owner, &grant).await.map(drop))
            }
            Op::GrantGroup(r, g) => {
                world.circles[g].roles.insert(r);
                let grant = Grant { role: world.roles[r].0, to: Holder::Group(world.circles[g].id), within: None };
                (true, ask::<GrantRole>(&workspace, owner, &grant).await.map(drop))
            }
            Op::Take(r, p) => {
                world.people[p].roles.remove(&r);
                let grant = Grant { role: world.roles[r].0, to: Holder::Person(world.people[p].id), within: None };
                (true, ask::<TakeRole>(&workspace, owner, &grant).await.map(drop))
            }
            Op::TakeGroup(r, g) => {
                world.circles[g].roles.remove(&r);
                let grant = Grant { role: world.roles[r].0, to: Holder::Group(world.circles[g].id), within: None };
                (true, ask::<TakeRole>(&workspace, owner, &grant).await.map(drop))
            }
            Op::Show(g, visibility) => {
                world.circles[g].visibility = visibility;
                let params = params(world.circles[g].id, visibility);
                (true, ask::<ChangeGroup>(&workspace, owner, &params).await.map(drop))
            }
            Op::Suspend(p) | Op::Restore(p) => {
                let active = matches!(op, Op::Restore(_));
                world.people[p].active = active;
                let person = world.people[p].id;
                let set = move |tx: &mut Tx<'_>| {
                    tx.db.execute("UPDATE people SET active = ?2 WHERE id = ?1", (person.as_bytes(), active))?;
                    Ok(())
                };
                (true, self.direct(set).await)
            }
            Op::Reconnect(p) => {
                let after = self.live[p].as_ref().filter(|_| world.people[p].active).map(|live| live.cursor);
                if let Some(after) = after {
                    self.connect(p, after).await;
                }
                (true, Ok(()))
            }
            _ => match self.care(op).await {
                Some(outcome) => outcome,
                None => return,
            },
        };
        assert_eq!(done.is_ok(), may, "{op:?}: {done:?}");
        let kind = format!("{op:?}");
        let kind = kind.split('(').next().unwrap().to_owned();
        self.happened.entry(kind).or_default()[usize::from(may)] += 1;
    }
}

pub fn set_member(tx: &mut Tx<'_>, channel: ChannelId, person: AccountId, joined: bool) -> Result<(), Fail> {
    let channel = channels::find(tx.view(), channel)?.unwrap();
    members::set(tx, channel, person, joined).map(drop)
}

pub fn member(world: &World, group: usize, member: Holder) -> GroupMemberParams {
    GroupMemberParams { group: world.circles[group].id, member, manager: false }
}
