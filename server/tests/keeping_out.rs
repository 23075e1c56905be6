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
    let params = ListAuditParams { filter: AuditFilter::default(), below: None, limit: 100, continues: None };
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
    let left =
        |row: &Row| matches!(row, Row::Member(row) if row.channel == room && row.person == bob_id && !row.joined);
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
    let mut expected: Vec<_> =
        [("banned", bob_id), ("banned", gus.person), ("unbanned", bob_id), ("unbanned", gus.person)]
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

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_made_private_leaves_those_outside_at_once_and_made_public_all_of_it_is_read() {
    let host = Host::start().await;
    let (mut olga, mut mia, mut ben) = (owner(&host).await, host.join("mia").await, host.join("ben").await);
    let (mut ina, mut gast) = (host.join("ina").await, host.join("gast").await);
    rank(&mut olga, gast.id(), Rank::Guest).await.unwrap();
    let room = channel(&mut mia, ChannelKind::Public).await;
    ina.call::<JoinChannel>(&InChannel { channel: room }).await.unwrap();
    // Somebody who left it is outside, too.
    olga.call::<JoinChannel>(&InChannel { channel: room }).await.unwrap();
    olga.call::<LeaveChannel>(&InChannel { channel: room }).await.unwrap();
    mia.send(room, "vexku in the open").await.unwrap();
    let private = SetVisibilityParams { channel: room, kind: ChannelKind::Private };
    let public = SetVisibilityParams { kind: ChannelKind::Public, ..private };
    assert_eq!(code(ina.call::<SetVisibility>(&private).await), Code::Denied, "for those who look after it");
    let direct = SetVisibilityParams { kind: ChannelKind::Direct, ..private };
    assert_eq!(code(mia.call::<SetVisibility>(&direct).await), Code::BadInput);
    let (_, _, to) = ben.sync(0).await;
    ina.sync(0).await;
    gast.again(&host).await;
    gast.sync(0).await;
    let mut away = olga.sync(0).await.2;
    assert_eq!(mia.call::<SetVisibility>(&private).await.unwrap().kind, ChannelKind::Private);
    let gone = |row: &Row| matches!(row, Row::Channel(row) if row.id == room && row.gone && row.name.is_empty());
    let here = |row: &Row| matches!(row, Row::Channel(row) if row.id == room && !row.gone && !row.name.is_empty());
    let rows = soon(until(&mut ben, gone)).await;
    assert!(!rows.iter().any(here));
    // Who is in it goes on, and does not lose what is there.
    let rows = soon(until(&mut ina, here)).await;
    assert!(!rows.iter().any(gone));
    mia.send(room, "vexku among us").await.unwrap();
    soon(until(&mut ina, |row| matches!(row, Row::Message(row) if row.text == "vexku among us"))).await;
    let page = HistoryParams { channel: room, before: None, after: None, limit: 10 };
    let search = SearchParams { words: "vexku".into(), ..Default::default() };
    for who in [&mut ben, &mut olga, &mut gast] {
        assert_eq!(code(who.call::<History>(&page).await), Code::NotFound);
        assert_eq!(code(who.call::<JoinChannel>(&InChannel { channel: room }).await), Code::NotFound);
        assert!(who.call::<Search>(&search).await.unwrap().messages.is_empty());
    }
    // A device that comes later learns it; one that begins never knew of it; what changes there afterwards is told to nobody outside.
    olga.again(&host).await;
    let (_, rows, now) = olga.sync(away).await;
    assert!(rows.iter().any(gone) && !rows.iter().any(here));
    away = now;
    mia.call::<SetTopic>(&SetTopicParams { channel: room, topic: "ours".into() }).await.unwrap();
    olga.again(&host).await;
    let (_, rows, _) = olga.sync(away).await;
    assert!(!rows.iter().any(|row| gone(row) || here(row)));
    let (_, rows, _) = host_sync(&mut ben, &host).await;
    assert!(!rows.iter().any(|row| gone(row) || here(row)));
    // Public again, everybody but guests has it, with all that was said meanwhile.
    mia.call::<SetVisibility>(&public).await.unwrap();
    soon(until(&mut ben, here)).await;
    assert_eq!(texts_of(&ben.call::<History>(&page).await.unwrap().messages), ["vexku in the open", "vexku among us"]);
    ben.again(&host).await;
    let (_, rows, _) = ben.sync(to).await;
    assert!(rows.iter().any(here) && !rows.iter().any(gone));
    assert_eq!(code(gast.call::<History>(&page).await), Code::NotFound);
    assert!(gast.session.quiet().await);
    let expected = [("private", "public"), ("public", "private")]
        .map(|(before, after)| ("channel.visibility_changed".to_owned(), before.to_owned(), after.to_owned()));
    assert_eq!(log(&mut olga, &["channel.visibility_changed"]).await, expected);
}

fn texts_of(messages: &[MessageRow]) -> Vec<&str> {
    messages.iter().map(|message| message.text.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_brings_nobody_into_an_archived_channel_until_it_is_taken_out() {
    let host = Host::start().await;
    let (mut olga, mut ann, mut ben) = (owner(&host).await, host.join("ann").await, host.join("ben").await);
    let (room, team) =
        (channel(&mut olga, ChannelKind::Private).await, group(&mut olga, Visibility::Public, &[ann.id()]).await);
    olga.call::<LinkGroup>(&LinkParams { group: team, channel: room }).await.unwrap();
    olga.send(room, "before").await.unwrap();
    let archive = |on| ArchiveChannelParams { channel: room, on };
    olga.call::<ArchiveChannel>(&archive(true)).await.unwrap();
    let page = HistoryParams { channel: room, before: None, after: None, limit: 10 };
    put(&mut olga, team, Holder::Person(ben.id())).await.unwrap();
    assert_eq!(code(ben.call::<History>(&page).await), Code::NotFound);
    // Who was in it reads it, leaves it with the group, and does not come back with it.
    ann.call::<History>(&page).await.unwrap();
    let member = GroupMemberParams { group: team, member: Holder::Person(ann.id()), manager: false };
    olga.call::<RemoveFromGroup>(&member).await.unwrap();
    assert_eq!(code(ann.call::<History>(&page).await), Code::NotFound);
    olga.call::<AddToGroup>(&member).await.unwrap();
    assert_eq!(code(ann.call::<History>(&page).await), Code::NotFound);
    ben.sync(0).await;
    olga.call::<ArchiveChannel>(&archive(false)).await.unwrap();
    soon(until(&mut ben, |row| matches!(row, Row::Channel(row) if row.id == room && !row.archived))).await;
    ann.send(room, "back").await.unwrap();
    ben.send(room, "here").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_against_a_change_of_who_sees_a_channel() {
    let host = Host::start().await;
    let (mut olga, mut mia) = (owner(&host).await, host.join("mia").await);
    let inner = CreateChannelParams { id: support::channel_id(), name: "Plans".into(), kind: ChannelKind::Private };
    mia.call::<CreateChannel>(&inner).await.unwrap();
    let outer = CreateChannelParams { id: support::channel_id(), name: "plans".into(), kind: ChannelKind::Public };
    olga.call::<CreateChannel>(&outer).await.unwrap();
    let show = |channel, kind| SetVisibilityParams { channel, kind };
    // Two public ones of one name there are not.
    assert_eq!(code(mia.call::<SetVisibility>(&show(inner.id, ChannelKind::Public)).await), Code::Conflict);
    let archive = |on| ArchiveChannelParams { channel: outer.id, on };
    olga.call::<ArchiveChannel>(&archive(true)).await.unwrap();
    assert_eq!(code(olga.call::<SetVisibility>(&show(outer.id, ChannelKind::Private)).await), Code::Denied);
    olga.call::<ArchiveChannel>(&archive(false)).await.unwrap();
    // Nor a private one that nobody sees.
    olga.call::<LeaveChannel>(&InChannel { channel: outer.id }).await.unwrap();
    assert_eq!(code(olga.call::<SetVisibility>(&show(outer.id, ChannelKind::Private)).await), Code::BadInput);
    // Whoever looks after it by a power takes it out of their own sight with that.
    mia.call::<JoinChannel>(&InChannel { channel: outer.id }).await.unwrap();
    assert!(olga.call::<SetVisibility>(&show(outer.id, ChannelKind::Private)).await.unwrap().gone);
    assert_eq!(code(olga.call::<SetVisibility>(&show(outer.id, ChannelKind::Public)).await), Code::NotFound);
}
