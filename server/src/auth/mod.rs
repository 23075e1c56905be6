//! How people prove who they are.

pub mod breached;
mod chosen;
pub mod lockout;
pub mod password;
pub mod places;
pub mod reset;
mod sign_in;
pub mod totp;

pub use chosen::{chosen, shortest};
pub use sign_in::{Claim, Proof, Secret, With, prove};
