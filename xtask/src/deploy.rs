//! `deploy/`: whether systemd understands its unit, and how much the service may do.

use crate::places::Places;
use crate::step::{Failure, Outcome, Result, run};

const UNIT: &str = "deploy/thechatapp-server.service";
const PROGRAM: &str = "/usr/local/bin/thechatapp-server";
/// The most exposure that `systemd-analyze security` may find, in tenths: a service that opens a port below 1024 and talks to
/// the network cannot come to nothing.
const EXPOSURE: &str = "14";

/// Asks systemd, where it is.
pub fn unit(places: &Places) -> Result<Outcome> {
    if !places.has("systemd-analyze") {
        return Ok(Outcome::Skipped("systemd-analyze is not here".to_owned()));
    }
    let text = std::fs::read_to_string(places.root.join(UNIT))?;
    if !text.contains(&format!("ExecStart={PROGRAM} ")) {
        return Err(Failure::new(format!("{UNIT} does not start {PROGRAM}")));
    }
    // A program that is there: systemd looks for it.
    let folder = places.root.join("target/deploy");
    std::fs::create_dir_all(&folder)?;
    let copy = folder.join("thechatapp-server.service");
    std::fs::write(&copy, text.replace(PROGRAM, "/bin/true"))?;
    run(places.command("systemd-analyze").arg("verify").arg(&copy))?;
    let threshold = format!("--threshold={EXPOSURE}");
    run(places.command("systemd-analyze").args(["security", "--no-pager", "--offline=true", &threshold]).arg(&copy))?;
    Ok(Outcome::Done)
}
