//! How people prove who they are.

pub mod breached;
pub mod lockout;
pub mod password;
pub mod reset;
mod sign_in;
pub mod totp;

pub use sign_in::{Claim, Proof, Secret, With, may_choose, prove};
