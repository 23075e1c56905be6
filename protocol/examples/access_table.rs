//! Writes the access table: `access_table PATH`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1).map(std::path::PathBuf::from) else {
        eprintln!("usage: access_table PATH");
        return ExitCode::from(2);
    };
    let folder = path.parent().unwrap_or(&path).to_owned();
    match std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, thechatapp_protocol::access_table::page()))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{}: {why}", path.display());
            ExitCode::FAILURE
        }
    }
}
