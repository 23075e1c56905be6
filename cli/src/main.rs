//! TheChatApp at a terminal: for people, scripts and hosts without a display.
//!
//! Each command is: parse, one call of the core, print. What can be typed is in `args.rs`, what is printed in `output.rs`
//! and `shape.rs`, how a profile is opened in `run.rs`, the commands in `commands/`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod args;
mod commands;
mod log;
mod output;
mod run;
mod secrets;
mod shape;

use args::Arguments;
use clap::Parser;
use output::{ErrorJson, Failure, Output};
use std::process::ExitCode;
use std::time::Duration;
use thechatapp_core::Error;

fn main() -> ExitCode {
    thechatapp_platform::guard::no_core_dumps();
    thechatapp_platform::guard::no_onlookers();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    let output = Output { json: arguments.global.json };
    log::start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let why = format!("no threads: {error}");
            return output.fail(Failure::Core(Error::Internal { id: "runtime".into(), why }));
        }
    };
    let work = || runtime.block_on(run::run(arguments, output));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| Err(log::crash()));
    // Threads end before the program does, but a read of standard input that nobody waits for must not hold it.
    runtime.shutdown_timeout(Duration::from_millis(200));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.fail(failure),
    }
}

/// Help and version go to standard output and end with 0; anything else was typed wrongly and ends with 2.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A reader that went away is no failure.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let json = std::env::args_os().skip(1).take_while(|word| word != "--").any(|word| word == "--json");
    Output { json }.error(&ErrorJson::clap(error));
    ExitCode::from(2)
}
