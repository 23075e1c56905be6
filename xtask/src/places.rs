//! Where things are: the checkout, the shared build cache outside it, and the tools kept there.

use crate::step::{Failure, Result};
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Places {
    /// The checkout.
    pub root: PathBuf,
    /// Cargo's build folder: `CARGO_TARGET_DIR` if set, else in the user's cache, so that fresh clones share one build.
    pub target: PathBuf,
    /// Programs installed only for this repository.
    pub tools: PathBuf,
}

impl Places {
    pub fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| Failure::new("run it as `cargo xtask`"))?;
        let root =
            Path::new(&manifest).parent().ok_or_else(|| Failure::new("xtask stands in no workspace"))?.to_owned();
        let cache = user_cache()?.join("thechatapp");
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| cache.join("target"), |given| root.join(given));
        Ok(Self { root, target, tools: cache.join("tools") })
    }

    /// The folder of the product's binaries of an everyday build.
    pub fn binaries(&self) -> PathBuf {
        self.target.join("debug")
    }

    /// The folder of the product's optimised binaries.
    pub fn release_binaries(&self) -> PathBuf {
        self.target.join("release")
    }

    /// A command in the checkout that builds into the shared folder and whose tests find the product's binaries.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("THECHATAPP_BIN_DIR", self.binaries())
            .env("PATH", self.path());
        command
    }

    /// Cargo, the one that runs us.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let program = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut command = self.command(&program);
        command.args(arguments);
        // Set for us by `cargo run`; handed on, they would make build scripts of the same crates look changed.
        for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
            command.env_remove(name);
        }
        command
    }

    /// npm in the UI's folder. On Windows npm is a script that only the shell finds.
    pub fn npm(&self, arguments: &[&str]) -> Command {
        let mut command = if cfg!(windows) {
            let mut command = self.command("cmd");
            command.args(["/C", "npm"]);
            command
        } else {
            self.command("npm")
        };
        command.args(arguments).current_dir(self.ui());
        command
    }

    pub fn ui(&self) -> PathBuf {
        self.root.join("ui")
    }

    /// Whether a program is found, in the tools folder included.
    pub fn has(&self, program: &str) -> bool {
        env::split_paths(&self.path())
            .any(|folder| folder.join(format!("{program}{}", env::consts::EXE_SUFFIX)).is_file())
    }

    fn path(&self) -> OsString {
        let given = env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.tools.join("bin")).chain(env::split_paths(&given));
        // Only fails when a folder's name contains the separator; then the given path still works.
        env::join_paths(folders).unwrap_or(given)
    }
}

fn user_cache() -> Result<PathBuf> {
    let home = || env::var_os("HOME").map(PathBuf::from);
    let found = if cfg!(windows) {
        env::var_os("LOCALAPPDATA").map(PathBuf::from)
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Caches"))
    } else {
        env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| home().map(|home| home.join(".cache")))
    };
    found.ok_or_else(|| Failure::new("neither HOME nor a cache folder is known: set CARGO_TARGET_DIR and HOME"))
}
