//! Two neighbours: whatever is asked with the ids of another workspace, or of a conversation one is not in, is answered as if
//! there were no such thing. The list names every method that there is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

#[path = "neighbours/calls.rs"]
mod calls;
#[path = "neighbours/things.rs"]
mod things;

use calls::{Ids, NAME_NOTHING};
use std::collections::BTreeSet;
use support::{Host, Person, channel_id, message_id, millis};
use thechatapp_protocol::event::{ChannelKind, Visibility};
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::files::*;
use thechatapp_protocol::methods::groups::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::moderation::*;
use thechatapp_protocol::methods::polls::*;
use thechatapp_protocol::methods::roles::*;
use thechatapp_protocol::permission::{Powers, Rank};
use thechatapp_protocol::{
    AccountId, ChannelId, Code, ErrorBody, FileId, GroupId, Method, ReportId, RoleId, for_each_method,
};

fn new() -> [u8; 16] {
    *message_id().as_bytes()
}

fn report_id() -> ReportId {
    ReportId::from_bytes(new())
}

fn account_id() -> AccountId {
    AccountId::from_bytes(new())
}

/// Every method that names something, with these ids: what each was refused with.
async fn refusals(who: &mut Person, ids: Ids) -> Vec<(&'static str, Option<ErrorBody>)> {
    let mut refusals = Vec::new();
    for (method, _, params) in calls::calls(ids, who.id(), &mut new) {
        refusals.push((method, who.session.ask(method, params).await));
    }
    refusals
}

/// A private conversation of alice's with everything in it.
async fn hidden(alice: &mut Person) -> Ids {
    let channel = channel_id();
    let params = CreateChannelParams { id: channel, name: "secret".into(), kind: ChannelKind::Private };
    alice.call::<CreateChannel>(&params).await.unwrap();
    let message = message_id();
    let sent =
        SendMessageParams { id: message, channel, text: "hidden".into(), files: Vec::new(), thread: None, after: None };
    alice.call::<SendMessage>(&sent).await.unwrap();
    let poll = message_id();
    let options = vec!["a".to_owned(), "b".to_owned()];
    let ask = CreatePollParams { id: poll, channel, question: "hidden?".into(), options, multiple: false };
    alice.call::<CreatePoll>(&ask).await.unwrap();
    let file = FileId::from_parts(millis(), &[3; 10]);
    let begin = BeginUploadParams { file, channel, name: "a.txt".into(), media_type: "text/plain".into(), size: 1 };
    alice.call::<BeginUpload>(&begin).await.unwrap();
    let report = report_id();
    let reported = ReportMessageParams { report, channel, id: message, reason: "hidden".into() };
    alice.call::<ReportMessage>(&reported).await.unwrap();
    let group = GroupId::from_bytes(new());
    let params =
        GroupParams { id: group, slug: "secret".into(), name: "Secret".into(), visibility: Visibility::Hidden };
    alice.call::<CreateGroup>(&params).await.unwrap();
    let role = RoleId::from_bytes(new());
    alice.call::<CreateRole>(&Role { id: role, name: "secret".into(), powers: Powers::NONE }).await.unwrap();
    Ids { channel, message, poll, file, person: alice.id(), report, group, role, device: alice.me.device }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_anothers_is_answered_as_what_is_not_there() {
    let host = Host::start().await;
    let mut alice = host.join_by(&host.owner_invite.clone(), "alice").await;
    let mut bob = host.join("bob").await;
    let mut eve = host.elsewhere("other", "eve").await;
    let hers = hidden(&mut alice).await;
    let before = alice.call::<History>(&everything(hers.channel)).await.unwrap();

    // Olga may do in alice's workspace whatever an owner may, and eve in hers: what they ask for is looked for, where the others
    // are turned away before it is.
    let mut olga = host.join("olga").await;
    alice.call::<SetRank>(&SetRankParams { person: olga.id(), rank: Rank::Owner }).await.unwrap();
    let mut covered = BTreeSet::new();
    for (who, of, is_owner) in [
        (&mut bob, "another person", false),
        (&mut olga, "another person", true),
        (&mut eve, "another workspace", true),
    ] {
        let own = who.general().await;
        let is_elsewhere = of == "another workspace";
        // Her conversation; and in one's own conversation what is in hers.
        for channel in [hers.channel, own] {
            let nobodys = Ids { channel: if channel == own { own } else { channel_id() }, ..Ids::nobodys(&mut new) };
            // People of one workspace know of each other, and its owners of its groups, roles, reports and devices.
            let person = if is_elsewhere { hers.person } else { account_id() };
            let theirs = Ids { channel, person, ..hers };
            let theirs = match is_owner && !is_elsewhere {
                true => Ids {
                    report: nobodys.report,
                    group: nobodys.group,
                    role: nobodys.role,
                    device: nobodys.device,
                    ..theirs
                },
                false => theirs,
            };
            let asked = refusals(who, theirs).await;
            let unknown = refusals(who, nobodys).await;
            for ((name, refused), (_, as_unknown)) in asked.into_iter().zip(unknown) {
                assert_eq!(refused, as_unknown, "{name}, of {of}");
                assert!(channel == own || refused.is_some(), "{name}, of {of}, was not refused");
                let code = refused.map(|refused| refused.code);
                let turned_away = matches!(code, Some(Code::Denied | Code::StepUp));
                assert!(!is_owner || channel == own || !turned_away, "{name}: an owner is not let ask for {of}'s");
                covered.insert(name);
            }
        }
    }
    assert_eq!(alice.call::<History>(&everything(hers.channel)).await.unwrap(), before, "nothing of it changed");

    // Eve knows bob's id from nowhere; a direct conversation across workspaces is one with nobody.
    let mut direct = Vec::new();
    for person in [bob.id(), account_id()] {
        direct.push(eve.call::<OpenDirect>(&OpenDirectParams { people: vec![person] }).await.unwrap_err());
    }
    assert_eq!(direct[0], direct[1]);
    covered.insert(OpenDirect::NAME);

    macro_rules! names {
        ($($method:ty),+ $(,)?) => { BTreeSet::from([$(<$method as Method>::NAME),+]) };
    }
    let all: BTreeSet<&str> = for_each_method!(names);
    covered.extend(NAME_NOTHING);
    assert_eq!(covered, all, "a method is missing here");
}

fn everything(channel: ChannelId) -> HistoryParams {
    HistoryParams { channel, before: None, after: None, limit: 50 }
}
