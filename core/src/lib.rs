//! Everything a `TheChatApp` client does, for every shell: desktop, phone, command line.
//!
//! A shell makes a [`Client`] from a profile folder and a [`Platform`], calls its methods, and pulls [`ClientEvent`]s in
//! batches. It never sees a key, a socket or a database.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod audit;
mod cache;
pub mod client;
pub mod error;
pub mod event;
mod fault;
mod local;
pub mod net;
mod part_file;
pub mod platform;
pub mod profile;
mod search;
mod sync;
#[cfg(any(test, feature = "test-support"))]
pub mod testing;
pub mod trust;
pub mod view;

/// What is said of who is kept out of channels, as the server says it.
pub mod channels {
    pub use thechatapp_protocol::methods::channels::Ban;
}

/// What is said of reports, as the server says it.
pub mod moderation {
    pub use thechatapp_protocol::methods::moderation::{Closed, Outcome, Report, Reported};
}

/// The way into the network, as a person chooses it.
pub mod route {
    pub use crate::net::probe::{Hop, State, Step};
    pub use crate::net::route::{Choice, Kind, Login, Proxy, Setting};
}

/// What is said of a workspace's settings, as the server says it.
pub mod settings {
    pub use thechatapp_protocol::methods::settings::{SettingRow, SettingVersion, UsageReply, UsedOn};
    pub use thechatapp_protocol::settings::{EACH, Setting, Value};
}

pub use client::roles::Whom;
pub use client::{Client, Due, Progress, SignIn};
pub use error::{Error, ErrorReport, Result};
pub use event::ClientEvent;
pub use platform::{Clock, Platform, SecretError, SecretStore, SystemNetwork};
pub use profile::Unlock;
pub use search::moment;
pub use thechatapp_protocol::audit::{AuditEntry, Class, Target};
pub use thechatapp_protocol::methods::audit::{ActorFilter, AuditFilter};
pub use thechatapp_protocol::{
    AccountId, ChannelId, Code, DeviceId, FileId, MessageId, ReportId, Timestamp, WorkspaceId,
};
