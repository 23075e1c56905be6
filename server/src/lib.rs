//! The TheChatApp workspace server: hosts workspaces, keeps them sealed, and lets their people talk.
//!
//! [`init`] makes a host, [`serve()`] runs it; the program `thechatapp-server` is these two and the administrator's commands
//! around them.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod admin;
pub mod audit;
pub mod auth;
pub mod backup;
pub mod blobs;
pub mod cli;
pub mod config;
mod crash;
pub mod error;
pub mod files;
pub mod gate;
mod guard;
pub mod hub;
pub mod identity_keys;
pub mod import;
pub mod keyring;
pub mod kms;
pub mod methods;
pub mod metrics;
pub mod native;
pub mod network;
mod outgoing;
pub mod rotation;
pub mod serve;
pub mod state;
pub mod store;
pub mod tenants;
pub mod thumbnail;
pub mod time;
pub mod upgrade;
pub mod web;
pub mod wipe;

pub use error::{Error, Kind, Result};
pub use serve::{Options, Running, init, serve};
