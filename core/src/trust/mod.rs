//! Which server identity is trusted, since when and why, and the only ways in which that may change.
//!
//! Trust begins with a pin that somebody vouched for (an invite, a policy, a person who compared it) and moves by the
//! chain of [`thechatapp_protocol::identity`] alone. What is not announced is a full stop; going on is a deliberate act,
//! [`Known::accept`]. Where a copy of an earlier pin exists, there is no way back to trust on first use.

use crate::{Error, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thechatapp_protocol::identity::{Candidate, Endorser, IdentityError, Pin, Step, Unverified, Verified};

/// How the root that is pinned became trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An invite carried its pin.
    Invite,
    /// A managed policy pins it; it cannot be overridden.
    Policy,
    /// A person compared it, or an earlier profile on this device knew it.
    Compared,
    /// A person accepted it in place of another.
    Accepted,
    /// The root before it announced it.
    Successor,
}

impl Source {
    /// Its name, as in views.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Policy => "policy",
            Self::Compared => "compared",
            Self::Accepted => "accepted",
            Self::Successor => "successor",
        }
    }
}

/// What happened to an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It was seen for the first time.
    First,
    /// New keys of the same root.
    Rotated,
    /// Another root, announced.
    NewRoot,
    /// A new generation after a restore.
    Restored,
    /// Another root, accepted by a person.
    Accepted,
}

impl What {
    /// Its name, as in views.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Rotated => "rotated",
            Self::NewRoot => "new_root",
            Self::Restored => "restored",
            Self::Accepted => "accepted",
        }
    }
}

/// One step of an identity's history on this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryStep {
    /// When this device saw it.
    pub at: Timestamp,
    /// What happened.
    pub what: What,
    /// The pin from then on.
    pub pin: Pin,
}

/// Most steps kept; the first one and the newest.
const HISTORY_MAX: usize = 200;

/// The identity that is trusted for one workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The newest document.
    pub verified: Arc<Verified>,
    /// Since when its root is known.
    pub since: Timestamp,
    /// How its root became trusted.
    pub source: Source,
    /// Every step this device saw, oldest first.
    pub history: Vec<HistoryStep>,
}

/// How a document follows the one that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is the same.
    Same,
    /// It is trusted from now on, and must be stored.
    Advanced {
        /// The new state.
        known: Known,
        /// A new generation: sync cursors are dropped.
        restored: bool,
    },
}

/// Why a document is not trusted.
#[derive(Clone, Debug)]
pub enum Stop {
    /// Another root, which nobody announced.
    Unannounced(Box<Candidate>),
    /// The document is unfit: rolled back, forked, of another workspace, unreadable.
    Unfit(IdentityError),
}

#[derive(Serialize, Deserialize)]
struct Encoded {
    version: u8,
    #[serde(with = "bytes")]
    document: Vec<u8>,
    since: Timestamp,
    source: Source,
    history: Vec<HistoryStep>,
}

/// First contact: `vouched` is the pin somebody vouched for and how; `copy` the pin that an earlier profile on this
/// device left for the same workspace or address.
///
/// # Errors
/// [`Error::PinMismatch`] when the server differs from either; [`Error::NotTrusted`] when there is neither.
pub fn first_contact(
    fetched: Unverified,
    vouched: Option<(&Pin, Source)>,
    copy: Option<&Pin>,
    now: Timestamp,
) -> Result<Known, Error> {
    let candidate = fetched.verify_self(now.unix_seconds())?;
    // The copy is asked first: an invite, too, could have been made by whoever stands in the server's place.
    for pin in copy.into_iter().chain(vouched.map(|(pin, _)| pin)) {
        if *pin != candidate.pin() {
            return Err(IdentityError::PinMismatch { known: *pin, shown: candidate.pin() }.into());
        }
    }
    let source = match (vouched, copy) {
        (Some((_, source)), _) => source,
        (None, Some(_)) => Source::Compared,
        (None, None) => return Err(Error::NotTrusted { pin: candidate.pin().to_string() }),
    };
    let pin = candidate.pin();
    let verified = Arc::new(candidate.accept(&pin)?);
    Ok(Known { verified, since: now, source, history: vec![HistoryStep { at: now, what: What::First, pin }] })
}

impl Known {
    /// The pin of its root.
    pub fn pin(&self) -> Pin {
        self.verified.pin()
    }

    /// Checks a later document against the chain.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn next(&self, fetched: Unverified, now: Timestamp) -> Result<Next, Stop> {
        let candidate = fetched.clone();
        match fetched.verify_next(&self.verified, now.unix_seconds()) {
            Ok(Step::Same(_)) => Ok(Next::Same),
            Ok(Step::Rotated(verified)) => Ok(self.advanced(verified, What::Rotated, now)),
            Ok(Step::Restored(verified)) => Ok(self.advanced(verified, What::Restored, now)),
            Ok(Step::NewRoot { verified, by: Endorser::OldRoot | Endorser::Successor }) => {
                Ok(self.advanced(verified, What::NewRoot, now))
            }
            Err(IdentityError::PinMismatch { .. }) => match candidate.verify_self(now.unix_seconds()) {
                Ok(shown) => Err(Stop::Unannounced(Box::new(shown))),
                Err(why) => Err(Stop::Unfit(why)),
            },
            Err(why) => Err(Stop::Unfit(why)),
        }
    }

    fn advanced(&self, verified: Verified, what: What, now: Timestamp) -> Next {
        let restored = verified.document().generation != self.verified.document().generation;
        let mut known = self.with(verified, what, now);
        if what == What::NewRoot {
            known.since = now;
            known.source = Source::Successor;
        }
        Next::Advanced { known, restored }
    }

    /// Trusts an identity that was never announced, because a person typed its pin, or at least its first two words.
    ///
    /// # Errors
    /// [`Error::BadInput`] when they are another's, [`Error::PinMismatch`] when a policy pins the known one.
    pub fn accept(&self, shown: Candidate, typed: &str, now: Timestamp) -> Result<Self, Error> {
        let pin = shown.pin();
        if self.source == Source::Policy {
            return Err(IdentityError::PinMismatch { known: self.pin(), shown: pin }.into());
        }
        if typed.trim().parse::<Pin>() != Ok(pin) && !pin.matches_words(typed) {
            return Err(Error::bad_input(
                "this does not confirm the new identity",
                "what was typed is neither its pin nor its first two words",
            ));
        }
        if shown.document().workspace_id != self.verified.document().workspace_id {
            return Err(Error::bad_input(
                "this does not continue the workspace",
                "the server now serves another workspace under this address; sign in to it anew",
            ));
        }
        let mut known = self.with(shown.accept(&pin)?, What::Accepted, now);
        known.since = now;
        known.source = Source::Accepted;
        Ok(known)
    }

    fn with(&self, verified: Verified, what: What, now: Timestamp) -> Self {
        let mut history = self.history.clone();
        if history.len() >= HISTORY_MAX {
            history.remove(1);
        }
        history.push(HistoryStep { at: now, what, pin: verified.pin() });
        Self { verified: Arc::new(verified), history, ..self.clone() }
    }

    /// The bytes to store, in a sealed place.
    pub fn encode(&self) -> Vec<u8> {
        let encoded = Encoded {
            version: 1,
            document: self.verified.encode(),
            since: self.since,
            source: self.source,
            history: self.history.clone(),
        };
        // Numbers, names and byte strings only: this cannot fail.
        rmp_serde::to_vec_named(&encoded).unwrap_or_default()
    }

    /// What [`Self::encode`] stored.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let corrupt =
            |why: String| Error::Corrupt { file: "local.db".into(), why: format!("a server identity: {why}") };
        let encoded: Encoded = rmp_serde::from_slice(bytes).map_err(|why| corrupt(why.to_string()))?;
        let verified = Verified::restore(&encoded.document).map_err(|why| corrupt(why.to_string()))?;
        Ok(Self {
            verified: Arc::new(verified),
            since: encoded.since,
            source: encoded.source,
            history: encoded.history,
        })
    }
}

impl From<IdentityError> for Error {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::PinMismatch { known, shown } => {
                Self::PinMismatch { pinned: known.to_string(), shown: shown.to_string() }
            }
            IdentityError::BadPin => Self::bad_input("this is not a pin", error.to_string()),
            IdentityError::BadInvite(why) => Self::bad_input("this is not an invite", why),
            IdentityError::BadAddress(why) => Self::bad_input("this is not a server's address", why),
            IdentityError::Random => Self::Internal { id: "random".into(), why: error.to_string() },
            // The server is there, but nothing may be said to it: for a caller that is the same as not being reached.
            IdentityError::Malformed(_)
            | IdentityError::Signature
            | IdentityError::RolledBack { .. }
            | IdentityError::Forked(_)
            | IdentityError::OtherWorkspace
            | IdentityError::NoSessionKey
            | IdentityError::Version { .. } => Self::Offline { why: error.to_string() },
        }
    }
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Unannounced(shown) => Self::PinMismatch { pinned: String::new(), shown: shown.pin().to_string() },
            Stop::Unfit(why) => why.into(),
        }
    }
}

/// Bytes as a byte string.
mod bytes {
    use serde::{Deserializer, Serializer, de};
    use std::fmt;

    pub fn serialize<S: Serializer>(value: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl de::Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
