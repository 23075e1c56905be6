//! The thirteen separate administrative powers, and sets of them.

use serde::{Deserialize, Serialize};

/// One administrative power. The number is its bit in [`Powers`] and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u16)]
pub enum Power {
    /// Invite, suspend and remove people.
    Users = 1 << 0,
    /// Give and take roles.
    Roles = 1 << 1,
    /// Sign-in settings: passwords, providers, sessions.
    Authentication = 1 << 2,
    /// Settings of the server.
    Server = 1 << 3,
    /// Privacy and data: retention, export, wipe.
    Privacy = 1 << 4,
    /// Backups and restore.
    Backups = 1 << 5,
    /// Keys and rotation.
    Encryption = 1 << 6,
    /// Reading the audit log.
    Audit = 1 << 7,
    /// The browser client's switch.
    WebChat = 1 << 8,
    /// Usage figures.
    Analytics = 1 << 9,
    /// Updates of clients and server.
    Updates = 1 << 10,
    /// The channel directory: archive, rename, categories.
    Directory = 1 << 11,
    /// Storage: quotas, files, tombstones.
    Storage = 1 << 12,
}

/// A set of powers, as a bit mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Powers(pub u16);

impl Powers {
    /// No power: a member.
    pub const NONE: Self = Self(0);
    /// Every power: an owner.
    pub const ALL: Self = Self((1 << 13) - 1);

    /// Whether the set has this power.
    pub fn has(self, power: Power) -> bool {
        self.0 & power as u16 != 0
    }
}
