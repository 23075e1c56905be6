//! The access table against the server: every method is called by everybody there can be, each single power, each rank, each
//! state of membership, and what the server answers is compared with what the registry says. The model of what it says is
//! written here a second time, from its words. A method without an entry fails the test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;
#[path = "access/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;
use support::{Host, channel_id, message_id};
use thechatapp_protocol::access_table::{Line, lines};
use thechatapp_protocol::event::{ChannelKind, ChannelRole, Visibility};
use thechatapp_protocol::methods::account::*;
use thechatapp_protocol::methods::audit::*;
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::devices::*;
use thechatapp_protocol::methods::drafts::*;
use thechatapp_protocol::methods::files::*;
use thechatapp_protocol::methods::groups::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::moderation::*;
use thechatapp_protocol::methods::people::*;
use thechatapp_protocol::methods::polls::*;
use thechatapp_protocol::methods::proof::*;
use thechatapp_protocol::methods::roles::*;
use thechatapp_protocol::methods::saved::*;
use thechatapp_protocol::methods::settings::*;
use thechatapp_protocol::methods::sync::StartSync;
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::{Access, ChannelId, Code, DeviceId, FileId, GroupId, Method, ReportId, RoleId, Scope, wire};
use thechatapp_server::error::Fail;
use thechatapp_server::gate::Caller;
use thechatapp_server::methods::{self, Encoding, Handle};
use thechatapp_server::state::Workspace;
use world::{In, SOMEBODY, State, Subject, World, build, fresh, subjects};

/// What the registry says, read once more: the code of the refusal, or none.
fn expected(line: &Line, s: Subject, scope: Scope) -> Option<Code> {
    match s.state {
        // Who is signed in does not take them, nor does who was.
        _ if matches!(line.access, Access::Anyone | Access::Device) => return Some(Code::Denied),
        State::Suspended | State::Revoked => return Some(Code::SignedOut),
        State::Stale if line.fresh => return Some(Code::StepUp),
        State::Stale | State::Good => {}
    }
    let guest = s.rank == Rank::Guest;
    let powers =
        if guest { Powers::NONE } else { s.power.map_or(s.rank.powers(), |power| s.rank.powers().with(power)) };
    let joined = s.channel != In::No;
    let manages = !guest && (s.manages || powers.has(Power::Users));
    let seen = match scope {
        Scope::Workspace => true,
        Scope::Channel(_) | Scope::Message(..) => joined || s.kind == ChannelKind::Public && !guest,
        // In the channel with them, or as anybody but a guest.
        Scope::Person(_) => !guest || joined,
        Scope::Group(_) => s.inside || (!guest && s.visibility != Visibility::Hidden) || manages,
    };
    let unseen = (!seen).then_some(Code::NotFound);
    let unless = |may: bool| (!may).then_some(Code::Denied);
    let reach = |power| {
        let over = matches!(scope, Scope::Person(_) | Scope::Channel(_) | Scope::Message(..));
        powers.has(power) || (!guest && over && s.holds && s.within == Some(power))
    };
    match line.access {
        Access::Anyone | Access::Device => Some(Code::Denied),
        Access::SignedIn | Access::Reader => unseen,
        Access::Insider if scope == Scope::Workspace => unless(!guest),
        Access::Insider => unseen.or(unless(joined && !guest)),
        Access::Member => unseen.or(unless(joined)),
        Access::Author => unseen.or(unless(joined && s.author)),
        Access::Moderator => unseen.or(unless(!guest && (s.channel == In::Moderator || reach(Power::Directory)))),
        Access::GroupManager => unseen.or(unless(manages)),
        Access::Power(power) => unless(reach(power)).or(unseen),
    }
}

/// The code with which the gate refused; none for what it let through, whatever became of it then.
async fn asked<M: Handle>(workspace: &Arc<Workspace>, caller: Caller, params: &M::Params) -> Option<Code> {
    let scope = M::scope(params);
    let answer = if M::NAME == StartSync::NAME {
        // The session answers it, behind the same gate.
        workspace.read::<M, _>(caller, scope, |_, _| Ok(Vec::new())).await.map_err(Fail::into_body)
    } else {
        let params = wire::encode(params).unwrap();
        methods::dispatch(workspace.clone(), caller, M::NAME, Encoding::MessagePack, &params).await
    };
    let refused = answer.err()?;
    let by_gate = match refused.code {
        Code::NotFound => {
            ["No such channel", "No such message", "No such person", "No such group"].contains(&refused.what.as_str())
        }
        Code::Denied | Code::SignedOut | Code::StepUp => true,
        Code::Internal => panic!("{} failed: {refused}", M::NAME),
        _ => false,
    };
    by_gate.then_some(refused.code)
}

/// Differences between what was answered and what the registry says.
struct Table {
    workspace: Arc<Workspace>,
    lines: Vec<Line>,
    covered: BTreeSet<&'static str>,
    wrong: Vec<String>,
    calls: u64,
}

impl Table {
    async fn check<M: Handle>(&mut self, s: Subject, w: World, params: M::Params) {
        self.check_also::<M>(s, w, params, None).await;
    }

    /// Where a handler asks for more than the registry can say, that stands here.
    async fn check_also<M: Handle>(&mut self, s: Subject, w: World, params: M::Params, also: Option<Code>) {
        let line = self.lines.iter().find(|line| line.name == M::NAME).unwrap();
        let expected = expected(line, s, M::scope(&params)).or(also);
        let answered = asked::<M>(&self.workspace, w.caller, &params).await;
        if answered != expected {
            self.wrong.push(format!("{}: {answered:?} instead of {expected:?} for {s:?}", M::NAME));
        }
        self.covered.insert(M::NAME);
        self.calls += 1;
    }

    async fn world(&self, by: Caller, s: Subject) -> World {
        self.workspace.write::<WhoAmI, _>(by, Scope::Workspace, move |tx, _| build(tx, s)).await.unwrap()
    }

    /// Everything that changes nothing for what is asked later.
    async fn ask_all(&mut self, s: Subject, w: World) {
        let World { channel, message: id, poll, group, role, target, doomed, .. } = w;
        let one = || OneMessage { channel, id };
        let proof =
            DeviceProof { name: String::new(), platform: String::new(), signing_key: vec![], signature: vec![] };
        let credential = Credential::Password { name: "x".into(), password: "x".into(), code: None };
        self.check::<Enrol>(s, w, EnrolParams { credential, device: proof }).await;
        let sign_in = SignInParams { name: "x".into(), password: "x".into(), code: None, reset: None };
        self.check::<SignIn>(s, w, sign_in).await;
        self.check::<WhoAmI>(s, w, Nothing {}).await;
        self.check::<StartSync>(s, w, thechatapp_protocol::methods::sync::StartSyncParams { after: 0 }).await;
        let made = channel_id();
        let create = CreateChannelParams { id: made, name: format!("m{made}"), kind: ChannelKind::Private };
        self.check::<CreateChannel>(s, w, create).await;
        self.check::<AddMember>(s, w, AddMemberParams { channel, person: target }).await;
        self.check::<SetTopic>(s, w, SetTopicParams { channel, topic: "t".into() }).await;
        self.check::<RenameChannel>(s, w, RenameChannelParams { channel, name: format!("r{made}") }).await;
        self.check::<ArchiveChannel>(s, w, ArchiveChannelParams { channel, on: false }).await;
        self.check::<Directory>(s, w, DirectoryParams { limit: 1, ..Default::default() }).await;
        let set_role = SetChannelRoleParams { channel, person: target, role: ChannelRole::Member };
        self.check::<SetChannelRole>(s, w, set_role).await;
        self.check::<OpenDirect>(s, w, OpenDirectParams { people: Vec::new() }).await;
        self.check::<ListDevices>(s, w, Nothing {}).await;
        let file = fresh(FileId::from_bytes);
        let begin = BeginUploadParams { file, channel, name: "a.txt".into(), media_type: "text/plain".into(), size: 1 };
        self.check::<BeginUpload>(s, w, begin).await;
        let missing = fresh(FileId::from_bytes);
        let finish = FinishUploadParams { channel, file: missing, key: FileKey(vec![7; 32]) };
        self.check::<FinishUpload>(s, w, finish).await;
        self.check::<OpenFile>(s, w, OpenFileParams { channel, file: missing, part: false }).await;
        self.check::<SendMessage>(
            s,
            w,
            SendMessageParams {
                id: message_id(),
                channel,
                text: "t".into(),
                files: Vec::new(),
                thread: None,
                after: None,
            },
        )
        .await;
        self.check::<EditMessage>(s, w, EditMessageParams { channel, id, text: "changed".into() }).await;
        self.check::<Edits>(s, w, EditsParams { channel, id, from: 0 }).await;
        self.check::<DeleteMessage>(s, w, OneMessage { channel, id: doomed }).await;
        self.check::<React>(s, w, ReactParams { channel, id, emoji: "👍".into(), on: true }).await;
        self.check::<Pin>(s, w, one()).await;
        self.check::<Unpin>(s, w, one()).await;
        self.check::<Pins>(s, w, PinsParams { channel, after: 0 }).await;
        self.check::<Thread>(s, w, ThreadParams { channel, id, before: None, after: None, limit: 10 }).await;
        self.check::<History>(s, w, HistoryParams { channel, before: None, after: None, limit: 10 }).await;
        self.check::<MarkRead>(s, w, MarkReadParams { channel, seq: 1 }).await;
        self.check::<PutDraft>(s, w, PutDraftParams { channel, thread: None, text: "half".into(), base: 0, token: 1 })
            .await;
        let words = || SearchParams { words: "said".into(), ..Default::default() };
        self.check::<Search>(s, w, words()).await;
        self.check::<Search>(s, w, SearchParams { channel: Some(channel), ..words() }).await;
        let options = vec!["a".to_owned(), "b".to_owned()];
        let ask = CreatePollParams { id: message_id(), channel, question: "?".into(), options, multiple: false };
        self.check::<CreatePoll>(s, w, ask).await;
        self.check::<CastVote>(s, w, CastVoteParams { channel, id: poll, choices: vec![0] }).await;
        self.check::<ClosePoll>(s, w, OneMessage { channel, id: poll }).await;
        self.check::<Save>(s, w, SaveParams { channel, id, note: None }).await;
        self.check::<Unsave>(s, w, one()).await;
        self.check::<ListSaved>(s, w, ListSavedParams::default()).await;
        self.ask_settings(s, w).await;
        self.ask_moderation(s, w).await;
        self.check::<ListAudit>(s, w, ListAuditParams { limit: 1, ..Default::default() }).await;
        self.check::<ExportAudit>(s, w, ExportAuditParams::default()).await;
        self.check::<TakeCheckpoint>(s, w, TakeCheckpointParams { known: None }).await;
        self.check::<ProveEntry>(s, w, ProveEntryParams { seq: 0 }).await;
        self.check::<ListRoles>(s, w, Nothing {}).await;
        let plain = |id| Role { id, name: format!("n{id}"), powers: Powers::NONE };
        self.check::<CreateRole>(s, w, plain(fresh(RoleId::from_bytes))).await;
        self.check::<ChangeRole>(s, w, plain(role)).await;
        // What counts everywhere takes the power over roles everywhere.
        let global = s.rank != Rank::Guest && self.powers(s).has(Power::Roles);
        let everywhere = (!global).then_some(Code::Denied);
        for to in [Holder::Person(target), Holder::Group(group)] {
            let grant = Grant { role, to, within: None };
            self.check_also::<GrantRole>(s, w, grant, everywhere).await;
            self.check_also::<TakeRole>(s, w, grant, everywhere).await;
        }
        self.check_also::<SetRank>(s, w, SetRankParams { person: target, rank: Rank::Member }, everywhere).await;
        self.check::<DeleteRole>(s, w, OneRole { id: role }).await;
        self.check::<ListGroups>(s, w, ListGroupsParams::default()).await;
        let inside = s.inside || s.manages || (s.rank != Rank::Guest && self.powers(s).has(Power::Users));
        let shown = inside || s.visibility == Visibility::Public;
        let also = (!shown).then_some(Code::Denied);
        self.check_also::<GroupMembers>(s, w, GroupMembersParams { group, after: None }, also).await;
        let new = fresh(GroupId::from_bytes);
        let slug = |id: GroupId| format!("h{}", &id.to_string().replace('-', "")[12..]);
        let params = |id| GroupParams { id, slug: slug(id), name: "n".into(), visibility: s.visibility };
        self.check::<CreateGroup>(s, w, params(new)).await;
        self.check::<ChangeGroup>(s, w, params(group)).await;
    }

    /// With a name that no setting has: what is asked for is refused by the handler, if the gate lets it come there.
    async fn ask_settings(&mut self, s: Subject, w: World) {
        let set = || SetSettingParams { name: "none".into(), value: None, version: 0 };
        self.check::<ListSettings>(s, w, Nothing {}).await;
        self.check::<SettingHistory>(s, w, SettingHistoryParams { name: "none".into() }).await;
        self.check::<SetServer>(s, w, set()).await;
        self.check::<SetAuthentication>(s, w, set()).await;
        self.check::<SetPrivacy>(s, w, set()).await;
        self.check::<SetWebChat>(s, w, set()).await;
        self.check::<SetAnalytics>(s, w, set()).await;
        self.check::<SetUpdates>(s, w, set()).await;
        self.check::<SetStorage>(s, w, set()).await;
        self.check::<Usage>(s, w, UsageParams { days: 7 }).await;
    }

    async fn ask_moderation(&mut self, s: Subject, w: World) {
        let World { channel, message: id, target: person, .. } = w;
        let gone = OneMessage { channel, id: w.doomed };
        self.check::<RemoveMessage>(s, w, gone).await;
        let report = || fresh(ReportId::from_bytes);
        let message = ReportMessageParams { report: report(), channel, id, reason: "rude".into() };
        self.check::<ReportMessage>(s, w, message).await;
        let about = ReportPersonParams { report: report(), person, reason: "rude".into() };
        self.check::<ReportPerson>(s, w, about).await;
        self.check::<ListReports>(s, w, ListReportsParams::default()).await;
        let close = CloseReportParams { report: report(), outcome: Outcome::Acted, note: String::new() };
        self.check::<CloseReport>(s, w, close).await;
        self.check::<Block>(s, w, BlockParams { person, on: false }).await;
        self.check::<Blocked>(s, w, Nothing {}).await;
    }

    /// What one does with one's own account: a wrong password and a wrong code are refused by the handlers.
    async fn ask_own_account(&mut self, s: Subject, w: World) {
        let code = || CodeParams { code: "x".into() };
        let password = ConfirmParams { password: "x".into(), code: None };
        self.check_also::<Confirm>(s, w, password, Some(Code::Denied)).await;
        let weak = ChangePasswordParams { old: "x".into(), new: "x".into(), code: None, sign_out_others: false };
        self.check::<ChangePassword>(s, w, weak).await;
        self.check::<BeginTotp>(s, w, Nothing {}).await;
        self.check_also::<FinishTotp>(s, w, code(), Some(Code::Denied)).await;
        self.check::<EndTotp>(s, w, code()).await;
        self.check::<OwnAccount>(s, w, Nothing {}).await;
        self.check::<RevokeDevice>(s, w, RevokeDeviceParams { device: fresh(DeviceId::from_bytes), wipe: true }).await;
        self.check::<RevokeDevices>(s, w, RevokeDevicesParams { except_this: true }).await;
    }

    /// What one does with somebody else's. In the end nothing is left of it.
    async fn ask_accounts(&mut self, s: Subject, w: World) {
        let person = w.target;
        let one = OnePerson { person };
        self.check::<GetAccount>(s, w, one).await;
        let invite = InvitePersonParams { name: None, rank: Rank::Member, channels: Vec::new() };
        self.check::<InvitePerson>(s, w, invite).await;
        self.check::<DevicesOf>(s, w, one).await;
        let device = fresh(DeviceId::from_bytes);
        self.check::<RevokeDeviceOf>(s, w, RevokeDeviceOfParams { person, device, wipe: true }).await;
        self.check::<RevokeDevicesOf>(s, w, one).await;
        self.check::<IssueReset>(s, w, one).await;
        self.check::<RemoveTotp>(s, w, one).await;
        self.check::<Unlock>(s, w, one).await;
        self.check::<Suspend>(s, w, one).await;
        self.check::<Reinstate>(s, w, one).await;
        self.check::<DeletePerson>(s, w, DeletePersonParams { person, content: Some(Content::Keep) }).await;
    }

    fn powers(&self, s: Subject) -> Powers {
        s.power.map_or(s.rank.powers(), |power| s.rank.powers().with(power))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_lets_through_whom_the_registry_names_and_nobody_else() {
    let host = Host::start().await;
    let owner = host.join_by(&host.owner_invite.clone(), "olga").await;
    let by = Caller { person: owner.id(), device: owner.me.device, from: [127, 0, 0, 1].into(), replaced: false };
    let workspace = host.running().host().workspace("acme").unwrap();
    let mut table = Table { workspace, lines: lines(), covered: BTreeSet::new(), wrong: Vec::new(), calls: 0 };
    for s in subjects() {
        let w = table.world(by, s).await;
        table.ask_all(s, w).await;
        // What changes how they stand to the channel or the group has a world of its own.
        let w = table.world(by, s).await;
        let member = GroupMemberParams { group: w.group, member: Holder::Person(w.target), manager: false };
        table.check::<AddToGroup>(s, w, member).await;
        table.check::<RemoveFromGroup>(s, w, member).await;
        table.check::<LeaveChannel>(s, w, InChannel { channel: w.channel }).await;
        let w = table.world(by, s).await;
        table.check::<RemoveMember>(s, w, RemoveMemberParams { channel: w.channel, person: w.target }).await;
        let ban = BanParams { channel: w.channel, person: w.target };
        table.check::<BanMember>(s, w, ban).await;
        table.check::<UnbanMember>(s, w, ban).await;
        table.check::<ListBans>(s, w, InChannel { channel: w.channel }).await;
        let kind = if s.kind == ChannelKind::Public { ChannelKind::Private } else { ChannelKind::Public };
        table.check::<SetVisibility>(s, w, SetVisibilityParams { channel: w.channel, kind }).await;
        let w = table.world(by, s).await;
        let managed = s.rank != Rank::Guest && (s.manages || table.powers(s).has(Power::Users));
        let known = managed || s.inside || s.visibility != Visibility::Hidden;
        let also = if known { (!managed).then_some(Code::Denied) } else { Some(Code::NotFound) };
        let link = LinkParams { group: w.group, channel: w.channel };
        table.check_also::<LinkGroup>(s, w, link, also).await;
        table.check_also::<UnlinkGroup>(s, w, link, also).await;
        let w = table.world(by, s).await;
        table.check::<DeleteGroup>(s, w, OneGroup { group: w.group }).await;
        let w = table.world(by, s).await;
        table.check::<JoinChannel>(s, w, InChannel { channel: w.channel }).await;
        let w = table.world(by, s).await;
        table.ask_own_account(s, w).await;
        table.ask_accounts(s, w).await;
        let w = table.world(by, s).await;
        table.check::<SignOut>(s, w, Nothing {}).await;
    }
    let missing: Vec<_> =
        table.lines.iter().map(|line| line.name).filter(|name| !table.covered.contains(name)).collect();
    assert_eq!(missing, Vec::<&str>::new(), "a method is missing here");
    assert!(table.calls > 5000, "{} calls", table.calls);
    assert!(table.wrong.is_empty(), "{} of {} calls:\n{}", table.wrong.len(), table.calls, table.wrong.join("\n"));
}

#[test]
fn the_model_tells_people_apart() {
    let all = lines();
    let of = |name: &str| all.iter().find(|line| line.name == name).unwrap();
    let channel = Scope::Channel(ChannelId::from_bytes([1; 16]));
    assert_eq!(expected(of("messages.send"), SOMEBODY, channel), Some(Code::NotFound));
    assert_eq!(expected(of("messages.send"), Subject { channel: In::Yes, ..SOMEBODY }, channel), None);
    let roles = Subject { power: Some(Power::Roles), ..SOMEBODY };
    assert_eq!(expected(of("roles.create"), roles, Scope::Workspace), None);
    assert_eq!(expected(of("roles.create"), SOMEBODY, Scope::Workspace), Some(Code::Denied));
}
