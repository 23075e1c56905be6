//! `cargo xtask gen`: files made from other files, and the check that they are what their source gives.

use crate::icons;
use crate::places::Places;
use crate::step::{Failure, Outcome, Result, Steps, run as run_command};
use std::fs;
use std::path::Path;

/// The UI's types, from the Rust types of the core.
const TYPES: &str = "ui/src/api/generated.ts";

/// What browsers call, from the methods' types.
const OPENAPI: &str = "docs/openapi.json";

/// Who may call what, from the methods.
const ACCESS: &str = "docs/access.md";

pub fn run(places: &Places, check_only: bool) -> Result {
    let mut steps = Steps::default();
    if check_only {
        return steps.step("generated files", || check(places));
    }
    steps.step("icons", || icons::make(&places.root.join("icons")).map(|()| Outcome::Done))?;
    steps.step("types of the UI", || types(places, &places.root.join(TYPES)).map(|()| Outcome::Done))?;
    steps.step("OpenAPI", || openapi(places, &places.root.join(OPENAPI)).map(|()| Outcome::Done))?;
    steps.step("access table", || access(places, &places.root.join(ACCESS)).map(|()| Outcome::Done))
}

/// Fails when a generated file is not what its source gives.
pub fn check(places: &Places) -> Result<Outcome> {
    let fresh = places.target.join("generated.ts");
    types(places, &fresh)?;
    let kept =
        fs::read_to_string(places.root.join(TYPES)).map_err(|error| Failure::new(format!("{TYPES}: {error}")))?;
    if kept != fs::read_to_string(&fresh)? {
        return Err(Failure::new(format!("{TYPES} is not what the Rust types give: run `cargo xtask gen`")));
    }
    let fresh = places.target.join("openapi.json");
    openapi(places, &fresh)?;
    let kept =
        fs::read_to_string(places.root.join(OPENAPI)).map_err(|error| Failure::new(format!("{OPENAPI}: {error}")))?;
    if kept != fs::read_to_string(&fresh)? {
        return Err(Failure::new(format!("{OPENAPI} is not what the methods give: run `cargo xtask gen`")));
    }
    let fresh = places.target.join("access.md");
    access(places, &fresh)?;
    let kept =
        fs::read_to_string(places.root.join(ACCESS)).map_err(|error| Failure::new(format!("{ACCESS}: {error}")))?;
    if kept != fs::read_to_string(&fresh)? {
        return Err(Failure::new(format!("{ACCESS} is not what the methods give: run `cargo xtask gen`")));
    }
    icons::check(&places.root.join("icons"))?;
    Ok(Outcome::Done)
}

fn types(places: &Places, to: &Path) -> Result {
    run_command(
        places.cargo(&["run", "--quiet", "--locked", "-p", "thechatapp-core", "--example", "gen_types", "--"]).arg(to),
    )
}

fn openapi(places: &Places, to: &Path) -> Result {
    let example = ["run", "--quiet", "--locked", "-p", "thechatapp-protocol", "--features", "schema"];
    run_command(places.cargo(&example).args(["--example", "gen_openapi", "--"]).arg(to))
}

fn access(places: &Places, to: &Path) -> Result {
    let example = ["run", "--quiet", "--locked", "-p", "thechatapp-protocol", "--example", "access_table", "--"];
    run_command(places.cargo(&example).arg(to))
}
