//! Every method that there is: those that name something, each with ids to ask for, and those that name nothing. The tests see
//! that they are refused alike, and a bench that they take as long (`benches/src/refusals.rs`).

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
use thechatapp_protocol::wire::encode;
use thechatapp_protocol::{AccountId, ChannelId, DeviceId, FileId, GroupId, MessageId, Method, ReportId, RoleId};

/// Methods whose parameters name nothing that is somebody's: they say who calls, or make something new.
/// Those of the audit log are for whoever may read all of it.
pub const NAME_NOTHING: [&str; 35] = [
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
pub struct Ids {
    pub channel: ChannelId,
    pub message: MessageId,
    pub poll: MessageId,
    pub file: FileId,
    pub person: AccountId,
    pub report: ReportId,
    pub group: GroupId,
    pub role: RoleId,
    pub device: DeviceId,
}

impl Ids {
    /// Of nothing that there is.
    pub fn nobodys(new: &mut impl FnMut() -> [u8; 16]) -> Self {
        Self {
            channel: ChannelId::from_bytes(new()),
            message: MessageId::from_bytes(new()),
            poll: MessageId::from_bytes(new()),
            file: FileId::from_bytes(new()),
            person: AccountId::from_bytes(new()),
            report: ReportId::from_bytes(new()),
            group: GroupId::from_bytes(new()),
            role: RoleId::from_bytes(new()),
            device: DeviceId::from_bytes(new()),
        }
    }
}

/// A method's name, what is special about the call, and its parameters as they are sent.
pub type Call = (&'static str, &'static str, Vec<u8>);

fn call<M: Method>(params: M::Params) -> Call {
    special::<M>("", params)
}

fn special<M: Method>(special: &'static str, params: M::Params) -> Call {
    (M::NAME, special, encode(&params).unwrap())
}

/// Every method that names something, with these ids, asked by `me`. What is made is made under ids that are new.
pub fn calls(ids: Ids, me: AccountId, new: &mut impl FnMut() -> [u8; 16]) -> Vec<Call> {
    let Ids { channel, message: id, poll, file, person, report, group, role, device } = ids;
    let to = Holder::Person(person);
    let grant = |to| Grant { role, to, within: None };
    let member = GroupMemberParams { group, member: Holder::Person(me), manager: false };
    let made = GroupParams { id: group, slug: "x".into(), name: "x".into(), visibility: Visibility::Public };
    let changed = Role { id: role, name: "x".into(), powers: Powers::NONE };
    let one = || OneMessage { channel, id };
    let sent = |id, files, thread| SendMessageParams {
        id: MessageId::from_bytes(id),
        channel,
        text: "in".into(),
        files,
        thread,
        after: None,
    };
    // Under an id of one's own: who makes something under one that is taken, and so knew it, is told that it is.
    let begin = BeginUploadParams {
        file: FileId::from_bytes(new()),
        channel,
        name: "a.txt".into(),
        media_type: "text/plain".into(),
        size: 1,
    };
    let invite = InvitePersonParams { name: None, rank: Rank::Guest, channels: vec![channel] };
    let options = vec!["a".to_owned(), "b".to_owned()];
    let ask =
        CreatePollParams { id: MessageId::from_bytes(new()), channel, question: "?".into(), options, multiple: false };
    vec![
        call::<OpenDirect>(OpenDirectParams { people: vec![person] }),
        call::<JoinChannel>(InChannel { channel }),
        call::<AddMember>(AddMemberParams { channel, person }),
        call::<RenameChannel>(RenameChannelParams { channel, name: "in".into() }),
        call::<ArchiveChannel>(ArchiveChannelParams { channel, on: false }),
        call::<RemoveMember>(RemoveMemberParams { channel, person }),
        call::<SetVisibility>(SetVisibilityParams { channel, kind: ChannelKind::Public }),
        call::<BanMember>(BanParams { channel, person }),
        call::<UnbanMember>(BanParams { channel, person }),
        call::<ListBans>(InChannel { channel }),
        call::<RemoveMessage>(one()),
        call::<Directory>(DirectoryParams { after: Some(channel), limit: 1, ..DirectoryParams::default() }),
        call::<SetTopic>(SetTopicParams { channel, topic: "in".into() }),
        call::<BeginUpload>(begin),
        call::<FinishUpload>(FinishUploadParams { channel, file, key: FileKey(vec![7; 32]) }),
        call::<OpenFile>(OpenFileParams { channel, file, part: true }),
        call::<SendMessage>(sent(new(), Vec::new(), None)),
        special::<SendMessage>(" with a file", sent(new(), vec![file], None)),
        special::<SendMessage>(" in a thread", sent(new(), Vec::new(), Some(id))),
        call::<EditMessage>(EditMessageParams { channel, id, text: "in".into() }),
        call::<Edits>(EditsParams { channel, id, from: 0 }),
        call::<DeleteMessage>(one()),
        call::<React>(ReactParams { channel, id, emoji: "👍".into(), on: true }),
        call::<Pin>(one()),
        call::<Unpin>(one()),
        call::<Pins>(PinsParams { channel, after: 0 }),
        call::<Thread>(ThreadParams { channel, id, before: None, after: None, limit: 10 }),
        call::<History>(HistoryParams { channel, before: None, after: None, limit: 10 }),
        call::<MarkRead>(MarkReadParams { channel, seq: 1 }),
        call::<PutDraft>(PutDraftParams { channel, thread: None, text: "in".into(), base: 0, token: 1 }),
        call::<Search>(SearchParams { words: "hidden".into(), channel: Some(channel), ..Default::default() }),
        call::<ReportMessage>(ReportMessageParams {
            report: ReportId::from_bytes(new()),
            channel,
            id,
            reason: "in".into(),
        }),
        call::<ReportPerson>(ReportPersonParams { report: ReportId::from_bytes(new()), person, reason: "in".into() }),
        call::<CloseReport>(CloseReportParams { report, outcome: Outcome::Removed, note: String::new() }),
        call::<Block>(BlockParams { person, on: true }),
        call::<CreatePoll>(ask),
        call::<CastVote>(CastVoteParams { channel, id: poll, choices: vec![0] }),
        call::<ClosePoll>(OneMessage { channel, id: poll }),
        call::<Save>(SaveParams { channel, id, note: None }),
        call::<Unsave>(one()),
        call::<SetChannelRole>(SetChannelRoleParams { channel, person, role: ChannelRole::Member }),
        call::<GroupMembers>(GroupMembersParams { group, after: None }),
        call::<ChangeGroup>(made),
        call::<DeleteGroup>(OneGroup { group }),
        call::<AddToGroup>(member),
        call::<RemoveFromGroup>(member),
        call::<LinkGroup>(LinkParams { group, channel }),
        call::<UnlinkGroup>(LinkParams { group, channel }),
        call::<ChangeRole>(changed),
        call::<DeleteRole>(OneRole { id: role }),
        call::<GrantRole>(grant(to)),
        call::<TakeRole>(grant(Holder::Group(group))),
        call::<SetRank>(SetRankParams { person, rank: Rank::Member }),
        call::<GetAccount>(OnePerson { person }),
        call::<Suspend>(OnePerson { person }),
        call::<Reinstate>(OnePerson { person }),
        call::<DeletePerson>(DeletePersonParams { person, content: Some(Content::Keep) }),
        call::<IssueReset>(OnePerson { person }),
        call::<RemoveTotp>(OnePerson { person }),
        call::<Unlock>(OnePerson { person }),
        call::<InvitePerson>(invite),
        call::<DevicesOf>(OnePerson { person }),
        call::<RevokeDevice>(RevokeDeviceParams { device, wipe: false }),
        call::<RevokeDeviceOf>(RevokeDeviceOfParams { person, device, wipe: true }),
        call::<RevokeDevicesOf>(OnePerson { person }),
        // At the end: the others are asked by a member, where one may be.
        call::<LeaveChannel>(InChannel { channel }),
    ]
}
