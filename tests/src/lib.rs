//! The harness of the scenarios: real servers and command-line clients as processes on free loopback ports, stopped by
//! process id when they go out of scope, each with folders of its own.

pub mod bucket;
pub mod cli;
pub mod desk;
#[cfg(target_os = "linux")]
pub mod disk;
pub mod exit;
pub mod keyring;
pub mod markers;
pub mod memory;
#[path = "../../server/tests/support/moto.rs"]
mod moto;
pub mod person;
pub mod portal;
pub mod proxy;
pub mod raw;
pub mod server;
pub mod small_disk;
pub mod tab;
pub mod vault;
pub mod window;
pub mod wire;

pub use cli::{Cli, Outcome};
pub use person::person;
pub use server::Server;

use std::path::PathBuf;

/// The folder with the product's binaries: `THECHATAPP_BIN_DIR`, else two above the test executable.
pub fn bin(name: &str) -> PathBuf {
    let folder = std::env::var_os("THECHATAPP_BIN_DIR").map(PathBuf::from).unwrap_or_else(|| {
        let exe = std::env::current_exe().unwrap();
        exe.parent().unwrap().parent().unwrap().to_owned()
    });
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is not built: run `cargo xtask test`, which builds it", path.display());
    path
}

/// Whether the long form was asked for (`cargo xtask soak`).
pub fn soak() -> bool {
    std::env::var_os("THECHATAPP_SOAK").is_some()
}

/// How often to repeat: a few times in every run, many in a soak.
pub fn rounds(short: usize, long: usize) -> usize {
    if soak() { long } else { short }
}

/// Every file below a folder.
pub fn files_below(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files_below(&path)),
            Ok(kind) if kind.is_file() => found.push(path),
            _ => {}
        }
    }
    found
}

/// The files below a folder that contain any of the markers, in UTF-8 or UTF-16.
pub fn files_with(folder: &std::path::Path, markers: &[&str]) -> Vec<PathBuf> {
    let needles: Vec<Vec<u8>> = markers
        .iter()
        .flat_map(|marker| {
            let utf16 = marker.encode_utf16().flat_map(u16::to_le_bytes).collect();
            [marker.as_bytes().to_vec(), utf16]
        })
        .collect();
    files_below(folder)
        .into_iter()
        .filter(|path| {
            let Ok(bytes) = std::fs::read(path) else { return false };
            needles.iter().any(|needle| bytes.windows(needle.len()).any(|window| window == &needle[..]))
        })
        .collect()
}
