//! How text becomes words for searching, the same on the server and on every device.
//!
//! Words are those of Unicode Text Segmentation (UAX #29), decomposed (NFKD), without combining marks, with case
//! folded by the Unicode default caseless mapping. So `Café` is found by `cafe`, and `STRASSE` by `straße`.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_segmentation::UnicodeSegmentation;

/// Longest word that is kept, in characters; the rest of a longer one is dropped.
pub const WORD_MAX: usize = 64;

/// The folded words of a text, in order, repeats included.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.unicode_words().flat_map(|word| {
        let folded = fold(word);
        // A word such as "don't" or "example.com" is one word to UAX #29; people search for its parts.
        folded
            .split(|c: char| !c.is_alphanumeric())
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    })
}

/// The folded words of a text joined by single spaces: what a full-text index is fed with.
pub fn folded_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in words(text) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&word);
    }
    out
}

/// What a person looks for: all of them must occur.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// A word.
    Word(String),
    /// The beginning of a word: typed with `*` behind it.
    Start(String),
    /// Words that follow each other: typed in quotes, or together without a space between them, as `std::vec` is and what
    /// is written in Chinese or Japanese.
    Phrase(Vec<String>),
    /// The same, of the last one the beginning only.
    PhraseStart(Vec<String>),
}

/// What was typed into a search, folded. Whatever else is typed separates words; there are no operators.
pub fn terms(typed: &str) -> Vec<Term> {
    let mut terms = Vec::new();
    for (position, part) in typed.split('"').enumerate() {
        if position % 2 == 1 {
            terms.extend(together(part, false));
            continue;
        }
        terms.extend(part.split_whitespace().filter_map(|piece| together(piece, piece.ends_with('*'))));
    }
    terms
}

/// What the words of a text are looked for as that was typed in one piece.
fn together(piece: &str, starts: bool) -> Option<Term> {
    let mut all: Vec<String> = words(piece).collect();
    match (all.len(), starts) {
        (0, _) => None,
        (1, false) => all.pop().map(Term::Word),
        (1, true) => all.pop().map(Term::Start),
        (_, false) => Some(Term::Phrase(all)),
        (_, true) => Some(Term::PhraseStart(all)),
    }
}

fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.chars().take(WORD_MAX).map(|c| c.to_ascii_lowercase()).collect();
    }
    caseless::default_case_fold_str(&word.nfkd().filter(|c| !is_combining_mark(*c)).collect::<String>())
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .take(WORD_MAX)
        .collect()
}

#[cfg(test)]
mod tests;
