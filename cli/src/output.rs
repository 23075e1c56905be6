//! What is printed, and how a program ends. Results go to standard output, for people or as JSON; errors to standard error,
//! as one line or as one JSON object. A reader that goes away ends the program quietly.
//!
//! Text of other people is printed without control characters, so that a message cannot drive the terminal.

use serde::Serialize;
use std::io::{self, Write};
use std::process::ExitCode;
use thechatapp_core::{Error, ErrorReport};

#[cfg(test)]
mod tests;

/// Why a command ended before its end.
#[derive(Debug)]
pub enum Failure {
    /// An error of the core.
    Core(Error),
    /// The command line cannot be meant like this.
    Usage {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// The server refused messages; why, of the first.
    Refused(String),
    /// Nobody reads the output any more.
    Deaf,
    /// The result was printed, and ends with this code.
    Said(u8),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Deaf,
            io::ErrorKind::StorageFull => Self::Core(Error::DiskFull { why: error.to_string() }),
            _ => Self::Core(Error::bad_input("the output cannot be written", error.to_string())),
        }
    }
}

/// What a command gives.
pub type Outcome<T = ()> = Result<T, Failure>;

/// The form of the output.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// JSON for machines, else text for people.
    pub json: bool,
}

impl Output {
    /// One result: an object or array on a line of its own, or text for people.
    pub fn show<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> Outcome {
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer(&mut out, value).map_err(io::Error::from)?;
            writeln!(out)?;
        } else {
            let text = text();
            if !text.is_empty() {
                writeln!(out, "{text}")?;
            }
        }
        out.flush()?;
        Ok(())
    }

    /// A remark beside the result, on standard error, for people only.
    pub fn remark(self, text: &str) {
        if !self.json {
            // Nobody to tell is no reason to fail.
            let _ = writeln!(io::stderr(), "{}", line(text));
        }
    }

    /// A remark beside the result, on standard error, as text for people or as an object for machines.
    pub fn remark_as<T: Serialize>(self, value: &T, text: &str) {
        match serde_json::to_string(value) {
            Ok(object) if self.json => {
                let _ = writeln!(io::stderr(), "{object}");
            }
            _ => self.remark(text),
        }
    }

    /// Prints a failure and gives the code to end with.
    pub fn fail(self, failure: Failure) -> ExitCode {
        let report = match failure {
            Failure::Deaf => return ExitCode::SUCCESS,
            Failure::Said(code) => return ExitCode::from(code),
            Failure::Core(error) => ErrorJson::from(error.report()),
            Failure::Usage { what, why } => ErrorJson::usage(what, why),
            Failure::Refused(why) => ErrorJson::refused(why),
        };
        self.error(&report);
        ExitCode::from(report.code)
    }

    /// Prints an error.
    pub fn error(self, report: &ErrorJson) {
        let text =
            if self.json { serde_json::to_string(report).unwrap_or_else(|_| report.line()) } else { report.line() };
        let _ = writeln!(io::stderr(), "{text}");
    }
}

/// An error as machines read it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ErrorJson {
    /// Its kind.
    pub error: String,
    /// The exit code.
    pub code: u8,
    /// What happened.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do.
    #[serde(rename = "do")]
    pub advice: String,
    /// Seconds to wait, where waiting helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

impl From<ErrorReport> for ErrorJson {
    fn from(report: ErrorReport) -> Self {
        let ErrorReport { error, code, what, why, advice, seconds } = report;
        Self { error, code, what, why, advice, seconds }
    }
}

impl ErrorJson {
    fn new(error: &str, code: u8, what: impl Into<String>, why: impl Into<String>, advice: &str) -> Self {
        Self { error: error.into(), code, what: what.into(), why: why.into(), advice: advice.into(), seconds: None }
    }

    /// A command line that cannot be meant.
    pub fn usage(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new("usage", 2, what, why, "see --help")
    }

    /// A message that the server does not take.
    fn refused(why: String) -> Self {
        Self::new(
            "denied",
            12,
            "the server refused the message",
            why,
            "correct it, or ask for the right, and send it again",
        )
    }

    /// What clap says, without its colours, usage and tips.
    pub fn clap(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let first: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        let said = first.join(" ");
        if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand || said.is_empty() {
            return Self::usage("a command is missing", "nothing says what to do");
        }
        let (what, why) = said.split_once(": ").unwrap_or((&said, ""));
        Self::usage(what.trim_end_matches(':'), why)
    }

    /// As one line for people.
    pub fn line(&self) -> String {
        let mut said = format!("error: {}", self.what);
        for (before, part) in [(": ", &self.why), ("; ", &self.advice)] {
            if !part.is_empty() {
                said.push_str(before);
                said.push_str(part);
            }
        }
        if let Some(seconds) = self.seconds {
            said.push_str(&format!(" ({seconds} seconds left)"));
        }
        line(&said)
    }
}

/// Text on one line, without anything a terminal would obey.
pub fn line(text: &str) -> String {
    lines(text).replace('\n', " ")
}

/// Text whose only control characters are line ends.
pub fn lines(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => '\n',
            '\t' => ' ',
            // Marks that turn the direction of everything after them.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}
