//! `windows`: the client's crates built for Windows on a Debian machine, and their tests run under Wine.

use crate::elsewhere::Elsewhere;
use crate::places::Places;
use crate::step::{Failure, Result, Steps, output};
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGES: &[&str] = &["gcc-mingw-w64-x86-64-posix", "g++-mingw-w64-x86-64-posix", "wine", "wine64"];
const TARGET: &str = "x86_64-pc-windows-gnu";
const CRATES: &[&str] =
    &["-p", "thechatapp-database", "-p", "thechatapp-platform", "-p", "thechatapp-core", "-p", "thechatapp-cli"];

/// Tests that ask of Wine what it has not: when a file was made stays as it is while it is written, on Windows; and the system's verifier
/// takes a store of its own. Simulated lines and networks are the same on every system, and long here.
const WITHOUT: &[&str] =
    &["once::", "a_script_that_never_stops_coming_is_cut_off", "sync::tests::lines", "sync::tests::networks"];

pub fn run_tests(places: &Places) -> Result {
    let mut steps = Steps::default();
    let system = Elsewhere::enter(places, &mut steps, PACKAGES)?;
    steps.command("build for Windows", &mut build(&system))?;
    for (folder, test) in tests(&system)? {
        let name = test.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut wine = wine(&system, &folder);
        wine.arg(&test).args(WITHOUT.iter().flat_map(|test| ["--skip", test]));
        steps.command(&format!("under Wine: {name}"), &mut wine)?;
    }
    drop(system);
    steps.print();
    Ok(())
}

fn wine(system: &Elsewhere, folder: &str) -> Command {
    let mut wine = system.command(&format!("/src/{folder}"), "wine");
    wine.envs([
        ("WINEDEBUG", "-all"),
        ("WINEPREFIX", "/wine"),
        ("WINEPATH", r"Z:\usr\lib\gcc\x86_64-w64-mingw32\14-posix;Z:\usr\x86_64-w64-mingw32\lib"),
    ]);
    wine
}

fn build(system: &Elsewhere) -> Command {
    let mut build = system.cargo("test", TARGET);
    build.arg("--no-run").args(CRATES);
    build
}

/// The tests that were built: the folder of their crate, and where they are.
fn tests(system: &Elsewhere) -> Result<Vec<(String, PathBuf)>> {
    let mut tests = Vec::new();
    for line in output(build(system).arg("--message-format=json"))?.lines() {
        let told: serde_json::Value = serde_json::from_str(line)?;
        // Examples are built, too.
        let test = told["executable"].as_str().filter(|_| told["profile"]["test"] == true);
        if let (Some(test), Some(manifest)) = (test, told["manifest_path"].as_str()) {
            let folder = Path::new(manifest).parent().and_then(Path::file_name).unwrap_or_default();
            tests.push((folder.to_string_lossy().into_owned(), PathBuf::from(test)));
        }
    }
    if tests.is_empty() { Err(Failure::new("no test was built")) } else { Ok(tests) }
}
