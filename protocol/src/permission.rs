//! The thirteen separate administrative powers, sets of them, and the four ranks that everybody has one of.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! powers {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $text:literal;)*) => {
        /// One administrative power. The number is its bit in [`Powers`] and never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        #[repr(u16)]
        pub enum Power {
            $($(#[$doc])* $name = 1 << $bit,)*
        }

        impl Power {
            /// All of them, in the order of their bits.
            pub const EACH: [Self; 13] = [$(Self::$name),*];

            /// Its name, as on the wire and at the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

powers! {
    /// Invite, suspend and remove people.
    Users = 0, "users";
    /// Give and take roles.
    Roles = 1, "roles";
    /// Sign-in settings: passwords, providers, sessions.
    Authentication = 2, "authentication";
    /// Settings of the server.
    Server = 3, "server";
    /// Privacy and data: retention, export, wipe.
    Privacy = 4, "privacy";
    /// Backups and restore.
    Backups = 5, "backups";
    /// Keys and rotation.
    Encryption = 6, "encryption";
    /// Reading the audit log.
    Audit = 7, "audit";
    /// The browser client's switch.
    WebChat = 8, "web_chat";
    /// Usage figures.
    Analytics = 9, "analytics";
    /// Updates of clients and server.
    Updates = 10, "updates";
    /// The channel directory: archive, rename, categories.
    Directory = 11, "directory";
    /// Storage: quotas, files, tombstones.
    Storage = 12, "storage";
}

/// A power of this name there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no power {0:?}")]
pub struct UnknownPower(String);

impl FromStr for Power {
    type Err = UnknownPower;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::EACH.into_iter().find(|power| power.name() == text).ok_or_else(|| UnknownPower(text.to_owned()))
    }
}

/// A set of powers, as a bit mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Powers(pub u16);

impl Powers {
    /// No power: a member.
    pub const NONE: Self = Self(0);
    /// Every power: an owner.
    pub const ALL: Self = Self((1 << 13) - 1);

    /// Whether the set has this power.
    pub const fn has(self, power: Power) -> bool {
        self.0 & power as u16 != 0
    }

    /// The set with one more.
    #[must_use]
    pub const fn with(self, power: Power) -> Self {
        Self(self.0 | power as u16)
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether everything in `other` is in this set, too.
    pub const fn holds(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Its powers, in the order of their bits.
    pub fn each(self) -> impl Iterator<Item = Power> {
        Power::EACH.into_iter().filter(move |power| self.has(*power))
    }
}

impl FromIterator<Power> for Powers {
    fn from_iter<T: IntoIterator<Item = Power>>(powers: T) -> Self {
        powers.into_iter().fold(Self::NONE, Self::with)
    }
}

/// The system role that everybody has exactly one of. The number is how it is stored and never changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Rank {
    /// Every power. There is always one who can sign in.
    Owner = 0,
    /// People, the channel directory, storage and usage figures.
    Manager = 1,
    /// No power of its own; sees the directory, and every public channel.
    #[default]
    Member = 2,
    /// Sees only the channels that somebody let them in, and the people there.
    Guest = 3,
}

impl Rank {
    /// All of them, highest first.
    pub const EACH: [Self; 4] = [Self::Owner, Self::Manager, Self::Member, Self::Guest];

    /// What it may do by itself.
    pub const fn powers(self) -> Powers {
        match self {
            Self::Owner => Powers::ALL,
            Self::Manager => {
                Powers::NONE.with(Power::Users).with(Power::Directory).with(Power::Storage).with(Power::Analytics)
            }
            Self::Member | Self::Guest => Powers::NONE,
        }
    }

    /// Whether it is that of nearly everybody, which rows leave out.
    pub(crate) fn is_member(&self) -> bool {
        *self == Self::Member
    }

    /// The rank stored as this number; what is not one is a guest, who may least.
    pub fn from_stored(number: u8) -> Self {
        Self::EACH.into_iter().find(|rank| *rank as u8 == number).unwrap_or(Self::Guest)
    }

    /// Its name, as on the wire and at the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Manager => "manager",
            Self::Member => "member",
            Self::Guest => "guest",
        }
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_into_it_and_nothing_else() {
        let set: Powers = [Power::Users, Power::Audit].into_iter().collect();
        assert_eq!(set.each().collect::<Vec<_>>(), [Power::Users, Power::Audit]);
        assert!(Powers::ALL.holds(set) && set.holds(set) && set.holds(Powers::NONE));
        assert!(!set.holds(Powers::ALL) && !set.holds(Powers::NONE.with(Power::Roles)));
        assert_eq!(Power::EACH.into_iter().collect::<Powers>(), Powers::ALL);
    }

    #[test]
    fn names_lead_back_to_their_powers_and_numbers_to_their_ranks() {
        for power in Power::EACH {
            assert_eq!(power.name().parse(), Ok(power));
            assert_eq!(serde_json::to_value(power).unwrap(), power.name());
        }
        for rank in Rank::EACH {
            assert_eq!(Rank::from_stored(rank as u8), rank);
            assert_eq!(serde_json::to_value(rank).unwrap(), rank.name());
        }
        assert_eq!(Rank::from_stored(200), Rank::Guest);
        assert!("root".parse::<Power>().is_err());
    }
}
