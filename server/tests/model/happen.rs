//! What can happen, on the server and in the model.

use super::world::{CHANNELS, GROUPS, PEOPLE, ROLES, World};
use super::{Case, ask, params};
use crate::support::message_id;
use proptest::prelude::*;
use thechatapp_protocol::event::Visibility;
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::groups::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::roles::*;
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::{AccountId, ChannelId};
use thechatapp_server::error::Fail;
use thechatapp_server::store::{Tx, channels, groups, members};

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
}

pub fn op() -> impl Strategy<Value = Op> {
    let (p, c, g, r) = (0..PEOPLE, 0..CHANNELS, 0..GROUPS, 0..ROLES);
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

impl Case {
    /// Lets it happen in both, and checks that the server lets through what the model does.
    pub async fn happen(&mut self, op: &Op) {
        let (workspace, owner) = (self.workspace.clone(), self.owner);
        let world = &mut self.world;
        let (may, done) = match *op {
            Op::Send(p, c) => {
                let text = format!("vexku{} by {p} in {c}", self.number);
                let channel = world.rooms[c].id;
                let params = SendMessageParams {
                    id: message_id(),
                    channel,
                    text: text.clone(),
                    files: Vec::new(),
                    thread: None,
                    after: None,
                };
                let may = world.people[p].active && world.is_in(p, c);
                if may {
                    world.rooms[c].said.push(text);
                }
                (may, ask::<SendMessage>(&workspace, world.people[p].caller, &params).await.map(drop))
            }
            Op::Join(p, c) => {
                let may = world.people[p].active && world.reads(p, c);
                // Who is in it by a group stays so, where it is not open to them.
                if may && world.lets_join(p, c) {
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
                if world.rooms[c].ever.is_empty() {
                    world.rooms[c].own.insert(p);
                    let (channel, person) = (world.rooms[c].id, world.people[p].id);
                    (true, self.direct(move |tx| set_member(tx, channel, person, true)).await)
                } else {
                    let may =
                        world.people[p].active && world.people[q].active && world.is_in(p, c) && !world.is_guest(p);
                    if may {
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
        };
        assert_eq!(done.is_ok(), may, "{op:?}: {done:?}");
    }
}

fn set_member(tx: &mut Tx<'_>, channel: ChannelId, person: AccountId, joined: bool) -> Result<(), Fail> {
    let channel = channels::find(tx.view(), channel)?.unwrap();
    members::set(tx, channel, person, joined).map(drop)
}

fn member(world: &World, group: usize, member: Holder) -> GroupMemberParams {
    GroupMemberParams { group: world.circles[group].id, member, manager: false }
}
