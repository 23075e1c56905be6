//! moto's server (`cargo xtask setup` installs it): what AWS answers, without AWS.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub struct Moto {
    child: Child,
    pub url: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let folders = std::env::split_paths(&path).chain(cache.map(|cache| cache.join("thechatapp/tools/bin")));
    let found = folders.map(|folder| folder.join("moto_server")).find(|path| path.is_file());
    found.expect("moto's server is not installed: run `cargo xtask setup`")
}

impl Moto {
    pub fn start() -> Self {
        let mut command = Command::new(program());
        command.args(["-H", "127.0.0.1", "-p", "0"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let running = lines.by_ref().map(|line| line.unwrap()).find(|line| line.contains("Running on http://"));
        let running = running.expect("moto's server starts");
        let url = running.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        // It logs each request, and must not wait for somebody to read that.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }
}
