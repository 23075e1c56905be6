//! The bindings, generated from the library as it was built, hold a real conversation: two clients in Python, each with a
//! secret store of its own, and a real server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;
use uniffi::{GenerateOptions, TargetLanguage};

const LIBRARY: &str = if cfg!(target_os = "macos") {
    "libthechatapp_mobile.dylib"
} else if cfg!(windows) {
    "thechatapp_mobile.dll"
} else {
    "libthechatapp_mobile.so"
};

/// Where this run was built: the folder of the tests, and the one above it.
fn built() -> (PathBuf, PathBuf) {
    let here = std::env::current_exe().unwrap();
    let tests = here.parent().unwrap().to_owned();
    let programs = tests.parent().unwrap().to_owned();
    (tests, programs)
}

/// The newer of the library beside this test and the one among the programs: either may be left over.
fn library() -> PathBuf {
    let (tests, programs) = built();
    let age = |path: &PathBuf| path.metadata().and_then(|file| file.modified()).ok();
    [tests.join(LIBRARY), programs.join(LIBRARY)]
        .into_iter()
        .filter(|path| path.exists())
        .max_by_key(age)
        .expect("the library is built before its tests")
}

fn server() -> PathBuf {
    let folder = std::env::var_os("THECHATAPP_BIN_DIR").map_or_else(|| built().1, PathBuf::from);
    let server = folder.join(format!("thechatapp-server{}", std::env::consts::EXE_SUFFIX));
    assert!(server.exists(), "{} is missing: cargo build -p thechatapp-server", server.display());
    server
}

fn python_bindings(library: &Path, out: &Path) {
    uniffi::generate(GenerateOptions {
        languages: vec![TargetLanguage::Python],
        source: library.to_owned().try_into().unwrap(),
        out_dir: out.to_owned().try_into().unwrap(),
        config_override: None,
        format: false,
        crate_filter: None,
        metadata_no_deps: true,
    })
    .unwrap();
    std::fs::copy(library, out.join(LIBRARY)).unwrap();
}

/// Plays a script of `python/` with bindings of its own.
fn play(script: &str) {
    let folder = tempfile::tempdir().unwrap();
    let bindings = folder.path().join("bindings");
    python_bindings(&library(), &bindings);
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(python);
    // Phones have no such variables, which would be asked before the phone is.
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    let status = command
        .arg(Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("tests/python").join(script))
        .arg(server())
        .arg(folder.path())
        .env("PYTHONPATH", &bindings)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .status()
        .expect("python3 is installed");
    assert!(status.success(), "{script} failed: {status}");
}

#[test]
fn two_phones_talk_through_the_bindings() {
    play("conversation.py");
}

#[test]
fn every_state_of_the_key_has_its_way_back_on_a_phone() {
    play("keys.py");
}

#[test]
fn a_phone_finds_types_sends_files_and_chooses_its_way_out() {
    play("everyday.py");
}
