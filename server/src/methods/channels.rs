//! Channels and direct conversations.

use super::Handle;
use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use crate::store::audit::{self, Act};
use crate::store::{bans, channels, directory, guests, members, people};
use crate::time::now;
use std::sync::Arc;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::event::{ChannelKind, ChannelRole, ChannelRow, MemberRow};
use thechatapp_protocol::methods::channels::{
    AddMember, AddMemberParams, ArchiveChannel, ArchiveChannelParams, BanMember, BanParams, Bans, CreateChannel,
    CreateChannelParams, DIRECT_MAX, Directory, DirectoryPage, DirectoryParams, InChannel, JoinChannel, LeaveChannel,
    ListBans, OpenDirect, OpenDirectParams, RemoveMember, RemoveMemberParams, RenameChannel, RenameChannelParams,
    SetChannelRole, SetChannelRoleParams, SetTopic, SetTopicParams, SetVisibility, SetVisibilityParams, UnbanMember,
};
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::{ChannelId, Method};

pub(super) fn refuse_direct(channel: channels::Channel) -> Result<(), Fail> {
    if channel.kind == ChannelKind::Direct {
        return Err(Fail::bad_input(
            "A direct conversation keeps its people",
            "nobody joins or leaves it",
            "make a channel for others",
        ));
    }
    Ok(())
}

impl Handle for CreateChannel {
    async fn handle(
        workspace: Arc<Workspace>,
        caller: Caller,
        params: CreateChannelParams,
    ) -> Result<ChannelRow, Fail> {
        let scope = Self::scope(&params);
        let name = channels::tidy_name(&params.name)?;
        if params.kind == ChannelKind::Direct {
            return Err(Fail::bad_input("This is no channel", "a direct conversation has no name", "use direct.open"));
        }
        workspace
            .write::<Self, _>(caller, scope, move |tx, permit| {
                // Asked twice, it is made once.
                if let Some(known) = channels::find(tx.view(), params.id)?
                    && members::is(tx.view(), params.id, permit.person())?
                {
                    let row = channels::row(tx.view(), known.id)?;
                    if row.name == name && row.kind == params.kind {
                        return Ok(row);
                    }
                }
                let channel = channels::create(tx, params.id, &name, params.kind, Some(permit.person()), false)?;
                members::set(tx, channel, permit.person(), true)?;
                members::set_role(tx, channel, permit.person(), ChannelRole::Moderator)?;
                let kind = if params.kind == ChannelKind::Public { "public" } else { "private" };
                let made = Act::new(Class::Channel, "channel.created", Target::Channel(channel.id)).after(kind);
                audit::record(tx, permit.by(), made)?;
                channels::row(tx.view(), channel.id)
            })
            .await
    }
}

impl Handle for JoinChannel {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: InChannel) -> Result<MemberRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), |tx, permit| {
                let (channel, me) = (permit.channel()?, permit.person());
                // Who is in it stays by what brought them: nobody lets themselves into a channel that is not open to them.
                if (channel.kind != ChannelKind::Public || permit.rank() == Rank::Guest)
                    && let Some(row) = members::row(tx.view(), channel.id, me)?.filter(|row| row.joined)
                {
                    return Ok(row);
                }
                channel.refuse_archived()?;
                members::set(tx, channel, me, true)
            })
            .await
    }
}

impl Handle for LeaveChannel {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: InChannel) -> Result<MemberRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), |tx, permit| {
                let channel = permit.channel()?;
                refuse_direct(channel)?;
                members::set(tx, channel, permit.person(), false)
            })
            .await
    }
}

impl Handle for AddMember {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: AddMemberParams) -> Result<MemberRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let channel = permit.channel()?;
                refuse_direct(channel)?;
                channel.refuse_archived()?;
                if params.person == permit.person() {
                    let row = members::row(tx.view(), channel.id, permit.person())?;
                    return row.ok_or_else(|| Fail::not_found("No such person"));
                }
                let person = people::row(tx.view(), params.person)?;
                if !person.active {
                    return Err(Fail::bad_input(
                        "They cannot be added",
                        format!("{} cannot sign in", person.name),
                        "invite them first",
                    ));
                }
                if !members::is(tx.view(), channel.id, person.id)? {
                    let added = Act::new(Class::Channel, "channel.person_added", Target::Channel(channel.id));
                    audit::record(tx, permit.by(), added.after(format!("person:{}", person.id)))?;
                }
                members::set(tx, channel, person.id, true)
            })
            .await
    }
}

impl Handle for SetTopic {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: SetTopicParams) -> Result<ChannelRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                channels::set_topic(tx, permit.channel()?, &params.topic)
            })
            .await
    }
}

impl Handle for SetChannelRole {
    async fn handle(
        workspace: Arc<Workspace>,
        caller: Caller,
        params: SetChannelRoleParams,
    ) -> Result<MemberRow, Fail> {
        let words = |role| if role == ChannelRole::Moderator { "moderator" } else { "member" };
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let channel = permit.channel()?;
                refuse_direct(channel)?;
                channel.refuse_archived()?;
                let before = members::row(tx.view(), channel.id, params.person)?.map(|row| row.role);
                let row = members::set_role(tx, channel, params.person, params.role)?;
                if before != Some(row.role) {
                    let act = Act::new(Class::Channel, "channel.role_changed", Target::Channel(channel.id))
                        .before(format!("person {}: {}", params.person, words(before.unwrap_or_default())))
                        .after(format!("person {}: {}", params.person, words(row.role)));
                    audit::record(tx, permit.by(), act)?;
                }
                Ok(row)
            })
            .await
    }
}

impl Handle for OpenDirect {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OpenDirectParams) -> Result<ChannelRow, Fail> {
        let scope = Self::scope(&params);
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|_| thechatapp_seal::Error::Random)?;
        let id = ChannelId::from_parts(now().unix_millis(), &random);
        workspace
            .write::<Self, _>(caller, scope, move |tx, permit| {
                let mut all = params.people;
                all.push(permit.person());
                all.sort_unstable();
                all.dedup();
                if all.len() > DIRECT_MAX {
                    return Err(Fail::bad_input(
                        "Too many people for a direct conversation",
                        "nine at most",
                        "make a private channel",
                    ));
                }
                for other in &all {
                    if permit.rank() == Rank::Guest && !guests::sees(tx.view(), permit.person(), *other)? {
                        return Err(Fail::not_found("No such person"));
                    }
                }
                let channel = channels::direct(tx, id, &all, Some(permit.person()))?;
                channels::row(tx.view(), channel.id)
            })
            .await
    }
}

impl Handle for RenameChannel {
    async fn handle(
        workspace: Arc<Workspace>,
        caller: Caller,
        params: RenameChannelParams,
    ) -> Result<ChannelRow, Fail> {
        let name = channels::tidy_name(&params.name)?;
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let channel = permit.channel()?;
                refuse_direct(channel)?;
                if channels::row(tx.view(), channel.id)?.name != name {
                    // Names of private channels are no matter of the log.
                    audit::record(
                        tx,
                        permit.by(),
                        Act::new(Class::Channel, "channel.renamed", Target::Channel(channel.id)),
                    )?;
                }
                directory::rename(tx, channel, &name)
            })
            .await
    }
}

impl Handle for ArchiveChannel {
    async fn handle(
        workspace: Arc<Workspace>,
        caller: Caller,
        params: ArchiveChannelParams,
    ) -> Result<ChannelRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let channel = permit.channel()?;
                refuse_direct(channel)?;
                if channel.archived != params.on {
                    let act = if params.on { "channel.archived" } else { "channel.unarchived" };
                    audit::record(tx, permit.by(), Act::new(Class::Channel, act, Target::Channel(channel.id)))?;
                }
                directory::archive(tx, channel, params.on)
            })
            .await
    }
}

impl Handle for SetVisibility {
    async fn handle(
        workspace: Arc<Workspace>,
        caller: Caller,
        params: SetVisibilityParams,
    ) -> Result<ChannelRow, Fail> {
        let words = |kind| if kind == ChannelKind::Public { "public" } else { "private" };
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let channel = permit.channel()?;
                refuse_direct(channel)?;
                if params.kind == ChannelKind::Direct {
                    return Err(Fail::bad_input(
                        "A channel is no conversation",
                        "it is public or private",
                        "choose one of these",
                    ));
                }
                let row = directory::set_kind(tx, channel, params.kind)?;
                if channel.kind != params.kind {
                    let act = Act::new(Class::Channel, "channel.visibility_changed", Target::Channel(channel.id))
                        .before(words(channel.kind))
                        .after(words(params.kind));
                    audit::record(tx, permit.by(), act)?;
                }
                // Whoever looks after it by a power may have taken it out of their own sight.
                let seen = row.kind == ChannelKind::Public || members::is(tx.view(), channel.id, permit.person())?;
                Ok(if seen { row } else { channels::gone(channel.id, row.change) })
            })
            .await
    }
}

impl Handle for RemoveMember {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: RemoveMemberParams) -> Result<MemberRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let channel = permit.channel()?;
                refuse_direct(channel)?;
                if !members::is(tx.view(), channel.id, params.person)? {
                    return Err(Fail::bad_input(
                        "They are not in this channel",
                        "nobody is to be taken out",
                        "check who it is",
                    ));
                }
                let row = members::set(tx, channel, params.person, false)?;
                let act = Act::new(Class::Channel, "channel.person_removed", Target::Channel(channel.id));
                audit::record(tx, permit.by(), act.after(format!("person:{}", params.person)))?;
                Ok(row)
            })
            .await
    }
}

async fn ban<M: Method<Params = BanParams>>(
    workspace: Arc<Workspace>,
    caller: Caller,
    params: BanParams,
    on: bool,
) -> Result<Bans, Fail> {
    workspace
        .write::<M, _>(caller, M::scope(&params), move |tx, permit| {
            let channel = permit.channel()?;
            refuse_direct(channel)?;
            let person = people::row(tx.view(), params.person)?;
            if on && (person.imported || person.id == permit.person()) {
                let why = if person.imported { "they only exist in imported history" } else { "it is you" };
                return Err(Fail::bad_input("They cannot be banned", why, "choose somebody else"));
            }
            if bans::set(tx, channel, person.id, permit.person(), on)? {
                let act = if on { "channel.banned" } else { "channel.unbanned" };
                let act = Act::new(Class::Channel, act, Target::Channel(channel.id));
                audit::record(tx, permit.by(), act.after(format!("person:{}", person.id)))?;
            }
            Ok(Bans { bans: bans::of(tx.view(), channel.id)? })
        })
        .await
}

impl Handle for BanMember {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: BanParams) -> Result<Bans, Fail> {
        ban::<Self>(workspace, caller, params, true).await
    }
}

impl Handle for UnbanMember {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: BanParams) -> Result<Bans, Fail> {
        ban::<Self>(workspace, caller, params, false).await
    }
}

impl Handle for ListBans {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: InChannel) -> Result<Bans, Fail> {
        workspace
            .read::<Self, _>(caller, Self::scope(&params), |view, permit| {
                Ok(Bans { bans: bans::of(view, permit.channel()?.id)? })
            })
            .await
    }
}

impl Handle for Directory {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: DirectoryParams) -> Result<DirectoryPage, Fail> {
        workspace
            .read::<Self, _>(caller, Self::scope(&params), move |view, permit| {
                directory::page(view, permit.person(), &params)
            })
            .await
    }
}
