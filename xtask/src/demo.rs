//! `cargo xtask demo`: the real programs, on this machine only. What they play is in `tests/src/bin/demo.rs`; here the
//! machine is set up and everything is built for it.

use crate::places::Places;
use crate::step::{Failure, Result, Steps};
use crate::{setup, test};
use std::path::PathBuf;

pub struct Options {
    pub headless: bool,
    /// Where the screenshots go, relative to the checkout.
    pub out: PathBuf,
    pub install: bool,
}

pub fn run(places: &Places, options: &Options) -> Result {
    if !options.headless {
        needs_display()?;
    } else if !cfg!(target_os = "linux") {
        return Err(Failure::new("--headless needs Xvfb and WebKitGTK's web driver, so Linux"));
    }
    let mut steps = Steps::default();
    steps.step("set-up", || setup::everything(places, options.install))?;
    test::ui_build(places, &mut steps)?;
    steps.command("build", places.cargo(&["build", "--locked"]).args(test::BINARIES))?;

    let mut demo =
        places.cargo(&["run", "--quiet", "--locked", "--package", "thechatapp-tests", "--bin", "demo", "--"]);
    if options.headless {
        demo.args(["--headless", "--out"]).arg(places.root.join(&options.out));
    }
    steps.command("two people", &mut demo)?;
    steps.print();
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
