//! Groups of people.

use super::Client;
use super::roles::Whom;
use crate::error::{Error, Result};
use crate::view::{GroupMembersView, GroupView};
use std::collections::HashMap;
use thechatapp_protocol::event::{ChannelRole, Visibility};
use thechatapp_protocol::methods::channels::{SetChannelRole, SetChannelRoleParams};
use thechatapp_protocol::methods::groups::{
    AddToGroup, ChangeGroup, CreateGroup, DeleteGroup, GroupMemberParams, GroupMembers, GroupMembersParams,
    GroupParams, LinkGroup, LinkParams, ListGroups, ListGroupsParams, ListedGroup, OneGroup, RemoveFromGroup,
    UnlinkGroup,
};
use thechatapp_protocol::methods::roles::Holder;
use thechatapp_protocol::{AccountId, ChannelId, GroupId, Row, WorkspaceId};

fn visibility_named(name: &str) -> Result<Visibility> {
    match name.trim() {
        "public" => Ok(Visibility::Public),
        "private" => Ok(Visibility::Private),
        "hidden" => Ok(Visibility::Hidden),
        other => Err(Error::bad_input(format!("a group cannot be {other}"), "public, private or hidden")),
    }
}

impl Client {
    /// The groups that one may see.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn groups(&self, ws: WorkspaceId) -> Result<Vec<GroupView>> {
        Ok(self.listed(ws).await?.iter().map(GroupView::new).collect())
    }

    async fn listed(&self, ws: WorkspaceId) -> Result<Vec<ListedGroup>> {
        let session = self.workspace(ws)?.session()?;
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = session.call::<ListGroups>(&ListGroupsParams { after }).await?;
            all.extend(page.groups);
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// A group by its slug or its id.
    pub(super) async fn find_group(&self, ws: WorkspaceId, slug: &str) -> Result<GroupView> {
        let wanted = slug.trim().trim_start_matches('@').to_lowercase();
        let all = self.groups(ws).await?;
        all.into_iter()
            .find(|group| group.slug == wanted || group.id.to_string() == wanted)
            .ok_or_else(|| Error::bad_input("there is no such group", format!("none is called {wanted}")))
    }

    /// Who is in a group, by name.
    ///
    /// # Errors
    /// [`Error::BadInput`], [`Error::Offline`], [`Error::Refused`].
    pub async fn group_members(&self, ws: WorkspaceId, slug: &str) -> Result<GroupMembersView> {
        let group = self.find_group(ws, slug).await?;
        let workspace = self.workspace(ws)?;
        let session = workspace.session()?;
        let mut page = session.call::<GroupMembers>(&GroupMembersParams { group: group.id, after: None }).await?;
        let mut all = std::mem::take(&mut page.people);
        let mut next = page.next;
        while let Some(after) = next {
            let more = GroupMembersParams { group: group.id, after: Some(after) };
            let more = session.call::<GroupMembers>(&more).await?;
            all.extend(more.people);
            next = more.next;
        }
        let people: HashMap<AccountId, String> =
            workspace.cache.people().await?.into_iter().map(|person| (person.id, person.name)).collect();
        let channels: HashMap<ChannelId, String> =
            workspace.cache.channels(true).await?.into_iter().map(|channel| (channel.id, channel.name)).collect();
        let groups: HashMap<GroupId, String> =
            self.groups(ws).await?.into_iter().map(|group| (group.id, group.slug)).collect();
        let person = |id: &AccountId| people.get(id).cloned().unwrap_or_else(|| id.to_string());
        let mut view = GroupMembersView {
            people: all.iter().map(person).collect(),
            direct: Vec::new(),
            groups: Vec::new(),
            managers: page.managers.iter().map(person).collect(),
            channels: page
                .channels
                .iter()
                .map(|id| channels.get(id).cloned().unwrap_or_else(|| id.to_string()))
                .collect(),
        };
        for member in &page.direct {
            match member {
                Holder::Person(id) => view.direct.push(person(id)),
                Holder::Group(id) => view.groups.push(groups.get(id).cloned().unwrap_or_else(|| id.to_string())),
            }
        }
        Ok(view)
    }

    /// Makes a group.
    ///
    /// # Errors
    /// [`Error::BadInput`], [`Error::Offline`], [`Error::Refused`].
    pub async fn create_group(&self, ws: WorkspaceId, slug: &str, name: &str, visibility: &str) -> Result<GroupView> {
        let id = GroupId::from_parts(self.now().unix_millis(), &super::messages::random()?);
        let visibility = visibility_named(visibility)?;
        let params = GroupParams { id, slug: slug.to_owned(), name: name.to_owned(), visibility };
        self.workspace(ws)?.session()?.call::<CreateGroup>(&params).await?;
        self.find_group(ws, &id.to_string()).await
    }

    /// Changes a group's slug, its name, or who sees it.
    ///
    /// # Errors
    /// [`Error::BadInput`], [`Error::Offline`], [`Error::Refused`].
    pub async fn change_group(
        &self,
        ws: WorkspaceId,
        group: &str,
        slug: Option<&str>,
        name: Option<&str>,
        visibility: Option<&str>,
    ) -> Result<GroupView> {
        let before = self.find_group(ws, group).await?;
        let params = GroupParams {
            id: before.id,
            slug: slug.map_or(before.slug, str::to_owned),
            name: name.map_or(before.name, str::to_owned),
            visibility: visibility_named(visibility.unwrap_or(&before.visibility))?,
        };
        self.workspace(ws)?.session()?.call::<ChangeGroup>(&params).await?;
        self.find_group(ws, &params.id.to_string()).await
    }

    /// Deletes a group.
    ///
    /// # Errors
    /// [`Error::BadInput`], [`Error::Offline`], [`Error::Refused`].
    pub async fn delete_group(&self, ws: WorkspaceId, group: &str) -> Result<GroupView> {
        let group = self.find_group(ws, group).await?;
        self.workspace(ws)?.session()?.call::<DeleteGroup>(&OneGroup { group: group.id }).await?;
        Ok(group)
    }

    /// Puts a person or a group into a group, or takes them out; or makes a person one who manages it, or no longer.
    ///
    /// # Errors
    /// [`Error::BadInput`], [`Error::Offline`], [`Error::Refused`].
    pub async fn set_in_group(
        &self,
        ws: WorkspaceId,
        group: &str,
        member: &Whom,
        manager: bool,
        inside: bool,
    ) -> Result<()> {
        let group = self.find_group(ws, group).await?.id;
        let params = GroupMemberParams { group, member: self.holder(ws, member).await?, manager };
        let session = self.workspace(ws)?.session()?;
        if inside {
            session.call::<AddToGroup>(&params).await?;
        } else {
            session.call::<RemoveFromGroup>(&params).await?;
        }
        Ok(())
    }

    /// Links a channel to a group, or unlinks it.
    ///
    /// # Errors
    /// [`Error::BadInput`], [`Error::Offline`], [`Error::Refused`].
    pub async fn link_group(&self, ws: WorkspaceId, group: &str, channel: ChannelId, linked: bool) -> Result<()> {
        let params = LinkParams { group: self.find_group(ws, group).await?.id, channel };
        let session = self.workspace(ws)?.session()?;
        if linked {
            session.call::<LinkGroup>(&params).await?;
        } else {
            session.call::<UnlinkGroup>(&params).await?;
        }
        Ok(())
    }

    /// Makes a member of a channel its moderator, or no longer.
    ///
    /// # Errors
    /// [`Error::BadInput`], [`Error::Offline`], [`Error::Refused`].
    pub async fn set_moderator(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        person: &str,
        moderator: bool,
    ) -> Result<()> {
        let person = self.find_person(ws, person).await?;
        let role = if moderator { ChannelRole::Moderator } else { ChannelRole::Member };
        let workspace = self.workspace(ws)?;
        let params = SetChannelRoleParams { channel, person, role };
        let row = workspace.session()?.call::<SetChannelRole>(&params).await?;
        workspace.take(vec![Row::Member(row)]).await
    }
}
