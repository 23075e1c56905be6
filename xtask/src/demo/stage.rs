//! The demo's stage: a host in a new folder, a conversation from elsewhere imported into it, and two people who have
//! joined, each with a profile that a passphrase opens. The passphrases are the same everywhere and no secret: nothing
//! here outlives the demo.

use crate::places::Places;
use crate::process::{Running, wait_for};
use crate::step::{Failure, Result, output};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

const WORKSPACE: &str = "acme";
pub const CHANNEL: &str = "release";
const CONVERSATION: &str = "xtask/demo/conversation.irc";
/// The workspace's owner, and a colleague.
const NAMES: [(&str, &str); 2] = [("Marta Silva", "marta"), ("Inês Duarte", "ines")];

/// Someone with a profile on this machine.
pub struct Person {
    pub name: &'static str,
    /// For the names of files.
    pub id: &'static str,
    profile: PathBuf,
    passphrase: PathBuf,
}

impl Person {
    /// What the desktop program is told, to open this person's profile.
    pub fn window_arguments(&self) -> Vec<String> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        vec!["--profile".to_owned(), path(&self.profile), "--passphrase-file".to_owned(), path(&self.passphrase)]
    }
}

pub struct Stage<'a> {
    places: &'a Places,
    // Before the folder: the server stops first.
    server: Option<Running>,
    folder: Folder,
    pub people: Vec<Person>,
}

impl<'a> Stage<'a> {
    /// An empty stage in a new folder.
    pub fn new(places: &'a Places) -> Result<Self> {
        Ok(Self { places, server: None, folder: Folder::make()?, people: Vec::new() })
    }

    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// Sets it: host, history, server, people.
    pub fn set(&mut self) -> Result {
        fs::write(self.file("passphrase"), "a passphrase for the demo only\n")?;
        fs::write(self.file("password"), "a password for the demo only\n")?;
        // The address is part of the invites, so it is chosen before the server runs.
        let address = free_address()?;
        let public = format!("https://{address}");
        let init =
            self.server_says(&["init", "--workspace", WORKSPACE, "--admin", NAMES[0].0, "--public-url", &public])?;
        let conversation = self.conversation()?;
        let conversation = conversation.to_string_lossy();
        let import = ["import", "--workspace", WORKSPACE, "--format", "irc", "--channel", CHANNEL, &conversation];
        let imported = self.server_says(&import)?;
        println!("imported {} messages of {} people", imported["messages"], imported["people"]);
        self.serve(&address)?;
        println!("the server listens at {public}");

        self.join(0, &text(&init, "invite")?)?;
        let invite = self.server_says(&["invite", "--workspace", WORKSPACE])?;
        self.join(1, &text(&invite, "invite")?)
    }

    /// The conversation as a log of yesterday: such a log names the time of each line, and the file's own time the day.
    fn conversation(&self) -> Result<PathBuf> {
        let copy = self.file("conversation.irc");
        fs::copy(self.places.root.join(CONVERSATION), &copy)?;
        let yesterday = SystemTime::now() - Duration::from_secs(24 * 60 * 60);
        fs::File::options().write(true).open(&copy)?.set_modified(yesterday)?;
        Ok(copy)
    }

    fn serve(&mut self, address: &str) -> Result {
        let ready = self.file("ready.json");
        let log = fs::File::create(self.file("server.log"))?;
        let mut command = self.server_command(&["serve", "--listen", address]);
        command.arg("--ready-file").arg(&ready).stdout(log.try_clone()?).stderr(log);
        let mut server = Running::start("the server", &mut command)?;
        let log = self.file("server.log");
        wait_for("the server accepts connections", Duration::from_secs(60), || {
            server.expect_alive().map_err(|failure| {
                Failure::new(format!("{failure}: {}", fs::read_to_string(&log).unwrap_or_default().trim()))
            })?;
            Ok(ready.exists().then_some(()))
        })?;
        self.server = Some(server);
        Ok(())
    }

    /// Makes a person's profile and joins them to the workspace and its channel.
    fn join(&mut self, which: usize, invite: &str) -> Result {
        let Some((name, id)) = NAMES.get(which).copied() else { return Ok(()) };
        let person = Person { name, id, profile: self.file(id), passphrase: self.file("passphrase") };
        let password = self.file("password");
        let join = ["join", invite, "--name", name, "--password-file", &password.to_string_lossy()];
        output(&mut self.client_command(&person, &join))?;
        output(&mut self.client_command(&person, &["join-channel", CHANNEL]))?;
        println!("{name} has joined");
        self.people.push(person);
        Ok(())
    }

    fn client_command(&self, person: &Person, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.places.binary("thechatapp-cli"));
        command.arg("--profile").arg(&person.profile).arg("--passphrase-file").arg(&person.passphrase);
        command.arg("--json").args(arguments).stdin(Stdio::null());
        command
    }

    fn server_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.places.binary("thechatapp-server"));
        command
            .args(arguments)
            .arg("--data")
            .arg(self.file("host"))
            .arg("--passphrase-file")
            .arg(self.file("passphrase"));
        command.stdin(Stdio::null());
        command
    }

    fn server_says(&self, arguments: &[&str]) -> Result<Value> {
        let said = output(self.server_command(arguments).arg("--json"))?;
        serde_json::from_str(&said)
            .map_err(|error| Failure::new(format!("the server's answer to {}: {error}", arguments.join(" "))))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }
}

fn text(answer: &Value, key: &str) -> Result<String> {
    answer[key]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("the server's answer has no {key}: {answer}")))
}

/// An address on the loopback interface that is free now.
pub fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// A new folder that only its owner can enter, deleted when this goes out of scope.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("thechatapp-demo-{}", std::process::id()));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} could not be deleted: {error}", self.0.display());
        }
    }
}
