//! The log. Errors, among them the ids that internal errors carry, are appended to `cli.log` in the system's place for such
//! files; with `THECHATAPP_LOG=info` (or any filter of tracing's) everything asked for goes to standard error instead.
//! Logs hold ids and kinds, never what people wrote.

use crate::output::Failure;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use thechatapp_core::Error;
use tracing_subscriber::EnvFilter;

const FILTER: &str = "THECHATAPP_LOG";

/// Starts logging.
pub fn start() {
    log_crashes();
    match std::env::var(FILTER) {
        Ok(filter) if !filter.is_empty() => {
            tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(io::stderr).init();
        }
        _ => {
            tracing_subscriber::fmt()
                .with_env_filter(EnvFilter::new("error"))
                .with_ansi(false)
                .with_writer(LogFile::default)
                .init();
        }
    }
}

/// Where a fault struck goes to the log, instead of a screen full of addresses.
fn log_crashes() {
    std::panic::set_hook(Box::new(|fault| {
        let place = fault.location().map(ToString::to_string).unwrap_or_default();
        let words = thechatapp_platform::guard::panic_words(fault.payload());
        tracing::error!(id = crash_id(), place, words, "a fault of this program");
    }));
}

/// What is said of a fault of this program. Its id is in the log.
pub fn crash() -> Failure {
    Error::Internal { id: crash_id(), why: "a fault of this program".into() }.into()
}

/// One run of a program crashes once: the id names the run.
fn crash_id() -> String {
    let second = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or(0);
    format!("{:x}-{:x}", std::process::id(), second / 60)
}

/// Opened at the first line, so that a run without errors leaves no file.
#[derive(Default)]
struct LogFile(Option<File>);

impl LogFile {
    fn path() -> Option<PathBuf> {
        Some(dirs::state_dir().or_else(dirs::data_local_dir)?.join("thechatapp").join("cli.log"))
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.is_none() {
            let path = Self::path().ok_or(io::ErrorKind::NotFound)?;
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            self.0 = Some(OpenOptions::new().create(true).append(true).open(path)?);
        }
        self.0.as_mut().map_or(Err(io::ErrorKind::NotFound.into()), |file| file.write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.as_mut().map_or(Ok(()), File::flush)
    }
}
