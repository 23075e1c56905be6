//! The command line as a person or a script uses it.

use crate::{bin, server::line_file};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// One person's profile, used through `thechatapp-cli`.
pub struct Cli {
    pub folder: TempDir,
    pub password: PathBuf,
    /// With one, a passphrase profile; without, the secure storage of the environment.
    pub passphrase: Option<PathBuf>,
    pub env: Vec<(String, String)>,
}

/// What a command did.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(self.stdout.trim()).unwrap_or_else(|why| panic!("{why}: {}{}", self.stdout, self.stderr))
    }

    pub fn error(&self) -> Value {
        serde_json::from_str(self.stderr.trim().lines().last().unwrap_or(""))
            .unwrap_or_else(|why| panic!("{why}: {}", self.stderr))
    }

    /// One object a line, or one array of objects.
    pub fn rows(&self) -> Vec<Value> {
        if let Ok(Value::Array(rows)) = serde_json::from_str(self.stdout.trim()) {
            return rows;
        }
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn texts(&self) -> Vec<String> {
        self.rows().iter().map(|row| row["text"].as_str().unwrap().to_owned()).collect()
    }
}

impl Cli {
    /// A passphrase profile, as on a host without secure storage.
    pub fn with_passphrase() -> Self {
        let mut cli = Self::with_secure_storage(Vec::new());
        cli.passphrase = Some(line_file(cli.folder.path(), "passphrase", "profile passphrase"));
        cli
    }

    /// A profile whose key is in the secure storage that these variables lead to.
    pub fn with_secure_storage(env: Vec<(String, String)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let password = line_file(folder.path(), "password", "correct horse battery");
        Self { folder, password, passphrase: None, env }
    }

    pub fn profile(&self) -> PathBuf {
        self.folder.path().join("profile")
    }

    /// Under which name its key is in the secure storage.
    pub fn key_entry(&self) -> String {
        let file: Value = serde_json::from_slice(&std::fs::read(self.profile().join("profile.json")).unwrap()).unwrap();
        format!("device-key-{}", file["key_id"].as_str().unwrap())
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(bin("thechatapp-cli"));
        command.arg("--json").arg("--profile").arg(self.profile());
        if let Some(passphrase) = &self.passphrase {
            command.arg("--passphrase-file").arg(passphrase);
        }
        // Nothing goes by the proxy of whoever runs the tests, unless a test names it.
        for name in ["HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.args(args).stdin(Stdio::null()).envs(self.env.iter().cloned());
        command
    }

    pub fn run(&self, args: &[&str]) -> Outcome {
        let output = self.command(args).output().unwrap();
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// What the desktop program is told, to open this profile.
    pub fn window(&self) -> Vec<String> {
        let mut arguments = vec!["--profile".to_owned(), self.profile().display().to_string()];
        if let Some(passphrase) = &self.passphrase {
            arguments.extend(["--passphrase-file".to_owned(), passphrase.display().to_string()]);
        }
        arguments
    }

    /// The same account on another device.
    pub fn login(&self, url: &str, pin: &str, name: &str) -> Outcome {
        let password = self.password.to_str().unwrap();
        self.run(&["login", url, "--name", name, "--password-file", password, "--trust-pin", pin])
    }

    pub fn join(&self, invite: &str, name: &str) -> Outcome {
        self.run(&["join", invite, "--name", name, "--password-file", self.password.to_str().unwrap()])
    }
}
