//! A method is a type: its name, its parameters, its reply, who may call it and what it touches.
//!
//! The server's gate reads [`Method::ACCESS`] and [`Method::scope`] before a handler runs, so the whole access table of
//! the product stands in `methods/`, and nowhere else.

use crate::id::{AccountId, ChannelId, GroupId, MessageId};
use crate::permission::Power;
use serde::{Serialize, de::DeserializeOwned};

/// Who may call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody, to become somebody: a browser that signs in. Who is signed in already does not take this way.
    Anyone,
    /// A device that proved its key but is not enrolled yet; it can call nothing else.
    Device,
    /// Anyone who is signed in.
    SignedIn,
    /// Anyone who is signed in and no guest; for a channel in scope, also a member of it.
    Insider,
    /// Anyone who may read the channel in scope: its members, and everyone but guests for a public one.
    Reader,
    /// A member of the channel in scope.
    Member,
    /// The author of the message in scope, still a member of its channel.
    Author,
    /// A moderator of the channel in scope, or someone with [`Power::Directory`] who may see it.
    Moderator,
    /// Someone who manages the group in scope, or who has [`Power::Users`].
    GroupManager,
    /// Someone with this power. Over a person or a channel it may also come from a role within a group that the person is
    /// in, or the channel linked to; over a person they have to hold whatever the person holds.
    Power(Power),
}

/// What a call touches. The gate loads it, and refuses what the asker cannot see as not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The workspace as a whole.
    Workspace,
    /// One channel.
    Channel(ChannelId),
    /// One message of one channel.
    Message(ChannelId, MessageId),
    /// One person.
    Person(AccountId),
    /// One group of people.
    Group(GroupId),
}

/// One thing a client can ask of a server.
pub trait Method: Send + 'static {
    /// Its name, `noun.verb`, stable.
    const NAME: &'static str;
    /// Who may call it.
    const ACCESS: Access;
    /// Whether it wants a sign-in that is [fresh](crate::settings::FRESH_MINUTES), whoever calls.
    const FRESH: bool;
    /// What it does, for the access table.
    const ABOUT: &'static str;
    /// What [`Self::scope`] says, for the access table.
    const SCOPE: &'static str;
    /// What it takes.
    type Params: Serialize + DeserializeOwned + Send + 'static;
    /// What it answers.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
    /// What a call with these parameters touches.
    fn scope(params: &Self::Params) -> Scope;
}

/// Declares methods in one table. `scope` is an expression over the parameters; `fresh` after the name asks for a fresh
/// sign-in.
macro_rules! methods {
    (@fresh) => { false };
    (@fresh fresh) => { true };
    ($($(#[doc = $doc:literal])* $name:ident = $wire:literal $($fresh:ident)?, $access:expr, $params:ty => $reply:ty, |$p:pat_param| $scope:expr;)*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $name;

            impl $crate::method::Method for $name {
                const NAME: &'static str = $wire;
                const ACCESS: $crate::method::Access = $access;
                const FRESH: bool = $crate::method::methods!(@fresh $($fresh)?);
                const ABOUT: &'static str = concat!($($doc),*);
                const SCOPE: &'static str = stringify!($scope);
                type Params = $params;
                type Reply = $reply;
                fn scope($p: &Self::Params) -> $crate::method::Scope {
                    $scope
                }
            }
        )*
    };
}
pub(crate) use methods;
