//! What can be typed about the way into the network.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What about the way into the network.
#[derive(Debug, Subcommand)]
pub enum NetworkAction {
    /// Show what was chosen, and where it leads now for each workspace
    #[command(after_help = "Example:\n  thechatapp-cli network show --json")]
    Show,
    /// Choose the way; kept sealed in the profile, which is made where there is none
    #[command(
        after_help = "Examples:\n  thechatapp-cli network set --proxy http://proxy.example.org:3128 --proxy-user ana --proxy-password-file pw\n  thechatapp-cli network set --proxy pac:https://proxy.example.org/proxy.pac\n  thechatapp-cli network set --proxy system"
    )]
    Set(SetNetwork),
}

/// `network set`.
#[derive(Debug, Args)]
pub struct SetNetwork {
    /// system: as the system says; none: straight; http://, https:// or socks5://HOST:PORT: always by this proxy; pac:URL: as
    /// the script there (https, http or file) says. What is not given stays as it is
    #[arg(long, value_name = "WAY", required_unless_present = "proxy_user")]
    pub proxy: Option<String>,
    /// The name that the proxy is told; without it none, where --proxy is given
    #[arg(long, value_name = "NAME")]
    pub proxy_user: Option<String>,
    /// Its password, in the first line of a file; without one, a terminal is asked
    #[arg(long, value_name = "FILE", requires = "proxy_user")]
    pub proxy_password_file: Option<PathBuf>,
    /// Go straight where the script cannot be had or does not work, instead of not at all
    #[arg(long, requires = "proxy")]
    pub or_direct: bool,
}
