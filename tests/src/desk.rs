//! A person with the desktop program.

use crate::keyring::Keyring;
use crate::window::{Display, Window};
use crate::{Cli, files_below, files_with};
use std::path::PathBuf;

/// A person at a desktop of their own: folders, secure storage, display.
pub struct Desk {
    pub display: Display,
    pub keyring: Keyring,
    pub cli: Cli,
    pub folder: tempfile::TempDir,
}

impl Desk {
    pub fn set_up() -> Self {
        let keyring = Keyring::unlocked();
        let folder = tempfile::tempdir().unwrap();
        let mut env = keyring.env();
        env.push(("TMPDIR".into(), folder.path().display().to_string()));
        env.push(("THECHATAPP_SECRET_TIMEOUT".into(), "4".into()));
        Self { display: Display::start(), keyring, cli: Cli::with_secure_storage(env), folder }
    }

    pub async fn open(&self) -> Window {
        Window::open(&self.display, &self.cli.window(), &self.cli.env).await
    }

    pub async fn open_dark(&self) -> Window {
        let mut env = self.cli.env.clone();
        env.push(("GTK_THEME".into(), "Adwaita:dark".into()));
        Window::open(&self.display, &self.cli.window(), &env).await
    }

    pub fn profile_file(&self) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.cli.profile().join("profile.json")).unwrap()).unwrap()
    }

    /// The name of the entry in secure storage.
    pub fn entry(&self) -> String {
        self.cli.key_entry()
    }

    /// Waits until a program has the profile. Trying to open it would take it from that one.
    pub async fn until_held(&self, pid: u32) {
        use std::os::unix::fs::MetadataExt;
        let lock = self.cli.profile().join("profile.lock").metadata().unwrap().ino();
        let holds = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.contains(&"FLOCK")
                && words.iter().any(|word| word.ends_with(&format!(":{lock}")))
                && words.contains(&pid.to_string().as_str())
        };
        while !std::fs::read_to_string("/proc/locks").unwrap().lines().any(holds) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Overwrites a page in the middle of every database of this name.
    pub fn damage(&self, name: &str) -> usize {
        let databases: Vec<_> =
            files_below(&self.cli.profile()).into_iter().filter(|path| path.ends_with(name)).collect();
        for path in &databases {
            let mut bytes = std::fs::read(path).unwrap();
            // The second page only tells where others are; the third has rows.
            for byte in &mut bytes[8192..12288] {
                *byte ^= 0x55;
            }
            std::fs::write(path, bytes).unwrap();
        }
        databases.len()
    }

    /// Every file that this person's programs, web view included, could have left words in.
    pub fn plain(&self, words: &str) -> Vec<PathBuf> {
        let folders = [self.cli.folder.path(), self.folder.path(), self.keyring.folder()];
        folders.iter().flat_map(|folder| files_with(folder, &[words])).collect()
    }
}

/// The first run, as a person does it: the invite, the fingerprint, the account.
pub async fn first_run(window: &Window, invite: &str, name: &str) {
    window.keep_picture("first-run");
    window.fill("[data-testid=invite]", invite).await;
    window.click("[data-testid=invite-continue]").await;
    window.element("[data-testid=fingerprint]").await;
    window.keep_picture("fingerprint");
    window.click("[data-testid=contact-continue]").await;
    window.fill("[data-testid=name]", name).await;
    window.fill("[data-testid=password]", "correct horse battery").await;
    window.keep_picture("sign-in");
    window.click("[data-testid=sign-in]").await;
    window.element("[data-testid=composer]").await;
}
