//! `windows`: the client's crates built for Windows on a Debian machine, and their tests run under Wine. Rust's library for Windows comes as
//! source with the compiler of a newer Debian, which therefore gets a system of its own in a folder. It takes root.

use crate::places::Places;
use crate::step::{Failure, Outcome, Result, Steps, output, run};
use std::path::{Path, PathBuf};
use std::process::Command;

const SUITE: &str = "trixie";
const PACKAGES: &[&str] =
    &["rustc-web", "cargo-web", "rust-web-src", "gcc-mingw-w64-x86-64-posix", "g++-mingw-w64-x86-64-posix"];
const MORE: &[&str] = &["wine", "wine64", "make", "perl", "cmake", "nasm", "gcc", "libc6-dev"];
const TARGET: &str = "x86_64-pc-windows-gnu";
const CRATES: &[&str] = &["-p", "thechatapp-database", "-p", "thechatapp-platform", "-p", "thechatapp-core"];

/// Tests that ask of Wine what it has not: when a file was made stays as it is while it is written, on Windows; and the system's verifier
/// takes a store of its own. Simulated lines and networks are the same on every system, and long here.
const WITHOUT: &[&str] =
    &["once::", "a_script_that_never_stops_coming_is_cut_off", "sync::tests::lines", "sync::tests::networks"];

pub fn run_tests(places: &Places) -> Result {
    if !places.has("debootstrap") {
        return Err(Failure::new("debootstrap is not installed: `sudo apt-get install debootstrap`"));
    }
    if output(Command::new("id").arg("-u"))?.trim() != "0" {
        return Err(Failure::new("a system in a folder takes root: run it as root, in a container of its own, say"));
    }
    let mut steps = Steps::default();
    let system = System { root: places.tools.with_file_name(format!("windows-{SUITE}")) };
    steps.step("a system", || system.make(places))?;
    let mounts = Mounts::new(&system.root, places)?;
    steps.step("its packages", || system.install())?;
    steps.command("build for Windows", &mut system.build())?;
    for (folder, test) in system.tests()? {
        let name = test.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut wine = system.command(&format!("/src/{folder}"), "wine");
        wine.arg(&test).args(WITHOUT.iter().flat_map(|test| ["--skip", test]));
        steps.command(&format!("under Wine: {name}"), &mut wine)?;
    }
    drop(mounts);
    steps.print();
    Ok(())
}

/// A Debian in a folder.
struct System {
    root: PathBuf,
}

impl System {
    fn make(&self, places: &Places) -> Result<Outcome> {
        // debootstrap works in a folder of this name, and takes it away at its end.
        if !self.root.join("etc/debian_version").exists() || self.root.join("debootstrap").exists() {
            std::fs::create_dir_all(&self.root)?;
            let kind = ["--variant=minbase", "--include=ca-certificates", SUITE];
            run(places.command("debootstrap").args(kind).arg(&self.root))?;
        }
        for name in ["ssl/certs/ca-certificates.crt", "resolv.conf", "hosts"] {
            let _ = std::fs::copy(Path::new("/etc").join(name), self.root.join("etc").join(name));
        }
        Ok(Outcome::Done)
    }

    fn install(&self) -> Result<Outcome> {
        if !self.root.join("usr/bin/wine").exists() {
            run(self.command("/", "apt-get").args(["update", "-qq"]))?;
            let install = ["install", "-y", "-qq", "--no-install-recommends"];
            run(self.command("/", "apt-get").args(install).args(PACKAGES).args(MORE))?;
        }
        Ok(Outcome::Done)
    }

    /// A command in one of its folders; the checkout is `/src`.
    fn command(&self, folder: &str, program: &str) -> Command {
        let mut command = Command::new("chroot");
        command.arg(&self.root).args(["sh", "-c", "cd \"$0\" && exec \"$@\"", folder, program]);
        command.env_clear().envs([
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", "/root"),
            ("DEBIAN_FRONTEND", "noninteractive"),
            ("CARGO_HOME", "/cargo"),
            ("CARGO_TARGET_DIR", "/target"),
            // Building the library takes what is not stable yet.
            ("RUSTC_BOOTSTRAP", "1"),
            ("WINEDEBUG", "-all"),
            ("WINEPREFIX", "/wine"),
            ("WINEPATH", r"Z:\usr\lib\gcc\x86_64-w64-mingw32\14-posix;Z:\usr\x86_64-w64-mingw32\lib"),
        ]);
        command
    }

    fn build(&self) -> Command {
        let mut build = self.command("/src", "cargo");
        build.args(["test", "--locked", "--no-run", "-Zbuild-std=std,panic_abort", "--target", TARGET]).args(CRATES);
        build
    }

    /// The tests that were built: the folder of their crate, and where they are.
    fn tests(&self) -> Result<Vec<(String, PathBuf)>> {
        let mut tests = Vec::new();
        for line in output(self.build().arg("--message-format=json"))?.lines() {
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
}

/// What the system sees of this one, as long as this lives.
struct Mounts(Vec<PathBuf>);

impl Mounts {
    fn new(root: &Path, places: &Places) -> Result<Self> {
        let mut mounts = Self(Vec::new());
        for (from, to) in [(Path::new("/proc"), "proc"), (Path::new("/dev"), "dev"), (&places.root, "src")] {
            let to = root.join(to);
            std::fs::create_dir_all(&to)?;
            run(Command::new("mount").arg("--bind").arg(from).arg(&to))?;
            mounts.0.push(to);
        }
        Ok(mounts)
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        for mounted in self.0.iter().rev() {
            // Wine's own server lives on for some seconds.
            let _ = run(Command::new("umount").arg("--lazy").arg(mounted));
        }
    }
}
