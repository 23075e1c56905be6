//! The access table of the product, in words: made from the registry of methods, so that it says what the gate asks.

use crate::method::{Access, Method};
use crate::permission::Power;
use std::fmt::Write;

/// One row of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The method's name.
    pub name: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Whether it wants a fresh sign-in.
    pub fresh: bool,
    /// What it touches: `workspace`, `channel`, `message`, `person`, `group`, or several.
    pub scope: String,
    /// What it does.
    pub about: String,
}

/// Every method, in the order of their names.
pub fn lines() -> Vec<Line> {
    macro_rules! all {
        ($($method:ty),* $(,)?) => { vec![$(line::<$method>()),*] };
    }
    let mut lines = crate::for_each_method!(all);
    lines.sort_by_key(|line| line.name);
    lines
}

fn line<M: Method>() -> Line {
    let kinds = [
        ("Workspace", "workspace"),
        ("Channel", "channel"),
        ("Message", "message"),
        ("Person", "person"),
        ("Group", "group"),
    ];
    let mut scope: Vec<&str> =
        kinds.iter().filter(|(kind, _)| M::SCOPE.contains(&format!("Scope::{kind}"))).map(|(_, word)| *word).collect();
    // The scope of whoever is to have a role.
    if scope.is_empty() && M::SCOPE.contains("scope()") {
        scope = vec!["person", "group"];
    }
    Line {
        name: M::NAME,
        access: M::ACCESS,
        fresh: M::FRESH,
        scope: scope.join(" or "),
        about: M::ABOUT.trim().replace('\n', " "),
    }
}

/// Who may call, in words.
pub fn words(access: Access) -> String {
    match access {
        Access::Anyone => "anybody who is not signed in".to_owned(),
        Access::Device => "a device that is not enrolled".to_owned(),
        Access::SignedIn => "anyone signed in who may see it".to_owned(),
        Access::Insider => "anyone signed in but guests; of a channel, its members".to_owned(),
        Access::Reader => "who may read the channel".to_owned(),
        Access::Member => "members of the channel".to_owned(),
        Access::Author => "the message's author, while in the channel".to_owned(),
        Access::Moderator => {
            format!("moderators of the channel; `{}` where its holder sees it", Power::Directory.name())
        }
        Access::GroupManager => format!("who manages the group; `{}`", Power::Users.name()),
        Access::Power(power) => format!("`{}`", power.name()),
    }
}

/// The table as a page of the documentation.
pub fn page() -> String {
    let mut page = String::from(
        "# Access table\n\nEvery method of the protocol: who may call it, whether it wants a fresh sign-in, what it touches, and\n\
         what it does. Made by `cargo xtask gen` from the registry of methods, which the server's gate reads; do not edit. What the\n\
         powers are is in [roles.md](roles.md).\n\n| method | who | fresh | touches | does |\n|---|---|---|---|---|\n",
    );
    for line in lines() {
        let fresh = if line.fresh { "yes" } else { "" };
        let about = line.about.replace("[`", "`").replace("`]", "`").replace('|', "\\|");
        let row = format!("| `{}` | {} | {fresh} | {} | {about} |", line.name, words(line.access), line.scope);
        // Writing into a string does not fail.
        let _ = writeln!(page, "{row}");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_a_line_that_says_what_it_touches_and_does() {
        let lines = lines();
        assert!(lines.len() > 50);
        for line in &lines {
            assert!(!line.about.is_empty() && !line.scope.is_empty(), "{line:?}");
        }
        let search = lines.iter().find(|line| line.name == "messages.search").unwrap();
        assert_eq!(search.scope, "workspace or channel");
        assert!(page().contains("| `roles.grant` | `roles` | yes | person or group |"), "{}", page());
    }
}
