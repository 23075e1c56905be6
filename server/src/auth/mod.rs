//! How people prove who they are.

pub mod lockout;
pub mod password;
