//! Groups of people. Being in a group may give powers, so whoever puts somebody in or takes them out has to hold these.

use super::Handle;
use super::channels::refuse_direct;
use super::roles::hold;
use crate::error::Fail;
use crate::gate::{Caller, Permit};
use crate::state::Workspace;
use crate::store::audit::{self, Act};
use crate::store::{Tx, View, channels, groups, guests, people};
use std::sync::Arc;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::event::{GroupRow, Visibility};
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::groups::{
    AddToGroup, ChangeGroup, CreateGroup, DeleteGroup, GROUPS_PAGE_MAX, GroupMemberParams, GroupMembers,
    GroupMembersPage, GroupMembersParams, GroupParams, GroupsPage, LinkGroup, LinkParams, ListGroups, ListGroupsParams,
    ListedGroup, OneGroup, RemoveFromGroup, UnlinkGroup,
};
use thechatapp_protocol::methods::roles::Holder;
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::{AccountId, Method};

const PAGE: usize = GROUPS_PAGE_MAX as usize;

impl Handle for ListGroups {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ListGroupsParams) -> Result<GroupsPage, Fail> {
        workspace
            .read::<Self, _>(caller, Self::scope(&params), move |view, permit| {
                let who = permit.looker();
                let mut page = GroupsPage::default();
                for id in groups::after(view, params.after)? {
                    if !groups::sees(view, who, id)? {
                        continue;
                    }
                    if page.groups.len() == PAGE {
                        page.next = page.groups.last().map(|last| last.group.id);
                        break;
                    }
                    page.groups.push(ListedGroup {
                        group: groups::row(view, id)?,
                        inside: groups::is_inside(view, who.person, id)?,
                        manages: groups::manages(view, who, id)?,
                    });
                }
                Ok(page)
            })
            .await
    }
}

impl Handle for GroupMembers {
    async fn handle(
        workspace: Arc<Workspace>,
        caller: Caller,
        params: GroupMembersParams,
    ) -> Result<GroupMembersPage, Fail> {
        workspace
            .read::<Self, _>(caller, Self::scope(&params), move |view, permit| {
                let who = permit.looker();
                if !groups::sees_people(view, who, params.group)? {
                    return Err(Fail::denied("only those in this group see who is in it"));
                }
                members(view, who, &params)
            })
            .await
    }
}

fn members(view: View<'_>, who: groups::Looker, params: &GroupMembersParams) -> Result<GroupMembersPage, Fail> {
    let seen = if who.rank == Rank::Guest { Some(guests::seen(view, who.person, None)?) } else { None };
    let sees = |person: &AccountId| seen.as_ref().is_none_or(|seen| seen.contains(person));
    let mut page = GroupMembersPage::default();
    if params.after.is_none() {
        for member in groups::direct(view, params.group)? {
            let shown = match member {
                Holder::Person(person) => sees(&person),
                Holder::Group(group) => groups::sees(view, who, group)?,
            };
            if shown {
                page.direct.push(member);
            }
        }
        page.managers = groups::managers(view, params.group)?;
        page.managers.retain(sees);
        for id in groups::linked(view, params.group)? {
            let channel = channels::find(view, id)?.ok_or(Fail::Broken("a linked channel that is not there"))?;
            if channels::is_readable(view, channel, who.person)? {
                page.channels.push(id);
            }
        }
    }
    let mut all = groups::people(view, params.group)?;
    all.retain(|person| sees(person) && params.after.is_none_or(|after| *person > after));
    if all.len() > PAGE {
        all.truncate(PAGE);
        page.next = all.last().copied();
    }
    page.people = all;
    Ok(page)
}

fn words(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Private => "private",
        Visibility::Hidden => "hidden",
    }
}

impl Handle for CreateGroup {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: GroupParams) -> Result<GroupRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let row = groups::create(tx, &params)?;
                let act = Act::new(Class::Group, "group.created", Target::Group(row.id)).after(words(row.visibility));
                audit::record(tx, permit.by(), act)?;
                Ok(row)
            })
            .await
    }
}

impl Handle for ChangeGroup {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: GroupParams) -> Result<GroupRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let before = groups::row(tx.view(), params.id)?;
                let row = groups::change(tx, &params)?;
                let act = Act::new(Class::Group, "group.changed", Target::Group(row.id))
                    .before(words(before.visibility))
                    .after(words(row.visibility));
                audit::record(tx, permit.by(), act)?;
                Ok(row)
            })
            .await
    }
}

impl Handle for DeleteGroup {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OneGroup) -> Result<Nothing, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                hold(permit.powers(), groups::taken_with(tx.view(), params.group)?)?;
                let inside = groups::people(tx.view(), params.group)?.len();
                groups::delete(tx, params.group)?;
                let act = Act::new(Class::Group, "group.deleted", Target::Group(params.group))
                    .before(format!("{inside} in it"));
                audit::record(tx, permit.by(), act)?;
                Ok(Nothing {})
            })
            .await
    }
}

/// Checks that what is to be put into a group is there, in sight, and can be in one.
fn check_member<M: Method>(view: View<'_>, permit: &Permit<M>, member: Holder) -> Result<(), Fail> {
    match member {
        Holder::Person(person) => {
            let row = people::row(view, person)?;
            if row.imported || !row.active {
                return Err(Fail::bad_input(
                    "They cannot be added",
                    format!("{} cannot sign in", row.name),
                    "invite them first",
                ));
            }
        }
        Holder::Group(group) => {
            if !groups::sees(view, permit.looker(), group)? {
                return Err(Fail::not_found("No such group"));
            }
            // Otherwise it would show who is in a group to somebody who does not see that.
            if !groups::sees_people(view, permit.looker(), group)? {
                return Err(Fail::denied("only those in this group see who is in it"));
            }
        }
    }
    Ok(())
}

fn manager(member: Holder) -> Result<AccountId, Fail> {
    match member {
        Holder::Person(person) => Ok(person),
        Holder::Group(_) => Err(Fail::bad_input("A group cannot manage a group", "only a person can", "name a person")),
    }
}

fn record<M: Method>(
    tx: &mut Tx<'_>,
    permit: &Permit<M>,
    act: &'static str,
    params: &GroupMemberParams,
) -> Result<(), Fail> {
    let member = match params.member {
        Holder::Person(person) => format!("person {person}"),
        Holder::Group(group) => format!("group {group}"),
    };
    let after = if params.manager { format!("{member}, who manages it") } else { member };
    audit::record(tx, permit.by(), Act::new(Class::Group, act, Target::Group(params.group)).after(after))
}

impl Handle for AddToGroup {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: GroupMemberParams) -> Result<Nothing, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                check_member(tx.view(), &permit, params.member)?;
                if params.manager {
                    groups::set_manager(tx, params.group, manager(params.member)?, true)?;
                } else {
                    // Who adds somebody gives them what the group has, and gives power over them to those who have it within.
                    let (given, exposed) =
                        (groups::given(tx.view(), params.group)?, groups::exposed(tx.view(), params.group)?);
                    hold(permit.powers(), given.or(exposed))?;
                    groups::add(tx, params.group, params.member)?;
                }
                record(tx, &permit, "group.member_added", &params)?;
                Ok(Nothing {})
            })
            .await
    }
}

impl Handle for RemoveFromGroup {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: GroupMemberParams) -> Result<Nothing, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                if params.manager {
                    groups::set_manager(tx, params.group, manager(params.member)?, false)?;
                } else {
                    hold(permit.powers(), groups::given(tx.view(), params.group)?)?;
                    groups::remove(tx, params.group, params.member)?;
                }
                record(tx, &permit, "group.member_removed", &params)?;
                Ok(Nothing {})
            })
            .await
    }
}

fn link<M: Method>(tx: &mut Tx<'_>, permit: &Permit<M>, params: LinkParams, linked: bool) -> Result<Nothing, Fail> {
    let LinkParams { group, channel } = params;
    if !groups::sees(tx.view(), permit.looker(), group)? {
        return Err(Fail::not_found("No such group"));
    }
    if !groups::manages(tx.view(), permit.looker(), group)? {
        return Err(Fail::denied("only those who manage the group may do this"));
    }
    refuse_direct(permit.channel()?)?;
    if linked {
        permit.channel()?.refuse_archived()?;
    }
    let act = if linked {
        groups::link(tx, group, channel)?;
        "group.linked"
    } else {
        groups::unlink(tx, group, channel)?;
        "group.unlinked"
    };
    let act = Act::new(Class::Group, act, Target::Group(group)).after(format!("channel {channel}"));
    audit::record(tx, permit.by(), act)?;
    Ok(Nothing {})
}

impl Handle for LinkGroup {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: LinkParams) -> Result<Nothing, Fail> {
        let scope = Self::scope(&params);
        workspace.write::<Self, _>(caller, scope, move |tx, permit| link(tx, &permit, params, true)).await
    }
}

impl Handle for UnlinkGroup {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: LinkParams) -> Result<Nothing, Fail> {
        let scope = Self::scope(&params);
        workspace.write::<Self, _>(caller, scope, move |tx, permit| link(tx, &permit, params, false)).await
    }
}
