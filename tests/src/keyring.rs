//! A real Secret Service: gnome-keyring in a D-Bus session of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A private session bus, with or without a keyring on it.
pub struct Keyring {
    folder: TempDir,
    bus: Child,
    address: String,
    daemon: Option<Child>,
    prompter: Option<Child>,
}

impl Keyring {
    /// A session bus with nothing on it: no secure storage.
    pub fn bus_only() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("bus.conf");
        // No service folders: nothing is started by being asked for, so an absent keyring stays absent.
        std::fs::write(
            &config,
            format!(
                "<busconfig><type>session</type><listen>unix:dir={}</listen><policy context=\"default\">\
                 <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
                folder.path().display()
            ),
        )
        .unwrap();
        let mut bus = Command::new("dbus-daemon")
            .arg("--config-file")
            .arg(&config)
            .args(["--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { folder, bus, address: address.trim().to_owned(), daemon: None, prompter: None }
    }

    /// A bus with an unlocked keyring.
    pub fn unlocked() -> Self {
        let mut keyring = Self::bus_only();
        keyring.start_daemon(true);
        keyring
    }

    /// Starts the keyring, its login collection unlocked or as it lies on disk.
    pub fn start_daemon(&mut self, unlock: bool) {
        let mut command = Command::new("gnome-keyring-daemon");
        command.args(["--foreground", "--components=secrets"]);
        if unlock {
            command.arg("--unlock");
        }
        let mut child = command
            .envs(self.env())
            .env_remove("DISPLAY")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        if unlock {
            child.stdin.take().unwrap().write_all(b"keyring password\n").unwrap();
        }
        self.daemon = Some(child);
        self.until_owned("org.freedesktop.secrets");
    }

    fn until_owned(&self, name: &str) {
        for _ in 0..500 {
            let owned = Command::new("dbus-send")
                .args([
                    "--session",
                    "--print-reply",
                    "--dest=org.freedesktop.DBus",
                    "/",
                    "org.freedesktop.DBus.GetNameOwner",
                ])
                .arg(format!("string:{name}"))
                .envs(self.env())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            if owned.success() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("{name} did not come up");
    }

    /// Stops the keyring; its files stay.
    pub fn stop_daemon(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }

    /// Starts the program that asks a person for the keyring's password, on this display.
    pub fn start_prompter(&mut self, display: &str) {
        let mut command = Command::new("/usr/libexec/gcr-prompter");
        command.envs(self.env()).env("DISPLAY", display).env("GDK_BACKEND", "x11").env_remove("WAYLAND_DISPLAY");
        self.prompter = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        self.until_owned("org.gnome.keyring.SystemPrompter");
    }

    pub fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().id()
    }

    /// Replaces what the keyring has under this name of an entry of ours.
    pub fn store(&self, entry: &str, secret: &str) {
        let mut command = Command::new("secret-tool");
        command.args(["store", "--label=test", "service", "app.thechat", "username", entry]).envs(self.env());
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(secret.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// What the keyring has under this name of an entry of ours.
    pub fn read(&self, entry: &str) -> Vec<u8> {
        let mut command = Command::new("secret-tool");
        command.args(["lookup", "service", "app.thechat", "username", entry]).envs(self.env());
        let found = command.output().unwrap();
        assert!(found.status.success(), "there is such an entry");
        found.stdout
    }

    /// Whether the keyring has an entry of ours of this name.
    pub fn has(&self, entry: &str) -> bool {
        let mut command = Command::new("secret-tool");
        command.args(["lookup", "service", "app.thechat", "username", entry]).envs(self.env());
        command.output().unwrap().status.success()
    }

    /// Everything that belongs to this keyring and to the session around it.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Where the keyring keeps its files.
    pub fn files(&self) -> std::path::PathBuf {
        self.folder.path().join("data/keyrings")
    }

    /// The variables that lead a program to this keyring and to no other.
    pub fn env(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        for name in ["home", "data", "config", "cache", "run"] {
            let _ = std::fs::create_dir_all(self.folder.path().join(name));
        }
        vec![
            ("DBUS_SESSION_BUS_ADDRESS".into(), self.address.clone()),
            ("HOME".into(), path("home")),
            ("XDG_DATA_HOME".into(), path("data")),
            ("XDG_CONFIG_HOME".into(), path("config")),
            ("XDG_CACHE_HOME".into(), path("cache")),
            ("XDG_RUNTIME_DIR".into(), path("run")),
        ]
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        self.stop_daemon();
        if let Some(mut prompter) = self.prompter.take() {
            let _ = prompter.kill();
            let _ = prompter.wait();
        }
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}
