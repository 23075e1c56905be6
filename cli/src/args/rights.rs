//! `role ...`, `group ...`, `account ...`: who may do what.

use clap::{Args, Subcommand, ValueEnum};

/// `role ...`.
#[derive(Debug, Subcommand)]
pub enum RoleAction {
    /// List the custom roles, what they give, and who has them
    #[command(after_help = "Example:\n  thechatapp-cli role list --json")]
    List,
    /// Make a role of powers that one holds
    #[command(after_help = "Example:\n  thechatapp-cli role create auditors --power audit --power analytics")]
    Create {
        /// Its name
        #[arg(value_name = "NAME")]
        role: String,
        /// A power that it gives; docs/roles.md lists them
        #[arg(long = "power", value_name = "POWER")]
        powers: Vec<String>,
    },
    /// Give a role another name, or other powers in place of those it has
    #[command(after_help = "Example:\n  thechatapp-cli role change auditors --name reviewers --power audit")]
    Change {
        /// Its name
        #[arg(value_name = "NAME")]
        role: String,
        /// Its new name
        #[arg(long = "name", value_name = "NAME")]
        new_name: Option<String>,
        /// A power that it gives from now on
        #[arg(long = "power", value_name = "POWER", conflicts_with = "no_power")]
        powers: Vec<String>,
        /// It gives none from now on
        #[arg(long)]
        no_power: bool,
    },
    /// Delete a role; whoever had it loses what it gave
    #[command(after_help = "Example:\n  thechatapp-cli role delete auditors")]
    Delete {
        /// Its name
        #[arg(value_name = "NAME")]
        role: String,
    },
    /// Give a role to a person or a group
    #[command(
        after_help = "Examples:\n  thechatapp-cli role grant auditors '@Ana Reis'\n  thechatapp-cli role grant helpers --group support --within support"
    )]
    Grant(Grant),
    /// Take a role from a person or a group
    #[command(after_help = "Example:\n  thechatapp-cli role take auditors '@Ana Reis'")]
    Take(Grant),
}

/// `role grant`, `role take`.
#[derive(Debug, Args)]
pub struct Grant {
    /// The role's name
    #[arg(value_name = "NAME")]
    pub role: String,
    /// Who
    #[command(flatten)]
    pub whom: Whom,
    /// Only over the people of this group and the channels linked to it
    #[arg(long, value_name = "SLUG")]
    pub within: Option<String>,
}

/// A person or a group.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Whom {
    /// A person as @name, or an id
    #[arg(value_name = "@NAME")]
    pub person: Option<String>,
    /// A group by its slug, instead of a person
    #[arg(long, value_name = "SLUG")]
    pub group: Option<String>,
}

/// `group ...`.
#[derive(Debug, Subcommand)]
pub enum GroupAction {
    /// List the groups one may see
    #[command(after_help = "Example:\n  thechatapp-cli group list --json")]
    List,
    /// Make a group
    #[command(after_help = "Example:\n  thechatapp-cli group create design 'Design team' --visibility private")]
    Create {
        /// What it is mentioned by: small letters, digits, - and _
        slug: String,
        /// Its name
        name: String,
        /// Who sees it
        #[arg(long, value_enum, default_value_t = Visibility::Public)]
        visibility: Visibility,
    },
    /// Change a group's slug, its name, or who sees it
    #[command(after_help = "Example:\n  thechatapp-cli group change design --name 'Design and brand'")]
    Change {
        /// Its slug
        slug: String,
        /// Its new slug
        #[arg(long = "slug", value_name = "SLUG")]
        new_slug: Option<String>,
        /// Its new name
        #[arg(long)]
        name: Option<String>,
        /// Who sees it from now on
        #[arg(long, value_enum)]
        visibility: Option<Visibility>,
    },
    /// Delete a group; roles and channels that its people had through it go with it
    #[command(after_help = "Example:\n  thechatapp-cli group delete design")]
    Delete {
        /// Its slug
        slug: String,
    },
    /// Put a person or another group into a group
    #[command(
        after_help = "Examples:\n  thechatapp-cli group add design '@Ana Reis'\n  thechatapp-cli group add staff --group design\n  thechatapp-cli group add design '@Ana Reis' --manager"
    )]
    Add(GroupMember),
    /// Take a person or another group out of a group
    #[command(after_help = "Example:\n  thechatapp-cli group remove design '@Ana Reis'")]
    Remove(GroupMember),
    /// Show who is in a group
    #[command(after_help = "Example:\n  thechatapp-cli group members design --json")]
    Members {
        /// Its slug
        slug: String,
    },
    /// Link a channel to a group: everybody in the group is in the channel
    #[command(after_help = "Example:\n  thechatapp-cli group link design design-reviews")]
    Link {
        /// The group's slug
        slug: String,
        /// The channel, with or without #
        channel: String,
    },
    /// Unlink a channel from a group: who was in it only through the group leaves
    #[command(after_help = "Example:\n  thechatapp-cli group unlink design design-reviews")]
    Unlink {
        /// The group's slug
        slug: String,
        /// The channel, with or without #
        channel: String,
    },
}

/// `group add`, `group remove`.
#[derive(Debug, Args)]
pub struct GroupMember {
    /// The group's slug
    pub slug: String,
    /// Who
    #[command(flatten)]
    pub whom: Whom,
    /// As one who manages the group, instead of as one who is in it
    #[arg(long)]
    pub manager: bool,
}

/// Who sees a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Visibility {
    /// Everybody sees the group and who is in it
    Public,
    /// Everybody sees the group, and those in it see who is in it
    Private,
    /// Only those in it and those who manage it know of it
    Hidden,
}

impl Visibility {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Hidden => "hidden",
        }
    }
}

/// `moderator ...`.
#[derive(Debug, Subcommand)]
pub enum ModeratorAction {
    /// Make a member of a channel its moderator
    #[command(after_help = "Example:\n  thechatapp-cli moderator add design '@Ana Reis'")]
    Add {
        /// The channel, with or without #
        channel: String,
        /// A person as @name, or an id
        #[arg(value_name = "@NAME")]
        person: String,
    },
    /// Make a moderator of a channel an ordinary member of it
    #[command(after_help = "Example:\n  thechatapp-cli moderator remove design '@Ana Reis'")]
    Remove {
        /// The channel, with or without #
        channel: String,
        /// A person as @name, or an id
        #[arg(value_name = "@NAME")]
        person: String,
    },
}
