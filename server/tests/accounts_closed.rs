//! What closes an account, a device or an invite at once, and where devices are.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};
use support::accounts::{acts_on, by_device, code, owned, params};
use support::web::{Tab, own_page, raw};
use support::{Host, PASSWORD, texts};
use thechatapp_protocol::audit::{Actor, Target};
use thechatapp_protocol::http::api_path;
use thechatapp_protocol::identity::Invite;
use thechatapp_protocol::methods::account::{Credential, Nothing, SignIn, WhoAmI};
use thechatapp_protocol::methods::devices::*;
use thechatapp_protocol::methods::messages::{History, HistoryParams};
use thechatapp_protocol::methods::people::*;
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::session::StaticKey;
use thechatapp_protocol::{Code, Event, Method};

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_person_hears_nothing_from_that_commit_on_and_is_closed_within_a_second() {
    let (host, mut owner) = owned().await;
    let mut bob = host.join("bob").await;
    let tab = Tab::open(host.port, "acme", "bob").await;
    let general = bob.general().await;
    owner.send(general, "before").await.unwrap();
    let begun = Instant::now();
    owner.call::<Suspend>(&OnePerson { person: bob.id() }).await.unwrap();
    owner.send(general, "after").await.unwrap();
    let (mut heard, mut told) = (Vec::new(), false);
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_secs(5), bob.session.event()).await {
        match event {
            Event::Changes(changes) => heard.extend(changes.rows),
            Event::SignedOut { .. } => told = true,
            _ => {}
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(told && texts(&heard).iter().all(|text| text == "before"), "{heard:?}");
    bob.again(&host).await;
    assert_eq!(code(bob.send(general, "still here").await), Some(Code::SignedOut));
    assert_eq!(code(tab.call::<WhoAmI>(&Nothing {}).await), Some(Code::SignedOut));
    assert_eq!(code(by_device(&host, "bob", PASSWORD, None).await), Some(Code::Denied));
    // Reinstated, the same device is good again, and misses nothing.
    owner.call::<Reinstate>(&OnePerson { person: bob.id() }).await.unwrap();
    bob.again(&host).await;
    let history = HistoryParams { channel: general, before: None, after: None, limit: 10 };
    assert_eq!(bob.call::<History>(&history).await.unwrap().messages.len(), 2);
    tab.call::<WhoAmI>(&Nothing {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_person_is_out_and_what_they_wrote_stays_or_goes() {
    let (host, mut owner) = owned().await;
    for (name, content) in [("bob", Content::Keep), ("carol", Content::Remove)] {
        let mut person = host.join(name).await;
        let general = person.general().await;
        let sent = person.send(general, &format!("by {name}")).await.unwrap();
        let id = person.id();
        owner.call::<DeletePerson>(&DeletePersonParams { person: id, content: Some(content) }).await.unwrap();
        assert!(person.session.closed().await);
        assert_eq!(code(by_device(&host, name, PASSWORD, None).await), Some(Code::Denied));
        let history = HistoryParams { channel: general, before: Some(sent.seq + 1), after: None, limit: 1 };
        let kept = owner.call::<History>(&history).await.unwrap().messages.remove(0);
        let account = owner.call::<GetAccount>(&OnePerson { person: id }).await.unwrap();
        assert_eq!(account.state, AccountState::Deleted);
        match content {
            Content::Keep => assert_eq!((kept.text.as_str(), account.person.name.as_str()), ("by bob", "bob")),
            Content::Remove => assert!(kept.deleted && kept.text.is_empty() && account.person.name != "carol"),
        }
        let again = host.invite(1).await.parse::<Invite>().unwrap().code;
        let credential = Credential::Invite { code: again, name: name.into(), password: PASSWORD.into() };
        let taken = host.enrol(&Arc::new(StaticKey::random().unwrap()), credential).await;
        assert_eq!(taken.is_ok(), content == Content::Remove, "a name that stays is nobody else's");
        assert_eq!(code(owner.call::<Reinstate>(&OnePerson { person: id }).await), Some(Code::Conflict));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_and_browsers_are_listed_with_their_place_and_revoked_singly_or_all() {
    let (host, mut owner) = owned().await;
    let mut laptop = host.join("bob").await;
    let mut phone = by_device(&host, "bob", PASSWORD, None).await.unwrap();
    let tab = Tab::open(host.port, "acme", "bob").await;
    phone.call::<WhoAmI>(&Nothing {}).await.unwrap();
    let listed = laptop.call::<ListDevices>(&Nothing {}).await.unwrap().devices;
    assert_eq!(listed.len(), 3);
    assert_eq!(owner.call::<DevicesOf>(&OnePerson { person: laptop.id() }).await.unwrap().devices.len(), 3);
    assert_eq!(code(laptop.call::<DevicesOf>(&OnePerson { person: owner.id() }).await), Some(Code::Denied));
    // Another's is as one that is not there.
    let theirs = RevokeDeviceParams { device: owner.me.device, wipe: false };
    assert_eq!(code(laptop.call::<RevokeDevice>(&theirs).await), Some(Code::NotFound));
    let begun = Instant::now();
    laptop.call::<RevokeDevice>(&RevokeDeviceParams { device: phone.me.device, wipe: false }).await.unwrap();
    assert!(phone.session.closed().await && begun.elapsed() < Duration::from_secs(1));
    let session = tab.me.as_ref().unwrap().device;
    laptop.call::<RevokeDevice>(&RevokeDeviceParams { device: session, wipe: false }).await.unwrap();
    assert_eq!(code(tab.call::<WhoAmI>(&Nothing {}).await), Some(Code::SignedOut));
    assert_eq!(
        code(laptop.call::<RevokeDevice>(&RevokeDeviceParams { device: session, wipe: false }).await),
        Some(Code::NotFound)
    );
    let mut phone = by_device(&host, "bob", PASSWORD, None).await.unwrap();
    phone.call::<WhoAmI>(&Nothing {}).await.unwrap();
    let others = RevokeDevicesParams { except_this: true };
    assert_eq!(laptop.call::<RevokeDevices>(&others).await.unwrap(), Revoked { count: 1 });
    assert!(phone.session.closed().await);
    assert_eq!(owner.call::<RevokeDevicesOf>(&OnePerson { person: laptop.id() }).await.unwrap().count, 1);
    assert!(laptop.session.closed().await);
    let acts = acts_on(&host, Target::Device(laptop.me.device)).await;
    assert_eq!(acts, ["device.enrolled", "device.revoked"]);
    let entries = host.running().host().workspace("acme").unwrap().acts().await.unwrap();
    let last = entries.last().unwrap();
    assert_eq!(last.actor, Actor::Person(owner.id(), owner.me.device));
    assert_eq!(last.place.as_deref(), Some("127.0.0.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_what_a_proxy_says_only_where_the_proxy_is_known() {
    let (mut host, _owner) = owned().await;
    let from = async |host: &Host, forwarded: &str| {
        let mut headers = own_page(host.port);
        headers.push(("X-Forwarded-For", forwarded.to_owned()));
        let body = serde_json::to_vec(&params("owner", PASSWORD)).unwrap();
        let answer = raw(host.port, "POST", &api_path("acme", SignIn::NAME), &headers, &body).await;
        let tab = Tab { port: host.port, workspace: "acme".into(), cookie: answer.cookie(), me: None };
        let devices = tab.call::<ListDevices>(&Nothing {}).await.unwrap().devices;
        devices.into_iter().find(|device| device.this).unwrap().address.unwrap()
    };
    assert_eq!(from(&host, "203.0.113.9").await, "127.0.0.1");
    host.stop().await;
    host.config.server.proxies = vec!["127.0.0.0/8".parse().unwrap()];
    host.serve().await;
    assert_eq!(from(&host, "198.51.100.1, 203.0.113.9").await, "203.0.113.9");
}

/// An invite is good as long as whoever made it could make it still.
#[tokio::test(flavor = "multi_thread")]
async fn an_invite_does_not_outlive_the_power_of_its_maker() {
    let (host, mut owner) = owned().await;
    let manager = InvitePersonParams { name: None, rank: Rank::Manager, channels: Vec::new() };
    let invited = owner.call::<InvitePerson>(&manager).await.unwrap();
    let by = |code: String, name: &str| Credential::Invite { code, name: name.into(), password: PASSWORD.into() };
    let device = || Arc::new(StaticKey::random().unwrap());
    let mut mia = host.enrol(&device(), by(invited.code, "mia")).await.unwrap();
    let mine = mia.call::<InvitePerson>(&manager).await.unwrap();
    let of = OnePerson { person: mia.id() };
    owner.call::<Suspend>(&of).await.unwrap();
    let refused = host.enrol(&device(), by(mine.code.clone(), "mia's other self")).await.err().unwrap();
    assert_eq!(refused.code, Code::Denied);
    owner.call::<Reinstate>(&of).await.unwrap();
    host.enrol(&device(), by(mine.code, "max")).await.unwrap();
}
