//! Ways into a workspace.

use clap::Args;
use std::path::PathBuf;

/// `join`.
#[derive(Debug, Args)]
pub struct Join {
    /// The invite as it was given; quoted, for it has a # in it
    pub invite: String,
    /// The name to go by
    #[arg(long)]
    pub name: String,
    /// The account's password, in the first line of a file; without one, a terminal is asked
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// A pin that the server must have, besides the invite's own
    // One pin in 64 begins with a hyphen.
    #[arg(long, value_name = "PIN", allow_hyphen_values = true)]
    pub trust_pin: Option<String>,
    /// Reach the invite's server at this address instead of the one in it: inside a network, through a tunnel, or before
    /// its name exists. The invite's pin is enforced all the same, so no other server can take its place
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// `login`.
#[derive(Debug, Args)]
pub struct Login {
    /// The server's address, with /w/WORKSPACE or --workspace where it has several
    pub url: String,
    /// The account's name
    #[arg(long)]
    pub name: String,
    /// The account's password, in the first line of a file; without one, a terminal is asked
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// The code of the second factor or a recovery code, in the first line of a file; a terminal is asked where one is wanted
    #[arg(long, value_name = "FILE")]
    pub code_file: Option<PathBuf>,
    /// An administrator's code for a new password, in the first line of a file; the password is the new one then
    #[arg(long, value_name = "FILE")]
    pub reset_file: Option<PathBuf>,
    /// The server's pin, from somebody who knows it; without it nothing is sent
    // One pin in 64 begins with a hyphen.
    #[arg(long, value_name = "PIN", allow_hyphen_values = true)]
    pub trust_pin: Option<String>,
}
