//! Passwords and passphrases, from files and from people. A file's first line counts, its line end does not; what a person
//! types is not shown. Nothing is ever taken from an argument, which other programs of the machine can see.

use crate::output::{Failure, Outcome};
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::Path;
use thechatapp_core::Error;
use zeroize::Zeroizing;

#[cfg(test)]
mod tests;

/// More than this is no password.
const LONGEST: u64 = 4096;

/// The first line of a file.
pub fn first_line(path: &Path, what: &str) -> Outcome<Zeroizing<String>> {
    let bad = |why: String| Error::bad_input(format!("the {what} file {} cannot be used", path.display()), why);
    let file = std::fs::File::open(path).map_err(|error| bad(error.to_string()))?;
    let mut line = Zeroizing::new(String::with_capacity(256));
    BufReader::new(std::io::Read::take(file, LONGEST)).read_line(&mut line).map_err(|error| bad(error.to_string()))?;
    let length = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(length);
    if line.is_empty() {
        return Err(bad("its first line is empty".into()).into());
    }
    Ok(line)
}

/// Whether there is a person to ask.
pub fn can_ask() -> bool {
    std::io::stdin().is_terminal()
}

/// A secret from a file, or from the person at the terminal.
pub fn from_file_or_person(file: Option<&Path>, what: &str, option: &str) -> Outcome<Zeroizing<String>> {
    match file {
        Some(path) => first_line(path, what),
        None if can_ask() => ask(what),
        None => Err(Failure::Usage {
            what: format!("{option} is missing"),
            why: format!("there is no terminal to ask for the {what}"),
        }),
    }
}

/// The same for one that is to be: a person types it twice, for nobody sees what is typed.
pub fn new_from_file_or_person(file: Option<&Path>, what: &str, option: &str) -> Outcome<Zeroizing<String>> {
    let first = from_file_or_person(file, what, option)?;
    if file.is_none() && ask(&format!("{what} once more"))? != first {
        return Err(Error::bad_input(format!("the {what} was not typed twice alike"), "nothing was changed").into());
    }
    Ok(first)
}

/// Asks the person at the terminal.
pub fn ask(what: &str) -> Outcome<Zeroizing<String>> {
    let mut first = what.chars();
    let prompt: String = first.next().into_iter().flat_map(char::to_uppercase).chain(first).collect();
    let typed = rpassword::prompt_password(format!("{prompt}: "))
        .map_err(|error| Error::bad_input(format!("no {what} was typed"), error.to_string()))?;
    if typed.is_empty() {
        return Err(Error::bad_input(format!("no {what} was typed"), "it was empty").into());
    }
    Ok(Zeroizing::new(typed))
}
