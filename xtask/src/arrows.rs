//! Which crate may depend on which (ARCHITECTURE.md), proved from `cargo metadata`, for every platform that is shipped. The
//! metadata also names optional packages that nothing switches on; what is really built is in `cargo tree`. It refuses
//! arrows between our crates that are not drawn, outside crates where they do not belong, a second TLS provider, and a
//! second SQLite.

#[cfg(test)]
mod tests;

use crate::places::Places;
use crate::step::{Failure, Outcome, Result, output};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Our crates and the ones among ours that each may name in its manifest, tests included.
const ARROWS: &[(&str, &[&str])] = &[
    ("thechatapp-protocol", &[]),
    ("thechatapp-seal", &[]),
    ("thechatapp-database", &[]),
    ("thechatapp-core", &["thechatapp-protocol", "thechatapp-seal", "thechatapp-database"]),
    ("thechatapp-server", &["thechatapp-protocol", "thechatapp-seal", "thechatapp-database"]),
    ("thechatapp-platform", &["thechatapp-core"]),
    ("thechatapp-cli", &["thechatapp-core", "thechatapp-platform"]),
    ("thechatapp-desktop", &["thechatapp-core", "thechatapp-platform"]),
    ("thechatapp-mobile", &["thechatapp-core"]),
    ("thechatapp-disk-journal", &[]),
    ("xtask", &[]),
];

/// Sees all, and nothing sees it.
const TESTS: &str = "thechatapp-tests";

/// Outside crates that must not be reached, at any depth, in what is shipped.
const REFUSED: &[(&str, &[&str], &str)] = &[
    (
        "thechatapp-protocol",
        &["tokio", "async-std", "futures-util", "rusqlite", "reqwest", "tungstenite"],
        "no I/O and no async in the protocol",
    ),
    (
        "thechatapp-seal",
        &["tokio", "async-std", "futures-util", "rusqlite", "reqwest", "tungstenite"],
        "no I/O and no async in sealing",
    ),
    ("thechatapp-core", &["tauri", "uniffi", "keyring", "keyring-core", "clap"], "the core knows no shell"),
    ("thechatapp-server", &["tauri", "uniffi", "keyring", "keyring-core"], "the server is no client"),
    ("thechatapp-platform", &["tauri", "uniffi", "clap"], "a desktop's services know no shell"),
    ("thechatapp-cli", &["tauri", "uniffi"], "a terminal has no window"),
    ("thechatapp-mobile", &["tauri", "keyring", "clap"], "phones bring their own shell and secure storage"),
];

/// One copy of each, or two of them would meet in one process.
const ONE_VERSION: &[&str] = &["rusqlite", "libsqlite3-sys", "rustls", "snow"];

/// What is shipped, one of each kind.
const PLATFORMS: &[&str] = &[
    "x86_64-unknown-linux-gnu",
    "x86_64-pc-windows-msvc",
    "aarch64-apple-darwin",
    "aarch64-apple-ios",
    "aarch64-linux-android",
];

pub fn run(places: &Places) -> Result<Outcome> {
    let mut metadata = places.cargo(&["metadata", "--format-version", "1", "--locked"]);
    let mut tree =
        places.cargo(&["tree", "--workspace", "--locked", "--edges", "normal,build,dev", "--prefix", "none"]);
    for platform in PLATFORMS {
        metadata.args(["--filter-platform", platform]);
        tree.args(["--target", platform]);
    }
    let metadata = serde_json::from_str(&output(&mut metadata)?)?;
    let faults = Graph::read(&metadata, &built(&output(tree.args(["--format", "{p}"]))?))?.faults();
    if faults.is_empty() {
        println!("every arrow points the right way");
        return Ok(Outcome::Done);
    }
    for fault in &faults {
        println!("error: {fault}");
    }
    Err(Failure::new(format!("{} wrong dependencies", faults.len())))
}

/// Names and versions from `cargo tree`, whose lines are `name v1.2.3 (where)`.
fn built(tree: &str) -> BTreeSet<String> {
    let pair = |line: &str| {
        let mut words = line.split(' ');
        Some(format!("{} {}", words.next()?, words.next()?.strip_prefix('v')?))
    };
    tree.lines().filter_map(pair).collect()
}

/// A resolved package.
struct Package {
    name: String,
    features: BTreeSet<String>,
    /// Ids of everything it names: for builds, for tests.
    all: BTreeSet<String>,
    /// Ids of what goes into, or builds, what is shipped.
    shipped: BTreeSet<String>,
}

/// What Cargo resolved.
struct Graph {
    packages: BTreeMap<String, Package>,
    members: Vec<String>,
}

impl Graph {
    /// What the metadata says about the packages that are built.
    fn read(metadata: &Value, built: &BTreeSet<String>) -> Result<Self> {
        let mut names = BTreeMap::new();
        for package in list(&metadata["packages"])? {
            let (id, name) = (text(&package["id"])?, text(&package["name"])?);
            if built.contains(&format!("{name} {}", text(&package["version"])?)) {
                names.insert(id, name);
            }
        }
        let mut packages = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"])? {
            let id = text(&node["id"])?;
            let Some(name) = names.get(id) else { continue };
            let mut package = Package {
                name: (*name).to_owned(),
                features: list(&node["features"])?.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                all: BTreeSet::new(),
                shipped: BTreeSet::new(),
            };
            for dependency in list(&node["deps"])? {
                let id = text(&dependency["pkg"])?;
                if !names.contains_key(id) {
                    continue;
                }
                package.all.insert(id.to_owned());
                if list(&dependency["dep_kinds"])?.iter().any(|kind| kind["kind"] != "dev") {
                    package.shipped.insert(id.to_owned());
                }
            }
            packages.insert(id.to_owned(), package);
        }
        let members =
            list(&metadata["workspace_members"])?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(Self { packages, members })
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        self.own_arrows(&mut faults);
        self.refused(&mut faults);
        self.one_provider(&mut faults);
        self.one_version(&mut faults);
        faults
    }

    fn name(&self, id: &str) -> &str {
        self.packages.get(id).map_or("", |package| &package.name)
    }

    fn members(&self) -> impl Iterator<Item = (&str, &Package)> {
        self.members.iter().filter_map(|id| Some((id.as_str(), self.packages.get(id)?)))
    }

    fn own_arrows(&self, faults: &mut Vec<String>) {
        for (own, member) in self.members() {
            if member.name == TESTS {
                continue;
            }
            let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == member.name) else {
                faults.push(format!(
                    "{} is a new member: draw its arrows in xtask/src/arrows.rs and ARCHITECTURE.md",
                    member.name
                ));
                continue;
            };
            // A crate may name itself, to switch a feature on for its own tests.
            for id in member.all.iter().filter(|id| *id != own && self.members.contains(id)) {
                let other = self.name(id);
                if !allowed.contains(&other) {
                    faults.push(format!("{} must not depend on {other}", member.name));
                }
            }
        }
    }

    fn refused(&self, faults: &mut Vec<String>) {
        for (name, refused, why) in REFUSED {
            let Some((id, _)) = self.members().find(|(_, member)| member.name == *name) else { continue };
            for path in self.reached(id).values() {
                let last = path.last().map_or("", |id| self.name(id));
                if refused.contains(&last) {
                    let path: Vec<&str> = path.iter().map(|id| self.name(id)).collect();
                    faults.push(format!("{why}: {}", path.join(" -> ")));
                }
            }
        }
    }

    /// aws-lc-rs has the hybrid key exchange, ring has not; with both there, which one is used would be chance.
    fn one_provider(&self, faults: &mut Vec<String>) {
        for (id, member) in self.members() {
            if let Some(path) =
                self.reached(id).values().find(|path| path.last().is_some_and(|id| self.name(id) == "ring"))
            {
                let path: Vec<&str> = path.iter().map(|id| self.name(id)).collect();
                faults.push(format!("{} has a second TLS provider: {}", member.name, path.join(" -> ")));
            }
        }
        for package in self.packages.values().filter(|package| package.name == "rustls") {
            if package.features.contains("ring") {
                faults.push("rustls is built with ring".to_owned());
            }
            if !package.features.contains("aws_lc_rs") && !package.features.contains("aws-lc-rs") {
                faults.push("rustls is built without aws-lc-rs".to_owned());
            }
        }
    }

    fn one_version(&self, faults: &mut Vec<String>) {
        for name in ONE_VERSION {
            let count = self.packages.values().filter(|package| package.name == *name).count();
            if count > 1 {
                faults.push(format!("{name} is there in {count} versions"));
            }
        }
    }

    /// Everything shipped with a package, each with a shortest path to it.
    fn reached(&self, from: &str) -> BTreeMap<&str, Vec<&str>> {
        let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let Some((from, _)) = self.packages.get_key_value(from) else { return found };
        let mut edge = vec![vec![from.as_str()]];
        while !edge.is_empty() {
            let mut next = Vec::new();
            for path in edge {
                let Some(package) = path.last().and_then(|id| self.packages.get(*id)) else { continue };
                for id in &package.shipped {
                    if found.contains_key(id.as_str()) {
                        continue;
                    }
                    let mut longer = path.clone();
                    longer.push(id);
                    found.insert(id, longer.clone());
                    next.push(longer);
                }
            }
            edge = next;
        }
        found
    }
}

fn list(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().ok_or_else(|| Failure::new("cargo metadata has an unknown form: a list is missing"))
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().ok_or_else(|| Failure::new("cargo metadata has an unknown form: a name is missing"))
}
