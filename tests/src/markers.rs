//! Words that stand out, and the search for them in everything that is written down: as they are, in UTF-16, in small letters,
//! folded as search does, and in the usual encodings of bytes as text.

use crate::files_below;
use aho_corasick::AhoCorasick;
use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use std::collections::BTreeSet;
use std::path::Path;

/// What must not be found, with a name for each.
#[derive(Default)]
pub struct Markers {
    named: Vec<(String, Vec<u8>)>,
}

impl Markers {
    /// A text in every form that it may take.
    pub fn text(&mut self, name: &str, text: &str) -> String {
        let small = text.to_lowercase();
        for form in BTreeSet::from([text.to_owned(), text.to_uppercase(), small]) {
            self.named.push((format!("{name} in UTF-16"), form.encode_utf16().flat_map(u16::to_le_bytes).collect()));
            self.bytes(name, form.as_bytes());
        }
        text.to_owned()
    }

    /// Bytes, in every form that they may take.
    pub fn bytes(&mut self, name: &str, bytes: &[u8]) {
        assert!(bytes.len() >= 8, "{name} is too short to stand out");
        self.named.push((name.to_owned(), bytes.to_vec()));
        for hex in [HEXLOWER.encode(bytes), HEXUPPER.encode(bytes)] {
            self.named.push((format!("{name} in hexadecimal"), hex.into_bytes()));
        }
        // In longer text its letters depend on where in a group of three bytes it begins.
        for (skip, lost) in [(0, 0), (1, 2), (2, 3)] {
            let padded = [&vec![0; skip], bytes].concat();
            for encoding in [BASE64, BASE64URL] {
                let text = encoding.encode(&padded[..padded.len() / 3 * 3]);
                self.named.push((format!("{name} in base64"), text.as_bytes()[lost..].to_vec()));
            }
        }
        // As `{:?}` prints bytes.
        let printed = format!("{bytes:?}");
        self.named.push((format!("{name} as numbers"), printed.trim_matches(['[', ']']).as_bytes().to_vec()));
    }

    /// Where any of them is, in files below these folders: `file: name`.
    pub fn found_below(&self, folders: &[&Path]) -> BTreeSet<String> {
        let search = self.search();
        let mut found = BTreeSet::new();
        for path in folders.iter().flat_map(|folder| files_below(folder)) {
            // Files of a database come and go while it is used.
            let Ok(bytes) = std::fs::read(&path) else { continue };
            found.extend(self.among(&search, &bytes).map(|name| format!("{}: {name}", path.display())));
            let own = path.file_name().unwrap_or_default().as_encoded_bytes().to_vec();
            found.extend(self.among(&search, &own).map(|name| format!("{}: {name} in its name", path.display())));
        }
        found
    }

    /// Which of them are in these bytes.
    pub fn found_in(&self, bytes: &[u8]) -> BTreeSet<String> {
        self.among(&self.search(), bytes).collect()
    }

    fn search(&self) -> AhoCorasick {
        AhoCorasick::new(self.named.iter().map(|(_, bytes)| bytes)).unwrap()
    }

    fn among<'a>(&'a self, search: &'a AhoCorasick, bytes: &'a [u8]) -> impl Iterator<Item = String> + 'a {
        search.find_iter(bytes).map(|hit| self.named[hit.pattern()].0.clone())
    }
}
