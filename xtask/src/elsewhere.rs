//! A newer Debian in a folder, for what takes a newer compiler: Rust's library for other systems comes with it as source. It takes root.

use crate::places::Places;
use crate::step::{Failure, Outcome, Result, Steps, output, run};
use std::path::{Path, PathBuf};
use std::process::Command;

const SUITE: &str = "trixie";
const PACKAGES: &[&str] =
    &["rustc-web", "cargo-web", "rust-web-src", "gcc", "libc6-dev", "make", "perl", "cmake", "nasm"];

/// A system in a folder, which sees this one's checkout, processes and devices as long as this lives.
pub struct Elsewhere {
    root: PathBuf,
    mounts: Vec<PathBuf>,
}

impl Elsewhere {
    /// The one that is there, or a new one; `more` is what it needs beside a compiler.
    pub fn enter(places: &Places, steps: &mut Steps, more: &[&str]) -> Result<Self> {
        if !places.has("debootstrap") {
            return Err(Failure::new("debootstrap is not installed: `sudo apt-get install debootstrap`"));
        }
        if output(Command::new("id").arg("-u"))?.trim() != "0" {
            return Err(Failure::new(
                "a system in a folder takes root: run it as root, in a container of its own, say",
            ));
        }
        let mut system = Self { root: places.tools.with_file_name(format!("elsewhere-{SUITE}")), mounts: Vec::new() };
        steps.step("a system", || system.make(places))?;
        for (from, to) in [(Path::new("/proc"), "proc"), (Path::new("/dev"), "dev"), (&places.root, "src")] {
            system.mount(from, to)?;
        }
        steps.step("its packages", || system.install(more))?;
        Ok(system)
    }

    /// Where a path within it lies.
    pub fn path(&self, within: &str) -> PathBuf {
        self.root.join(within)
    }

    /// A command in one of its folders; the checkout is `/src`.
    pub fn command(&self, folder: &str, program: &str) -> Command {
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
        ]);
        command
    }

    /// Cargo there, for another system.
    pub fn cargo(&self, task: &str, target: &str) -> Command {
        let mut cargo = self.command("/src", "cargo");
        cargo.args([task, "--locked", "-Zbuild-std=std,panic_abort", "--target", target]);
        cargo
    }

    fn make(&self, places: &Places) -> Result<Outcome> {
        // debootstrap works in a folder of this name, and takes it away at its end.
        if !self.path("etc/debian_version").exists() || self.path("debootstrap").exists() {
            std::fs::create_dir_all(&self.root)?;
            let kind = ["--variant=minbase", "--include=ca-certificates", SUITE];
            run(places.command("debootstrap").args(kind).arg(&self.root))?;
        }
        for name in ["ssl/certs/ca-certificates.crt", "resolv.conf", "hosts"] {
            let _ = std::fs::copy(Path::new("/etc").join(name), self.path("etc").join(name));
        }
        Ok(Outcome::Done)
    }

    fn install(&self, more: &[&str]) -> Result<Outcome> {
        let all = || PACKAGES.iter().chain(more);
        if output(self.command("/", "dpkg-query").args(["--show", "--showformat", "${Status}\n"]).args(all())).is_err()
        {
            run(self.command("/", "apt-get").args(["update", "-qq"]))?;
            let install = ["install", "-y", "-qq", "--no-install-recommends"];
            run(self.command("/", "apt-get").args(install).args(all()))?;
        }
        Ok(Outcome::Done)
    }

    fn mount(&mut self, from: &Path, to: &str) -> Result {
        let to = self.path(to);
        std::fs::create_dir_all(&to)?;
        run(Command::new("mount").arg("--bind").arg(from).arg(&to))?;
        self.mounts.push(to);
        Ok(())
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        for mounted in self.mounts.iter().rev() {
            // Wine's own server lives on for some seconds.
            let _ = run(Command::new("umount").arg("--lazy").arg(mounted));
        }
    }
}
