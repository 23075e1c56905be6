//! Who may do what: roles, groups, moderators and ranks.

use crate::args::{Grant, GroupAction, GroupMember, ModeratorAction, RoleAction, Whom};
use crate::output::{Outcome, line};
use crate::run::Desk;
use serde::Serialize;
use thechatapp_core::view::{GrantView, GroupMembersView, GroupView, RoleView};
use thechatapp_core::{Error, Whom as Meant};

fn meant(whom: Whom) -> Outcome<Meant> {
    match (whom.person, whom.group) {
        (Some(person), None) => Ok(Meant::Person(person)),
        (None, Some(group)) => Ok(Meant::Group(group)),
        _ => Err(Error::bad_input("it is not clear who is meant", "give @NAME or --group").into()),
    }
}

fn role_text(role: &RoleView) -> String {
    let powers = if role.powers.is_empty() { "nothing".to_owned() } else { role.powers.join(" ") };
    let mut said = format!("{}: {powers}", line(&role.name));
    for grant in &role.grants {
        said.push_str(&format!("\n  {}", grant_text(grant)));
    }
    said
}

fn grant_text(grant: &GrantView) -> String {
    let who = match (&grant.person, &grant.group) {
        (Some(person), _) => format!("@{}", line(person)),
        (None, Some(group)) => format!("group {}", line(group)),
        (None, None) => "nobody".to_owned(),
    };
    match &grant.within {
        Some(within) => format!("{who} within {}", line(within)),
        None => who,
    }
}

/// `role ...`.
pub async fn role(desk: &Desk<'_>, action: RoleAction) -> Outcome {
    desk.connect().await?;
    let (client, ws) = (&desk.client, desk.ws());
    let role = match action {
        RoleAction::List => {
            let roles = client.roles(ws).await?;
            return desk.output().show(&roles, || roles.iter().map(role_text).collect::<Vec<_>>().join("\n"));
        }
        RoleAction::Create { role, powers } => client.create_role(ws, &role, &powers).await?,
        RoleAction::Change { role, new_name, powers, no_power } => {
            let powers = (no_power || !powers.is_empty()).then_some(powers);
            client.change_role(ws, &role, new_name.as_deref(), powers.as_deref()).await?
        }
        RoleAction::Delete { role } => client.delete_role(ws, &role).await?,
        RoleAction::Grant(grant) => set_grant(desk, grant, true).await?,
        RoleAction::Take(grant) => set_grant(desk, grant, false).await?,
    };
    desk.output().show(&role, || role_text(&role))
}

async fn set_grant(desk: &Desk<'_>, grant: Grant, given: bool) -> Outcome<RoleView> {
    let Grant { role, whom, within } = grant;
    let role = desk.client.grant_role(desk.ws(), &role, &meant(whom)?, within.as_deref(), given).await?;
    // With who has it now, where one may see that.
    let all = desk.client.roles(desk.ws()).await?;
    Ok(all.into_iter().find(|now| now.id == role.id).unwrap_or(role))
}

fn group_text(group: &GroupView) -> String {
    let mut said = format!("@{}  {}  ({}", line(&group.slug), line(&group.name), group.visibility);
    for (so, text) in [(group.inside, ", in it"), (group.manages, ", managed by you")] {
        if so {
            said.push_str(text);
        }
    }
    said.push(')');
    said
}

fn members_text(members: &GroupMembersView) -> String {
    let mut lines: Vec<String> = members.people.iter().map(|name| format!("@{}", line(name))).collect();
    lines.extend(members.groups.iter().map(|slug| format!("group {}", line(slug))));
    lines.extend(members.managers.iter().map(|name| format!("managed by @{}", line(name))));
    lines.extend(members.channels.iter().map(|name| format!("linked to #{}", line(name))));
    lines.join("\n")
}

/// `group ...`.
pub async fn group(desk: &Desk<'_>, action: GroupAction) -> Outcome {
    desk.connect().await?;
    let (client, ws) = (&desk.client, desk.ws());
    let slug = match action {
        GroupAction::List => {
            let groups = client.groups(ws).await?;
            return desk.output().show(&groups, || groups.iter().map(group_text).collect::<Vec<_>>().join("\n"));
        }
        GroupAction::Create { slug, name, visibility } => {
            let group = client.create_group(ws, &slug, &name, visibility.name()).await?;
            return desk.output().show(&group, || group_text(&group));
        }
        GroupAction::Change { slug, new_slug, name, visibility } => {
            let visibility = visibility.map(crate::args::Visibility::name);
            let group = client.change_group(ws, &slug, new_slug.as_deref(), name.as_deref(), visibility).await?;
            return desk.output().show(&group, || group_text(&group));
        }
        GroupAction::Delete { slug } => {
            let group = client.delete_group(ws, &slug).await?;
            return desk.output().show(&group, || group_text(&group));
        }
        GroupAction::Members { slug } => slug,
        GroupAction::Add(member) => set_member(desk, member, true).await?,
        GroupAction::Remove(member) => set_member(desk, member, false).await?,
        GroupAction::Link { slug, channel } => {
            let channel = client.resolve_channel(ws, &channel).await?;
            client.link_group(ws, &slug, channel.id, true).await?;
            slug
        }
        GroupAction::Unlink { slug, channel } => {
            let channel = client.resolve_channel(ws, &channel).await?;
            client.link_group(ws, &slug, channel.id, false).await?;
            slug
        }
    };
    let members = client.group_members(ws, &slug).await?;
    desk.output().show(&members, || members_text(&members))
}

async fn set_member(desk: &Desk<'_>, member: GroupMember, inside: bool) -> Outcome<String> {
    let GroupMember { slug, whom, manager } = member;
    desk.client.set_in_group(desk.ws(), &slug, &meant(whom)?, manager, inside).await?;
    Ok(slug)
}

/// What `moderator` and `account` answer.
#[derive(Serialize)]
struct Became {
    person: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    role: String,
}

fn became(desk: &Desk<'_>, person: &str, channel: Option<String>, role: &str) -> Outcome {
    let person = person.trim_start_matches('@').to_owned();
    let became = Became { person, channel, role: role.to_owned() };
    desk.output().show(&became, || match &became.channel {
        Some(channel) => format!("@{} is a {} of #{}", line(&became.person), became.role, line(channel)),
        None => format!("@{} is now: {}", line(&became.person), line(&became.role)),
    })
}

/// `moderator ...`.
pub async fn moderator(desk: &Desk<'_>, action: ModeratorAction) -> Outcome {
    let (channel, person, moderates) = match action {
        ModeratorAction::Add { channel, person } => (channel, person, true),
        ModeratorAction::Remove { channel, person } => (channel, person, false),
    };
    desk.connect().await?;
    let channel = desk.client.resolve_channel(desk.ws(), &channel).await?;
    desk.client.set_moderator(desk.ws(), channel.id, &person, moderates).await?;
    became(desk, &person, Some(channel.name), if moderates { "moderator" } else { "member" })
}

/// `account rank PERSON RANK`.
pub async fn rank(desk: &Desk<'_>, person: &str, rank: &str) -> Outcome {
    desk.client.set_rank(desk.ws(), person, rank).await?;
    became(desk, person, None, rank)
}
