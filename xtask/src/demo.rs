//! `cargo xtask demo`: the real programs, on this machine only: a server with a conversation in it, and two people's
//! windows. With a display they are yours to type into; without one they talk to each other under Xvfb, driven over
//! WebDriver. Everything is in a new temporary folder, which is deleted at the end.

mod headless;
mod stage;

use crate::places::Places;
use crate::process::Running;
use crate::step::{Failure, Outcome, Result, Steps};
use crate::{setup, test};
use stage::Stage;
use std::path::PathBuf;
use std::process::Command;

pub struct Options {
    pub headless: bool,
    /// Where the screenshots go, relative to the checkout.
    pub out: PathBuf,
    pub install: bool,
}

pub fn run(places: &Places, options: &Options) -> Result {
    if !options.headless {
        needs_display()?;
    }
    let mut steps = Steps::default();
    steps.step("set-up", || setup::everything(places, options.install))?;
    test::ui_build(places, &mut steps)?;
    steps.command("build", places.cargo(&["build", "--locked"]).args(test::BINARIES))?;

    let mut stage = Stage::new(places)?;
    steps.step("server and two people", || stage.set().map(|()| Outcome::Done))?;
    if options.headless {
        let out = places.root.join(&options.out);
        steps.step("two windows talk", || headless::talk(places, &stage, &out).map(|()| Outcome::Done))?;
        steps.print();
        return Ok(());
    }
    steps.print();
    windows(places, &stage)
}

/// Two windows on the person's own screen, until both are closed.
fn windows(places: &Places, stage: &Stage) -> Result {
    let mut windows = Vec::new();
    for person in &stage.people {
        let mut command = Command::new(places.binary("thechatapp-desktop"));
        windows.push(Running::start("the window", command.args(person.window_arguments()))?);
    }
    let names: Vec<&str> = stage.people.iter().map(|person| person.name).collect();
    println!("\n{} are signed in. Close both windows to end the demo.", names.join(" and "));
    println!("Its data, in {}, is deleted then.", stage.folder().display());
    for window in &mut windows {
        window.wait()?;
    }
    Ok(())
}

/// A display is needed on Linux only; elsewhere whoever runs this has one.
fn needs_display() -> Result {
    let named = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux") && !named("DISPLAY") && !named("WAYLAND_DISPLAY") {
        return Err(Failure::new("there is no display here: `cargo xtask demo --headless` does without"));
    }
    Ok(())
}
