//! `init`: a host and its first workspace.

use super::output::Output;
use super::{KeyArgs, text};
use crate::admin::made_json;
use crate::auth::password::Cost;
use crate::error::{Error, Kind, Result};
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;

/// Makes a host and its first workspace, sealed.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: thechatapp-server init --data /srv/chat --workspace acme --admin \"Marta Silva\" --public-url https://chat.example.org"
)]
pub struct Init {
    /// The data folder, which must be empty or not exist.
    #[arg(long)]
    data: PathBuf,
    /// The workspace's name, as it stands in addresses: letters, digits, hyphens.
    #[arg(long)]
    workspace: String,
    /// Who the owner's invite is for.
    #[arg(long)]
    admin: String,
    /// The address that people will use, for the invite.
    #[arg(long)]
    public_url: Option<String>,
    #[command(flatten)]
    key: KeyArgs,
}

pub fn run(init: Init, output: &Output) -> Result<()> {
    if init.admin.trim().is_empty() {
        return Err(Error::new(
            Kind::Usage,
            "No administrator was named",
            "--admin is empty",
            "name who owns the workspace",
        ));
    }
    let source = init.key.source(None)?;
    let made = crate::serve::init(&init.data, &source, &init.workspace, init.public_url.as_deref(), Cost::PRODUCT)?;
    let admin = init.admin;
    output
        .print(&made_json(&made), |made| format!("{}\nThe invite is for {admin}, who becomes the owner.", words(made)));
    Ok(())
}

/// The same for people.
pub fn words(made: &Value) -> String {
    format!(
        "Workspace: {}\nPin: {}\nInvite: {}\nSuccessor root, shown once; keep it offline: {}",
        text(made, "workspace"),
        text(made, "pin"),
        text(made, "invite"),
        text(made, "successor"),
    )
}
