use super::*;
use std::fmt::Write;

fn list(passwords: &[String], end: &str) -> (tempfile::TempDir, PathBuf) {
    let mut hashes: Vec<String> =
        passwords.iter().map(|text| data_encoding::HEXUPPER.encode(&Sha1::digest(text.as_bytes()))).collect();
    hashes.sort();
    let mut text = String::new();
    for (number, hash) in hashes.iter().enumerate() {
        write!(text, "{hash}:{}{end}", number * number * 1000 + 1).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    std::fs::write(&path, text.trim_end()).unwrap();
    (folder, path)
}

#[test]
fn every_password_of_a_list_is_found_and_none_that_is_not_on_it() {
    for (count, end) in [(1, "\n"), (2, "\r\n"), (3, "\n"), (500, "\r\n")] {
        let known: Vec<String> = (0..count).map(|number| format!("known {number}")).collect();
        let (_folder, path) = list(&known, end);
        let list = Breached::open(&path).unwrap();
        for password in &known {
            assert!(list.has(password).unwrap(), "{password} of {count}");
        }
        for number in 0..500 {
            assert!(!list.has(&format!("unknown {number}")).unwrap());
        }
    }
}

#[test]
fn the_hashes_are_those_of_the_download() {
    // As the range 5BAA6 of the service has it.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    std::fs::write(&path, "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:52256179\r\n").unwrap();
    let list = Breached::open(&path).unwrap();
    assert!(list.has("password").unwrap() && !list.has("Password").unwrap());
}

#[test]
fn what_is_no_list_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    assert!(Breached::open(&path).is_err());
    for garbage in ["", "hello\n", "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FDX:1\n"] {
        std::fs::write(&path, garbage).unwrap();
        assert!(Breached::open(&path).is_err(), "{garbage}");
    }
}
