//! Ranks, custom roles, and who has them.

use super::Client;
use crate::error::{Error, Result};
use crate::sync::Workspace;
use crate::view::{GrantView, RoleView, StandingView};
use std::sync::Arc;
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::roles::{
    ChangeRole, CreateRole, DeleteRole, Grant, GrantRole, Holder, ListRoles, OneRole, Role, SetRank, SetRankParams,
    TakeRole,
};
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::{AccountId, RoleId, Row, WorkspaceId};

/// A person or a group, as they are typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Somebody, by name or id, with or without `@`.
    Person(String),
    /// A group, by slug or id, with or without `@`.
    Group(String),
}

/// Powers by their names.
///
/// # Errors
/// [`Error::BadInput`] for a name that no power has.
pub fn powers_named(names: &[String]) -> Result<Powers> {
    let all = names.iter().map(|name| {
        name.trim().parse::<Power>().map_err(|why| {
            let known: Vec<&str> = Power::EACH.into_iter().map(Power::name).collect();
            Error::bad_input(why.to_string(), format!("there are {}", known.join(", ")))
        })
    });
    all.collect()
}

impl Client {
    /// What one is and may do in a workspace, as this device heard last.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn standing(&self, ws: WorkspaceId) -> Result<StandingView> {
        self.workspace(ws)?.cache.rights().await
    }

    /// The custom roles; for those who give and take them, also who has them.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn roles(&self, ws: WorkspaceId) -> Result<Vec<RoleView>> {
        let workspace = self.workspace(ws)?;
        let all = workspace.session()?.call::<ListRoles>(&Nothing {}).await?;
        let people = workspace.cache.people().await?;
        let groups = if all.grants.is_empty() { Vec::new() } else { self.groups(ws).await? };
        let person = |id: AccountId| {
            people.iter().find(|person| person.id == id).map_or_else(|| id.to_string(), |person| person.name.clone())
        };
        let group =
            |id| groups.iter().find(|group| group.id == id).map_or_else(|| id.to_string(), |group| group.slug.clone());
        let grants = |role: RoleId| {
            let of = all.grants.iter().filter(|grant| grant.role == role);
            of.map(|grant| {
                let (person, group_name) = match grant.to {
                    Holder::Person(id) => (Some(person(id)), None),
                    Holder::Group(id) => (None, Some(group(id))),
                };
                GrantView { person, group: group_name, within: grant.within.map(group) }
            })
            .collect()
        };
        Ok(all.roles.iter().map(|role| RoleView { grants: grants(role.id), ..RoleView::new(role) }).collect())
    }

    /// Makes a custom role of powers that one holds.
    ///
    /// # Errors
    /// [`Error::BadInput`], [`Error::Offline`], [`Error::Refused`].
    pub async fn create_role(&self, ws: WorkspaceId, name: &str, powers: &[String]) -> Result<RoleView> {
        let id = RoleId::from_parts(self.now().unix_millis(), &super::messages::random()?);
        let role = Role { id, name: name.to_owned(), powers: powers_named(powers)? };
        let role = self.workspace(ws)?.session()?.call::<CreateRole>(&role).await?;
        Ok(RoleView::new(&role))
    }

    /// Gives a custom role another name, or other powers.
    ///
    /// # Errors
    /// [`Error::BadInput`], [`Error::Offline`], [`Error::Refused`].
    pub async fn change_role(
        &self,
        ws: WorkspaceId,
        role: &str,
        name: Option<&str>,
        powers: Option<&[String]>,
    ) -> Result<RoleView> {
        let workspace = self.workspace(ws)?;
        let mut role = find_role(&workspace, role).await?;
        if let Some(name) = name {
            name.clone_into(&mut role.name);
        }
        if let Some(powers) = powers {
            role.powers = powers_named(powers)?;
        }
        let role = workspace.session()?.call::<ChangeRole>(&role).await?;
        Ok(RoleView::new(&role))
    }

    /// Deletes a custom role.
    ///
    /// # Errors
    /// [`Error::BadInput`], [`Error::Offline`], [`Error::Refused`].
    pub async fn delete_role(&self, ws: WorkspaceId, role: &str) -> Result<RoleView> {
        let workspace = self.workspace(ws)?;
        let role = find_role(&workspace, role).await?;
        workspace.session()?.call::<DeleteRole>(&OneRole { id: role.id }).await?;
        Ok(RoleView::new(&role))
    }

    /// Gives a role to a person or a group, or takes it; everywhere, or within a group.
    ///
    /// # Errors
    /// [`Error::BadInput`], [`Error::Offline`], [`Error::Refused`].
    pub async fn grant_role(
        &self,
        ws: WorkspaceId,
        role: &str,
        to: &Whom,
        within: Option<&str>,
        given: bool,
    ) -> Result<RoleView> {
        let workspace = self.workspace(ws)?;
        let role = find_role(&workspace, role).await?;
        let within = match within {
            Some(slug) => Some(self.find_group(ws, slug).await?.id),
            None => None,
        };
        let grant = Grant { role: role.id, to: self.holder(ws, to).await?, within };
        let session = workspace.session()?;
        if given {
            session.call::<GrantRole>(&grant).await?;
        } else {
            session.call::<TakeRole>(&grant).await?;
        }
        Ok(RoleView::new(&role))
    }

    /// Makes somebody an owner, a manager, a member or a guest.
    ///
    /// # Errors
    /// [`Error::BadInput`], [`Error::Offline`], [`Error::Refused`].
    pub async fn set_rank(&self, ws: WorkspaceId, person: &str, rank: &str) -> Result<()> {
        let rank = Rank::EACH
            .into_iter()
            .find(|known| known.name() == rank.trim().to_lowercase())
            .ok_or_else(|| Error::bad_input(format!("there is no rank {rank}"), "owner, manager, member or guest"))?;
        let person = self.find_person(ws, person).await?;
        let workspace = self.workspace(ws)?;
        let row = workspace.session()?.call::<SetRank>(&SetRankParams { person, rank }).await?;
        workspace.take(vec![Row::Person(row)]).await
    }

    /// Somebody by name or id.
    pub(super) async fn find_person(&self, ws: WorkspaceId, name: &str) -> Result<AccountId> {
        let wanted = name.trim().trim_start_matches('@').to_lowercase();
        let people = self.workspace(ws)?.cache.people().await?;
        let found = people
            .into_iter()
            .find(|person| person.name.to_lowercase() == wanted || person.id.to_string() == wanted)
            .ok_or_else(|| Error::bad_input("there is no such person", format!("nobody is called {wanted}")))?;
        Ok(found.id)
    }

    /// What was typed, as the server knows it.
    pub(super) async fn holder(&self, ws: WorkspaceId, whom: &Whom) -> Result<Holder> {
        Ok(match whom {
            Whom::Person(name) => Holder::Person(self.find_person(ws, name).await?),
            Whom::Group(slug) => Holder::Group(self.find_group(ws, slug).await?.id),
        })
    }
}

async fn find_role(workspace: &Arc<Workspace>, name: &str) -> Result<Role> {
    let wanted = name.trim().to_lowercase();
    let all = workspace.session()?.call::<ListRoles>(&Nothing {}).await?;
    all.roles
        .into_iter()
        .find(|role| role.name.to_lowercase() == wanted || role.id.to_string() == wanted)
        .ok_or_else(|| Error::bad_input("there is no such role", format!("none is called {name}")))
}
