//! What belongs to some messages only: former texts, pins.

use super::{minute, when};
use crate::output::{line, lines};
use serde::Serialize;
use thechatapp_core::view::{PinView, VersionView};

/// A text that a message has, or had.
#[derive(Debug, Serialize)]
pub struct Version {
    revision: u64,
    author: String,
    at: String,
    text: String,
}

impl Version {
    /// From the core's form.
    pub fn new(version: &VersionView) -> Self {
        Self {
            revision: version.revision,
            author: version.by.name.clone(),
            at: when(version.at),
            text: version.text.clone(),
        }
    }
}

/// A text of a message for people.
pub fn version_text(version: &VersionView) -> String {
    let text = lines(&version.text).replace('\n', "\n        ");
    format!("{:>6}  {}  {}: {text}", version.revision, minute(version.at), line(&version.by.name))
}

/// Who pinned a message, and when.
#[derive(Debug, Serialize)]
pub struct Pinned {
    by: String,
    at: String,
}

impl Pinned {
    /// From the core's form.
    pub fn new(pin: &PinView) -> Self {
        Self { by: pin.by.name.clone(), at: when(pin.at) }
    }
}
