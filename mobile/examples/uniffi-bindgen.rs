//! Writes the bindings for an app, from a built library with its symbols:
//! `cargo run -p thechatapp-mobile --example uniffi-bindgen -- kotlin target/debug/libthechatapp_mobile.so OUT-DIR`.

use std::process::ExitCode;
use uniffi::{GenerateOptions, TargetLanguage};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [language, library, out] = words.as_slice() else {
        eprintln!("usage: uniffi-bindgen kotlin|swift|python LIBRARY OUT-DIR");
        return ExitCode::from(2);
    };
    let language = match language.as_str() {
        "kotlin" => TargetLanguage::Kotlin,
        "swift" => TargetLanguage::Swift,
        "python" => TargetLanguage::Python,
        other => {
            eprintln!("there are no bindings for {other}");
            return ExitCode::from(2);
        }
    };
    let options = GenerateOptions {
        languages: vec![language],
        source: library.into(),
        out_dir: out.into(),
        config_override: None,
        format: false,
        crate_filter: None,
        metadata_no_deps: true,
    };
    match uniffi::generate(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
