//! What administrators do with accounts.

use super::account::Nothing;
use crate::event::{PersonRow, PowersWithin};
use crate::id::{AccountId, ChannelId};
use crate::method::{Access, Scope, methods};
use crate::permission::{Power, Powers, Rank};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an account stands. The number is how it is stored and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum AccountState {
    /// Invited by name, and has not come yet.
    Invited = 0,
    /// Signs in.
    Active = 1,
    /// Does not, until somebody reinstates it.
    Suspended = 2,
    /// Never will again.
    Deleted = 3,
}

impl AccountState {
    /// The state stored as this number; what is none lets nobody in.
    pub fn from_stored(number: u8) -> Self {
        [Self::Invited, Self::Active, Self::Suspended]
            .into_iter()
            .find(|state| *state as u8 == number)
            .unwrap_or(Self::Deleted)
    }

    /// Its name, as on the wire and at the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
        }
    }
}

/// For whom a way in is closed after failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClosedFor {
    /// Devices and browsers that the account was never signed in on.
    Strangers,
    /// One of its own.
    Known,
}

/// Failed attempts to prove that one is somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Failures {
    /// Whose attempts.
    pub closed_for: ClosedFor,
    /// How many.
    pub failures: u64,
    /// For how many seconds it is closed; none when it is open.
    pub seconds: u64,
}

/// What administrators see of an account, and everybody of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Account {
    /// Whose.
    pub person: PersonRow,
    /// Where it stands.
    pub state: AccountState,
    /// Its rank.
    pub rank: Rank,
    /// Its powers.
    pub powers: Powers,
    /// Its powers within groups, besides these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<PowersWithin>,
    /// Whether a second factor is asked for.
    pub second_factor: bool,
    /// How many recovery codes are left.
    pub recovery_codes: u32,
    /// Until when a code for a new password is good, where there is one.
    pub reset_until: Option<Timestamp>,
    /// Failed attempts that count still.
    pub failures: Vec<Failures>,
    /// When it was made.
    pub created: Timestamp,
    /// When one of its devices or browsers was last used.
    pub last_seen: Option<Timestamp>,
    /// How many devices and browsers it is signed in on.
    pub devices: u32,
}

/// Parameters of [`InvitePerson`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InvitePersonParams {
    /// The name of the account that it makes; without one, whoever comes chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// As what.
    #[serde(default)]
    pub rank: Rank,
    /// Channels to join, besides those that everybody is in. A guest joins these alone.
    #[serde(default)]
    pub channels: Vec<ChannelId>,
}

/// Reply of [`InvitePerson`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Invited {
    /// The invite's code, which is good once.
    pub code: String,
    /// Until when.
    pub expires: Timestamp,
    /// The account that waits, where it was invited by name.
    pub person: Option<AccountId>,
}

/// Reply of [`IssueReset`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResetCode {
    /// The code, which is good once.
    pub code: String,
    /// Until when.
    pub expires: Timestamp,
}

macro_rules! secret {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "(until {})"), self.expires)
            }
        }
    )*};
}
secret!(Invited, ResetCode);

/// Parameters of what is done to one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OnePerson {
    /// Who.
    pub person: AccountId,
}

/// What becomes of what a deleted person wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// It stays, under their name.
    Keep,
    /// It goes, and so does their name.
    Remove,
}

/// Parameters of [`DeletePerson`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeletePersonParams {
    /// Who.
    pub person: AccountId,
    /// What becomes of what they wrote. As `privacy.deleted_content` says when absent.
    #[serde(default)]
    pub content: Option<Content>,
}

methods! {
    /// One's own account.
    OwnAccount = "account.own", Access::SignedIn, Nothing => Account, |_| Scope::Workspace;
    /// Somebody's account.
    GetAccount = "account.get", Access::Power(Power::Users), OnePerson => Account, |p| Scope::Person(p.person);
    /// Invites one person.
    InvitePerson = "account.invite", Access::Power(Power::Users), InvitePersonParams => Invited, |_| Scope::Workspace;
    /// Closes an account until it is reinstated: nothing more reaches its devices and browsers.
    Suspend = "account.suspend" fresh, Access::Power(Power::Users), OnePerson => Nothing, |p| Scope::Person(p.person);
    /// Opens a suspended account.
    Reinstate = "account.reinstate" fresh, Access::Power(Power::Users), OnePerson => Nothing, |p| Scope::Person(p.person);
    /// Ends an account.
    DeletePerson = "account.delete" fresh, Access::Power(Power::Users), DeletePersonParams => Nothing, |p| Scope::Person(p.person);
    /// Makes a code by which a person chooses a new password.
    IssueReset = "account.issue_reset" fresh, Access::Power(Power::Users), OnePerson => ResetCode, |p| Scope::Person(p.person);
    /// Ends a person's second factor.
    RemoveTotp = "account.remove_totp" fresh, Access::Power(Power::Users), OnePerson => Nothing, |p| Scope::Person(p.person);
    /// Forgets failed attempts to sign in to an account.
    Unlock = "account.unlock" fresh, Access::Power(Power::Users), OnePerson => Nothing, |p| Scope::Person(p.person);
}
