//! Who may give what to whom: ranks, custom roles, groups and what follows from them, asked for over sessions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;
use support::{Host, Person, channel_id, message_id};
use thechatapp_protocol::event::*;
use thechatapp_protocol::methods::account::{Nothing, WhoAmI};
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::groups::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::roles::*;
use thechatapp_protocol::methods::sync::{StartSync, StartSyncParams};
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::{AccountId, ChannelId, Code, ErrorBody, GroupId, RoleId, Row};

async fn owner(host: &Host) -> Person {
    host.join_by(&host.owner_invite.clone(), "olga").await
}

fn role_of(powers: &[Power]) -> Role {
    let id = RoleId::from_bytes(*message_id().as_bytes());
    Role { id, name: format!("role {id}"), powers: powers.iter().copied().collect() }
}

/// Makes a role and gives it to somebody.
async fn give(by: &mut Person, to: Holder, powers: &[Power], within: Option<GroupId>) -> Grant {
    let role = by.call::<CreateRole>(&role_of(powers)).await.unwrap();
    let grant = Grant { role: role.id, to, within };
    by.call::<GrantRole>(&grant).await.unwrap();
    grant
}

async fn group(by: &mut Person, visibility: Visibility, people: &[AccountId]) -> GroupId {
    let id = GroupId::from_bytes(*message_id().as_bytes());
    let slug = format!("g{}", &id.to_string().replace('-', "")[16..]);
    by.call::<CreateGroup>(&GroupParams { id, slug, name: "A group".into(), visibility }).await.unwrap();
    for person in people {
        put(by, id, Holder::Person(*person)).await.unwrap();
    }
    id
}

async fn put(by: &mut Person, group: GroupId, member: Holder) -> Result<Nothing, ErrorBody> {
    by.call::<AddToGroup>(&GroupMemberParams { group, member, manager: false }).await
}

async fn put_me(by: &mut Person, group: GroupId) -> Result<Nothing, ErrorBody> {
    let me = Holder::Person(by.id());
    put(by, group, me).await
}

async fn channel(by: &mut Person, kind: ChannelKind) -> ChannelId {
    let id = channel_id();
    let params = CreateChannelParams { id, name: format!("c{id}"), kind };
    by.call::<CreateChannel>(&params).await.unwrap();
    id
}

async fn rank(by: &mut Person, person: AccountId, rank: Rank) -> Result<PersonRow, ErrorBody> {
    by.call::<SetRank>(&SetRankParams { person, rank }).await
}

async fn rank_me(by: &mut Person, to: Rank) -> Result<PersonRow, ErrorBody> {
    let me = by.id();
    rank(by, me, to).await
}

async fn powers(who: &mut Person) -> Powers {
    who.call::<WhoAmI>(&Nothing {}).await.unwrap().powers
}

fn only(powers: &[Power]) -> Powers {
    powers.iter().copied().collect()
}

fn code<T: std::fmt::Debug>(answer: Result<T, ErrorBody>) -> Code {
    answer.unwrap_err().code
}

/// What comes until a row is among it.
async fn until(who: &mut Person, wanted: impl Fn(&Row) -> bool) -> Vec<Row> {
    let mut rows = Vec::new();
    loop {
        rows.extend(who.session.changes().await.rows);
        if rows.iter().any(&wanted) {
            return rows;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_takes_or_makes_what_they_do_not_hold() {
    let host = Host::start().await;
    let (mut olga, mut rita, mut bob) = (owner(&host).await, host.join("rita").await, host.join("bob").await);
    give(&mut olga, Holder::Person(rita.id()), &[Power::Roles, Power::Audit], None).await;
    assert_eq!(powers(&mut rita).await, only(&[Power::Roles, Power::Audit]));
    // What she holds she passes on, and takes back.
    let own = give(&mut rita, Holder::Person(bob.id()), &[Power::Audit], None).await;
    assert_eq!(powers(&mut bob).await, only(&[Power::Audit]));
    rita.call::<TakeRole>(&own).await.unwrap();
    assert_eq!(powers(&mut bob).await, Powers::NONE);
    // What she does not hold she neither makes, gives, changes, takes nor deletes: not before, not after.
    assert_eq!(code(rita.call::<CreateRole>(&role_of(&[Power::Users])).await), Code::Denied);
    assert_eq!(code(rita.call::<CreateRole>(&role_of(&[Power::Audit, Power::Backups])).await), Code::Denied);
    let backups = give(&mut olga, Holder::Person(bob.id()), &[Power::Backups], None).await;
    let to_carol = Grant { to: Holder::Person(host.join("carol").await.id()), ..backups };
    assert_eq!(code(rita.call::<GrantRole>(&to_carol).await), Code::Denied);
    assert_eq!(code(rita.call::<TakeRole>(&backups).await), Code::Denied);
    assert_eq!(code(rita.call::<DeleteRole>(&OneRole { id: backups.role }).await), Code::Denied);
    let emptied = Role { powers: Powers::NONE, ..role_of(&[]) };
    assert_eq!(code(rita.call::<ChangeRole>(&Role { id: backups.role, ..emptied }).await), Code::Denied);
    let widened = Role { powers: only(&[Power::Audit, Power::Users]), ..role_of(&[]) };
    assert_eq!(code(rita.call::<ChangeRole>(&Role { id: own.role, ..widened }).await), Code::Denied);
    assert_eq!(powers(&mut bob).await, only(&[Power::Backups]));
    // Nor by a rank, which is a set of powers, too.
    let dave = host.join("dave").await.id();
    for up in [Rank::Manager, Rank::Owner] {
        assert_eq!(code(rank(&mut rita, dave, up).await), Code::Denied);
    }
    // A bit that is no power is none that could be given.
    let unknown = Role { powers: Powers(1 << 14), ..role_of(&[]) };
    assert_eq!(code(olga.call::<CreateRole>(&unknown).await), Code::BadInput);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_does_not_give_itself_more() {
    let host = Host::start().await;
    let (mut olga, mut rita) = (owner(&host).await, host.join("rita").await);
    let grant = give(&mut olga, Holder::Person(rita.id()), &[Power::Roles], None).await;
    // Neither by changing the role that one has, nor by another one, nor by a group that has one.
    for power in Power::EACH.into_iter().filter(|power| *power != Power::Roles) {
        let more = Role { id: grant.role, ..role_of(&[Power::Roles, power]) };
        assert_eq!(code(rita.call::<ChangeRole>(&more).await), Code::Denied, "{}", power.name());
    }
    let strong = group(&mut olga, Visibility::Public, &[]).await;
    give(&mut olga, Holder::Group(strong), &[Power::Users, Power::Audit], None).await;
    let manage = GroupMemberParams { group: strong, member: Holder::Person(rita.id()), manager: true };
    olga.call::<AddToGroup>(&manage).await.unwrap();
    assert_eq!(code(put_me(&mut rita, strong).await), Code::Denied);
    // Nor by a group in that group.
    let weak = group(&mut olga, Visibility::Public, &[rita.id()]).await;
    assert_eq!(code(put(&mut rita, strong, Holder::Group(weak)).await), Code::Denied);
    assert_eq!(powers(&mut rita).await, only(&[Power::Roles]));
    // Whoever takes the role's own power from it has it no longer, and cannot give it back.
    let emptied = Role { id: grant.role, ..role_of(&[]) };
    rita.call::<ChangeRole>(&emptied).await.unwrap();
    assert_eq!(code(rita.call::<ChangeRole>(&Role { powers: only(&[Power::Roles]), ..emptied }).await), Code::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_changes_somebody_who_holds_powers_they_lack() {
    let host = Host::start().await;
    let (mut olga, mut rita, bob) = (owner(&host).await, host.join("rita").await, host.join("bob").await);
    give(&mut olga, Holder::Person(rita.id()), &[Power::Roles, Power::Users], None).await;
    rank(&mut rita, bob.id(), Rank::Guest).await.unwrap();
    rank(&mut rita, bob.id(), Rank::Member).await.unwrap();
    give(&mut olga, Holder::Person(bob.id()), &[Power::Encryption], None).await;
    assert_eq!(code(rank(&mut rita, bob.id(), Rank::Guest).await), Code::Denied);
    let harmless = rita.call::<CreateRole>(&role_of(&[Power::Users])).await.unwrap();
    let grant = Grant { role: harmless.id, to: Holder::Person(bob.id()), within: None };
    assert_eq!(code(rita.call::<GrantRole>(&grant).await), Code::Denied);
    assert_eq!(code(rank(&mut rita, olga.id(), Rank::Guest).await), Code::Denied);
    // A guest's roles sleep; whoever wakes them has to hold them.
    rank(&mut olga, bob.id(), Rank::Guest).await.unwrap();
    assert_eq!(code(rank(&mut rita, bob.id(), Rank::Member).await), Code::Denied);
    assert_eq!(rank(&mut olga, bob.id(), Rank::Member).await.unwrap().rank, Rank::Member);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_owners_make_owners_and_the_last_one_stays() {
    let host = Host::start().await;
    let (mut olga, mut rita, mut bob) = (owner(&host).await, host.join("rita").await, host.join("bob").await);
    // Every power by a role does not make an owner.
    give(&mut olga, Holder::Person(rita.id()), &Power::EACH, None).await;
    assert_eq!(powers(&mut rita).await, Powers::ALL);
    assert_eq!(code(rank(&mut rita, bob.id(), Rank::Owner).await), Code::Denied);
    assert_eq!(code(rank_me(&mut rita, Rank::Owner).await), Code::Denied);
    assert_eq!(code(rank(&mut rita, olga.id(), Rank::Member).await), Code::Denied);
    for down in [Rank::Manager, Rank::Member, Rank::Guest] {
        assert_eq!(code(rank_me(&mut olga, down).await), Code::Denied, "the last owner: {down}");
    }
    rank(&mut olga, bob.id(), Rank::Owner).await.unwrap();
    assert_eq!(powers(&mut bob).await, Powers::ALL);
    rank(&mut bob, olga.id(), Rank::Member).await.unwrap();
    assert_eq!(powers(&mut olga).await, Powers::NONE);
    assert_eq!(code(rank_me(&mut bob, Rank::Member).await), Code::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_raised_neither_by_a_role_nor_by_a_group() {
    let host = Host::start().await;
    let (mut olga, mut gast) = (owner(&host).await, host.join("gast").await);
    let before = give(&mut olga, Holder::Person(gast.id()), &[Power::Users], None).await;
    rank(&mut olga, gast.id(), Rank::Guest).await.unwrap();
    gast.again(&host).await;
    assert_eq!(powers(&mut gast).await, Powers::NONE, "a role from before counts no longer");
    let role = olga.call::<CreateRole>(&role_of(&Power::EACH)).await.unwrap();
    let grant = Grant { role: role.id, to: Holder::Person(gast.id()), within: None };
    assert_eq!(code(olga.call::<GrantRole>(&grant).await), Code::BadInput);
    let strong = group(&mut olga, Visibility::Public, &[gast.id()]).await;
    for within in [None, Some(strong)] {
        let grant = Grant { role: role.id, to: Holder::Group(strong), within };
        olga.call::<GrantRole>(&grant).await.unwrap();
    }
    olga.call::<ChangeRole>(&Role { id: before.role, ..role_of(&Power::EACH) }).await.unwrap();
    assert_eq!(powers(&mut gast).await, Powers::NONE);
    for answer in [
        code(gast.call::<CreateRole>(&role_of(&[])).await),
        code(rank(&mut gast, olga.id(), Rank::Guest).await),
        code(gast.call::<ListRoles>(&Nothing {}).await),
    ] {
        assert_eq!(answer, Code::Denied);
    }
    let manage = GroupMemberParams { group: strong, member: Holder::Person(gast.id()), manager: true };
    assert_eq!(code(olga.call::<AddToGroup>(&manage).await), Code::BadInput);
    let here = channel(&mut olga, ChannelKind::Private).await;
    olga.call::<AddMember>(&AddMemberParams { channel: here, person: gast.id() }).await.unwrap();
    let role = SetChannelRoleParams { channel: here, person: gast.id(), role: ChannelRole::Moderator };
    assert_eq!(code(olga.call::<SetChannelRole>(&role).await), Code::BadInput);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_powers_reaches_connected_devices_at_once() {
    let host = Host::start().await;
    let (mut olga, mut bob) = (owner(&host).await, host.join("bob").await);
    let (_, rows, _) = bob.sync(0).await;
    let standing = |rows: &[Row]| {
        rows.iter()
            .filter_map(|row| match row {
                Row::Standing(row) => Some((row.rank, row.powers)),
                _ => None,
            })
            .next_back()
    };
    assert_eq!(standing(&rows), Some((Rank::Member, Powers::NONE)));
    let heard = |rank: Rank, powers: Powers| move |row: &Row| matches!(row, Row::Standing(row) if (row.rank, row.powers) == (rank, powers));
    let within = Duration::from_secs(1);
    let grant = give(&mut olga, Holder::Person(bob.id()), &[Power::Storage], None).await;
    let given = only(&[Power::Storage]);
    tokio::time::timeout(within, until(&mut bob, heard(Rank::Member, given))).await.expect("a grant");
    let team = group(&mut olga, Visibility::Public, &[bob.id()]).await;
    give(&mut olga, Holder::Group(team), &[Power::Audit], None).await;
    tokio::time::timeout(within, until(&mut bob, heard(Rank::Member, given.with(Power::Audit))))
        .await
        .expect("a group's");
    olga.call::<DeleteRole>(&OneRole { id: grant.role }).await.unwrap();
    tokio::time::timeout(within, until(&mut bob, heard(Rank::Member, only(&[Power::Audit]))))
        .await
        .expect("a deletion");
    rank(&mut olga, bob.id(), Rank::Manager).await.unwrap();
    let both = Rank::Manager.powers().with(Power::Audit);
    tokio::time::timeout(within, until(&mut bob, heard(Rank::Manager, both))).await.expect("a rank");
    olga.call::<DeleteGroup>(&OneGroup { group: team }).await.unwrap();
    tokio::time::timeout(within, until(&mut bob, heard(Rank::Manager, Rank::Manager.powers())))
        .await
        .expect("the group is gone");
    // And what it gave is gone with it.
    assert_eq!(powers(&mut bob).await, Rank::Manager.powers());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_within_a_group_counts_over_its_people_and_channels_only() {
    let host = Host::start().await;
    let (mut olga, mut lena) = (owner(&host).await, host.join("lena").await);
    let (inside, outside) = (host.join("ines").await.id(), host.join("otto").await.id());
    let inner = group(&mut olga, Visibility::Public, &[inside]).await;
    let outer = group(&mut olga, Visibility::Public, &[]).await;
    put(&mut olga, outer, Holder::Group(inner)).await.unwrap();
    give(&mut olga, Holder::Person(lena.id()), &[Power::Roles, Power::Directory], Some(outer)).await;
    assert_eq!(powers(&mut lena).await, Powers::NONE, "nothing over the workspace");
    // A rank is one of the whole workspace.
    assert_eq!(code(rank(&mut lena, inside, Rank::Guest).await), Code::Denied);
    assert_eq!(code(rank(&mut lena, outside, Rank::Guest).await), Code::Denied);
    assert_eq!(code(lena.call::<CreateRole>(&role_of(&[])).await), Code::Denied);
    // An owner who comes into the group is not theirs to change.
    put_me(&mut olga, inner).await.unwrap();
    assert_eq!(code(rank(&mut lena, olga.id(), Rank::Guest).await), Code::Denied);
    // What they hold within the group they pass on within it, and nowhere else.
    let role = olga.call::<CreateRole>(&role_of(&[Power::Directory])).await.unwrap();
    let pass = |within| Grant { role: role.id, to: Holder::Person(inside), within };
    assert_eq!(code(lena.call::<GrantRole>(&pass(None)).await), Code::Denied);
    let nothing = olga.call::<CreateRole>(&role_of(&[])).await.unwrap();
    let everywhere = Grant { role: nothing.id, to: Holder::Person(inside), within: None };
    assert_eq!(code(lena.call::<GrantRole>(&everywhere).await), Code::Denied, "not even one that gives nothing");
    lena.call::<GrantRole>(&pass(Some(outer))).await.unwrap();
    assert_eq!(code(lena.call::<GrantRole>(&pass(Some(inner))).await), Code::Denied);
    // A channel is in their hands while it is linked.
    let open = channel(&mut olga, ChannelKind::Public).await;
    let moderate = SetChannelRoleParams { channel: open, person: olga.id(), role: ChannelRole::Member };
    assert_eq!(code(lena.call::<SetChannelRole>(&moderate).await), Code::Denied);
    olga.call::<LinkGroup>(&LinkParams { group: outer, channel: open }).await.unwrap();
    lena.call::<SetChannelRole>(&moderate).await.unwrap();
    olga.call::<UnlinkGroup>(&LinkParams { group: outer, channel: open }).await.unwrap();
    assert_eq!(code(lena.call::<SetChannelRole>(&moderate).await), Code::Denied);
    // Out of the group, out of reach.
    let out = GroupMemberParams { group: outer, member: Holder::Group(inner), manager: false };
    lena.call::<TakeRole>(&pass(Some(outer))).await.unwrap();
    olga.call::<RemoveFromGroup>(&out).await.unwrap();
    assert_eq!(code(lena.call::<GrantRole>(&pass(Some(outer))).await), Code::Denied);
}

/// Whoever manages a group and has a power within it would else have it over anybody they choose.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_brings_others_within_reach_of_a_power_that_they_do_not_hold_everywhere() {
    let host = Host::start().await;
    let (mut olga, mut lena) = (owner(&host).await, host.join("lena").await);
    let victim = host.join("vera").await.id();
    let outer = group(&mut olga, Visibility::Public, &[]).await;
    let inner = group(&mut olga, Visibility::Public, &[]).await;
    put(&mut olga, outer, Holder::Group(inner)).await.unwrap();
    for id in [outer, inner] {
        let manages = GroupMemberParams { group: id, member: Holder::Person(lena.id()), manager: true };
        olga.call::<AddToGroup>(&manages).await.unwrap();
    }
    put(&mut lena, outer, Holder::Person(victim)).await.unwrap();
    let out = GroupMemberParams { group: outer, member: Holder::Person(victim), manager: false };
    lena.call::<RemoveFromGroup>(&out).await.unwrap();
    give(&mut olga, Holder::Person(lena.id()), &[Power::Users], Some(outer)).await;
    for id in [outer, inner] {
        assert_eq!(code(put(&mut lena, id, Holder::Person(victim)).await), Code::Denied);
    }
    put(&mut olga, inner, Holder::Person(victim)).await.unwrap();
}

/// Who is in a private channel by a group lets themselves stay in it by nothing they do.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_held_by_a_group_leaves_with_it_whatever_they_joined() {
    let host = Host::start().await;
    let (mut olga, mut lena) = (owner(&host).await, host.join("lena").await);
    let team = group(&mut olga, Visibility::Public, &[lena.id()]).await;
    let inner = channel(&mut olga, ChannelKind::Private).await;
    olga.call::<LinkGroup>(&LinkParams { group: team, channel: inner }).await.unwrap();
    assert!(lena.call::<JoinChannel>(&InChannel { channel: inner }).await.unwrap().joined);
    let herself = AddMemberParams { channel: inner, person: lena.id() };
    assert!(lena.call::<AddMember>(&herself).await.unwrap().joined);
    olga.call::<UnlinkGroup>(&LinkParams { group: team, channel: inner }).await.unwrap();
    assert_eq!(code(lena.call::<JoinChannel>(&InChannel { channel: inner }).await), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_lie_in_each_other_without_circles_and_eight_deep_at_most() {
    let host = Host::start().await;
    let mut olga = owner(&host).await;
    let bob = host.join("bob").await.id();
    let mut chain = Vec::new();
    for _ in 0..9 {
        chain.push(group(&mut olga, Visibility::Public, &[]).await);
    }
    for pair in chain[..8].windows(2) {
        put(&mut olga, pair[0], Holder::Group(pair[1])).await.unwrap();
    }
    assert_eq!(code(put(&mut olga, chain[7], Holder::Group(chain[8])).await), Code::BadInput, "nine deep");
    assert_eq!(code(put(&mut olga, chain[8], Holder::Group(chain[0])).await), Code::BadInput, "nine deep from above");
    for inner in [0, 3, 7] {
        assert_eq!(code(put(&mut olga, chain[7], Holder::Group(chain[inner])).await), Code::BadInput, "a circle");
    }
    put(&mut olga, chain[7], Holder::Person(bob)).await.unwrap();
    for id in &chain[..8] {
        let page = olga.call::<GroupMembers>(&GroupMembersParams { group: *id, after: None }).await.unwrap();
        assert_eq!(page.people, [bob]);
    }
    let middle = GroupMemberParams { group: chain[3], member: Holder::Group(chain[4]), manager: false };
    olga.call::<RemoveFromGroup>(&middle).await.unwrap();
    for (at, id) in chain[..8].iter().enumerate() {
        let page = olga.call::<GroupMembers>(&GroupMembersParams { group: *id, after: None }).await.unwrap();
        assert_eq!(page.people.len(), usize::from(at > 3), "{at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linked_channel_follows_its_group_and_who_came_by_themselves_stays() {
    let host = Host::start().await;
    let (mut olga, mut ann, mut ben) = (owner(&host).await, host.join("ann").await, host.join("ben").await);
    let linked = channel(&mut olga, ChannelKind::Private).await;
    olga.call::<AddMember>(&AddMemberParams { channel: linked, person: ann.id() }).await.unwrap();
    let team = group(&mut olga, Visibility::Public, &[ann.id(), ben.id()]).await;
    ben.sync(0).await;
    olga.call::<LinkGroup>(&LinkParams { group: team, channel: linked }).await.unwrap();
    until(&mut ben, |row| matches!(row, Row::Channel(row) if row.id == linked)).await;
    ben.send(linked, "in").await.unwrap();
    assert_eq!(code(ben.call::<LeaveChannel>(&InChannel { channel: linked }).await), Code::BadInput);
    for person in [ann.id(), ben.id()] {
        let out = GroupMemberParams { group: team, member: Holder::Person(person), manager: false };
        olga.call::<RemoveFromGroup>(&out).await.unwrap();
    }
    ann.send(linked, "still here").await.unwrap();
    assert_eq!(code(ben.send(linked, "still here?").await), Code::NotFound);
    // Two groups hold him; he leaves with the last.
    let other = group(&mut olga, Visibility::Public, &[ben.id()]).await;
    put(&mut olga, team, Holder::Group(other)).await.unwrap();
    olga.call::<LinkGroup>(&LinkParams { group: other, channel: linked }).await.unwrap();
    olga.call::<UnlinkGroup>(&LinkParams { group: team, channel: linked }).await.unwrap();
    ben.send(linked, "back").await.unwrap();
    olga.call::<DeleteGroup>(&OneGroup { group: other }).await.unwrap();
    assert_eq!(code(ben.send(linked, "gone").await), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_seen_by_those_who_may_and_leaves_the_others() {
    let host = Host::start().await;
    let (mut olga, mut ann, mut ben) = (owner(&host).await, host.join("ann").await, host.join("ben").await);
    ben.sync(0).await;
    ann.sync(0).await;
    let secret = group(&mut olga, Visibility::Hidden, &[ann.id()]).await;
    let rows = until(&mut ann, |row| matches!(row, Row::InGroup(row) if row.group == secret && row.inside)).await;
    assert!(rows.iter().any(|row| matches!(row, Row::Group(row) if row.id == secret && !row.gone)));
    let members = GroupMembersParams { group: secret, after: None };
    let unknown = GroupMembersParams { group: GroupId::from_bytes([9; 16]), after: None };
    assert_eq!(ann.call::<GroupMembers>(&members).await.unwrap().people, [ann.id()]);
    assert_eq!(
        ben.call::<GroupMembers>(&members).await.unwrap_err(),
        ben.call::<GroupMembers>(&unknown).await.unwrap_err()
    );
    assert!(ben.call::<ListGroups>(&ListGroupsParams::default()).await.unwrap().groups.is_empty());
    let put_in = put_me(&mut ben, secret).await.unwrap_err();
    assert_eq!(put_in.code, Code::NotFound);
    // A private one has a name for everybody, and people for its own.
    let row = olga.call::<ListGroups>(&ListGroupsParams::default()).await.unwrap().groups[0].group.clone();
    let open = GroupParams { id: secret, slug: row.slug.clone(), name: row.name, visibility: Visibility::Private };
    olga.call::<ChangeGroup>(&open).await.unwrap();
    until(&mut ben, |row| matches!(row, Row::Group(row) if row.id == secret && !row.gone)).await;
    assert_eq!(code(ben.call::<GroupMembers>(&members).await), Code::Denied);
    // Hidden again, it leaves who is outside, live and later.
    let (_, _, to) = host_sync(&mut ben, &host).await;
    olga.call::<ChangeGroup>(&GroupParams { visibility: Visibility::Hidden, ..open }).await.unwrap();
    let rows = until(&mut ben, |row| matches!(row, Row::Group(row) if row.id == secret && row.gone)).await;
    assert!(!format!("{rows:?}").contains(&row.slug));
    ben.again(&host).await;
    let (_, rows, _) = ben.sync(to).await;
    assert!(rows.iter().any(|row| matches!(row, Row::Group(row) if row.id == secret && row.gone)));
    let out = GroupMemberParams { group: secret, member: Holder::Person(ann.id()), manager: false };
    olga.call::<RemoveFromGroup>(&out).await.unwrap();
    let rows = until(&mut ann, |row| matches!(row, Row::InGroup(row) if !row.inside)).await;
    assert!(rows.iter().any(|row| matches!(row, Row::Group(row) if row.gone)));
    assert_eq!(code(ann.call::<GroupMembers>(&members).await), Code::NotFound);
}

/// A new session that follows from the beginning.
async fn host_sync(who: &mut Person, host: &Host) -> (thechatapp_protocol::methods::sync::SyncStarted, Vec<Row>, u64) {
    who.again(host).await;
    who.sync(0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_knows_their_channels_and_the_people_there_and_nothing_else() {
    let host = Host::start().await;
    let (mut olga, mut gast, mut ann) = (owner(&host).await, host.join("gast").await, host.join("ann").await);
    let general = olga.general().await;
    let room = channel(&mut olga, ChannelKind::Private).await;
    let street = channel(&mut olga, ChannelKind::Public).await;
    let said = ann.send(general, "words for members").await.unwrap();
    assert_eq!(said.seq, 1);
    // Crossing over takes away what they knew: the session ends, and the device has to begin anew.
    let (_, _, to) = gast.sync(0).await;
    rank(&mut olga, gast.id(), Rank::Guest).await.unwrap();
    assert!(gast.session.closed().await);
    gast.again(&host).await;
    assert_eq!(code(gast.call::<StartSync>(&StartSyncParams { after: to }).await), Code::Narrowed);
    gast.again(&host).await;
    gast.call::<LeaveChannel>(&InChannel { channel: general }).await.unwrap();
    gast.again(&host).await;
    let (_, rows, _) = gast.sync(0).await;
    let people = |rows: &[Row]| {
        let mut ids: Vec<_> = rows
            .iter()
            .filter_map(|row| match row {
                Row::Person(row) => Some(row.id),
                _ => None,
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    assert_eq!(people(&rows), [gast.id()], "alone, they know nobody");
    assert!(!rows.iter().any(|row| matches!(row, Row::Channel(_) | Row::Message(_) | Row::Group(_))), "{rows:?}");
    // Public channels are not there for them, in any way.
    for unseen in [general, street, channel_id()] {
        let page = HistoryParams { channel: unseen, before: None, after: None, limit: 10 };
        assert_eq!(code(gast.call::<History>(&page).await), Code::NotFound);
        assert_eq!(code(gast.call::<JoinChannel>(&InChannel { channel: unseen }).await), Code::NotFound);
        let search = SearchParams { words: "words".into(), channel: Some(unseen), ..Default::default() };
        assert_eq!(code(gast.call::<Search>(&search).await), Code::NotFound);
    }
    let search = SearchParams { words: "words".into(), ..Default::default() };
    assert!(gast.call::<Search>(&search).await.unwrap().messages.is_empty());
    assert_eq!(ann.call::<Search>(&search).await.unwrap().messages.len(), 1);
    let direct = OpenDirectParams { people: vec![ann.id()] };
    let nobody = OpenDirectParams { people: vec![AccountId::from_bytes([9; 16])] };
    assert_eq!(
        gast.call::<OpenDirect>(&direct).await.unwrap_err(),
        gast.call::<OpenDirect>(&nobody).await.unwrap_err()
    );
    let make = CreateChannelParams { id: channel_id(), name: "mine".into(), kind: ChannelKind::Private };
    assert_eq!(code(gast.call::<CreateChannel>(&make).await), Code::Denied);
    // Nothing of what happens elsewhere is heard: new people, channels, groups, names.
    channel(&mut olga, ChannelKind::Public).await;
    host.join("nora").await;
    group(&mut olga, Visibility::Public, &[]).await;
    rank(&mut olga, ann.id(), Rank::Manager).await.unwrap();
    assert!(gast.session.quiet().await);
    // Let into a channel, they get it with the people in it, and those who come later.
    olga.call::<AddMember>(&AddMemberParams { channel: room, person: gast.id() }).await.unwrap();
    let rows = until(&mut gast, |row| matches!(row, Row::Channel(row) if row.id == room)).await;
    let mut expected = vec![gast.id(), olga.id()];
    expected.sort_unstable();
    assert_eq!(people(&rows), expected);
    olga.call::<AddMember>(&AddMemberParams { channel: room, person: ann.id() }).await.unwrap();
    let rows = until(&mut gast, |row| matches!(row, Row::Member(row) if row.person == ann.me.person.id)).await;
    assert!(matches!(&rows[0], Row::Person(row) if row.id == ann.id()), "who they are comes first: {rows:?}");
    gast.call::<OpenDirect>(&direct).await.unwrap();
    assert_eq!(code(gast.call::<AddMember>(&AddMemberParams { channel: room, person: ann.id() }).await), Code::Denied);
    // A member again, they are told of everything.
    let to = gast.session.changes().await.to;
    rank(&mut olga, gast.id(), Rank::Member).await.unwrap();
    assert!(gast.session.closed().await);
    gast.again(&host).await;
    assert_eq!(code(gast.call::<StartSync>(&StartSyncParams { after: to }).await), Code::Narrowed);
    let (_, rows, _) = host_sync(&mut gast, &host).await;
    assert!(people(&rows).len() >= 4 && rows.iter().any(|row| matches!(row, Row::Channel(row) if row.id == street)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_makes_a_channel_moderates_it_and_passes_that_on() {
    let host = Host::start().await;
    let (mut ann, mut ben) = (host.join("ann").await, host.join("ben").await);
    let mut mona = owner(&host).await;
    rank(&mut mona, ann.id(), Rank::Member).await.unwrap();
    let room = channel(&mut ann, ChannelKind::Private).await;
    let role = |person, role| SetChannelRoleParams { channel: room, person, role };
    assert_eq!(code(ann.call::<SetChannelRole>(&role(ben.id(), ChannelRole::Moderator)).await), Code::BadInput);
    ann.call::<AddMember>(&AddMemberParams { channel: room, person: ben.id() }).await.unwrap();
    assert_eq!(code(ben.call::<SetChannelRole>(&role(ben.me.person.id, ChannelRole::Moderator)).await), Code::Denied);
    let row = ann.call::<SetChannelRole>(&role(ben.id(), ChannelRole::Moderator)).await.unwrap();
    assert_eq!(row.role, ChannelRole::Moderator);
    ben.call::<SetChannelRole>(&role(ann.id(), ChannelRole::Member)).await.unwrap();
    assert_eq!(code(ann.call::<SetChannelRole>(&role(ben.id(), ChannelRole::Member)).await), Code::Denied);
    // The directory's power reaches only what its holder may see.
    assert_eq!(code(mona.call::<SetChannelRole>(&role(ben.id(), ChannelRole::Member)).await), Code::NotFound);
    // Leaving gives it up.
    ben.call::<LeaveChannel>(&InChannel { channel: room }).await.unwrap();
    ann.call::<AddMember>(&AddMemberParams { channel: room, person: ben.id() }).await.unwrap();
    assert_eq!(code(ben.call::<SetChannelRole>(&role(ben.me.person.id, ChannelRole::Moderator)).await), Code::Denied);
}
