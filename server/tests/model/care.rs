//! What those do who look after something: groups, accounts, channels, invites.

use super::happen::{Op, member, set_member};
use super::world::{Invite, NEWCOMERS, PEOPLE};
use super::{Case, ask, fresh, somebody};
use crate::support::PASSWORD;
use ed25519_dalek::{Signer, SigningKey};
use std::sync::Arc;
use thechatapp_protocol::event::{ChannelKind, ChannelRole};
use thechatapp_protocol::methods::account::{Credential, DeviceProof, ENROL_LABEL, EnrolParams};
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::groups::*;
use thechatapp_protocol::methods::people::{GetAccount, InvitePerson, InvitePersonParams, OnePerson};
use thechatapp_protocol::methods::roles::*;
use thechatapp_protocol::permission::{Power, Rank};
use thechatapp_protocol::session::DevicePublic;
use thechatapp_protocol::{ErrorBody, RoleId};
use thechatapp_server::error::Fail;
use thechatapp_server::gate::Caller;
use thechatapp_server::methods::{Newcomer, enrol};
use thechatapp_server::state::Workspace;
use thechatapp_server::store::{channels, directory, members};

/// Whether the model lets it through, and what the server answered.
type Outcome = (bool, Result<(), ErrorBody>);

impl Case {
    /// Lets it happen in both; none when there is nothing that could.
    pub async fn care(&mut self, op: &Op) -> Option<Outcome> {
        let (workspace, owner) = (self.workspace.clone(), self.owner);
        let world = &mut self.world;
        Some(match *op {
            Op::Manage(g, p) => {
                let may = world.people[p].active && !world.is_guest(p);
                if may {
                    world.circles[g].managers.insert(p);
                }
                let params =
                    GroupMemberParams { manager: true, ..member(world, g, Holder::Person(world.people[p].id)) };
                (may, ask::<AddToGroup>(&workspace, owner, &params).await.map(drop))
            }
            Op::Unmanage(g, p) => {
                world.circles[g].managers.remove(&p);
                let params =
                    GroupMemberParams { manager: true, ..member(world, g, Holder::Person(world.people[p].id)) };
                (true, ask::<RemoveFromGroup>(&workspace, owner, &params).await.map(drop))
            }
            Op::ManagerAdds(p, g, q) => {
                let needed = world.given(g).or(world.exposed(g));
                let may = world.people[p].active
                    && world.manages(p, g)
                    && world.people[q].active
                    && world.powers(p).holds(needed);
                if may {
                    world.circles[g].people.insert(q);
                }
                let params = member(world, g, Holder::Person(world.people[q].id));
                (may, ask::<AddToGroup>(&workspace, world.people[p].caller, &params).await.map(drop))
            }
            Op::ManagerRemoves(p, g, q) => {
                let may = world.people[p].active && world.manages(p, g) && world.powers(p).holds(world.given(g));
                if may {
                    world.circles[g].people.remove(&q);
                }
                let params = member(world, g, Holder::Person(world.people[q].id));
                (may, ask::<RemoveFromGroup>(&workspace, world.people[p].caller, &params).await.map(drop))
            }
            Op::GrantWithin(r, p, g) => {
                let may = world.people[p].active && !world.is_guest(p);
                if may {
                    world.people[p].scoped.insert((r, g));
                }
                let to = Holder::Person(world.people[p].id);
                let grant = Grant { role: world.roles[r].0, to, within: Some(world.circles[g].id) };
                (may, ask::<GrantRole>(&workspace, owner, &grant).await.map(drop))
            }
            Op::TakeWithin(r, p, g) => {
                world.people[p].scoped.remove(&(r, g));
                let to = Holder::Person(world.people[p].id);
                let grant = Grant { role: world.roles[r].0, to, within: Some(world.circles[g].id) };
                (true, ask::<TakeRole>(&workspace, owner, &grant).await.map(drop))
            }
            Op::GrantGroupWithin(r, h, g) => {
                world.circles[h].scoped.insert((r, g));
                let to = Holder::Group(world.circles[h].id);
                let grant = Grant { role: world.roles[r].0, to, within: Some(world.circles[g].id) };
                (true, ask::<GrantRole>(&workspace, owner, &grant).await.map(drop))
            }
            Op::TakeGroupWithin(r, h, g) => {
                world.circles[h].scoped.remove(&(r, g));
                let to = Holder::Group(world.circles[h].id);
                let grant = Grant { role: world.roles[r].0, to, within: Some(world.circles[g].id) };
                (true, ask::<TakeRole>(&workspace, owner, &grant).await.map(drop))
            }
            Op::LookAt(p, q) => {
                let may = world.people[p].active && world.looks_after(p, q);
                let params = OnePerson { person: world.people[q].id };
                (may, ask::<GetAccount>(&workspace, world.people[p].caller, &params).await.map(drop))
            }
            Op::Moderate(p, c) => {
                let may = world.is_in(p, c) && !world.is_guest(p);
                if may {
                    world.rooms[c].moderators.insert(p);
                }
                let (channel, person) = (world.rooms[c].id, world.people[p].id);
                let done = self.direct(move |tx| {
                    let channel = channels::find(tx.view(), channel)?.unwrap();
                    members::set_role(tx, channel, person, ChannelRole::Moderator).map(drop)
                });
                (may, done.await)
            }
            Op::Ban(p, q, c) => {
                let may = world.people[p].active && world.moderates(p, c) && p != q;
                if may {
                    world.rooms[c].banned.insert(q);
                    world.rooms[c].own.remove(&q);
                }
                let params = BanParams { channel: world.rooms[c].id, person: world.people[q].id };
                (may, ask::<BanMember>(&workspace, world.people[p].caller, &params).await.map(drop))
            }
            Op::Unban(p, q, c) => {
                let may = world.people[p].active && world.moderates(p, c);
                if may {
                    world.rooms[c].banned.remove(&q);
                }
                let params = BanParams { channel: world.rooms[c].id, person: world.people[q].id };
                (may, ask::<UnbanMember>(&workspace, world.people[p].caller, &params).await.map(drop))
            }
            Op::Open(p, c, public) => {
                let room = &world.rooms[c];
                let empty = (0..world.people.len()).all(|person| !world.is_in(person, c));
                let fits = room.public == public || !room.archived && (public || !empty);
                let may = world.people[p].active && world.moderates(p, c) && fits;
                if may {
                    world.rooms[c].public = public;
                }
                let kind = if public { ChannelKind::Public } else { ChannelKind::Private };
                let params = SetVisibilityParams { channel: world.rooms[c].id, kind };
                (may, ask::<SetVisibility>(&workspace, world.people[p].caller, &params).await.map(drop))
            }
            Op::Archive(c, on) => {
                world.rooms[c].archived = on;
                let channel = world.rooms[c].id;
                let done = self.direct(move |tx| {
                    let channel = channels::find(tx.view(), channel)?.unwrap();
                    directory::archive(tx, channel, on).map(drop)
                });
                (true, done.await)
            }
            Op::Invite(p, c, rank) => {
                let may = world.people[p].active && world.powers(p).has(Power::Users) && world.reads(p, c);
                let params = InvitePersonParams { name: None, rank, channels: vec![world.rooms[c].id] };
                let made = ask::<InvitePerson>(&workspace, world.people[p].caller, &params).await;
                if let Ok(made) = &made {
                    let code = made.code.clone();
                    world.invites.push(Invite { code, rank, maker: p, room: c, used: false });
                }
                (may, made.map(drop))
            }
            Op::Come(i) => return self.come(i).await,
            _ => unreachable!("{op:?} is no care"),
        })
    }

    /// Somebody comes by an invite, or by what was one.
    async fn come(&mut self, number: usize) -> Option<Outcome> {
        if self.world.invites.is_empty() || self.world.people.len() == PEOPLE + NEWCOMERS {
            return None;
        }
        let number = number % self.world.invites.len();
        let invite = self.world.invites[number].clone();
        let may = self.world.lets_in(&invite);
        let came = join(&self.workspace, &invite.code).await.map_err(Fail::into_body);
        let Ok(caller) = came else { return Some((may, came.map(drop))) };
        self.world.invites[number].used = true;
        // They leave the room that everybody is in, as the others did.
        let person = caller.person;
        if invite.rank != Rank::Guest {
            let left = self.direct(move |tx| {
                for general in channels::for_everybody(tx.view())? {
                    set_member(tx, general.id, person, false)?;
                }
                Ok(())
            });
            left.await.unwrap();
        }
        let (world, new) = (&mut self.world, self.before.people.len());
        let enters = !world.rooms[invite.room].archived
            && (world.rooms[invite.room].public || world.is_in(invite.maker, invite.room));
        world.people.push(somebody(&self.workspace, caller, invite.rank).await);
        if enters {
            world.rooms[invite.room].own.insert(new);
        }
        self.before.people.push(world.people[new].clone());
        self.live.push(None);
        self.cursors.push(0);
        self.world.remember();
        self.connect(new, 0).await;
        Some((may, Ok(())))
    }
}

/// Enrols a new device by an invite.
async fn join(workspace: &Arc<Workspace>, code: &str) -> Result<Caller, Fail> {
    let (key, handshake) = (fresh_key(), [5; 32]);
    let signing = SigningKey::from_bytes(&[7; 32]);
    let covered = [ENROL_LABEL, &handshake, &key.0].concat();
    let device = DeviceProof {
        name: "device".into(),
        platform: "linux".into(),
        signing_key: signing.verifying_key().to_bytes().to_vec(),
        signature: signing.sign(&covered).to_bytes().to_vec(),
    };
    let name = format!("n{}", fresh(RoleId::from_bytes));
    let credential = Credential::Invite { code: code.into(), name, password: PASSWORD.into() };
    let from = [127, 0, 0, 1].into();
    let me = enrol(workspace, Newcomer { key, from, handshake }, EnrolParams { credential, device }).await?;
    Ok(Caller { person: me.person.id, device: me.device, from, replaced: false })
}

fn fresh_key() -> DevicePublic {
    let mut key = [3; 32];
    key[..16].copy_from_slice(fresh(RoleId::from_bytes).as_bytes());
    DevicePublic(key)
}
