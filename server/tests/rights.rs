//! Who may give what to whom: ranks, custom roles and what follows from them, asked for over sessions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;
use support::rights::*;
use support::{Host, channel_id};
use thechatapp_protocol::event::*;
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::groups::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::roles::*;
use thechatapp_protocol::methods::sync::{StartSync, StartSyncParams};
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::{AccountId, Code, Row};

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
