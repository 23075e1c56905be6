//! What somebody named as a local key file and is something else: said for what it is, so that the right one is found.

use crate::error::Error;
use serde_json::Value;
use std::io::Read;
use std::path::Path;

/// Most of a file that is looked at.
const LOOKED_AT: u64 = 64 * 1024;

/// Bad input: the file was named by whoever gave the command, and nothing was changed.
pub(super) fn named(path: &Path) -> Error {
    let (is, advice) = what(path);
    Error::bad_input("This is not a local key file", format!("{} is {is}", path.display()), advice)
}

fn what(path: &Path) -> (&'static str, String) {
    const USUAL: &str = "name the key file: keys/local.json in the data folder, unless another place was chosen for it";
    if path.is_dir() {
        return ("a folder", USUAL.to_owned());
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut bytes));
    if read.is_err() {
        return ("a file that cannot be read", USUAL.to_owned());
    }
    let Ok(json) = serde_json::from_slice::<Value>(&bytes) else {
        let is_text = std::str::from_utf8(&bytes).is_ok_and(|text| !text.contains('\0'));
        return (if is_text { "a text of another kind" } else { "a file of another kind" }, USUAL.to_owned());
    };
    let text = |field: &str| json.get(field).and_then(Value::as_str);
    match (text("provider"), text("wrapped")) {
        (Some("local"), Some(_)) => (
            "the file that says which key service guards a host: it holds no key of its own",
            "name the key file beside it: local.json, unless another place was chosen for it".to_owned(),
        ),
        (Some(provider), Some(_)) => (
            "the file that says which key service guards a host: it holds no key of its own",
            format!("give the --kms of {provider}, which guards that host"),
        ),
        _ if json.get("services").is_some() || json.get("recovery").is_some() => (
            "the file with the keys of a backup",
            "name the key file of the host that the backup is of, or give --recovery-passphrase-file".to_owned(),
        ),
        _ => ("JSON of another kind", USUAL.to_owned()),
    }
}
