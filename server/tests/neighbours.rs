//! Two neighbours: whatever is asked with the ids of another workspace, or of a conversation one is not in, is answered as if
//! there were no such thing. The list names every method that there is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use support::{Host, Person, channel_id, message_id, millis};
use thechatapp_protocol::event::{ChannelKind, ChannelRole, Visibility};
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::devices::*;
use thechatapp_protocol::methods::drafts::*;
use thechatapp_protocol::methods::files::*;
use thechatapp_protocol::methods::groups::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::moderation::*;
use thechatapp_protocol::methods::people::*;
use thechatapp_protocol::methods::polls::*;
use thechatapp_protocol::methods::roles::*;
use thechatapp_protocol::methods::saved::*;
use thechatapp_protocol::permission::{Powers, Rank};
use thechatapp_protocol::{
    AccountId, ChannelId, DeviceId, ErrorBody, FileId, GroupId, MessageId, Method, ReportId, RoleId, for_each_method,
};

/// Methods whose parameters name nothing that is somebody's: they say who calls, or make something new.
/// Those of the audit log are for whoever may read all of it.
const NAME_NOTHING: [&str; 35] = [
    "account.begin_totp",
    "account.change_password",
    "account.confirm",
    "account.end_totp",
    "account.enrol",
    "account.finish_totp",
    "account.own",
    "account.sign_in",
    "account.whoami",
    "analytics.usage",
    "audit.checkpoint",
    "audit.export",
    "audit.list",
    "audit.prove",
    "channels.create",
    "devices.list",
    "devices.revoke_all",
    "devices.sign_out",
    "people.blocked",
    "reports.list",
    "groups.create",
    "groups.list",
    "roles.create",
    "roles.list",
    "saved.list",
    "settings.history",
    "settings.list",
    "settings.set_analytics",
    "settings.set_authentication",
    "settings.set_privacy",
    "settings.set_server",
    "settings.set_storage",
    "settings.set_updates",
    "settings.set_web_chat",
    "sync.start",
];

#[derive(Clone, Copy)]
struct Ids {
    channel: ChannelId,
    message: MessageId,
    poll: MessageId,
    file: FileId,
    person: AccountId,
    report: ReportId,
    group: GroupId,
    role: RoleId,
    device: DeviceId,
}

impl Ids {
    fn nobodys() -> Self {
        Self {
            channel: channel_id(),
            message: message_id(),
            poll: message_id(),
            file: file_id(),
            person: account_id(),
            report: report_id(),
            device: DeviceId::from_bytes(*message_id().as_bytes()),
            group: GroupId::from_bytes(*message_id().as_bytes()),
            role: RoleId::from_bytes(*message_id().as_bytes()),
        }
    }
}

fn file_id() -> FileId {
    FileId::from_bytes(*message_id().as_bytes())
}

fn report_id() -> ReportId {
    ReportId::from_bytes(*message_id().as_bytes())
}

fn account_id() -> AccountId {
    AccountId::from_bytes(*message_id().as_bytes())
}

async fn refusal<M: Method>(who: &mut Person, params: M::Params) -> (&'static str, Option<ErrorBody>) {
    (M::NAME, who.call::<M>(&params).await.err())
}

/// Every method that names something, with these ids: what each was refused with.
async fn refusals(who: &mut Person, ids: Ids) -> Vec<(&'static str, Option<ErrorBody>)> {
    let Ids { channel, message: id, poll, file, person, report, group, role, device } = ids;
    let to = Holder::Person(person);
    let grant = |to| Grant { role, to, within: None };
    let member = GroupMemberParams { group, member: Holder::Person(who.id()), manager: false };
    let made = GroupParams { id: group, slug: "x".into(), name: "x".into(), visibility: Visibility::Public };
    let changed = Role { id: role, name: "x".into(), powers: Powers::NONE };
    let one = || OneMessage { channel, id };
    let sent =
        |files, thread| SendMessageParams { id: message_id(), channel, text: "in".into(), files, thread, after: None };
    // Under an id of one's own: who makes something under one that is taken, and so knew it, is told that it is.
    let begin =
        BeginUploadParams { file: file_id(), channel, name: "a.txt".into(), media_type: "text/plain".into(), size: 1 };
    let invite = InvitePersonParams { name: None, rank: Rank::Guest, channels: vec![channel] };
    let options = vec!["a".to_owned(), "b".to_owned()];
    let ask = CreatePollParams { id: message_id(), channel, question: "?".into(), options, multiple: false };
    vec![
        refusal::<JoinChannel>(who, InChannel { channel }).await,
        refusal::<AddMember>(who, AddMemberParams { channel, person }).await,
        refusal::<RenameChannel>(who, RenameChannelParams { channel, name: "in".into() }).await,
        refusal::<ArchiveChannel>(who, ArchiveChannelParams { channel, on: false }).await,
        refusal::<RemoveMember>(who, RemoveMemberParams { channel, person }).await,
        refusal::<SetVisibility>(who, SetVisibilityParams { channel, kind: ChannelKind::Public }).await,
        refusal::<BanMember>(who, BanParams { channel, person }).await,
        refusal::<UnbanMember>(who, BanParams { channel, person }).await,
        refusal::<ListBans>(who, InChannel { channel }).await,
        refusal::<RemoveMessage>(who, one()).await,
        refusal::<Directory>(who, DirectoryParams { after: Some(channel), limit: 1, ..DirectoryParams::default() })
            .await,
        refusal::<SetTopic>(who, SetTopicParams { channel, topic: "in".into() }).await,
        refusal::<BeginUpload>(who, begin).await,
        refusal::<FinishUpload>(who, FinishUploadParams { channel, file, key: FileKey(vec![7; 32]) }).await,
        refusal::<OpenFile>(who, OpenFileParams { channel, file, part: true }).await,
        refusal::<SendMessage>(who, sent(Vec::new(), None)).await,
        refusal::<SendMessage>(who, sent(vec![file], None)).await,
        refusal::<SendMessage>(who, sent(Vec::new(), Some(id))).await,
        refusal::<EditMessage>(who, EditMessageParams { channel, id, text: "in".into() }).await,
        refusal::<Edits>(who, EditsParams { channel, id, from: 0 }).await,
        refusal::<DeleteMessage>(who, one()).await,
        refusal::<React>(who, ReactParams { channel, id, emoji: "👍".into(), on: true }).await,
        refusal::<Pin>(who, one()).await,
        refusal::<Unpin>(who, one()).await,
        refusal::<Pins>(who, PinsParams { channel, after: 0 }).await,
        refusal::<Thread>(who, ThreadParams { channel, id, before: None, after: None, limit: 10 }).await,
        refusal::<History>(who, HistoryParams { channel, before: None, after: None, limit: 10 }).await,
        refusal::<MarkRead>(who, MarkReadParams { channel, seq: 1 }).await,
        refusal::<PutDraft>(who, PutDraftParams { channel, thread: None, text: "in".into(), base: 0, token: 1 }).await,
        refusal::<Search>(who, SearchParams { words: "hidden".into(), channel: Some(channel), ..Default::default() })
            .await,
        refusal::<ReportMessage>(who, ReportMessageParams { report: report_id(), channel, id, reason: "in".into() })
            .await,
        refusal::<ReportPerson>(who, ReportPersonParams { report: report_id(), person, reason: "in".into() }).await,
        refusal::<CloseReport>(who, CloseReportParams { report, outcome: Outcome::Removed, note: String::new() }).await,
        refusal::<Block>(who, BlockParams { person, on: true }).await,
        refusal::<CreatePoll>(who, ask).await,
        refusal::<CastVote>(who, CastVoteParams { channel, id: poll, choices: vec![0] }).await,
        refusal::<ClosePoll>(who, OneMessage { channel, id: poll }).await,
        refusal::<Save>(who, SaveParams { channel, id, note: None }).await,
        refusal::<Unsave>(who, one()).await,
        refusal::<SetChannelRole>(who, SetChannelRoleParams { channel, person, role: ChannelRole::Member }).await,
        refusal::<GroupMembers>(who, GroupMembersParams { group, after: None }).await,
        refusal::<ChangeGroup>(who, made).await,
        refusal::<DeleteGroup>(who, OneGroup { group }).await,
        refusal::<AddToGroup>(who, member).await,
        refusal::<RemoveFromGroup>(who, member).await,
        refusal::<LinkGroup>(who, LinkParams { group, channel }).await,
        refusal::<UnlinkGroup>(who, LinkParams { group, channel }).await,
        refusal::<ChangeRole>(who, changed).await,
        refusal::<DeleteRole>(who, OneRole { id: role }).await,
        refusal::<GrantRole>(who, grant(to)).await,
        refusal::<TakeRole>(who, grant(Holder::Group(group))).await,
        refusal::<SetRank>(who, SetRankParams { person, rank: Rank::Member }).await,
        refusal::<GetAccount>(who, OnePerson { person }).await,
        refusal::<Suspend>(who, OnePerson { person }).await,
        refusal::<Reinstate>(who, OnePerson { person }).await,
        refusal::<DeletePerson>(who, DeletePersonParams { person, content: Some(Content::Keep) }).await,
        refusal::<IssueReset>(who, OnePerson { person }).await,
        refusal::<RemoveTotp>(who, OnePerson { person }).await,
        refusal::<Unlock>(who, OnePerson { person }).await,
        refusal::<InvitePerson>(who, invite).await,
        refusal::<DevicesOf>(who, OnePerson { person }).await,
        refusal::<RevokeDevice>(who, RevokeDeviceParams { device, wipe: false }).await,
        refusal::<RevokeDeviceOf>(who, RevokeDeviceOfParams { person, device, wipe: true }).await,
        refusal::<RevokeDevicesOf>(who, OnePerson { person }).await,
        // At the end: the others are asked by a member, where one may be.
        refusal::<LeaveChannel>(who, InChannel { channel }).await,
    ]
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
    let group = GroupId::from_bytes(*message_id().as_bytes());
    let params =
        GroupParams { id: group, slug: "secret".into(), name: "Secret".into(), visibility: Visibility::Hidden };
    alice.call::<CreateGroup>(&params).await.unwrap();
    let role = RoleId::from_bytes(*message_id().as_bytes());
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

    let mut covered = BTreeSet::new();
    for (who, of) in [(&mut bob, "another person"), (&mut eve, "another workspace")] {
        let own = who.general().await;
        // Her conversation; and in one's own conversation what is in hers.
        for channel in [hers.channel, own] {
            let nobodys = Ids { channel: if channel == own { own } else { channel_id() }, ..Ids::nobodys() };
            // People of one workspace know of each other.
            let person = if of == "another person" { account_id() } else { hers.person };
            let asked = refusals(who, Ids { channel, person, ..hers }).await;
            let unknown = refusals(who, nobodys).await;
            for ((name, refused), (_, as_unknown)) in asked.into_iter().zip(unknown) {
                assert_eq!(refused, as_unknown, "{name}, of {of}");
                assert!(channel == own || refused.is_some(), "{name}, of {of}, was not refused");
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
