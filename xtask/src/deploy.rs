//! `deploy/`: whether systemd understands its unit, and how much the service may do; whether its image starts and serves.

use crate::places::Places;
use crate::step::{Failure, Outcome, Result, output, run, succeeds};
use std::time::{Duration, Instant};

const UNIT: &str = "deploy/thechatapp-server.service";
const PROGRAM: &str = "/usr/local/bin/thechatapp-server";
/// The most exposure that `systemd-analyze security` may find, in tenths: a service that opens a port below 1024 and talks to
/// the network cannot come to nothing. One of them is `setpriority`, which counts as if it were all that has to do with resources.
const EXPOSURE: &str = "15";
/// System calls of groups that the unit takes away, each allowed again after that.
const ALLOWED_AGAIN: [&str; 2] = ["setpriority", "seccomp"];

const IMAGE: &str = "localhost/thechatapp-server-check";
/// The container and the volume of a check, gone at its end.
const NAME: &str = "thechatapp-server-check";
/// How long a container has until it is ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks systemd, where it is.
pub fn unit(places: &Places) -> Result<Outcome> {
    if !places.has("systemd-analyze") {
        return Ok(Outcome::Skipped("systemd-analyze is not here".to_owned()));
    }
    let text = std::fs::read_to_string(places.root.join(UNIT))?;
    if !text.contains(&format!("ExecStart={PROGRAM} ")) {
        return Err(Failure::new(format!("{UNIT} does not start {PROGRAM}")));
    }
    for call in ALLOWED_AGAIN {
        if !is_allowed_at_last(&text, call) {
            return Err(Failure::new(format!(
                "{UNIT} takes {call} away: SystemCallFilter={call} has to come after it"
            )));
        }
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

/// Whether a call is allowed by name after the last line that takes some away.
fn is_allowed_at_last(unit: &str, call: &str) -> bool {
    let filters: Vec<_> = unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")).collect();
    let after = filters.iter().rposition(|filter| filter.starts_with('~')).map_or(0, |last| last + 1);
    filters.get(after..).unwrap_or_default().iter().any(|filter| filter.split_whitespace().any(|name| name == call))
}

/// Builds the image and starts it as its file says, where there is something that runs containers.
pub fn image(places: &Places) -> Result<Outcome> {
    let running = |engine: &&str| places.has(engine) && succeeds(places.command(engine).arg("info"));
    let Some(engine) = ["podman", "docker"].into_iter().find(running) else {
        println!("!!! Neither podman nor docker runs here: deploy/Containerfile was NOT built and NOT started.");
        return Ok(Outcome::Skipped("nothing here runs containers".to_owned()));
    };
    if !places.has("curl") {
        println!(
            "!!! curl is not here, which would ask the container: deploy/Containerfile was NOT built and NOT started."
        );
        return Ok(Outcome::Skipped("curl is not here".to_owned()));
    }
    run(places.command(engine).args(["build", "-t", IMAGE, "-f", "deploy/Containerfile", "."]))?;
    let folder = places.root.join("target/deploy");
    std::fs::create_dir_all(&folder)?;
    let passphrase = folder.join("passphrase");
    std::fs::write(&passphrase, "a passphrase for a check\n")?;
    let remove = || {
        succeeds(places.command(engine).args(["rm", "--force", NAME]));
        succeeds(places.command(engine).args(["volume", "rm", "--force", NAME]));
    };
    // Of a check that was broken off.
    remove();
    let checked = start(places, engine, &format!("{}:/run/secrets/passphrase:ro,Z", passphrase.display()));
    if checked.is_err() {
        let _ = run(places.command(engine).args(["logs", NAME]));
    }
    remove();
    checked.map(|()| Outcome::Done)
}

/// `init`, `serve`, ready, and an end within its time, with nothing writable but the data.
fn start(places: &Places, engine: &str, secret: &str) -> Result {
    let data = format!("{NAME}:/data");
    let mounts = ["-v", data.as_str(), "-v", secret];
    let mut init = places.command(engine);
    init.args(["run", "--rm"]).args(mounts).args([IMAGE, "init", "--data", "/data", "--workspace", "acme"]);
    init.args(["--admin", "ana", "--public-url", "https://localhost:8443"]);
    run(init.args(["--passphrase-file", "/run/secrets/passphrase"]))?;
    let mut serve = places.command(engine);
    serve.args(["run", "-d", "--name", NAME, "--read-only", "--tmpfs", "/tmp", "--cap-drop=all"]);
    serve.args(["--security-opt=no-new-privileges", "--ulimit", "core=0", "-p", "127.0.0.1::8443"]);
    run(serve.args(mounts).arg(IMAGE))?;
    let ports = output(places.command(engine).args(["port", NAME, "8443"]))?;
    let address = ports.lines().next().unwrap_or_default().trim().to_owned();
    let ready = format!("https://{address}/readyz");
    let until = Instant::now() + PATIENCE;
    // Its certificate is its own: what is asked is public, and whether it answers is all that counts.
    while !succeeds(places.command("curl").args(["--insecure", "--silent", "--fail", "--max-time", "5", &ready])) {
        if Instant::now() >= until {
            return Err(Failure::new(format!("{ready} did not answer well within {} s", PATIENCE.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    run(places.command(engine).args(["stop", "--time", "60", NAME]))?;
    let code = output(places.command(engine).args(["inspect", "--format", "{{.State.ExitCode}}", NAME]))?;
    if code.trim() == "0" { Ok(()) } else { Err(Failure::new(format!("it ended with {}", code.trim()))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_away_later_is_not_allowed() {
        let unit = "SystemCallFilter=@system-service\nSystemCallFilter=setpriority\nSystemCallFilter=~@resources\n";
        assert!(!is_allowed_at_last(unit, "setpriority"));
        let unit = format!("{unit}SystemCallFilter=seccomp setpriority\n");
        assert!(is_allowed_at_last(&unit, "setpriority") && !is_allowed_at_last(&unit, "priority"));
    }
}
