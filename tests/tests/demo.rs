//! What the README promises first: the demonstration runs by itself, and both people saw all of it.

use std::process::Command;
use thechatapp_tests::bin;

#[test]
fn the_demonstration_runs_to_its_end_and_leaves_a_picture_of_each_window() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    demo.env("THECHATAPP_BIN_DIR", bin("thechatapp-desktop").parent().unwrap());
    let ran = demo.arg("--headless").arg("--out").arg(folder.path()).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    for picture in ["marta.png", "ines.png"] {
        let bytes = std::fs::read(folder.path().join(picture)).unwrap();
        assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 10_000, "{picture} has {} bytes", bytes.len());
    }
}
