//! Enrolling a device, signing a browser in, and asking who one is.

use crate::event::PersonRow;
use crate::id::{DeviceId, WorkspaceId};
use crate::method::{Access, Scope, methods};
use crate::permission::Powers;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a device's signature at enrolment covers, followed by the handshake hash and the device's X25519 public key.
pub const ENROL_LABEL: &[u8] = b"thechatapp device enrolment v1";

/// How a person proves who they are when a device enrols.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// A new account by a one-time invite.
    Invite {
        /// The invite's code.
        code: String,
        /// The name the person wants to be known by.
        name: String,
        /// The password they choose.
        password: String,
    },
    /// An existing account by its password.
    Password {
        /// The account's name.
        name: String,
        /// Its password.
        password: String,
        /// The code of its second factor, or one of its recovery codes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
    /// An existing account by a code that an administrator gave, with a new password.
    Reset {
        /// The account's name.
        name: String,
        /// The administrator's code.
        reset: String,
        /// The new password.
        password: String,
        /// The code of its second factor, which a reset leaves as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invite { .. } => "Credential::Invite",
            Self::Password { .. } => "Credential::Password",
            Self::Reset { .. } => "Credential::Reset",
        })
    }
}

/// What the device says of itself, cross-signed over the handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeviceProof {
    /// A name its owner will recognise, for example the host's.
    pub name: String,
    /// `linux`, `macos`, `windows`, `android`, `ios`.
    pub platform: String,
    /// The device's Ed25519 public key, 32 bytes.
    #[serde(with = "serde_bytes")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<u8>"))]
    pub signing_key: Vec<u8>,
    /// Ed25519 over [`ENROL_LABEL`], the handshake hash, the device's X25519 public key; 64 bytes.
    #[serde(with = "serde_bytes")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<u8>"))]
    pub signature: Vec<u8>,
}

/// Parameters of [`Enrol`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EnrolParams {
    /// Who the person is.
    pub credential: Credential,
    /// What the device is.
    pub device: DeviceProof,
}

/// Parameters of [`SignIn`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignInParams {
    /// The account's name.
    pub name: String,
    /// Its password; with `reset` the new one.
    pub password: String,
    /// The code of its second factor, or one of its recovery codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// A code that an administrator gave, in place of the password that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<String>,
}

impl fmt::Debug for SignInParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInParams(..)")
    }
}

/// Who one is, in a workspace, on a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Me {
    /// The workspace's id.
    pub workspace: WorkspaceId,
    /// The workspace's name as people read it.
    pub workspace_name: String,
    /// One's own account.
    pub person: PersonRow,
    /// One's administrative powers.
    pub powers: Powers,
    /// This device, or this browser's session.
    pub device: DeviceId,
}

/// No parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Nothing {}

methods! {
    /// Enrols the device of this session.
    Enrol = "account.enrol", Access::Device, EnrolParams => Me, |_| Scope::Workspace;
    /// Signs a browser in; its answer carries the session's cookie.
    SignIn = "account.sign_in", Access::Anyone, SignInParams => Me, |_| Scope::Workspace;
    /// Who one is.
    WhoAmI = "account.whoami", Access::SignedIn, Nothing => Me, |_| Scope::Workspace;
}
