//! `cargo xtask fuzz`: every decoder fed with what libFuzzer makes up, on the stable compiler. The coverage that guides it is an
//! LLVM pass; the sanitizers, which need a nightly compiler, would look for what safe Rust excludes.

use crate::places::Places;
use crate::step::{Failure, Outcome, Result, Steps, seconds};
use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

/// What cargo-fuzz gives the compiler too: counters at every edge.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

const MANIFEST: &str = "tests/fuzz/Cargo.toml";

/// Builds the targets and runs each of them (or one) for a time.
pub fn fuzz(places: &Places, time: u32, only: Option<&str>) -> Result {
    let mut steps = Steps::default();
    let folder = places.target.join("fuzz");
    let host = host(places)?;
    // A named target keeps the flags away from build scripts, which have no fuzzer to link with.
    let mut build = places.cargo(&["build", "--release", "--manifest-path", MANIFEST, "--target", &host]);
    build.env("CARGO_TARGET_DIR", &folder).env("RUSTFLAGS", COVERAGE);
    steps.command("build", &mut build)?;
    let binaries = folder.join(&host).join("release");
    let names = targets(places, only)?;
    steps.step("fuzz", || side_by_side(&names, &folder, &binaries, time))?;
    steps.print();
    Ok(())
}

fn host(places: &Places) -> Result<String> {
    let said = crate::step::output(places.command("rustc").arg("-vV"))?;
    let line = said.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).ok_or_else(|| Failure::new("rustc does not say what it runs on"))
}

fn targets(places: &Places, only: Option<&str>) -> Result<VecDeque<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(places.root.join("tests/fuzz/fuzz_targets"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            && only.is_none_or(|only| only == name)
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(Failure::new("there is no such fuzz target in tests/fuzz/fuzz_targets"));
    }
    Ok(names.into())
}

/// As many at a time as there are processors.
fn side_by_side(names: &VecDeque<String>, folder: &Path, binaries: &Path, time: u32) -> Result<Outcome> {
    let waiting = Mutex::new(names.clone());
    let failures = Mutex::new(Vec::new());
    let next = || waiting.lock().map(|mut names| names.pop_front()).unwrap_or_default();
    let work = || {
        while let Some(name) = next() {
            if let Err(failure) = one(&name, folder, binaries, time)
                && let Ok(mut failures) = failures.lock()
            {
                failures.push(failure.to_string());
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap_or_default();
    if failures.is_empty() { Ok(Outcome::Done) } else { Err(Failure::new(failures.join("; "))) }
}

/// One target: what it found interesting is kept and used again, what broke it is kept and named.
fn one(name: &str, folder: &Path, binaries: &Path, time: u32) -> Result {
    let corpus = folder.join("corpus").join(name);
    let artifacts = folder.join("artifacts").join(name);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    let log = artifacts.join("log");
    let out = fs::File::create(&log)?;
    let start = Instant::now();
    let status = Command::new(binaries.join(name))
        .arg(&corpus)
        .arg(format!("-max_total_time={time}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=0"])
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .status()?;
    report(name, status, &log, start)
}

fn report(name: &str, status: ExitStatus, log: &Path, start: Instant) -> Result {
    let said = fs::read_to_string(log).unwrap_or_default();
    let executed = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")).unwrap_or("?");
    if status.success() {
        println!("{name}: clean after {}, {} inputs", seconds(start.elapsed()), executed.trim());
        return Ok(());
    }
    let tail: Vec<&str> = said.lines().rev().take(30).collect();
    for line in tail.iter().rev() {
        println!("{name}: {line}");
    }
    Err(Failure::new(format!("{name} broke: see {}", log.display())))
}
