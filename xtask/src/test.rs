//! `cargo xtask test`: what has to hold before a change is merged. The quick checks come first, so that a slip of the
//! pen does not wait for a build.

use crate::places::Places;
use crate::step::{Failure, Outcome, Result, Steps, output, succeeds};
use crate::{arrows, deploy, r#gen, room, separate, setup};
use std::fs;
use std::path::Path;

/// The programs that the scenarios start.
pub const BINARIES: &[&str] =
    &["--bins", "-p", "thechatapp-server", "-p", "thechatapp-cli", "-p", "thechatapp-desktop"];

/// What tests load into a server, to write down what it does to its disk.
pub const JOURNAL: &[&str] = &["-p", "thechatapp-disk-journal"];

/// Past this many lines a file wants splitting (ARCHITECTURE.md).
const LONG: usize = 500;

pub fn run(places: &Places, install: bool) -> Result {
    let mut steps = Steps::default();
    steps.step("room on the disk", || room::make(places))?;
    steps.step("set-up", || setup::everything(places, install))?;
    steps.step("set-up: peers", || setup::peers(places, install).map(|()| Outcome::Done))?;
    steps.command("format", &mut places.cargo(&["fmt", "--all", "--check"]))?;
    steps.step("arrows", || arrows::run(places))?;
    steps.step("long files", || long_files(places))?;
    steps.step("deploy: the unit", || deploy::unit(places))?;
    steps.step("lock files of their own", || separate::locks(places))?;
    steps.step("cargo-deny", || setup::cargo_deny(places, install))?;
    let mut deny = places.cargo(&["deny", "--locked", "--all-features", "check", "--hide-inclusion-graph"]);
    // Outside crates that are there in two versions are listed by `cargo deny check bans`; here they would bury the rest.
    deny.args(["-A", "duplicate", "bans", "licenses", "sources"]);
    steps.command("licences, bans, sources", &mut deny)?;
    steps.step("advisories", || advisories(places))?;

    ui_install(places, &mut steps)?;
    steps.command("ui: check", &mut places.npm(&["run", "--silent", "check"]))?;
    steps.command("ui: test", &mut places.npm(&["test"]))?;
    // The desktop shell takes the built UI into its binary, so it comes before Rust.
    steps.command("ui: build", &mut places.npm(&["run", "--silent", "build"]))?;

    let mut clippy = places.cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--"]);
    steps.command("clippy", clippy.args(["-D", "warnings"]))?;
    steps.step("benches", || separate::benches(places))?;
    steps.command("build", places.cargo(&["build", "--locked"]).args(BINARIES))?;
    steps.command("build: disk journal", places.cargo(&["build", "--locked"]).args(JOURNAL))?;
    steps.step("generated files", || r#gen::check(places))?;
    let documented =
        ["test", "--doc", "--locked", "-p", "thechatapp-protocol", "-p", "thechatapp-seal", "-p", "thechatapp-core"];
    steps.command("test: documentation", &mut places.cargo(&documented))?;
    steps.command("test", &mut tests(places))?;
    steps.step("deploy: the image", || deploy::image(places))?;
    steps.print();
    Ok(())
}

fn tests(places: &Places) -> std::process::Command {
    if places.has("cargo-nextest") {
        places.cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"])
    } else {
        places.cargo(&["test", "--workspace", "--locked", "--no-fail-fast", "--lib", "--bins", "--tests"])
    }
}

/// The UI, built, for tasks that only need it in the window.
pub fn ui_build(places: &Places, steps: &mut Steps) -> Result {
    ui_install(places, steps)?;
    steps.command("ui: build", &mut places.npm(&["run", "--silent", "build"]))
}

fn ui_install(places: &Places, steps: &mut Steps) -> Result {
    steps.step("ui: install", || {
        let lock = places.ui().join("package-lock.json");
        // npm writes this marker at the end of an installation.
        let marker = places.ui().join("node_modules/.package-lock.json");
        let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified());
        let wanted = modified(&lock).map_err(|error| Failure::new(format!("{}: {error}", lock.display())))?;
        if modified(&marker).is_ok_and(|installed| installed >= wanted) {
            println!("up to date");
            return Ok(Outcome::Done);
        }
        crate::step::run(&mut places.npm(&["ci", "--no-audit", "--no-fund"]))?;
        Ok(Outcome::Done)
    })
}

/// The advisory database is a Git repository elsewhere: asked for when it can be reached, and loudly left out when not.
fn advisories(places: &Places) -> Result<Outcome> {
    let mut reach = places.command("git");
    reach.args(["-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=20"]);
    reach.args(["ls-remote", "--exit-code", "https://github.com/RustSec/advisory-db", "HEAD"]);
    if !succeeds(reach.env("GIT_TERMINAL_PROMPT", "0")) {
        println!(
            "!!! The RustSec advisory database cannot be reached from here: known vulnerabilities were NOT looked for."
        );
        return Ok(Outcome::Skipped("the advisory database cannot be reached".to_owned()));
    }
    crate::step::run(&mut places.cargo(&["deny", "--all-features", "check", "advisories"]))?;
    Ok(Outcome::Done)
}

/// Source files that want splitting: named, not refused.
fn long_files(places: &Places) -> Result<Outcome> {
    let listed = output(places.command("git").args(["ls-files", "*.rs", "*.ts", "*.svelte", "*.kt", "*.swift"]))?;
    let mut long = Vec::new();
    for path in listed.lines() {
        // A file that Git knows may be gone from the working tree.
        let Ok(text) = fs::read_to_string(places.root.join(path)) else { continue };
        let lines = text.lines().count();
        if lines > LONG && !text.contains("@generated") {
            long.push((lines, path.to_owned()));
        }
    }
    long.sort_unstable_by(|a, b| b.cmp(a));
    for (lines, path) in &long {
        println!("warning: {path} has {lines} lines");
    }
    Ok(if long.is_empty() {
        Outcome::Done
    } else {
        Outcome::Warned(format!("{} files have more than {LONG} lines", long.len()))
    })
}
