//! What people do with the programs: alice's device, with its own cache and outbox, and what bob types.

use super::{PATIENCE, Run};
use std::io::Write;
use std::time::Duration;
use thechatapp_core::AuditFilter;
use thechatapp_core::audit::export::Format;
use thechatapp_core::route::{Login, Setting};
use thechatapp_core::view::Window;
use thechatapp_protocol::ChannelId;
use thechatapp_tests::{files_below, server};

impl Run {
    /// What alice's device does, with its own cache and outbox.
    pub async fn of_alice(&mut self) -> ChannelId {
        let (alice, workspace) = self.alice.take().unwrap();
        let ws = workspace;
        let general = alice.resolve_channel(ws, "general").await.unwrap().id;
        let hidden = alice.create_channel(ws, &self.word("private channel"), true).await.unwrap().id;
        alice.create_channel(ws, &self.word("public channel"), false).await.unwrap();
        alice.set_topic(ws, general, &self.word("topic")).await.unwrap();
        let text = self.word("message");
        for channel in [general, hidden] {
            for number in 0..20 {
                let sent = alice.send(ws, channel, &format!("{text} {number}"), None).await.unwrap();
                alice.wait_sent(ws, sent.id, PATIENCE).await.unwrap();
            }
        }
        for (name, value) in [
            ("server.edit_minutes", "100"),
            ("authentication.password_length", "9"),
            ("privacy.deleted_content", "remove"),
            ("web_chat.enabled", "on"),
            ("analytics.enabled", "on"),
            ("updates.channel", "beta"),
            ("storage.largest_file", "100000000"),
        ] {
            alice.change_setting(ws, name, Some(value)).await.unwrap();
        }
        alice.revert_setting(ws, "updates.channel", None).await.unwrap();
        alice.usage(ws, 7).await.unwrap();
        let login = Login { user: self.word("proxy user"), password: self.word("proxy password").into() };
        alice.set_network(Setting::parse("system", false, Some(login)).unwrap()).await.unwrap();
        let former = alice.send(ws, general, &self.word("former text"), None).await.unwrap().id;
        alice.wait_sent(ws, former, PATIENCE).await.unwrap();
        alice.edit(ws, general, former, &self.word("later text")).await.unwrap();
        assert_eq!(alice.history(ws, general, former).await.unwrap().len(), 2);
        let spare = alice.create_channel(ws, &self.word("spare channel"), false).await.unwrap().id;
        alice.rename_channel(ws, spare, &self.word("renamed channel")).await.unwrap();
        let theirs = alice.send(ws, spare, &self.word("removed text"), None).await.unwrap().id;
        alice.wait_sent(ws, theirs, PATIENCE).await.unwrap();
        alice.remove_message(ws, spare, theirs).await.unwrap();
        alice.archive_channel(ws, spare, true).await.unwrap();
        alice.archive_channel(ws, spare, false).await.unwrap();
        assert!(!alice.directory(ws, "", true).await.unwrap().is_empty());
        alice.report_message(ws, general, former, &self.word("report")).await.unwrap();
        let me = alice.people(ws).await.unwrap().first().unwrap().id;
        alice.block(ws, me, false).await.unwrap();
        alice.blocked(ws).await.unwrap();
        let gone = alice.send(ws, general, &self.word("deleted text"), None).await.unwrap().id;
        alice.wait_sent(ws, gone, PATIENCE).await.unwrap();
        alice.delete(ws, general, gone).await.unwrap();
        let answer = alice.send(ws, general, &self.word("answer"), Some(former)).await.unwrap().id;
        alice.wait_sent(ws, answer, PATIENCE).await.unwrap();
        alice.save_message(ws, general, former, Some(&self.word("note"))).await.unwrap();
        alice.pin(ws, general, former, true).await.unwrap();
        let options = vec![self.word("option"), "another".to_owned()];
        let poll = alice.create_poll(ws, general, &self.word("question"), options, false).await.unwrap();
        alice.vote(ws, general, poll.id, vec![0]).await.unwrap();
        let query = thechatapp_core::view::SearchQuery { words: self.word("searched word"), ..Default::default() };
        alice.search(ws, &query).await.unwrap();
        alice.search_remote(ws, &query).await.unwrap();
        let content = format!("{}\n", self.word("file content")).repeat(20_000);
        let name = format!("{}.txt", self.word("file name"));
        let path = self.input(&name, content.as_bytes());
        let sent = alice.upload(ws, general, &path, &self.word("text beside a file"), &mut |_, _| {}).await.unwrap();
        let sent = alice.wait_sent(ws, sent.id, PATIENCE).await.unwrap();
        let to = self.inputs.path().join("fetched");
        alice.download(ws, sent.files[0].id.parse().unwrap(), None, &to, &mut |_, _| {}).await.unwrap();
        assert_eq!(std::fs::read(to).unwrap(), content.as_bytes());
        let entries = alice.audit_entries(ws, &AuditFilter::default(), 100).await.unwrap();
        assert_eq!(alice.prove_audit_entry(ws, entries[0].seq).await.unwrap(), entries[0]);
        alice.audit_checkpoint(ws).await.unwrap();
        let mut exported = Vec::new();
        alice.export_audit(ws, &AuditFilter::default(), Format::Jsonl, &mut exported).await.unwrap();
        // The log tells what was done, and nothing of what was written.
        self.lines.write_all(&exported).unwrap();
        alice.timeline(ws, general, Window::Latest, 50).await.unwrap();
        alice.save_draft(ws, general, None, &self.word("draft")).await.unwrap();
        self.alice = Some((alice, ws));
        general
    }

    /// What bob types.
    pub fn of_bob(&mut self) {
        let (invite, name) = (self.server.invite(), self.markers.text("bob's name", "Bobvexku Qolumitrud"));
        self.markers.text("bob's invite", invite.rsplit_once('.').unwrap().1);
        let password = self.bob.password.display().to_string();
        self.bob(&["join", &invite, "--name", &name, "--password-file", &password]);
        let (said, waits) = (self.word("bob's text"), self.word("waiting text"));
        self.bob(&["send", "general", &said]);
        self.bob(&["send", "general", &waits, "--queue"]);
        self.bob(&["read", "general", "-n", "100"]);
        let searched = self.word("bob's search");
        self.bob(&["search", &searched, "--remote"]);
        // An upload that is broken off, and one that is refused.
        let content = format!("{}\n", self.word("unfinished content")).repeat(1_000_000);
        let name = format!("{}.txt", self.word("unfinished name"));
        let path = self.input(&name, content.as_bytes()).display().to_string();
        let log = std::fs::File::create(self.written.path().join("unfinished.log")).unwrap();
        let mut command = self.bob.command(&["upload", "general", &path]);
        let mut child = command.stdout(std::process::Stdio::null()).stderr(log).spawn().unwrap();
        while !files_below(&self.server.data().join("acme/files")).iter().any(|path| {
            path.extension().is_some_and(|end| end == "part") && path.metadata().is_ok_and(|part| part.len() > 1 << 20)
        }) {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it could be broken off");
            std::thread::sleep(Duration::from_millis(1));
        }
        server::signal(child.id(), "KILL");
        child.wait().unwrap();
        let name = format!("{}\u{202e}fdp.exe", self.word("refused name"));
        let path = self.input(&name, b"x").display().to_string();
        let refused = self.bob.run(&["upload", "general", &path]);
        assert_eq!(refused.code, 3, "{refused:?}");
        let log = refused.stderr.lines().filter(|line| !line.starts_with('{')).collect::<Vec<_>>().join("\n");
        self.lines.write_all(log.as_bytes()).unwrap();
    }

    /// What alice says of bob, and looks after herself.
    pub async fn of_reports(&mut self) {
        let (alice, ws) = self.alice.take().unwrap();
        let bob = alice.resolve_person(ws, "Bobvexku Qolumitrud").await.unwrap();
        let report = alice.report_person(ws, bob, &self.word("report of a person")).await.unwrap();
        let dismissed = thechatapp_core::moderation::Outcome::Dismissed;
        alice.close_report(ws, report, dismissed, &self.word("note of a report")).await.unwrap();
        assert_eq!(alice.reports(ws, true).await.unwrap().len(), 1, "not the one about what she wrote");
        self.alice = Some((alice, ws));
    }
}
