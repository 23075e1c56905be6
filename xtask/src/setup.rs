//! Set-up: what a build needs from the system. Debian and Ubuntu: installed, only what is missing. Elsewhere: said
//! precisely, with the command to type. Nothing that is there is touched.

use crate::places::Places;
use crate::step::{Failure, Outcome, Result, output, run, succeeds};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Debian's packages: C compilers, SQLCipher's OpenSSL, the web view, and what the tests drive (a display, a web driver,
/// a keyring in a private D-Bus session, a token of SoftHSM).
const DEBIAN: &[&str] = &[
    "build-essential",
    "clang",
    "cmake",
    "dbus",
    "fonts-noto-core",
    "gnome-keyring",
    "libgtk-3-dev",
    "librsvg2-bin",
    "librsvg2-dev",
    "libsecret-tools",
    "libssl-dev",
    "libwebkit2gtk-4.1-dev",
    "pkg-config",
    "python3",
    "python3-venv",
    "softhsm2",
    "webkit2gtk-driver",
    "xvfb",
];

const FEDORA: &str = "sudo dnf install gcc gcc-c++ make clang cmake pkgconf-pkg-config openssl-devel webkit2gtk4.1-devel gtk3-devel \
    librsvg2-devel xorg-x11-server-Xvfb webkitgtk6.0 dbus-daemon gnome-keyring libsecret google-noto-sans-fonts python3 softhsm nodejs npm";
const ARCH: &str = "sudo pacman -S --needed base-devel clang cmake pkgconf openssl webkit2gtk-4.1 gtk3 librsvg xorg-server-xvfb \
    dbus gnome-keyring libsecret noto-fonts python softhsm nodejs npm";
const SUSE: &str = "sudo zypper install gcc gcc-c++ make clang cmake pkgconf libopenssl-devel webkit2gtk3-devel gtk3-devel \
    librsvg-devel xvfb-run dbus-1 gnome-keyring libsecret-tools noto-sans-fonts python3 softhsm nodejs npm";
const MACOS: &str = "xcode-select --install && brew install cmake node python3";
const WINDOWS: &str = "winget install Microsoft.VisualStudio.2022.BuildTools Kitware.CMake StrawberryPerl.StrawberryPerl NASM.NASM \
    OpenJS.NodeJS.LTS Python.Python.3.12";

/// What stands for AWS in tests, and what makes requests from the OpenAPI file.
const PYPI: [Peer; 2] = [
    Peer { package: "moto[server]==5.2.5", folder: "moto", program: "moto_server" },
    Peer { package: "schemathesis==4.32.5", folder: "schemathesis", program: "schemathesis" },
];

/// The oldest Node.js that the UI's build tool runs on.
const NODE: (u32, u32) = (20, 19);

/// System libraries, Node.js, Rust's own parts.
pub fn everything(places: &Places, install: bool) -> Result<Outcome> {
    node(places)?;
    rust_parts(places, install)?;
    let outcome = if cfg!(target_os = "linux") && Path::new("/usr/bin/dpkg-query").exists() {
        debian(places, install)?
    } else {
        elsewhere(places)?
    };
    Ok(outcome)
}

/// What only the tests talk to.
pub fn peers(places: &Places, install: bool) -> Result {
    // The tests that talk to them run on Linux.
    if cfg!(target_os = "linux") { PYPI.iter().try_for_each(|peer| peer.set_up(places, install)) } else { Ok(()) }
}

/// A program from PyPI, in a virtual environment among the tools.
struct Peer {
    package: &'static str,
    folder: &'static str,
    program: &'static str,
}

impl Peer {
    fn set_up(&self, places: &Places, install: bool) -> Result {
        let Self { package, program, .. } = self;
        if places.has(program) {
            return Ok(());
        }
        let folder = places.tools.join(self.folder);
        let by_hand = format!("python3 -m venv {0} && {0}/bin/pip install '{package}'", folder.display());
        if !install {
            return Err(Failure::new(format!(
                "{program} is missing; install it, and put it on the PATH, with\n  {by_hand}"
            )));
        }
        println!("{program} goes into {}", folder.display());
        run(places.command("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut pip = places.command(&folder.join("bin/python").display().to_string());
        run(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]))?;
        // Last, so that what is found works.
        let programs = places.tools.join("bin");
        std::fs::create_dir_all(&programs)?;
        let link = programs.join(program);
        let _ = std::fs::remove_file(&link);
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.join("bin").join(program), &link)?;
        Ok(())
    }
}

fn node(places: &Places) -> Result {
    let wanted = format!("Node.js {}.{} or newer with npm is needed for the UI: https://nodejs.org", NODE.0, NODE.1);
    let said = output(places.command("node").arg("--version")).map_err(|_| Failure::new(wanted.clone()))?;
    if node_version(&said).is_none_or(|version| version < NODE) {
        return Err(Failure::new(format!("{wanted} (here: {})", said.trim())));
    }
    println!("Node.js {}", said.trim());
    Ok(())
}

fn node_version(said: &str) -> Option<(u32, u32)> {
    let mut parts = said.trim().trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn rust_parts(places: &Places, install: bool) -> Result {
    for (command, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if succeeds(&mut places.cargo(&[command, "--version"])) {
            continue;
        }
        if !(install && places.has("rustup")) {
            return Err(Failure::new(format!("`cargo {command}` is missing: rustup component add {component}")));
        }
        run(places.command("rustup").args(["component", "add", component]))?;
    }
    Ok(())
}

fn debian(places: &Places, install: bool) -> Result<Outcome> {
    let mut missing = Vec::new();
    for package in DEBIAN {
        let status = output(Command::new("dpkg-query").args(["-W", "-f=${Status}", package])).unwrap_or_default();
        if status != "install ok installed" {
            missing.push(*package);
        }
    }
    if missing.is_empty() {
        println!("all {} system packages are there", DEBIAN.len());
        return Ok(Outcome::Done);
    }
    let by_hand = format!("sudo apt-get update && sudo apt-get install --no-install-recommends {}", missing.join(" "));
    if !install {
        return Err(Failure::new(format!("packages are missing; install them with\n  {by_hand}")));
    }
    println!("missing: {}", missing.join(" "));
    let root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !root && !places.has("sudo") {
        return Err(Failure::new(format!(
            "packages are missing, and this is neither root nor is there sudo; run as root\n  {by_hand}"
        )));
    }
    apt(root, &["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(&missing);
    apt(root, &arguments)?;
    Ok(Outcome::Done)
}

/// apt-get as root. In CI nobody can type a password, so sudo must not ask; at a terminal it may, on the terminal itself.
fn apt(root: bool, arguments: &[&str]) -> Result {
    let mut command = if root { Command::new("apt-get") } else { Command::new("sudo") };
    if !root {
        if std::env::var_os("CI").is_some() {
            command.arg("-n");
        }
        command.arg("apt-get");
    }
    // Another apt-get may be at work on the same machine: wait for its lock.
    command
        .args(["-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    run(&mut command)
}

fn elsewhere(places: &Places) -> Result<Outcome> {
    let mut missing = Vec::new();
    if cfg!(target_os = "linux") {
        for library in ["openssl", "webkit2gtk-4.1", "gtk+-3.0", "librsvg-2.0"] {
            if !succeeds(places.command("pkg-config").args(["--exists", library])) {
                missing.push(library);
            }
        }
        for program in
            ["cc", "clang", "cmake", "Xvfb", "WebKitWebDriver", "dbus-daemon", "gnome-keyring-daemon", "python3"]
        {
            if !places.has(program) {
                missing.push(program);
            }
        }
    } else if cfg!(target_os = "macos") {
        missing.extend(["cc", "cmake", "python3"].into_iter().filter(|program| !places.has(program)));
    } else {
        missing.extend(["cmake", "perl", "nasm", "python"].into_iter().filter(|program| !places.has(program)));
    }
    if missing.is_empty() {
        return Ok(Outcome::Done);
    }
    let command = if cfg!(target_os = "macos") {
        MACOS
    } else if cfg!(windows) {
        WINDOWS
    } else if places.has("dnf") {
        FEDORA
    } else if places.has("pacman") {
        ARCH
    } else if places.has("zypper") {
        SUSE
    } else {
        "your system's package manager (names as on Debian: see xtask/src/setup.rs)"
    };
    Err(Failure::new(format!("missing: {}; install with\n  {command}", missing.join(", "))))
}

/// cargo-deny, from its source when it is not there: long, and only once for each user.
pub fn cargo_deny(places: &Places, install: bool) -> Result<Outcome> {
    if places.has("cargo-deny") {
        return Ok(Outcome::Done);
    }
    if !install {
        return Err(Failure::new("cargo-deny is missing: cargo install cargo-deny --locked"));
    }
    println!("cargo-deny is built once, into {}: several minutes", places.tools.display());
    let start = Instant::now();
    let mut command = places.cargo(&["install", "cargo-deny", "--locked", "--quiet", "--root"]);
    // Its own build folder: its features would otherwise rebuild crates shared with the product.
    command.arg(&places.tools).env("CARGO_TARGET_DIR", places.tools.join("build"));
    run(&mut command)?;
    // Only the program is needed from now on.
    let _ = std::fs::remove_dir_all(places.tools.join("build"));
    println!("cargo-deny took {}", crate::step::seconds(start.elapsed()));
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::{DEBIAN, NODE, node_version};

    #[test]
    fn an_old_node_is_recognised() {
        assert!(node_version("v18.20.4\n") < Some(NODE));
        assert!(node_version("v20.19.0\n") >= Some(NODE));
        assert!(node_version("v24.1.0") >= Some(NODE));
        assert_eq!(node_version("not a version"), None);
    }

    #[test]
    fn packages_are_listed_once_and_in_order() {
        assert!(DEBIAN.is_sorted_by(|a, b| a < b));
    }
}
