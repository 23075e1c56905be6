// What the core shows, as TypeScript. Made by `cargo xtask gen` from core/src/view.rs, event.rs and error.rs; do not edit.

/**
 * A person as shown.
 */
export type PersonView = {
/**
 * The account.
 */
id: string,
/**
 * The name they go by.
 */
name: string,
/**
 * Only known from imported history.
 */
imported: boolean,
/**
 * What they are in the workspace, as far as this device knows; nothing for who has no account.
 */
rank: RankView | null, };

/**
 * What somebody is in a workspace.
 */
export type RankView = "owner" | "manager" | "member" | "guest";

/**
 * How a workspace is connected right now.
 */
export type Connection = { "state": "offline",
/**
 * Why, in words for people.
 */
why: string,
/**
 * Milliseconds until the next attempt.
 */
retry_in: number,
/**
 * Of which kind that is.
 */
reason: Reason, } | { "state": "connecting" } | { "state": "syncing" } | { "state": "online" } | { "state": "identity_changed" } | { "state": "signed_out",
/**
 * Why, in words for people.
 */
why: string, };

/**
 * One workspace this profile is signed in to.
 */
export type WorkspaceView = {
/**
 * The workspace.
 */
id: string,
/**
 * Its short name, as in its address.
 */
workspace: string,
/**
 * Its name as people read it.
 */
name: string,
/**
 * The server's address, `https://host[:port]`.
 */
url: string,
/**
 * Oneself.
 */
me: PersonView,
/**
 * This device.
 */
device: string,
/**
 * The connection.
 */
connection: Connection,
/**
 * Unread messages in all channels.
 */
unread: number,
/**
 * Messages waiting to be sent.
 */
waiting: number,
/**
 * Which app the workspace asks for, as far as its server has said.
 */
update: UpdateView | null,
/**
 * What is here is being rebuilt, because it was damaged: so many messages that were here are still to come, as far as is known. What
 * can be read of the damaged file is shown meanwhile.
 */
rebuilding: number | null, };

/**
 * What somebody may do over the people of a group and over the channels linked to it.
 */
export type WithinView = {
/**
 * The group's slug; its id where it is not known here.
 */
group: string,
/**
 * The powers, by their names.
 */
powers: Array<string>, };

/**
 * Which app a workspace asks for.
 */
export type UpdateView = {
/**
 * Whether this one is older than that: it reads and writes still, and is to be updated.
 */
required: boolean,
/**
 * The oldest that is not asked to be updated.
 */
minimum: string | null,
/**
 * Which releases the workspace's apps take: `stable` or `beta`.
 */
channel: string, };

/**
 * What one is in a workspace, and what one may do there.
 */
export type StandingView = {
/**
 * `owner`, `manager`, `member` or `guest`.
 */
rank: string,
/**
 * One's powers over the whole workspace, by their names.
 */
powers: Array<string>,
/**
 * One's powers within groups, besides these.
 */
within: Array<WithinView>,
/**
 * The slugs of groups one is in.
 */
groups: Array<string>, };

/**
 * Who has a role: a person or a group.
 */
export type GrantView = {
/**
 * The person, by name.
 */
person: string | null,
/**
 * The group, by slug.
 */
group: string | null,
/**
 * The slug of the group within which it counts; none for the whole workspace.
 */
within: string | null, };

/**
 * A custom role.
 */
export type RoleView = {
/**
 * The role.
 */
id: string,
/**
 * Its name.
 */
name: string,
/**
 * The powers it gives, by their names.
 */
powers: Array<string>,
/**
 * Who has it, as far as one may see that.
 */
grants: Array<GrantView>, };

/**
 * A group of people.
 */
export type GroupView = {
/**
 * The group.
 */
id: string,
/**
 * What it is mentioned by, without `@`.
 */
slug: string,
/**
 * Its name.
 */
name: string,
/**
 * `public`, `private` or `hidden`.
 */
visibility: string,
/**
 * Whether one is in it, or in a group in it.
 */
inside: boolean,
/**
 * Whether one may change it.
 */
manages: boolean, };

/**
 * Who is in a group.
 */
export type GroupMembersView = {
/**
 * Everybody in it or in a group in it, by name.
 */
people: Array<string>,
/**
 * Of these, the ones that are directly in it.
 */
direct: Array<string>,
/**
 * The slugs of groups directly in it.
 */
groups: Array<string>,
/**
 * Who manages it, by name.
 */
managers: Array<string>,
/**
 * The channels linked to it, by name.
 */
channels: Array<string>, };

/**
 * What kind of conversation a channel is.
 */
export type ChannelKindView = "public" | "private" | "direct";

/**
 * A channel in the sidebar and the header.
 */
export type ChannelView = {
/**
 * The channel.
 */
id: string,
/**
 * Its kind.
 */
kind: ChannelKindView,
/**
 * Its name without `#`; for a direct conversation the others' names, joined by commas.
 */
name: string,
/**
 * Its topic, empty for none.
 */
topic: string,
/**
 * Whether one is a member.
 */
joined: boolean,
/**
 * Messages by others since the read mark.
 */
unread: number,
/**
 * Of those, the ones that name one.
 */
mentions: number,
/**
 * The number of the newest message.
 */
head: number,
/**
 * Everything up to this number is read.
 */
read: number,
/**
 * How many people are in it.
 */
members: number,
/**
 * Whether a draft waits in it.
 */
draft: boolean,
/**
 * Whether it is archived: read, and not written any more.
 */
archived: boolean,
/**
 * For a direct conversation, the others.
 */
people: Array<PersonView>, };

/**
 * Where a message is on its way.
 */
export type MessageState = "sent" | "pending" | "failed";

/**
 * One emoji under a message.
 */
export type ReactionView = {
/**
 * The emoji.
 */
emoji: string,
/**
 * Who set it, by name: the first of them, where they are many.
 */
people: Array<string>,
/**
 * How many set it.
 */
count: number,
/**
 * Whether oneself did.
 */
mine: boolean, };

/**
 * Who pinned a message, and when.
 */
export type PinView = {
/**
 * Who.
 */
by: PersonView,
/**
 * When, Unix milliseconds.
 */
at: number, };

/**
 * One thing to choose in a poll.
 */
export type PollOptionView = {
/**
 * What it says.
 */
text: string,
/**
 * Who chose it, by name.
 */
people: Array<string>,
/**
 * Whether oneself did.
 */
mine: boolean, };

/**
 * What a message asks, and how people answered; its text is the question.
 */
export type PollView = {
/**
 * Whether one may choose several.
 */
multiple: boolean,
/**
 * When it was closed, Unix milliseconds; absent while one may vote.
 */
closed: number | null,
/**
 * How many people voted.
 */
voters: number,
/**
 * What there is to choose from.
 */
options: Array<PollOptionView>, };

/**
 * A file of a message.
 */
export type FileView = {
/**
 * The file.
 */
id: string,
/**
 * Its name.
 */
name: string,
/**
 * Its media type.
 */
type: string,
/**
 * Its size in bytes.
 */
size: number, };

/**
 * A message in a timeline.
 */
export type MessageView = {
/**
 * The workspace's short name.
 */
workspace: string,
/**
 * The channel's id.
 */
channel: string,
/**
 * Its number in the channel; absent until the server has it.
 */
seq: number | null,
/**
 * The message.
 */
id: string,
/**
 * Who wrote it.
 */
author: PersonView,
/**
 * Unix milliseconds; the server's time once sent.
 */
at: number,
/**
 * Markdown; empty once deleted.
 */
text: string,
/**
 * Whether it was edited.
 */
edited: boolean,
/**
 * Whether only a tombstone is left.
 */
deleted: boolean,
/**
 * The message it answers.
 */
thread: string | null,
/**
 * Reactions, in order.
 */
reactions: Array<ReactionView>,
/**
 * How many messages answer it in its thread.
 */
replies: number,
/**
 * When the newest of them was sent, Unix milliseconds.
 */
last_reply: number | null,
/**
 * Who pinned it in its channel.
 */
pinned: PinView | null,
/**
 * What there is to vote on, when it is a poll.
 */
poll: PollView | null,
/**
 * Files.
 */
files: Array<FileView>,
/**
 * Where it is on its way.
 */
state: MessageState,
/**
 * Whether oneself wrote it.
 */
mine: boolean,
/**
 * Why it failed, when it did.
 */
failure: string | null, };

/**
 * A part of a thread, oldest first.
 */
export type ThreadView = {
/**
 * The message it began with.
 */
root: MessageView,
/**
 * Answers by number, those not sent yet last.
 */
replies: Array<MessageView>,
/**
 * Whether older ones exist.
 */
older: boolean,
/**
 * Whether some may be missing, because the server could not be asked.
 */
partial: boolean, };

/**
 * A message that one keeps for oneself.
 */
export type SavedView = {
/**
 * The message.
 */
message: MessageView,
/**
 * One's own note; empty for none.
 */
note: string,
/**
 * When it was saved first, Unix milliseconds.
 */
at: number, };

/**
 * How far the server has a draft.
 */
export type DraftStateView = "synced" | "waiting" | "here";

/**
 * What was typed and not sent.
 */
export type DraftView = {
/**
 * Its channel.
 */
channel: string,
/**
 * The first message of its thread; none for the conversation's own.
 */
thread: string | null,
/**
 * The text; empty where only earlier ones are left.
 */
text: string,
/**
 * When it was typed at last on this device, or came to it, Unix milliseconds.
 */
at: number,
/**
 * How far the server has it.
 */
state: DraftStateView,
/**
 * What another device had typed in the same place while this one was typing, the newest first.
 */
earlier: Array<EarlierDraftView>, };

/**
 * What another device had typed.
 */
export type EarlierDraftView = {
/**
 * Its number on this device.
 */
number: number,
/**
 * The text.
 */
text: string,
/**
 * When it came, Unix milliseconds.
 */
at: number, };

/**
 * A text that a message has, or had.
 */
export type VersionView = {
/**
 * How often the message had been edited then: 0 for the text as first sent.
 */
revision: number,
/**
 * Markdown.
 */
text: string,
/**
 * Who wrote it.
 */
by: PersonView,
/**
 * When, Unix milliseconds.
 */
at: number, };

/**
 * Which part of a channel is wanted.
 */
export type Window = { "at": "latest" } | { "at": "before",
/**
 * The number.
 */
seq: number, } | { "at": "after",
/**
 * The number.
 */
seq: number, } | { "at": "around",
/**
 * The number.
 */
seq: number, };

/**
 * A message found, newest first.
 */
export type HitView = {
/**
 * The message.
 */
message: MessageView,
/**
 * The channel's name.
 */
channel_name: string,
/**
 * Where the words stand in its text, as byte ranges of UTF-8.
 */
highlights: Array<[number, number]>, };

/**
 * What a search found.
 */
export type FoundView = {
/**
 * Messages, each once.
 */
hits: Array<HitView>,
/**
 * Whether more messages may match: some are not on this device, and the server did not look at all of them.
 */
partial: boolean,
/**
 * Whether the server looked, too.
 */
asked: boolean, };

/**
 * One step from a list to the next. Steps are done in their order.
 */
export type Difference<T> = { "resync": Array<T> } | { "remove": number } | { "insert": [number, T] } | { "change": [number, T] };

/**
 * What changed in a window.
 */
export type Changed<T, A> = {
/**
 * The steps to the list as it is now.
 */
rows: Array<Difference<T>>,
/**
 * What is to be known of it beside its rows.
 */
about: A, };

/**
 * Of a part of a channel: see [`TimelineView`].
 */
export type Around = {
/**
 * Whether older ones exist.
 */
older: boolean,
/**
 * Whether newer ones exist beyond the window.
 */
newer: boolean,
/**
 * Whether some are being fetched.
 */
fetching: boolean,
/**
 * Everything up to this number is read.
 */
read: number, };

/**
 * Of a search: see [`FoundView`].
 */
export type Looked = {
/**
 * Whether more messages may match.
 */
partial: boolean,
/**
 * Whether the server looked, too.
 */
asked: boolean,
/**
 * Whether the fittest come first, in place of the newest.
 */
relevance: boolean, };

/**
 * Of the list of channels: what is unread in all of them.
 */
export type Unread = {
/**
 * Messages.
 */
messages: number,
/**
 * Those that name one.
 */
mentions: number, };

/**
 * A server on first contact, before anything is trusted.
 */
export type ContactView = {
/**
 * The address that was asked.
 */
url: string,
/**
 * The workspace's short name.
 */
workspace: string,
/**
 * Its name as people read it.
 */
name: string,
/**
 * The fingerprint for machines, 43 characters.
 */
pin: string,
/**
 * The fingerprint for people, eight words.
 */
words: string,
/**
 * The fingerprint as a QR code, an SVG image.
 */
qr: string,
/**
 * Whether the invite or a policy vouched for it; else a person must compare.
 */
vouched: boolean,
/**
 * Whether it came with a one-time code for a new account.
 */
invited: boolean, };

/**
 * An earlier identity of a server.
 */
export type IdentityStepView = {
/**
 * When this device saw it.
 */
at: number,
/**
 * What happened: `first`, `rotated`, `new_root`, `restored`, `accepted`.
 */
what: string,
/**
 * The pin from then on.
 */
pin: string,
/**
 * Its words.
 */
words: string, };

/**
 * An identity that was never announced.
 */
export type ShownIdentityView = {
/**
 * Its pin.
 */
pin: string,
/**
 * Its words.
 */
words: string,
/**
 * When it was first shown.
 */
at: number, };

/**
 * What is pinned for a workspace.
 */
export type IdentityView = {
/**
 * The workspace's short name.
 */
workspace: string,
/**
 * The server's address.
 */
url: string,
/**
 * The pin, 43 characters.
 */
pin: string,
/**
 * Its eight words.
 */
words: string,
/**
 * Its QR code, an SVG image.
 */
qr: string,
/**
 * Since when this root is known, Unix milliseconds.
 */
since: number,
/**
 * How it became trusted: `invite`, `policy`, `compared`, `accepted`, `successor`.
 */
source: string,
/**
 * The epoch of the newest document.
 */
epoch: number,
/**
 * The different identity the server shows now, when it does.
 */
shown: ShownIdentityView | null,
/**
 * Every step this device saw, oldest first.
 */
history: Array<IdentityStepView>, };

/**
 * The state of a profile's key (docs: key states). `Ready` means that a client can be opened.
 */
export type KeyState = "ready" | "absent" | "no_backend" | "locked" | "dismissed" | "missing" | "wrong" | "unreachable" | "busy" | "newer" | "no_locks" | "corrupt" | "passphrase" | "app_locked";

/**
 * What a person typed on a device that no server has as a message yet.
 */
export type UnsentView = {
/**
 * Messages that wait to be sent.
 */
messages: number,
/**
 * Drafts.
 */
drafts: number, };

/**
 * The ways into a profile.
 */
export type WaysView = {
/**
 * The secure storage's name, or `passphrase`.
 */
backend: string,
/**
 * Whether a passphrase opens it.
 */
passphrase: boolean,
/**
 * Whether a recovery code opens it.
 */
recovery: boolean, };

/**
 * How a profile gets out into the network. A password is never shown.
 */
export type NetworkView = {
/**
 * `system`, `none`, a proxy's address, or `pac:` and a script's.
 */
proxy: string,
/**
 * Whether one goes straight when the script does not work.
 */
or_direct: boolean,
/**
 * The name that proxies are told.
 */
user: string | null,
/**
 * Where that leads now, for each workspace.
 */
ways: Array<WaysOutView>, };

/**
 * Where one goes for a workspace.
 */
export type WaysOutView = {
/**
 * Its short name.
 */
workspace: string,
/**
 * Its server's address.
 */
url: string,
/**
 * `direct`, or proxies' addresses, in the order in which they are tried.
 */
by: Array<string>,
/**
 * Why nobody knows.
 */
why: string | null, };

/**
 * Why one is offline, or a step of the way does not hold: what shells have their own words for. What was found exactly is told beside
 * it, in English.
 */
export type Reason = "starting" | "unreachable" | "address" | "name" | "portal" | "proxy_unreachable" | "proxy_wants_login" | "proxy_wrong_login" | "proxy_other_login" | "proxy_refuses" | "proxy_unknown" | "late" | "no_tls" | "certificate" | "clock" | "other_server" | "rolled_back" | "unproved" | "closed" | "signed_out" | "restarting" | "refused" | "disk_full" | "fault";

/**
 * A step on the way to a server.
 */
export type Step = "name" | "route" | "proxy" | "tls" | "time" | "identity" | "sign_in" | "key";

/**
 * How a step stands.
 */
export type StepState = "ok" | "warning" | "failed" | "skipped";

/**
 * One step, as it was found.
 */
export type Hop = {
/**
 * Which.
 */
hop: Step,
/**
 * How it stands.
 */
state: StepState,
/**
 * Whether it holds; nothing when it was not looked at.
 */
ok: boolean | null,
/**
 * How long it took.
 */
took_ms: number,
/**
 * What was found.
 */
why: string,
/**
 * Why it does not hold, or not as it should: nothing where it does.
 */
reason: Reason | null,
/**
 * What to do; empty where nothing is to be done.
 */
do: string, };

/**
 * What is kept of a workspace.
 */
export type KeptView = {
/**
 * Its short name.
 */
workspace: string,
/**
 * Bytes of the sealed file that are in use.
 */
bytes: number,
/**
 * Messages.
 */
messages: number,
/**
 * Bytes of sealed files beside it: kept ones, and those on their way.
 */
files: number,
/**
 * What its server lets devices keep, whatever was chosen here.
 */
limit: LimitView | null, };

/**
 * How much a workspace lets its devices keep: of this and of what was chosen, the lower counts.
 */
export type LimitView = {
/**
 * Messages of so many days.
 */
days: number | null,
/**
 * So many bytes.
 */
bytes: number | null, };

/**
 * How much of the past this device keeps.
 */
export type StorageView = {
/**
 * Messages of so many days; without a number, of all.
 */
days: number | null,
/**
 * At most so many bytes for each workspace; without a number, as many as there are.
 */
bytes: number | null,
/**
 * What is there.
 */
workspaces: Array<KeptView>, };

/**
 * What something is that somebody is signed in on.
 */
export type DeviceKindView = "device" | "browser";

/**
 * A device or a browser that somebody is signed in on.
 */
export type DeviceView = {
/**
 * The device.
 */
id: string,
/**
 * Its name; of a browser, what it says it is.
 */
name: string,
/**
 * Its platform.
 */
platform: string,
/**
 * When it was enrolled.
 */
enrolled: number,
/**
 * When it was last connected.
 */
last_seen: number | null,
/**
 * Whether it was revoked.
 */
revoked: boolean,
/**
 * Whether it is this one.
 */
this: boolean,
/**
 * What it is.
 */
kind: DeviceKindView,
/**
 * The address that it was last connected from, as the server sees it.
 */
address: string | null, };

/**
 * Something changed.
 */
export type ClientEvent = { "event": "connection",
/**
 * Which workspace.
 */
workspace: string, } | { "event": "channels",
/**
 * Which workspace.
 */
workspace: string, } | { "event": "standing",
/**
 * Which workspace.
 */
workspace: string, } | { "event": "messages",
/**
 * Which workspace.
 */
workspace: string,
/**
 * Which channel.
 */
channel: string,
/**
 * The lowest number that changed; 0 when only what waits to be sent did.
 */
from: number, } | { "event": "draft",
/**
 * Which workspace.
 */
workspace: string,
/**
 * Which channel.
 */
channel: string,
/**
 * Which thread, by its first message; none for the conversation's own.
 */
thread: string | null, } | { "event": "audit",
/**
 * Which workspace.
 */
workspace: string, } | { "event": "damaged",
/**
 * The file.
 */
file: string,
/**
 * How it shows.
 */
why: string, } | { "event": "workspaces" } | { "event": "resync" };

/**
 * An error for a person or a script: `{error, code, what, why, do}`.
 */
export type ErrorReport = {
/**
 * The kind, snake case.
 */
error: string,
/**
 * The exit code.
 */
code: number,
/**
 * What happened.
 */
what: string,
/**
 * Why.
 */
why: string,
/**
 * What to do.
 */
do: string,
/**
 * Seconds to wait, when locked out.
 */
seconds: number | null, };
