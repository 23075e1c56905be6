//! The JSON forms of results, field by field as `docs/command-line.md` lists them, and the same for people. Times are RFC
//! 3339 in UTC; a conversation goes by the name that commands accept: `general`, `@Ana Reis`.

use crate::output::{line, lines};
use serde::Serialize;
use std::collections::HashMap;
use thechatapp_core::audit::AuditStatus;
use thechatapp_core::view::{
    ChannelKindView, ChannelView, Connection, FileView, HitView, IdentityView, MessageState, MessageView, PersonView,
    RankView, ReactionView, UpdateView, WorkspaceView,
};
use thechatapp_core::{ChannelId, Timestamp};

mod account;
mod draft;
mod talk;
#[cfg(test)]
mod tests;

pub use account::{Account, Device, Invited, Reset, account_text, device_text};
pub use draft::{Draft, draft_text};
use talk::{Pinned, Poll, poll_text};
pub use talk::{Saved, Unsaved, Version, saved_text, version_text};

/// What each conversation is called.
#[derive(Debug, Default)]
pub struct Names(HashMap<ChannelId, String>);

impl Names {
    /// From a workspace's conversations.
    pub fn of(channels: &[ChannelView]) -> Self {
        Self(channels.iter().map(|channel| (channel.id, channel_name(channel))).collect())
    }

    /// Whether a conversation is among them.
    pub fn knows(&self, channel: ChannelId) -> bool {
        self.0.contains_key(&channel)
    }

    /// A conversation's name; its id where it has none here.
    pub fn name(&self, channel: ChannelId) -> String {
        self.0.get(&channel).cloned().unwrap_or_else(|| channel.to_string())
    }
}

/// What a conversation is called where it is typed.
pub fn channel_name(channel: &ChannelView) -> String {
    match channel.kind {
        ChannelKindView::Direct => format!("@{}", channel.name),
        ChannelKindView::Public | ChannelKindView::Private => channel.name.clone(),
    }
}

/// A moment as programs read it.
pub fn when(at: Timestamp) -> String {
    at.to_string()
}

/// A moment for people: the day and the minute, UTC.
pub fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute}Z"),
        _ => text,
    }
}

/// What was downloaded.
#[derive(Debug, Serialize)]
pub struct Downloaded {
    /// The file's id.
    pub file: String,
    /// Where it is now.
    pub path: String,
    /// How many bytes are there.
    pub bytes: u64,
}

/// A message.
#[derive(Debug, Serialize)]
pub struct Message {
    workspace: String,
    channel: String,
    seq: Option<u64>,
    id: String,
    author: String,
    at: String,
    text: String,
    edited: bool,
    deleted: bool,
    thread: Option<String>,
    reactions: Vec<ReactionView>,
    replies: u64,
    last_reply: Option<String>,
    pinned: Option<Pinned>,
    poll: Option<Poll>,
    files: Vec<FileView>,
    state: MessageState,
}

impl Message {
    /// From the core's form.
    pub fn new(message: &MessageView, names: &Names) -> Self {
        Self {
            workspace: message.workspace.clone(),
            channel: names.name(message.channel),
            seq: message.seq,
            id: message.id.to_string(),
            author: message.author.name.clone(),
            at: when(message.at),
            text: message.text.clone(),
            edited: message.edited,
            deleted: message.deleted,
            thread: message.thread.map(|id| id.to_string()),
            reactions: message.reactions.clone(),
            replies: message.replies,
            last_reply: message.last_reply.map(when),
            pinned: message.pinned.as_ref().map(Pinned::new),
            poll: message.poll.as_ref().map(Poll::new),
            files: message.files.clone(),
            state: message.state,
        }
    }
}

/// A message for people: number, minute, author, then the text, further lines set in.
pub fn message_text(message: &MessageView) -> String {
    let number = message.seq.map_or_else(|| "-".to_owned(), |seq| seq.to_string());
    let mut said = format!("{number:>6}  {}  {}: ", minute(message.at), line(&message.author.name));
    if message.deleted {
        said.push_str("(deleted)");
    } else {
        said.push_str(&lines(&message.text).replace('\n', "\n        "));
    }
    if message.edited && !message.deleted {
        said.push_str(" (edited)");
    }
    if message.pinned.is_some() {
        said.push_str(" (pinned)");
    }
    match message.state {
        MessageState::Sent => {}
        MessageState::Pending => said.push_str(" (waits to be sent)"),
        MessageState::Failed => {
            said.push_str(&format!(" (not sent: {})", line(message.failure.as_deref().unwrap_or("refused"))));
        }
    }
    if let Some(poll) = &message.poll {
        said.push_str(&poll_text(poll));
    }
    for file in &message.files {
        said.push_str(&format!("\n        [{}, {} bytes, {}]", line(&file.name), file.size, file.id));
    }
    if !message.reactions.is_empty() {
        let all: Vec<String> = message.reactions.iter().map(|r| format!("{} {}", line(&r.emoji), r.count)).collect();
        said.push_str(&format!("\n        {}", all.join("  ")));
    }
    if message.replies > 0 {
        said.push_str(&format!("\n        {} in its thread", message.replies));
    }
    said
}

/// A message found.
#[derive(Debug, Serialize)]
pub struct Hit {
    #[serde(flatten)]
    message: Message,
    highlights: Vec<(u32, u32)>,
}

impl Hit {
    /// From the core's form.
    pub fn new(hit: &HitView, names: &Names) -> Self {
        Self { message: Message::new(&hit.message, names), highlights: hit.highlights.clone() }
    }
}

/// A conversation.
#[derive(Debug, Serialize)]
pub struct Channel {
    id: String,
    name: String,
    kind: ChannelKindView,
    topic: String,
    joined: bool,
    unread: u64,
    mentions: u64,
    head: u64,
    read: u64,
    members: u64,
    archived: bool,
}

impl Channel {
    /// From the core's form.
    pub fn new(channel: &ChannelView) -> Self {
        Self {
            id: channel.id.to_string(),
            name: channel_name(channel),
            kind: channel.kind,
            topic: channel.topic.clone(),
            joined: channel.joined,
            unread: channel.unread,
            mentions: channel.mentions,
            head: channel.head,
            read: channel.read,
            members: channel.members,
            archived: channel.archived,
        }
    }
}

/// A conversation for people.
pub fn channel_text(channel: &ChannelView) -> String {
    let mark = if channel.kind == ChannelKindView::Direct { "" } else { "#" };
    let mut said = format!("{mark}{}", line(&channel_name(channel)));
    if channel.kind == ChannelKindView::Private {
        said.push_str(" (private)");
    }
    if !channel.joined {
        said.push_str(" (not joined)");
    }
    if channel.unread > 0 {
        said.push_str(&format!("  {} unread", channel.unread));
    }
    if !channel.topic.is_empty() {
        said.push_str(&format!("  {}", line(&channel.topic)));
    }
    said
}

/// Somebody in a workspace.
#[derive(Debug, Serialize)]
pub struct Person {
    id: String,
    name: String,
    rank: Option<&'static str>,
    imported: bool,
}

impl Person {
    /// From the core's form.
    pub fn new(person: &PersonView) -> Self {
        Self {
            id: person.id.to_string(),
            name: person.name.clone(),
            rank: person.rank.map(RankView::name),
            imported: person.imported,
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let what = self.rank.unwrap_or(if self.imported { "imported" } else { "unknown" });
        format!("@{:<32} {what}", line(&self.name))
    }
}

/// Who one is in a workspace.
#[derive(Debug, Serialize)]
pub struct Whoami {
    workspace: String,
    name: String,
    url: String,
    account: String,
    device: String,
}

impl Whoami {
    /// From the core's form.
    pub fn new(workspace: &WorkspaceView) -> Self {
        Self {
            workspace: workspace.workspace.clone(),
            name: workspace.me.name.clone(),
            url: workspace.url.clone(),
            account: workspace.me.id.to_string(),
            device: workspace.device.to_string(),
        }
    }
}

/// What `join` and `login` give.
#[derive(Debug, Serialize)]
pub struct Joined {
    workspace: String,
    name: String,
    url: String,
    pin: String,
    account: String,
    device: String,
}

impl Joined {
    /// From the core's forms.
    pub fn new(workspace: &WorkspaceView, identity: &IdentityView) -> Self {
        let Whoami { workspace, name, url, account, device } = Whoami::new(workspace);
        Self { workspace, name, url, pin: identity.pin.clone(), account, device }
    }
}

/// What is pinned.
#[derive(Debug, Serialize)]
pub struct Identity {
    workspace: String,
    url: String,
    pin: String,
    words: String,
    since: String,
    source: String,
    epoch: u64,
    shown: Option<Shown>,
    history: Vec<Step>,
}

#[derive(Debug, Serialize)]
struct Shown {
    pin: String,
    words: String,
    at: String,
}

#[derive(Debug, Serialize)]
struct Step {
    at: String,
    what: String,
    pin: String,
    words: String,
}

impl Identity {
    /// From the core's form.
    pub fn new(identity: &IdentityView) -> Self {
        Self {
            workspace: identity.workspace.clone(),
            url: identity.url.clone(),
            pin: identity.pin.clone(),
            words: identity.words.clone(),
            since: when(identity.since),
            source: identity.source.clone(),
            epoch: identity.epoch,
            shown: identity.shown.as_ref().map(|shown| Shown {
                pin: shown.pin.clone(),
                words: shown.words.clone(),
                at: when(shown.at),
            }),
            history: identity
                .history
                .iter()
                .map(|step| Step {
                    at: when(step.at),
                    what: step.what.clone(),
                    pin: step.pin.clone(),
                    words: step.words.clone(),
                })
                .collect(),
        }
    }
}

/// What is pinned, for people.
pub fn identity_text(identity: &IdentityView) -> String {
    let mut said = format!(
        "{} at {}\n  words  {}\n  pin    {}\n  since  {} ({})",
        line(&identity.workspace),
        line(&identity.url),
        identity.words,
        identity.pin,
        minute(identity.since),
        line(&identity.source),
    );
    for step in &identity.history {
        said.push_str(&format!("\n  {}  {}  {}", minute(step.at), line(&step.what), step.pin));
    }
    if let Some(shown) = &identity.shown {
        said.push_str(&format!(
            "\nTHE SERVER SHOWS ANOTHER IDENTITY since {}; nothing is sent to it\n  words  {}\n  pin    {}\n\
             Ask your administrator, on another path, which one is right. `identity accept PIN` accepts the new one.",
            minute(shown.at),
            shown.words,
            shown.pin,
        ));
    }
    said
}

/// A workspace in `status`.
#[derive(Debug, Serialize)]
pub struct Standing {
    workspace: String,
    name: String,
    url: String,
    connection: &'static str,
    why: Option<String>,
    unread: u64,
    waiting: u64,
    audit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    update: Option<UpdateView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rebuilding: Option<u64>,
}

impl Standing {
    /// From the core's form.
    pub fn new(workspace: &WorkspaceView, audit: &AuditStatus) -> Self {
        let (connection, why) = connection(&workspace.connection);
        Self {
            workspace: workspace.workspace.clone(),
            name: workspace.me.name.clone(),
            url: workspace.url.clone(),
            connection,
            why,
            unread: workspace.unread,
            waiting: workspace.waiting,
            audit: audit.state,
            update: workspace.update.clone(),
            rebuilding: workspace.rebuilding,
        }
    }
}

/// A workspace in `status`, for people.
pub fn standing_text(workspace: &WorkspaceView) -> String {
    let (connection, why) = connection(&workspace.connection);
    let why = why.map(|why| format!(" ({})", line(&why))).unwrap_or_default();
    let update = match &workspace.update {
        Some(UpdateView { required: true, minimum: Some(minimum), .. }) => {
            format!("\n  this app is older than {}, which the workspace asks for: update it", line(minimum))
        }
        _ => String::new(),
    };
    let rebuilding = match workspace.rebuilding {
        Some(left) => format!(
            "\n  its copy on this device was damaged and is being rebuilt, {left} messages are still to come; what can be read of the old one is shown"
        ),
        None => String::new(),
    };
    format!(
        "{} at {} as {}: {}{why}, {} unread, {} waiting to be sent{update}{rebuilding}",
        line(&workspace.workspace),
        line(&workspace.url),
        line(&workspace.me.name),
        connection.replace('_', " "),
        workspace.unread,
        workspace.waiting,
    )
}

fn connection(connection: &Connection) -> (&'static str, Option<String>) {
    match connection {
        Connection::Offline { why, .. } => ("offline", Some(why.clone())),
        Connection::Connecting => ("connecting", None),
        Connection::Syncing => ("syncing", None),
        Connection::Online => ("online", None),
        Connection::IdentityChanged => ("identity_changed", None),
        Connection::SignedOut { why } => ("signed_out", Some(why.clone())),
    }
}
