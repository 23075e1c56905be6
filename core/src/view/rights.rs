//! Ranks, roles and groups as shown.

use serde::{Deserialize, Serialize};
use thechatapp_protocol::event::Visibility;
use thechatapp_protocol::methods::groups::ListedGroup;
use thechatapp_protocol::methods::roles::Role;
use thechatapp_protocol::permission::{Power, Rank};
use thechatapp_protocol::{GroupId, RoleId};
use ts_rs::TS;

/// What somebody may do over the people of a group and over the channels linked to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WithinView {
    /// The group's slug; its id where it is not known here.
    pub group: String,
    /// The powers, by their names.
    pub powers: Vec<String>,
}

/// What somebody is in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RankView {
    /// Has every power.
    Owner,
    /// Looks after people and channels.
    Manager,
    /// Has no power by itself.
    Member,
    /// Sees only the channels that somebody let them in.
    Guest,
}

impl RankView {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Manager => "manager",
            Self::Member => "member",
            Self::Guest => "guest",
        }
    }
}

impl From<Rank> for RankView {
    fn from(rank: Rank) -> Self {
        match rank {
            Rank::Owner => Self::Owner,
            Rank::Manager => Self::Manager,
            Rank::Member => Self::Member,
            Rank::Guest => Self::Guest,
        }
    }
}

/// What one is in a workspace, and what one may do there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct StandingView {
    /// `owner`, `manager`, `member` or `guest`.
    pub rank: String,
    /// One's powers over the whole workspace, by their names.
    pub powers: Vec<String>,
    /// One's powers within groups, besides these.
    pub within: Vec<WithinView>,
    /// The slugs of groups one is in.
    pub groups: Vec<String>,
}

/// A custom role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RoleView {
    /// The role.
    #[ts(type = "string")]
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// The powers it gives, by their names.
    pub powers: Vec<String>,
    /// Who has it, as far as one may see that.
    pub grants: Vec<GrantView>,
}

impl RoleView {
    pub(crate) fn new(role: &Role) -> Self {
        let powers = role.powers.each().map(Power::name).map(str::to_owned).collect();
        Self { id: role.id, name: role.name.clone(), powers, grants: Vec::new() }
    }
}

/// Who has a role: a person or a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GrantView {
    /// The person, by name.
    pub person: Option<String>,
    /// The group, by slug.
    pub group: Option<String>,
    /// The slug of the group within which it counts; none for the whole workspace.
    pub within: Option<String>,
}

/// A group of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GroupView {
    /// The group.
    #[ts(type = "string")]
    pub id: GroupId,
    /// What it is mentioned by, without `@`.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// `public`, `private` or `hidden`.
    pub visibility: String,
    /// Whether one is in it, or in a group in it.
    pub inside: bool,
    /// Whether one may change it.
    pub manages: bool,
}

impl GroupView {
    pub(crate) fn new(listed: &ListedGroup) -> Self {
        let visibility = match listed.group.visibility {
            Visibility::Public => "public",
            Visibility::Private => "private",
            Visibility::Hidden => "hidden",
        };
        Self {
            id: listed.group.id,
            slug: listed.group.slug.clone(),
            name: listed.group.name.clone(),
            visibility: visibility.to_owned(),
            inside: listed.inside,
            manages: listed.manages,
        }
    }
}

/// Who is in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GroupMembersView {
    /// Everybody in it or in a group in it, by name.
    pub people: Vec<String>,
    /// Of these, the ones that are directly in it.
    pub direct: Vec<String>,
    /// The slugs of groups directly in it.
    pub groups: Vec<String>,
    /// Who manages it, by name.
    pub managers: Vec<String>,
    /// The channels linked to it, by name.
    pub channels: Vec<String>,
}
