//! How people prove who they are.

pub mod lockout;
pub mod password;
mod sign_in;

pub use sign_in::by_password;
