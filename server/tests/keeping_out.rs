//! Who is kept out of a channel: by a ban, and by making it private.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;
use support::rights::*;
use support::{Host, PASSWORD, texts};
use thechatapp_protocol::event::*;
use thechatapp_protocol::methods::account::Credential;
use thechatapp_protocol::methods::audit::{AuditFilter, ListAudit, ListAuditParams};
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::groups::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::people::*;
use thechatapp_protocol::methods::roles::Holder;
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::session::StaticKey;
use thechatapp_protocol::{ChannelId, Code, Row};

/// The acts of a class that the log holds, the newest first, with what was before and after.
async fn log(owner: &mut support::Person, acts: &[&str]) -> Vec<(String, String, String)> {
    let params = ListAuditParams { filter: AuditFilter::default(), below: None, limit: 100 };
    let page = owner.call::<ListAudit>(&params).await.unwrap();
    let entries = page.entries.into_iter().filter(|entry| acts.contains(&entry.act.as_str()));
    entries.map(|entry| (entry.act, entry.before.unwrap_or_default(), entry.after.unwrap_or_default())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_banned_leaves_at_once_and_nothing_brings_them_back() {
    let host = Host::start().await;
    let (mut olga, mut mia, mut bob) = (owner(&host).await, host.join("mia").await, host.join("bob").await);
    let bob_id = bob.id();
    let room = channel(&mut mia, ChannelKind::Public).await;
    let ban = BanParams { channel: room, person: bob_id };
    bob.call::<JoinChannel>(&InChannel { channel: room }).await.unwrap();
    bob.sync(0).await;
    // Only whoever looks after it bans, and sees who is banned; nobody bans themselves.
    assert_eq!(code(bob.call::<BanMember>(&BanParams { person: mia.id(), ..ban }).await), Code::Denied);
    assert_eq!(code(bob.call::<ListBans>(&InChannel { channel: room }).await), Code::Denied);
    assert_eq!(code(mia.call::<BanMember>(&BanParams { person: mia.me.person.id, ..ban }).await), Code::BadInput);
    let bans = mia.call::<BanMember>(&ban).await.unwrap().bans;
    assert_eq!(bans.iter().map(|ban| (ban.person, ban.by)).collect::<Vec<_>>(), [(bob_id, mia.id())]);
    let left = |row: &Row| matches!(row, Row::Member(row) if row.channel == room && row.person == bob_id && !row.joined);
    soon(until(&mut bob, left)).await;
    mia.send(room, "among us").await.unwrap();
    let general = mia.general().await;
    mia.send(general, "to all").await.unwrap();
    let rows = until(&mut bob, |row| matches!(row, Row::Message(row) if row.text == "to all")).await;
    assert!(!texts(&rows).contains(&"among us".to_owned()));
    // Neither they themselves, nor others, nor a group, nor an invite.
    assert_eq!(code(bob.call::<JoinChannel>(&InChannel { channel: room }).await), Code::Denied);
    assert_eq!(code(bob.send(room, "me again").await), Code::Denied);
    assert_eq!(code(mia.call::<AddMember>(&AddMemberParams { channel: room, person: bob_id }).await), Code::Denied);
    let team = group(&mut olga, Visibility::Public, &[bob_id]).await;
    olga.call::<LinkGroup>(&LinkParams { group: team, channel: room }).await.unwrap();
    assert_eq!(code(bob.send(room, "by a group").await), Code::Denied);
    let other = group(&mut olga, Visibility::Public, &[]).await;
    olga.call::<LinkGroup>(&LinkParams { group: other, channel: room }).await.unwrap();
    put(&mut olga, other, Holder::Person(bob_id)).await.unwrap();
    assert_eq!(code(bob.send(room, "by another").await), Code::Denied);
    let invite = InvitePersonParams { name: Some("Gus".into()), rank: Rank::Guest, channels: vec![room, general] };
    let invited = olga.call::<InvitePerson>(&invite).await.unwrap();
    let gus = BanParams { person: invited.person.unwrap(), ..ban };
    assert_eq!(mia.call::<BanMember>(&gus).await.unwrap().bans.len(), 2);
    let credential = Credential::Invite { code: invited.code, name: "Gus".into(), password: PASSWORD.into() };
    let mut guest = host.enrol(&Arc::new(StaticKey::random().unwrap()), credential).await.unwrap();
    assert_eq!(code(guest.send(room, "by an invite").await), Code::NotFound);
    guest.send(general, "where I may").await.unwrap();
    // Once is enough; whoever holds the directory lifts it, and what held him until then holds him again.
    mia.call::<BanMember>(&ban).await.unwrap();
    assert_eq!(olga.call::<ListBans>(&InChannel { channel: room }).await.unwrap().bans.len(), 2);
    assert_eq!(olga.call::<UnbanMember>(&ban).await.unwrap().bans[0].person, gus.person);
    bob.send(room, "back").await.unwrap();
    mia.call::<UnbanMember>(&gus).await.unwrap();
    assert_eq!(code(guest.send(room, "not by that").await), Code::NotFound);
    mia.call::<AddMember>(&AddMemberParams { channel: room, person: gus.person }).await.unwrap();
    let mut expected: Vec<_> = [("banned", bob_id), ("banned", gus.person), ("unbanned", bob_id), ("unbanned", gus.person)]
        .map(|(act, who)| (format!("channel.{act}"), String::new(), format!("person:{who}")))
        .into();
    expected.reverse();
    assert_eq!(log(&mut olga, &["channel.banned", "channel.unbanned"]).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_banned_guest_loses_sight_of_the_channel_and_a_conversation_of_two_has_no_bans() {
    let host = Host::start().await;
    let (mut olga, mut mia, mut gast) = (owner(&host).await, host.join("mia").await, host.join("gast").await);
    rank(&mut olga, gast.id(), Rank::Guest).await.unwrap();
    let room = channel(&mut mia, ChannelKind::Private).await;
    mia.call::<AddMember>(&AddMemberParams { channel: room, person: gast.id() }).await.unwrap();
    gast.again(&host).await;
    gast.sync(0).await;
    let two = mia.call::<OpenDirect>(&OpenDirectParams { people: vec![gast.id()] }).await.unwrap().id;
    let there = BanParams { channel: two, person: gast.id() };
    assert_eq!(code(mia.call::<BanMember>(&there).await), Code::Denied, "nobody looks after it");
    mia.call::<BanMember>(&BanParams { channel: room, ..there }).await.unwrap();
    assert!(gast.session.closed().await, "begins anew");
    gast.again(&host).await;
    let page = HistoryParams { channel: room, before: None, after: None, limit: 1 };
    assert_eq!(code(gast.call::<History>(&page).await), Code::NotFound);
    let seen = |rows: &[Row], id: ChannelId| rows.iter().any(|row| matches!(row, Row::Channel(row) if row.id == id));
    let (_, rows, _) = gast.sync(0).await;
    assert!(!seen(&rows, room) && seen(&rows, two));
}
