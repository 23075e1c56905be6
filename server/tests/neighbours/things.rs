//! What one workspace gave out, shown to the other: devices, invites, passwords, tokens, cookies and cursors of one are nothing in
//! another, and are answered as what nobody ever gave out.

use super::*;
use crate::support::files::{Answer, Sealed, proved, raw};
use crate::support::web::{Tab, own_page};
use crate::support::{PASSWORD, Session, proof};
use std::sync::Arc;
use thechatapp_protocol::MessageId;
use thechatapp_protocol::http::{api_path, file_path, opened_file_path};
use thechatapp_protocol::identity::{Invite, Verified};
use thechatapp_protocol::methods::account::{Credential, Enrol, EnrolParams, Nothing, WhoAmI};
use thechatapp_protocol::methods::audit::{ListAudit, ListAuditParams};
use thechatapp_protocol::methods::saved::{ListSaved, ListSavedParams};
use thechatapp_protocol::methods::sync::{StartSync, StartSyncParams};
use thechatapp_protocol::session::StaticKey;

/// What a device without an account there is answered, whatever it asks.
async fn unknown_device(host: &Host, known: &Verified, device: &StaticKey) -> Vec<Option<ErrorBody>> {
    let mut session = Session::open(host.port, known, device).await.unwrap();
    let mut answers = vec![
        session.call::<WhoAmI>(&Nothing {}).await.err(),
        session.call::<StartSync>(&StartSyncParams { after: 0 }).await.err(),
    ];
    for (method, _, params) in calls::calls(Ids::nobodys(&mut new), account_id(), &mut new) {
        answers.push(session.ask(method, params).await);
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_an_invite_and_a_password_of_one_workspace_are_nothing_in_another() {
    let host = Host::start().await;
    let alice = host.join_by(&host.owner_invite.clone(), "alice").await;
    let (_eve, other) = host.elsewhere_known("other", "eve").await;
    let nobody = StaticKey::random().unwrap();
    let (hers, nobodys) =
        (unknown_device(&host, &other, &alice.device).await, unknown_device(&host, &other, &nobody).await);
    assert!(hers.iter().all(|refused| refused.as_ref().is_some_and(|why| why.code == Code::SignedOut)), "{hers:?}");
    assert_eq!(hers, nobodys);

    let invite = host.invite(1).await.parse::<Invite>().unwrap().code;
    let password = |name: &str| Credential::Password { name: name.into(), password: PASSWORD.into(), code: None };
    let invited = |code| Credential::Invite { code, name: "mallory".into(), password: PASSWORD.into() };
    for (theirs, nobodys) in
        [(invited(invite.clone()), invited(invite.chars().rev().collect())), (password("alice"), password("nobody"))]
    {
        let mut refused = Vec::new();
        for credential in [theirs, nobodys] {
            let device = Arc::new(StaticKey::random().unwrap());
            let mut session = Session::open(host.port, &other, &device).await.unwrap();
            let params = EnrolParams { credential, device: proof(&session, &device) };
            refused.push(session.call::<Enrol>(&params).await.unwrap_err());
        }
        assert_eq!(refused[0], refused[1]);
    }
    // Where it was made the invite is as good as before.
    host.enrol(&Arc::new(StaticKey::random().unwrap()), invited(invite)).await.unwrap();
}

fn seen(answer: &Answer) -> (u16, Vec<u8>) {
    (answer.status, answer.body.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_and_a_cookie_of_one_workspace_are_nothing_in_another() {
    let host = Host::with_browsers().await;
    let mut alice = host.join_by(&host.owner_invite.clone(), "alice").await;
    let mut eve = host.elsewhere("other", "eve").await;
    let (here, there) = (alice.general().await, eve.general().await);
    let file = Sealed::new(&alice, here, 1, vec![1; 1000]);
    file.upload(&host, &mut alice).await;
    alice.call::<SendMessage>(&file.message()).await.unwrap();
    let token = file.open(&mut alice).await.unwrap().token;
    let mut nothing = token.clone();
    nothing.token[0] ^= 1;
    for method in ["GET", "HEAD", "PATCH"] {
        let path = file_path("other", file.id);
        let mut answers = Vec::new();
        for token in [&token, &nothing] {
            answers.push(seen(&raw(host.port, method, &path, &proved(method, &path, token), &[]).await));
        }
        assert_eq!((answers[0].0, &answers[0]), (404, &answers[1]), "{method}");
    }
    let path = file_path("acme", file.id);
    assert_eq!(raw(host.port, "GET", &path, &proved("GET", &path, &token), &[]).await.status, 200, "it was good");

    let tab = Tab::open(host.port, "acme", "alice").await;
    let own = Tab::open(host.port, "other", "eve").await;
    let name = own.cookie.split_once('=').unwrap().0;
    let value = tab.cookie.split_once('=').unwrap().1;
    for (method, path, body) in [
        ("POST", api_path("other", WhoAmI::NAME), "{}"),
        ("GET", opened_file_path("other", there, file.id), ""),
        ("GET", opened_file_path("other", here, file.id), ""),
    ] {
        let mut answers = Vec::new();
        // As it came, and under the name that the other workspace gives its own; beside one that nobody has.
        let flipped: String = value.chars().rev().collect();
        for cookie in [tab.cookie.clone(), format!("{name}={value}"), format!("{name}={flipped}")] {
            let headers = [vec![("Cookie", cookie)], own_page(host.port)].concat();
            answers.push(seen(&raw(host.port, method, &path, &headers, body.as_bytes()).await));
        }
        assert_eq!(answers[0].0, 401, "{method} {path}");
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{method} {path}: {answers:?}");
    }
    // The file's id is nothing there either, for somebody who is signed in.
    let hers = own.fetch(there, file.id).await;
    assert_eq!((hers.status, seen(&hers)), (404, seen(&own.fetch(there, FileId::from_bytes([9; 16])).await)));
}

/// An id right beside another: in any order both stand at the same place among all others.
fn beside(mut id: [u8; 16]) -> [u8; 16] {
    id[15] ^= 1;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_one_workspace_is_nothing_in_another() {
    let host = Host::start().await;
    let mut alice = host.join_by(&host.owner_invite.clone(), "alice").await;
    let (mut eve, other) = host.elsewhere_known("other", "eve").await;
    let hers = hidden(&mut alice).await;
    for number in 0..30 {
        alice.send(hers.channel, &format!("so that its changes are ahead {number}")).await.unwrap();
    }
    let (_, _, far) = alice.sync(0).await;
    let general = eve.general().await;
    eve.send(general, "hers alone").await.unwrap();
    let group = GroupId::from_bytes(new());
    let params = GroupParams { id: group, slug: "own".into(), name: "Own".into(), visibility: Visibility::Public };
    eve.call::<CreateGroup>(&params).await.unwrap();
    eve.session = Session::open(host.port, &other, &eve.device).await.unwrap();
    let (_, own, at) = eve.sync(0).await;
    assert!(at < far, "alice's workspace is ahead");

    // Numbers are each workspace's own: one from the other says nothing but how large it is.
    let mut answers = Vec::new();
    for after in [far, far + 7] {
        eve.session = Session::open(host.port, &other, &eve.device).await.unwrap();
        answers.push(eve.call::<StartSync>(&StartSyncParams { after }).await);
    }
    assert_eq!(answers[0], answers[1]);
    eve.session = Session::open(host.port, &other, &eve.device).await.unwrap();
    assert_eq!(eve.sync(0).await.1, own, "and afterwards she has what she had, and nothing else");

    macro_rules! alike {
        ($method:ty, $params:expr, $hers:expr, $id:ident) => {
            let with = |id: [u8; 16]| $params($id::from_bytes(id));
            let theirs = eve.call::<$method>(&with(*$hers.as_bytes())).await;
            let nobodys = eve.call::<$method>(&with(beside(*$hers.as_bytes()))).await;
            assert_eq!(theirs, nobodys, "{}", <$method as Method>::NAME);
        };
    }
    let directory = |id| DirectoryParams { after: Some(id), limit: 10, ..DirectoryParams::default() };
    alike!(Directory, directory, hers.channel, ChannelId);
    alike!(ListGroups, |id| ListGroupsParams { after: Some(id) }, hers.group, GroupId);
    alike!(GroupMembers, |id| GroupMembersParams { group, after: Some(id) }, hers.person, AccountId);
    let sent = |after| SendMessageParams {
        id: MessageId::from_bytes([5; 16]),
        channel: general,
        text: "after something".into(),
        files: Vec::new(),
        thread: None,
        after: Some(after),
    };
    alike!(SendMessage, sent, hers.message, MessageId);

    // Her reports, her audit log and what she saved, from places of the other's.
    for before in [hers.report, ReportId::from_bytes(beside(*hers.report.as_bytes()))] {
        let params = ListReportsParams { closed: true, before: Some(before), limit: 10, continues: None };
        assert_eq!(eve.call::<ListReports>(&params).await.unwrap().reports, Vec::new());
    }
    let mut entries = Vec::new();
    for below in [far, far + 7] {
        let params = ListAuditParams { below: Some(below), limit: 100, ..ListAuditParams::default() };
        entries.push(eve.call::<ListAudit>(&params).await.unwrap().entries);
        let saved = eve.call::<ListSaved>(&ListSavedParams { before: Some(below), limit: 10 }).await.unwrap();
        assert_eq!(saved.saved, Vec::new());
    }
    // That she looked is an entry.
    assert!(entries[1].len() > entries[0].len() && entries[1].ends_with(&entries[0]), "{entries:?}");
}
