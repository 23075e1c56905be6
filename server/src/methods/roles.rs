//! Custom roles and ranks. The gate has asked for the power; here it is asked that nobody gives, takes or makes what they do not
//! hold themselves, neither before nor after.

use super::Handle;
use crate::error::Fail;
use crate::gate::{Caller, Permit};
use crate::state::Workspace;
use crate::store::audit::{self, Act};
use crate::store::rights::in_words;
use crate::store::{Tx, View, groups, guests, people, rights, roles};
use std::sync::Arc;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::event::PersonRow;
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::roles::{
    ChangeRole, CreateRole, DeleteRole, Grant, GrantRole, Holder, ListRoles, OneRole, Role, Roles, SetRank,
    SetRankParams, TakeRole,
};
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::{Method, Scope};

/// Refuses what asks for more than is held.
pub(super) fn hold(held: Powers, needed: Powers) -> Result<(), Fail> {
    if held.holds(needed) {
        return Ok(());
    }
    let missing: Powers = needed.each().filter(|power| !held.has(*power)).collect();
    Err(Fail::denied(&format!("nobody gives or takes what they do not hold, which here is {}", in_words(missing))))
}

fn known(powers: Powers) -> Result<(), Fail> {
    if Powers::ALL.holds(powers) {
        return Ok(());
    }
    Err(Fail::bad_input("This role cannot be kept", "it has a power that there is not", "update the app or the server"))
}

impl Handle for ListRoles {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, _: Nothing) -> Result<Roles, Fail> {
        workspace
            .read::<Self, _>(caller, Scope::Workspace, |view, permit| {
                let grants = if permit.powers().has(Power::Roles) { roles::grants(view)? } else { Vec::new() };
                Ok(Roles { roles: roles::all(view)?, grants })
            })
            .await
    }
}

impl Handle for CreateRole {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: Role) -> Result<Role, Fail> {
        known(params.powers)?;
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                hold(permit.powers(), params.powers)?;
                let role = roles::create(tx, &params)?;
                let act = Act::new(Class::Role, "role.created", Target::Role(role.id)).after(in_words(role.powers));
                audit::record(tx, permit.by(), act)?;
                Ok(role)
            })
            .await
    }
}

impl Handle for ChangeRole {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: Role) -> Result<Role, Fail> {
        known(params.powers)?;
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let before = roles::find(tx.view(), params.id)?.powers;
                hold(permit.powers(), before.or(params.powers))?;
                let role = roles::change(tx, &params)?;
                let act = Act::new(Class::Role, "role.changed", Target::Role(role.id))
                    .before(in_words(before))
                    .after(in_words(role.powers));
                audit::record(tx, permit.by(), act)?;
                Ok(role)
            })
            .await
    }
}

impl Handle for DeleteRole {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OneRole) -> Result<Nothing, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let before = roles::find(tx.view(), params.id)?.powers;
                hold(permit.powers(), before)?;
                roles::delete(tx, params.id)?;
                let act = Act::new(Class::Role, "role.deleted", Target::Role(params.id)).before(in_words(before));
                audit::record(tx, permit.by(), act)?;
                Ok(Nothing {})
            })
            .await
    }
}

/// What the caller holds where a role is to count: everywhere, or within a group.
fn held<M: Method>(view: View<'_>, permit: &Permit<M>, grant: &Grant) -> Result<Powers, Fail> {
    let Some(within) = grant.within else { return Ok(permit.powers()) };
    if !groups::sees(view, permit.looker(), within)? {
        return Err(Fail::not_found("No such group"));
    }
    if permit.rank() == Rank::Guest {
        return Ok(Powers::NONE);
    }
    Ok(permit.powers().or(rights::within(view, permit.person(), within)?))
}

fn set<M: Method>(tx: &mut Tx<'_>, permit: &Permit<M>, grant: &Grant, given: bool) -> Result<Nothing, Fail> {
    let role = roles::find(tx.view(), grant.role)?;
    // To give a role everywhere takes the power over roles everywhere.
    hold(held(tx.view(), permit, grant)?, role.powers.with(Power::Roles))?;
    let (target, before) = match grant.to {
        Holder::Person(person) => {
            let row = people::row(tx.view(), person)?;
            if given && (row.imported || !row.active) {
                return Err(Fail::bad_input("They cannot have a role", "they cannot sign in", "choose somebody else"));
            }
            if given && guests::is(tx.view(), person)? {
                return Err(Fail::bad_input("They cannot have a role", "they are a guest", "make them a member first"));
            }
            (Target::Person(person), rights::row(tx.view(), person)?.powers)
        }
        Holder::Group(group) => (Target::Group(group), groups::given(tx.view(), group)?),
    };
    roles::set(tx, grant, given)?;
    let after = match grant.to {
        Holder::Person(person) => rights::row(tx.view(), person)?.powers,
        Holder::Group(group) => groups::given(tx.view(), group)?,
    };
    let place = grant.within.map_or_else(String::new, |group| format!(" within {group}"));
    let act = Act::new(Class::Role, if given { "role.granted" } else { "role.taken" }, target)
        .before(in_words(before))
        .after(format!("{}, by role {}{place}", in_words(after), grant.role));
    audit::record(tx, permit.by(), act)?;
    Ok(Nothing {})
}

impl Handle for GrantRole {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: Grant) -> Result<Nothing, Fail> {
        let scope = Self::scope(&params);
        workspace.write::<Self, _>(caller, scope, move |tx, permit| set(tx, &permit, &params, true)).await
    }
}

impl Handle for TakeRole {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: Grant) -> Result<Nothing, Fail> {
        let scope = Self::scope(&params);
        workspace.write::<Self, _>(caller, scope, move |tx, permit| set(tx, &permit, &params, false)).await
    }
}

impl Handle for SetRank {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: SetRankParams) -> Result<PersonRow, Fail> {
        let SetRankParams { person, rank } = params;
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let from = rights::row(tx.view(), person)?.rank;
                if (from == Rank::Owner || rank == Rank::Owner) && from != rank && permit.rank() != Rank::Owner {
                    return Err(Fail::denied("only an owner makes or unmakes owners"));
                }
                let (before, after) = rights::set_rank(tx, person, rank)?;
                // Looked at afterwards: a guest who becomes a member gets what their roles give.
                hold(permit.powers(), before.or(after).with(Power::Roles))?;
                if !rights::covers(tx.view(), permit.person(), permit.powers(), person)? {
                    return Err(Fail::denied("their roles within groups give powers that you do not hold"));
                }
                if from != rank {
                    let act = Act::new(Class::Role, "person.rank_changed", Target::Person(person))
                        .before(format!("{from}: {}", in_words(before)))
                        .after(format!("{rank}: {}", in_words(after)));
                    audit::record(tx, permit.by(), act)?;
                }
                people::row(tx.view(), person)
            })
            .await
    }
}
