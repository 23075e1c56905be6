//! Groups of people: nested, mentioned by their slug, and linked to channels that everybody in them is in.

use super::roles::Holder;
use crate::event::{GroupRow, Visibility};
use crate::id::{AccountId, ChannelId, GroupId};
use crate::method::{Access, Scope, methods};
use crate::methods::account::Nothing;
use crate::permission::Power;
use serde::{Deserialize, Serialize};

/// Longest slug, in characters.
pub const SLUG_MAX: usize = 32;
/// Longest name of a group, in characters.
pub const GROUP_NAME_MAX: usize = 80;
/// How deep groups can lie in each other.
pub const DEPTH_MAX: u32 = 8;
/// Groups or members in one answer, at most.
pub const GROUPS_PAGE_MAX: u32 = 500;

/// Parameters of [`CreateGroup`] and [`ChangeGroup`]. The id is the client's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupParams {
    /// The group.
    pub id: GroupId,
    /// What it is mentioned by, without `@`: small letters, digits, `-` and `_`; unique in the workspace.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Who sees it.
    pub visibility: Visibility,
}

/// One group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OneGroup {
    /// The group.
    pub group: GroupId,
}

/// Parameters of [`AddToGroup`] and [`RemoveFromGroup`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupMemberParams {
    /// The group.
    pub group: GroupId,
    /// Who is in it from now on, or no longer.
    pub member: Holder,
    /// As one who manages the group, instead of as one who is in it.
    #[serde(default)]
    pub manager: bool,
}

/// Parameters of [`ListGroups`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListGroupsParams {
    /// Only those after this one.
    #[serde(default)]
    pub after: Option<GroupId>,
}

/// A group, as the one who asks stands to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListedGroup {
    /// The group.
    pub group: GroupRow,
    /// Whether one is in it, or in a group in it.
    pub inside: bool,
    /// Whether one may change it.
    pub manages: bool,
}

/// Reply of [`ListGroups`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupsPage {
    /// Those one may see, in the order of their ids.
    pub groups: Vec<ListedGroup>,
    /// Ask on after this one; without it, that was all.
    #[serde(default)]
    pub next: Option<GroupId>,
}

/// Parameters of [`GroupMembers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupMembersParams {
    /// The group.
    pub group: GroupId,
    /// Only people after this one.
    #[serde(default)]
    pub after: Option<AccountId>,
}

/// Reply of [`GroupMembers`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupMembersPage {
    /// People and groups directly in it; all of them in the first answer, none in later ones.
    pub direct: Vec<Holder>,
    /// Who manages it; as above.
    pub managers: Vec<AccountId>,
    /// Channels linked to it that one may see; as above.
    pub channels: Vec<ChannelId>,
    /// Everybody in it or in a group in it, in the order of their ids.
    pub people: Vec<AccountId>,
    /// Ask on after this one; without it, that was all.
    #[serde(default)]
    pub next: Option<AccountId>,
}

/// Parameters of [`LinkGroup`] and [`UnlinkGroup`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LinkParams {
    /// The group, which one has to manage.
    pub group: GroupId,
    /// The channel.
    pub channel: ChannelId,
}

methods! {
    /// The groups that one may see.
    ListGroups = "groups.list", Access::SignedIn, ListGroupsParams => GroupsPage, |_| Scope::Workspace;
    /// Who is in a group.
    GroupMembers = "groups.members", Access::SignedIn, GroupMembersParams => GroupMembersPage, |p| Scope::Group(p.group);
    /// Makes a group.
    CreateGroup = "groups.create" fresh, Access::Power(Power::Users), GroupParams => GroupRow, |_| Scope::Workspace;
    /// Changes a group's slug, its name, or who sees it.
    ChangeGroup = "groups.change" fresh, Access::GroupManager, GroupParams => GroupRow, |p| Scope::Group(p.id);
    /// Deletes a group; what it gave its people goes with it.
    DeleteGroup = "groups.delete" fresh, Access::Power(Power::Users), OneGroup => Nothing, |p| Scope::Group(p.group);
    /// Puts a person or another group into a group, or makes a person one who manages it.
    AddToGroup = "groups.add" fresh, Access::GroupManager, GroupMemberParams => Nothing, |p| Scope::Group(p.group);
    /// Takes a person or another group out of a group.
    RemoveFromGroup = "groups.remove" fresh, Access::GroupManager, GroupMemberParams => Nothing, |p| Scope::Group(p.group);
    /// Links a channel to a group one manages: everybody in the group is in the channel.
    LinkGroup = "groups.link" fresh, Access::Moderator, LinkParams => Nothing, |p| Scope::Channel(p.channel);
    /// Unlinks it; who was in the channel only through the group leaves it.
    UnlinkGroup = "groups.unlink" fresh, Access::Moderator, LinkParams => Nothing, |p| Scope::Channel(p.channel);
}
