//! Roles, groups, ranks and channels as tests make them.

use super::{Host, Person, channel_id, message_id};
use thechatapp_protocol::event::*;
use thechatapp_protocol::methods::account::{Nothing, WhoAmI};
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::groups::*;
use thechatapp_protocol::methods::roles::*;
use thechatapp_protocol::methods::sync::SyncStarted;
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::{AccountId, ChannelId, Code, ErrorBody, GroupId, RoleId, Row};

pub async fn owner(host: &Host) -> Person {
    host.join_by(&host.owner_invite.clone(), "olga").await
}

pub fn role_of(powers: &[Power]) -> Role {
    let id = RoleId::from_bytes(*message_id().as_bytes());
    Role { id, name: format!("role {id}"), powers: powers.iter().copied().collect() }
}

/// Makes a role and gives it to somebody.
pub async fn give(by: &mut Person, to: Holder, powers: &[Power], within: Option<GroupId>) -> Grant {
    let role = by.call::<CreateRole>(&role_of(powers)).await.unwrap();
    let grant = Grant { role: role.id, to, within };
    by.call::<GrantRole>(&grant).await.unwrap();
    grant
}

pub async fn group(by: &mut Person, visibility: Visibility, people: &[AccountId]) -> GroupId {
    let id = GroupId::from_bytes(*message_id().as_bytes());
    let slug = format!("g{}", &id.to_string().replace('-', "")[16..]);
    by.call::<CreateGroup>(&GroupParams { id, slug, name: "A group".into(), visibility }).await.unwrap();
    for person in people {
        put(by, id, Holder::Person(*person)).await.unwrap();
    }
    id
}

pub async fn put(by: &mut Person, group: GroupId, member: Holder) -> Result<Nothing, ErrorBody> {
    by.call::<AddToGroup>(&GroupMemberParams { group, member, manager: false }).await
}

pub async fn put_me(by: &mut Person, group: GroupId) -> Result<Nothing, ErrorBody> {
    let me = Holder::Person(by.id());
    put(by, group, me).await
}

pub async fn channel(by: &mut Person, kind: ChannelKind) -> ChannelId {
    let id = channel_id();
    let params = CreateChannelParams { id, name: format!("c{id}"), kind };
    by.call::<CreateChannel>(&params).await.unwrap();
    id
}

pub async fn rank(by: &mut Person, person: AccountId, rank: Rank) -> Result<PersonRow, ErrorBody> {
    by.call::<SetRank>(&SetRankParams { person, rank }).await
}

pub async fn rank_me(by: &mut Person, to: Rank) -> Result<PersonRow, ErrorBody> {
    let me = by.id();
    rank(by, me, to).await
}

pub async fn powers(who: &mut Person) -> Powers {
    who.call::<WhoAmI>(&Nothing {}).await.unwrap().powers
}

pub fn only(powers: &[Power]) -> Powers {
    powers.iter().copied().collect()
}

pub fn code<T: std::fmt::Debug>(answer: Result<T, ErrorBody>) -> Code {
    answer.unwrap_err().code
}

/// What comes until a row is among it.
pub async fn until(who: &mut Person, wanted: impl Fn(&Row) -> bool) -> Vec<Row> {
    let mut rows = Vec::new();
    loop {
        rows.extend(who.session.changes().await.rows);
        if rows.iter().any(&wanted) {
            return rows;
        }
    }
}

/// What has to come within a second.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(std::time::Duration::from_secs(1), what).await.expect("within a second")
}

/// A new session that follows from the beginning.
pub async fn host_sync(who: &mut Person, host: &Host) -> (SyncStarted, Vec<Row>, u64) {
    who.again(host).await;
    who.sync(0).await
}
