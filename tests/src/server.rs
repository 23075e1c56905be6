//! A real server as a process.

use crate::bin;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// One host with one workspace, `acme`, and its data in a folder of its own.
pub struct Server {
    pub folder: TempDir,
    /// What `init` printed.
    pub init: Value,
    /// The address it listens on, in brackets where it is of the sixth version.
    pub host: &'static str,
    pub port: u16,
    pub config: Option<PathBuf>,
    /// What its programs find in their environment.
    pub env: Vec<(String, String)>,
    child: Option<Child>,
}

impl Server {
    /// Makes a host without starting it.
    pub fn init() -> Self {
        Self::init_with(Vec::new())
    }

    /// The same, with something in its environment.
    pub fn init_with(env: Vec<(String, String)>) -> Self {
        Self::init_at("127.0.0.1", env)
    }

    /// The same on another address of loopback.
    pub fn init_at(host: &'static str, env: Vec<(String, String)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        std::fs::write(folder.path().join("passphrase"), "server passphrase for tests\n").unwrap();
        let mut server = Self { folder, init: Value::Null, host, port, config: None, env, child: None };
        let output =
            server.run(&["init", "--workspace", "acme", "--admin", "Marta Silva", "--public-url", &server.url()]);
        server.init = json(&output);
        server
    }

    /// Makes a host and starts it.
    pub fn start() -> Self {
        let mut server = Self::init();
        server.serve();
        server
    }

    pub fn url(&self) -> String {
        format!("https://{}:{}", self.host, self.port)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn passphrase_file(&self) -> PathBuf {
        self.folder.path().join("passphrase")
    }

    pub fn pin(&self) -> &str {
        self.init["pin"].as_str().unwrap()
    }

    /// The owner's invite.
    pub fn owner_invite(&self) -> &str {
        self.init["invite"].as_str().unwrap()
    }

    /// A command of the server's program on this host, which must succeed.
    pub fn run(&self, args: &[&str]) -> Output {
        let output = self.try_run(args);
        assert!(
            output.status.success(),
            "{args:?} ended with {:?}: {}",
            output.status.code(),
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    pub fn try_run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// A command that needs no host.
    pub fn bare(&self, args: &[&str]) -> Output {
        let mut command = Command::new(bin("thechatapp-server"));
        command.args(args).arg("--json").stdin(Stdio::null()).env("RUST_BACKTRACE", "1").output().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(bin("thechatapp-server"));
        // The subcommand (one or two words) comes first, then the host's own options.
        command.args(args).arg("--data").arg(self.data()).arg("--passphrase-file").arg(self.passphrase_file());
        command.arg("--json").stdin(Stdio::null()).env("RUST_BACKTRACE", "1").envs(self.env.clone());
        command
    }

    /// Starts it on its port and waits until it accepts connections.
    pub fn serve(&mut self) {
        assert!(self.child.is_none(), "the server already runs");
        let ready = self.folder.path().join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join("server.log")).unwrap();
        let listen = format!("{}:{}", self.host, self.port);
        let mut command = Command::new(bin("thechatapp-server"));
        command.args(["serve", "--listen", &listen]).arg("--data").arg(self.data());
        command.arg("--passphrase-file").arg(self.passphrase_file()).arg("--ready-file").arg(&ready);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command.envs(self.env.clone()).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut child = command.spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !ready.exists() {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the server ended with {status}: {}", self.log());
            }
            assert!(Instant::now() < deadline, "the server is not ready: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child = Some(child);
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub fn running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// SIGKILL: no farewell, nothing flushed.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGTERM, and the exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        signal(child.id(), "TERM");
        child.wait().unwrap().code()
    }

    /// Waits for its end, which somebody else has asked for, and gives the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.take()?.wait().unwrap().code()
    }

    /// A new invite, made while the server runs or not.
    pub fn invite(&self) -> String {
        json(&self.run(&["invite", "--workspace", "acme"]))["invite"].as_str().unwrap().to_owned()
    }

    /// A new invite for several people.
    pub fn invite_for(&self, people: usize) -> String {
        let uses = people.to_string();
        json(&self.run(&["invite", "--workspace", "acme", "--uses", &uses]))["invite"].as_str().unwrap().to_owned()
    }

    /// A conversation of IRC lines, imported into a channel.
    pub fn import_irc(&self, channel: &str, name: &str, lines: &str) -> Value {
        let path = self.folder.path().join(name);
        std::fs::File::create(&path).unwrap().write_all(lines.as_bytes()).unwrap();
        json(&self.run(&[
            "import",
            "--workspace",
            "acme",
            "--format",
            "irc",
            "--channel",
            channel,
            path.to_str().unwrap(),
        ]))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a signal by name to one process.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap();
    assert!(status.success());
}

/// A port nobody listens on at this moment.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("not JSON ({why}): {}", String::from_utf8_lossy(&output.stdout)))
}

/// A file with one line, for password and passphrase options.
pub fn line_file(folder: &Path, name: &str, line: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("{line}\n")).unwrap();
    path
}
