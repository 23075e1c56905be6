//! What goes to standard output and standard error: words for people, JSON for machines.

use crate::error::Error;
use serde_json::{Value, json};
use std::io::Write;

/// How to print.
#[derive(Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// As JSON, or not.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a result; `words` are for people.
    pub fn print(&self, value: &Value, words: impl FnOnce(&Value) -> String) {
        let text = if self.json { value.to_string() } else { words(value) };
        // A reader that has gone needs no answer.
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// Prints an error.
    pub fn error(&self, error: &Error) {
        let text = if self.json {
            json!({
                "error": error.kind.name(),
                "code": error.kind.exit_code(),
                "what": error.what,
                "why": error.why,
                "do": error.advice,
            })
            .to_string()
        } else {
            let advice = if error.advice.is_empty() { String::new() } else { format!(" ({})", error.advice) };
            format!("{}: {}{advice}", error.what, error.why)
        };
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// Whether progress may be shown.
    pub fn progress(&self) -> bool {
        !self.json && std::io::IsTerminal::is_terminal(&std::io::stderr())
    }
}
