//! How one proves who one is: a fresh sign-in, the password, the second factor.

use super::account::Nothing;
use crate::method::{Access, Scope, methods};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Parameters of [`Confirm`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConfirmParams {
    /// One's password.
    pub password: String,
    /// The code of one's second factor, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Parameters of [`ChangePassword`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangePasswordParams {
    /// The password that was.
    pub old: String,
    /// The one that is to be.
    pub new: String,
    /// The code of one's second factor, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether all other devices and browsers are signed out.
    #[serde(default)]
    pub sign_out_others: bool,
}

/// Reply of [`BeginTotp`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TotpSecret {
    /// The secret, base32 without padding.
    pub secret: String,
    /// The same as `otpauth://`, for a QR code.
    pub uri: String,
}

/// Parameters of [`FinishTotp`] and [`EndTotp`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CodeParams {
    /// A code.
    pub code: String,
}

/// Reply of [`FinishTotp`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecoveryCodes {
    /// Codes that each stand in for the second factor once. Nobody can show them again.
    pub codes: Vec<String>,
}

macro_rules! secret {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}
secret!(ConfirmParams, ChangePasswordParams, TotpSecret, CodeParams, RecoveryCodes);

/// Reply of [`Confirm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Confirmed {
    /// For how many seconds the sign-in is fresh.
    pub fresh_seconds: u64,
}

methods! {
    /// Proves anew who one is, on the device or in the browser that asks: it is fresh from then on.
    Confirm = "account.confirm", Access::SignedIn, ConfirmParams => Confirmed, |_| Scope::Workspace;
    /// Changes one's password.
    ChangePassword = "account.change_password", Access::SignedIn, ChangePasswordParams => Nothing, |_| Scope::Workspace;
    /// Makes a secret for a second factor. It counts once a code of it was shown.
    BeginTotp = "account.begin_totp" fresh, Access::SignedIn, Nothing => TotpSecret, |_| Scope::Workspace;
    /// Shows a code of the new second factor: it is asked for from then on.
    FinishTotp = "account.finish_totp" fresh, Access::SignedIn, CodeParams => RecoveryCodes, |_| Scope::Workspace;
    /// Ends one's second factor.
    EndTotp = "account.end_totp" fresh, Access::SignedIn, CodeParams => Nothing, |_| Scope::Workspace;
}
