//! What administrators do with accounts. Nobody does any of it to somebody who holds a power that they lack, and there is always an
//! owner who can sign in.

use super::Handle;
use super::account::random;
use crate::auth::reset::{self, not_in_state};
use crate::error::Fail;
use crate::gate::{self, Caller, Permit};
use crate::state::Workspace;
use crate::store::audit::{self, Act};
use crate::store::invites::{self, Gives};
use crate::store::people::{self, Standing};
use crate::store::{
    Tx, View, channels, devices, drafts, factors, groups, lockouts, members, resets, rights, settings, wipes,
};
use crate::time::now;
use crate::wipe::Named;
use std::sync::Arc;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::identity::make_code;
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::people::{
    Account, AccountState, Content, DeletePerson, DeletePersonParams, GetAccount, InvitePerson, InvitePersonParams,
    Invited, IssueReset, OnePerson, OwnAccount, Reinstate, RemoveTotp, ResetCode, Suspend, Unlock,
};
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::settings::DELETED_CONTENT;
use thechatapp_protocol::{AccountId, Method, Scope, Timestamp};

/// Milliseconds for which an invite is good.
const INVITE_LASTS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Most channels of one invite.
const CHANNELS_MAX: usize = 100;

fn account(view: View<'_>, person: AccountId) -> Result<Account, Fail> {
    let row = people::row(view, person)?;
    let standing = people::standing(view, person)?;
    if standing.imported {
        return Err(Fail::not_found("This person has no account"));
    }
    let (devices, last_seen) = devices::summary(view, person)?;
    Ok(Account {
        state: standing.state,
        rank: standing.rank,
        powers: standing.powers,
        within: rights::scoped(view, person)?,
        second_factor: factors::is_on(view, person)?,
        recovery_codes: factors::recovery_left(view, person)?,
        reset_until: resets::until(view, person, now())?,
        failures: lockouts::of(view, person, &people::fold(&row.name), now())?,
        created: standing.created,
        last_seen,
        devices,
        person: row,
    })
}

impl Handle for OwnAccount {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, _: Nothing) -> Result<Account, Fail> {
        workspace.read::<Self, _>(caller, Scope::Workspace, |view, permit| account(view, permit.person())).await
    }
}

impl Handle for GetAccount {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OnePerson) -> Result<Account, Fail> {
        workspace.read::<Self, _>(caller, Self::scope(&params), move |view, _| account(view, params.person)).await
    }
}

/// Whether whoever calls may act on somebody: they have an account, and hold no power that the caller lacks, neither over the
/// workspace nor within a group.
///
/// # Errors
/// Not found, or denied.
pub(super) fn over<M: Method>(view: View<'_>, permit: &Permit<M>, person: AccountId) -> Result<Standing, Fail> {
    let standing = people::standing(view, person)?;
    if standing.imported {
        return Err(Fail::not_found("This person has no account"));
    }
    let covers = rights::covers(view, permit.person(), permit.powers(), person)?;
    if !covers || (standing.rank as u8) < permit.rank() as u8 {
        return Err(Fail::denied("they hold a power that you lack"));
    }
    Ok(standing)
}

/// As [`over`], for what closes an account: not one's own, and not the last owner's.
fn over_another<M: Method>(view: View<'_>, permit: &Permit<M>, person: AccountId) -> Result<Standing, Fail> {
    let standing = over(view, permit, person)?;
    if person == permit.person() {
        return Err(Fail::denied("nobody does this to themselves"));
    }
    rights::keep_an_owner(view, person)?;
    Ok(standing)
}

impl Handle for InvitePerson {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: InvitePersonParams) -> Result<Invited, Fail> {
        let code = make_code().map_err(Fail::Identity)?;
        workspace.write::<Self, _>(caller, Scope::Workspace, move |tx, permit| invite(tx, &permit, params, code)).await
    }
}

fn invite<M: Method>(
    tx: &mut Tx<'_>,
    permit: &Permit<M>,
    params: InvitePersonParams,
    code: String,
) -> Result<Invited, Fail> {
    let InvitePersonParams { name, rank, channels } = params;
    if !permit.powers().holds(rank.powers()) || (rank as u8) < permit.rank() as u8 {
        return Err(Fail::denied("nobody gives a rank that is above their own"));
    }
    if rank.powers() != Powers::NONE {
        gate::fresh(tx.view(), permit)?;
    }
    if channels.len() > CHANNELS_MAX {
        return Err(Fail::bad_input("Too many channels", "an invite is into 100 at most", "add them later"));
    }
    for id in &channels {
        let open = channels::find(tx.view(), *id)?.is_some_and(|channel| channel.kind == ChannelKind::Public);
        if !open && !members::is(tx.view(), *id, permit.person())? {
            return Err(Fail::not_found("No such channel"));
        }
    }
    let person = match name {
        Some(name) => Some(waiting(tx, permit, &people::tidy_name(&name)?, rank)?),
        None => None,
    };
    let expires = Timestamp(now().0.saturating_add(INVITE_LASTS));
    invites::insert(tx.db, &code, &Gives { rank, person, channels, maker: Some(permit.person()) }, 1, expires)?;
    let target = person.map_or(Target::Workspace, Target::Person);
    audit::record(tx, permit.by(), Act::new(Class::Account, "account.invited", target).after(rank.name()))?;
    Ok(Invited { code, expires, person })
}

/// The account that waits by this name: made now, or made before and not taken yet.
fn waiting<M: Method>(tx: &mut Tx<'_>, permit: &Permit<M>, name: &str, rank: Rank) -> Result<AccountId, Fail> {
    if let Some(known) = people::account(tx.view(), name)?.filter(|known| known.state == AccountState::Invited) {
        over(tx.view(), permit, known.id)?;
        invites::remove_of(tx, known.id)?;
        rights::set_rank(tx, known.id, rank)?;
        return Ok(known.id);
    }
    let id = AccountId::from_parts(now().unix_millis(), &random()?);
    people::invite(tx, id, name, rank)?;
    Ok(id)
}

impl Handle for Suspend {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OnePerson) -> Result<Nothing, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let standing = over_another(tx.view(), &permit, params.person)?;
                if standing.state != AccountState::Active {
                    return Err(not_in_state("This account cannot be suspended", standing.state));
                }
                people::set_state(tx, params.person, AccountState::Suspended)?;
                devices::close(tx, params.person)?;
                moved(tx, &permit, "account.suspended", params.person, standing.state, AccountState::Suspended)
            })
            .await
    }
}

impl Handle for Reinstate {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OnePerson) -> Result<Nothing, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let standing = over(tx.view(), &permit, params.person)?;
                if standing.state != AccountState::Suspended {
                    return Err(not_in_state("This account cannot be reinstated", standing.state));
                }
                people::set_state(tx, params.person, AccountState::Active)?;
                moved(tx, &permit, "account.reinstated", params.person, standing.state, AccountState::Active)
            })
            .await
    }
}

fn moved<M: Method>(
    tx: &mut Tx<'_>,
    permit: &Permit<M>,
    act: &'static str,
    person: AccountId,
    from: AccountState,
    to: AccountState,
) -> Result<Nothing, Fail> {
    let act = Act::new(Class::Account, act, Target::Person(person)).before(from.name()).after(to.name());
    audit::record(tx, permit.by(), act)?;
    Ok(Nothing {})
}

impl Handle for DeletePerson {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: DeletePersonParams) -> Result<Nothing, Fail> {
        let DeletePersonParams { person, content } = params;
        let (by, content) = workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let set_to_remove = settings::word(tx.view(), DELETED_CONTENT)? == "remove";
                let content = content.unwrap_or(if set_to_remove { Content::Remove } else { Content::Keep });
                if content == Content::Remove && !set_to_remove && !permit.powers().has(Power::Privacy) {
                    return Err(Fail::denied("wiping what people wrote takes the power over privacy and data"));
                }
                let standing = over_another(tx.view(), &permit, person)?;
                if standing.state == AccountState::Deleted && content == Content::Keep {
                    return Err(not_in_state("This account cannot be deleted", standing.state));
                }
                end(tx, person)?;
                moved(tx, &permit, "account.deleted", person, standing.state, AccountState::Deleted)?;
                Ok((permit.by(), content))
            })
            .await?;
        if content == Content::Remove {
            // Broken off, it goes on by itself.
            workspace.wipe(Named::Person(person.to_string()), by).await?;
        }
        Ok(Nothing {})
    }
}

/// Nobody signs in to this account any more; what they wrote keeps their name.
fn end(tx: &mut Tx<'_>, person: AccountId) -> Result<(), Fail> {
    wipes::sign_out(tx, person)?;
    wipes::forget_proofs(tx, person)?;
    drafts::forget(tx, person)?;
    people::set_password(tx, person, None)?;
    groups::forget(tx, person)?;
    if people::standing(tx.view(), person)?.powers != Powers::NONE {
        rights::set_rank(tx, person, Rank::Member)?;
    }
    people::set_state(tx, person, AccountState::Deleted)?;
    for channel in wipes::joined(tx.view(), person)? {
        members::set(tx, channel, person, false)?;
    }
    Ok(())
}

impl Handle for IssueReset {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OnePerson) -> Result<ResetCode, Fail> {
        let code = make_code().map_err(Fail::Identity)?;
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                over(tx.view(), &permit, params.person)?;
                by_somebody_else(&permit, params.person)?;
                let expires = reset::issue(tx, params.person, &code, permit.by())?;
                Ok(ResetCode { code, expires })
            })
            .await
    }
}

impl Handle for RemoveTotp {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OnePerson) -> Result<Nothing, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                over(tx.view(), &permit, params.person)?;
                if params.person == permit.person() {
                    return Err(Fail::denied("one's own second factor ends by a code of it"));
                }
                if !reset::remove_factor(tx, params.person, permit.by())? {
                    return Err(Fail::not_found("This account has no second factor"));
                }
                Ok(Nothing {})
            })
            .await
    }
}

impl Handle for Unlock {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OnePerson) -> Result<Nothing, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                over(tx.view(), &permit, params.person)?;
                by_somebody_else(&permit, params.person)?;
                reset::unlock(tx, params.person, permit.by())?;
                Ok(Nothing {})
            })
            .await
    }
}

/// What proves who one is, and what keeps guesses few, is no matter of one's own powers.
fn by_somebody_else<M: Method>(permit: &Permit<M>, person: AccountId) -> Result<(), Fail> {
    if person == permit.person() { Err(Fail::denied("somebody else has to do this for you")) } else { Ok(()) }
}
