//! The end of a key in a service that may be away: what a wipe asks for, where somebody wants it to. The key is named by what it
//! wrapped, never by its name alone: a name may be another key's by now.

use crate::error::{Error, Kind};
use thechatapp_seal::{KmsError, WrapContext};

/// For how many days AWS KMS keeps a key that is to be deleted, at least and at most; the latter unless told otherwise.
pub const PENDING_DAYS: std::ops::RangeInclusive<i64> = 7..=30;

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It is gone.
    Destroyed,
    /// It opens nothing any more, and is destroyed then (Unix milliseconds) unless somebody cancels that.
    Scheduled(i64),
}

/// A service that can end the key it is given.
pub(crate) trait EndsKeys: Send + Sync {
    /// What becomes of the key that wrapped this, where its end was ordered before and it can still be told that it is this one.
    fn ends_already(&self, _context: &WrapContext, _wrapped: &[u8]) -> Option<Ending> {
        None
    }

    /// Ends the key that wrapped this. Again is the same.
    ///
    /// # Errors
    /// When the key does not open it, and when the service refuses; then the key is as it was. Where no answer came, that is said.
    fn end(&self, context: &WrapContext, wrapped: &[u8], pending_days: u16) -> Result<Ending, Error>;
}

/// What to do where the service does not give the key.
pub(crate) const NOT_GIVEN: &str =
    "see whether the service runs and allows this host; or leave --destroy-remote-key out: the key is named then";

/// Nothing has changed, for this reason.
pub(crate) fn not_ended(why: impl std::fmt::Display, advice: &str) -> Error {
    let why = format!("{why}; nothing was wiped");
    Error::new(Kind::KeyService, "The key cannot be destroyed in its service", why, advice)
}

/// The same for a service that was asked to end it.
pub(crate) fn unanswered(why: &KmsError) -> Error {
    match why {
        KmsError::Unavailable => {
            not_ended("it did not answer, so that the key may be destroyed all the same", NOT_GIVEN)
        }
        why => not_ended(why, NOT_GIVEN),
    }
}
