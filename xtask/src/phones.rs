//! `phones`: the client's Rust checked for Android and iOS on a Debian machine, without the makers' kits: types, not linking.

use crate::elsewhere::Elsewhere;
use crate::places::Places;
use crate::step::{Outcome, Result, Steps, run};

const TARGETS: &[&str] = &["aarch64-linux-android", "x86_64-linux-android", "aarch64-apple-ios"];
/// Headers of the library that a phone's package brings along.
const PACKAGES: &[&str] = &["libssl-dev"];

/// Checking Rust takes that C was compiled, and nothing of what came of it: an empty object stands for each.
const STAND_IN: &str = r#"#!/bin/sh
for last; do :; done
case " $* " in *" -E "*) exec gcc -E "$last" ;; *" --version "*) exec gcc --version ;; esac
while [ $# -gt 0 ]; do
  case $1 in -o) out=$2; shift ;; -o*) out=${1#-o} ;; esac
  shift
done
echo | exec gcc -x c -c -o "${out:?nothing to make}" -
"#;

pub fn check(places: &Places) -> Result {
    let mut steps = Steps::default();
    let system = Elsewhere::enter(places, &mut steps, PACKAGES)?;
    steps.step("a compiler's stand-in", || {
        std::fs::write(system.path("usr/local/bin/stand-in"), STAND_IN)?;
        run(system.command("/usr/local/bin", "chmod").args(["755", "stand-in"]))?;
        Ok(Outcome::Done)
    })?;
    for target in TARGETS {
        let mut check = system.cargo("check", target);
        check.args(["-p", "thechatapp-mobile"]).envs([
            ("TARGET_CC", "/usr/local/bin/stand-in"),
            ("TARGET_CXX", "/usr/local/bin/stand-in"),
            ("TARGET_AR", "ar"),
            ("OPENSSL_NO_VENDOR", "1"),
            ("OPENSSL_INCLUDE_DIR", "/usr/include"),
            ("OPENSSL_LIB_DIR", "/usr/lib/x86_64-linux-gnu"),
            // Asked for where it lies, and looked at by nobody.
            ("SDKROOT", "/usr"),
        ]);
        steps.command(&format!("check for {target}"), &mut check)?;
    }
    drop(system);
    steps.print();
    Ok(())
}
