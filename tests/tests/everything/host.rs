//! What an administrator does.

use super::Run;
use thechatapp_tests::{files_below, server};

impl Run {
    /// What an administrator does.
    pub fn of_the_host(&mut self) {
        let lines = format!("[10:00] <{}> {}\n", self.word("imported nick"), self.word("imported text")).repeat(50);
        let channel = self.word("imported channel");
        self.server.import_irc(&channel, "2026-01-02.log", &lines);
        std::fs::remove_file(self.server.folder.path().join("2026-01-02.log")).unwrap();
        let recovery = self.word("recovery passphrase");
        let recovery = self.input("recovery", recovery.as_bytes()).display().to_string();
        let to = self.written.path().join("backup").display().to_string();
        self.server.run(&["backup", "create", "--to", &to, "--recovery-passphrase-file", &recovery]);
        for what in ["channels", "workspace", "database", "session", "identity"] {
            self.server.run(&["key", "rotate", "--workspace", "acme", "--what", what]);
        }
        let passphrase = self.word("another passphrase");
        let passphrase = self.input("passphrase", passphrase.as_bytes()).display().to_string();
        self.server.run(&["key", "rotate", "--what", "kms"]);
        let local = format!("local:{}", self.written.path().join("moved.json").display());
        self.server.run(&["key", "move", "--to", &local, "--to-passphrase-file", &passphrase]);
        self.server.run(&["workspace", "create", "--workspace", "lab"]);
        self.server.run(&["workspace", "wipe", "--workspace", "lab", "--yes"]);
        self.server.run(&["key", "status", "--workspace", "acme"]);
        self.server.run(&["account", "unlock", "--workspace", "acme", "--name", "Alizvexku Qolumiprat"]);
        let reset = ["account", "reset", "--workspace", "acme", "--name", "Alizvexku Qolumiprat"];
        let reset = server::json(&self.server.run(&reset));
        self.markers.text("a reset of the host", reset["code"].as_str().unwrap());
        for (of, name) in [("--channel", self.word("public channel")), ("--person", "Evevexku Qolumisnel".to_owned())] {
            self.server.run(&["workspace", "wipe", "--workspace", "acme", of, &name, "--yes"]);
        }
        self.server.run(&["workspace", "list"]);
        self.server.run(&["doctor"]);
        self.server.run(&["backup", "create", "--to", &to, "--recovery-passphrase-file", &recovery]);
        let backup = ["--from", &to, "--recovery-passphrase-file", &recovery];
        let scratch = self.written.path().join("temporary").display().to_string();
        let verified = self.server.bare(&[&["backup", "verify", "--scratch", &scratch], &backup[..]].concat());
        assert!(verified.status.success(), "{verified:?}");
        let again = self.word("restored passphrase");
        let again = self.input("again", again.as_bytes()).display().to_string();
        let back = self.written.path().join("restored");
        let to = ["--data", &back.display().to_string(), "--passphrase-file", &again];
        let restored = self.server.bare(&[&["backup", "restore"], &backup[..], &to].concat());
        assert!(restored.status.success(), "{restored:?}");
        assert!(files_below(&back.join("acme/files")).len() >= 3, "with their thumbnails");
        // From the next start on.
        self.server.env.push(("THECHATAPP_KEY_KMS".into(), local));
        std::fs::copy(passphrase, self.server.passphrase_file()).unwrap();
    }
}
