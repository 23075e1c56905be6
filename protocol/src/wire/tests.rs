//! The encoded form of every method, event and error, kept in a file: what an older client sends has to be read, and what
//! a newer server sends has to be readable.

mod rows;

use super::{Request, decode, encode};
use crate::audit::tree::Hash;
use crate::audit::{Actor, AuditEntry, Class, Target};
use crate::event::{
    self, Changes, ChannelKind, ChannelRole, ChannelRow, DraftRow, Event, FileRow, GroupRow, InGroupRow, MemberRow,
    MessageRow, PersonRow, PowersWithin, Reaction, ReadRow, Row, StandingRow, Visibility,
};
use crate::methods::account::{Credential, DeviceProof, Enrol, EnrolParams, Me, Nothing, SignIn, SignInParams, WhoAmI};
use crate::methods::moderation::*;
use crate::methods::settings::*;
use crate::methods::{
    audit::*, channels::*, devices::*, drafts::*, files::*, groups::*, messages::*, people::*, polls::*, proof::*,
    roles::*, saved::*, sync::*,
};
use crate::permission::{Power, Powers, Rank};
use crate::settings::Value;
use crate::{
    AccountId, ChannelId, Code, DeviceId, ErrorBody, FileId, GroupId, MessageId, Method, RoleId, Timestamp, WorkspaceId,
};
use rows::*;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Write;

const CHANNEL: ChannelId = ChannelId(uuid::Uuid::from_bytes([0xc1; 16]));
const PERSON: AccountId = AccountId(uuid::Uuid::from_bytes([0xa1; 16]));
const MESSAGE: MessageId = MessageId(uuid::Uuid::from_bytes([0xe1; 16]));
const DEVICE: DeviceId = DeviceId(uuid::Uuid::from_bytes([0xd1; 16]));
const ROLE: RoleId = RoleId(uuid::Uuid::from_bytes([0x91; 16]));
const GROUP: GroupId = GroupId(uuid::Uuid::from_bytes([0x81; 16]));
const FILE: FileId = FileId(uuid::Uuid::from_bytes([0xf1; 16]));
const AT: Timestamp = Timestamp(1_795_000_000_123);

/// One line a form: the name, the JSON of browsers, the MessagePack of sessions.
#[derive(Default)]
struct Golden(String);

impl Golden {
    fn add<T: Serialize + DeserializeOwned>(&mut self, name: &str, value: &T) {
        let json = serde_json::to_string(value).unwrap();
        let bytes = encode(value).unwrap();
        // Each form is read back to what it was, through both encodings.
        assert_eq!(serde_json::to_string(&decode::<T>(&bytes).unwrap()).unwrap(), json, "{name}");
        assert_eq!(encode(&serde_json::from_str::<T>(&json).unwrap()).unwrap(), bytes, "{name}");
        writeln!(self.0, "{name} {json} {}", data_encoding::HEXLOWER.encode(&bytes)).unwrap();
    }

    fn method<M: Method>(&mut self, params: &M::Params, reply: &M::Reply) {
        self.add(M::NAME, params);
        self.add(&format!("{}:reply", M::NAME), reply);
    }
}

fn settings(golden: &mut Golden) {
    let row = SettingRow {
        name: "web_chat.enabled".into(),
        value: Value::Switch(false),
        default: Value::Switch(true),
        version: 3,
        power: Power::WebChat,
        about: "whether".into(),
    };
    golden.method::<ListSettings>(&Nothing {}, &SettingList { settings: vec![row.clone()] });
    let version = SettingVersion { version: 3, value: Value::Number(14), by: PERSON, at: AT };
    let history = SettingHistoryParams { name: "web_chat.enabled".into() };
    golden.method::<SettingHistory>(&history, &SettingVersions { versions: vec![version] });
    let set = SetSettingParams { name: "web_chat.enabled".into(), value: Some(Value::Switch(false)), version: 2 };
    golden.method::<SetServer>(&set, &row);
    golden.method::<SetAuthentication>(&set, &row);
    golden.method::<SetPrivacy>(&set, &row);
    golden.method::<SetWebChat>(&set, &row);
    golden.method::<SetAnalytics>(&set, &row);
    golden.method::<SetUpdates>(&set, &row);
    golden.method::<SetStorage>(&set, &row);
    golden.add("settings.set_storage:default", &SetSettingParams { value: None, ..set });
    let days = vec![UsedOn { day: AT, messages: 40, people: 3 }];
    let used = UsageReply { accounts: 5, channels: 4, messages: 900, file_bytes: 20_000, days };
    golden.method::<Usage>(&UsageParams { days: 30 }, &used);
}

fn moderation(golden: &mut Golden) {
    let id = crate::ReportId(uuid::Uuid::from_bytes([0x99; 16]));
    let reason = "rude".to_owned();
    let message = ReportMessageParams { report: id, channel: CHANNEL, id: MESSAGE, reason: reason.clone() };
    golden.method::<ReportMessage>(&message, &Nothing {});
    golden.method::<ReportPerson>(
        &ReportPersonParams { report: id, person: PERSON, reason: reason.clone() },
        &Nothing {},
    );
    let closed = Closed { by: PERSON, at: AT, outcome: Outcome::Removed, note: "as agreed".into() };
    let message = Reported { channel: CHANNEL, id: MESSAGE, text: "hello".into() };
    let report = Report { id, by: PERSON, at: AT, about: PERSON, message: Some(message), reason, closed: Some(closed) };
    let list = ListReportsParams { closed: true, before: Some(id), limit: 50, continues: None };
    golden.method::<RemoveMessage>(&OneMessage { channel: CHANNEL, id: MESSAGE }, &tombstone());
    golden.method::<ListReports>(&list, &Reports { reports: vec![report.clone()], next: None });
    let list = ListReportsParams { continues: Some("1-2-ab".into()), ..list };
    golden.method::<ListReports>(&list, &Reports { reports: Vec::new(), next: Some("1-2-ab".into()) });
    let close = CloseReportParams { report: id, outcome: Outcome::Removed, note: "as agreed".into() };
    golden.method::<CloseReport>(&close, &report);
    let people = BlockedPeople { people: vec![PERSON] };
    golden.method::<Block>(&BlockParams { person: PERSON, on: true }, &people);
    golden.method::<Blocked>(&Nothing {}, &people);
}

fn rights(golden: &mut Golden) {
    let role =
        Role { id: ROLE, name: "auditors".into(), powers: [Power::Audit, Power::Analytics].into_iter().collect() };
    let grant = Grant { role: ROLE, to: Holder::Person(PERSON), within: Some(GROUP) };
    let roles = Roles { roles: vec![role.clone()], grants: vec![grant] };
    golden.method::<ListRoles>(&Nothing {}, &roles);
    golden.method::<CreateRole>(&role, &role);
    golden.method::<ChangeRole>(&role, &role);
    golden.method::<DeleteRole>(&OneRole { id: ROLE }, &Nothing {});
    golden.method::<GrantRole>(&grant, &Nothing {});
    golden.method::<TakeRole>(&Grant { to: Holder::Group(GROUP), within: None, ..grant }, &Nothing {});
    let guest = PersonRow { rank: Rank::Guest, ..person() };
    golden.method::<SetRank>(&SetRankParams { person: PERSON, rank: Rank::Guest }, &guest);
    let listed = ListedGroup { group: group(), inside: true, manages: false };
    let page = GroupsPage { groups: vec![listed], next: Some(GROUP) };
    golden.method::<ListGroups>(&ListGroupsParams { after: None }, &page);
    let members = GroupMembersPage {
        direct: vec![Holder::Person(PERSON), Holder::Group(GROUP)],
        managers: vec![PERSON],
        channels: vec![CHANNEL],
        people: vec![PERSON],
        next: None,
    };
    golden.method::<GroupMembers>(&GroupMembersParams { group: GROUP, after: Some(PERSON) }, &members);
    let made =
        GroupParams { id: GROUP, slug: "design".into(), name: "Design team".into(), visibility: Visibility::Private };
    golden.method::<CreateGroup>(&made, &group());
    golden.method::<ChangeGroup>(&made, &group());
    golden.method::<DeleteGroup>(&OneGroup { group: GROUP }, &Nothing {});
    let member = GroupMemberParams { group: GROUP, member: Holder::Person(PERSON), manager: true };
    golden.method::<AddToGroup>(&member, &Nothing {});
    golden.method::<RemoveFromGroup>(&member, &Nothing {});
    let link = LinkParams { group: GROUP, channel: CHANNEL };
    golden.method::<LinkGroup>(&link, &Nothing {});
    golden.method::<UnlinkGroup>(&link, &Nothing {});
}

/// An entry's encoding is what is hashed: it never changes.
fn audit(golden: &mut Golden) {
    let entry = AuditEntry {
        seq: 7,
        at: AT,
        class: Class::Channel,
        act: "channel.created".into(),
        actor: Actor::Person(PERSON, DEVICE),
        target: Target::Channel(CHANNEL),
        place: Some("192.0.2.1".into()),
        before: None,
        after: Some("private".into()),
    };
    golden.add("audit:entry", &entry);
    for actor in [Actor::Stranger, Actor::Host, Actor::Server] {
        golden.add("audit:actor", &AuditEntry { actor, place: None, after: None, ..entry.clone() });
    }
    let id = uuid::Uuid::from_bytes([0xe5; 16]);
    for target in [
        Target::Workspace,
        Target::Person(PERSON),
        Target::Device(DEVICE),
        Target::Message(CHANNEL, MESSAGE),
        Target::File(FileId(id)),
        Target::Role(RoleId(id)),
        Target::Group(GroupId(id)),
        Target::Report(crate::ReportId(id)),
        Target::Setting("web.chat".into()),
        Target::Address("192.0.2.1".into()),
    ] {
        golden.add("audit:target", &target);
    }
    let filter = AuditFilter {
        actor: Some(ActorFilter::Person(PERSON)),
        target: Some(Target::Channel(CHANNEL)),
        class: Some(Class::Channel),
        after: Some(AT),
        before: None,
    };
    let page = AuditPage { entries: vec![entry.clone()], more: true, next: None };
    let list = ListAuditParams { filter: filter.clone(), below: Some(9), continues: None, limit: 50 };
    golden.method::<ListAudit>(&list, &page);
    let export = ExportAuditParams { filter, from: None, continues: None };
    golden.method::<ExportAudit>(&export, &page);
    let (page, on) = (AuditPage { next: Some("1-2-ab".into()), ..page }, || Some("1-2-ab".to_owned()));
    golden.method::<ListAudit>(&ListAuditParams { continues: on(), ..list }, &page);
    golden.method::<ExportAudit>(&ExportAuditParams { continues: on(), ..export }, &page);
    let proof = vec![Hash::empty()];
    let checkpoint = SignedCheckpoint { note: "a note\n".into(), proof: proof.clone() };
    golden.method::<TakeCheckpoint>(&TakeCheckpointParams { known: Some(5) }, &checkpoint);
    let proved = ProvedEntry { encoded: encode(&entry).unwrap(), note: "a note\n".into(), proof };
    golden.method::<ProveEntry>(&ProveEntryParams { seq: 7 }, &proved);
}

/// What is done with accounts.
fn accounts(golden: &mut Golden) {
    let code = || CodeParams { code: "123456".into() };
    let confirm = ConfirmParams { password: "secret".into(), code: Some("123456".into()) };
    golden.method::<Confirm>(&confirm, &Confirmed { fresh_seconds: 600 });
    let change =
        ChangePasswordParams { old: "secret".into(), new: "another".into(), code: None, sign_out_others: true };
    golden.method::<ChangePassword>(&change, &Nothing {});
    let secret = TotpSecret { secret: "GEZDGNBVGY3TQOJQ".into(), uri: "otpauth://totp/a".into() };
    golden.method::<BeginTotp>(&Nothing {}, &secret);
    golden.method::<FinishTotp>(&code(), &RecoveryCodes { codes: vec!["abcd-efgh".into()] });
    golden.method::<EndTotp>(&code(), &Nothing {});
    let one = OnePerson { person: PERSON };
    let account = Account {
        person: person(),
        state: AccountState::Active,
        rank: Rank::Manager,
        powers: Rank::Manager.powers(),
        within: Vec::new(),
        second_factor: true,
        recovery_codes: 9,
        reset_until: Some(AT),
        failures: vec![Failures { closed_for: ClosedFor::Strangers, failures: 6, seconds: 120 }],
        created: AT,
        last_seen: None,
        devices: 2,
    };
    golden.method::<OwnAccount>(&Nothing {}, &account);
    golden.method::<GetAccount>(&one, &account);
    let invite = InvitePersonParams { name: Some("Ana".into()), rank: Rank::Guest, channels: vec![CHANNEL] };
    let invited = Invited { code: "code".into(), expires: AT, person: Some(PERSON) };
    golden.method::<InvitePerson>(&invite, &invited);
    golden.method::<Suspend>(&one, &Nothing {});
    golden.method::<Reinstate>(&one, &Nothing {});
    let delete = DeletePersonParams { person: PERSON, content: Some(Content::Remove) };
    golden.method::<DeletePerson>(&delete, &Nothing {});
    golden.method::<IssueReset>(&one, &ResetCode { code: "code".into(), expires: AT });
    golden.method::<RemoveTotp>(&one, &Nothing {});
    golden.method::<Unlock>(&one, &Nothing {});
}

#[test]
fn every_method_event_and_error_keeps_its_encoded_form() {
    let mut golden = Golden::default();
    let device = DeviceProof {
        name: "laptop".into(),
        platform: "linux".into(),
        signing_key: vec![1; 32],
        signature: vec![2; 64],
    };
    let me = Me {
        workspace: WorkspaceId(uuid::Uuid::from_bytes([0xb1; 16])),
        workspace_name: "Acme".into(),
        person: person(),
        powers: Powers::ALL,
        device: DEVICE,
    };
    let invite = Credential::Invite { code: "code".into(), name: "ines".into(), password: "secret".into() };
    let password = Credential::Password { name: "ines".into(), password: "secret".into(), code: None };
    let factor = Credential::Password { name: "ines".into(), password: "secret".into(), code: Some("123456".into()) };
    let reset = Credential::Reset { name: "ines".into(), reset: "code".into(), password: "another".into(), code: None };
    golden.method::<Enrol>(&EnrolParams { credential: invite, device: device.clone() }, &me);
    golden.add("account.enrol:password", &EnrolParams { credential: password, device: device.clone() });
    golden.add("account.enrol:factor", &EnrolParams { credential: factor, device: device.clone() });
    golden.add("account.enrol:reset", &EnrolParams { credential: reset, device });
    let sign_in =
        SignInParams { name: "Inês Duarte".into(), password: "correct horse battery".into(), code: None, reset: None };
    golden.method::<SignIn>(&sign_in, &me);
    let more = SignInParams { code: Some("123456".into()), reset: Some("code".into()), ..sign_in };
    golden.add("account.sign_in:more", &more);
    golden.method::<WhoAmI>(&Nothing {}, &me);
    let create = CreateChannelParams { id: CHANNEL, name: "release".into(), kind: ChannelKind::Private };
    golden.method::<CreateChannel>(&create, &channel());
    golden.method::<JoinChannel>(&InChannel { channel: CHANNEL }, &member());
    golden.method::<LeaveChannel>(&InChannel { channel: CHANNEL }, &MemberRow { joined: false, ..member() });
    golden.method::<AddMember>(&AddMemberParams { channel: CHANNEL, person: PERSON }, &member());
    let renamed = RenameChannelParams { channel: CHANNEL, name: "design".into() };
    golden.method::<RenameChannel>(&renamed, &channel());
    let archived = ChannelRow { archived: true, ..channel() };
    golden.method::<ArchiveChannel>(&ArchiveChannelParams { channel: CHANNEL, on: true }, &archived);
    let private = SetVisibilityParams { channel: CHANNEL, kind: ChannelKind::Private };
    golden.method::<SetVisibility>(&private, &ChannelRow { gone: true, ..channel() });
    let removed = RemoveMemberParams { channel: CHANNEL, person: PERSON };
    golden.method::<RemoveMember>(&removed, &MemberRow { joined: false, ..member() });
    let ban = BanParams { channel: CHANNEL, person: PERSON };
    let bans = || Bans { bans: vec![Ban { person: PERSON, by: PERSON, at: AT }] };
    golden.method::<BanMember>(&ban, &bans());
    golden.method::<UnbanMember>(&ban, &Bans::default());
    golden.method::<ListBans>(&InChannel { channel: CHANNEL }, &bans());
    let wanted = DirectoryParams { words: "rel".into(), archived: true, after: Some(CHANNEL), limit: 50 };
    let entry = DirectoryEntry { channel: archived, members: 3, joined: true };
    golden.method::<Directory>(&wanted, &DirectoryPage { channels: vec![entry], more: true });
    golden.method::<SetTopic>(&SetTopicParams { channel: CHANNEL, topic: "3.2".into() }, &channel());
    let moderator = MemberRow { role: ChannelRole::Moderator, ..member() };
    let set_role = SetChannelRoleParams { channel: CHANNEL, person: PERSON, role: ChannelRole::Moderator };
    golden.method::<SetChannelRole>(&set_role, &moderator);
    let direct = ChannelRow { kind: ChannelKind::Direct, name: String::new(), topic: String::new(), ..channel() };
    golden.method::<OpenDirect>(&OpenDirectParams { people: vec![PERSON] }, &direct);
    let listed = Device {
        id: DEVICE,
        person: PERSON,
        name: "laptop".into(),
        platform: "linux".into(),
        enrolled: AT,
        last_seen: None,
        revoked: false,
        this: true,
        kind: DeviceKind::Device,
        address: None,
    };
    golden.method::<ListDevices>(&Nothing {}, &Devices { devices: vec![listed.clone()] });
    golden.method::<SignOut>(&Nothing {}, &Nothing {});
    let browser = Device { kind: DeviceKind::Browser, address: Some("192.0.2.7".into()), ..listed };
    golden.method::<DevicesOf>(&OnePerson { person: PERSON }, &Devices { devices: vec![browser] });
    let revoked = Revoked { count: 2 };
    golden.method::<RevokeDevice>(&RevokeDeviceParams { device: DEVICE, wipe: false }, &revoked);
    golden.add("devices.revoke:wipe", &RevokeDeviceParams { device: DEVICE, wipe: true });
    golden.method::<RevokeDevices>(&RevokeDevicesParams { except_this: true }, &revoked);
    golden.method::<RevokeDeviceOf>(&RevokeDeviceOfParams { person: PERSON, device: DEVICE, wipe: false }, &revoked);
    golden.method::<RevokeDevicesOf>(&OnePerson { person: PERSON }, &revoked);
    accounts(&mut golden);
    let send = SendMessageParams {
        id: MESSAGE,
        channel: CHANNEL,
        text: "hello".into(),
        files: Vec::new(),
        thread: None,
        after: None,
    };
    golden.method::<SendMessage>(&send, &Sent { seq: 7, at: AT, change: 14 });
    let with_file = SendMessageParams { text: String::new(), files: vec![FILE], ..send };
    golden.add("messages.send:file", &with_file);
    let file = FileRow { id: FILE, name: "plan.pdf".into(), media_type: "application/pdf".into(), size: 20_000 };
    golden.add("row:message:file", &MessageRow { files: vec![file.clone()], ..message() });
    let token = FileToken { token: vec![3; 32], seconds: 300 };
    let key = FileKey(vec![4; 32]);
    let begin = BeginUploadParams {
        file: FILE,
        channel: CHANNEL,
        name: "plan.pdf".into(),
        media_type: "application/pdf".into(),
        size: 20_000,
    };
    golden.method::<BeginUpload>(&begin, &UploadGrant { token: token.clone(), offset: 16_456 });
    golden.method::<FinishUpload>(&FinishUploadParams { channel: CHANNEL, file: FILE, key: key.clone() }, &file);
    let whole = OpenFileParams { channel: CHANNEL, file: FILE, part: false };
    let granted = FileGrant { file, key, token, header: None, thumbnail: None };
    golden.method::<OpenFile>(&whole, &granted);
    golden.add("files.open:part", &OpenFileParams { part: true, ..whole });
    golden.add("files.open:part:reply", &FileGrant { header: Some(vec![5; 56]), ..granted.clone() });
    golden.add("files.open:thumbnail:reply", &FileGrant { thumbnail: Some(20_000), ..granted });
    golden.method::<EditMessage>(&EditMessageParams { channel: CHANNEL, id: MESSAGE, text: "hi".into() }, &message());
    let version = Version { revision: 1, text: "hi".into(), by: PERSON, at: AT };
    let edits = EditsParams { channel: CHANNEL, id: MESSAGE, from: 1 };
    golden.method::<Edits>(&edits, &Versions { versions: vec![version], more: false });
    golden.method::<DeleteMessage>(&OneMessage { channel: CHANNEL, id: MESSAGE }, &tombstone());
    let react = ReactParams { channel: CHANNEL, id: MESSAGE, emoji: "👍".into(), on: true };
    golden.method::<React>(&react, &message());
    golden.method::<Pin>(&OneMessage { channel: CHANNEL, id: MESSAGE }, &root());
    golden.method::<Unpin>(&OneMessage { channel: CHANNEL, id: MESSAGE }, &message());
    let pins = PinsParams { channel: CHANNEL, after: 3 };
    golden.method::<Pins>(&pins, &PinsPage { messages: vec![root()], more: true });
    let thread = ThreadParams { channel: CHANNEL, id: MESSAGE, before: None, after: Some(7), limit: 50 };
    golden.method::<Thread>(&thread, &ThreadPage { root: root(), messages: vec![message()], more: false });
    let history = HistoryParams { channel: CHANNEL, before: Some(8), after: None, limit: 50 };
    golden.method::<History>(&history, &Page { messages: vec![message(), tombstone()], head: 7 });
    golden.method::<MarkRead>(&MarkReadParams { channel: CHANNEL, seq: 7 }, &read());
    let search = SearchParams {
        words: "route".into(),
        channel: Some(CHANNEL),
        author: Some(PERSON),
        before: Some(AT),
        after: None,
        has_file: false,
        limit: 20,
    };
    golden.method::<Search>(&search, &Found { messages: vec![message()], reaches_back_to: None, behind: false });
    let part = Found { messages: Vec::new(), reaches_back_to: Some(AT), behind: true };
    golden.add("messages.search:part", &part);
    let options = vec!["Monday".to_owned(), "Friday".to_owned()];
    let votes = vec![event::Vote { person: PERSON, choices: vec![0, 1] }];
    let poll = event::Poll { multiple: true, closed: None, options: options.clone(), votes };
    let asked = MessageRow { poll: Some(Box::new(poll.clone())), ..message() };
    let closed = MessageRow { poll: Some(Box::new(event::Poll { closed: Some(AT), ..poll })), ..message() };
    let ask = CreatePollParams { id: MESSAGE, channel: CHANNEL, question: "when?".into(), options, multiple: true };
    golden.method::<CreatePoll>(&ask, &asked);
    let vote = CastVoteParams { channel: CHANNEL, id: MESSAGE, choices: vec![0, 1] };
    golden.method::<CastVote>(&vote, &asked);
    golden.method::<ClosePoll>(&OneMessage { channel: CHANNEL, id: MESSAGE }, &closed);
    let saved = Saved { message: message(), note: "for Monday".into(), at: AT, number: 4 };
    let save = SaveParams { channel: CHANNEL, id: MESSAGE, note: Some("for Monday".into()) };
    golden.method::<Save>(&save, &saved);
    golden.method::<Unsave>(&OneMessage { channel: CHANNEL, id: MESSAGE }, &Nothing {});
    let list = ListSavedParams { before: Some(5), limit: 50 };
    golden.method::<ListSaved>(&list, &SavedPage { saved: vec![saved], next: Some(4) });
    let put = PutDraftParams { channel: CHANNEL, thread: Some(MESSAGE), text: "half".into(), base: 2, token: 7 };
    golden.method::<PutDraft>(&put, &DraftPut { accepted: true, draft: draft() });
    settings(&mut golden);
    moderation(&mut golden);
    audit(&mut golden);
    golden.method::<StartSync>(
        &StartSyncParams { after: 9 },
        &SyncStarted { head: 15, heads: false, changed: None, updates: None, bounds: None },
    );
    let updates = Updates { channel: "beta".into(), minimum: Some("1.4.0".into()) };
    golden.method::<StartSync>(
        &StartSyncParams { after: 0 },
        &SyncStarted { head: 15, heads: true, changed: None, updates: Some(updates), bounds: None },
    );
    let changed = vec![ChangedRange { channel: CHANNEL, first: 3, last: 40 }];
    golden.method::<StartSync>(
        &StartSyncParams { after: 2 },
        &SyncStarted { head: 15, heads: true, changed: Some(changed), updates: None, bounds: None },
    );
    let bounds = DeviceBounds { days: Some(365), megabytes: None };
    golden.method::<StartSync>(
        &StartSyncParams { after: 1 },
        &SyncStarted { head: 15, heads: false, changed: None, updates: None, bounds: Some(bounds) },
    );
    rights(&mut golden);

    let rows = vec![
        Row::Person(person()),
        Row::Channel(channel()),
        Row::Member(member()),
        Row::Message(message()),
        Row::Read(read()),
        Row::Draft(draft()),
    ];
    golden.add("event:changes", &Event::Changes(Changes { rows, to: 15, live: true }));
    let rows = vec![
        Row::Person(PersonRow { rank: Rank::Guest, ..person() }),
        Row::Standing(StandingRow {
            rank: Rank::Manager,
            powers: Rank::Manager.powers(),
            within: Vec::new(),
            change: 16,
        }),
        Row::Group(group()),
        Row::Group(GroupRow { slug: String::new(), name: String::new(), gone: true, ..group() }),
        Row::InGroup(InGroupRow { group: GROUP, inside: true, change: 16 }),
    ];
    golden.add("event:changes:rights", &Event::Changes(Changes { rows, to: 16, live: true }));
    let within = vec![PowersWithin { group: GROUP, powers: Powers::NONE.with(Power::Users) }];
    let row = StandingRow { rank: Rank::Member, powers: Powers::NONE, within, change: 17 };
    let rows = vec![Row::Standing(row)];
    golden.add("event:changes:within", &Event::Changes(Changes { rows, to: 17, live: true }));
    golden.add("event:signed_out", &Event::SignedOut { reason: "revoked".into(), wipe: false });
    golden.add("event:signed_out wiped", &Event::SignedOut { reason: "revoked".into(), wipe: true });
    golden.add("event:draining", &Event::Draining { millis: 1000 });
    golden.add("error", &ErrorBody::new(Code::LockedOut, "what", "why", "do").after(60));
    golden.add("request", &Request { method: "messages.send".into(), params: vec![0x80] });

    macro_rules! named {
        ($($method:ty),* $(,)?) => { [$(<$method as Method>::NAME),*] };
    }
    for name in crate::for_each_method!(named) {
        assert!(golden.0.lines().any(|line| line.starts_with(&format!("{name} "))), "{name} has no golden form");
    }
    crate::golden("wire.txt", &golden.0);
}
