//! One run of everything: each method of the protocol, each command of the server, texts and files that are edited, deleted,
//! searched for and broken off, with a word that stands out in every field. Afterwards none of these words is found in anything
//! that was written down: databases and their logs, files, temporary folders, backups, the devices' folders, and what the
//! programs say of themselves at their most talkative.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use thechatapp_core::AuditFilter;
use thechatapp_core::audit::export::Format;
use thechatapp_core::route::{Login, Setting};
use thechatapp_core::view::Window;
use thechatapp_core::{Client, Whom, WorkspaceId};
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::http::{PROOF_HEADER, TOKEN_HEADER, file_path};
use thechatapp_protocol::methods::account::*;
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::devices::*;
use thechatapp_protocol::methods::drafts::{PutDraft, PutDraftParams};
use thechatapp_protocol::methods::files::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::polls::*;
use thechatapp_protocol::methods::saved::*;
use thechatapp_protocol::{ChannelId, FileId, MessageId, Method, for_each_method};
use thechatapp_tests::markers::Markers;
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::tab::Tab;
use thechatapp_tests::{Cli, Server, files_below, person, person::Memory, server, wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[path = "everything/accounts.rs"]
mod accounts;

const PATIENCE: Duration = Duration::from_secs(30);

/// Where this process's own lines go: those of the devices that it is.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Run {
    server: Server,
    /// Everything that is not an input lies below it.
    written: tempfile::TempDir,
    /// What is put in, in plain.
    inputs: tempfile::TempDir,
    markers: Markers,
    alice: Option<(Client, WorkspaceId)>,
    bob: Cli,
    lines: Lines,
}

impl Run {
    async fn new(json: bool) -> Self {
        let (written, inputs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let lines = Lines::default();
        let own = lines.clone();
        // One of them in a process: the first.
        let _ = tracing_subscriber::fmt()
            .with_max_level(tracing::level_filters::LevelFilter::TRACE)
            .with_writer(move || own.clone())
            .try_init();
        let mut markers = Markers::default();
        let temporary = written.path().join("temporary");
        std::fs::create_dir(&temporary).unwrap();
        let mut server = Server::init_with(vec![("TMPDIR".into(), temporary.display().to_string())]);
        let config = server.folder.path().join("server.toml");
        std::fs::write(
            &config,
            format!(
                "[log]\nfilter = \"trace\"\njson = {json}\n[web]\nchat = true\n[server]\nmetrics = \"127.0.0.1:{}\"\n",
                server::free_port()
            ),
        )
        .unwrap();
        server.config = Some(config);
        server.serve();
        for (name, secret) in [("successor", "successor"), ("invite", "invite")] {
            let value = server.init[secret].as_str().unwrap();
            markers.text(name, value.rsplit_once('.').map_or(value, |(_, code)| code));
        }
        markers.text("passphrase", "server passphrase for tests");
        let memory = Arc::new(Memory::default());
        let name = markers.text("alice's name", "Alizvexku Qolumiprat");
        let (alice, workspace) = person(&written.path().join("alice"), &memory, server.owner_invite(), &name).await;
        alice.connect(workspace, PATIENCE).await.unwrap();
        markers.text("password", "correct horse battery");
        let mut bob = Cli::with_passphrase();
        bob.env = vec![
            ("TMPDIR".into(), temporary.display().to_string()),
            ("THECHATAPP_LOG".into(), "trace".into()),
            ("XDG_STATE_HOME".into(), written.path().join("state").display().to_string()),
        ];
        Self { server, written, inputs, markers, alice: Some((alice, workspace)), bob, lines }
    }

    fn word(&mut self, name: &str) -> String {
        let word = format!("Vexku{}Qolumi", name.replace([' ', '\''], ""));
        self.markers.text(name, &word)
    }

    /// A command of bob's, whose standard error is a log.
    fn bob(&mut self, args: &[&str]) -> String {
        let outcome = self.bob.run(args).ok();
        self.lines.write_all(outcome.stderr.as_bytes()).unwrap();
        outcome.stdout
    }

    /// A file to be put in.
    fn input(&mut self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.inputs.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// What alice's device does, with its own cache and outbox.
    async fn of_alice(&mut self) -> ChannelId {
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
    fn of_bob(&mut self) {
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
    async fn of_reports(&mut self) {
        let (alice, ws) = self.alice.take().unwrap();
        let bob = alice.resolve_person(ws, "Bobvexku Qolumitrud").await.unwrap();
        let report = alice.report_person(ws, bob, &self.word("report of a person")).await.unwrap();
        let dismissed = thechatapp_core::moderation::Outcome::Dismissed;
        alice.close_report(ws, report, dismissed, &self.word("note of a report")).await.unwrap();
        assert_eq!(alice.reports(ws, true).await.unwrap().len(), 1, "not the one about what she wrote");
        self.alice = Some((alice, ws));
    }

    /// Every other method, asked for directly; and what is none of ours.
    async fn of_somebody(&mut self, general: ChannelId) {
        let (invite, name) = (self.server.invite(), self.markers.text("eve's name", "Evevexku Qolumisnel"));
        let mut eve = RawClient::join(&self.server, &invite, &name).await;
        let me = eve.call::<WhoAmI>(&Nothing {}).await.unwrap();
        let board = new_channel();
        let kind = ChannelKind::Private;
        let create = CreateChannelParams { id: board, name: self.word("eve's channel"), kind };
        eve.call::<CreateChannel>(&create).await.unwrap();
        let page = HistoryParams { channel: general, before: None, after: None, limit: 100 };
        let page = eve.call::<History>(&page).await.unwrap();
        let other = page.messages.iter().map(|message| message.author).find(|author| *author != me.person.id).unwrap();
        eve.call::<AddMember>(&AddMemberParams { channel: board, person: other }).await.unwrap();
        eve.call::<RemoveMember>(&RemoveMemberParams { channel: board, person: other }).await.unwrap();
        for kind in [ChannelKind::Public, ChannelKind::Private] {
            eve.call::<SetVisibility>(&SetVisibilityParams { channel: board, kind }).await.unwrap();
        }
        eve.call::<BanMember>(&BanParams { channel: board, person: other }).await.unwrap();
        eve.call::<ListBans>(&InChannel { channel: board }).await.unwrap();
        eve.call::<UnbanMember>(&BanParams { channel: board, person: other }).await.unwrap();
        eve.call::<AddMember>(&AddMemberParams { channel: board, person: other }).await.unwrap();
        eve.call::<OpenDirect>(&OpenDirectParams { people: vec![other] }).await.unwrap();
        eve.call::<SetTopic>(&SetTopicParams { channel: board, topic: self.word("eve's topic") }).await.unwrap();
        let (id, key) = (new_message(), thechatapp_seal::Key::random().unwrap());
        let send =
            |id, text| SendMessageParams { id, channel: board, text, files: Vec::new(), thread: None, after: None };
        let text = self.word("eve's text");
        eve.call::<SendMessage>(&send(id, text)).await.unwrap();
        let edit = EditMessageParams { channel: board, id, text: self.word("eve's edit") };
        eve.call::<EditMessage>(&edit).await.unwrap();
        eve.call::<Edits>(&EditsParams { channel: board, id, from: 0 }).await.unwrap();
        let one = OneMessage { channel: board, id };
        eve.call::<React>(&ReactParams { channel: board, id, emoji: "👍".into(), on: true }).await.unwrap();
        eve.call::<Pin>(&one).await.unwrap();
        eve.call::<Pins>(&PinsParams { channel: board, after: 0 }).await.unwrap();
        eve.call::<Unpin>(&one).await.unwrap();
        eve.call::<Thread>(&ThreadParams { channel: board, id, before: None, after: None, limit: 10 }).await.unwrap();
        eve.call::<MarkRead>(&MarkReadParams { channel: board, seq: 1 }).await.unwrap();
        let text = self.word("eve's draft");
        let put = PutDraftParams { channel: board, thread: Some(id), text, base: 0, token: 1 };
        eve.call::<PutDraft>(&put).await.unwrap();
        eve.call::<Search>(&SearchParams { words: self.word("eve's search"), ..Default::default() }).await.unwrap();
        eve.call::<Save>(&SaveParams { channel: board, id, note: Some(self.word("eve's note")) }).await.unwrap();
        eve.call::<ListSaved>(&ListSavedParams { before: None, limit: 10 }).await.unwrap();
        eve.call::<Unsave>(&one).await.unwrap();
        let (poll, options) = (new_message(), vec![self.word("eve's option"), "b".to_owned()]);
        let question = self.word("eve's question");
        let ask = CreatePollParams { id: poll, channel: board, question, options, multiple: false };
        eve.call::<CreatePoll>(&ask).await.unwrap();
        eve.call::<CastVote>(&CastVoteParams { channel: board, id: poll, choices: vec![0] }).await.unwrap();
        eve.call::<ClosePoll>(&OneMessage { channel: board, id: poll }).await.unwrap();

        // A file of hers, under a token whose requests nobody has signed.
        let (file, media_type) = (FileId::from_parts(wire::millis(), &random()), "text/plain".to_owned());
        let begin = BeginUploadParams {
            file,
            channel: board,
            name: format!("{}.txt", self.word("eve's file")),
            media_type,
            size: 5,
        };
        let grant = eve.call::<BeginUpload>(&begin).await.unwrap();
        self.markers.bytes("a token", &grant.token.token);
        self.markers.bytes("a file's key", key.expose());
        let token = data_encoding::BASE64URL_NOPAD.encode(&grant.token.token);
        for proof in [&token, "", "no proof at all"] {
            let mut stream = wire::tls(self.server.port).await;
            let head = format!(
                "PATCH {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{TOKEN_HEADER}: {token}\r\n{PROOF_HEADER}: {proof}\r\nContent-Length: 0\r\n\r\n",
                file_path("acme", file)
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            assert!(answer.starts_with(b"HTTP/1.1 404"), "{}", String::from_utf8_lossy(&answer));
        }
        let finish = FinishUploadParams { channel: board, file, key: FileKey(key.expose().to_vec()) };
        eve.call::<FinishUpload>(&finish).await.unwrap_err();
        eve.call::<OpenFile>(&OpenFileParams { channel: board, file, part: false }).await.unwrap_err();
        // Refusals carry words that come back to their author alone.
        eve.call::<CreateChannel>(&CreateChannelParams {
            id: new_channel(),
            name: self.word("a refused / name"),
            kind,
        })
        .await
        .unwrap_err();
        eve.call::<SetTopic>(&SetTopicParams { channel: new_channel(), topic: self.word("a refused topic") })
            .await
            .unwrap_err();
        eve.call::<DeleteMessage>(&one).await.unwrap();
        eve.call::<ListDevices>(&Nothing {}).await.unwrap();
        eve.call::<JoinChannel>(&InChannel { channel: general }).await.unwrap();
        eve.call::<LeaveChannel>(&InChannel { channel: general }).await.unwrap();
        eve.call::<SignOut>(&Nothing {}).await.unwrap();
        // Words in addresses and heads, by somebody who knows no better.
        for path in [format!("/join/{}", self.word("a path")), format!("/identity?pin={}", self.word("a query"))] {
            wire::get(self.server.port, &path).await;
        }
    }

    /// What alice, who owns the workspace, does about who may do what.
    async fn of_an_owner(&mut self, general: ChannelId) {
        let (alice, ws) = self.alice.take().unwrap();
        let bob = self.markers.text("bob's name", "Bobvexku Qolumitrud");
        let whom = Whom::Person(bob.clone());
        let role = self.word("role");
        alice.create_role(ws, &role, &["audit".to_owned()]).await.unwrap();
        let renamed = self.word("renamed role");
        alice.change_role(ws, &role, Some(&renamed), Some(&["analytics".to_owned()])).await.unwrap();
        let (slug, name) = (self.word("slug").to_lowercase(), self.word("group"));
        let inner = self.word("inner slug").to_lowercase();
        alice.create_group(ws, &slug, &name, "public").await.unwrap();
        alice.create_group(ws, &inner, &name, "hidden").await.unwrap();
        let later = self.word("later group");
        alice.change_group(ws, &slug, None, Some(&later), Some("private")).await.unwrap();
        alice.set_in_group(ws, &slug, &Whom::Group(inner.clone()), false, true).await.unwrap();
        alice.set_in_group(ws, &inner, &whom, false, true).await.unwrap();
        alice.set_in_group(ws, &slug, &whom, true, true).await.unwrap();
        assert_eq!(alice.group_members(ws, &slug).await.unwrap().people, std::slice::from_ref(&bob));
        alice.grant_role(ws, &renamed, &Whom::Group(slug.clone()), Some(&slug), true).await.unwrap();
        alice.grant_role(ws, &renamed, &whom, None, true).await.unwrap();
        assert_eq!(alice.roles(ws).await.unwrap()[0].grants.len(), 2);
        alice.grant_role(ws, &renamed, &whom, None, false).await.unwrap();
        let mine = alice.create_channel(ws, &self.word("linked channel"), true).await.unwrap().id;
        alice.link_group(ws, &slug, mine, true).await.unwrap();
        alice.link_group(ws, &slug, mine, false).await.unwrap();
        alice.set_moderator(ws, general, &bob, true).await.unwrap();
        alice.set_rank(ws, &bob, "guest").await.unwrap();
        alice.set_rank(ws, &bob, "member").await.unwrap();
        alice.set_in_group(ws, &inner, &whom, false, false).await.unwrap();
        alice.delete_group(ws, &inner).await.unwrap();
        let gone = self.word("deleted role");
        alice.create_role(ws, &gone, &[]).await.unwrap();
        alice.delete_role(ws, &gone).await.unwrap();
        self.alice = Some((alice, ws));
    }

    /// What somebody does in a browser.
    async fn in_a_browser(&mut self, general: ChannelId) {
        let person = self.markers.text("carol's name", "Carolvexku Qolumifrisk");
        RawClient::join(&self.server, &self.server.invite(), &person).await;
        let (file, files) =
            (FileId::from_parts(wire::millis(), &random()), format!("/w/acme/channels/{general}/files"));
        let content = picture();
        self.markers.text("a picture's comment", "VexkuCommentQolumi");
        let (name, text) = (format!("{}.png", self.word("carol's file")), self.word("carol's text"));
        let tab = Tab::sign_in(&self.server, &person).await;
        self.markers.text("a cookie", tab.cookie.split_once('=').unwrap().1);
        let whole = format!("{files}/{file}");
        let new = serde_json::json!({
            "file": file, "name": name, "type": "image/png", "size": content.len()
        });
        let said = serde_json::json!({
            "id": new_message(), "channel": general, "text": text, "files": [file], "thread": null
        });
        for (method, path, more, body) in [
            ("POST", files.as_str(), "", new.to_string().as_bytes()),
            ("PATCH", &whole, "Upload-Offset: 0\r\n", &content),
            ("POST", &whole, "", b""),
            ("POST", "/w/acme/api/v1/messages.send", "", said.to_string().as_bytes()),
            ("GET", &whole, "", b""),
        ] {
            let (head, _) = tab.call(method, path, more, body).await;
            assert!(head.starts_with("HTTP/1.1 20"), "{method} {path}: {head}");
        }
        // Its thumbnail follows, drawn by another process.
        let thumbnail = format!("{whole}/thumb");
        tokio::time::timeout(PATIENCE, async {
            while !tab.call("GET", &thumbnail, "", b"").await.0.starts_with("HTTP/1.1 200") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("a picture gets a thumbnail");
    }

    /// What an administrator does.
    fn of_the_host(&mut self) {
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
        self.server.bare(&[&["backup", "verify", "--scratch", &scratch], &backup[..]].concat());
        // From the next start on.
        self.server.env.push(("THECHATAPP_KEY_KMS".into(), local));
        std::fs::copy(passphrase, self.server.passphrase_file()).unwrap();
    }

    /// Where what must not be is. The passphrase's own file is one that an administrator wrote.
    fn found(&self) -> Vec<String> {
        let folders = [self.server.folder.path(), self.written.path(), &self.bob.profile()];
        let mut found = self.markers.found_below(&folders);
        let input = self.server.passphrase_file().display().to_string();
        found.retain(|place| !place.starts_with(&input));
        found.extend(
            self.markers.found_in(&self.lines.0.lock().unwrap()).into_iter().map(|name| format!("a log: {name}")),
        );
        found.into_iter().collect()
    }
}

/// A picture of four red dots, with a comment.
fn picture() -> Vec<u8> {
    data_encoding::BASE64
        .decode(b"iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAGnRFWHRDb21tZW50AFZleGt1Q29tbWVudFFvbHVtaY/ETk8AAAAQSURBVHicY/jPwABEDBAKAB/uA/2LXxTUAAAAAElFTkSuQmCC")
        .unwrap()
}

fn random() -> [u8; 10] {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

fn new_message() -> MessageId {
    MessageId::from_parts(wire::millis(), &random())
}

fn new_channel() -> ChannelId {
    ChannelId::from_parts(wire::millis(), &random())
}

/// Methods that were never called, or never with success.
async fn unused(server: &Server) -> Vec<&'static str> {
    let config = std::fs::read_to_string(server.config.as_ref().unwrap()).unwrap();
    let address = config.split('"').find(|part| part.starts_with("127.0.0.1:")).unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    macro_rules! names {
        ($($method:ty),+ $(,)?) => { [$(<$method as Method>::NAME),+] };
    }
    let used = |method: &str| {
        let answered = format!("thechatapp_calls_total{{code=\"ok\",method=\"{method}\"}} ");
        page.lines().any(|line| line.strip_prefix(answered.as_str()).is_some_and(|count| count != "0"))
    };
    for_each_method!(names).into_iter().filter(|method| !used(method)).collect()
}

async fn run(json: bool) {
    let mut run = Run::new(json).await;
    let general = run.of_alice().await;
    run.of_bob();
    run.of_reports().await;
    run.of_somebody(general).await;
    run.of_an_owner(general).await;
    run.in_a_browser(general).await;
    run.of_accounts().await;
    assert_eq!(unused(&run.server).await, Vec::<&str>::new(), "this run does not use a method");
    let (log, level) = (run.server.log(), if json { "\"level\":\"TRACE\"" } else { "TRACE" });
    assert!(log.contains(level) && log.len() > 100_000, "it is at its most talkative");
    assert!(run.lines.0.lock().unwrap().len() > 100_000, "and so are devices");
    assert_eq!(run.found(), Vec::<String>::new(), "while everything runs");
    run.of_the_host();
    assert_eq!(run.found(), Vec::<String>::new(), "after what administrators do");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", run.server.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "no core dumps: {core}");
    run.server.kill();
    assert_eq!(run.found(), Vec::<String>::new(), "after the server was killed");
    run.server.serve();
    assert_eq!(run.server.stop(), Some(0));
    let (alice, _) = run.alice.take().unwrap();
    alice.close().await.unwrap();
    assert_eq!(run.found(), Vec::<String>::new(), "after everything has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_people_write_is_written_down_in_plain() {
    run(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_is_it_where_logs_are_for_machines() {
    run(true).await;
}

#[test]
fn the_search_would_find_each_form() {
    let (folder, mut markers) = (tempfile::tempdir().unwrap(), Markers::default());
    let word = markers.text("a word", "VexkuWordQolumi");
    let wide: Vec<u8> = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let base64 = |skip: usize| data_encoding::BASE64.encode(format!("{}{word} and more", "x".repeat(skip)).as_bytes());
    let forms: Vec<(&str, Vec<u8>)> = vec![
        ("plain", format!("before {word} after").into_bytes()),
        ("small", word.to_lowercase().into_bytes()),
        ("wide", wide),
        ("hex", data_encoding::HEXLOWER.encode(word.as_bytes()).into_bytes()),
        ("base64", base64(0).into_bytes()),
        ("base64 one on", base64(1).into_bytes()),
        ("base64 two on", base64(2).into_bytes()),
        ("numbers", format!("{:?}", word.as_bytes()).into_bytes()),
    ];
    for (name, bytes) in &forms {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    std::fs::write(folder.path().join(format!("{word}.txt")), "").unwrap();
    std::fs::write(folder.path().join("another"), "VexkuAnotherQolumi").unwrap();
    assert_eq!(markers.found_below(&[folder.path()]).len(), forms.len() + 1);
    let found: &Path = folder.path();
    assert_eq!(files_below(found).len(), forms.len() + 2);
}
