//! What stands in workspaces of its own (`benches/`, `tests/fuzz/`): whether each lock file is the one that its manifest gives, so
//! that `--locked` does not fail on the day somebody measures or fuzzes, and whether the measuring program still compiles.

use crate::places::Places;
use crate::step::{Failure, Outcome, Result, run};

/// Found by their lock files, which Git knows.
fn manifests(places: &Places) -> Result<Vec<String>> {
    let listed = crate::step::output(places.command("git").args(["ls-files", "**/Cargo.lock"]))?;
    Ok(listed.lines().filter_map(|path| Some(format!("{}/Cargo.toml", path.strip_suffix("/Cargo.lock")?))).collect())
}

/// How a look at a lock file ended.
#[derive(Debug, PartialEq, Eq)]
enum Lock {
    Fresh,
    Stale,
    /// Cargo could not tell: it does not know the crates that there are.
    Unknown,
}

/// What Cargo said of it. It ends with the same code whatever is wrong.
fn read(success: bool, said: &str) -> Lock {
    match success {
        true => Lock::Fresh,
        false if said.contains("because --locked was passed") => Lock::Stale,
        false => Lock::Unknown,
    }
}

/// Asks Cargo for the lock file that it would write. That needs the registry's index, but no crate: `cargo metadata --no-deps`
/// does not look at the lock file at all, and without `--no-deps` it wants every crate downloaded.
pub fn locks(places: &Places) -> Result<Outcome> {
    let (mut stale, mut unknown) = (Vec::new(), Vec::new());
    for manifest in manifests(places)? {
        let look = |offline: bool| -> Result<Lock> {
            let mut cargo = places.cargo(&["update", "--workspace", "--locked", "--manifest-path", &manifest]);
            if offline {
                cargo.arg("--offline");
            }
            let output = cargo.output()?;
            Ok(read(output.status.success(), &String::from_utf8_lossy(&output.stderr)))
        };
        // What is known here is enough, nearly always.
        let found = match look(true)? {
            Lock::Unknown => look(false)?,
            found => found,
        };
        match found {
            Lock::Fresh => println!("{manifest}: up to date"),
            Lock::Stale => stale.push(manifest),
            Lock::Unknown => unknown.push(manifest),
        }
    }
    if !stale.is_empty() {
        for manifest in &stale {
            println!("{manifest} asks for something else than its Cargo.lock has");
            println!("    cargo update --workspace --manifest-path {manifest}");
        }
        return Err(Failure::new(format!("stale lock files beside {}: run what is said above", stale.join(", "))));
    }
    if !unknown.is_empty() {
        println!("!!! The registry cannot be reached from here: these lock files were NOT looked at: {unknown:?}");
        return Ok(Outcome::Skipped(format!("{} lock files were not looked at", unknown.len())));
    }
    Ok(Outcome::Done)
}

/// Where everything that it is made of was compiled before. The first time takes minutes, which no run of all tests should.
pub fn benches(places: &Places) -> Result<Outcome> {
    let check = ["check", "--locked", "--all-targets", "--quiet", "--manifest-path", "benches/Cargo.toml"];
    let compiled = std::fs::read_dir(places.target.join("debug/.fingerprint")).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("thechatapp-benches-"))
    });
    if !compiled {
        println!(
            "!!! The measuring program was never compiled here, and was NOT looked at. Once, which takes minutes:"
        );
        println!("    CARGO_TARGET_DIR={} cargo {}", places.target.display(), check.join(" "));
        return Ok(Outcome::Skipped("it was never compiled here".to_owned()));
    }
    run(&mut places.cargo(&check))?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_lock_file_is_told_from_an_index_that_is_not_here() {
        let stale =
            "error: cannot update the lock file /x/benches/Cargo.lock because --locked was passed to prevent this";
        let unknown = "error: no matching package named `argon2` found\nlocation searched: crates.io index";
        assert_eq!(
            (read(true, ""), read(false, stale), read(false, unknown)),
            (Lock::Fresh, Lock::Stale, Lock::Unknown)
        );
    }
}
