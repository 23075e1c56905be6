//! `bench` and `soak`: the long runs, on optimised binaries.

use crate::places::Places;
use crate::step::{Result, Steps, run};
use crate::test;

/// The measuring program stands in a workspace of its own (`benches/`).
pub fn bench(places: &Places, arguments: &[String]) -> Result {
    if let Some((first, arguments)) = arguments.split_first()
        && first == "--peers"
    {
        return peers(places, arguments);
    }
    let mut steps = Steps::default();
    release_binaries(places, &mut steps)?;
    let bare = ["build", "--release", "--locked", "--manifest-path", "benches/Cargo.toml", "-p", "bare-window"];
    steps.command("build a bare window", &mut places.cargo(&bare))?;
    let mut command = places.cargo(&["run", "--release", "--locked", "--manifest-path", "benches/Cargo.toml", "--"]);
    command.args(arguments).env("THECHATAPP_BIN_DIR", places.release_binaries());
    run(&mut command)
}

/// The device's cache beside another client's store, each built from a lock file of its own: two SQLites do not fit into one.
fn peers(places: &Places, arguments: &[String]) -> Result {
    let mut steps = Steps::default();
    let other = ["build", "--release", "--locked", "--manifest-path", "benches/peers/matrix/Cargo.toml"];
    steps.command("build the other store", &mut places.cargo(&other))?;
    let mut command =
        places.cargo(&["run", "--release", "--locked", "--manifest-path", "benches/peers/Cargo.toml", "--"]);
    command.args(arguments);
    run(&mut command)
}

/// The scenarios with their full numbers of rounds (`THECHATAPP_SOAK`), those left out of everyday runs included.
pub fn soak(places: &Places, filter: Option<&str>) -> Result {
    let mut steps = Steps::default();
    release_binaries(places, &mut steps)?;
    steps.command("build: disk journal", places.cargo(&["build", "--release"]).args(test::JOURNAL))?;
    let mut command = places.cargo(&["test", "--release", "--package", "thechatapp-tests", "--no-fail-fast", "--"]);
    command.args(["--include-ignored", "--nocapture", "--test-threads=1"]).args(filter);
    command.env("THECHATAPP_BIN_DIR", places.release_binaries()).env("THECHATAPP_SOAK", "1");
    steps.command("soak", &mut command)?;
    // Its people know the server by sessions alone, so it stands with the server's tests.
    let bits = ["test", "--release", "--package", "thechatapp-server", "--test", "flipped_bits", "--", "--nocapture"];
    let mut command = places.cargo(&bits);
    command.args(filter).env("THECHATAPP_SOAK", "1");
    steps.command("soak: flipped bits", &mut command)?;
    // Networks and lines are simulated in the client's own tests, beside what they simulate.
    let simulated = ["test", "--release", "--package", "thechatapp-core", "--lib", "--", "--nocapture"];
    let mut command = places.cargo(&simulated);
    command.arg(filter.unwrap_or("sync::tests::")).env("THECHATAPP_SOAK", "1");
    steps.command("soak: simulated networks", &mut command)?;
    steps.print();
    Ok(())
}

fn release_binaries(places: &Places, steps: &mut Steps) -> Result {
    test::ui_build(places, steps)?;
    steps.command("build, optimised", places.cargo(&["build", "--release"]).args(test::BINARIES))
}
