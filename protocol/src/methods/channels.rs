//! Channels, group conversations and direct messages.

use crate::event::{ChannelKind, ChannelRole, ChannelRow, MemberRow};
use crate::id::{AccountId, ChannelId};
use crate::method::{Access, Scope, methods};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest channel name, in characters.
pub const NAME_MAX: usize = 80;
/// Longest topic, in characters.
pub const TOPIC_MAX: usize = 1000;
/// Most people in a direct conversation, oneself included.
pub const DIRECT_MAX: usize = 9;

/// Parameters of [`CreateChannel`]. The id is the client's, so that asking twice makes one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateChannelParams {
    /// The new channel's id (UUID version 7).
    pub id: ChannelId,
    /// Its name, without `#`.
    pub name: String,
    /// [`ChannelKind::Public`] or [`ChannelKind::Private`].
    pub kind: ChannelKind,
}

/// One channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InChannel {
    /// The channel.
    pub channel: ChannelId,
}

/// Parameters of [`AddMember`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AddMemberParams {
    /// The channel.
    pub channel: ChannelId,
    /// Who joins it.
    pub person: AccountId,
}

/// Parameters of [`SetChannelRole`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SetChannelRoleParams {
    /// The channel.
    pub channel: ChannelId,
    /// Who, in it.
    pub person: AccountId,
    /// What they are there from now on.
    pub role: ChannelRole,
}

/// Parameters of [`SetTopic`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SetTopicParams {
    /// The channel.
    pub channel: ChannelId,
    /// The new topic; empty removes it.
    pub topic: String,
}

/// Parameters of [`OpenDirect`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenDirectParams {
    /// The others, oneself not included; empty for notes to oneself.
    pub people: Vec<AccountId>,
}

/// Parameters of [`RenameChannel`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RenameChannelParams {
    /// The channel.
    pub channel: ChannelId,
    /// Its new name, without `#`.
    pub name: String,
}

/// Parameters of [`ArchiveChannel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ArchiveChannelParams {
    /// The channel.
    pub channel: ChannelId,
    /// Whether it is archived, or written again.
    pub on: bool,
}

/// Parameters of [`RemoveMember`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemoveMemberParams {
    /// The channel.
    pub channel: ChannelId,
    /// Who leaves it.
    pub person: AccountId,
}

/// Parameters of [`SetVisibility`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SetVisibilityParams {
    /// The channel.
    pub channel: ChannelId,
    /// [`ChannelKind::Public`], with all that was said in it until now, or [`ChannelKind::Private`].
    pub kind: ChannelKind,
}

/// Most people who are banned from one channel.
pub const BANS_MAX: usize = 1000;

/// Parameters of [`BanMember`] and [`UnbanMember`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BanParams {
    /// The channel.
    pub channel: ChannelId,
    /// Who, in it or not.
    pub person: AccountId,
}

/// Somebody who is banned from a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ban {
    /// Who.
    pub person: AccountId,
    /// Who banned them.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
}

/// Reply of [`BanMember`], [`UnbanMember`] and [`ListBans`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bans {
    /// Who is banned now, the newest first.
    pub bans: Vec<Ban>,
}

/// Most channels in a page of the directory.
pub const DIRECTORY_PAGE_MAX: u32 = 200;

/// Parameters of [`Directory`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DirectoryParams {
    /// Only channels with this in their name; all when empty.
    #[serde(default)]
    pub words: String,
    /// Archived ones, too.
    #[serde(default)]
    pub archived: bool,
    /// Only those after this one.
    #[serde(default)]
    pub after: Option<ChannelId>,
    /// How many; at most [`DIRECTORY_PAGE_MAX`].
    pub limit: u32,
}

/// A public channel, as the directory lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DirectoryEntry {
    /// The channel.
    pub channel: ChannelRow,
    /// How many people are in it.
    pub members: u64,
    /// Whether one is.
    pub joined: bool,
}

/// Reply of [`Directory`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DirectoryPage {
    /// The channels, in the order in which they were made.
    pub channels: Vec<DirectoryEntry>,
    /// Whether there are more after them.
    pub more: bool,
}

methods! {
    /// Makes a channel, joins it and moderates it.
    CreateChannel = "channels.create", Access::Insider, CreateChannelParams => ChannelRow, |_| Scope::Workspace;
    /// Joins a public channel.
    JoinChannel = "channels.join", Access::Reader, InChannel => MemberRow, |p| Scope::Channel(p.channel);
    /// Leaves a channel; its rows leave the device.
    LeaveChannel = "channels.leave", Access::Member, InChannel => MemberRow, |p| Scope::Channel(p.channel);
    /// Adds somebody to a channel one is in.
    AddMember = "channels.add", Access::Insider, AddMemberParams => MemberRow, |p| Scope::Channel(p.channel);
    /// Sets the topic.
    SetTopic = "channels.topic", Access::Member, SetTopicParams => ChannelRow, |p| Scope::Channel(p.channel);
    /// Names a channel anew.
    RenameChannel = "channels.rename", Access::Moderator, RenameChannelParams => ChannelRow, |p| Scope::Channel(p.channel);
    /// Archives a channel, or takes it out of the archive.
    ArchiveChannel = "channels.archive", Access::Moderator, ArchiveChannelParams => ChannelRow, |p| Scope::Channel(p.channel);
    /// Makes a channel private, and whoever is not in it loses it; or public, and everybody but guests reads all of it.
    SetVisibility = "channels.set_visibility" fresh, Access::Moderator, SetVisibilityParams => ChannelRow, |p| Scope::Channel(p.channel);
    /// Takes somebody out of a channel; its rows leave their devices.
    RemoveMember = "channels.remove", Access::Moderator, RemoveMemberParams => MemberRow, |p| Scope::Channel(p.channel);
    /// Takes somebody out of a channel and lets nobody and nothing bring them back.
    BanMember = "channels.ban", Access::Moderator, BanParams => Bans, |p| Scope::Channel(p.channel);
    /// Lifts a ban; where a group holds them in the channel they come back.
    UnbanMember = "channels.unban", Access::Moderator, BanParams => Bans, |p| Scope::Channel(p.channel);
    /// Who is banned from a channel.
    ListBans = "channels.bans", Access::Moderator, InChannel => Bans, |p| Scope::Channel(p.channel);
    /// Public channels, with what helps to choose.
    Directory = "channels.directory", Access::Insider, DirectoryParams => DirectoryPage, |_| Scope::Workspace;
    /// Makes a member of a channel its moderator, or no longer.
    SetChannelRole = "channels.set_role" fresh, Access::Moderator, SetChannelRoleParams => MemberRow, |p| Scope::Channel(p.channel);
    /// The direct conversation with these people, made when there is none.
    OpenDirect = "direct.open", Access::SignedIn, OpenDirectParams => ChannelRow, |_| Scope::Workspace;
}
