//! `cargo xtask`: everything one does to this repository that is more than one command. Each subcommand is a file here;
//! `step.rs` runs and times, `places.rs` says where things are.

mod arrows;
mod bench;
mod demo;
mod deploy;
mod elsewhere;
mod fuzz;
mod r#gen;
mod icons;
mod phones;
mod places;
mod room;
mod separate;
mod setup;
mod step;
mod test;
mod windows;

use clap::{Parser, Subcommand};
use places::Places;
use std::path::PathBuf;
use std::process::ExitCode;
use step::Result;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The tasks of this repository", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing, check everything, build everything, run every test.
    Test {
        /// Leave the machine as it is: only say what is missing.
        #[arg(long)]
        no_install: bool,
    },
    /// A server with a conversation in it, and two windows ready to talk.
    Demo {
        /// Without a display: the two exchange messages by themselves; ends with 0 only if both saw all of them.
        #[arg(long)]
        headless: bool,
        /// Where the screenshots of a headless run go.
        #[arg(long, value_name = "DIR", default_value = "target/demo")]
        out: PathBuf,
        /// Leave the machine as it is: only say what is missing.
        #[arg(long)]
        no_install: bool,
    },
    /// Install the programs and libraries that a build needs, where they are missing.
    Setup,
    /// Check which crate may depend on which.
    Arrows,
    /// Make the generated files anew: the UI's types, the icons.
    Gen {
        /// Change nothing; fail when a generated file is not what its source gives.
        #[arg(long)]
        check: bool,
    },
    /// Measure against the bare parts on this machine; with `--peers` first, the device's cache against another client's store.
    Bench {
        /// Handed on to the measuring program.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Feed every decoder with what a fuzzer makes up.
    Fuzz {
        /// How long, for each target.
        #[arg(default_value_t = 60)]
        seconds: u32,
        /// Only this target.
        #[arg(long, value_name = "NAME")]
        target: Option<String>,
    },
    /// The long form of the tests that kill, replace and starve things.
    Soak {
        /// Only tests whose name contains this.
        filter: Option<String>,
    },
    /// Build the client's crates for Windows and run their tests under Wine (Debian, root, twenty minutes the first time).
    Windows,
    /// Check the client's crates for Android and iOS, without linking (Debian, root, twenty minutes the first time).
    Phones,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result {
    let places = Places::find()?;
    match task {
        Task::Test { no_install } => test::run(&places, !no_install),
        Task::Demo { headless, out, no_install } => {
            demo::run(&places, &demo::Options { headless, out, install: !no_install })
        }
        Task::Setup => setup::everything(&places, true).and_then(|_| setup::peers(&places, true)),
        Task::Arrows => arrows::run(&places).map(|_| ()),
        Task::Gen { check } => r#gen::run(&places, check),
        Task::Bench { arguments } => bench::bench(&places, &arguments),
        Task::Fuzz { seconds, target } => fuzz::fuzz(&places, seconds, target.as_deref()),
        Task::Soak { filter } => bench::soak(&places, filter.as_deref()),
        Task::Windows => windows::run_tests(&places),
        Task::Phones => phones::check(&places),
    }
}
