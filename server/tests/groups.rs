//! Groups of people: roles within them, what is linked to them, who sees them. Asked for over sessions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::Host;
use support::rights::*;
use thechatapp_protocol::event::*;
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::devices::*;
use thechatapp_protocol::methods::groups::*;
use thechatapp_protocol::methods::people::*;
use thechatapp_protocol::methods::roles::*;
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::{Code, GroupId, Row};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_powers_within_a_group_reaches_connected_devices_at_once() {
    let host = Host::start().await;
    let (mut olga, mut bob) = (owner(&host).await, host.join("bob").await);
    let (desk, team) =
        (group(&mut olga, Visibility::Public, &[]).await, group(&mut olga, Visibility::Public, &[]).await);
    bob.sync(0).await;
    let heard = |expected: Vec<(GroupId, Powers)>| {
        move |row: &Row| {
            let Row::Standing(row) = row else { return false };
            let mut within: Vec<_> = row.within.iter().map(|one| (one.group, one.powers)).collect();
            let mut expected = expected.clone();
            within.sort_unstable_by_key(|one| one.0);
            expected.sort_unstable_by_key(|one| one.0);
            within == expected && row.powers == Powers::NONE
        }
    };
    let storage = only(&[Power::Storage]);
    let grant = give(&mut olga, Holder::Person(bob.id()), &[Power::Storage], Some(desk)).await;
    soon(until(&mut bob, heard(vec![(desk, storage)]))).await;
    // By a group he comes into.
    let audit = only(&[Power::Audit]);
    give(&mut olga, Holder::Group(team), &[Power::Audit], Some(team)).await;
    let bob_id = bob.id();
    put(&mut olga, team, Holder::Person(bob_id)).await.unwrap();
    soon(until(&mut bob, heard(vec![(desk, storage), (team, audit)]))).await;
    // By a change of the role, which another device learns when it begins, too.
    olga.call::<ChangeRole>(&Role { id: grant.role, ..role_of(&[Power::Users]) }).await.unwrap();
    let both = heard(vec![(desk, only(&[Power::Users])), (team, audit)]);
    soon(until(&mut bob, &both)).await;
    let (_, rows, _) = host_sync(&mut bob, &host).await;
    assert!(rows.iter().any(both));
    olga.call::<TakeRole>(&grant).await.unwrap();
    soon(until(&mut bob, heard(vec![(team, audit)]))).await;
    olga.call::<DeleteGroup>(&OneGroup { group: team }).await.unwrap();
    soon(until(&mut bob, heard(Vec::new()))).await;
}

/// Whoever acts on somebody holds all that they hold: over the workspace, and within each group where they hold something.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_acts_on_somebody_who_holds_powers_within_a_group_that_they_lack_there() {
    let host = Host::start().await;
    let (mut olga, mut mona, mut lena) = (owner(&host).await, host.join("mona").await, host.join("lena").await);
    let bob = host.join("bob").await.id();
    let (team, other) =
        (group(&mut olga, Visibility::Public, &[bob]).await, group(&mut olga, Visibility::Public, &[]).await);
    rank(&mut olga, mona.id(), Rank::Manager).await.unwrap();
    give(&mut olga, Holder::Person(lena.id()), &[Power::Users], Some(team)).await;
    let of = OnePerson { person: bob };
    // While he holds nothing, both look after him: one everywhere, one within the group.
    mona.call::<GetAccount>(&of).await.unwrap();
    lena.call::<IssueReset>(&of).await.unwrap();
    let roles = give(&mut olga, Holder::Person(bob), &[Power::Roles], Some(other)).await;
    for who in [&mut mona, &mut lena] {
        for refused in [
            code(who.call::<GetAccount>(&of).await),
            code(who.call::<DevicesOf>(&of).await),
            code(who.call::<RevokeDevicesOf>(&of).await),
            code(who.call::<IssueReset>(&of).await),
            code(who.call::<RemoveTotp>(&of).await),
            code(who.call::<Unlock>(&of).await),
            code(who.call::<Suspend>(&of).await),
            code(who.call::<DeletePerson>(&DeletePersonParams { person: bob, content: Some(Content::Keep) }).await),
        ] {
            assert_eq!(refused, Code::Denied);
        }
    }
    // Who holds it in another group does not hold it there; who holds it everywhere, or there, does.
    let here = give(&mut olga, Holder::Person(lena.id()), &[Power::Roles], Some(team)).await;
    assert_eq!(code(lena.call::<IssueReset>(&of).await), Code::Denied);
    olga.call::<GrantRole>(&Grant { within: Some(other), ..here }).await.unwrap();
    lena.call::<IssueReset>(&of).await.unwrap();
    give(&mut olga, Holder::Person(mona.id()), &[Power::Roles], None).await;
    mona.call::<Suspend>(&of).await.unwrap();
    mona.call::<Reinstate>(&of).await.unwrap();
    // A guest's roles sleep; whoever wakes them has to hold these, too.
    let strong = Grant { role: olga.call::<CreateRole>(&role_of(&[Power::Audit])).await.unwrap().id, ..roles };
    olga.call::<GrantRole>(&strong).await.unwrap();
    rank(&mut olga, bob, Rank::Guest).await.unwrap();
    assert_eq!(code(rank(&mut mona, bob, Rank::Member).await), Code::Denied);
    olga.call::<TakeRole>(&strong).await.unwrap();
    rank(&mut mona, bob, Rank::Member).await.unwrap();
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
