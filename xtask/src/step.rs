//! Steps: run one after the other, timed, stopped at the first that fails, and summed up in a table at the end.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub type Result<T = ()> = std::result::Result<T, Failure>;

/// Why a task ended: one line for a person.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// How a step ended well.
pub enum Outcome {
    Done,
    /// Done, with something a person should look at.
    Warned(String),
    /// Not done, and why.
    Skipped(String),
}

/// The steps of one task.
#[derive(Default)]
pub struct Steps {
    ended: Vec<(String, Duration, String)>,
}

impl Steps {
    /// Runs a step. When it fails, the table is printed and the failure handed on.
    pub fn step(&mut self, name: &str, work: impl FnOnce() -> Result<Outcome>) -> Result {
        println!("\n=== {name}");
        let start = Instant::now();
        let outcome = work();
        let took = start.elapsed();
        let (word, result) = match outcome {
            Ok(Outcome::Done) => ("ok".to_owned(), Ok(())),
            Ok(Outcome::Warned(what)) => (format!("ok, but {what}"), Ok(())),
            Ok(Outcome::Skipped(why)) => (format!("SKIPPED: {why}"), Ok(())),
            Err(failure) => ("FAILED".to_owned(), Err(Failure::new(format!("{name}: {failure}")))),
        };
        println!("--- {name}: {word}, {}", seconds(took));
        self.ended.push((name.to_owned(), took, word));
        if result.is_err() {
            self.print();
        }
        result
    }

    /// A step that is one command.
    pub fn command(&mut self, name: &str, command: &mut Command) -> Result {
        self.step(name, || run(command).map(|()| Outcome::Done))
    }

    /// The table of all steps so far.
    pub fn print(&self) {
        let width = self.ended.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0);
        let total: Duration = self.ended.iter().map(|(_, took, _)| *took).sum();
        println!("\n{:width$}  {:>9}  result", "step", "took");
        for (name, took, word) in &self.ended {
            println!("{name:width$}  {:>9}  {word}", seconds(*took));
        }
        println!("{:width$}  {:>9}", "together", seconds(total));
    }
}

pub fn seconds(took: Duration) -> String {
    let tenths = took.as_millis() / 100;
    if tenths < 1000 {
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else {
        let seconds = took.as_secs();
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

/// Runs a command with its output shown and no input; anything but 0 is a failure.
pub fn run(command: &mut Command) -> Result {
    println!("$ {}", shown(command));
    let status =
        command.stdin(Stdio::null()).status().map_err(|error| Failure::new(format!("{}: {error}", shown(command))))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{}` ended with {status}", shown(command)))) }
}

/// Runs a command and gives what it wrote to its standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| Failure::new(format!("{}: {error}", shown(command))))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("`{}` ended with {}: {}", shown(command), output.status, said.trim())))
}

/// Whether a command starts and ends with 0; its output is not shown.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A command as one would type it, with the program's folder left off.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_else(|| command.get_program());
    let mut line = program.to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
