//! The core for phones, through UniFFI: one object, [`ChatClient`], plain records, one error enum, and one foreign trait,
//! [`SecretStore`], by which a phone brings its Keystore or Keychain.
//!
//! It translates and never decides: each exported method parses ids, makes one call of the core, and maps the answer. Ids
//! are text, times are Unix milliseconds. Events are pulled in batches with [`ChatClient::next_events`]; they carry ids,
//! and the app asks again for what it shows.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod client;
mod error;
mod event;
mod record;
mod secrets;
mod trust;
mod watch;

pub use client::{ChatClient, profile_state};
pub use error::ChatError;
pub use event::ChatEvent;
pub use record::{
    Channel, ChannelKind, Connection, FileInfo, Hit, Message, MessageState, Person, Query, Range, Reaction, Timeline,
    Window, Workspace,
};
pub use secrets::{SecretError, SecretStore};
pub use trust::{Contact, Identity, IdentityStep, KeyState, ShownIdentity};
pub use watch::{ChannelStep, ChannelsChange, ChannelsWatch, MessageStep, TimelineChange, TimelineWatch};

/// Memory is wiped as it is given back: keys and texts do not lie about in what is free.
#[global_allocator]
static MEMORY: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

uniffi::setup_scaffolding!();
