//! What people type into a search becomes a question to the full-text index, and the words found are marked in a text.
//!
//! Words are folded and terms read by [`thechatapp_protocol::search`], on device and server alike. Nothing of the index's
//! own query language is reachable from here.

pub(crate) mod typed;

pub use typed::moment;

use std::collections::HashSet;
use thechatapp_protocol::search::{Term, terms, words};
use unicode_segmentation::UnicodeSegmentation;

/// The question to FTS5; `None` when no word is left.
pub(crate) fn question(typed: &str) -> Option<String> {
    // A folded word has only letters and digits, so quotes cannot be closed from inside.
    let quoted: Vec<String> = terms(typed)
        .into_iter()
        .map(|term| match term {
            Term::Word(word) => format!("\"{word}\""),
            Term::Start(start) => format!("\"{start}\" *"),
            Term::Phrase(words) => format!("\"{}\"", words.join(" ")),
            Term::PhraseStart(words) => format!("\"{}\" *", words.join(" ")),
        })
        .collect();
    (!quoted.is_empty()).then(|| quoted.join(" AND "))
}

/// Where the words stand in a text, as byte ranges, ascending.
pub(crate) fn highlights(text: &str, typed: &str) -> Vec<(u32, u32)> {
    let (mut wanted, mut starts) = (HashSet::new(), Vec::new());
    for term in terms(typed) {
        match term {
            Term::Word(word) => wanted.extend([word]),
            Term::Phrase(words) => wanted.extend(words),
            Term::Start(start) => starts.push(start),
            Term::PhraseStart(mut words) => {
                starts.extend(words.pop());
                wanted.extend(words);
            }
        }
    }
    let is_wanted =
        |word: &String| wanted.contains(word) || starts.iter().any(|start| word.starts_with(start.as_str()));
    let mut found = Vec::new();
    for (start, word) in text.unicode_word_indices() {
        for (offset, part) in parts(word) {
            if words(part).any(|folded| is_wanted(&folded)) {
                let from = start + offset;
                if let (Ok(from), Ok(to)) = (u32::try_from(from), u32::try_from(from + part.len())) {
                    found.push((from, to));
                }
            }
        }
    }
    found
}

/// The parts between characters that fold to nothing that could be searched for, such as the dot in `example.com`.
fn parts(word: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = Some((0, word));
    std::iter::from_fn(move || {
        let (at, text) = rest?;
        match text.char_indices().find(|(_, c)| separates(*c)) {
            Some((end, c)) => {
                let after = end + c.len_utf8();
                rest = text.get(after..).map(|tail| (at + after, tail));
                text.get(..end).map(|part| (at, part))
            }
            None => {
                rest = None;
                Some((at, text))
            }
        }
    })
    .filter(|(_, part)| !part.is_empty())
}

fn separates(c: char) -> bool {
    // A combining mark is no letter either, but belongs to the one before it.
    !c.is_alphanumeric() && (c.is_ascii() || words(&format!("a{c}a")).count() > 1)
}

#[cfg(test)]
mod tests;
