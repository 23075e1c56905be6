//! Custom roles, who has them, and ranks.
//!
//! Nobody gives, takes or makes what they do not hold themselves, and nobody changes somebody who holds more than they do.

use crate::event::PersonRow;
use crate::id::{AccountId, GroupId, RoleId};
use crate::method::{Access, Scope, methods};
use crate::methods::account::Nothing;
use crate::permission::{Power, Powers, Rank};
use serde::{Deserialize, Serialize};

/// Longest name of a role, in characters.
pub const ROLE_NAME_MAX: usize = 64;
/// Most custom roles of a workspace.
pub const ROLES_MAX: u32 = 200;

/// A custom role: a named set of powers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Role {
    /// The role.
    pub id: RoleId,
    /// Its name, unique in the workspace.
    pub name: String,
    /// What it gives.
    pub powers: Powers,
}

/// A person or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// Somebody.
    Person(AccountId),
    /// Everybody in a group, and in the groups in it.
    Group(GroupId),
}

/// Who has a role. Also the parameters of [`GrantRole`] and [`TakeRole`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Grant {
    /// The role.
    pub role: RoleId,
    /// Who has it.
    pub to: Holder,
    /// Only over the people of this group and the channels linked to it; without it, everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<GroupId>,
}

/// Reply of [`ListRoles`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Roles {
    /// The custom roles, in the order of their ids.
    pub roles: Vec<Role>,
    /// Who has them; only for those who give and take roles.
    #[serde(default)]
    pub grants: Vec<Grant>,
}

/// Parameters of [`DeleteRole`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OneRole {
    /// The role.
    pub id: RoleId,
}

/// Parameters of [`SetRank`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SetRankParams {
    /// Who.
    pub person: AccountId,
    /// What they are from now on.
    pub rank: Rank,
}

impl Holder {
    /// What a call about it touches.
    pub fn scope(self) -> Scope {
        match self {
            Self::Person(person) => Scope::Person(person),
            Self::Group(group) => Scope::Group(group),
        }
    }
}

methods! {
    /// The custom roles; for those who give and take them, also who has them.
    ListRoles = "roles.list", Access::Insider, Nothing => Roles, |_| Scope::Workspace;
    /// Makes a custom role of powers that one holds.
    CreateRole = "roles.create" fresh, Access::Power(Power::Roles), Role => Role, |_| Scope::Workspace;
    /// Gives a custom role another name or other powers; one has to hold those from before, too.
    ChangeRole = "roles.change" fresh, Access::Power(Power::Roles), Role => Role, |_| Scope::Workspace;
    /// Deletes a custom role; whoever had it loses what it gave.
    DeleteRole = "roles.delete" fresh, Access::Power(Power::Roles), OneRole => Nothing, |_| Scope::Workspace;
    /// Gives a role to a person or a group, everywhere or within a group.
    GrantRole = "roles.grant" fresh, Access::Power(Power::Roles), Grant => Nothing, |p| p.to.scope();
    /// Takes a role from a person or a group.
    TakeRole = "roles.take" fresh, Access::Power(Power::Roles), Grant => Nothing, |p| p.to.scope();
    /// Makes somebody an owner, a manager, a member or a guest.
    SetRank = "people.set_rank" fresh, Access::Power(Power::Roles), SetRankParams => PersonRow, |p| Scope::Person(p.person);
}
