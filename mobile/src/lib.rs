//! The core for phones, through UniFFI: one object, [`ChatClient`], plain records, one error enum, and two foreign traits
//! by which a phone brings what is its own: [`SecretStore`], its Keystore or Keychain, and [`Network`].
//!
//! It translates and never decides: each exported method parses ids, makes one call of the core, and maps the answer. Ids
//! are text, times are Unix milliseconds. Events are pulled in batches with [`ChatClient::next_events`]; they carry ids,
//! and the app asks again for what it shows.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(target_os = "android")]
mod android;
mod client;
mod draft;
mod error;
mod event;
mod files;
mod keys;
mod network;
mod phone;
mod record;
mod search;
mod secrets;
mod trust;
mod watch;

pub use client::ChatClient;
pub use draft::{Draft, DraftState, EarlierDraft};
pub use error::ChatError;
pub use event::ChatEvent;
pub use files::{Kept, Storage, Transfer};
pub use keys::{Standing, Unsent, Way, Ways, profile_state, set_aside};
pub use network::{Hop, NetworkChoice, Reason, Step, StepState, WayOut};
pub use phone::{Network, NetworkError, Phone};
pub use record::{
    Channel, ChannelKind, Connection, FileInfo, Hit, Message, MessageState, Person, Query, Range, Reaction, Timeline,
    Window, Workspace,
};
pub use search::{Found, HitStep, SearchChange, SearchWatch};
pub use secrets::{SecretError, SecretStore};
pub use trust::{Contact, Identity, IdentityStep, KeyState, ShownIdentity};
pub use watch::{ChannelStep, ChannelsChange, ChannelsWatch, MessageStep, TimelineChange, TimelineWatch};

/// Memory is wiped as it is given back: keys and texts do not lie about in what is free.
#[global_allocator]
static MEMORY: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

uniffi::setup_scaffolding!();
